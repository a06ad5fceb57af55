"""Targets that are programs on this machine: CPython and MicroPython's unix port."""
import functools
import os
import select
import subprocess
import sys

from here import DEVICE, ROOT, SHIMS

from .report import Report

MODULES = ROOT / "modules"


class Program:
    """Runs a module's tests in a fresh process. find: returns the interpreter and its options, and may build it."""

    def __init__(self, find, **env):
        self._find = find
        self._env = dict(os.environ, **env)

    def run(self, job):
        """Results by test name."""
        report = Report(job.names)
        code = "import runner; runner.main(%r, %r, %r)" % (job.module, job.mode, list(job.names))
        try:
            status = self.execute([*self._options(job), "-c", code], job.directory, job.quiet, report.feed, self._environment(job))
        except TimeoutError as e:
            return report.finish(str(e))
        return report.finish("the program ended with status %d" % status)

    def _options(self, job):
        return []

    def _environment(self, job):
        return self._env

    def execute(self, arguments, directory, quiet, consume, env=None):
        """Run the interpreter in directory; consume gets each line of its output. Returns its exit status."""
        with subprocess.Popen(self._find() + arguments, cwd=directory, env=env or self._env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                for line in _lines(process.stdout, quiet):
                    consume(line)
            except BaseException:
                process.kill()
                raise
        return process.returncode

    def close(self):
        pass


class Unix(Program):
    """MicroPython's unix port, with unosql frozen in; source: with modules/ as it is now instead, as for tests that change code.

    A binary of one's own may be named by the environment: MICROPY_UNIX, MICROPY_UNIX32."""

    def __init__(self, bits, source):
        path = ":".join((str(DEVICE), ".frozen"))
        self._sources = {"MICROPYPATH": "%s:%s" % (MODULES, path)}
        given = os.environ.get("MICROPY_UNIX32" if bits == 32 else "MICROPY_UNIX")
        super().__init__(lambda: [given or _build(bits)], **(self._sources if source else {"MICROPYPATH": path}))
        self._bits = bits

    def _environment(self, job):
        return dict(self._env, **self._sources) if job.changes_code else self._env

    def _options(self, job):
        """A heap of which FREE_HEAP bytes are free when the tests start; twice as many where words have 64 bits."""
        if not job.free_heap:
            return []
        output = []
        if self.execute(["-c", "import runner; runner.print_heap_used(%r)" % job.module],
                        job.directory, job.quiet, output.append):
            return []  # what is wrong with the module the tests themselves show
        wanted = int(output[-1]) + job.free_heap * self._bits // 32
        return ["-X", "heapsize=%d" % (wanted + wanted * 3 // 128)]  # of each 16 bytes the collector's tables take 3 bits


def _lines(stream, quiet):
    """The lines of stream as they come; TimeoutError after quiet seconds of silence."""
    rest = b""
    while True:
        if not select.select([stream], [], [], quiet)[0]:
            raise TimeoutError("no output for %d s" % quiet)
        data = os.read(stream.fileno(), 65536)
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")
        if not data:
            if rest:
                yield rest.decode(errors="replace")
            return


def host():
    """This CPython, with stand-ins for the modules that only MicroPython has."""
    path = os.pathsep.join(map(str, (DEVICE, SHIMS, MODULES)))
    return Program(lambda: [sys.executable], PYTHONPATH=path)


@functools.cache
def _build(bits):
    from firmware import targets

    return str(targets.unix(bits))
