"""A module that is no part of a package."""
VALUE = 7
