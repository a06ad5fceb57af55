"""The user's interface: `from unosql.core import Unosql`.

Importing this must cost little RAM, so that whatever a call needs is imported when it is called.
"""

from .errors import (
    ClosedError,
    CorruptionError,
    LockTimeoutError,
    StorageFullError,
    UniqueError,
    UnosqlError,
    WrongKeyError,
)

# Milliseconds to wait for another process or thread; read when a database is opened.
LOCK_TIMEOUT = 5000


class Unosql:
    """A database of collections of JSON records.

    db_name: 1 to 32 letters, digits, '_' or '-'. encryption_key: 16 bytes, a passphrase (a str, or bytes of another
    length from 8 on), or None: not encrypted. iterations: of PBKDF2, used when the database is created.
    log_level: "DEBUG", "INFO", "ERROR" or "NONE", written to <path>/<db_name>.log, rotated at log_size bytes.
    path: directory; by default the raw partition of the image if it has one, else the current directory.
    storage: a files.Files, a flash.Flash or a block device. durability: "sync": a call that returned is durable;
    "batch": only after flush(), close() or when memtable bytes are buffered. history: versions kept of a record besides
    the current one. memtable: bytes of RAM that buffer writes and bound a record's size (1024 to 65,536); by default 2 to 8 KB,
    by the free heap. Opening a database twice in one process gives two handles on one database.

    Raises WrongKeyError, CorruptionError, LockTimeoutError, ValueError. Every call raises ClosedError once closed.
    """

    _database = None

    def __init__(
        self,
        db_name,
        encryption_key=None,
        iterations=10000,
        log_level="ERROR",
        *,
        path=None,
        storage=None,
        durability="sync",
        history=4,
        memtable=None,
        log_size=8192
    ):
        from .arguments import check_number
        from .database import LEVELS, Place, attach

        check_number("iterations", iterations, 1000, 10000000)
        check_number("history", history, 0, 255)
        if memtable is not None:
            check_number("memtable", memtable, 1024, 65536)
        check_number("log_size", log_size, 128, 1 << 30)
        if log_level not in LEVELS:
            raise ValueError("log_level is one of %s, not %r" % (", ".join(LEVELS), log_level))
        if durability not in ("sync", "batch"):
            raise ValueError("durability is 'sync' or 'batch', not %r" % (durability,))
        self._database = attach(
            Place(db_name, path, storage),
            encryption_key,
            iterations=iterations,
            level=log_level,
            durability=durability,
            history=history,
            memtable=memtable,
            log_size=log_size,
            timeout=LOCK_TIMEOUT,
        )

    def close(self):
        """Close this handle; again: nothing."""
        database, self._database = self._database, None
        if database:
            database.detach()

    def __enter__(self):
        self._open()
        return self

    def __exit__(self, kind, error, traceback):
        self.close()

    def _open(self):
        if not self._database:
            raise ClosedError("the database is closed")
        return self._database

    def _use(self, call, name="", level="DEBUG"):
        """Return a context manager that keeps other threads out and gives the Catalog."""
        database = self._open()
        database.note(level, "%s %s" % (call, name))
        return database

    def _settled(self, call, name=""):
        """The same for calls that can't be part of a transaction."""
        database = self._use(call, name, "INFO")
        with database as catalog:
            if catalog.in_transaction:
                raise ValueError("%s within a transaction" % call)
        return database

    def _steps(self, rows):
        """Yield from a generator, keeping other threads out only while it works."""
        while True:
            with self._open():
                try:
                    row = next(rows)
                except StopIteration:
                    return
            yield row

    # -- records

    def insert(self, collection, record):
        """Insert a dict of JSON values and return its id: 1, 2, 3, ... in each collection, never used again.

        id, timestamp and version in it are ignored. Raises ValueError, UniqueError, StorageFullError.
        """
        with self._use("insert", collection) as catalog:
            return catalog.collection(collection, True).insert(record)

    def insert_many(self, collection, records):
        """Insert all dicts of an iterable, or none. Returns how many."""
        from .batch import insert_many

        with self._use("insert_many", collection) as catalog:
            return insert_many(catalog.collection(collection, True), records)

    def get(self, collection, id):
        """Return the record with an id, or None."""
        with self._use("get", collection) as catalog:
            return catalog.collection(collection).get(id)

    def find(self, collection, key=None, value=None, **options):
        """Return a list of records: find(c), find(c, "name", "Arman"), find(c, ["a", "b"], [1, 2]), find(c, {"age": {"gt": 18}}).

        options: limit, skip (numbers), order_by ("age", "-age" or a list), fields (a list: only these, and the id).
        """
        with self._use("find", collection) as catalog:
            return list(self._search(catalog, collection, key, value, options))

    def iterate(self, collection, where=None, **options):
        """find() as a generator, which takes bounded RAM; sees writes made meanwhile."""
        with self._use("iterate", collection) as catalog:
            return self._steps(self._search(catalog, collection, where, None, options))

    def find_one(self, collection, key=None, value=None, **options):
        """Return the first record of find(), or None."""
        options["limit"] = 1
        found = self.find(collection, key, value, **options)
        return found[0] if found else None

    def _search(self, catalog, collection, key, value, options):
        from .condition import compile
        from .query import search

        return search(catalog.collection(collection), compile(key, value), **options)

    def update(self, collection, key, value=None, changes=None):
        """Merge changes into all records found: update(c, "name", "Arman", {...}) or update(c, where, {...}).

        Raises their versions and sets their timestamps, as one batch. False when there were none.
        """
        from .batch import arguments, update

        with self._use("update", collection) as catalog:
            return update(catalog.collection(collection), *arguments(key, value, changes)) is not None

    def upsert(self, collection, key, value=None, changes=None):
        """update(), or else insert the equal fields of the condition and the changes. Returns the first record's id."""
        from .batch import arguments, upsert

        with self._use("upsert", collection) as catalog:
            return upsert(catalog.collection(collection, True), *arguments(key, value, changes))

    def delete(self, collection, key, value=None):
        """Delete all records found; return how many."""
        from .batch import condition, delete

        with self._use("delete", collection) as catalog:
            return delete(catalog.collection(collection), condition(key, value))

    def all(self, collection):
        """Return all records by id."""
        return self.find(collection)

    def count(self, collection, where=None):
        """Return how many records there are; without a condition, and a TTL, nothing needs to be read."""
        with self._use("count", collection) as catalog:
            if where is None:
                return catalog.collection(collection).size()
            return sum(1 for _ in self._search(catalog, collection, where, None, {}))

    def get_last_n_records(self, collection, n):
        """Return the n records inserted last, the oldest of them first."""
        from .arguments import check_number

        check_number("n", n)
        return list(reversed(self.find(collection, limit=n, order_by="-id")))

    def get_records_in_timeframe(self, collection, field, start, end):
        """Return the records with start <= record[field] <= end."""
        return self.find(collection, {field: {"gte": start, "lte": end}})

    def history(self, collection, id):
        """Return the kept versions of a record, the current one first."""
        with self._use("history", collection) as catalog:
            return catalog.collection(collection).history(id)

    # -- collections

    def collections(self):
        """Return the names."""
        with self._use("collections") as catalog:
            return [collection.name for collection in catalog.collections()]

    def clear(self, collection):
        """Remove all records and index definitions, at once however many."""
        with self._use("clear", collection, "INFO") as catalog:
            catalog.collection(collection).clear()

    def drop(self, collection):
        """Remove the collection. False when there is none."""
        with self._use("drop", collection, "INFO") as catalog:
            return catalog.collection(collection).drop()

    def configure(self, collection, *, capped=None, ttl=None, history=None):
        """Set options that stay. capped: keep the last n records. ttl: seconds. history: versions. 0: off; None: as it was."""
        from .arguments import check_number

        options = {}
        for name, n, most in (("capped", capped, 1 << 40), ("ttl", ttl, 1 << 40), ("history", history, 255)):
            if n is not None:
                check_number(name, n, 0, most)
                options[name] = n
        with self._use("configure", collection, "INFO") as catalog:
            catalog.collection(collection, True).configure(options)

    def pop(self, collection, n=1):
        """Remove and return the n oldest records."""
        with self._use("pop", collection) as catalog:
            return catalog.collection(collection).pop(n)

    def ack(self, collection, id):
        """Remove all records up to an id; return how many."""
        with self._use("ack", collection) as catalog:
            return catalog.collection(collection).ack(id)

    # -- indexes

    def create_index(self, collection, keys, *, unique=False, where=None):
        """Index a field or a list of fields; where: only the records that it holds for. Raises UniqueError."""
        from .index import create, fields

        with self._use("create_index", collection, "INFO") as catalog:
            create(catalog.collection(collection, True), fields(keys), bool(unique), where)

    def drop_index(self, collection, keys):
        """Remove an index. False when there is none."""
        from .index import drop, fields

        with self._use("drop_index", collection, "INFO") as catalog:
            return drop(catalog.collection(collection), fields(keys))

    def indexes(self, collection):
        """Return [{"keys": [...], "unique": bool, "where": dict or None}]."""
        with self._use("indexes", collection) as catalog:
            definitions = catalog.collection(collection).definitions
            return [{name: d[name] for name in ("keys", "unique", "where")} for d in definitions]

    def explain(self, collection, key=None, value=None, **options):
        """Tell how find() would search: {"plan": "id", "index" or "scan", "index": keys, "range": bool, "sorted": bool}."""
        from .condition import compile
        from .query import explain

        with self._use("explain", collection) as catalog:
            return explain(catalog.collection(collection), compile(key, value), **options)

    # -- transactions and changes

    def transaction(self):
        """with db.transaction(): all writes within are one batch; an exception rolls them back and goes on."""
        from .database import Transaction

        return Transaction(self._open())

    def changes(self, since=0, limit=None):
        """Yield {"change", "collection", "id", "deleted", "record"} for the latest change of each record above `since`."""
        from .changes import changes

        with self._use("changes") as catalog:
            return self._steps(changes(catalog, since, limit))

    def last_change(self):
        """Return the number of the last change."""
        with self._use("last_change") as catalog:
            return catalog.change

    # -- backups

    def backup(self, filename):
        """Write everything to a file, sealed like the database. Returns how many records."""
        return self._back_up("backup", filename)

    def incremental_backup(self, filename, since_timestamp=None, *, since_change=None):
        """Write what was changed and deleted at or after a time, or after a change. Returns how many records."""
        if since_timestamp is None and since_change is None:
            raise ValueError("since_timestamp or since_change is missing")
        return self._back_up("incremental_backup", filename, since_timestamp, since_change)

    def _back_up(self, call, filename, *since):
        from .arguments import check_number
        from .backup import backup

        for number in since:
            if number is not None:
                check_number("since", int(number) if isinstance(number, float) else number)

        with self._settled(call, filename) as catalog:
            return backup(catalog, filename, *since)

    def restore(self, filename):
        """Replace the database by a full backup, or merge an incremental one: all of it or nothing."""
        from .backup import restore

        database = self._settled("restore", filename)
        with database as catalog:
            return restore(catalog, filename, database.password)

    # -- maintenance

    def flush(self):
        """Make everything durable."""
        with self._use("flush") as catalog:
            catalog.store.flush_batch()

    def optimize_memory(self):
        """Write the memtable out and drop caches; loses nothing."""
        import gc

        with self._settled("optimize_memory") as catalog:
            catalog.store.trim()
        gc.collect()

    def rekey(self, encryption_key, iterations=None):
        """Encrypt everything anew (None: decrypt). After a cut exactly one of the keys opens the database."""
        from .arguments import check_number
        from .database import key_bytes

        password = key_bytes(encryption_key)
        database = self._settled("rekey")
        iterations = database.iterations if iterations is None else iterations
        check_number("iterations", iterations, 1000, 10000000)
        with database:
            database.rekey(password, iterations)

    def compact(self):
        """Merge all segments and forget what is dead."""
        with self._settled("compact") as catalog:
            catalog.store.compact()

    def verify(self):
        """Read and check everything. Returns a line for each problem."""
        from .verify import problems

        with self._settled("verify") as catalog:
            return list(problems(catalog))

    def get_stats(self):
        """Return a dict: collections {name: count}, bytes, free, segments, levels, memtable, wal, change, version."""
        import unosql

        with self._use("get_stats") as catalog:
            stats = catalog.store.stats()
            stats["collections"] = {collection.name: collection.size() for collection in catalog.collections()}
            stats["change"] = catalog.change
            stats["version"] = unosql.__version__
            return stats
