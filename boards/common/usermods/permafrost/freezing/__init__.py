"""Turns frozen modules into constants; ../README.md explains."""
