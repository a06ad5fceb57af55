"""How much heap: what importing takes, the smallest heap in which a workload still works, by bisection, and whether all larger ones do."""
import subprocess

KIB = 1024
STEP = 512  # bytes between heaps that are tried one by one,
TRIED = 96  # up to so many KiB
MOST = 2048  # KiB; more than that no board of ours has
CRAWLS = 60  # seconds after which a heap counts as too small: the collector does nearly all the work

IMPORT = """
import gc
gc.collect(); before = gc.mem_alloc()
import unosql.core
gc.collect(); print(gc.mem_alloc() - before)
"""


def imported(machine):
    """Bytes of heap that `import unosql.core` takes and keeps."""
    return int(machine.run(IMPORT, machine.prepared("nothing", 1, (None, None)), 256 * KIB).stdout)


def smallest(machine, subject, workload, n, place=(None, None)):
    """KiB of the smallest heap in which the workload works on n records; None when MOST is not enough.

    Found to the KiB below 64 KiB, above to 2 %.
    """
    folder = machine.prepared(subject, n, place)
    code = _code(subject, workload, n, place)
    if not _works(machine, code, folder, MOST):
        return None
    low, high = 2, 16
    while not _works(machine, code, folder, high):
        low, high = high, high * 2
    while high - low > max(1, high // 64):
        middle = (low + high) // 2
        if _works(machine, code, folder, middle):
            high = middle
        else:
            low = middle
    return high


def _code(subject, workload, n, place):
    inserts = 5 if subject == "json_file" else 100  # each writes, and allocates, all there is
    return "import workload; workload.use(%r, %r, %r, %r, %r)" % (subject, workload, n, inserts, place)


def failing(machine, n, place, least):
    """Bytes of the heaps from so many KiB to TRIED, STEP apart, in which unosql does not work on n records, and how many were tried."""
    folder = machine.prepared("database", n, place)
    sizes = range(least * KIB, TRIED * KIB + 1, STEP)
    return [[size for size in sizes if not _works(machine, _code("database", "everything", n, place), folder, size / KIB)], len(sizes)]


def _works(machine, code, folder, size):
    try:
        return machine.run(code, folder, int(size * KIB), CRAWLS).stdout.split()[-1:] == ["worked"]
    except subprocess.TimeoutExpired:
        return False
    except subprocess.CalledProcessError as error:
        if size == MOST and "MemoryError" not in error.stdout:
            raise RuntimeError(error.stdout)  # not for want of heap
        return False
