// What the erase blocks of a raw flash hold, as their headers say: see unosql/storage/blocks.py, and unosql/twin.py.
//
// Memory: nothing is allocated or kept. No header leads beyond the words that are there, whatever it says. No function here raises
// or knows MicroPython, so that tests/support/codec/headers.c can run them under sanitizers.
#ifndef UNOSQL_HEADERS_H
#define UNOSQL_HEADERS_H

#include <stddef.h>
#include <stdint.h>

#include "inflash.h"

// Of a header: magic, kind and index, database, number of the file, counter, counter of the file's first block, checksum of these,
// size of the file, and what is blank while the block is in use. Little-endian, as all our targets are.
enum { KIND, DATABASE, NUMBER, COUNTER, BIRTH, SUM, SIZE, KILL, HEAD_WORDS };

#define HEADER_MAGIC (0x3155) // the lower half of KIND
#define HEADER_BLANK (0xffffffff)

// What is said of a block: its tag. number << INDEX_BITS | index, of a block of a segment of ours; or one of these.
#define INDEX_BITS (6)
#define TAG_FREE (0)
#define TAG_OTHER (0xffffffff)
#define TAG_DOOMED (0xfffffffe)
#define TAG_LEAST_SPECIAL (0xffffffc0)

typedef struct {
    uint32_t *start;
    size_t count;
} words_t;

// The first of words from i on that is wanted; -1: there is none.
ptrdiff_t unosql_word(words_t words, uint32_t wanted, size_t i);

// The first of tags from i on that is of a segment's first block.
ptrdiff_t unosql_first(words_t tags, size_t i);

// The tag of a segment's block, given its header; those of the blocks behind it are in tags. Note its birth.
uint32_t unosql_tag(const uint32_t *head, size_t block, words_t tags, words_t births);

// Doom the blocks that are left of a segment without its first one, which births tells.
void unosql_doom(words_t tags, words_t births);

#endif
