"""Backup files by themselves: written, given up, read, refused."""
import os

import pytest

from memfs import MemFs, make
from unosql.documents.steps import finish
from unosql.kv import archive
from unosql.errors import CorruptionError, WrongKeyError

KEY = b"sixteen byte key"
ENTRIES = [(b"R%03d" % i, bytes(i)) for i in range(60)]


def written(store, path, entries=ENTRIES):
    sink = store.export(path, {"full": True})
    for entry in entries:
        sink.add(*entry)
    sink.close()


@pytest.mark.parametrize("entries", [ENTRIES, []], ids=len)
def test_round_trip(tmp_path, entries):
    """Under the store's key, which need not be given again, and in another store, where it must."""
    store, path = make(MemFs(), KEY), str(tmp_path / "b")
    for _ in range(2):  # the second one over the first
        written(store, path, entries)
        assert os.listdir(tmp_path) == ["b"]
    for reading, key in (store, None), (make(MemFs()), KEY):
        opened = reading.import_(path, key)
        assert opened.meta == {"full": True} and list(opened.entries()) == entries
        finish(opened.checking())
        opened.close()
    with pytest.raises(WrongKeyError):
        make(MemFs()).import_(path, b"another key......")


def test_given_up(tmp_path):
    """Nothing is left, and what was there before stays."""
    store, path = make(MemFs()), str(tmp_path / "b")
    written(store, path)
    before = (tmp_path / "b").read_bytes()
    sink = store.export(path, {})
    sink.add(b"R", b"1")
    sink.abort()
    assert os.listdir(tmp_path) == ["b"] and (tmp_path / "b").read_bytes() == before


def test_given_up_when_it_is_complete(tmp_path, monkeypatch):
    """Where the new name can't be had the complete file stays, if it is the only one."""
    store, path = make(MemFs()), str(tmp_path / "b")
    sink = store.export(path, {"full": True})
    with monkeypatch.context() as patch:
        patch.setattr(archive.os, "rename", failing)
        with pytest.raises(OSError):
            sink.close()
    sink.abort()
    assert os.listdir(tmp_path) == ["b.tmp"]
    written(store, path)
    sink = store.export(path, {})
    os.remove(path + ".tmp")  # by somebody else
    sink.abort()
    assert os.listdir(tmp_path) == ["b"]


def failing(*args):
    raise OSError(5, "injected")


@pytest.mark.parametrize("at", [0, 5, 12, 100])
def test_damage_is_told_with_the_file(tmp_path, at):
    store, path = make(MemFs()), str(tmp_path / "b")
    written(store, path)
    data = bytearray((tmp_path / "b").read_bytes())
    data[at] ^= 1
    (tmp_path / "b").write_bytes(data)
    with pytest.raises(CorruptionError) as caught:
        opened = store.import_(path)
        finish(opened.checking())
    assert caught.value.where == path


def test_not_a_backup(tmp_path, monkeypatch):
    """A sound file without the object at its start is refused by name."""
    store, path = make(MemFs()), str(tmp_path / "b")
    monkeypatch.setattr(archive, "_META", b"a")
    written(store, path)
    monkeypatch.undo()
    with pytest.raises(CorruptionError, match="not a backup") as caught:
        store.import_(path)
    assert caught.value.where == path


def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        make(MemFs()).import_(str(tmp_path / "none"))
