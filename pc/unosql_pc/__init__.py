"""The `unosql` command: databases of boards, read and mended on a PC. docs/PC.md is its manual.

The package is not called unosql because that is the engine, the same code that runs on the device (engine.py).
"""
