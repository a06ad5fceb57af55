// Sorted entries in blocks of segments and in the memtable, as kv/segment.py and kv/memtable.py read them.
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

typedef enum { DAMAGED = -1, ABSENT = 0, FOUND = 1 } lookup_t;

// Take an entry from the start of left. size: of the key before. Whether it is whole.
bool unosql_entry(span_t *left, size_t size, entry_t *entry);

// Find the entry of a key in a data block. FOUND fills entry.
lookup_t unosql_find(span_t block, span_t key, entry_t *entry);

// The children of an index block that may hold keys of lo <= key < hi, and where to go on: see kv/segment.py,
// Segment._leaves(). hi.start NULL: no upper bound. most: 1 to CHILDREN. Whether the block is whole, as far as it was read.
bool unosql_children(span_t block, span_t lo, span_t hi, bool reverse, unsigned most, children_t *children);

// Size of the key whose entry is at block[at:], an offset that was returned.
size_t unosql_key_size(span_t block, size_t at);

// Fill target with that key. size: as unosql_key_size() has it.
void unosql_key(span_t block, size_t at, uint8_t *target, size_t size);

// The first of count places, offsets of entries in the arena, whose key is not below key. -1: damaged.
// places: 2 bytes each. An entry is v(size of key) v(...) key.
ptrdiff_t unosql_search(span_t arena, const uint8_t *places, size_t count, span_t key);

// Part n of a Segment's packed meta block. Whether it is there.
bool unosql_part(span_t packed, unsigned n, span_t *part);

#endif
