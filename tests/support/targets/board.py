"""Targets that are boards, reached through mpremote: the emulated one and those attached by a serial port."""
from here import DEVICE, ROOT
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from .report import Report

FOLDER = "/tests"  # on the board's filesystem
TWINS = {"test_sealed": [ROOT / "modules" / "unosql" / "kv" / "crypto.py"]}  # images of boards have these in C only


class Attached:
    """A board on a serial port, with unosql in its firmware."""

    def __init__(self, port):
        self.port = port

    def run(self, job):
        """Results by test name."""
        report = Report(job.names)
        try:
            with Connection(self.port) as connection:
                own = [DEVICE / (name + ".py") for name in ("runner", "nor", "ram", "wire", job.module)]
                connection.upload(*own, *TWINS.get(job.module, ()))
                connection.run_tests(job, report)
        except (TransportError, OSError) as e:
            self.recover()
            return report.finish("the connection failed: %s" % e)
        return report.finish("the board stopped running tests")

    def recover(self):
        """After a hang: the next connection interrupts what runs."""

    def close(self):
        pass


class Emulated(Attached):
    """The emulated board, on a flash image of its own; started when first used, restarted when it hangs."""

    def __init__(self):
        self._emulator = None

    @property
    def port(self):
        if self._emulator is None:
            from firmware.emulator import Emulator

            self._emulator = Emulator()
            self._emulator.start()
        return self._emulator.port

    def close(self):
        if self._emulator is not None:
            self._emulator.close()
            self._emulator = None

    recover = close


class Connection:
    """A raw REPL on a freshly reset interpreter."""

    def __init__(self, port):
        self._transport = SerialTransport(port, timeout=1)

    def __enter__(self):
        self._transport.enter_raw_repl(soft_reset=True)
        return self

    def __exit__(self, *exc):
        self._transport.close()

    def upload(self, *files):
        if not self._transport.fs_exists(FOLDER):
            self._transport.fs_mkdir(FOLDER)
        for file in files:
            self._transport.fs_writefile("%s/%s" % (FOLDER, file.name), file.read_bytes(), chunk_size=1024)

    def run_tests(self, job, report):
        code = "import sys; sys.path.insert(0, %r); import runner; runner.main(%r, %r, %r, '/')" % (
            FOLDER, job.module, job.mode, list(job.names))
        line = bytearray()

        def consume(byte):
            line.extend(byte.replace(b"\x04", b""))
            if line.endswith(b"\n"):
                report.feed(line.decode(errors="replace"))
                line.clear()

        _, error = self._transport.exec_raw(code, timeout=job.quiet, data_consumer=consume)
        for text in error.decode(errors="replace").splitlines():
            report.feed(text)
