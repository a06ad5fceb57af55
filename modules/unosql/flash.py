"""The name by which programs know storage.Flash."""

from .storage.flash import Flash  # noqa: F401
