"""Machine instructions an operation takes, counted by valgrind's callgrind on the 32-bit unix port.

Each is the difference between a run with more and a run with fewer of them, divided by how many more.
"""
import re

HEAP = 128 * 1024  # as on an ESP32: what the collector does counts
FEW, MORE = 8, 108
COMMAND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
OPERATIONS = ("insert", "get", "find", "update", "delete", "scan")
TIMEOUT = 600


def measure(machine, subject, n, place=(None, None), heap=HEAP, few=FEW, more=MORE):
    """{operation: instructions} on n records."""
    costs = {"open": _count(machine, subject, "insert", n, 0, place, heap) - _count(machine, "nothing", "insert", n, 0, place, heap)}
    for operation in OPERATIONS:
        total = [_count(machine, subject, operation, n, count, place, heap) for count in (few, more)]
        costs[operation] = (total[1] - total[0]) / (more - few)
    return costs


def _count(machine, subject, operation, n, count, place, heap):
    folder = machine.prepared(subject, n, place)
    code = "import repeat; repeat.repeat(%r, %r, %r, %r, %r)" % (subject, operation, n, count, place)
    output = machine.run(code, folder, heap, TIMEOUT, COMMAND).stdout
    return int(re.search(r"Collected : (\d+)", output)[1])
