"""The tables of the report: rows of text from the results, printed with rich and written as Markdown."""
from typing import NamedTuple

from .budgets import budgets
from .measure import PEER_MODULES
from .turnover import TURNOVERS

AHEAD = " (ahead)"  # behind a peer's figure that is below unosql's on littlefs
OURS = "littlefs, plain"


class Table(NamedTuple):
    title: str
    header: tuple
    rows: list

    def markdown(self):
        """The table in Markdown; numbers to the right."""
        align = ["---"] + ["--:"] * (len(self.header) - 1)
        lines = ["| %s |" % " | ".join(row) for row in (self.header, align, *self.rows)]
        return "\n".join(lines) + "\n"

    def rich(self):
        """The same for a terminal."""
        from rich.table import Table as Rich

        table = Rich(title=self.title, title_justify="left")
        for i, name in enumerate(self.header):
            table.add_column(name, justify="right" if i else "left", no_wrap=i > 0)
        for row in self.rows:
            table.add_row(*row)
        return table


def number(value):
    """A figure with the digits that matter: 0.083, 5.9, 369, 12,345, 1.2 M."""
    if value is None:
        return "-"
    if value >= 1e6:
        return "%.3g M" % (value / 1e6) if value < 1e9 else "%s M" % f"{value / 1e6:,.0f}"
    if value >= 100:
        return f"{value:,.0f}"
    return "%.3g" % value if value >= 10 or value == int(value) else "%.2f" % value if value >= 1 else "%.3f" % value


def all_tables(results):
    """Every Table, in the report's order."""
    return [budget_table(results), changes_table(results), reads_table(results), blocks_table(results), shares_table(results),
            memtable_table(results), stored_table(results), heap_table(results), instructions_table(results)]


def budget_table(results):
    rows = [(b.what, b.before or "-", "%s %s" % (number(b.limit), b.unit), "%s %s" % (number(b.measured), b.unit),
             "met" if b.met else "**missed**") for b in budgets(results)]
    return Table("Budgets", ("budget", "first edition", "at most", "measured", ""), rows)


def _cells(results, render, operations):
    """Rows for each subject and number of records; render(cost) -> (text, figures to be ahead in)."""
    rows = []
    for name, costs in results["flash"]["costs"].items():
        for n in map(str, results["sizes"]):
            cells = []
            for operation in operations:
                cost = costs[n].get(operation)
                text, figures = render(cost) if cost else ("-", ())
                ours = results["flash"]["costs"][OURS][n].get(operation)
                ahead = name in PEER_MODULES and cost and ours and any(a < b for a, b in zip(figures, render(ours)[1]))
                cells.append(text + (AHEAD if ahead else ""))
            rows.append((name, f"{int(n):,}", *cells))
    return rows


def changes_table(results):
    operations = ("insert", "insert, indexed", "update", "delete")
    rows = _cells(results, lambda cost: ("%s / %s" % (number(cost[0]), number(cost[1])), cost[:2]), operations)
    return Table("Bytes programmed / erases, per operation", ("", "records", *operations), rows)


def reads_table(results):
    operations = ("get", "find", "scan", "open", "insert", "update", "delete")
    rows = _cells(results, lambda cost: (number(cost[2]), cost[2:3]), operations)
    header = ("", "records", "get by id", "indexed find", "scan, a record", *operations[3:])
    return Table("Bytes read, per operation", header, rows)


def blocks_table(results):
    operations = ("get, cold", "get", "find, cold", "find", "scan", "open", "insert", "update", "delete")
    rows = _cells(results, lambda cost: ("%s / %s" % (number(cost[3]), number(cost[4])), ()), operations)
    rows = [row for row in rows if row[0] not in PEER_MODULES]
    rows = [(*row[:6], row[6].split(" / ")[0], *row[7:]) for row in rows]  # of a scan only the mean has a meaning
    return Table("Block reads, mean / most of one operation", ("", "records", *operations), rows)


def shares_table(results):
    rows = []
    for name, costs in results["flash"]["costs"].items():
        for n in map(str, results["sizes"]):
            shares = costs[n].get("shares, plain insert")
            if shares:
                worst = costs[n]["insert"][5]
                rows.append((name, f"{int(n):,}", *("%s / %s" % tuple(map(number, share)) for share in shares.values()),
                             "%s / %s" % tuple(map(number, worst))))
    parts = list(shares_of(results).keys())
    return Table("Where an insert's bytes programmed / erases go", ("", "records", *parts, "dearest insert"), rows)


def shares_of(results, name=OURS):
    """{part: [bytes programmed, erases]} of an insert at the most records."""
    return results["flash"]["costs"][name][str(results["sizes"][-1])]["shares, plain insert"]


def memtable_table(results):
    rows = [(medium + ", plain", f"{int(size):,}", number(costs["insert"][0]), number(costs["insert"][1]))
            for medium, by_size in results["flash"]["memtables"].items() for size, costs in by_size.items()]
    rows += [(medium + ", plain", "4,096", *map(number, results["flash"]["costs"][medium + ", plain"]["1000"]["insert"][:2]))
             for medium in results["flash"]["memtables"] if 1000 in results["sizes"]]
    return Table("An insert at 1,000 records, by size of the memtable", ("", "memtable", "bytes programmed", "erases"), sorted(rows))


def stored_table(results):
    rows = [(name, *(number(costs[str(n)]["stored"]) for n in results["sizes"]))
            for name, costs in results["flash"]["costs"].items()]
    return Table("Bytes on flash per record", ("", *(f"{n:,} records" for n in results["sizes"])), rows)


def turnover_table(results):
    """What is over its bound is in bold."""
    rows = []
    for medium, ways in results["turnover"].items():
        for way, found in ways.items():
            most = number(found["most"]) if found["most"] < found["bound"] else "**%s**" % number(found["most"])
            rows.append(("%s, %s" % (medium, way.replace("_", " ")), *map(number, found["stored"]), most,
                         *(number(found[name]) for name in ("live", "bound", "erases", "removal"))))
    header = ("", *("after %d" % n for n in TURNOVERS), "most", "live", "bound", "erases, a turnover", "erases, a record removed")
    return Table("Bytes stored while records come and go, by turnovers", header, rows)


def latency_table(results):
    names = list(results["latency"])
    calls = dict.fromkeys(call for found in results["latency"].values() for call in found)
    rows = [(call, *("%s / %s" % tuple(map(number, results["latency"][name][call])) for name in names)) for call in calls]
    return Table("How long calls of unosql.aio hold the loop", ("longest hold / whole call, ms", *names), rows)


def heap_table(results):
    heap = results["heap"]
    rows = [("nothing (the script alone)", *["%d" % heap["nothing"]] * len(results["sizes"]), "", "")]
    last = str(results["sizes"][-1])
    for name, found in heap["smallest"].items():
        cells = [_kib(found[str(n)]["everything"]) for n in results["sizes"]]
        ours = heap["smallest"][OURS]
        if name in PEER_MODULES:
            cells = [cell + AHEAD if (found[str(n)]["everything"] or 1 << 30) < (ours[str(n)]["everything"] or 1 << 30) else cell
                     for cell, n in zip(cells, results["sizes"])]
        rows.append((name, *cells, *(_kib(found[last].get(w, "")) for w in ("insert", "lookup"))))
    header = ("", *(f"{n:,} records" for n in results["sizes"]), "inserts only", "lookups only")
    return Table("Smallest heap that works, KiB (the last two: with the most records)", header, rows)


def _kib(size):
    return "-" if size == "" else "over 2,048" if size is None else "%d" % size


def instructions_table(results):
    operations = ("insert", "get", "find", "update", "delete", "scan", "open")
    rows, counts = [], results["instructions"]["operations"]
    for name, by_n in counts.items():
        for n, costs in by_n.items():
            ours = counts[OURS][n]
            rows.append((name, f"{int(n):,}", *(number(costs[o]) + (AHEAD if name in PEER_MODULES and costs[o] < ours[o] else "")
                                                for o in operations)))
    header = ("", "records", "insert, indexed", "get by id", "indexed find", "update", "delete", "scan, a record", "open")
    return Table("Instructions, per operation", header, rows)
