"""What can come next in a line of `unosql shell`: calls, collections, fields, operators, options."""
import inspect
import itertools
import re

from prompt_toolkit.completion import Completer, Completion

SAMPLE = 50  # records whose fields are offered
OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "contains", "regex", "exists", "and", "or", "not")
SEARCHES = ("limit", "skip", "order_by", "fields")
_WORD = re.compile(r"[^\s{}\[\],:\"'=-]*$")


class Calls(Completer):
    """Completes for a shell.Session."""

    def __init__(self, session):
        self._session = session

    def get_completions(self, document, event):
        text = document.text_before_cursor
        start = _WORD.search(text)[0]
        for found in self.after(text[: len(text) - len(start)]):
            if found.startswith(start) and found != start:
                yield Completion(found, -len(start))

    def after(self, text):
        """The words that may come after text, which ends before the word at the cursor."""
        words = text.split()
        if not words:
            return self._session.words()
        collections = self._session.db.collections()
        if len(words) == 1 and words[0] in self._session.calls:
            return collections
        if words[0] == "help":
            return sorted(self._session.calls)
        name = next((word for word in words[:2] if word in collections), None)
        fields = self.fields(name) if name else []
        if text.rstrip(" ")[-1:] in ('"', "'", "=", "{", "[", ",", "-"):
            return fields + (list(OPERATORS) if text.endswith(('"', "'")) else [])
        return fields + self.options(words[0])

    def fields(self, collection):
        """The names of fields in the first records, and within dicts."""
        found = {}
        for record in itertools.islice(self._session.db.iterate(collection), SAMPLE):
            for name, value in record.items():
                found[name] = None
                if isinstance(value, dict):
                    found.update(dict.fromkeys("%s.%s" % (name, inner) for inner in value))
        return sorted(found)

    def options(self, call):
        """The arguments by name that a call takes, as "limit="."""
        method = self._session.calls.get(call, self._session.db.iterate)
        parameters = inspect.signature(method).parameters.values()
        names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        if any(p.name == "options" for p in parameters):
            names += SEARCHES
        if any(p.name == "operators" for p in parameters):
            names += ["inc", "min", "max", "push", "keep", "pull", "unset", "rename", "replace"]
        return [name + "=" for name in names]
