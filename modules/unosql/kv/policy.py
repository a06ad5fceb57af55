"""What the size of the memtable, which suits that of the heap, says of everything else."""

# Bytes of a block before compression.
_BLOCK = 1024
# Bytes of a memtable that goes with a small heap.
_SMALL = 2048
# Output blocks that each write adds to the compaction at hand.
STEP = 2
# With `buffered`, or in bursts, a flush stands for this many writes.
FLUSH = 32 * STEP


class Policy:
    """block: bytes of a block before compression. cache: blocks that stay decoded. buffered: writes are durable only when the
    memtable is flushed. bursts: compaction keeps nothing in RAM from one write to the next: it works after flushes, in the
    memtable's memory. trigger: level-0 segments that start a merge; twice as many as a full segment of level 1 has erase blocks, which is
    about what such a merge brings of one kind of keys. limit: level-0 segments that make a write wait for a merge."""

    def __init__(self, memtable, cache):
        self.bursts = memtable <= _SMALL
        self.block, self.cache, self.trigger, self.limit = (_BLOCK // 2, 1, 4, 8) if self.bursts else (_BLOCK, cache, 8, 12)
        self.buffered = False
