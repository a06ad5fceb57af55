"""What runs on MicroPython to be weighed. Files are on the host's filesystem. Small: this takes heap too.

A subject is a module here with a class Subject, its place the arguments of that.
"""


def record(i):
    """A record as records.record() makes them, by less code."""
    note = "%08x" % (i * 2654435761 & 0xFFFFFFFF)
    return {"tag": "n%05d" % i, "site": "kitchen", "t": i * 7919 % 9000 / 100 + 10.01, "rh": i % 80 + 20, "note": note}


def use(subject, workload, n, inserts, place):
    """Run one of WORKLOADS on n records."""
    subject = __import__(subject).Subject(*place)
    WORKLOADS[workload](subject, n, inserts)
    subject.close()
    print("worked")


def insert(subject, n, inserts):
    for i in range(n + 1, n + inserts + 1):
        subject.insert(record(i))


def look_up(subject, n, inserts):
    for i in range(1, n + 1, n // 4):
        check(subject.get(i), i)
        check(subject.find("n%05d" % i), i)


def everything(subject, n, inserts):
    insert(subject, n, inserts)
    look_up(subject, n, inserts)
    subject.update(n // 2, {"t": 1})
    subject.delete(n // 3)
    for count, fields in enumerate(subject.scan()):
        if count == 100:
            break


WORKLOADS = {"insert": insert, "lookup": look_up, "everything": everything}


def check(fields, i):
    if fields["tag"] != "n%05d" % i:
        raise ValueError(fields)
