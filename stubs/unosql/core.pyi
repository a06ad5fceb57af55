"""unosql's public interface, for editors and for readers. The firmware holds the code.

Errors: bad arguments raise ValueError or TypeError, a missing file OSError. UnosqlError is the root of the rest.
"""
from contextlib import AbstractContextManager
from typing import Any, Iterable, Iterator, Literal

from .storage import BlockDevice, Storage

LOCK_TIMEOUT: int  # milliseconds to wait for another process or thread; 5000

class UnosqlError(Exception): ...
class CorruptionError(UnosqlError):
    """Stored bytes fail their checksum or MAC. Attributes: where (file name), offset (bytes or None), why (in words)."""
    where: str
    offset: int | None
    why: str
    def __init__(self, where: str, offset: int | None, why: str) -> None: ...
class WrongKeyError(UnosqlError): """The key is not the one that the database was made with, or is missing."""
class ClosedError(UnosqlError): """The database was closed."""
class BusyError(UnosqlError): """The call is in the middle of another one of the same thread, as in a timer's callback. It did nothing."""
class LockTimeoutError(UnosqlError): """Another process or thread held the database longer than LOCK_TIMEOUT."""
class ConflictError(UnosqlError):
    """The record was changed since it was read, by the version in the changes. Nothing was written. Attributes: id, version (the current one)."""
    id: int
    version: int
    def __init__(self, id: int, seen: int, version: int) -> None: ...
class StorageFullError(UnosqlError): """No space left on flash. The database is unchanged and usable: what removes makes room."""
class UniqueError(UnosqlError):
    """A unique index holds that value already. Attributes: index (fields), id."""
    index: list[str]
    id: int
    def __init__(self, index: list[str], id: int) -> None: ...

Record = dict[str, Any]
"""A user's dict of JSON values, plus id (int), timestamp (seconds, the port's epoch) and version (int, 1 at insert)."""

Where = dict[str, Any]
"""A condition. {"age": 30} equality, {"age": {"gte": 18, "lt": 65}} operators, several keys: all must hold.
Operators: eq ne gt gte lt lte in contains regex exists. {"or": [Where, ...]}, {"and": [Where, ...]}, {"not": Where}.
contains: substring of a string or element of a list. "a.b" reaches into nested dicts. Values of different types
are never equal nor ordered (except int and float): the comparison is False."""

Columns = str | list[str] | dict[str, str]
"""Of aggregate(): a field, fields, or {name in the row: field}."""

Schema = dict[str, Any]
"""{"celsius": {"type": "number", "required": True, "gte": -40}, "home.city": "str"}. Types: bool int number str list dict; a str is the
type alone; the rest of a dict are operators of a condition. Missing or None breaks only "required"."""

class Unosql:
    def __init__(self, db_name: str, encryption_key: bytes | str | None = None, iterations: int = 10000,
                 log_level: Literal["DEBUG", "INFO", "ERROR", "NONE"] = "ERROR", *, path: str | None = None,
                 storage: Storage | BlockDevice | None = None, durability: Literal["sync", "batch"] = "sync",
                 history: int = 4, memtable: int | None = None, log_size: int = 8192,
                 posts: int = 16) -> None:
        """Open the database, creating it when absent.

        db_name: 1..32 letters, digits, '_' or '-'. encryption_key: 16 bytes, or a passphrase (str of 1+ characters,
        or bytes of another length >= 8); None: not encrypted. iterations: of PBKDF2, used when the
        database is created (1000..10_000_000). log_level: "DEBUG" "INFO" "ERROR" "NONE", to <path>/<db_name>.log, rotated at
        log_size bytes. path: directory on the filesystem; default: the board's raw partition when the image has one,
        else the current directory. storage: a Files or Flash of unosql.storage, or a block device (then raw flash).
        durability: "sync": durable when a call returns; "batch": at flush(), close() or when the buffer is full.
        history: versions kept of a record besides the current one (0..255).
        memtable: bytes of RAM that buffer writes and bound a record's size (1024..65536); None: 2 to 8 KB, by the free heap.
        posts: records that post() queues in RAM (0..1000).
        Raises WrongKeyError, CorruptionError, LockTimeoutError, ValueError."""
    def close(self) -> None: "Idempotent. Every later call raises ClosedError. Raises what keeps posted records from being written."
    def __enter__(self) -> Unosql: ...
    def __exit__(self, *exc: Any) -> None: ...
    def flush(self) -> None: "Make everything durable (durability='batch', post()). Raises what keeps posted records from that."

    # records
    def insert(self, collection: str, record: Record) -> int:
        """Return the id (1, 2, 3, ... per collection; never reused). The dict is not changed. A record that was read, with the id,
        timestamp and version that a database gave it, gets new ones. Raises ValueError (not a dict, key not a str, value not
        JSON, NaN or infinity, text that is not Unicode, nested deeper than 16, an id, timestamp or version of one's own, too
        large), UniqueError, StorageFullError."""
    def insert_many(self, collection: str, records: Iterable[Record]) -> int:
        "records: any iterable of dicts; all or nothing; returns how many were inserted."
    def post(self, collection: str, record: Record) -> bool:
        """Queue a record for the next call, flush() or close(): for callbacks, signal handlers and other threads. False when `posts`
        records wait already (get_stats()["post_overflow"]). Raises ValueError as insert() does."""
    def get(self, collection: str, id: int) -> Record | None: ...
    def find(self, collection: str, key: Any = None, value: Any = ..., *, limit: int | None = None, skip: int = 0,
             order_by: str | list[str] | None = None, fields: list[str] | None = None) -> list[Record]:
        """find("users", "name", "Arman"); find("users", ["city", "age"], ["NY", 28]); find("users", {"age": {"gt": 18}}).
        value: must be given with a field, None too.
        order_by: a field or a list; "-age" descends; ties by id. fields: keep these (id always). Unknown collection: []."""
    def iterate(self, collection: str, where: Any = None, value: Any = ..., *, limit: int | None = None, skip: int = 0,
                order_by: str | list[str] | None = None, fields: list[str] | None = None) -> Iterator[Record]: "find as a generator; bounded RAM (order_by on a field without an index keeps only skip+limit records, or all when no limit). Ends whatever its loop writes."
    def find_one(self, collection: str, key: Any = None, value: Any = ..., *, limit: int | None = None, skip: int = 0,
                 order_by: str | list[str] | None = None, fields: list[str] | None = None) -> Record | None: ...
    def update(self, collection: str, key: Any, value: Any = ..., changes: Record | None = None, *,
               inc: dict[str, float] | None = None, min: Record | None = None, max: Record | None = None,
               push: Record | None = None, keep: dict[str, int] | None = None, pull: Record | None = None,
               unset: str | list[str] | None = None, rename: dict[str, str] | None = None, replace: Record | None = None) -> bool:
        """update("users", "name", "Arman", {"age": 30}); update("users", {"age": {"lt": 18}}, {"minor": True}).
        All matching records, as one batch; merges changes, raises version, sets timestamp. False when none matched.
        "a.b" in changes and operators is the field of a condition. Operators: inc={"n": 1}, min={"n": 1}, max={"n": 1},
        push={"list": element}, keep={"list": most elements after the push}, pull={"list": element}, unset=["a", "b"] or "a",
        rename={"old": "new"}, or replace={...} alone: the whole new record. Changes or replace may be a record as it was read:
        ConflictError when its version is not the current one. ValueError, and nothing changed: an operator that
        does not fit a field, a path through what is no dict, two changes to one field or within it."""
    def upsert(self, collection: str, key: Any, value: Any = ..., changes: Record | None = None, *,
               inc: dict[str, float] | None = None, min: Record | None = None, max: Record | None = None,
               push: Record | None = None, keep: dict[str, int] | None = None, pull: Record | None = None,
               unset: str | list[str] | None = None, rename: dict[str, str] | None = None, replace: Record | None = None) -> int:
        "Update like update(); when none matched insert the equality fields, changed likewise, as one record. replace keeps these. Returns the id of the first touched."
    def delete(self, collection: str, key: Any, value: Any = ...) -> int: "delete('users','name','Bob') or delete('users', where). Returns how many."
    def all(self, collection: str) -> list[Record]: "in id order"
    def count(self, collection: str, where: Any = None, value: Any = ...) -> int: "As find() finds; O(1) without a condition"
    def get_last_n_records(self, collection: str, n: int) -> list[Record]: "the n last inserted, oldest first"
    def get_records_in_timeframe(self, collection: str, field: str, start: float, end: float) -> list[Record]: "start <= record[field] <= end"
    def aggregate(self, collection: str, where: Any = None, value: Any = ..., *, group_by: str | list[str] | None = None,
                  bucket: tuple[str, float] | None = None, count: bool | Columns | None = None, sum: Columns | None = None,
                  avg: Columns | None = None, min: Columns | None = None, max: Columns | None = None, first: Columns | None = None,
                  last: Columns | None = None) -> Iterator[dict[str, Any]]:
        """A row a group, in order: its group_by fields, "bucket" (n * width) and columns: "avg_celsius" by default, or names of a dict
        {name: field}. bucket: (field, width). None where no record of a group has the field. explain(..., group_by, bucket)["sorted"]: in
        one pass, by an index. ValueError: a value that does not fit."""
    def distinct(self, collection: str, field: str, where: Any = None, value: Any = ...) -> Iterator[Any]: "Different values, in order; None for records without it"
    def history(self, collection: str, id: int) -> list[Record]: "kept versions, newest first, the current one included; [] when unknown. Of a deleted record until its deletion is forgotten"

    # collections
    def collections(self) -> list[str]: ...
    def clear(self, collection: str) -> None: "Remove all records; O(1); index definitions are removed too."
    def drop(self, collection: str) -> bool: "Remove the collection; False when unknown"
    def create_collection(self, collection: str, *, schema: Schema | None = None, capped: int | None = None, ttl: int | None = None,
                          history: int | None = None) -> bool:
        "Make a collection unless it is there, and set options as configure() does; whether it was made. Nothing is written when nothing changes."
    def configure(self, collection: str, *, capped: int | None = None, ttl: int | None = None, history: int | None = None,
                  schema: Schema | None = None) -> dict[str, Any]:
        "Returns all options, as they are in force then. schema: fields and what they must be, in what is there and what comes; {} turns it off. A violation is a ValueError that names the field. capped: keep the last n records. ttl: seconds since timestamp. history: versions kept. Options persist; None leaves as is, 0 turns off. Dropping the oldest costs O(1) flash however many."
    def pop(self, collection: str, n: int = 1) -> list[Record]: "Queue: remove and return the n oldest. peek: find(c, limit=n); acknowledge: ack."
    def ack(self, collection: str, id: int) -> int: "Remove all records with an id <= id; O(1); returns how many were removed."

    # indexes
    def create_index(self, collection: str, keys: str | list[str], *, unique: bool = False, where: Where | None = None) -> None:
        "Single or compound; where makes it partial. Existing records are indexed. Again with the same definition: nothing. UniqueError when existing records collide (then no index)."
    def drop_index(self, collection: str, keys: str | list[str]) -> bool: ...
    def indexes(self, collection: str) -> list[dict[str, Any]]: "[{'keys': [...], 'unique': bool, 'where': Where|None}]"
    def explain(self, collection: str, key: Any = None, value: Any = ..., **kw: Any) -> dict[str, Any]: "{'plan': 'id'|'index'|'scan', 'index': keys|None, 'range': bool, 'sorted': bool}"

    # transactions
    def transaction(self) -> AbstractContextManager[None]: """with db.transaction(): ... — all writes inside, over collections, are one atomic batch; an exception rolls all back and
        propagates. Reads inside see them. Not nested (ValueError)."""

    # changes
    def changes(self, since: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """{'change': n, 'collection': name, 'id': id, 'deleted': bool, 'record': Record|None} in order of change number, only the latest change of each
        record. last_change() gives the cursor to keep. clear, drop, capped, ttl, pop and ack are not reported record by record. Old deletions are
        forgotten: get_stats()["forgotten"]."""
    def last_change(self) -> int: ...

    # backups
    def backup(self, filename: str) -> int: "Whole database to an ordinary file (encrypted like the database). Returns records written."
    def incremental_backup(self, filename: str, since_timestamp: float | None = None, *, since_change: int | None = None) -> int:
        "Records changed and deleted at or after the timestamp (or after the change number). UnosqlError when such deletions are forgotten."
    def restore(self, filename: str) -> int:
        """A full backup replaces the database, an incremental one merges (deletions included). Checked whole before anything changes; all or
        nothing. OSError when the file is missing, CorruptionError, WrongKeyError."""

    # maintenance
    def optimize_memory(self) -> None: "Write the memtable out and drop caches. Loses nothing."
    def rekey(self, encryption_key: bytes | str | None, iterations: int | None = None) -> None: "Re-encrypt everything under a new key (None: decrypt); crash-safe: afterwards exactly one of the keys opens it."
    def compact(self) -> None: ...
    def verify(self) -> list[str]: "Read and check everything; one line per problem; [] when sound."
    @staticmethod
    def names(*, path: str | None = None, storage: BlockDevice | None = None, encryption_key: str | bytes | None = None) -> list[str]:
        """The names of the databases there, sorted; "#" and 8 hex digits for one that is not told.
        encryption_key: of those on raw flash that are encrypted."""
    @staticmethod
    def destroy(db_name: str, *, path: str | None = None, storage: Storage | BlockDevice | None = None) -> bool:
        """Remove a whole database, sound or damaged, and its log files; needs no key. False when there is none.
        LockTimeoutError while it is open, here or in another process; OSError."""
    def get_stats(self) -> dict[str, Any]: "collections {name: count}, bytes, free (for inserts), segments, levels, memtable, wal, change, forgotten, version, posted, post_overflow, post_refused, post_error"
