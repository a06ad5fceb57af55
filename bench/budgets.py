"""The budgets that unosql is held to, and whether the results meet them."""
from typing import NamedTuple

FLAT = 1.25  # what costs at most this many times as much at the most records as at the fewest is flat


class Budget(NamedTuple):
    """what: in words. limit, measured: numbers. unit: for printing. topic: key of REASONS."""

    what: str
    limit: float
    measured: float
    unit: str
    topic: str

    @property
    def met(self):
        return self.measured <= self.limit


def budgets(results):
    """All Budgets, from results as measure.load() returns them."""
    return [*_memory(results), *_inserts(results), *_lookups(results)]


def _memory(results):
    bytecode, tables = results["frozen"]["image"]
    yield Budget("frozen size of unosql: its bytecode", 48 * 1024, bytecode, "B", "frozen")
    yield Budget("frozen size of unosql: all it takes in the image, tables of names and constants too", 48 * 1024,
                 bytecode + tables, "B", "frozen")
    yield Budget("heap that `import unosql.core` takes", 4096, results["heap"]["import"], "B", "import")
    nothing = results["heap"]["nothing"]
    for n in results["sizes"]:
        sizes = [found[str(n)]["everything"] for name, found in results["heap"]["smallest"].items() if "," in name]
        most = max(size or float("inf") for size in sizes)
        yield Budget("working set at %s records, the dearest medium and mode" % f"{n:,}", 16, most - nothing, "KiB", "heap")


def _inserts(results):
    for name, costs in results["flash"]["costs"].items():
        if "," not in name:
            continue
        medium = name.split(",")[0]
        programmed, erases = (350, 0.15) if medium == "littlefs" else (250, 0.06)
        for i, (what, limit) in enumerate((("programmed", programmed), ("erases", erases))):
            figures = [costs[str(n)]["insert"][i] for n in results["sizes"]]
            yield Budget("%s: %s per insert, at its worst size" % (name, what), limit, max(figures), "B" if not i else "", medium + " " + what)
            yield Budget("%s: %s, growth from %s to %s records" % (name, what, *(f"{results['sizes'][j]:,}" for j in (0, -1))),
                         FLAT, figures[-1] / figures[0], "x", "flat")


def _lookups(results):
    n = str(results["sizes"][-1])
    for name, costs in results["flash"]["costs"].items():
        if "," in name:
            for operation, by in (("get", "id"), ("find", "index")):
                for state, key in (("cold", operation + ", cold"), ("warm", operation)):
                    cost = costs[n][key]
                    what = "%s: block reads by %s, %s cache, " % (name, by, state)
                    yield Budget(what + "mean", 3, cost[3], "", "lookup")
                    yield Budget(what + "most", 3, cost[4], "", "lookup")
