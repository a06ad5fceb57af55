"""One JSON list, read and kept whole, written whole at each change: the seed's manner."""
import json


class Subject:
    path = "bench.json"

    def __init__(self, *_):
        try:
            with open(self.path) as file:
                self._records = json.load(file)
        except OSError:
            self._records = []

    def create(self):
        pass

    def insert(self, fields):
        fields["id"] = self._records[-1]["id"] + 1 if self._records else 1
        self._records.append(fields)
        self._save()

    def _save(self):
        with open(self.path, "w") as file:
            json.dump(self._records, file)

    def scan(self):
        return iter(self._records)

    def get(self, id):
        for fields in self._records:
            if fields["id"] == id:
                return fields

    def find(self, tag):
        for fields in self._records:
            if fields["tag"] == tag:
                return fields

    def update(self, id, changes):
        self.get(id).update(changes)
        self._save()

    def delete(self, id):
        self._records.remove(self.get(id))
        self._save()

    def close(self):
        pass
