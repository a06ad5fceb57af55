"""Many devices in one MicroPython process, each a database with a connection of its own: tests/runs/fleet_thousand.py.

    micropython fleet_many.py FOLDER PORT FIRST N COUNT

Each inserts until it has COUNT records, sends them, and tells its last id when the sink has all. The process ends after the last one.
"""
import random
import sys
import time

from unosql import Unosql
from unosql.mqtt import Sync

folder = sys.argv[1]
port, first, n, count = [int(word) for word in sys.argv[2:6]]


class Device:
    def __init__(self, name):
        self.db = Unosql(name, path=folder, log_level="NONE", memtable=2048)
        self.sync = Sync(self.db, name, "127.0.0.1", port, logs={"readings": 5}, heartbeat=20, patience=4)
        last = self.db.get_last_n_records("readings", 1)
        self.name, self.id = name, last[0]["id"] if last else 0

    def work(self):
        """Return whether there is something to do yet."""
        if self.id < count and random.randrange(10) == 0:
            with self.db.transaction():  # a process that is killed leaves both, or none
                self.id = self.db.insert("readings", {"n": self.id + 1, "celsius": 20 + self.id % 9 + 0.5})
                if self.id % 4 == 0:
                    self.db.upsert("settings", "key", "mode", {"n": self.id})
        self.sync.step()
        return self.id < count or self.sync.status()["waiting"] > 0


devices = [Device("d%d" % i) for i in range(first, first + n)]
while devices:
    start = time.ticks_ms()
    for device in list(devices):
        if not device.work():
            print(device.name, device.id, device.sync.status()["epoch"])
            device.sync.close()
            device.db.close()
            devices.remove(device)
    time.sleep_ms(max(10, 200 - time.ticks_diff(time.ticks_ms(), start)))
