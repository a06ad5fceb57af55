"""Blocks where the image cannot compress. Code of ours is changed here to be such an image."""
from runner import column, fresh, same
from unosql import twin
from unosql.kv import compression

CHANGES_CODE = True
KEY = b"1234567890abcdef"


def test_compression_with_fallback():
    """Blocks of an image that cannot compress stay as they are; both are read by one that can."""
    text = "the same words again and again, " * 20
    sizes = []
    kept = compression.native, twin.uzlib
    for able in (True, False):
        if not able:
            compression.native, twin.uzlib = twin, None
        try:
            db = fresh("compressed%d" % able, encryption_key=KEY, iterations=1000)
            db.insert_many("c", ({"text": text, "n": n} for n in range(12)))
            db.optimize_memory()
        finally:
            compression.native, twin.uzlib = kept
        same(column(db.all("c"), "text"), [text] * 12)
        sizes.append(db.get_stats()["bytes"])
    assert kept == (twin, None) or sizes[0] < sizes[1] / 3, sizes
    assert sizes[1] > 12 * len(text), sizes
