"""Which engine does what takes most instructions: `_unosql`, the C module of our images, or its twin in Python."""

try:
    import _unosql as native
except ImportError:  # stock MicroPython, CPython
    from . import twin as native
