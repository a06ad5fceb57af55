// Makes deltas of made-up records by delta.c, and undoes them.
//
//     delta COUNT SEED     prints how many inputs were of which kind; a failure says with which SEED it comes first.
//
// Every buffer has its exact size, so that the sanitizers see each byte beyond.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delta.h"
#include "inputs.h"

#define LARGEST (3000)

static struct {
    unsigned long shorter, longer, refused, too_long;
} counts;

static uint8_t *made(size_t size) {
    uint8_t *bytes = malloc(size ? size : 1);
    check(bytes != NULL, "no memory");
    return bytes;
}

// Bytes of a few values, so that there is much to match, with some of any.
static void fill(uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)random_below(random_below(8) ? 3 : 256);
    }
}

// A record of which a part is copied from the base, and its own runs.
static void fill_like(uint8_t *bytes, size_t size, span_t base) {
    fill(bytes, size);
    if (base.size && size && random_below(4)) {
        size_t from = random_below((uint32_t)base.size), to = random_below((uint32_t)size);
        size_t n = base.size - from < size - to ? base.size - from : size - to;
        memcpy(bytes + to, base.start + from, n);
    }
    if (size && random_below(8) == 0) {
        memset(bytes, 'x', random_below((uint32_t)size) + 1);
    }
}

static size_t number(const uint8_t **delta, size_t half) {
    if (half < 15) {
        return half;
    }
    size_t first = *(*delta)++;
    return first <= 240 ? 15 + first : 15 + 240 + ((first - 241) << 8) + *(*delta)++;
}

// Whether a delta, of exactly its size, makes the record that follows the base in buf.
static bool makes(const uint8_t *delta, size_t used, const uint8_t *buf, size_t start, size_t size) {
    const uint8_t *end = delta + used;
    size_t at = start;
    while (delta < end) {
        size_t token = *delta++, literals = number(&delta, token >> 4);
        if (literals > start + size - at || memcmp(buf + at, delta, literals) != 0) {
            return false;
        }
        at += literals;
        delta += literals;
        if (delta == end) {
            break;
        }
        size_t distance = *delta++, length = 3 + number(&delta, token & 15);
        if (distance == 0 || distance > at || length > start + size - at || memcmp(buf + at, buf + at - distance, length) != 0) {
            return false; // as what is there is right already, so is what overlaps
        }
        at += length;
    }
    return delta == end && at == start + size;
}

static void try_one(void) {
    size_t start = random_below(3) ? random_below(256) : 0, size = random_below(random_below(8) ? 120 : LARGEST);
    uint8_t *buf = made(start + size);
    fill(buf, start);
    fill_like(buf + start, size, (span_t) { buf, start });
    size_t room = random_below(4) ? size + 4 : random_below((uint32_t)size + 1);
    uint8_t *delta = made(room);
    size_t used = unosql_encode_delta((span_t) { buf, start + size }, start, delta, room);
    bool is_long = start + size > 2048;
    check(used <= room && (room < size + 4 || used || !size || is_long), "a delta that does not fit");
    if (used) {
        uint8_t *exact = made(used);
        memcpy(exact, delta, used);
        check(makes(exact, used, buf, start, size), "another record");
        free(exact);
        counts.shorter += used < size;
        counts.longer += used >= size;
    } else {
        counts.refused += !is_long;
        counts.too_long += is_long;
    }
    free(delta);
    free(buf);
}

int main(int argc, char **argv) {
    if (!tried_all(argc, argv, try_one)) {
        return 2;
    }
    printf("shorter %lu longer %lu refused %lu too_long %lu\n", counts.shorter, counts.longer, counts.refused, counts.too_long);
    return 0;
}
