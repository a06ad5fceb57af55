// Raw deflate (RFC 1951) from one buffer into another, in memory that the caller brings.
//
// Memory: nothing is allocated, nothing recurses, and what a call needs beyond some 100 bytes of stack is its work.
// Every read and write is checked, whatever the bytes are. No function here raises or knows MicroPython, so that
// tests/support/codec/fuzz.c can run them under sanitizers.
#ifndef UNOSQL_DEFLATE_H
#define UNOSQL_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "inflash.h"

#define DEFLATE_WINDOW (512) // bytes that deflating looks back: unosql's format says so
#define DEFLATE_BUCKETS (64)
#define DEFLATE_SHORTEST (3)
#define DEFLATE_LONGEST (259) // one above what a code can say: as MicroPython's, then two codes say it
#define INFLATE_SYMBOLS (286)
#define INFLATE_DISTANCES (30)
#define INFLATE_LONGEST (15) // bits of a code

typedef struct {
    uint16_t newest[DEFLATE_BUCKETS]; // by hash of three bytes: where they were seen last, the low 16 bits
    uint8_t back[DEFLATE_WINDOW];     // by place: how far before it the same hash was, the low 8 bits
} deflate_work_t;

// Of blocks that bring codes of their own. count: by length in bits, how many codes have it. symbols: in the order
// of their codes.
typedef struct {
    uint16_t count[INFLATE_LONGEST + 1];
    uint16_t symbols[INFLATE_SYMBOLS];
    uint16_t distance_count[INFLATE_LONGEST + 1];
    uint16_t distance_symbols[INFLATE_DISTANCES];
    uint8_t lengths[INFLATE_SYMBOLS + INFLATE_DISTANCES]; // while they are read
} inflate_work_t;

// Where matches are looked for. work: newest[] is zeros at the start.
typedef struct {
    const uint8_t *source;
    size_t size;
    deflate_work_t *work;
} finder_t;

// Note that the hash of place `at` was seen there: each place has its turn, in order.
void unosql_note(const finder_t *finder, size_t at);

// The length of the longest match for what starts at place `at`, at most window bytes before it, of equal ones the nearest, and how far
// before it that is; below DEFLATE_SHORTEST: there is none. window: DEFLATE_WINDOW at the most.
size_t unosql_longest_match(const finder_t *finder, size_t at, size_t window, size_t *distance);

// Put the raw deflate stream of source into target and return its size, or 0 when room is less than that: then
// target holds the start of it. One block of fixed codes; the bytes are those of MicroPython's deflate with wbits=9.
size_t unosql_deflate(const uint8_t *source, size_t size, uint8_t *target, size_t room, deflate_work_t *work);

// Fill target from a raw deflate stream of any kind, and return how many bytes of it were filled: less than room
// when the stream ended, what follows it is not looked at. -1: no such stream, or cut off; what target then holds
// means nothing.
ptrdiff_t unosql_inflate(const uint8_t *source, size_t size, uint8_t *target, size_t room, inflate_work_t *work);

// For both: bytes with their bits in reverse, as codes lie in a stream.
unsigned unosql_mirrored(unsigned byte);

#endif
