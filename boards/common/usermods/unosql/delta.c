// A delta is a sequence of: token [v(literals - 15)] literals [distance [v(length - 18)]], where the token's halves are the number
// of literals and the length of the match less 3, or 15, which says that more follows. Behind the last literals or the last
// match it ends. Matches are deflate's, which takes 640 bytes of the stack.

#include <string.h>

#include "deflate.h"
#include "delta.h"

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

// above: of the match that follows the literals, its length less 3.
IN_FLASH static void put_literals(sink_t *sink, const uint8_t *start, size_t size, size_t above) {
    put(sink, nibble(size) << 4 | nibble(above));
    put_above(sink, size);
    while (size--) {
        put(sink, *start++);
    }
}

IN_FLASH size_t unosql_encode_delta(span_t buf, size_t start, uint8_t *target, size_t room) {
    sink_t sink = { target, target + room };
    size_t literals = start, distance = 0, end = start;
    deflate_work_t work;
    finder_t finder = { buf.start, buf.size, &work };
    if (buf.size > LONG) {
        return 0;
    }
    memset(work.newest, 0, sizeof(work.newest));
    for (size_t at = 0; at < buf.size; at++) {
        if (at == end) {
            size_t length = unosql_longest_match(&finder, at, FARTHEST, &distance);
            end++;
            if (length >= DEFLATE_SHORTEST) {
                put_literals(&sink, buf.start + literals, at - literals, length - DEFLATE_SHORTEST);
                put(&sink, distance);
                put_above(&sink, length - DEFLATE_SHORTEST);
                literals = end = at + length;
            }
        }
        unosql_note(&finder, at);
    }
    if (literals < buf.size) {
        put_literals(&sink, buf.start + literals, buf.size - literals, 0);
    }
    return sink.next > sink.end ? 0 : (size_t)(sink.next - target);
}
