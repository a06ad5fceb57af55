"""Why a missed budget is missed, and what would meet it: words, with figures from the same results."""
from .tables import OURS, number, shares_of


def _frozen(results):
    (bytecode, tables), (mpy,) = results["frozen"]["image"], results["frozen"]["mpy"]
    return ("Bytecode is %s bytes and tables of names and constants %s; as .mpy files the modules have %s. "
            "Meeting it takes moving what few boards use (backup, rekey, verify, history) out of the default image, or fewer, longer functions: "
            "each function has a table of its own." % (number(bytecode), number(tables), number(mpy)))


def _import(results):
    return "Importing makes a class, its methods and the errors: fewer methods in core, or errors made when first raised."


def _heap(results):
    heap = results["heap"]
    return ("Measured from a script that does nothing (%d KiB) to one that inserts, looks up, updates, deletes and scans, modules of unosql loaded included: "
            "a loaded frozen module keeps its functions and names on the heap. Of the rest the memtable, the blocks of a compaction (one buffer a source), "
            "the deflate window and one entry a segment are the largest. What would meet it: fewer and larger modules with fewer functions, "
            "segments opened when they are used instead of all at once, merges of two sources at a time, or the modules counted apart from the working set."
            % heap["nothing"])


def _insert(name):
    def explain(results):
        shares = shares_of(results, name + ", plain")
        spent = ", ".join("%s %s B and %s erases" % (part, number(a), number(b)) for part, (a, b) in shares.items())
        return ("At the most records, plain, an insert's share is: %s. The part that compaction takes grows with the depth of the tree, the others do not. "
                "What would meet it: larger flushes (a larger memtable and a longer WAL, see the memtable table), "
                "a larger fan-out or fewer levels, moving whole segments of appended records down unmerged, fewer manifest commits per compaction; "
                "on flash, a segment that ends within an erase block leaves the rest of it unused: sizes that fill blocks erase less." % spent)
    return explain


def _flat(results):
    return ("A tree of few records has one level and no compaction; each level adds its share of rewriting, until the last level is reached. "
            "The growth is bounded by the number of levels: see the table of shares.")


def _lookup(results):
    last = results["flash"]["costs"][OURS][str(results["sizes"][-1])]
    return ("A lookup by id took %s block reads in the mean and one by index %s, which is two lookups: the index entry, then its record. "
            "In each level that may hold the key it reads the root and a leaf. What would meet it: a Bloom filter in the deeper levels as in level 0, "
            "or the root blocks kept in a cache of their own." % (number(last["get, cold"][3]), number(last["find, cold"][3])))


REASONS = {
    "frozen": _frozen, "import": _import, "heap": _heap, "flat": _flat, "lookup": _lookup,
    "littlefs programmed": _insert("littlefs"), "littlefs erases": _insert("littlefs"),
    "raw flash programmed": _insert("raw flash"), "raw flash erases": _insert("raw flash"),
}
