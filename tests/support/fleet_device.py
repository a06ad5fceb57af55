"""A device of `make fleet`: MicroPython on this machine.

    micropython fleet_device.py NAME FOLDER PORT [SECONDS between readings [COUNT, after which it ends when the sink has all; 0: never [KEY in hex]]]
"""
import binascii
import random
import sys
import time

from unosql import Unosql
from unosql.mqtt import Sync

name, folder, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
every = int(1000 * float(sys.argv[4])) if len(sys.argv) > 4 else 1000
db = Unosql(name, path=folder, log_level="NONE")
key = binascii.unhexlify(sys.argv[6]) if len(sys.argv) > 6 else None
sync = Sync(db, name, "127.0.0.1", port, logs={"readings": 0}, heartbeat=10, patience=2, down=["prices"], key=key)


@sync.on("double")
def double(n):
    return 2 * n


count = int(sys.argv[5]) if len(sys.argv) > 5 else None
id, celsius, due = 0, 20.0, time.ticks_ms()
while True:
    if count and id >= count:
        if not sync.status()["waiting"]:
            break
    elif time.ticks_diff(time.ticks_ms(), due) >= 0:
        due = time.ticks_add(due, every // 2 + random.randrange(every))
        celsius += random.random() - 0.5
        id = db.insert("readings", {"celsius": round(celsius, 1)})
        if random.random() < 0.1:
            db.upsert("settings", "key", "mode", {"on": random.random() < 0.5})
    if not sync.step():
        time.sleep_ms(20)
