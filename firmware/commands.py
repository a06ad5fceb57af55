"""Runs other programs, or only says what it would run (--dry-run)."""
import shlex
import subprocess

from .progress import Failure

TAIL = 3  # lines of a failed program's output that go into the message


class Commands:
    """dry: print each command, as a shell would take it, and run none."""

    def __init__(self, dry=False):
        self.dry = dry

    def run(self, *command, cwd=None, environment=None, quiet=False):
        """What the program prints. quiet: do not show it. Failure when it fails; "" when dry."""
        command = [str(word) for word in command]
        if self.dry:
            print((("cd %s && " % shlex.quote(str(cwd))) if cwd else "") + shlex.join(command))
            return ""
        try:
            return self._run(command, cwd, environment, quiet)
        except FileNotFoundError:
            raise Failure("%s is not installed" % command[0]) from None

    def _run(self, command, cwd, environment, quiet):
        lines = []
        with subprocess.Popen(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace") as process:
            try:
                for line in process.stdout:
                    lines.append(line)
                    if not quiet:
                        print(line, end="", flush=True)
            except BaseException:
                process.terminate()
                raise
        if process.returncode:
            tail = " / ".join(line.strip() for line in lines[-TAIL:]) or "no output"
            raise CommandFailed(command, "".join(lines), tail)
        return "".join(lines)


class CommandFailed(Failure):
    """output: all that the program printed."""

    def __init__(self, command, output, tail):
        super().__init__("`%s` failed: %s" % (shlex.join(command[:4]), tail))
        self.output = output
