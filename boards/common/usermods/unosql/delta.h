// A record as its difference to the one before: LZ77 (Ziv and Lempel 1977), laid out as LZ4's blocks are, but for distances of one
// byte and lengths beyond a nibble, which are varints. unosql/twin.py does the same, unosql/kv/wal.py undoes it.
//
// Memory: nothing is allocated or kept, nothing recurses; a call takes some 700 bytes of stack. Every read and write is checked, whatever the bytes are. No function here
// raises or knows MicroPython, so that tests/support/codec/delta.c can run them under sanitizers.
#ifndef UNOSQL_DELTA_H
#define UNOSQL_DELTA_H

#include "entries.h"

// Encode what is behind the first `start` bytes of buf. Return how many bytes of target that took; 0: they do not suffice, or buf
// has more than 2,048.
size_t unosql_encode_delta(span_t buf, size_t start, uint8_t *target, size_t room);

#endif
