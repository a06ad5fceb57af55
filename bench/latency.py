"""For how long calls of unosql.aio hold the loop, on the 32-bit unix port."""
import re

HEAP = 128 * 1024  # as on an ESP32
RECORDS = 1000
RUNS = 3  # the least of them counts
TIMEOUT = 600
_LINE = re.compile(r"^(.+): (\d+) (\d+)$", re.M)


def measure(machine, place, n=RECORDS, runs=RUNS):
    """{call: [milliseconds of the longest hold, milliseconds of the whole call]}, the least of some runs. place: see unix32."""
    folder = machine.prepared("database", n, place)
    found = {}
    for _ in range(runs):
        output = machine.run("import holds; holds.measure(%r, %r)" % (n, place), folder, HEAP, TIMEOUT).stdout
        for name, *times in _LINE.findall(output):
            times = [round(int(us) / 1000) for us in times]  # the clock has no finer ones
            found[name] = [min(pair) for pair in zip(times, found.get(name, times))]
    return found
