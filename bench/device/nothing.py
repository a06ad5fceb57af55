"""A subject that does nothing: what the workload itself costs."""
from workload import record


class Subject:
    def __init__(self, *_):
        pass

    def insert(self, fields):
        pass

    def get(self, id):
        return record(id)

    def find(self, tag):
        return record(int(tag[1:]))

    def update(self, id, changes):
        pass

    def delete(self, id):
        pass

    def scan(self):
        return (record(i) for i in range(1, 101))

    def close(self):
        pass
