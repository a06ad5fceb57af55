"""Makes what the workload starts from."""
import json

from workload import record


def prepare(subject, n, place):
    """A new subject of n records."""
    if subject == "json_file":
        return _dump(n)
    Subject = __import__(subject).Subject
    Subject.durability, Subject.memtable = "batch", 2048
    subject = Subject(*place)
    subject.create()
    for i in range(1, n + 1):
        subject.insert(record(i))
    subject.close()


def _dump(n):
    with open("bench.json", "w") as file:
        for i in range(1, n + 1):
            file.write("," if i > 1 else "[")
            json.dump(dict(record(i), id=i), file)
        file.write("]")
