"""Settings that tell who uses them when they change, whoever changed them. With asyncio, so not for the image of the ESP8266."""
import asyncio

import unosql
from unosql.aio import Unosql

DEFAULTS = {"interval": 60, "led": True}
seen = []


async def get(db, name):
    found = await db.find_one("settings", "name", name)
    return found["value"] if found else DEFAULTS[name]


async def put(db, name, value):
    if await get(db, name) != value:  # flash wears out by writing
        await db.upsert("settings", "name", name, {"value": value})


def apply(change):
    """Yours: set a pin, start a timer. Called once for each change, when no power cut takes it back."""
    seen.append((change["record"]["name"], change["record"]["value"]))
    print("now:", *seen[-1])


async def form(db):
    """A form in a browser: both values or none."""
    async with db.transaction():
        await put(db, "interval", 10)
        await put(db, "led", False)


async def main():
    async with Unosql("settings_example") as db:
        await db.create_collection("settings", history=2, schema={"name": {"type": "str", "required": True, "in": list(DEFAULTS)}})
        await db.create_index("settings", "name", unique=True)
        db.on_change(apply, "settings")
        await form(db)
        await asyncio.sleep(0.1)
        await put(db, "interval", 10)  # is what it was: nothing is written, nobody told
        await put(db, "interval", 20)
        await asyncio.sleep(0.1)
        assert seen == [("interval", 10), ("led", False), ("interval", 20)], seen
        assert [old["value"] for old in await db.history("settings", 1)] == [20, 10]


asyncio.run(main())
unosql.Unosql.destroy("settings_example")
