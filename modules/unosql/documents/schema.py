"""Schemas: what fields of a collection's records must be. Imported only where there is one.

Of a field a schema has a dict of type, required, and operators of conditions; a str stands for the type alone.
"""

from .arguments import settle
from .condition import compile_operator, kind, lookup, matches
from .record import META, check, unpack

_SHOWN = 60  # characters of a value in errors
_TYPES = {"bool": 1, "int": 2, "number": 2, "str": 3, "list": 4, "dict": 5}


def checked(schema):
    """Return a schema that users pass as it is stored. ValueError names the field that is wrong in it."""
    check(schema, "schema")
    schema = settle(schema, "schema")
    compiled(schema)
    return schema


def compiled(schema):
    """Return a list of (field, rule, tests)."""
    rules = []
    for field in schema:
        rule = {"type": schema[field]} if isinstance(schema[field], str) else schema[field]
        where = "schema[%r]" % field
        if not isinstance(rule, dict):
            raise ValueError("%s is the name of a type or a dict, not %r" % (where, rule))
        if field in META:
            raise ValueError("%s: the database sets it" % where)
        type = rule.get("type", "int")
        if not isinstance(type, str) or type not in _TYPES:
            raise ValueError("%s: there is no type %r, but %s" % (where, type, ", ".join(sorted(_TYPES))))
        if not isinstance(rule.get("required", True), bool):
            raise ValueError("%s: 'required' takes True or False" % where)
        tests = [compile_operator(field, name, rule[name]) for name in rule if name not in ("type", "required")]
        rules.append((field, rule, tests))
    return rules


def obey(rules, record, name="record"):
    """Raise ValueError that names the field of a record which breaks a compiled schema."""
    for field, rule, tests in rules:
        value = lookup(record, field)
        broken = _broken(value, rule, tests, record)
        if broken:
            raise ValueError("%s[%r] breaks the schema, %s: it is %s" % (name, field, broken, repr(value)[:_SHOWN]))


def obey_all(collection, schema):
    """The same for all records of a collection."""
    rules = compiled(schema)
    for id, raw in collection.scan():
        obey(rules, unpack(raw, id), "record %d" % id)


def _broken(value, rule, tests, record):
    """Return what of its rule a value breaks, as "gte -40", or None."""
    if value is None:
        return "required" if rule.get("required") else None
    type = rule.get("type")
    if type and (kind(value) != _TYPES[type] or type == "int" and not isinstance(value, int)):
        return "type " + type
    for test in tests:
        if not matches([test], record):
            return "%s %r" % (test[0], test[2])
