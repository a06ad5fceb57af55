"""The records that everything is measured with: 70 bytes of JSON, as a data logger has them."""
import json
import random

SIZE = 70
_SITES = ("greenhouse", "cellar", "roof", "yard", "kitchen", "barn")


def record(i):
    """Record number i: a tag that no other has, and readings that wander. Its compact JSON has 70 bytes."""
    rng = random.Random(i)
    fields = {"tag": "n%05d" % i, "site": rng.choice(_SITES), "t": round(rng.gauss(18, 6), 2), "rh": rng.randrange(20, 99)}
    fields["note"] = "".join(rng.choice("etaoin shrdlu") for _ in range(SIZE - len(line(fields)) - len(',"note":""')))
    return fields


def line(fields):
    """The record as compact JSON."""
    return json.dumps(fields, separators=(",", ":"))
