"""Writes a copy of py/objtype.c for firmwares with classes in flash: objtype.py SOURCE COPY.

What makes up a class there is static: the copy exports it. Making a subclass sets a flag in the base class, which a chip can't
do in flash: the copy sets it only where it is not set, as classes in flash have it.
"""
import re
import sys
from pathlib import Path

EXPORTED = (
    "instance_print", "mp_obj_instance_make_new", "instance_unary_op", "instance_binary_op", "mp_obj_instance_attr", "instance_subscr",
    "instance_get_buffer",
)
SETS_FLAG = re.compile(r"^( *)(t->flags \|= MP_TYPE_FLAG_IS_SUBCLASSED;)$", re.M)


def copy_of(source):
    """The text of the copy. ValueError when MicroPython's file is another than expected."""
    text = '#include "permafrost.h"\n' + source
    for name in EXPORTED:
        text = _changed(re.compile(r"^static (\w+ %s\()" % name, re.M), r"\1", text, name)
    return _changed(SETS_FLAG, r"\1if (!(t->flags & MP_TYPE_FLAG_IS_SUBCLASSED)) {\n\1    \2\n\1}", text, "IS_SUBCLASSED")


def _changed(pattern, new, text, what):
    text, count = pattern.subn(new, text)
    if count != 1:
        raise ValueError("%s is there %d times" % (what, count))
    return text


def main(source, target):
    try:
        text = copy_of(Path(source).read_text())
    except ValueError as error:
        sys.exit("%s:1: error: not as permafrost/objtype.py knows it: %s" % (source, error))
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
