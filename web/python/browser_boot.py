"""What a board has and MicroPython's build for browsers has not: os.urandom, asyncio.run. And telling the page of each call."""
import json
import os
import time
from uctypes import addressof

import unosql_port


def urandom(n):
    """n random bytes of the browser's."""
    buf = bytearray(n)
    if n:
        unosql_port.random(addressof(buf), n)
    return bytes(buf)


def run(coro):
    """asyncio.run(): run tasks until this one is done; what it returns or raises. The port's own loop is the page's, which waits for us."""
    from asyncio import core

    results, errors = [], []

    async def watched():
        try:
            results.append(await coro)
        except BaseException as error:
            errors.append(error)

    task = core.create_task(watched())
    while not task.done():
        core._run_iter()
        head = core._task_queue.peek()
        if head:
            time.sleep_ms(max(0, time.ticks_diff(head.ph_key, time.ticks_ms())))
        elif not task.done():
            raise RuntimeError("all tasks wait for each other")
    if errors:
        raise errors[0]
    return results[0]


def install():
    """Once, before any program."""
    import asyncio

    os.urandom = urandom
    asyncio.run = run


def trace():
    """Tell the page of calls of unosql.Unosql, and what each did to the flash."""
    from unosql.core import Unosql

    for name in dir(Unosql):
        call = getattr(Unosql, name)
        if callable(call) and (name[0] != "_" or name == "__init__"):
            setattr(Unosql, name, _traced(name, call))


def _traced(name, call):
    def traced(self, *args, **options):
        if not unosql_port.begin():  # within another call
            return call(self, *args, **options)
        try:
            return call(self, *args, **options)
        finally:
            unosql_port.end("Unosql" if name == "__init__" else name, _subject(args))

    return traced


def _subject(args):
    return args[0] if args and isinstance(args[0], str) else ""


def layout():
    """JSON: of each open database its name, and the numbers of its segments level by level."""
    from unosql import shared

    return json.dumps([_levels(database) for database in shared.databases.values() if not database.posted])


def _levels(database):
    with database as catalog:
        levels = catalog.store.version.levels
        return {"name": database.name, "levels": [[segment.number for segment in level] for level in levels]}
