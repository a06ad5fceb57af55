"""One builder at a time: tests, make and a second terminal may all ask for the firmware."""
import contextlib
import fcntl

from .paths import BUILD
from .progress import say


@contextlib.contextmanager
def building():
    """Wait for any other build in this work tree to end. Not reentrant."""
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another build in this work tree ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
