"""A package of modules in flash."""
__version__ = "1.0"


def greet(name="world"):
    return "hello " + name
