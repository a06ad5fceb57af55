"""What a database is stored on: Files in a directory, or Flash without a filesystem. Both keep one contract.

A storage:

    erase               bytes of an erase block, by which segments are sized
    open()              scan the medium; cheap; creates nothing
    exists              after open(): whether the medium holds something of this database
    log(kind)           the Log of a kind: b"w" (WAL) or b"m" (manifest)
    create(n)           a writer of file n: append(buf), close(), which makes it durable, abort(). n is never used again.
                        An append or close that fails has removed the file: StorageFullError, OSError
    readinto(n, offset, buf)    the number of bytes read of file n, or more where that ends; OSError(ENOENT) when it is not there.
                        offset, the length of buf (a memoryview) and its address are multiples of 4
    size(n)             bytes of file n, whose last byte is never 0xFF; OSError(ENOENT)
    remove(n)           durable sooner or later; no error when it is not there
    numbers()           iterator over the numbers of all files there are; the one just yielded may be removed
    free()              bytes that files may still take, an estimate: what the logs need is not in it
    total()             bytes of the whole medium, whoever uses them
    describe(n)         a name for error messages, as "testdb.udb/s000000c"; None: that of the whole database
    destroy()           remove everything of this database
    close()

A Log is an unordered bag of small records, each wholly durable when append() returns:

    name                the database's, as bytes, for the manifest to tell; b"", or nothing at all, where the place tells it
    limit               bytes of the largest record that one append() takes cheaply
    room                how many more records may be appended before reset(), of the WAL
    resume(place, live) once, after open(): go on after the newest record, at place (None: there is none), and overwrite
                        none of the `live` last ones: those of the WAL not flushed, of the manifest 1 or 0
    append(record)      durable on return. StorageFullError: it is not there. OSError: it may be there, so append nothing
                        more before reset() or the next open(). A cut may tear it; the seal within tells
    places()            iterator over the places of records, stale and damaged ones included; if `in_order` from the newest on
    in_order            whether the medium tells in which order records came
    read(place)         the record's bytes
    describe(place)     a name for error messages
    reset()             all records so far are dead; room is full again
    scrub()             the same, and what lies on the medium is removed. Of the manifest only the newest record is live:
                        its append() is a reset() of those before
"""

from .files import Files  # noqa: F401
from .flash import Flash  # noqa: F401
