"""Reads a device's database directory or backup file on a PC. Written from docs/FORMAT.md alone: it shares no code with unosql.

python tests/support/reader.py NAME.udb [--key KEY | --hex KEY]     the records of all collections, as JSON lines
"""
import argparse
import heapq
import json
import sys
import time
import zlib
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives import hashes, hmac, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC


class Damaged(Exception):
    """The data does not verify, or is not there."""


class WrongKey(Exception):
    """The key does not fit."""


# -- varints

def varint(buf, i):
    """Return (n, index after it)."""
    a = buf[i]
    if a <= 240:
        return a, i + 1
    if a <= 248:
        return 240 + 256 * (a - 241) + buf[i + 1], i + 2
    if a == 249:
        return 2288 + 256 * buf[i + 1] + buf[i + 2], i + 3
    return int.from_bytes(buf[i + 1 : i + a - 246], "big"), i + a - 246


def varints(buf, i, count):
    """Return ([count numbers], index after them)."""
    numbers = []
    for _ in range(count):
        n, i = varint(buf, i)
        numbers.append(n)
    return numbers, i


def counted(buf, i):
    """Return (bytes with their length before them, index after them)."""
    size, i = varint(buf, i)
    return buf[i : i + size], i + size


def pack(n):
    """The varint of n."""
    if n <= 240:
        return bytes([n])
    if n <= 2287:
        return bytes([241 + (n - 240) // 256, (n - 240) % 256])
    if n <= 67823:
        return b"\xf9" + (n - 2288).to_bytes(2, "big")
    size = max(3, (n.bit_length() + 7) // 8)
    return bytes([247 + size]) + n.to_bytes(size, "big")


# -- envelopes

class Plain:
    def unseal(self, blob, aad):
        data = blob[:-8]
        if len(blob) < 8 or sha256(aad + data).digest()[:8] != blob[-8:]:
            raise Damaged("checksum")
        return data

    def seal(self, data, aad):
        return data + sha256(aad + data).digest()[:8]


class Encrypted:
    def __init__(self, password, salt, iterations):
        master = PBKDF2HMAC(hashes.SHA256(), 32, salt, iterations).derive(password)
        self.enc, self.mac, self.iv, check = (
            HKDFExpand(hashes.SHA256(), 32, b"unosql " + info).derive(master)
            for info in (b"encryption", b"authentication", b"iv", b"key check"))
        self.check = check[:8]

    def _hmac(self, key, *parts):
        mac = hmac.HMAC(key, hashes.SHA256())
        for part in parts:
            mac.update(part)
        return mac

    def unseal(self, blob, aad):
        if len(blob) < 48:
            raise Damaged("too short")
        iv, text, tag = blob[:16], blob[16:-16], blob[-16:]
        if self._hmac(self.mac, bytes([len(aad)]), aad, iv, text).finalize()[:16] != tag:
            raise Damaged("tag")
        cipher = Cipher(algorithms.AES(self.enc), modes.CBC(iv)).decryptor()
        strip = padding.PKCS7(128).unpadder()
        return strip.update(cipher.update(text) + cipher.finalize()) + strip.finalize()

    def seal(self, data, aad):
        length = bytes([len(aad)])
        iv = self._hmac(self.iv, length, aad, data).finalize()[:16]
        pad = padding.PKCS7(128).padder()
        cipher = Cipher(algorithms.AES(self.enc), modes.CBC(iv)).encryptor()
        text = cipher.update(pad.update(data) + pad.finalize()) + cipher.finalize()
        return iv + text + self._hmac(self.mac, length, aad, iv, text).finalize()[:16]


def header(buf):
    """Return (size, None or (salt, iterations, key check))."""
    if buf[:2] != b"UQ" or len(buf) < 4:
        raise Damaged("no header")
    if buf[2] not in (1, 2):
        raise Damaged("format version %d" % buf[2])
    if not buf[3] & 1:
        return 4, None
    return 32, (buf[4:20], int.from_bytes(buf[20:24], "big"), buf[24:32])


def unlock(key, password):
    """Return the envelope of a header's key parameters."""
    if (key is None) != (password is None):
        raise WrongKey("encrypted: %s" % (key is not None))
    if key is None:
        return Plain()
    envelope = Encrypted(password, key[0], key[1])
    if envelope.check != key[2]:
        raise WrongKey("another key")
    return envelope


# -- segments

class Segment:
    """One segment in the bytes of a file. aad: what its blocks' associated data starts with."""

    def __init__(self, data, envelope, aad, floor=b""):
        if len(data) < 11 or data[-1:] != b"Q":
            raise Damaged("no trailer")
        self.data, self.envelope, self.floor = data, envelope, floor
        self.tag = aad + data[-11:-3]
        size = int.from_bytes(data[-3:-1], "big")
        if size > len(data) - 11:
            raise Damaged("no meta block")
        meta = self._unseal(len(data) - 11 - size, size)
        (offset, size, self.depth, self.count), i = varints(meta, 0, 4)
        self.root = offset, size
        self.min, i = counted(meta, i)
        self.max, i = counted(meta, i)
        self.bloom, i = counted(meta, i)
        self.top, i = counted(meta, i) if i < len(meta) else (b"", i)
        self.gaps = []
        if i < len(meta):
            bounds, end = counted(meta, i)
            i = 0
            while i < len(bounds):
                before, i = counted(bounds, i)
                behind, i = counted(bounds, i)
                self.gaps.append((before, behind))

    def _unseal(self, offset, size):
        return self.envelope.unseal(self.data[offset : offset + size], self.tag + offset.to_bytes(4, "big"))

    def _entries(self, offset, size):
        block = self._unseal(offset, size)
        if block[-1] == 1:
            length = int.from_bytes(block[-3:-1], "big")
            block = zlib.decompressobj(-10).decompress(block[:-3])
            if len(block) != length:
                raise Damaged("stream")
        else:
            block = block[:-1]
        return self._entries_of(block)

    def _entries_of(self, block):
        key, i = b"", 0
        while i < len(block):
            (shared, rest, width), i = varints(block, i, 3)
            key = key[:shared] + block[i : i + rest]
            i += rest
            end = i + max(width - 1, 0)
            yield key, block[i:end] if width else None
            i = end

    def _walk(self, entries, depth):
        for key, value in entries:
            if not depth:
                yield key, value
                continue
            place, _ = varints(value, 0, 2)
            yield from self._walk(self._entries(*place), depth - 1)

    def entries(self):
        """Yield (key, value or None), live ones only."""
        last, count = None, 0
        for key, value in self._walk(self._entries_of(self.top) if self.top else self._entries(*self.root), self.depth):
            if last is not None and key <= last:
                raise Damaged("order")
            if any(before < key < behind for before, behind in self.gaps):
                raise Damaged("a key in a gap")
            last = key
            count += 1
            if not self.floor or key > self.floor:
                yield key, value
        if count != self.count:
            raise Damaged("entries missing")

    def may_hold(self, key):
        """What the Bloom filter says."""
        digest = sha256(key).digest()
        bits = [(digest[i] * 256 + digest[i + 1]) % (8 * len(self.bloom)) for i in (0, 2, 4, 6)] if self.bloom else []
        return all(self.bloom[bit // 8] >> bit % 8 & 1 for bit in bits)


# -- databases

class Database:
    """files: dict of name -> bytes, what is in NAME.udb/. password: bytes or None."""

    def __init__(self, files, password=None):
        self.files = files
        self._find_manifest(password)
        self.log = dict(self._replay())

    @classmethod
    def open(cls, directory, password=None):
        return cls({path.name: path.read_bytes() for path in Path(directory).iterdir() if path.name[0] in "msw"}, password)

    def _slots(self, kind):
        return [data for name, data in sorted(self.files.items()) if name[0] == kind]

    def _find_manifest(self, password):
        newest = None
        for blob in self._slots("m"):
            try:
                record = Plain().unseal(blob, b"m")
            except Damaged:
                continue
            size, key = header(record)
            counter, i = varint(record, size)
            if key is None and not self._is_whole(record[:i], record[i:]):
                continue
            if newest is None or counter > newest[0]:
                newest = counter, key, record[:i], record[i:]
        if newest is None:
            raise Damaged("no manifest")
        self.counter, key, start, sealed = newest
        self.envelope = unlock(key, password)
        self._read_manifest(self.envelope.unseal(sealed, b"m" + start))

    def _is_whole(self, start, sealed):
        try:
            Plain().unseal(sealed, b"m" + start)
        except Damaged:
            return False
        return True

    def _read_manifest(self, body):
        (self.wal, self.next_file), i = varints(body, 0, 2)
        digest = body[i : i + 16]
        levels, i = varint(body, i + 16)
        self.levels = []
        for _ in range(levels):
            count, i = varint(body, i)
            level = []
            for _ in range(count):
                number, i = varint(body, i)
                floor, i = counted(body, i)
                level.append(self._segment(number, floor))
            self.levels.append(level)
        self.name = body[i:].decode()
        tags = b"".join(segment.tag for level in self.levels for segment in level)
        if sha256(tags).digest()[:16] != digest:
            raise Damaged("a segment is not the one that the manifest names")

    def _segment(self, number, floor):
        name = "s%07x" % number
        if name not in self.files:
            raise Damaged("%s is missing" % name)
        return Segment(self.files[name], self.envelope, b"s" + number.to_bytes(4, "big"), floor)

    def _records(self):
        for blob in self._slots("w"):
            try:
                record = self.envelope.unseal(blob, b"w")
            except Damaged:
                continue
            counter, i = varint(record, 0)
            if counter > self.wal:
                yield counter, record[i], record[i + 1 :]

    def _replay(self):
        batch = base = b""
        for i, (counter, flag, fragment) in enumerate(sorted(self._records())):
            if counter != self.wal + 1 + i:
                raise Damaged("WAL record %d is missing" % (self.wal + 1 + i))
            if flag & 128:
                kind = flag
            batch += fragment
            if not flag & 31:
                if kind & 32:
                    base = batch[-255:]
                yield from _operations(_undone(batch, base) if kind & 64 else batch)
                batch = b""

    def entries(self):
        """Yield (key, value) of all that is live, by key."""
        sources = [sorted(self.log.items())] + [segment.entries() for segment in self.levels[0]]
        sources += [_chain(level) for level in self.levels[1:]]
        ranked = [_ranked(source, rank) for rank, source in enumerate(sources)]
        last = None
        for key, _, value in heapq.merge(*ranked, key=lambda entry: entry[:2]):
            if key != last and value is not None:
                yield key, value
            last = key

    def collections(self):
        """Return {name: state}, with count and next brought up to date by counting."""
        return {key[1:].decode(): json.loads(value) for key, value in self.entries() if key[:1] == b"Z" and key != b"Z"}

    def names(self):
        """Return {number: name} as the entries `T` say, those of collections that are gone left out."""
        states = self.collections()
        names = {varint(key, 1)[0]: value.decode() for key, value in self.entries() if key[:1] == b"T"}
        return {number: name for number, name in names.items() if states.get(name, {}).get("number") == number}

    def documents(self, now=None):
        """Yield (collection's name, record) as users see them. now: seconds, for expired ones (None: keep them)."""
        states = {state["number"]: (name, state) for name, state in self.collections().items()}
        for key, value in self.entries():
            if key[:1] != b"R":
                continue
            (number, id), _ = varints(key, 1, 2)
            name, state = states.get(number, (None, None))
            (version, timestamp, _), i = varints(value, 0, 3)
            ttl = state and state["options"].get("ttl")
            if not state or id < state["first"] or ttl and now is not None and timestamp + ttl <= now:
                continue
            yield name, dict(json.loads(value[i:]), id=id, timestamp=timestamp, version=version)


# -- raw flash

def flash_files(image, erase, name):
    """Return what a flash image (bytes) holds of a database, as Database takes it. erase: bytes of an erase block."""
    mine = sha256(name.encode()).digest()[:4]
    parts, logs = {}, []
    for start in range(0, len(image), erase):
        block = image[start : start + erase]
        number, counter, birth = (int.from_bytes(block[i : i + 4], "little") for i in (8, 12, 16))
        whole = block[:2] == b"U1" and sha256(block[:20]).digest()[:4] == block[20:24]
        if not whole or block[4:8] != mine or block[28:32] != b"\xff" * 4:
            continue
        if block[2:3] == b"s":
            parts[number, birth, block[3]] = block, counter
        else:
            logs.append((chr(block[2]), counter, block))
    return {**_flash_segments(parts), **_flash_logs(logs)}


def _flash_segments(parts):
    files = {}
    for (number, birth, index), (block, counter) in sorted(parts.items()):
        size = int.from_bytes(block[24:28], "little")
        if index or counter != birth or size == 0xFFFFFFFF:
            continue
        count = 1 + (max(size, 1) - 1) // (len(block) - 32)
        blocks = [parts[number, birth, i][0][32:] for i in range(count) if (number, birth, i) in parts]
        files["s%07x" % number] = b"".join(blocks)[:size]
    return files


def _flash_logs(logs):
    files = {}
    for kind, counter, block in sorted(logs, key=lambda log: log[1]):
        i = 32
        while i + 4 <= len(block) and block[i : i + 4] != b"\xff" * 4:
            length, inverted = (int.from_bytes(block[j : j + 2], "little") for j in (i, i + 2))
            if length ^ inverted != 0xFFFF or i + 4 + length > len(block):
                break
            files["%s-%d-%d" % (kind, counter, i)] = block[i + 4 : i + 4 + length]
            i += 4 + (length + 3) // 4 * 4
    return files


def _ranked(source, rank):
    return ((key, rank, value) for key, value in source)


def _chain(level):
    for segment in level:
        yield from segment.entries()


def _undone(delta, base):
    data, i = bytearray(base), 0

    def length(half):
        nonlocal i
        if half < 15:
            return half
        above, i = varint(delta, i)
        return 15 + above

    while i < len(delta):
        token = delta[i]
        i += 1
        literals = length(token >> 4)
        data += delta[i : i + literals]
        i += literals
        if i < len(delta):
            distance = delta[i]
            i += 1
            for _ in range(3 + length(token & 15)):
                data.append(data[-distance])
    return bytes(data[len(base) :])


def _operations(batch):
    i = 0
    while i < len(batch):
        (size, width), i = varints(batch, i, 2)
        key = batch[i : i + size]
        i += size
        end = i + max(width - 1, 0)
        value = batch[i:end] if width else None
        i = end
        yield key, value
        if key[:1] == b"R" and value is not None:
            change, _ = varints(value, 0, 3)
            yield b"S" + pack(change[2]), key[1:]
        if key[:1] == b"Z" and key != b"Z" and value is not None:
            yield b"T" + pack(json.loads(value)["number"]) + pack(2**32 - 1), key[1:]


class Backup:
    """A backup file's bytes: meta (dict) and entries()."""

    def __init__(self, data, password=None):
        size, key = header(data)
        start = data[: size + 8]
        Plain().unseal(start, b"b")
        self._segment = Segment(data, unlock(key, password), b"b" + start)
        key, value = next(self._segment.entries())
        if key:
            raise Damaged("not a backup")
        self.meta = json.loads(value)

    def entries(self):
        """Yield (key, value or None)."""
        return ((key, value) for key, value in self._segment.entries() if key)


def main():
    parser = argparse.ArgumentParser(description="Print the records of a database directory as JSON lines.")
    parser.add_argument("directory")
    parser.add_argument("--key", type=str.encode, help="a passphrase, or the key as text")
    parser.add_argument("--hex", dest="key", type=bytes.fromhex, help="the key in hex")
    args = parser.parse_args()
    try:
        for name, record in Database.open(args.directory, args.key).documents(time.time()):
            print(json.dumps({"collection": name, "record": record}, ensure_ascii=False))
    except (Damaged, WrongKey, OSError) as error:
        sys.exit("%s: %s" % (args.directory, error))


if __name__ == "__main__":
    main()
