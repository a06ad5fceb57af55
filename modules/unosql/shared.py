"""What all databases of this process share. As state.py it stays in RAM."""

from .locks import FOREVER, Lock

databases = {}  # by what they are stored on: all handles in this process share one Database
opening = Lock(None, FOREVER, "opening")  # opening, closing and destroying databases, one at a time
taking = Lock(None, FOREVER, "flash")  # of erase blocks: databases on one flash do not see each other's
posting = Lock(None, FOREVER)  # of queues of post(), between threads
claimed = []  # erase blocks that are being taken and have no header yet
