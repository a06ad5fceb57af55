"""A device on MicroPython: micropython mqtt_device.py FOLDER PORT PASSWORD [KEY], KEY in hex: then messages are sealed, and deflated.

It works until FOLDER/stop is there, then sends what is left, prints what it has, and ends. It may be killed at any time."""
import binascii
import json
import os
import random
import sys
import time

import uzlib
from unosql.core import Unosql
from unosql.mqtt import Sync

folder, port, password = sys.argv[1:4]
db = Unosql("device", path=folder, log_level="NONE")
options = {"key": binascii.unhexlify(sys.argv[4]), "pack": uzlib.compress, "chunk": 1024} if len(sys.argv) > 4 else {}
sync = Sync(db, "pump-7", "127.0.0.1", int(port), password=password or None, logs={"readings": 0}, patience=0.3, heartbeat=1,
            down=["prices"], **options)


@sync.on("double")
def double(argument):
    return 2 * argument


def stopped():
    try:
        os.stat(folder + "/stop")
        return True
    except OSError:
        return False


def work():
    for _ in range(random.choice((1, 1, 1, 12))):
        db.insert("readings", {"celsius": random.getrandbits(6)})
    name = random.getrandbits(3)
    if random.getrandbits(2):
        db.upsert("settings", "name", name, {"value": random.getrandbits(20)})
    else:
        db.delete("settings", "name", name)


while not stopped():
    work()
    for _ in range(5):
        sync.step()
        time.sleep_ms(4)
end = time.ticks_add(time.ticks_ms(), 30000)
while sync.status()["waiting"] and time.ticks_diff(end, time.ticks_ms()) > 0:
    if not sync.step():
        time.sleep_ms(5)
status = sync.status()
left = db.count("readings")
print(json.dumps({"state": {record["id"]: record["value"] for record in db.all("settings")}, "left": left, "status": status,
                  "prices": {record["key"]: record["euro"] for record in db.all("prices")}, "every": sync.setting("every"),
                  "next": db.insert("readings", {})}))
db.close()
