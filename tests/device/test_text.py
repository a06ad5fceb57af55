"""Text: what is Unicode comes back, pairs of surrogates are joined, the rest is refused."""
import json

from runner import again, column, fresh, plain, raises, same

SMILE = "\U0001F602"
PAIR = json.loads('"\\ud83d"') + json.loads('"\\ude02"')  # as MicroPython's json.loads() leaves it
HALVES = (PAIR[0], PAIR[1], PAIR[1] + PAIR[0], "a" + PAIR[0] + "b", PAIR[0] + SMILE, "x" * 300 + PAIR[1])
TEXTS = (
    "", "a", "\x00\x1f\x7f", "\x80\xff", "\u07ff\u0800\ud7ff\ue000\uffff", "\U00010000\U0010ffff", SMILE, "a" * 127 + SMILE,
    "\u4e2d\u6587" * 100, "\u0915\u0941", "\ud55c\uad6d\uc5b4", "e\u0301", "\ufffd", "\ufeff", "\"\\/\b\n",
)


def broken():
    """Strings that are not Unicode, of all the kinds that this Python can make."""
    found = list(HALVES)
    cut = "%.1s" % "\xe9"  # MicroPython counts bytes here
    if cut != "\xe9":
        found += [cut, "caf" + cut, cut + "af", "%.2s" % "\u20ac", "x" * 126 + "%.2s" % "\u20ac" + "x" * 10]
    try:
        found += [json.loads(b'"%s"' % bytes_) for bytes_ in (b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80")]
    except ValueError:
        pass
    return found


def test_unicode_comes_back():
    db = fresh()
    db.create_index("i", "t")
    for text in TEXTS:
        for name in ("c", "i"):
            id = db.insert(name, {"t": text, "k" + text: [text]})
            same(plain([db.get(name, id)]), [{"t": text, "k" + text: [text]}])
            assert id in column(db.find(name, "t", text), "id")
            assert id in column(db.find(name, "k" + text, [text]), "id")
            assert id in column(db.find(name, {"t": {"contains": text}}), "id")
    same(column(db.find("i", order_by="t"), "t"), column(db.find("c", order_by="t"), "t"))
    same(again(db).count("c"), len(TEXTS))


def test_pairs_are_joined():
    db = fresh()
    for text in (PAIR, "a" + PAIR, PAIR + PAIR + "\xe9", "x" * 200 + PAIR):
        joined = text.replace(PAIR, SMILE)
        id = db.insert("c", {"t": text, "k" + text: [{text: text}]})
        same(plain([db.get("c", id)]), [{"t": joined, "k" + joined: [{joined: joined}]}])
        for spelled in (text, joined):
            same(column(db.find("c", "t", spelled), "id"), [id])
            same(column(db.find("c", ["t"], [spelled]), "id"), [id])
            same(column(db.find("c", {"t": {"in": [spelled]}}), "id"), [id])
            same(column(db.find("c", {"or": [{"k" + spelled: {"contains": {spelled: spelled}}}]}), "id"), [id])
            same(column(db.find("c", {"t": {"regex": "^%s$" % spelled}}), "id"), [id])
            same(db.find("c", "id", id, fields=["k" + spelled]), [{"id": id, "k" + joined: [{joined: joined}]}])


def test_pairs_are_joined_in_changes():
    db = fresh()
    same(db.insert_many("c", [{"k" + SMILE: 1, "n": 1}]), 1)
    assert db.update("c", "n", 1, {"k" + PAIR: PAIR})
    same(plain(db.all("c")), [{"k" + SMILE: SMILE, "n": 1}])
    same(db.upsert("c", PAIR, PAIR, {"v" + PAIR: 1}), 2)
    same(db.upsert("c", SMILE, SMILE, {"v" + SMILE: 2}), 2)
    same(plain([db.get("c", 2)]), [{SMILE: SMILE, "v" + SMILE: 2}])
    same(db.delete("c", "k" + PAIR, PAIR), 1)


def test_pairs_are_joined_in_names_of_collections():
    db = fresh()
    db.insert(PAIR, {})
    db.insert(SMILE, {})
    same((db.count(PAIR), db.count(SMILE), db.collections()), (2, 2, [SMILE]))
    db = again(db)
    same(db.count(PAIR), 2)
    assert db.drop(PAIR) is True
    same(db.collections(), [])


def test_pairs_are_joined_in_indexes():
    db = fresh()
    db.create_index("c", "k" + PAIR, where={"w" + PAIR: PAIR})
    same(db.indexes("c"), [{"keys": ["k" + SMILE], "unique": False, "where": {"w" + SMILE: SMILE}}])
    db.insert("c", {"k" + PAIR: "b", "w" + PAIR: PAIR})
    db.insert("c", {"k" + SMILE: "a", "w" + SMILE: SMILE})
    for text in (PAIR, SMILE):
        where = {"w" + text: text, "k" + text: {"gte": "a"}}
        same((db.explain("c", where)["plan"], column(db.find("c", where), "id")), ("index", [1, 2]))
        same(column(db.find("c", where, order_by="k" + text), "id"), [2, 1])
    assert db.drop_index("c", "k" + PAIR)


def test_two_keys_that_are_one_once_joined():
    db = fresh()
    raises(ValueError, "same text", db.insert, "c", {"a": [{PAIR: 1, SMILE: 2}]})
    same(db.count("c"), 0)


def test_what_is_not_unicode_is_refused():
    db = fresh()
    db.insert("c", {"n": 1})
    for text in broken():
        for record in ({"field": text}, {"field": [1, {"in": text}]}, {"field": {text: 1}}):
            raises(ValueError, ("record['field']", "byte"), db.insert, "c", record)
            raises(ValueError, "record['field']", db.insert_many, "c", [{}, record])
            raises(ValueError, "changes['field']", db.update, "c", "n", 1, record)
            raises(ValueError, "changes['field']", db.upsert, "c", "n", 2, record)
        raises(ValueError, "key", db.insert, "c", {text: 1})
        for call in (db.find, db.count, db.delete, db.find_one, db.explain):
            raises(ValueError, "condition", call, "c", "n", text)
            raises(ValueError, "condition", call, "c", {"n": {"in": [text]}})
            raises(ValueError, "condition", call, "c", text, 1)
        raises(ValueError, "condition", db.upsert, "c", "n", text, {})
        if len(text) <= 64:
            raises(ValueError, "collection", db.insert, text, {})
        raises(ValueError, "where", db.create_index, "c", "n", where={"a": text})
        raises(ValueError, "keys", db.create_index, "c", text)
    same((plain(db.all("c")), db.collections(), db.verify()), ([{"n": 1}], ["c"], []))


def test_names_with_replacement_characters():
    db = fresh()
    names = ["\ufffd", "a\ufffd", "a\ufffdzz", "\ufffdc3\ufffda9", "\ufffd41", "\ufffdff\ufffd41", "\ufffd" * 64]
    for name in names:
        db.insert(name, {})
    names.sort()
    same((sorted(db.collections()), [db.count(name) for name in names]), (names, [1] * len(names)))
    same(sorted(again(db).collections()), names)
