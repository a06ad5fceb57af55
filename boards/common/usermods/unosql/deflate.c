// Deflating: of all earlier places in the window that have the next three bytes the longest match is taken, of equal
// ones the nearest, as by MicroPython's own deflate. That one compares with the whole window; here places with the
// same hash are linked, each to the one before it.
//
//     ... b"sensor 17" ... b"sensor 18"
//           ^ back[] <------ ^ newest[hash(b"sen")]
//
// A link has one byte: the low bits of a distance up to 511. So it names two places, and as a link leads to the
// nearest with the same hash, it is the nearer one if the hash there is the same. What a link says need not be
// true (there may be no such place, newest[] starts as zeros): every match is compared, within the window.

#include <string.h>

#include "deflate.h"

#define SHORTEST DEFLATE_SHORTEST
#define LONGEST DEFLATE_LONGEST

typedef struct {
    uint8_t *next;
    uint8_t *end;
    uint32_t bits; // that wait to be a byte, the first one lowest
    unsigned count;
} sink_t;

IN_FLASH static void put(sink_t *sink, uint32_t bits, unsigned count) {
    sink->bits |= bits << sink->count;
    sink->count += count;
    while (sink->count >= 8) {
        if (sink->next < sink->end) {
            *sink->next = (uint8_t)sink->bits;
        }
        sink->next++;
        sink->bits >>= 8;
        sink->count -= 8;
    }
}

IN_FLASH static void put_literal(sink_t *sink, uint8_t byte) {
    if (byte < 144) {
        put(sink, unosql_mirrored(0x30 + byte), 8);
    } else {
        put(sink, 1 | unosql_mirrored(0x90 - 144 + byte) << 1, 9);
    }
}

// length: from SHORTEST to 258
IN_FLASH static void put_length(sink_t *sink, size_t length) {
    unsigned n = (unsigned)length - SHORTEST, extra = 0, code = 28;
    if (length < 258) {
        while (n >> extra >= 8) {
            extra++;
        }
        code = 4 * extra + (n >> extra);
    }
    if (code < 23) {
        put(sink, unosql_mirrored((code + 1) << 1), 7);
    } else {
        put(sink, unosql_mirrored(0xc0 - 23 + code), 8);
    }
    put(sink, n & ((1u << extra) - 1), extra);
}

IN_FLASH static void put_distance(sink_t *sink, size_t distance) {
    unsigned n = (unsigned)distance - 1, extra = 0;
    while (n >> extra >= 4) {
        extra++;
    }
    put(sink, unosql_mirrored((2 * extra + (n >> extra)) << 3), 5);
    put(sink, n & ((1u << extra) - 1), extra);
}

IN_FLASH static void put_match(sink_t *sink, size_t length, size_t distance) {
    if (length == LONGEST) {
        put_length(sink, LONGEST - SHORTEST);
        put_distance(sink, distance);
        length = SHORTEST;
    }
    put_length(sink, length);
    put_distance(sink, distance);
}

static ALWAYS_INLINE unsigned hash(const uint8_t *p) {
    return (unsigned)(p[0] ^ p[1] << 1 ^ p[2] << 2) % DEFLATE_BUCKETS;
}

// How far before place `at` the one is that its link leads to: beyond the window or the start there is none.
static ALWAYS_INLINE size_t linked(const finder_t *finder, size_t at, unsigned h) {
    size_t distance = (uint8_t)(finder->work->back[at % DEFLATE_WINDOW] - 1) + 1u;
    if (distance > at || hash(finder->source + at - distance) != h) {
        distance += 256;
    }
    return distance;
}

IN_FLASH size_t unosql_longest_match(const finder_t *finder, size_t at, size_t window, size_t *distance) {
    const uint8_t *here = finder->source + at;
    size_t left = finder->size - at, most = left < LONGEST ? left : LONGEST;
    if (most < SHORTEST) {
        return 0;
    }
    unsigned h = hash(here);
    size_t best = SHORTEST - 1, reach = at < window ? at : window;
    size_t back = (uint16_t)(at - finder->work->newest[h]);
    while (back - 1 < reach && best < most) { // 0: none
        const uint8_t *there = here - back;
        if (there[best] == here[best]) {
            size_t n = 0;
            while (n < most && there[n] == here[n]) {
                n++;
            }
            if (n > best) {
                best = n;
                *distance = back;
            }
        }
        back += linked(finder, at - back, h);
    }
    return best;
}

IN_FLASH void unosql_note(const finder_t *finder, size_t at) {
    if (finder->size - at >= SHORTEST) {
        uint16_t *newest = &finder->work->newest[hash(finder->source + at)];
        finder->work->back[at % DEFLATE_WINDOW] = (uint8_t)(at - *newest);
        *newest = (uint16_t)at;
    }
}

IN_FLASH size_t unosql_deflate(const uint8_t *source, size_t size, uint8_t *target, size_t room, deflate_work_t *work) {
    sink_t sink = { target, target + room, 0, 0 };
    finder_t finder = { source, size, work };
    memset(work->newest, 0, sizeof(work->newest));
    put(&sink, 3, 3); // the last block, of fixed codes
    for (size_t at = 0; at < size && sink.next <= sink.end;) {
        size_t distance = 0, length = unosql_longest_match(&finder, at, DEFLATE_WINDOW, &distance);
        if (length < SHORTEST) {
            put_literal(&sink, source[at]);
            length = 1;
        } else {
            put_match(&sink, length, distance);
        }
        for (size_t end = at + length; at < end; at++) {
            unosql_note(&finder, at);
        }
    }
    put(&sink, 0, 7); // the end of the block
    put(&sink, 0, 7); // and of its last byte
    return sink.next > sink.end ? 0 : (size_t)(sink.next - target);
}
