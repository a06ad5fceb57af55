"""`unosql shell`: calls on a database, typed by a person or read from a file on stdin."""
import getpass
import inspect
import itertools
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from . import extras, messages, open_path, shell_language
from .overlay import Overlay
from .querying import ROWS, print_records
from .terminal import Failure, compact, print_json, print_table, say, shown
from .times import EPOCHS, newest
from unosql.core import Unosql
from unosql.documents import restore
from unosql.documents.steps import finish
from unosql.storage.files import Files

# Of Unosql these need more than a line, or make no sense here.
NOT_HERE = ("close", "destroy", "transaction", "rekey")
TELLING = ("find", "iterate", "find_one", "count", "update", "upsert", "delete", "explain")  # the first dict is a condition
NAME = "shell"  # where nothing else is a database's name
HELP = """Type a call as docs/API.md has it, without commas: find users {"age": {"gt": 18}} order_by=-age limit=3
A collection alone shows its records. More: begin, commit, rollback; rekey; help CALL; exit."""


def calls():
    """{name: method of Unosql} of what can be typed."""
    methods = inspect.getmembers(Unosql, callable)
    return {name: method for name, method in methods if name[0] != "_" and name not in NOT_HERE}


def run(path, name, key, times, write):
    """Read calls until the input ends; 1 when one of a file fails, else 0."""
    db = _writable(Path(path), key) if write else _in_memory(open_path.choose(path, name, key), key)
    with db:
        times = _set_clock(db, times, write)
        session = Session(db, times)
        if not sys.stdin.isatty():
            return session.read(sys.stdin)
        if not write:
            say("what you change here stays in memory; --write keeps it")
        session.talk(_lines(session))
        return 0


def _writable(path, key):
    if path.suffix != ".udb":
        raise Failure("%s: --write is for a database directory NAME.udb; import, push and restore write others" % shown(path))
    return Unosql(path.stem, key, path=str(path.absolute().parent), log_level="NONE")


def _in_memory(source, key):
    if source.kind != "backup":
        return Unosql(NAME, key, storage=source.storage(), log_level="NONE", memtable=65536)
    db = Unosql(NAME, storage=Files("memory", fs=Overlay()), log_level="NONE", memtable=65536)
    with db._use("restore") as catalog:
        finish(restore.restoring(catalog, source.path, key))
    return db


def _set_clock(db, times, write):
    """Let the database have its device's time: in memory that of its newest record, since when nothing has expired."""
    with db._use("clock") as catalog:
        latest = max((newest(collection) for collection in catalog.collections()), default=0)
        times = times.of_epoch(latest)
        catalog.clock = (lambda: time.time() - EPOCHS[times.epoch]) if write else lambda: latest
    return times


class Session:
    """Calls on an Unosql, a line each. times: Times of a known epoch."""

    def __init__(self, db, times):
        self.db, self.times = db, times
        self.calls = calls()
        self._own = {"begin": self._begin, "commit": self._commit, "rollback": self._rollback, "rekey": self._rekey,
                     "help": self._help}
        self._transaction = None

    def words(self):
        """What a line may start with."""
        return sorted([*self.calls, *self._own, "exit"]) + self.db.collections()

    def read(self, lines):
        """Make the calls of a file; stop at the first that fails."""
        try:
            for number, line in enumerate(lines, 1):
                self._line(line)
            return 0
        except EOFError:
            return 0
        except BrokenPipeError:
            raise
        except Exception as error:
            raise Failure("line %d: %s" % (number, messages.line_of(error))) from None
        finally:
            self._end()

    def talk(self, lines):
        """Make the calls of a person; an error is told, and the next line read."""
        try:
            for line in lines:
                try:
                    self._line(line)
                except (EOFError, BrokenPipeError):
                    return
                except KeyboardInterrupt:
                    say("stopped")
                except Exception as error:
                    say("error: " + messages.line_of(error))
        finally:
            self._end()

    def _line(self, line):
        if line.lstrip()[:1] in ("", "#"):
            return
        values, options = shell_language.parse(line.strip())
        if not values or isinstance(values[0], (list, dict)):
            raise Failure("a line begins with a call or a collection; help lists the calls")
        self.execute(str(values[0]), values[1:], options)

    def execute(self, word, values, options):
        """Make a call and show what it returns."""
        if word in ("exit", "quit"):
            raise EOFError
        if word in self._own:
            return self._call(word, self._own[word], values, options)
        if word in self.calls:
            return self._call(word, getattr(self.db, word), self._converted(word, values), options)
        if word in self.db.collections():
            return self._call("iterate", self.db.iterate, self._converted("iterate", [word, *values]), options)
        raise Failure("no call and no collection %s; help lists them" % shown(word))

    def _call(self, word, method, values, options):
        """Make a call and show what it returns. Failure when the arguments are not those it takes."""
        try:
            self._show(method(*values, **options))
        except TypeError as error:
            raise Failure("%s; `help %s` tells its arguments" % (shown(error), word)) from None

    def _converted(self, call, values):
        """Arguments with times of a condition as numbers. Words that must be texts are."""
        values = [str(value) if i == 0 and call not in ("get_stats",) else value for i, value in enumerate(values)]
        for i, value in enumerate(values[:2] if call in TELLING else ()):
            if isinstance(value, dict):
                values[i] = self.times.condition(value)
        return values

    # -- what comes out

    def _show(self, value):
        if isinstance(value, Iterator):
            first = list(itertools.islice(value, ROWS if sys.stdout.isatty() else None))
            self._show(first)
            if sys.stdout.isatty() and next(value, None) is not None:
                say("only the first %d; skip= and limit= show others" % ROWS)
        elif isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            self._records([self.times.record(row) for row in value])
        elif isinstance(value, dict) and sys.stdout.isatty():
            print_table(("", ""), [(name, compact(part)) for name, part in self.times.record(value).items()])
        elif isinstance(value, list) and value and all(isinstance(row, str) for row in value):
            print("\n".join(map(shown, value)))
        elif value is not None:
            print_json(self.times.record(value) if isinstance(value, dict) else value)

    def _records(self, records):
        if sys.stdout.isatty():
            return print_records(records)
        for record in records:
            print_json(record)

    # -- calls of the shell itself

    def _help(self, call=None):
        if call is None:
            print(HELP)
            return print_table(("call", ""), [(name, _first_line(method)) for name, method in self.calls.items()])
        if call not in self.calls:
            raise Failure("no call %s" % shown(call))
        print("%s%s\n\n%s" % (call, inspect.signature(self.calls[call]), inspect.getdoc(self.calls[call])))

    def _begin(self):
        transaction = self.db.transaction()
        transaction.__enter__()
        self._transaction = transaction

    def _commit(self):
        self._leave(None)

    def _rollback(self):
        self._leave(Exception)

    def _leave(self, kind):
        if not self._transaction:
            raise Failure("there is no transaction; begin starts one")
        transaction, self._transaction = self._transaction, None
        transaction.__exit__(kind, None, None)

    def _end(self):
        if self._transaction:
            self._rollback()
            say("the transaction was not committed: nothing of it stays")

    def _rekey(self):
        """The key must not stand in the history."""
        new = getpass.getpass("New passphrase (empty: decrypt): ")
        if new and getpass.getpass("Again: ") != new:
            raise Failure("the two differ; nothing was changed")
        self.db.rekey(new or None)


def _first_line(method):
    return (inspect.getdoc(method) or "").split("\n")[0]


def history_file():
    """Where typed lines are kept."""
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "unosql"
    home.mkdir(parents=True, exist_ok=True)
    return home / "history"


def _lines(session):
    """Yield what a person types."""
    from . import shell_completion

    prompt_toolkit, history = extras.need("prompt_toolkit", "shell"), extras.need("prompt_toolkit.history", "shell")
    prompt = prompt_toolkit.PromptSession("unosql> ", history=history.FileHistory(str(history_file())),
                                          completer=shell_completion.Calls(session), complete_while_typing=True)
    while True:
        try:
            yield prompt.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
