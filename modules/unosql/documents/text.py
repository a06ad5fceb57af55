"""Text that is not Unicode, which strings may hold: halves of surrogate pairs, and on MicroPython any bytes.

What is stored is UTF-8 as RFC 3629 has it. MicroPython's own decoder lets halves and overlong forms pass, and its
json.loads() does not join pairs. Imported only where a text is not ASCII.
"""

from ..codec import is_ascii

REPLACEMENT = b"\xef\xbf\xbd"  # U+FFFD
_CHUNK = 128
_NONE = (256, 0)
# First bytes that not every second byte may follow (lowest, highest): overlong forms, surrogates, above U+10FFFF.
_SECOND = {
    0xC0: _NONE, 0xC1: _NONE, 0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F),
    0xF5: _NONE, 0xF6: _NONE, 0xF7: _NONE,
}


def is_sound(data):
    """Whether bytes are UTF-8. Takes O(1) RAM."""
    i = 0
    while i < len(data):
        end = _chunk_end(data, i)
        try:
            str(data[i:end], "utf-8")
        except UnicodeError:
            return False
        i = end
    return not any(_is_misused(data, lead) for lead in _SECOND)


def mended(data):
    """Return bytes as UTF-8: pairs of surrogates joined, and U+FFFD for whatever else is none."""
    parts, done = [], 0
    for start, end, new in _flaws(data):
        parts.append(data[done:start])
        parts.append(new)
        done = end
    return b"".join(parts) + data[done:]


def escaped(data):
    """Return bytes as a str: U+FFFD and two hex digits for each that is not UTF-8, so that no two are alike."""
    parts, done = [], 0
    for start, end, _ in _flaws(data):
        parts.append(data[done:start])
        parts += [REPLACEMENT + ("%02x" % byte).encode() for byte in data[start:end]]
        done = end
    return str(b"".join(parts) + data[done:], "utf-8")


def unescaped(data):
    """Return the bytes that escaped() took, from its UTF-8; anything else as it is."""
    parts = data.split(REPLACEMENT)
    new = parts[0]
    for part in parts[1:]:
        try:
            new += bytes((int(part[:2], 16),)) + part[2:]
        except ValueError:
            new += REPLACEMENT + part
    return data if is_sound(new) else new


def is_lossy(data):
    """Whether mended() replaces anything, rather than only joining pairs."""
    return any(new is REPLACEMENT for _, _, new in _flaws(data))


def joined(value, name):
    """Return a JSON value with the pairs in its texts joined. ValueError names the place of text that is not Unicode."""
    if isinstance(value, str):
        return value if is_ascii(value) else _joined_text(value, name)
    if isinstance(value, (list, tuple)):
        return [joined(value[i], "%s[%d]" % (name, i)) for i in range(len(value))]
    if not isinstance(value, dict):
        return value
    new = {joined(key, "%s: key" % name): joined(value[key], "%s[%r]" % (name, key)) for key in value}
    if len(new) < len(value):
        raise ValueError("%s: two keys are the same text once surrogate pairs are joined" % name)
    return new


def _joined_text(text, name):
    data = text.encode("utf-8", "surrogatepass")
    if is_sound(data):
        return text
    for start, end, new in _flaws(data):
        if new is REPLACEMENT:
            why = "half a surrogate pair" if _half(data, start) else "bytes that are not UTF-8"
            raise ValueError("%s: %s at byte %d, %r" % (name, why, start, data[start:end]))
    return str(mended(data), "utf-8")


def _chunk_end(data, i):
    """Return where a chunk from i on may end: not within a character."""
    end = min(i + _CHUNK, len(data))
    for _ in range(3):
        if end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
    return end


def _is_misused(data, lead):
    """Whether a first byte is followed by what it must not be. data: of sound structure."""
    i = data.find(bytes((lead,)))
    while i >= 0:
        if not _may_follow(lead, data[i + 1]):
            return True
        i = data.find(bytes((lead,)), i + 1)
    return False


def _may_follow(lead, second):
    lo, hi = _SECOND.get(lead, (0x80, 0xBF))
    return lo <= second <= hi


def _flaws(data):
    """Yield (start, end, bytes in place of these) of what is not UTF-8."""
    i = 0
    while i < len(data):
        start, lead = i, data[i]
        if lead < 0x80:
            i += 1
            continue
        i = _end(data, i)
        if i - start == _size(lead) and _may_follow(lead, data[start + 1]):
            continue
        new = _pair(data, start)
        if new:
            i += 3
        yield start, i, new or REPLACEMENT


def _size(lead):
    """The bytes of a character, by the first of them; 0: none starts with it."""
    if not 0xC0 <= lead < 0xF8:
        return 0
    return 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def _end(data, i):
    """Return the index after a character as far as it is there: never beyond an ASCII byte."""
    last = min(i + _size(data[i]), len(data))
    i += 1
    while i < last and data[i] & 0xC0 == 0x80:
        i += 1
    return i


def _half(data, i):
    """Return 0xA0 for the first half of a surrogate pair at data[i:], 0xB0 for the second, else 0."""
    return data[i + 1] & 0xF0 if data[i] == 0xED and _end(data, i) == i + 3 and data[i + 1] >= 0xA0 else 0


def _pair(data, i):
    """Return the character of the pair at data[i:], as bytes, or None."""
    if _half(data, i) != 0xA0 or i + 6 > len(data) or _half(data, i + 3) != 0xB0:
        return None
    high = (data[i + 1] & 15) << 6 | data[i + 2] & 63
    low = (data[i + 4] & 15) << 6 | data[i + 5] & 63
    return chr(0x10000 + (high << 10 | low)).encode()
