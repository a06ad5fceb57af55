"""The budgets that unosql is held to, what its first edition took, and whether the results meet them."""
from typing import NamedTuple

from firmware.espressif import IMAGE_BUDGET

from .heap import STEP, TRIED
from .instructions import ITERATIONS

FLAT = 1.25  # what costs at most this many times as much at the most records as at the fewest is flat
# With an index, plain unless it says otherwise, at the most records: (operation, instructions at the most, of the first edition).
INSTRUCTIONS = (("get", "get by id", 0.4e6, "6.0 M"), ("find", "find by index", 1e6, "13.4 M"), ("insert", "insert, indexed", 0.6e6, "5.7 to 8 M"),
                ("update", "update", 1.5e6, "31 to 38 M"), ("delete", "delete", 1.5e6, "31 to 38 M"),
                ("scan", "scan, a record", 130e3, "323,000"), ("open", "open, plain", 5e6, "41 to 145 M"))
# Encrypted, at the most records: (subject, operation, bytes programmed and erases at the most, of the first edition).
CHANGES = (("littlefs", "insert", 330, 0.14, "481", "0.194"), ("raw flash", "insert", 220, 0.06, "325", "0.095"),
           ("raw flash", "insert, indexed", 300, 0.09, "485", "0.148"), ("raw flash", "update", 500, 0.16, "1,270", "0.37"),
           ("littlefs", "update", 800, 0.35, "1,972", "0.81"))
OPEN_AND_FIND = (("littlefs", 100e3, "1.2 to 1.7 MB"), ("raw flash", 20e3, "60 KB"))  # bytes read
LOOKUPS = (("get", "by id", 3, "6"), ("find", "by index", 4, "8"))  # block reads


class Budget(NamedTuple):
    """what: in words. limit, measured: numbers. unit: for printing. topic: key of REASONS. before: of the first edition, in words."""

    what: str
    limit: float
    measured: float
    unit: str
    topic: str
    before: str = ""

    @property
    def met(self):
        return self.measured <= self.limit


def budgets(results):
    """All Budgets, from results as measure.load() returns them."""
    return [*_memory(results), *_instructions(results), *_lookups(results), *_changes(results), *_growth(results)]


def _memory(results):
    yield Budget("what it adds to an ESP8266's image, C included", IMAGE_BUDGET, results["frozen"]["esp8266"], "B", "frozen", "69 KB")
    yield Budget("heap that `import unosql.core` takes", 4096, results["heap"]["import"], "B", "import", "17 to 32 KB, all loaded")
    nothing = results["heap"]["nothing"]
    for n in results["sizes"]:
        sizes = [found[str(n)]["everything"] for name, found in results["heap"]["smallest"].items() if "," in name]
        most = max(size or float("inf") for size in sizes)
        yield Budget("working set at %s records, the dearest medium and mode" % f"{n:,}", 16, most - nothing, "KiB", "heap", "42 to 51 KB")
    tried = [of_n for found in results["heap"]["failing"].values() for of_n in found.values()]
    yield Budget("of %s heaps from the smallest that works to %d KiB, %d bytes apart: those that do not" % (f"{sum(many for _, many in tried):,}", TRIED, STEP),
                 0, sum(len(sizes) for sizes, _ in tried), "", "heaps", "by chance up to 54 KB")


def _databases(costs):
    return [name for name in costs if "," in name]


def _instructions(results):
    costs, n = results["instructions"]["operations"], str(results["sizes"][-1])
    for operation, what, limit, before in INSTRUCTIONS:
        names = [name for name in _databases(costs) if operation != "open" or "plain" in name]
        most = max(costs[name][n][operation] for name in names)
        yield Budget("instructions: %s, the dearest medium and mode" % what, limit, most, "", "instructions", before)
    yield Budget("instructions: PBKDF2 of %s" % f"{ITERATIONS:,}", 100e6, results["instructions"]["derivation"], "", "instructions", "334 M")


def _lookups(results):
    costs, n = results["flash"]["costs"], str(results["sizes"][-1])
    for operation, by, limit, before in LOOKUPS:
        for name in _databases(costs):
            most = max(costs[name][n][state][4] for state in (operation + ", cold", operation))
            yield Budget("%s: block reads %s, most" % (name, by), limit, most, "", "lookup", before)
    for medium, limit, before in OPEN_AND_FIND:
        for name in [name for name in _databases(costs) if name.startswith(medium)]:
            read = costs[name][n]["open"][2] + costs[name][n]["find, cold"][2]
            yield Budget("%s: bytes read to open and find one record" % name, limit, read, "B", "reads", before)


def _changes(results):
    costs, n = results["flash"]["costs"], str(results["sizes"][-1])
    for medium, operation, *limits, programmed, erases in CHANGES:
        name = medium + ", encrypted"
        for i, (what, unit, before) in enumerate((("programmed", "B", programmed), ("erases", "", erases))):
            if name in costs:
                yield Budget("%s: %s, %s" % (name, operation, what), limits[i], costs[name][n][operation][i], unit, medium + " " + what, before)


def _growth(results):
    costs, sizes = results["flash"]["costs"], results["sizes"]
    for name in _databases(costs):
        for i, what in enumerate(("programmed", "erases")):
            figures = [costs[name][str(n)]["insert"][i] for n in sizes]
            yield Budget("%s: insert, %s, growth from %s to %s records" % (name, what, *(f"{sizes[j]:,}" for j in (0, -1))),
                         FLAT, figures[-1] / figures[0], "x", "flat")
