"""Runs all measurements and keeps the results, a dict that JSON can hold, so that the report may be made again."""
import json
from concurrent.futures import ProcessPoolExecutor

from firmware import elf, espressif, fetch, targets
from firmware.paths import BUILD
from rich.progress import Progress

from . import flash, heap, instructions, latency, turnover
from .deflate import Deflate
from .subjects import KEY, PEERS
from .unix32 import Machine

SIZES = (100, 1000, 10000)
RESULTS = BUILD / "bench" / "results.json"
MEDIA = {"littlefs": "littlefs", "raw flash": "flash"}  # as the report names them
MODES = {"plain": None, "encrypted": KEY}
MEMTABLES = (2048, 8192)  # bytes, beside the usual 4,096: the least and the most that unosql takes by itself
SAMPLES = {100: 100, 1000: 20}  # of a peer's operation; with more records: 5
FILE_HEAP = 32 << 20  # of a peer that keeps everything in RAM, for counting instructions


def load():
    """The results of earlier runs, {} when there are none."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def measure(parts, ns=SIZES):
    """Measure the parts, keys of PARTS, on each number of records, and return all results there are."""
    results = load()
    results["sizes"] = list(ns)
    results["micropython"] = fetch.source().version
    with Progress(refresh_per_second=1) as progress:
        for part in parts:
            results[part] = PARTS[part](ns, progress)
            RESULTS.parent.mkdir(parents=True, exist_ok=True)
            RESULTS.write_text(json.dumps(results, indent=1))
    return load()


# flash


def _flash(ns, progress):
    jobs = {(medium, mode, indexed): (flash.measure_database, (MEDIA[medium], key, ns, indexed))
            for medium in MEDIA for mode, key in MODES.items() for indexed in (True, False)}
    jobs.update({(name, n): (flash.measure_peer, (name, n, SAMPLES.get(n, 5))) for name in PEERS for n in ns})
    jobs.update({(medium, size): (flash.measure_database, (MEDIA[medium], None, [1000], False, size))
                 for medium in MEDIA for size in MEMTABLES})
    done = _in_parallel("flash", jobs, progress)
    costs = {medium + ", " + mode: {n: dict(done[medium, mode, True][n], **{
        name if name != "shares" else "shares, plain insert": cost for name, cost in done[medium, mode, False][n].items()})
        for n in ns} for medium in MEDIA for mode in MODES}
    costs.update({name: {n: done[name, n] for n in ns} for name in PEERS})
    packed, fixed = (sum(column) for column in zip(*(deflate for deflate in done.pop("deflate"))))
    return {"costs": costs, "memtables": {medium: {size: done[medium, size][1000] for size in MEMTABLES} for medium in MEDIA},
            "deflate": [packed, fixed]}


def _turnover(ns, progress):
    jobs = {(medium, way): (turnover.measure, (way, MEDIA[medium])) for medium in MEDIA for way in turnover.WAYS}
    done = _in_parallel("turnover", jobs, progress)
    return {medium: {way: done[medium, way] for way in turnover.WAYS} for medium in MEDIA}


def _in_parallel(part, jobs, progress):
    """{key: result} of {key: (function, arguments)}; under "deflate" what Deflate counted in each."""
    results = {"deflate": []}
    task = progress.add_task(part, total=len(jobs))
    with ProcessPoolExecutor(2) as pool:
        futures = {key: pool.submit(_compressing, *job) for key, job in jobs.items()}
        for key, future in futures.items():
            results[key], deflate = future.result()
            results["deflate"].append(deflate)
            progress.advance(task)
    return results


def _compressing(function, arguments):
    with Deflate() as deflate:
        return function(*arguments), (deflate.packed, deflate.fixed)


# heap and instructions, on the unix port


def _places():
    """{what the report calls it: (subject, place)} of unosql."""
    return {medium + ", " + mode: ("database", (key, MEDIA[medium])) for medium in MEDIA for mode, key in MODES.items()}


PEER_MODULES = {"JSON lines": "json_lines", "JSON file": "json_file"}


def _heap(ns, progress):
    subjects = {**_places(), **{name: (module, (None, None)) for name, module in PEER_MODULES.items()}}
    task = progress.add_task("heap", total=len(subjects) * len(ns))
    found, failing = {}, {}
    with Machine() as machine:
        result = {"import": heap.imported(machine), "nothing": heap.smallest(machine, "nothing", "everything", 100)}
        for name, (subject, place) in subjects.items():
            workloads = ("insert", "lookup", "everything") if subject == "database" else ("everything",)
            found[name] = {}
            for n in ns:
                found[name][n] = {w: heap.smallest(machine, subject, w, n, place) for w in workloads}
                if subject == "database":
                    failing.setdefault(name, {})[n] = heap.failing(machine, n, place, found[name][n]["everything"])
                progress.advance(task)
        result["btree"] = machine.has("btree")
    return dict(result, smallest=found, failing=failing)


def _instructions(ns, progress):
    task = progress.add_task("instructions", total=6 * len(ns))
    found = {}
    with Machine() as machine:
        derived = instructions.key_derivation(machine)

        def add(name, n, *args, **kw):
            found.setdefault(name, {})[n] = instructions.measure(machine, *args, **kw)
            progress.advance(task)

        for n in ns:
            for name, (subject, place) in _places().items():
                add(name, n, subject, n, place)
            few, more = (8, 108) if n <= 100 else (1, 3)
            add("JSON lines", n, "json_lines", n, few=few, more=more)
            add("JSON file", n, "json_file", n, heap=FILE_HEAP, few=1, more=3)
    return {"operations": found, "derivation": derived}


def _latency(ns, progress):
    places = {name: place for name, (_, place) in _places().items()}
    task = progress.add_task("latency", total=len(places))
    found = {}
    with Machine() as machine:
        for name, place in places.items():
            found[name] = latency.measure(machine, place)
            progress.advance(task)
    return found


def _frozen(ns, progress):
    firmware = targets.qemu_firmware()
    mpy = {name: (size,) for name, size in elf.frozen(firmware).items()}
    small = next(cost.used for cost in espressif.emulated_costs(firmware) if cost.budget == espressif.IMAGE_BUDGET)
    return {"image": _sum(elf.in_image(firmware)), "mpy": _sum(mpy), "esp8266": small}


def _sum(modules):
    """Totals over unosql's own modules."""
    return [sum(column) for column in zip(*(size for name, size in modules.items() if name.startswith("unosql")))]


PARTS = {"frozen": _frozen, "turnover": _turnover, "flash": _flash, "heap": _heap, "instructions": _instructions,
         "latency": _latency}
