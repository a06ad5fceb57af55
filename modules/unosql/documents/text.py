"""Text that is not Unicode, which strings may hold: halves of surrogate pairs, and on MicroPython any bytes.

What is stored is UTF-8 as RFC 3629 has it. MicroPython's own decoder lets halves and overlong forms pass, and its
json.loads() does not join pairs. Imported only where a text is not ASCII.
"""

from ..native import native

REPLACEMENT = b"\xef\xbf\xbd"  # U+FFFD


def is_sound(data):
    """Whether bytes are UTF-8. Takes O(1) RAM."""
    return native.flaw(data, 0) is None


def mended(data, escape=False):
    """Return bytes as UTF-8: pairs of surrogates joined, and U+FFFD for whatever else is none. escape: as escaped() has it."""
    parts, done = [], 0
    for start, end, new in _flaws(data):
        parts.append(data[done:start])
        parts += [REPLACEMENT + b"%02x" % byte for byte in data[start:end]] if escape else [new]
        done = end
    return b"".join(parts) + data[done:]


def escaped(data):
    """Return bytes as a str: U+FFFD and two hex digits for each that is not UTF-8, so that no two are alike."""
    return str(mended(data, True), "utf-8")


def unescaped(data):
    """Return the bytes that escaped() took, from its UTF-8; anything else as it is."""
    parts = data.split(REPLACEMENT)
    new = parts[0]
    for part in parts[1:]:
        try:
            new += bytes((int(part[:2], 16),)) + part[2:]
        except ValueError:
            new += REPLACEMENT + part
    return new if escaped(new).encode() == data else data


def joined(value, name):
    """Return a JSON value with the pairs in its texts joined. ValueError names the place of text that is not Unicode."""
    if isinstance(value, str):
        return value if native.is_ascii(value) else _joined_text(value, name)
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
            why = "half a surrogate pair" if _half(data, start, end) else "bytes that are not UTF-8"
            raise ValueError("%s: %s at byte %d, %r" % (name, why, start, data[start:end]))
    return str(mended(data), "utf-8")


def _flaws(data):
    """Yield (start, end, bytes in place of these) of what is not UTF-8."""
    flaw = native.flaw(data, 0)
    while flaw:
        start, end = flaw
        flaw = native.flaw(data, end)
        if flaw and flaw[0] == end and _half(data, start, end) == 0xA0 and _half(data, *flaw) == 0xB0:
            yield start, flaw[1], _pair(data, start)
            flaw = native.flaw(data, flaw[1])
        else:
            yield start, end, REPLACEMENT


def _half(data, start, end):
    """Return 0xA0 if such a flaw is the first half of a surrogate pair, 0xB0 if it is the second, else 0."""
    return data[start + 1] & 0xF0 if data[start] == 0xED and end == start + 3 else 0


def _pair(data, i):
    """Return the character of the pair at data[i:], as bytes."""
    high = (data[i + 1] & 15) << 6 | data[i + 2] & 63
    low = (data[i + 4] & 15) << 6 | data[i + 5] & 63
    return chr(0x10000 + (high << 10 | low)).encode()
