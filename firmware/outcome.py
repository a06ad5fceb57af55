"""How a command ends: a status for the shell, and one line on whatever went wrong, never a traceback.

UNOSQL_TRACEBACK=1 shows where something unforeseen happened.
"""
import os
import signal
import subprocess
import sys

from .paths import BUILD
from .progress import Failure, say

_ENDS = (signal.SIGTERM, signal.SIGHUP)


def status_of(command, *arguments):
    """Call command; the status for sys.exit(): what it returns, 1 after an error, 130 after Ctrl-C."""
    for number in _ENDS:  # what has to be undone is undone: boards stop, their flash goes
        signal.signal(number, _leave)
    try:
        status = command(*arguments)
        if sys.stdout:
            sys.stdout.flush()
        return status or 0
    except KeyboardInterrupt:
        say_nothing_more()
        return 128 + signal.SIGINT
    except BrokenPipeError:  # `| head` has seen enough
        say_nothing_more()
        return 0
    except Exception as error:
        line = line_on(error)
        say_nothing_more()  # what was printed comes before the error
        say("error: " + line)
        return 1


def _leave(number, frame):
    for other in _ENDS:  # `timeout` sends one to make and to us, and make sends us its own
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def say_nothing_more():
    """Where what is still to be printed fails, it would fail again when Python ends."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def line_on(error):
    """One line: what is wrong and what to do."""
    if isinstance(error, Failure):
        return str(error)
    if isinstance(error, OSError):
        return _line_on_file(error)
    if isinstance(error, subprocess.CalledProcessError):
        command = error.cmd if isinstance(error.cmd, str) else " ".join(map(str, error.cmd[:4]))
        return "`%s` failed with status %d" % (command, error.returncode)
    if isinstance(error, EOFError):
        return "no answer: the input has ended"
    if isinstance(error, RecursionError):
        return "the input is too deeply nested"
    if isinstance(error, MemoryError):
        return "this machine has not enough memory for that"
    if type(error).__module__ in ("sqlite3", "_csv"):
        return str(error)
    if os.environ.get("UNOSQL_TRACEBACK"):
        raise error
    return "%s: %s; this was not foreseen, tell us (UNOSQL_TRACEBACK=1 shows where)" % (
        type(error).__name__, " ".join(str(error).split()) or "no message")


def _line_on_file(error):
    what = error.strerror or str(error)
    if not error.filename:
        return what
    name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else str(error.filename)
    if isinstance(error, PermissionError) and str(BUILD) in name:
        return "%s: %s; if root made it: sudo chown -R $USER build" % (name, what)
    return "%s: %s" % (name, what)
