"""The bench measures what it says: a small run of each part, and the report's arithmetic on figures of its own."""
import re

import pytest

from bench import budgets, flash, heap, instructions, latency, reasons, report, tables, turnover
from bench.deflate import Deflate
from bench.records import SIZE, line, record
from bench.subjects import KEY
from bench.unix32 import Machine


def test_records_are_70_bytes_and_differ():
    records = [record(i) for i in range(300)]
    assert {len(line(r)) for r in records} == {SIZE}
    assert len({r["tag"] for r in records}) == 300


@pytest.fixture(scope="module")
def costs():
    """{medium: {operation: Cost}} at 100 records, with MicroPython's own compression."""
    with Deflate() as deflate, pytest.MonkeyPatch.context() as patch:
        patch.setattr(flash, "LEAST", 64)  # for a quick run; a flush comes every 32 inserts on littlefs
        patch.setattr(flash, "LOOKUPS", 30)
        found = {"flash": flash.measure_database("flash", None, [100])[100]}
        found["encrypted"] = flash.measure_database("flash", KEY, [100], indexed=False)[100]
        found["littlefs"] = flash.measure_database("littlefs", None, [100], indexed=False)[100]
        assert 0 < deflate.packed < deflate.fixed * 1.1
    found["JSON lines"] = flash.measure_peer("JSON lines", 100, 50)
    found["JSON file"] = flash.measure_peer("JSON file", 100, 5)
    return found


def test_a_durable_insert_programs_more_than_the_record_and_no_operation_that_reads_programs(costs):
    for name, insert in (("flash", "insert, indexed"), ("encrypted", "insert"), ("littlefs", "insert"), ("JSON lines", "insert")):
        assert SIZE < costs[name][insert].programmed <= costs[name][insert].worst[0], name
    for operation in ("get", "get, cold", "find", "find, cold", "scan", "open"):
        cost = costs["flash"][operation]
        assert (cost.programmed, cost.erases) == (0, 0) and cost.read > 0, operation
        assert 0 < cost.blocks <= cost.most_blocks
    assert costs["flash"]["get, cold"].blocks >= costs["flash"]["get"].blocks


def test_peers_cost_what_littlefs_makes_of_them(costs):
    """A synced append copies half a block to a fresh one; a rewrite of the file programs all of it."""
    lines, file = costs["JSON lines"], costs["JSON file"]
    assert 1500 < lines["insert"].programmed < 3500 and 0.9 < lines["insert"].erases < 1.3
    assert file["insert"].programmed > 100 * SIZE and file["insert"].erases >= 2
    assert file["get"].read == 0 and lines["find"].read > 100 * SIZE


def test_the_shares_of_an_insert_add_up_to_all_of_it(costs):
    for name, insert in (("flash", "insert, indexed"), ("littlefs", "insert"), ("encrypted", "insert")):
        shares = costs[name]["shares"]
        assert all(shares[part][0] > 0 for part in ("WAL", "level 0", "manifest")), shares
        for i in (0, 1):
            assert sum(share[i] for share in shares.values()) == pytest.approx(costs[name][insert][i])


def test_heap_and_instructions():
    with Machine() as machine:
        assert 2 < heap.smallest(machine, "nothing", "lookup", 20) < 8
        assert heap.smallest(machine, "json_file", "lookup", 20) < 16
        sizes, tried = heap.failing(machine, 20, (None, None), 8)
        assert sizes[0] == 8192 and sizes[-1] < 32768 < 65536 and tried == 88 * 2 + 1  # heaps where nothing works are told
        assert 0 < instructions.key_derivation(machine) < 334e6
        assert 0 < heap.imported(machine) < 16384
        few, many = (instructions._count(machine, "nothing", "get", 20, times, (None, None), 65536) for times in (1, 101))
        assert 100 * 100 < many - few < 100 * 100000


HOURLY = """
from unosql.core import Unosql
db = Unosql("bench", None, log_level="NONE")
rows = %s
print("records", sum([row["count"] if "count" in row else 1 for row in rows]), "Collected")
"""
SUMS = 'db.aggregate("log", bucket=("%s", %d), count=True, avg="t", min="t", max="rh")'


def test_hourly_sums_take_little_more_than_the_scan():
    """At most 200,000 instructions a record, in the order of the groups (a reading a minute) and in another (all of one hour)."""
    n, counts = 600, []
    with Machine() as machine:
        folder = machine.prepared("database", n, (None, None))
        for rows in ('db.iterate("log")', SUMS % ("id", 60), SUMS % ("timestamp", 3600)):
            output = machine.run(HOURLY % rows, folder, instructions.HEAP, 300, instructions.COMMAND).stdout
            assert "records %d " % n in output
            counts.append(int(re.search(r"Collected : (\d+)", output)[1]))
    scan, *sums = counts
    print("over the scan, thousands of instructions a record: %s" % ", ".join("%.1f" % ((count - scan) / n / 1000) for count in sums))
    assert max(sums) - scan < 200_000 * n


@pytest.mark.parametrize("medium", turnover.MEDIA)
@pytest.mark.parametrize("way", ["capped", "delete", "drop"])
def test_turnovers_store_no_more_than_their_bound(way, medium):
    found = turnover.measure(way, medium, live=60, turnovers=(1, 4))
    assert len(found["stored"]) == 2 and 0 < max(found["stored"]) <= found["most"] < found["bound"]
    assert found["bound"] == 2 * found["live"] + 16 * 4096
    assert found["erases"] == pytest.approx(60 * found["removal"]) and 0 < found["removal"] < 2


def test_calls_hold_the_loop_for_a_part_of_their_time():
    with Machine() as machine:
        found = latency.measure(machine, (None, "flash"), n=200, runs=1)
    assert len(found) == 17 and all(0 <= longest <= whole + 1 for longest, whole in found.values())
    longest, whole = found["verify"]
    assert 0 < longest < whole / 2


def test_a_section_is_written_without_the_other_parts(tmp_path, monkeypatch):
    page = tmp_path / "BENCH.md"
    page.write_text("figures of before\n\n<!-- turnover -->\n<!-- /turnover -->\n")
    monkeypatch.setattr(report, "DOCUMENT", page)
    found = {"stored": [2000, 3000, 4000], "most": 5000, "live": 3000, "bound": 4999, "erases": 40, "removal": 0.1}
    assert report.write_sections({"turnover": {"littlefs": {"drop_index": found}}}) == ["turnover"]
    text = page.read_text()
    assert text.startswith("figures of before\n") and text.endswith("\n<!-- /turnover -->\n")
    assert "| littlefs, drop index | 2,000 | 3,000 | 4,000 | **5,000** | 3,000 | 4,999 | 40 | 0.100 |\n" in text
    assert report.write_sections({"frozen": {}}) == []


def test_the_page_has_the_sections_that_may_be_written_alone():
    for part in report.SECTIONS:
        assert report.section(part, {part: {}}).splitlines()[0] in report.DOCUMENT.read_text()


def figures(insert):
    """Of a database at each size: (bytes programmed, erases, bytes read, block reads, most of one operation)."""
    return {"insert": [insert, 0.06, 0, 1, 1], "insert, indexed": [300, 0.1, 0, 1, 1], "update": [500, 0.16, 0, 1, 1], "get": [0, 0, 9, 2, 3],
            "get, cold": [0, 0, 9, 3, 4], "find": [0, 0, 9, 3, 3], "find, cold": [0, 0, 5000, 3, 4], "open": [0, 0, 15001, 1, 1]}


RESULTS = {
    "sizes": [100, 10000],
    "frozen": {"image": [40000, 10000], "mpy": [60000], "esp8266": 130001},
    "heap": {"import": 4096, "nothing": 4,
             "failing": {"raw flash, encrypted": {"100": [[], 140], "10000": [[30208], 138]}},
             "smallest": {"raw flash, encrypted": {"100": {"everything": 20}, "10000": {"everything": 21}},
                          "JSON file": {"100": {"everything": 99}, "10000": {"everything": None}}}},
    "flash": {"costs": {"raw flash, encrypted": {"100": figures(176), "10000": figures(221)}}},
    "instructions": {
        "derivation": 100e6,
        "operations": {name: {"10000": dict.fromkeys(("get", "find", "insert", "update", "delete", "scan", "open"), count)}
                       for name, count in (("littlefs, plain", 120e3), ("raw flash, encrypted", 500e3), ("JSON file", 1e9))}},
}


def test_budgets_are_judged_by_the_results():
    judged = {b.what: b.met for b in budgets.budgets(RESULTS)}
    assert {what for what, met in judged.items() if not met} == {
        "what it adds to an ESP8266's image, C included",
        "working set at 10,000 records, the dearest medium and mode",
        "of 278 heaps from the smallest that works to 96 KiB, 512 bytes apart: those that do not",
        "instructions: get by id, the dearest medium and mode",
        "instructions: scan, a record, the dearest medium and mode",
        "raw flash, encrypted: block reads by id, most",
        "raw flash, encrypted: bytes read to open and find one record",
        "raw flash, encrypted: insert, programmed",
        "raw flash, encrypted: insert, indexed, erases",
        "raw flash, encrypted: insert, programmed, growth from 100 to 10,000 records",
    }
    assert judged["working set at 100 records, the dearest medium and mode"] and judged["instructions: open, plain, the dearest medium and mode"]
    assert judged["raw flash, encrypted: insert, erases"] and judged["raw flash, encrypted: block reads by index, most"]
    assert {b.topic for b in budgets.budgets(RESULTS)} <= set(reasons.REASONS)


def test_a_heap_that_is_never_large_enough_misses_the_budget():
    smallest = {"100": {"everything": 20}, "10000": {"everything": None}}
    results = dict(RESULTS, heap=dict(RESULTS["heap"], smallest={"littlefs, plain": smallest}))
    assert not next(b for b in budgets.budgets(results) if b.what.startswith("working set at 10,000")).met


def test_tables_as_markdown():
    table = tables.Table("Costs", ("", "a"), [("x", "1"), ("y", "2")])
    assert table.markdown() == "|  | a |\n| --- | --: |\n| x | 1 |\n| y | 2 |\n"
    assert [tables.number(n) for n in (None, 0.0831, 5.88, 14, 46.52, 368.4, 12345.6, 1234567)] == [
        "-", "0.083", "5.88", "14", "46.5", "368", "12,346", "1.23 M"]
