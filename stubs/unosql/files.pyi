"""The name of before: unosql.storage has it."""
from .storage import Files as Files
