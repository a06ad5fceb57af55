"""Why a missed budget is missed, and what would meet it: words, with figures from the same results."""
from .tables import OURS, number, shares_of


def _frozen(results):
    (bytecode, tables), (mpy,) = results["frozen"]["image"], results["frozen"]["mpy"]
    return ("All modules together have %s bytes of bytecode and %s of tables of names and constants; as .mpy files %s. Meeting it takes code that is "
            "shorter in C than as bytecode, or fewer, longer functions: each has a table of its own." % (number(bytecode), number(tables), number(mpy)))


def _import(results):
    return "Importing makes a class, its methods and the errors: fewer methods in core, or errors made when first raised."


def _heap(results):
    return ("Measured from a script that does nothing (%d KiB) to one that inserts, looks up, updates, deletes and scans. The code takes 1 KB of it. "
            "The memtable and its places, the blocks of a compaction (one buffer a source), what deflate works in and an entry for each segment are "
            "the largest. What would meet it: merges of two sources at a time, and entries for segments that do not live in objects of their own."
            % results["heap"]["nothing"])


def _heaps(results):
    found = ["%s bytes (%s, %s records)" % (number(size), name, f"{int(n):,}")
             for name, by_n in results["heap"]["failing"].items() for n, (sizes, _) in by_n.items() for size in sizes]
    return ("These do not, though smaller ones do: %s. Where memory runs out within a merge that is being installed, the database is loaded anew. That reads the "
            "headers of a raw flash, and takes 4 bytes a block in one piece: 2 KB of this one of 512 blocks, 512 bytes of an ESP8266's partition. "
            "What would meet it: to read them in the memtable's memory." % "; ".join(found))


def _instructions(results):
    return ("By callgrind's account of commit 268d739, about half of a lookup and three fifths of an insert are the interpreter's: bytecode, names, calls. "
            "A sixth is allocating and collecting, a tenth the locks of the port's threads, which a board without threads lacks; hashing, inflating and "
            "our C are a fifth of a lookup and a twentieth of an insert. Opening unpacks the meta block of each segment into objects. What would meet it: "
            "more of the way between a call and its block in C, from a key through the levels to its entry, and from a record to its operations.")


def _insert(name):
    def explain(results):
        shares = shares_of(results, name + ", plain")
        spent = ", ".join("%s %s B and %s erases" % (part, number(a), number(b)) for part, (a, b) in shares.items())
        return ("At the most records, plain, an insert's share is: %s. Encryption adds some 30 bytes to each record of the WAL. Records that are appended are "
                "merged once and then moved down; entries of an index and what updates replace take part in a merge of each level. "
                "What would meet it: larger flushes (a larger memtable and a longer WAL, see the memtable table), a seal whose IV is its tag (16 bytes less a block), "
                "smaller segments in the deeper levels, which take RAM (docs/DESIGN.md, How many level-0 segments start a merge), fewer manifest commits per "
                "compaction; on flash, a segment that ends within an erase block leaves the rest of it unused: sizes that fill blocks erase less." % spent)
    return explain


def _flat(results):
    return ("A tree of few records has one level and no compaction; each level adds its share of rewriting, until the last level is reached. "
            "The growth is bounded by the number of levels: see the table of shares.")


def _lookup(results):
    last = results["flash"]["costs"][OURS][str(results["sizes"][-1])]
    return ("A lookup by id took %s block reads in the mean and one by index %s, which is two lookups: the index entry, then its record. The roots are in RAM; "
            "each level that may hold the key costs an index block and a leaf. What would meet it: a Bloom filter in the deeper levels as in level 0."
            % (number(last["get, cold"][3]), number(last["find, cold"][3])))


def _reads(results):
    return ("Opening reads the meta block of each segment and all of the WAL; littlefs reads its own metadata again for each file it opens. "
            "What would meet it: meta blocks in the manifest, and one file for many segments.")


REASONS = {
    "frozen": _frozen, "import": _import, "heap": _heap, "heaps": _heaps, "flat": _flat, "lookup": _lookup, "reads": _reads,
    "instructions": _instructions,
    "littlefs programmed": _insert("littlefs"), "littlefs erases": _insert("littlefs"),
    "raw flash programmed": _insert("raw flash"), "raw flash erases": _insert("raw flash"),
}
