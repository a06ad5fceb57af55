"""docs/BENCH.md, and the same tables on the terminal."""
from firmware.paths import ROOT
from reliability import write_section
from rich.console import Console

from . import latency, tables, turnover
from .budgets import FLAT, budgets
from .reasons import REASONS

SECTIONS = {"turnover": tables.turnover_table, "latency": tables.latency_table}  # by parts: what may be written alone, between marks, and its table
DOCUMENT = ROOT / "docs" / "BENCH.md"
PLOT = ROOT / "docs" / "bench.svg"

HEAD = """# What unosql costs

`make bench` has measured and written all of this, with MicroPython {micropython}.

![Costs by number of records](bench.svg)

## How it was measured

* Records are dicts whose compact JSON has 70 bytes. Every change is durable when its call returns. Unless it says otherwise one field,
  unique, is indexed, earlier versions are kept (history=4), and the memtable has 4,096 bytes.
* **Flash**: the engine runs on CPython over a NOR flash in RAM that counts: 1,024 blocks of 4 KB; littlefs is the real one, with
  MicroPython's defaults (read and program 32 bytes, cache 128). Blocks are compressed into the same bytes as on a board
  (zlib's fixed Huffman codes would have made {deflate}). An insert's cost is the mean of the inserts that follow on N records: 400 of them, or N/4.
  Changes are the mean of as many (deletes: N/2 at the most), lookups of 200, all on a flash with the N records as they are after a power cut.
  Block reads are those of the engine, meta blocks included. *Cold*: nothing cached; warm: the cache as the lookup before left it.
* **Heap**: 32-bit unix port, unosql frozen in, files on the PC's filesystem or raw flash in a file. The smallest heap by bisection: to the KiB below 64 KiB,
  to 2 % above. The script opens a database of N records, inserts 100 (the JSON file: 5), looks up some by id and by index, updates, deletes, scans 100.
  The memtable is what unosql takes by itself in such a heap. A run that takes over a minute counts as too small a heap.
  Heaps above the smallest, 512 bytes apart, are tried one by one, each once. What an ESP8266's heap is enough for is not measured here, but tested
  on the emulated board: `tests/unit/test_small_board.py`, which prints what is free.
* **Instructions**: valgrind's callgrind on the same port, 128 KiB of heap (the JSON file: 32 MiB), the difference between 108 and 8
  operations, divided by 100; of peers with more than 100 records between 3 and 1. Those of the filesystem are not in it. Opening an encrypted database has 1,000 iterations of PBKDF2 here, a tenth of the default.
* **Peers**, plain and on littlefs: *JSON lines* appends a line a record and syncs; all else goes through the whole file. *JSON file* keeps
  one list in RAM and writes it whole at each change, as the seed of this project did. *btree*, MicroPython's own: {btree}.
  Where one is ahead of unosql ({ours}) the tables say so.
"""

TURNOVER = """A turnover replaces all of {live} live records with an index on a random number. Raw flash or littlefs of
{size} KB, an ESP32's partition, a memtable of 4,096 bytes, plain. *Stored* are bytes of segments at the end of a turnover; *most* is over all
{turns} of them. *Live* is what `compact()` leaves: the last deletions and their history are in it. *Bound* is twice that and {allowed} erase blocks.
The erases are those of removing and inserting together. *Ways*: the cap of a collection; a TTL; `ack` each 20 records; `pop` of one;
`delete` of the oldest; `delete` of ten anywhere; `update` of each record; `clear`; `drop`; `ack` of all, and `drop_index` and
`create_index` of a second index. What `update` pushes out is an earlier version, of which four stay.
"""

LATENCY = """A task that does nothing but give its turn back looks at the clock: the longest time between two of its turns is how long the call
beside it held the loop. {records} records, 128 KiB of heap, the 32-bit unix port on the PC that ran this, in time of the processor, to the
millisecond. Of {runs} runs the least counts. No board was timed.
"""


def write(results):
    """Write DOCUMENT and PLOT, print the tables; return how many budgets are missed."""
    from . import plot

    DOCUMENT.write_text(text(results))
    plot.draw(results, PLOT)
    console = Console(width=150)
    budget, *rest = tables.all_tables(results)
    for table in [*rest, *(SECTIONS[part](results) for part in SECTIONS), budget]:  # what matters most ends up where the eye is
        console.print(table.rich())
    return sum(not budget.met for budget in budgets(results))


def text(results):
    """The document."""
    packed, fixed = results["flash"]["deflate"]
    btree = "in this build, but not measured" if results["heap"]["btree"] else (
        "not in this build, since Berkeley DB is left out of Debian's source of MicroPython, so not measured")
    parts = [HEAD.format(micropython=results["micropython"], deflate="%+.1f %%" % (100 * (fixed / packed - 1)), btree=btree, ours=tables.OURS)]
    budget, *rest = tables.all_tables(results)
    parts.append("## Budgets\n\nFlat: at most %s times as much with the most records as with the fewest.\n\n%s" % (FLAT, budget.markdown()))
    parts.append(_missed(results))
    parts += ["## %s\n\n%s" % (table.title, table.markdown()) for table in rest]
    parts += ["<!-- %s -->\n%s<!-- /%s -->\n" % (part, section(part, results), part) for part in SECTIONS]
    return "\n".join(parts)


def write_sections(results):
    """Write of DOCUMENT only the sections whose parts are measured, and print their tables; return these parts."""
    parts = [part for part in SECTIONS if part in results]
    for part in parts:
        write_section(DOCUMENT, part, section(part, results).rstrip())
        Console(width=150).print(SECTIONS[part](results).rich())
    return parts


def section(part, results):
    """A section with its heading."""
    table = SECTIONS[part](results)
    return "## %s\n\n%s\n%s" % (table.title, _TEXTS[part](), table.markdown())


def _turnover():
    return TURNOVER.format(live=turnover.LIVE, size=turnover.BLOCKS * 4, turns=turnover.TURNOVERS[-1], allowed=turnover.ALLOWED)


def _missed(results):
    missed = dict.fromkeys(b.topic for b in budgets(results) if not b.met)
    if not missed:
        return "All are met.\n"
    lines = ["- **%s**: %s" % (topic, REASONS[topic](results)) for topic in missed]
    return "### What is missed, why, and what would meet it\n\n%s\n" % "\n".join(lines)


def _latency():
    return LATENCY.format(records=f"{latency.RECORDS:,}", runs=latency.RUNS)


_TEXTS = {"turnover": _turnover, "latency": _latency}
