"""What the user sees: a line per step, and one clear line when something is wrong."""
import sys
import time


class Failure(Exception):
    """The user can do something about this; the message is one line that says what."""


def say(text):
    _write("unosql: " + text + "\n")


def _write(text):
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass  # nobody is there to read it


class Step:
    """`with Step("building mpy-cross") as step: step.detail("py/gc.c")`

    On a terminal the line is redrawn with the detail and the time so far; in a log it
    is printed at the start and at the end.
    """

    def __init__(self, text):
        self.text = text
        self._started = time.monotonic()
        self._live = bool(sys.stderr) and sys.stderr.isatty()
        self._drawn = 0.0

    def __enter__(self):
        if not self._live:
            say(self.text + " ...")
        return self

    def detail(self, text):
        now = time.monotonic()
        if self._live and now - self._drawn > 0.1:
            self._drawn = now
            self._draw("%s ... %.0f s  %s" % (self.text, now - self._started, text), "")

    def __exit__(self, kind, value, traceback):
        if kind is None:
            seconds = time.monotonic() - self._started
            self._draw("%s: %.1f s" % (self.text, seconds), "\n")
        elif self._live:
            _write("\n")

    def _draw(self, text, end):
        start = "\r\x1b[K" if self._live else ""
        _write((start + "unosql: " + text)[:110 + len(start)] + end)
