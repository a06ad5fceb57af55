"""Makes the vectors of crypto.json with the cryptography package: python tests/support/vectors/make.py

Inputs of published vectors are typed in; test_crypto.py has their published outputs. Sealed blocks come from
tests/support/reader.py, which was written from docs/FORMAT.md.
"""
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import reader  # noqa: E402

PBKDF2 = [  # RFC 7914, section 11, and shorter ones
    (b"passwd", b"salt", 1), (b"Password", b"NaCl", 80000), (b"", b"", 1), (b"k" * 65, b"s" * 16, 7),
    (b"sixteen byte key", bytes(range(16)), 1000)]
HMAC = [  # RFC 4231, section 4
    (b"\x0b" * 20, b"Hi There"), (b"Jefe", b"what do ya want for nothing?"), (b"\xaa" * 20, b"\xdd" * 50),
    (bytes(range(1, 26)), b"\xcd" * 50), (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First"),
    (b"\xaa" * 131, b"This is a test using a larger than block-size key and a larger than block-size data. The key needs "
                    b"to be hashed before being used by the HMAC algorithm.")]
HKDF = [  # RFC 5869, A.1: the first 32 bytes of its output do not depend on how many are asked for
    (bytes.fromhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"), bytes(range(0xF0, 0xFA))),
    (bytes(32), b"unosql iv")]
SEALED = [(b"", b""), (b"a", b"w"), (b"fifteen bytes..", b"m"), (b"exactly sixteen.", b"m"), (bytes(range(256)) * 4, b"s" * 17)]
PASSWORD, SALT, ITERATIONS = b"sixteen byte key", bytes(range(16)), 1000


def mac(key, message):
    made = hmac.HMAC(key, hashes.SHA256())
    made.update(message)
    return made.finalize()


def vectors():
    envelope = reader.Encrypted(PASSWORD, SALT, ITERATIONS)
    return {
        "pbkdf2": [[p.hex(), s.hex(), n, PBKDF2HMAC(hashes.SHA256(), 32, s, n).derive(p).hex()] for p, s, n in PBKDF2],
        "hmac": [[key.hex(), message.hex(), mac(key, message).hex()] for key, message in HMAC],
        "hkdf_expand": [[prk.hex(), info.hex(), HKDFExpand(hashes.SHA256(), 32, info).derive(prk).hex()] for prk, info in HKDF],
        "sealed": {
            "password": PASSWORD.hex(), "salt": SALT.hex(), "iterations": ITERATIONS, "check": envelope.check.hex(),
            "blocks": [[data.hex(), aad.hex(), envelope.seal(data, aad).hex()] for data, aad in SEALED]},
        "plain": [[data.hex(), aad.hex(), reader.Plain().seal(data, aad).hex()] for data, aad in SEALED],
    }


def text():
    return json.dumps(vectors(), indent=1) + "\n"


if __name__ == "__main__":
    (HERE / "crypto.json").write_text(text())
