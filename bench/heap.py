"""How much heap: what importing takes, and the smallest heap in which a workload still works, by bisection."""
import subprocess

KIB = 1024
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
    inserts = 5 if subject == "json_file" else 100  # each writes, and allocates, all there is
    code = "import workload; workload.use(%r, %r, %r, %r, %r)" % (subject, workload, n, inserts, place)
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


def _works(machine, code, folder, size):
    try:
        return machine.run(code, folder, size * KIB, CRAWLS).stdout.split()[-1:] == ["worked"]
    except subprocess.TimeoutExpired:
        return False
    except subprocess.CalledProcessError as error:
        if size == MOST and "MemoryError" not in error.stdout:
            raise RuntimeError(error.stdout)  # not for want of heap
        return False
