"""The name by which programs know storage.Files."""

from .storage.files import Files  # noqa: F401
