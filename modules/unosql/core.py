"""The user's interface: `from unosql import Unosql`; all names are in unosql.core.

A record is a dict of JSON values: None, bool, int, float, str, and lists and dicts of these, up to 16 deep; keys are
strings. A collection is made by its first write. Its name has 1 to 64 characters. One that does not exist reads as empty.

The database sets id (an int), timestamp (whole seconds since the port's epoch, of the last write) and version (1 at the
insert) in what it returns. A record that was read, which has all three, may be inserted again, elsewhere say, and gets new
ones. Any other id, timestamp or version is refused, rather than lost: store it under another name, as "own_id".

Text is Unicode, in values, names of fields and of collections, and conditions. Surrogate pairs, which MicroPython's
json.loads() leaves in two, are joined. Half a pair, or bytes that are no UTF-8, are refused. Where an earlier version has
stored these, they read as U+FFFD.

A condition says which records a call is about. Several fields in one dict must all hold:

    db.find("users")                                        # all records
    db.find("users", "age", 30)                             # a field and its value
    db.find("users", ["city", "age"], ["Lyon", 41])         # fields and their values
    db.find("users", {"city": "Lyon", "age": {"gte": 18}})  # a dict, with operators
    db.find("users", {"or": [{"age": 30}, {"not": {"city": "Lyon"}}]})
    db.find("users", {"home.city": "Lyon"})                 # a field of a dict in the record

Operators are eq, ne, gt, gte, lt, lte, in (a list), contains (a part of a string, an element of a list), regex
(anywhere in a string) and exists (True or False). "and" and "or" take a list of conditions, "not" takes one. Values of
different types are neither equal nor ordered, but int and float are numbers alike. A missing field equals None, which must be said:
a field without a value is a TypeError. A dict as a value is compared as a whole, and refused when it names operators:
write {"age": {"gte": 18}}, or {"age": {"eq": {...}}}.

A call is durable when it returns, unless durability is "batch". It raises ValueError or TypeError for bad arguments,
OSError for files, and UnosqlError for the rest. LOCK_TIMEOUT has the milliseconds to wait for another process or thread
(5000), read when a database is opened; `unosql.core.LOCK_TIMEOUT = 10000` changes it.
"""

import gc

import unosql

from . import destroy, posts, shared
from .database import LEVELS, check_state
from .documents import backup, changes, condition, index, many, query, queue, restore, transaction, verify
from .documents.arguments import check_number
from .documents.record import dumps, loads
from .documents.steps import collected, counted
from .errors import (
    BusyError,
    ClosedError,
    ConflictError,
    CorruptionError,
    LockTimeoutError,
    StorageFullError,
    UniqueError,
    UnosqlError,
    WrongKeyError,
)
from .place import Place, attach, key_bytes

# Milliseconds to wait for another process or thread; read when a database is opened.
LOCK_TIMEOUT = 5000


class Unosql:
    """A database of collections of JSON records; opening it creates it when there is none.

    db_name: 1 to 32 letters, digits, '_' or '-'.
    encryption_key: 16 bytes, a passphrase (a str, or bytes of another length from 8 on), or None: not encrypted.
    iterations: of PBKDF2, 1000 to 10,000,000; more make guessing slower, and each opening. Used when the database is
    created, and kept in it.
    log_level: "DEBUG", "INFO", "ERROR" or "NONE"; to the file <path>/<db_name>.log, which leaves 32 KB of its
    filesystem free.
    path: a directory that exists; by default the image's raw partition if it has one, else the current directory.
    storage: where to keep it instead: a block device of raw flash, or a Files or Flash of unosql.storage.
    durability: "sync": a call that returned is durable. "batch": only after flush(), close(), or when the memtable is
    full; a power cut takes the calls since then, and none by half.
    history: versions kept of a record besides the current one, 0 to 255.
    memtable: bytes of RAM that buffer writes and bound a record's size, 1024 to 65,536 (of which it takes 65,408); None: 2 KB, or 4 to 8
    where 64 KB of heap are free.
    log_size: bytes at which the log starts anew, keeping one older file.
    posts: records that post() keeps in RAM until they are written, 0 to 1000.

    Opening a database twice in one process gives two handles on one database, with the options of the first; on FAT
    also when the names differ in upper and lower case. A `with` statement closes it at the end.

    A medium that can only be read opens for reading: what would write raises OSError (EROFS, or EACCES where the
    operating system forbids it), and so does opening a database that is not there.

    Raises WrongKeyError, CorruptionError, LockTimeoutError, StorageFullError, ValueError, OSError. Every call raises
    ClosedError once closed.

    A callback of machine.Timer, Pin.irq or micropython.schedule, a signal handler or a finalizer may run in the middle of
    a call. What it calls of the same database raises BusyError then and does nothing, but for post(). The generator given
    to insert_many(), the loop over iterate() and the body of a transaction may call all.
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
        log_size=8192,
        posts=16
    ):
        with shared.opening:
            check_number("iterations", iterations, 1000, 10000000)
            check_number("history", history, 0, 255)
            if memtable is not None:
                check_number("memtable", memtable, 1024, 65536)
            check_number("log_size", log_size, 128, 1 << 30)
            check_number("posts", posts, 0, 1000)
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
                posts=posts,
                timeout=LOCK_TIMEOUT,
            )

    def close(self):
        """Close this handle. Calling it again does nothing. The last one makes all durable and closes the database."""
        database, self._database = self._database, None
        if database:
            try:
                database.detach()
            except (BusyError, LockTimeoutError):
                self._database = database
                raise

    def __repr__(self):
        if not self._database:
            return "<Unosql: closed>"
        try:
            with self._database as catalog:
                names = ", ".join([name for name, _ in zip(catalog.names(), range(9))]) or "no collections"
                return "<Unosql %r on %s: %s>" % (self._database.name, catalog.store.storage.describe(None), names)
        except (OSError, UnosqlError) as error:
            return "<Unosql %r: %r>" % (self._database.name, error)

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
        return self._open().use(call, name, level)

    def _run(self, call, name, steps, arguments=(), create=False, level="DEBUG"):
        """Take all of steps(collection, *arguments), and return what they return. aio.py has its own.

        create: whether the collection of that name is about to be made; None: steps are of the catalog, and of no transaction.
        """
        with self._open().settled(call, name) if create is None else self._use(call, name, level) as catalog:
            steps = steps(catalog if create is None else catalog.collection(name, create), *arguments)
            while True:  # as steps.finish() does: a call less on a board's small C stack
                try:
                    next(steps)
                except StopIteration as end:
                    return end.value

    def _rows(self, call, name, rows, arguments):
        """Return a generator of rows(collection, *arguments); name `...`: of the catalog. aio.py has its own."""
        with self._use(call, name) as catalog:
            return self._steps(rows(catalog if name is ... else catalog.collection(name), *arguments), catalog.restored)

    def _steps(self, rows, restored):
        """Yield rows, keeping other threads out only while it looks for one. restored: of the database at its start."""
        while True:
            with self._open() as catalog:
                check_state(catalog, restored)
                row = ...
                while row is ...:
                    try:
                        row = next(rows)
                    except StopIteration:
                        return
            yield row

    # -- records

    def insert(self, collection, record):
        """Insert a dict of JSON values and return its id: 1, 2, 3, ... in each collection, never used again.

        Raises ValueError (no dict, a value that JSON lacks, text that is not Unicode, too deep, an id, timestamp or version
        of one's own, larger than the memtable), UniqueError, StorageFullError (a full medium; what removes works on it, and
        makes room). An error changes nothing.
        """
        with self._use("insert", collection) as catalog:
            return catalog.collection(collection, True).insert(record)

    def insert_many(self, collection, records):
        """Insert all dicts of an iterable (a generator, say) or none; return how many. Raises as insert() does.

        StorageFullError: what was removed before has been reclaimed, so that a smaller batch may find room. A list
        was tried again already.
        """
        return self._run("insert_many", collection, many.insert_many, (records, self._open().pulled), True)

    def post(self, collection, record):
        """Queue a record, to be inserted by the next call; return whether there was room, which `posts` says at opening.

            timer = machine.Timer(0, period=1000, callback=lambda _: db.post("ticks", {"at": time.time()}))

        For callbacks of timers and pins, signal handlers and other threads: it may come in the middle of any call, and
        writes nothing itself. The next call outside a transaction first inserts what is queued, in order; flush() and
        close() do so, too. A power cut before that loses it. The record's timestamp is that of the writing. A record
        for which there was no room is counted in get_stats()["post_overflow"].

        A record that can't be written for now, as on a full medium, stays queued with those behind it, and calls go on
        without them; flush() and close() raise the error, and close() loses them. One that a unique index refuses is
        logged, left out and counted in get_stats()["post_refused"]; the next flush() or close() raises the UniqueError.

        Raises ValueError (no dict, a value that JSON lacks, too deep, larger than the memtable).
        """
        return self._open().post(collection, record)

    def get(self, collection, id):
        """Return the record with an id (an int), or None."""
        with self._use("get", collection) as catalog:
            return catalog.collection(collection).get(id)

    def find(self, collection, key=None, value=..., **options):
        """Return a list of the records that a condition holds for, by id; for large results see iterate().

        limit: at most so many.
        skip: leave out so many first.
        order_by: "age", "-age" (descending), or a list of such; ties by id.
        fields: a list; return only these, and the id.
        """
        return self._run("find", collection, _search, (collected, key, value, options))

    def iterate(self, collection, where=None, value=..., **options):
        """find() as a generator: bounded RAM, however many there are. The loop may write what it likes.

        where: a condition as a dict, or what find() takes as key.
        order_by: takes RAM for the keys of all records, or of skip + limit, unless an index has that order.

        It ends whatever is written meanwhile, and meets none twice. Each record that was there at the call is met, as it
        is when its turn comes, unless it is gone or the condition no longer holds for it. In the order of an index these
        are left out as well: records that were moved in that order before their turn, and, when fewer versions than the
        writes since the call are kept of it, a record that was changed before its turn. Records inserted since the call
        are not met. clear() and drop() end it, restore() makes it raise UnosqlError.
        """
        return self._rows("iterate", collection, _search, (iter, where, value, options))

    def find_one(self, collection, key=None, value=..., **options):
        """Return the first record that find() would, or None."""
        options["limit"] = 1
        found = self.find(collection, key, value, **options)
        return found[0] if found else None

    def update(self, collection, key, value=..., changes=None, **operators):
        """Change all records that a condition holds for, as one batch; False when there are none.

            db.update("users", "name", "Arman", {"age": 30})  # sets fields
            db.update("users", {"age": {"lt": 18}}, {"minor": True})
            db.update("users", "id", 3, {"home.city": "Paris"})  # leaves home's other fields alone
            db.update("users", "id", 3, {"seen": 1700000000}, inc={"visits": 1}, push={"last": 21.5}, keep={"last": 10})

        changes: a dict of fields and their new values. A dict as a value replaces what is there.
        inc: a dict of fields and the numbers to add to them. A missing field starts from 0.
        min: a dict of fields and values: each becomes the less of the two, both numbers, strings or booleans.
        max: likewise the greater. A missing field is set, by min, too.
        push: a dict of lists and an element to append to each. A missing list is made.
        keep: a dict of lists in push and the most elements to keep in each, 1 to 65,536; the oldest go.
        pull: a dict of lists and a value: all elements equal to it go.
        unset: a field or a list of fields to remove.
        rename: a dict of fields and their new names, which must be free.
        replace: the whole new record, as insert() takes it, alone: all other fields go.

        The field "a.b" is what it is in conditions: the key "a.b" of a record that has it, or else key b of the dict a, which
        is made when it is missing. Pull, unset and rename leave a missing field as it is.

        Raises their versions and sets their timestamps. A condition must be given, {} stands for all records; an "id" and
        "version" in it change a record only as it was read. Changes may be the whole record as it was read: an id that is not
        the record's is a ValueError then, and a version that is no longer the record's a ConflictError.

        Raises as insert() does, and ValueError when in any of the records an operator does not fit the field, as inc a
        string, when "a.b" lies in an a that is no dict, and for two changes to one field, or to one and to a field in it. Then
        none is changed.
        """
        return self._run("update", collection, many.update, many.arguments(key, value, changes, operators))

    def upsert(self, collection, key, value=..., changes=None, **operators):
        """update(), or else insert one record: what the condition says is equal, changed in the same way.

            db.upsert("settings", "name", "volume", {"value": 7})
            db.upsert("visits", "page", "/", inc={"count": 1})

        replace: as in update(), but what the condition says is equal stays, unless it names that field, too.

        Returns the id of the first record updated, or of the new one. Raises as update() does, and ValueError when fields
        exclude each other, as "a" being 5 and "a.b" being 2, or when it would insert a record with a given id, timestamp or
        version.
        """
        return self._run("upsert", collection, many.upsert, many.arguments(key, value, changes, operators), True)

    def delete(self, collection, key, value=...):
        """Delete all records that a condition holds for, as one batch; return how many. {} stands for all records.

        With little flash left, outside a transaction, it takes several batches, and keeps no history of these records. After
        a cut the next opening deletes the rest. StorageFullError says that it stopped half-way: the rest stays.
        """
        return self._run("delete", collection, many.delete, (many.condition(key, value),))

    def all(self, collection):
        """Return a list of all records, by id."""
        return self.find(collection)

    def count(self, collection, where=None, value=...):
        """Return how many records there are. Only a condition, as find() takes it, and a collection's TTL make it read them."""
        if where is None and value is ...:
            with self._use("count", collection) as catalog:
                return catalog.collection(collection).size()
        return self._run("count", collection, _search, (counted, where, value, {}))

    def get_last_n_records(self, collection, n):
        """Return the n records inserted last, the oldest of them first."""
        check_number("n", n)
        return list(reversed(self.find(collection, limit=n, order_by="-id")))

    def get_records_in_timeframe(self, collection, field, start, end):
        """Return the records with start <= record[field] <= end, two numbers or two strings. Reads all unless field has an index."""
        return self.find(collection, condition.between(field, start, end))

    def aggregate(self, collection, where=None, value=..., **columns):
        """Yield sums over the records that a condition holds for, a dict for each group, in the order of the groups.

            for row in db.aggregate("readings", {"timestamp": {"gte": yesterday}}, group_by="sensor", bucket=("timestamp", 3600),
                                    count=True, avg="celsius", max=["celsius", "humidity"]):
                print(row)
            # {"sensor": "roof", "bucket": 817002000, "count": 60, "avg_celsius": 21.4, "max_celsius": 22.5, "max_humidity": 41}

        where: a condition as a dict, or what find() takes as key.
        group_by: a field or a list of fields, with None, booleans, numbers or strings in them.
        bucket: a field and a width: groups of its numbers from n * width on, the last part of the order. A record without a
        number there is left out.
        count: True: of records; or of those that have a field.
        sum: of numbers; an int where all are.
        avg: of numbers.
        min: the least, by the order of indexes: booleans, numbers, strings.
        max: the greatest.
        first: the value of the first record that has the field, in the order of the bucket's field, then of ids.
        last: that of the last one.

        A column is asked for by a field, a list of fields, or a dict of names in the row and fields. Its name is "avg_celsius" where
        none is given. It is None for groups in which no record has the field. Without group_by and bucket there is one row.

        Where an index, or the id, has the order of group_by and the bucket's field, each group is summed on its own; explain()
        with the same group_by and bucket says "sorted". Elsewhere groups are summed as many as the free RAM has KB, and the
        records are read again for those that had no room. min and max of a field with an index, of
        all records, are read at the ends of the index.

        It goes on as iterate() does when the loop writes; what is written then may be in groups to come. ValueError for a value
        that does not fit, with the id of its record.
        """
        from .documents.aggregate import aggregate

        return self._rows("aggregate", collection, aggregate, (condition.compile(where, value), columns))

    def distinct(self, collection, field, where=None, value=...):
        """Yield the different values that a field has in the records that a condition holds for, in order.

        None stands for records without it. With an index on the field, and no condition, it takes one search a value.
        """
        from .documents.aggregate import distinct

        return self._rows("distinct", collection, distinct, (condition.compile(where, value), field))

    def history(self, collection, id):
        """Return a list of the kept versions of a record, the newest first; [] when none is known.

        Those of a deleted record stay for a while, until its deletion is forgotten (see changes()). One that was deleted
        with little flash left has none, and a version that nearly fills the memtable is not kept.
        """
        with self._use("history", collection) as catalog:
            return catalog.collection(collection).history(id)

    # -- collections

    def collections(self):
        """Return a list of the collections' names."""
        with self._use("collections") as catalog:
            return list(catalog.names())

    def clear(self, collection):
        """Remove all records and indexes, which takes the same time however many. Options and the next id stay."""
        with self._use("clear", collection, "INFO") as catalog:
            catalog.collection(collection).clear()

    def drop(self, collection):
        """Remove the collection with its options; ids start at 1 again. False when there is none."""
        with self._use("drop", collection, "INFO") as catalog:
            return catalog.collection(collection).drop()

    def create_collection(self, collection, *, schema=None, capped=None, ttl=None, history=None):
        """Make a collection, unless it is there, and set its options as configure() does; return whether it was made.

            db.create_collection("readings", capped=5000, schema={
                "sensor": {"type": "str", "required": True},
                "celsius": {"type": "number", "gte": -40, "lte": 85},
                "home.city": "str",
            })

        A program may say so at each start: nothing is written when nothing has changed.
        """
        options = _options(capped, ttl, history, schema)
        with self._use("create_collection", collection, "INFO") as catalog:
            found = catalog.collection(collection, True)
            made = not found.number
            found.configure(options)
            return made

    def configure(self, collection, *, capped=None, ttl=None, history=None, schema=None):
        """Set options of a collection, which are stored, and return all of them, a dict. 0 turns one off, None leaves it as it was.

        capped: keep so many records, those inserted last. ttl: seconds from a record's timestamp to its end; the clock
        must be set; later inserts free what has expired, for good. history: versions kept of a record besides the current
        one, in place of the database's number; with a lower one older versions go when their record is changed.
        schema: a dict of fields and what they must be: a type, or a dict of type, required and operators as in conditions.
        Types are bool, int, number (an int or float), str, list and dict. A field that is missing or None breaks the schema
        only where it is required, and others than these may be there. {} turns it off.

        A schema holds for what is inserted, posted, imported and updated. A record that breaks it is a ValueError, which names
        the field; so is one that is there already. restore() brings the schema of the backup.
        """
        options = _options(capped, ttl, history, schema)
        with self._use("configure", collection, "INFO") as catalog:
            found = catalog.collection(collection, bool(options))
            if options:
                found.configure(options)
            return found.settings()

    def pop(self, collection, n=1):
        """Remove the n oldest records and return them, a list. A reset after that loses them: see ack()."""
        with self._use("pop", collection) as catalog:
            return queue.pop(catalog.collection(collection), n)

    def ack(self, collection, id):
        """Remove all records up to an id; return how many. Constant time, unless records were deleted
        earlier or the collection has a TTL: then it visits each one.

        For a queue that loses nothing: find(collection, limit=n), use the records, ack(collection, the last one's id).
        """
        with self._use("ack", collection) as catalog:
            return queue.ack(catalog.collection(collection), id)

    # -- indexes

    def create_index(self, collection, keys, *, unique=False, where=None):
        """Index what there is and what comes, so that find() need not read all records. An index that exists stays as it is.

        keys: a field or a list of fields; it serves conditions on the first of them, too.
        unique: no two records may have the same values. A missing field is None, which only one record may have.
        where: a condition as a dict: index only the records that it holds for; find() uses it when asked for that too.

        Raises UniqueError when two records collide, and ValueError when these fields have another index.
        """
        return self._run("create_index", collection, index.creating, (index.fields(keys), bool(unique), where), True, "INFO")

    def drop_index(self, collection, keys):
        """Remove the index on a field or a list of fields. False when there is none."""
        with self._use("drop_index", collection, "INFO") as catalog:
            return index.drop(catalog.collection(collection), index.fields(keys))

    def indexes(self, collection):
        """Return a list of {"keys": [...], "unique": bool, "where": dict or None}."""
        with self._use("indexes", collection) as catalog:
            definitions = loads(dumps(catalog.collection(collection).definitions))  # a copy: what is returned may be changed
            return [{name: d[name] for name in ("keys", "unique", "where")} for d in definitions]

    def explain(self, collection, key=None, value=..., **options):
        """Tell how find() with the same arguments would search, as a dict.

        group_by, bucket: of aggregate(), in the place of order_by.

        "plan": "id", "index" or "scan", which reads all records. "index": its fields, or None. "range": whether a
        comparison narrows it. "sorted": whether records are met in the order asked for.
        """
        with self._use("explain", collection) as catalog:
            explain = query.explain
            if "group_by" in options or "bucket" in options:
                from .documents.aggregate import explain
            return explain(catalog.collection(collection), condition.compile(key, value), **options)

    # -- transactions and changes

    def transaction(self):
        """Return a context manager: all writes within are one batch, or none when an exception leaves it.

            with db.transaction():
                db.insert("log", {"moved": 5})
                db.update("stock", "name", "bolt", {"count": 95})

        Reads within see the writes. Other threads wait until its end. Other coroutines do not: await nothing in it.
        One that ends with StorageFullError has reclaimed what was removed before it, and may find room when tried again.
        Raises ValueError within another transaction; so do backup(), incremental_backup(), restore(), rekey(),
        optimize_memory(), compact() and verify().
        """
        with self._use("transaction"):
            pass  # within another call it is refused
        return transaction.UserTransaction(self._open())

    def changes(self, since=0, limit=None):
        """Yield the latest change of each record, in the order of their numbers, as a dict.

            {"change": 17, "collection": "users", "id": 3, "deleted": False, "record": {...}}

        since: a change's number: only later ones.
        limit: at most so many.

        It ends with the last change at the call; a record changed again meanwhile is for the next time. "record" is None
        when it was deleted. What clear(), drop(), pop(), ack(), capped and ttl remove is not told. UnosqlError once
        restore() was called.

        Deletions are told for a while. Later ones make the oldest be forgotten; the last 256 changes stay in any case, and
        half as many as the collection has records; but a full medium has no room for those of its oldest records.
        get_stats()["forgotten"] is the last change that was forgotten so: who
        last read before it may have missed deletions, and compares with all records instead.
        """
        return self._rows("changes", ..., changes.changes, (since, limit))

    def last_change(self):
        """Return the number of the last change; 0: there was none."""
        with self._use("last_change") as catalog:
            return catalog.change

    # -- backups

    def backup(self, filename):
        """Write everything to an ordinary file, encrypted as the database is. Returns how many records.

        The file is there under its name when it is complete: a cut leaves an older file of that name as it was. On FAT a
        cut at the very end may leave only <filename>.tmp; restore() says so, and takes that if it is complete. Raises
        OSError.
        """
        return self._run("backup", filename, backup.writing, (filename,), None)

    def incremental_backup(self, filename, since_timestamp=None, *, since_change=None):
        """Write what was changed or deleted, to restore() after a full backup. Returns how many records and deletions.

        since_timestamp: at or after these seconds. since_change: after the change of this number, which last_change()
        told when the earlier backup was made; it does not depend on the clock.

        One of them must be given. Raises OSError, and UnosqlError when deletions since then are forgotten (see changes()):
        make a full backup.
        """
        if since_timestamp is None and since_change is None:
            raise ValueError("since_timestamp or since_change is missing")
        return self._run("incremental_backup", filename, backup.writing, (filename, since_timestamp, since_change), None)

    def restore(self, filename):
        """Replace the database by a full backup, or merge an incremental one: all of it or nothing.

        Returns how many records and deletions. The file is checked before anything changes. Raises OSError (there is no
        such file), CorruptionError, WrongKeyError (made under another key), UniqueError, StorageFullError.
        """
        return self._run("restore", filename, restore.restoring, (filename, self._open().password), None)

    # -- maintenance

    def flush(self):
        """Make everything durable; only durability="batch" and post() need it. Raises what keeps posted records from that."""
        with self._use("flush") as catalog:
            catalog.store.flush_buffered()
            posts.tell(self._open())

    def optimize_memory(self):
        """Give RAM back: write the memtable out and drop caches. Loses nothing."""
        with self._open().settled("optimize_memory") as catalog:
            catalog.store.trim()
        gc.collect()

    def rekey(self, encryption_key, iterations=None):
        """Encrypt everything anew; after a cut exactly one of the keys opens the database.

        encryption_key: as for Unosql(); None: decrypt.
        iterations: None: as before.

        Needs as much free flash as the data takes. Backups keep the key they were made under.
        """
        password = key_bytes(encryption_key)
        database = self._open()
        iterations = database.iterations if iterations is None else iterations
        check_number("iterations", iterations, 1000, 10000000)
        return self._run("rekey", "", database.rekeying, (password, iterations), None)

    def compact(self):
        """Merge all that is stored and forget what was deleted or has expired. This may take long; writes do so in small steps anyway."""
        return self._run("compact", "", lambda catalog: catalog.store.compacting(), (), None)

    def verify(self):
        """Read and check everything; return a list of a line for each problem, [] when all is sound."""
        return self._run("verify", "", lambda catalog: collected(verify.checking(catalog, catalog.store.verify(True))), (), None)

    @staticmethod
    def destroy(db_name, *, path=None, storage=None):
        """Remove a whole database, sound or damaged, and its log files; False when there is none. Needs no key.

            Unosql.destroy("my_database")

        db_name, path, storage: as for Unosql().

        Backup files stay. Flash is freed, not overwritten. A cut leaves it whole or damaged: call it again.
        Raises LockTimeoutError while the database is open, here or in another process, and OSError.
        """
        with shared.opening:
            return destroy.destroy(Place(db_name, path, storage), LOCK_TIMEOUT)

    @staticmethod
    def names(*, path=None, storage=None, encryption_key=None):
        """Return a sorted list of the names of the databases there, open or not.

        path, storage: as for Unosql(); a storage that is given is a block device.
        encryption_key: on raw flash, of those that are encrypted, whose names are, too; deriving keys takes its time for each.

        "#" and 8 hex digits stand for a name that is not told: of one under another key, a damaged one, or one of 0.1.0 that
        nothing has changed since. Raises OSError, and ImportError on an ESP8266, whose image leaves it out.
        """
        from .names import names  # not above: what this module has takes RAM, and small images lack it

        with shared.opening:
            return names(Place("_", path, storage), key_bytes(encryption_key))

    def get_stats(self):
        """Return a dict of sizes and counts. Slow on a large filesystem, which has to be walked for "free".

        "collections": {name: count}. "bytes": stored in segments. "free": what inserts may take of the medium, 0 when
        it is full: a reserve for removing is not in it. "segments": how many. "levels": how many in each. "memtable": bytes
        buffered. "wal": records in the write-ahead log. "reads": blocks read since the opening. "change": see last_change().
        "forgotten": the change up to which deletions are forgotten, 0: none; see changes(). "compaction_error": what stopped
        merging. "version": unosql's.
        "posted": records of post() that are not written yet. "post_error": why, or None. "post_overflow", "post_refused":
        those since the opening that had no room, and that a unique index refused.
        """
        with self._use("get_stats") as catalog:
            stats = catalog.store.stats()
            stats["collections"] = {collection.name: collection.size() for collection in catalog.collections()}
            stats["change"] = catalog.change
            stats["forgotten"] = catalog.forgotten[0]
            stats["version"] = unosql.__version__
            posts.describe(self._open(), stats)
            return stats


def database_of(db):
    """Return the Database behind an Unosql. ClosedError."""
    return db._open()


def _search(collection, taken, key, value, options):
    return taken(query.walk(collection, condition.compile(key, value), **options))


def _options(capped, ttl, history, schema):
    """Return the options that are given, checked, as a dict."""
    options = {}
    for name, n, most in (("capped", capped, 1 << 40), ("ttl", ttl, 1 << 40), ("history", history, 255)):
        if n is not None:
            check_number(name, n, 0, most)
            options[name] = n
    if schema is not None:
        from .documents.schema import checked

        options["schema"] = checked(schema)
    return options
