"""The log file of a database: one line per event, in two files of bounded size."""

import os
import time

# Bytes that the log leaves free on its filesystem.
_SPARE = 32768


class Logger:
    """Appends to path; at `size` bytes the file becomes path + ".1", in the place of an older one.

    What can't be written is lost without an error: a full flash must not stop the database, nor the log fill it up.
    """

    def __init__(self, path, size):
        self._path = path
        self._size = size

    def write(self, level, message):
        """Write a line of "YYYY-MM-DD hh:mm:ss LEVEL message"."""
        stamp = "%04d-%02d-%02d %02d:%02d:%02d" % tuple(time.localtime()[:6])
        try:
            if self._has_room():
                self._append("%s %s %s\n" % (stamp, level, message))
        except OSError:
            pass

    def _append(self, line):
        with open(self._path, "a") as file:
            file.write(line)
            size = file.tell()
        if size >= self._size:
            self._rotate()

    def _has_room(self):
        """Whether what is free is more than a database on the same filesystem may want for removing something."""
        if not hasattr(os, "statvfs"):
            return True
        stat = os.statvfs(self._path[: self._path.rfind("/") + 1] or ".")
        return stat[1] * stat[4] >= _SPARE

    def _rotate(self):
        try:
            os.remove(self._path + ".1")  # FAT does not rename over a file
        except OSError:
            pass
        os.rename(self._path, self._path + ".1")
