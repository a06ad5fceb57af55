// Entries of several sorted sources on their way into a block, one for each key, as unosql/twin.py's Merge has it.
//
// It goes on by itself until it needs what only Python has: another block of a source, a decision, room. Nothing is changed by half
// then, and the next call goes on from there.
//
// Memory: as entries.h. The memory of keys is the caller's, who makes it larger when asked.
#ifndef UNOSQL_MERGE_H
#define UNOSQL_MERGE_H

#include "entries.h"

// What unosql_merge() has come to. Those up to FITS are questions about the next entry, in the order in which they are asked.
typedef enum {
    IS_DEAD,      // may it be forgotten?
    IS_TOMBSTONE, // it is a deletion: of nothing?
    IS_REPLACED,  // has a newer source, which is none of these, its key?
    STARTS,       // a segment is full, or it is of another kind than the one before: may it be written?
    FITS,         // the block must be closed first, or made larger
    PASSED,       // many entries were left out
    STOP,         // no source has a key below stop
    BROKEN,       // the source `at` is damaged
    FEED,         // the source `at` wants more
    ADDED,        // only said when `tells`
    LONG,         // `longer` wants room for more than `need` bytes
} merge_event_t;

typedef enum { HUNGRY, READY, CLOSED } source_state_t;

typedef struct {
    uint8_t *start;
    size_t size, room;
} whole_key_t;

typedef struct {
    span_t data;   // a block, or the memtable's arena
    span_t places; // of the operations in the arena, 2 bytes each; start NULL: data is a block
    span_t low;    // entries with lower keys are left out
    const void *owners[3]; // the caller's, whose these three are
    size_t next, end;      // of what is to be read: in data, or number of a place
    source_state_t state;
    whole_key_t key;             // of the entry that is READY
    size_t value, width;   // where its value is in data
    bool is_deletion;
} source_t;

typedef struct {
    source_t *sources; // the newest first
    size_t count;
    source_t *best;    // whose entry is the next, or NULL
    size_t at, need;   // see merge_event_t. need, after FITS: bytes of the block with the entry
    whole_key_t last;        // written last
    whole_key_t *longer;
    uint8_t *block;
    size_t used, limit, length; // of block: bytes used, to be used, and there are: one entry alone may use them all
    size_t due;        // bytes used from which the segment is full
    span_t stop;       // start NULL: there is none
    unsigned questions; // 0: none about forgetting; 1: all but IS_REPLACED; 2: all
    size_t left_out, told; // entries, and at the last PASSED
    unsigned asked;    // the question that is next
    size_t entries;    // written
    bool tells;
} merge_t;

// Go on.
merge_event_t unosql_merge(merge_t *merge);

// Answer a question about the next entry: leave it out, or go on with it.
void unosql_decide(merge_t *merge, bool leave_out);

// Leading bytes that the next key has of the one written last. There must be a next one.
size_t unosql_common(const merge_t *merge);

#endif
