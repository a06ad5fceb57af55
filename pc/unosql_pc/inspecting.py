"""`unosql inspect` and `unosql verify`."""
from firmware import outcome

from . import odd, open_path
from .database import header_of, is_full, reading
from .damaged_store import Remains, manifests
from .terminal import compact, counted, print_json, print_table, say, shown
from unosql.documents import verify
from unosql.errors import CorruptionError, WrongKeyError


def inspect(path, name, key, as_json):
    """Print what the databases at a path hold; without the key of an encrypted one, what can be told."""
    found = [open_path.choose(path, name, key)] if name else open_path.find(path, key)
    for source in found:
        try:
            facts = describe(source, key)
        except WrongKeyError as error:
            if len(found) == 1:
                raise
            facts = {"path": source.label, "name": source.name, "locked": str(error)}  # the key of another one
        print_json(facts) if as_json else _print(facts)
    return 0


def describe(source, key):
    """A dict of JSON values."""
    facts = {"path": source.label, "kind": open_path.KINDS[source.kind], "name": source.name}
    facts.update(sealing(source))
    if facts.get("encrypted") and key is None:
        facts["locked"] = "give the key to see %s: --key, --passphrase or $UNOSQL_KEY" % ("the name and what is inside" if source.is_sealed else "inside")
        return facts
    try:
        with reading(source, key) as catalog:
            if source.kind == "backup":
                facts["backup"] = "full" if is_full(catalog, source.path, key) else "incremental"
            else:
                facts.update(_structure(catalog))
            facts["collections"] = [_collection(collection) for collection in catalog.collections()]
    except CorruptionError as error:
        facts["damaged"] = "%s; `unosql verify` tells more, `unosql salvage` saves what is left" % error
    return facts


def sealing(source):
    """What can be told of a database without its key: whether it is encrypted."""
    if source.kind == "backup":
        header = header_of(source.path)
    else:
        storage = source.storage()
        storage.open()
        records = manifests(storage)[0]
        if not records:
            return {"files": sum(1 for _ in storage.numbers())}
        header = records[0].header
    return {"encrypted": header.salt is not None, "iterations": header.iterations}


def _structure(catalog):
    stats = catalog.store.stats()
    levels = [_level(level) for level in catalog.store.version.levels]
    return {"change": catalog.change, "bytes": stats["bytes"], "wal": stats["wal"], "levels": levels}


def _level(segments):
    return [{"number": segment.number, "bytes": segment.size, "partly merged": segment.floor is not None}
            for segment in segments]


def _collection(collection):
    indexes = [{name: index[name] for name in ("keys", "unique", "where")} for index in collection.definitions]
    return {"name": collection.name, "records": collection.count, "next id": collection.next,
            "options": collection.options, "indexes": indexes}


def _print(facts):
    for name, value in facts.items():
        if not isinstance(value, list):
            print("%-12s %s" % (name, shown(value)))
    if "levels" in facts:
        rows = [(depth, "%07x" % s["number"], s["bytes"], "yes" if s["partly merged"] else "")
                for depth, level in enumerate(facts["levels"]) for s in level]
        print_table(("level", "segment", "bytes", "partly merged"), rows, "%d segments" % len(rows))
    if "collections" in facts:
        rows = [(c["name"], c["records"], c["next id"], compact(c["options"]) if c["options"] else "", _indexes(c))
                for c in facts["collections"]]
        print_table(("collection", "records", "next id", "options", "indexes"), rows)
    print()


def _indexes(collection):
    return "; ".join("+".join(index["keys"]) + (" unique" if index["unique"] else "") + (
        " where " + compact(index["where"]) if index["where"] else "") for index in collection["indexes"])


def check(source, key):
    """Print a line for each problem; the exit code: 1 when there are any."""
    remarks = odd.Remarks()
    problems = list(counted(_problems(source, key, remarks), "checking"))
    try:
        _tell(source, key, problems, remarks)
    except BrokenPipeError:  # who reads has seen enough, but a script goes by the exit code
        outcome.say_nothing_more()
    return 1 if problems else 0


def _tell(source, key, problems, remarks):
    for line in problems:
        print(shown(line))
    remarks.tell()
    if not problems:
        for line in _damage(source, key):
            say("remark: " + shown(line))  # the engine does without what is damaged there
    print("%s: %s" % (shown(source.label), "%d problems; `unosql salvage` saves what is left" % len(problems)
                      if problems else "no problems"), flush=True)


def _problems(source, key, remarks):
    try:
        with reading(source, key) as catalog:
            yield from (problem for problem in verify.checking(catalog, catalog.store.verify()) if problem is not ...)
            for collection in catalog.collections():
                for _ in remarks.looked(collection):
                    pass
    except WrongKeyError:
        raise
    except CorruptionError as error:
        yield str(error)
        yield from _damage(source, key)


def _damage(source, key):
    """Everything that does not verify, whether the engine needs it or not."""
    remains = Remains(source, key)
    for _ in remains.entries():
        pass
    for _ in remains.logged():
        pass
    yield from remains.losses
