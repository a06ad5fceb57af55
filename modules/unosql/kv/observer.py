"""What the store tells and asks the layer above it, which is catalog.Catalog."""


class Observer:
    """The defaults do nothing: a store of bytes.

    live: a number that rises by the entries of what is inserted and falls by those of what is removed, about.
    """

    live = 0

    def reload(self):
        """The segments are open, the WAL is not replayed yet: forget what RAM knows."""

    def replay(self, key, value):
        """One operation, in order: of a batch just written or staged, or of the WAL before it is in the memtable."""

    def before_flush(self):
        """Return [(key, value)] in key order to write along with the memtable: what replay() made of the operations."""
        return []

    def flushing(self):
        """The same as (how many at the most, generator), for a flush at once: made one by one they take less RAM."""
        ops = self.before_flush()
        return len(ops), (op for op in ops)

    def flushed(self):
        """The memtable and what before_flush() returned are in segments: durable, or part of the batch at hand, whose draft has them."""

    def crowded(self):
        """Whether what replay() made of the operations takes so much RAM that a flush is due, where one is no matter."""
        return False

    def expand(self, key, value):
        """Return the operation (key, value) that this one implies and the WAL need not hold, or None."""

    def mortal(self):
        """Return what entries compaction may forget, or None: none. A dict, for Merge.run() to look up numbers of collections in: (lowest
        id that is alive, number of an index that is ...). Keys start as those of documents/keys.py.
        """

    def learn(self, key, number):
        """Put a number into that dict, for an entry's key; False: keep the entry. It may read by store.peek(), in the midst of a merge."""
        return False

    def is_dead_range(self, lo, hi):
        """Whether compaction may forget every entry that could be at lo <= key <= hi; False when that is not sure."""
        return False

    def forget_expired(self):
        """Flash is short, or all is about to be merged: write what lets the store forget more; return whether there was anything."""
        return False

    def grows(self, ops):
        """Whether these operations store more than they remove, so that a full medium refuses them."""
        return any(value is not None for _, value in ops)
