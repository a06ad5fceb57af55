// A delta is a sequence of: token [v(literals - 15)] literals [distance [v(length - 18)]], where the token's halves are the number
// of literals and the length of the match less 3, or 15, which says that more follows. Behind the last literals or the last
// match it ends. The window is small, so that comparing with each place of it is less work than keeping a table.

#include "delta.h"

#define SHORTEST (3)
#define FARTHEST (255)
#define NIBBLE (15)
#define LONG (2048) // a varint of two bytes is enough for its lengths

typedef struct {
    uint8_t *next;
    uint8_t *end;
} sink_t;

IN_FLASH static void put(sink_t *sink, size_t byte) {
    if (sink->next < sink->end) {
        *sink->next = (uint8_t)byte;
    }
    sink->next++;
}

// What a length has above a nibble. See codec.py.
IN_FLASH static void put_above(sink_t *sink, size_t length) {
    if (length < NIBBLE) {
        return;
    }
    length -= NIBBLE;
    if (length > 240) {
        length -= 240;
        put(sink, 241 + (length >> 8));
    }
    put(sink, length);
}

static ALWAYS_INLINE size_t nibble(size_t length) {
    return length < NIBBLE ? length : NIBBLE;
}

// above: of the match that follows the literals, its length less SHORTEST.
IN_FLASH static void put_literals(sink_t *sink, const uint8_t *start, size_t size, size_t above) {
    put(sink, nibble(size) << 4 | nibble(above));
    put_above(sink, size);
    for (size_t i = 0; i < size; i++) {
        put(sink, start[i]);
    }
}

// The length of the longest match for what starts at place `at`, of equal ones the nearest, and how far before it that is.
IN_FLASH static size_t longest_match(span_t buf, size_t at, size_t *distance) {
    const uint8_t *here = buf.start + at;
    size_t most = buf.size - at, best = SHORTEST - 1, reach = at < FARTHEST ? at : FARTHEST;
    for (size_t back = 1; back <= reach && best < most; back++) {
        const uint8_t *there = here - back;
        size_t n = 0;
        if (there[best] == here[best]) {
            while (n < most && there[n] == here[n]) {
                n++;
            }
        }
        if (n > best) {
            best = n;
            *distance = back;
        }
    }
    return best;
}

IN_FLASH size_t unosql_encode_delta(span_t buf, size_t start, uint8_t *target, size_t room) {
    sink_t sink = { target, target + room };
    size_t literals = start, distance = 0;
    if (buf.size > LONG) {
        return 0;
    }
    for (size_t at = start; at < buf.size && sink.next <= sink.end;) {
        size_t length = longest_match(buf, at, &distance);
        if (length < SHORTEST) {
            at++;
            continue;
        }
        put_literals(&sink, buf.start + literals, at - literals, length - SHORTEST);
        put(&sink, distance);
        put_above(&sink, length - SHORTEST);
        literals = at += length;
    }
    if (literals < buf.size) {
        put_literals(&sink, buf.start + literals, buf.size - literals, 0);
    }
    return sink.next > sink.end ? 0 : (size_t)(sink.next - target);
}
