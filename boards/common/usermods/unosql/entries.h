// Sorted entries in blocks of segments and in the memtable, as unosql/twin.py reads and packs them.
//
// Memory: nothing is allocated or kept, nothing recurses, no key is put together to compare it. Every length is checked
// against what is there, whatever the bytes are. No function here raises or knows MicroPython, so that
// tests/support/codec/entries.c can run them under sanitizers.
#ifndef UNOSQL_ENTRIES_H
#define UNOSQL_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inflash.h"

#define CHILDREN (4) // of an index block that a call returns, at most

typedef struct {
    const uint8_t *start;
    size_t size;
} span_t;

// v(shared) v(rest) v(size of value + 1) rest value. shared: leading bytes that the key has of the one before.
typedef struct {
    size_t shared;
    span_t rest;
    span_t value;
    bool is_deletion;
} entry_t;

typedef struct {
    uint64_t offset, size; // in the file
    size_t at;             // where its entry is in the block
} child_t;

typedef struct {
    child_t found[CHILDREN];
    unsigned count;
    bool more;
    size_t more_at; // where the entry is whose key says where to go on
} children_t;

typedef struct {
    span_t key;
    span_t value;
    bool is_deletion;
} operation_t;

#define META_PARTS (5)

// low, high: keys. top: the root's entries, or nothing. gaps: v(size) key v(size) key ..., between two of which no key is.
typedef struct {
    uint64_t numbers[4]; // root, its size, depth, entries
    union {
        struct {
            span_t low, high, bloom, top, gaps;
        };
        span_t parts[META_PARTS];
    };
} meta_t;

typedef enum { DAMAGED = -1, ABSENT = 0, FOUND = 1, ABOVE = 2 } lookup_t;

// Take a varint, see codec.py, from the start of left. Whether it is there.
bool unosql_uint(span_t *left, uint64_t *n);

// Take an entry from the start of left. size: of the key before. Whether it is whole.
bool unosql_entry(span_t *left, size_t size, entry_t *entry);

// Take the first entry whose key is not below key, and those before it, from the start of a block. FOUND, ABOVE: it is that key or one above;
// they fill entry, and at: where it starts. ABSENT: there is none.
lookup_t unosql_seek(span_t *left, span_t key, entry_t *entry, const uint8_t **at);

// Find the entry of a key in a data block. FOUND fills entry.
lookup_t unosql_find(span_t block, span_t key, entry_t *entry);

// The children of an index block that may hold keys of lo <= key < hi, and where to go on: see kv/segment.py,
// Segment._leaves(). hi.start NULL: no upper bound. most: 1 to CHILDREN. Whether the block is whole, as far as it was read.
bool unosql_children(span_t block, span_t lo, span_t hi, bool reverse, unsigned most, children_t *children);

// Size of the key whose entry is at block[at:], an offset that was returned.
size_t unosql_key_size(span_t block, size_t at);

// Fill target with that key. size: as unosql_key_size() has it.
void unosql_key(span_t block, size_t at, uint8_t *target, size_t size);

// Below 0, 0 or above: as bytes sort.
int unosql_order(span_t a, span_t b);

// The child of an index block whose keys lie around key. Whether there is one, and the block is whole as far as it was read.
bool unosql_child(span_t block, span_t key, child_t *child);

// Leading bytes that both have.
size_t unosql_shared(span_t a, span_t b);

// Append an entry to a block of which `used` bytes are used, if it then has `room` bytes at most. last: the key before, or nothing.
// value NULL: a deletion. end: bytes that are, or would be, used. Whether it was appended. Sizes are below 2^32.
bool unosql_append(uint8_t *block, size_t used, size_t room, span_t last, span_t key, const span_t *value, size_t *end);

// Take an operation of the memtable's from the start of left: v(size of key) v(size of value + 1) key value. Whether it is whole.
bool unosql_operation(span_t *left, operation_t *operation);

// The same at a place of the arena.
bool unosql_operation_at(span_t arena, size_t place, operation_t *operation);

// Find the operation of a key among those at places. FOUND fills operation.
lookup_t unosql_lookup(span_t arena, const uint8_t *places, size_t count, span_t key, operation_t *operation);

// Give the operation at start its place among count, where it replaces one of its key; places has room for one more, and start is
// below 65,536. Return how many there are; -1: damaged, and nothing was changed.
ptrdiff_t unosql_place(span_t arena, uint8_t *places, size_t count, size_t start);

// The first of count places, offsets of entries in the arena, whose key is not below key. -1: damaged.
// places: 2 bytes each.
ptrdiff_t unosql_search(span_t arena, const uint8_t *places, size_t count, span_t key);

// What a Segment's packed meta block holds; the last two parts may be left out. Whether all is there.
bool unosql_meta(span_t packed, meta_t *meta);

// Whether a live key may lie in lo <= key < hi, by the lowest and the highest. hi.start NULL: no upper bound. floor: keys up to it are dead; start NULL: none is.
bool unosql_overlaps(const meta_t *meta, span_t floor, span_t lo, span_t hi);

// Whether a key that is live may be there, by the lowest, the highest and the gaps.
bool unosql_in_range(const meta_t *meta, span_t floor, span_t key);

#endif
