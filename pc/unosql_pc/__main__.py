"""`python -m unosql_pc` is the `unosql` command."""
import sys

from .cli import main

sys.exit(main())
