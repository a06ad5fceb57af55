"""`unosql sink`: takes over what devices send, into PostgreSQL. protocol.py decides, without sockets or SQL."""
