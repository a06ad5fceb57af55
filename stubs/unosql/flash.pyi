"""The name of before: unosql.storage has it."""
from .storage import Flash as Flash
