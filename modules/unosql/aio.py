"""unosql for programs with asyncio: `from unosql.aio import Unosql`, with the calls of unosql.Unosql as coroutines.

    async with Unosql("weather") as db:
        await db.insert("readings", {"celsius": 21.5})
        async for record in db.iterate("readings", {"celsius": {"gt": 20}}):
            print(record)
        async with db.transaction():
            await db.update("stock", "name", "bolt", inc={"count": -1})

Calls that may take long let other tasks run in between: find() and its kin, count(), aggregate(), insert_many(), update(), upsert()
and delete() of many, create_index(), backup(), incremental_backup(), restore(), rekey(), compact() and verify() at each record, entry
or block. Others hold the loop until they are done; deriving a key takes long, at opening a database that is encrypted and in rekey().

Tasks take turns: a call waits until that of another task, or its transaction, is done. A task that is cancelled while it waits, or in
the middle of a call, leaves all of the call done, or nothing; one that is cancelled in a transaction rolls it back. While such a call is
under way, or a transaction, calls of the plain unosql.Unosql on the same database raise BusyError, but for post(); other threads wait.

The ESP8266's image lacks it, for want of room.

iterate(), changes(), aggregate() and distinct() are for `async for`; others may write between two of their rows.
"""

from .core import Unosql as Plain, database_of
from .database import check_state
from .documents import changes, transaction
from .documents.arguments import check_name, check_number
from .errors import ClosedError, UnosqlError


# Seconds after which CPython looks again whether something has changed.
_LOOK = 0.02


def _asyncio():
    import asyncio

    return asyncio


# Calls that go by way of _run() and _rows(), which are others here.
_STEPPED = (
    "aggregate", "all", "backup", "changes", "compact", "create_index", "delete", "distinct", "find", "get_records_in_timeframe",
    "incremental_backup", "insert_many", "iterate", "rekey", "restore", "update", "upsert", "verify",
)


class Unosql:
    """A database for tasks. Arguments are those of unosql.Unosql; or one of these alone, which is open."""

    def __init__(self, db_name, *args, **others):
        self._db = db_name if isinstance(db_name, Plain) else Plain(db_name, *args, **others)
        database = database_of(self._db)
        database.watching = database.watching or _Watching(database)

    def __getattr__(self, name):
        if name[0] == "_":
            raise AttributeError(name)
        if name in _STEPPED:
            call = getattr(Plain, name)
            return lambda *args, **options: call(self, *args, **options)
        call = getattr(self._db, name)
        return lambda *args, **options: self._call(call, args, options)

    def __repr__(self):
        return repr(self._db)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        await self.close()

    async def close(self):
        try:
            await self._call(self._db.close, (), {})
        except ClosedError:
            pass  # it was

    async def find_one(self, collection, key=None, value=..., **options):
        options["limit"] = 1
        found = await self.find(collection, key, value, **options)
        return found[0] if found else None

    async def get_last_n_records(self, collection, n):
        check_number("n", n)
        return list(reversed(await self.find(collection, limit=n, order_by="-id")))

    async def count(self, collection, where=None, value=...):
        if where is None and value is ...:
            return await self._call(self._db.count, (collection,), {})
        return await Plain.count(self, collection, where, value)

    async def _call(self, call, args, options):
        async with _Turn(self._db):
            return call(*args, **options)

    async def _run(self, call, name, steps, arguments=(), create=False, level="DEBUG"):
        """As core.Unosql's, others' tasks in between."""
        sleep = _asyncio().sleep
        async with _Turn(self._db) as database:
            with database.settled(call, name) if create is None else database.use(call, name, level) as catalog:
                steps = steps(catalog if create is None else catalog.collection(name, create), *arguments)
                try:
                    while True:
                        try:
                            next(steps)
                        except StopIteration as end:
                            return end.value
                        await sleep(0)
                finally:
                    steps.close()

    def _rows(self, *what):
        return _Rows(self._db, *what)

    def _open(self):
        return database_of(self._db)

    def post(self, collection, record):
        """As unosql.Unosql.post(): a plain function, for callbacks."""
        return self._db.post(collection, record)

    def transaction(self):
        """`async with db.transaction():`, whose body may await what it likes. Other tasks wait for its end: it must not wait for them."""
        return _Turn(self._db, True)

    # -- changes as they come

    def watch(self, collection=None, since=None):
        """Return what `async for` takes the changes of this process from, without an end, as dicts like those of changes().

            async for change in db.watch("settings"):
                apply(change["record"])

        collection: only of this one.
        since: a change's number: later ones; None: those after the call.

        A change is told once, in the order of their numbers, when no power cut takes it back: after the transaction, and with durability
        "batch" after the flush. A record that is changed again before its turn is told once, as it is then. What clear(), drop(), pop(),
        ack(), capped and ttl remove is not told. UnosqlError when deletions are forgotten that it has not told, and after restore().
        ClosedError when the database is closed.
        """
        return _Watch(self._db, collection, since)

    def on_change(self, callback, collection=None, since=None):
        """Call callback(change) for what watch() tells; return the task that does so, which can be cancelled. callback: a function or
        a coroutine. What it raises ends the task; so does closing the database."""
        return _asyncio().create_task(_tell(callback, self.watch(collection, since)))


class _Queue:
    """Whose turn it is. users: how many tasks have it or wait for it; the last one takes the queue away."""

    def __init__(self):
        self.lock = _asyncio().Lock()
        self.task = None
        self.users = 0


class _Turn:
    """A context manager for one call of a task, or a transaction: it waits for the others, and gives the Database."""

    def __init__(self, db, begins=False):
        self._db = db
        self._begins = begins

    async def __aenter__(self):
        asyncio = _asyncio()
        await asyncio.sleep(0)
        database = self._database = database_of(self._db)
        queue = self._queue = database.turn = database.turn or _Queue()
        self._within = queue.task is asyncio.current_task()
        if self._within:
            database.lock.pause()
        else:
            queue.users += 1
            try:
                await queue.lock.acquire()
            except BaseException:
                self._leave()
                raise
            queue.task = asyncio.current_task()
        if self._begins:
            self._begin()
        return database

    def _begin(self):
        try:
            with self._database as catalog:
                _durable(catalog)
            self._plain = transaction.UserTransaction(self._database)
            self._plain.__enter__()
        except BaseException:
            self._end()
            raise
        self._database.lock.resume()  # plain calls of other tasks are none of this transaction

    async def __aexit__(self, *error):
        try:
            if self._begins:
                self._database.lock.pause()
                self._plain.__exit__(*error)
        finally:
            self._end()

    def _end(self):
        """Give the turn to the next task, or back to this one's transaction."""
        if self._within:
            self._database.lock.resume()
        else:
            self._queue.task = None
            self._queue.lock.release()
            self._leave()

    def _leave(self):
        self._queue.users -= 1
        if not self._queue.users:
            self._database.turn = None


class _Rows:
    """An asynchronous iterator over what core.Unosql._rows() would return a generator of."""

    def __init__(self, db, *what):
        self._db = db
        self._what = what
        self._rows = None

    def __aiter__(self):
        return self

    async def __anext__(self):
        return await self._row()

    async def _row(self):
        row = ...
        while row is ...:
            async with _Turn(self._db) as database:
                with database.use(*self._what[:2]) as catalog:
                    row = self._next(database, catalog)
        return row

    def _next(self, database, catalog):
        if not self._rows:
            self._restored = catalog.restored
            _, name, rows, arguments = self._what
            self._rows = rows(catalog if name is ... else catalog.collection(name), *arguments)
        check_state(catalog, self._restored)
        try:
            return next(self._rows)
        except StopIteration:
            raise StopAsyncIteration


def _durable(catalog):
    """Return the number of the last change that no power cut takes back."""
    if not catalog.in_transaction and not catalog.store.memtable.is_buffered:
        catalog.durable = catalog.change
    return catalog.durable


class _Watching:
    """What a Database calls when something may be durable: wakes those who wait for more than was durable before."""

    def __init__(self, database):
        with database as catalog:
            self.durable = _durable(catalog)
        self.flags = []

    def __call__(self, catalog):
        durable = catalog and _durable(catalog)
        if not catalog or durable > self.durable:
            self.durable = durable or self.durable
            for flag in self.flags:
                flag.set()


class _Watch(_Rows):
    def __init__(self, db, collection, since):
        super().__init__(db, "watch", None if collection is None else check_name(collection))
        self._watching = database_of(db).watching
        self._since = self._watching.durable if since is None else since
        check_number("since", self._since)
        self._restored = None

    async def __anext__(self):
        change = None
        while not change:
            await self._more()
            change = await self._row()
        return change

    async def _more(self):
        """Wait until there is something to tell."""
        watching, asyncio = self._watching, _asyncio()
        if self._rows or self._since < watching.durable:
            return
        flag = asyncio.ThreadSafeFlag() if hasattr(asyncio, "ThreadSafeFlag") else None
        if flag:
            watching.flags.append(flag)
        try:
            while self._since >= watching.durable:
                await (flag.wait() if flag else asyncio.sleep(_LOOK))
                database_of(self._db)
        finally:
            if flag:
                watching.flags.remove(flag)

    def _next(self, database, catalog):
        """Return the next change, or None when there is none for now."""
        if catalog.in_transaction:
            raise ValueError("watch within a transaction")
        if self._restored is None:
            self._restored = catalog.restored
        check_state(catalog, self._restored)
        if catalog.forgotten[0] > self._since:
            raise UnosqlError("deletions up to change %d are forgotten, and were not told: read all records" % catalog.forgotten[0])
        if not self._rows:
            self._last = _durable(catalog)
            self._rows = changes.told(catalog, self._since, self._last)
        change = next(self._rows, None)
        if not change:
            self._since, self._rows = max(self._since, self._last), None
            return None
        self._since = change["change"]
        return change if self._what[1] in (None, change["collection"]) else ...


async def _tell(callback, changes):
    try:
        async for change in changes:
            result = callback(change)
            if hasattr(result, "send"):
                await result
    except ClosedError:
        pass
