"""Keys of the store: tuples encoded so that their bytes sort as their parts do.

A key is one letter for its kind, then numbers as varints; keys of an index hold JSON values as well (ordering.py).
"""

from ..codec import pack_uint
from ..native import native
from .text import escaped, unescaped

# The catalogue sorts last, next to the changes: written at each flush, it is merged with what is merged anyway.
# So are the names of collections by their numbers, which grow at their end too.
HISTORY, INDEX, RECORD, CHANGE, NAME, PROMISE, CATALOG = b"H", b"I", b"R", b"S", b"T", b"V", b"Z"
# Ends the key of a name: to versions that do not know the kind it is a record which lives as long as its collection.
_LIVE = (1 << 32) - 1


def make(kind, *numbers):
    """Return the key of a kind (one byte) and numbers (0 <= n < 2**64)."""
    return kind + b"".join(map(pack_uint, numbers))


def name(number):
    """Return the key of the name of the collection with a number."""
    return make(NAME, number, _LIVE)


def collection(name):
    """Return the key of a collection's entry, by its name as named() tells it."""
    data = name.encode()
    if b"\xef\xbf\xbd" in data:  # U+FFFD
        data = unescaped(data)
    return CATALOG + data


def named(data):
    """Return the name of a collection that is stored; of what is not UTF-8, from an earlier version, see text.escaped()."""
    if native.is_ascii(data):
        return data.decode()
    return escaped(data)


def parse(key, i=1):
    """Return the first two numbers of a key, or of the bytes from i on."""
    return native.unpack_uint(key, i, 2)[:2]


def above(prefix):
    """Return the smallest key above all that start with prefix."""
    end = len(prefix)
    while prefix[end - 1] == 255:
        end -= 1
    return prefix[: end - 1] + bytes((prefix[end - 1] + 1,))
