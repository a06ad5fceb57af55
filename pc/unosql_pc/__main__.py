"""`python -m unosql_pc` is the `unosql` command."""
import signal
import sys


def main():
    try:
        from .cli import main as command  # which takes a while: Ctrl-C then is as good as later
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return command()


if __name__ == "__main__":
    sys.exit(main())
