from ..functions import plain
from .deep import NAME

both = plain, NAME
