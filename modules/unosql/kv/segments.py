"""The files of segments: their numbers, and how they are made, opened and removed."""

from .. import heap
from .buffers import Buffers
from .reader import Reader
from .segment import Segment, file_aad
from .writer import Writer


class Segments:
    """storage: files.Files, flash.Flash or one like them. buffers: of all that reads and writes blocks.

    space: the room on the medium, which hears of every file here. reader: of blocks, once unlock() has its key.
    next_number: above every number ever used. obsolete: numbers of files that no version names and that could not be
    removed yet.
    """

    def __init__(self, storage, block, space):
        self.storage = storage
        self.space = space
        self.buffers = Buffers(block)
        self.reader = None
        self.next_number = 1
        self.obsolete = []

    def unlock(self, envelope, cache):
        """Read and write with this envelope from now on; return the Reader before. cache: blocks that stay decoded."""
        before, self.reader = self.reader, Reader(self.storage, envelope, cache, self.buffers)
        return before

    def lock(self):
        """Forget the key, and all that was read with it."""
        if self.reader:
            self.reader.forget()
        self.reader = None

    def create(self, entries=0):
        """Return (number, Writer) of a new segment. entries: for level 0, how many it will hold."""
        number = self.next_number
        self.next_number += 1
        buffers = self.buffers
        sink = self.storage.create(number)
        block = buffers.half if entries else buffers.block
        try:
            return number, Writer(sink, self.reader.envelope, file_aad(number), buffers, 0, block, entries)
        except BaseException:
            self.give_up(number, sink.abort)
            raise

    def give_up(self, number, remove):
        """Remove a file that came to nothing; should that fail, the next version's installation does it."""
        self.space.wrote(0)
        try:
            remove()
        except BaseException:
            self.obsolete.append(number)
            raise

    def open(self, number, floor=None):
        """Return the Segment of a finished file."""
        heap.tidy(4)  # it stays, and there are dozens
        return Segment(self.reader, number, None, floor)

    def written(self, number):
        """The same of a file that no version names yet: when it can't be opened it is removed."""
        try:
            segment = self.open(number)
        except BaseException:
            self.give_up(number, lambda: self.storage.remove(number))
            raise
        self.space.wrote(segment.size)
        return segment

    def remove(self, numbers):
        """Remove files that no version names, and forget what is cached of them."""
        for number in numbers:
            self.space.wrote(0)
            self.reader.forget(number)
            self.storage.remove(number)

    def take_obsolete(self, first=0):
        """Return the numbers of obsolete files from `first` on, whose removal is now the caller's."""
        taken, left = [], []
        for number in self.obsolete:
            (taken if number >= first else left).append(number)
        self.obsolete = left
        return taken

    def discard(self, version, current):
        """Remove the files of a version that was refused, but for those that the current one names."""
        named = [segment.number for segment in current.segments()]
        self.remove([segment.number for segment in version.segments() if segment.number not in named])

    def free_caches(self):
        """Give up cached blocks and idle buffers; return whether there were any."""
        return self.reader.forget() | self.buffers.drop()
