"""Records and what is found by them, on any store of bytes: see the layers in docs/DESIGN.md."""
