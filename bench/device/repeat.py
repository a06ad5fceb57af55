"""Repeats an operation, to count its instructions."""
from workload import check, record


def repeat(subject, operation, n, count, place):
    """An operation, count times, on n records; "open" is done once before all others."""
    subject = __import__(subject).Subject(*place)
    if operation == "scan":
        for i, _ in enumerate(subject.scan()):
            if i == count:
                break
        return
    for i in range(count):
        OPERATIONS[operation](subject, n, i)


def _id(n, i):
    return i * 7919 % n + 1


OPERATIONS = {
    "insert": lambda subject, n, i: subject.insert(record(n + i + 1)),
    "get": lambda subject, n, i: check(subject.get(_id(n, i)), _id(n, i)),
    "find": lambda subject, n, i: check(subject.find("n%05d" % _id(n, i)), _id(n, i)),
    "update": lambda subject, n, i: subject.update(_id(n, i), {"t": i}),
    "delete": lambda subject, n, i: subject.delete(_id(n, i)),
}
