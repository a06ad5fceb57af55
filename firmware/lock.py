"""One builder at a time: tests, make and a second terminal may all ask for the firmware."""
import contextlib
import fcntl

from .paths import BUILD, shown
from .progress import Failure, say


@contextlib.contextmanager
def building():
    """Wait for any other build in this work tree to end. Not reentrant."""
    with opened() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another build in this work tree ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def opened():
    """The file that builders lock. Failure when build/ cannot be made or written."""
    try:
        BUILD.mkdir(exist_ok=True)
        return open(BUILD / ".lock", "w")
    except OSError as error:
        raise Failure("%s is no folder that can be written (%s); remove it, or if root made it: sudo chown -R $USER build" % (
            shown(BUILD), error.strerror)) from None
