"""Records as large as the largest memtable takes."""
from runner import Skip, again, board, fresh, same

FREE_HEAP = 8388608


def test_each_length_up_to_what_is_refused():
    """A block's length has two bytes."""
    if board:
        raise Skip("needs more heap than a board has")
    db, largest = fresh(memtable=65536), 0
    for length in range(65300, 65537):
        text = ("%05d" % length) * (length // 5) + "x" * (length % 5)
        try:
            id = db.insert("c", {"text": text})
        except ValueError as e:
            assert "large" in str(e), e
            break
        largest = length
        if length % 40 == 0 or length > 65370:
            same(db.get("c", id)["text"], text)
    assert largest > 65350, largest
    db.insert("c", {"text": "small"})
    db = again(db, memtable=65536)
    same(db.get("c", largest - 65299)["text"][:5], "%05d" % largest)
    db.compact()
    same((db.verify(), db.count("c")), ([], largest - 65300 + 2))
    same(db.delete("c", {}), largest - 65300 + 2)
