"""Machine instructions an operation takes, counted by valgrind's callgrind on the 32-bit unix port.

Each is the difference between a run with more and a run with fewer of them, divided by how many more.
"""
import re

HEAP = 128 * 1024  # as on an ESP32: what the collector does counts
FEW, MORE = 8, 108
COMMAND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
OPERATIONS = ("insert", "get", "find", "update", "delete", "scan")
TIMEOUT = 900
ITERATIONS = 10000  # of PBKDF2


def measure(machine, subject, n, place=(None, None), heap=HEAP, few=FEW, more=MORE):
    """{operation: instructions} on n records. few, more: how many operations the two runs make."""
    def count(subject, operation, times):
        return _count(machine, subject, operation, n, times, place, heap)

    costs = {"open": count(subject, "insert", 0) - count("nothing", "insert", 0)}
    for operation in OPERATIONS:
        last = min(more, n) if operation == "scan" else more
        costs[operation] = (count(subject, operation, last) - count(subject, operation, few)) / (last - few)
    return costs


def key_derivation(machine):
    """Instructions of ITERATIONS of PBKDF2."""
    folder = machine.prepared("nothing", 1, (None, None))
    code = "from unosql.kv.sealed import derive; derive(b'sixteen byte key', bytes(16), %d)"
    few, more = (_collected(machine, code % times, folder, HEAP) for times in (1, ITERATIONS + 1))
    return more - few


def _count(machine, subject, operation, n, times, place, heap):
    folder = machine.prepared(subject, n, place)
    code = "import repeat; repeat.repeat(%r, %r, %r, %r, %r)" % (subject, operation, n, times, place)
    return _collected(machine, code, folder, heap)


def _collected(machine, code, folder, heap):
    output = machine.run(code, folder, heap, TIMEOUT, COMMAND).stdout
    return int(re.search(r"Collected : (\d+)", output)[1])
