"""A weather station: a reading a minute, averages of each hour, and only what makes sense.

Readings are kept for two days, hours for two months.
"""
import time

from unosql import Unosql

DAY = 86400


def read_sensor(minute):
    """Yours."""
    return {"sensor": "roof", "celsius": 15 + minute % 60 / 10, "humidity": 40 + minute % 20}


def open_station():
    db = Unosql("weather_station")
    db.create_collection("readings", ttl=2 * DAY, history=0, schema={
        "sensor": {"type": "str", "required": True},
        "celsius": {"type": "number", "required": True, "gte": -40, "lte": 60},
        "at": {"type": "int", "required": True},
    })
    db.create_collection("hours", ttl=60 * DAY, history=0)
    db.create_index("readings", "at")  # a group at a time, without reading the rest
    db.create_index("hours", "bucket", unique=True)
    return db


def last_hour(db):
    """Where the last hour that was summed begins; it may not have been complete."""
    for row in db.aggregate("hours", max={"bucket": "bucket"}):
        return row["bucket"] or 0


def sum_hours(db):
    """Bring the hours up to date; as often as you like."""
    for row in db.aggregate("readings", {"at": {"gte": last_hour(db)}}, bucket=("at", 3600), count="celsius",
                            avg={"celsius": "celsius"}, min={"low": "celsius"}, max={"high": "celsius"}):
        db.upsert("hours", "bucket", row["bucket"], row)


db = open_station()
start = int(time.time()) // 3600 * 3600
for minute in range(90):
    db.insert("readings", dict(read_sensor(minute), at=start + 60 * minute))
    if minute % 30 == 29:
        sum_hours(db)
try:
    db.insert("readings", {"sensor": "roof", "celsius": 850, "at": start})
except ValueError as error:
    print("refused:", error)
hours = db.find("hours", order_by="bucket")
for hour in hours:
    print(hour["bucket"] - start, hour["count_celsius"], hour["celsius"], hour["low"], hour["high"])
assert [hour["count_celsius"] for hour in hours] == [60, 30] and hours[0]["high"] == 20.9
db.close()
Unosql.destroy("weather_station")
