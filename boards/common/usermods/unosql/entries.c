// Keys share what they begin with, so a search knows how many bytes of the key before agreed with what is sought: an
// entry that shares more than these compares as the one before did, and of the others only the rest is looked at.

#include <string.h>

#include "entries.h"

// What is sought, beside the key of the last entry.
typedef struct {
    span_t key;
    size_t agree; // leading bytes that both have
    int order;    // of the entry's key to this
} sought_t;

static ALWAYS_INLINE void drop(span_t *span, size_t size) {
    span->start += size;
    span->size -= size;
}

// A varint of 2 to 9 bytes, see codec.py.
IN_FLASH static bool take_long_uint(span_t *left, uint64_t *n) {
    const uint8_t *at = left->start;
    unsigned first = at[0];
    size_t size = first <= 248 ? 2 : first - 246u;
    if (size > left->size) {
        return false;
    }
    uint64_t bytes = 0;
    for (size_t i = 1; i < size; i++) {
        bytes = bytes << 8 | at[i];
    }
    *n = bytes + (size == 2 ? 240 + ((first - 241) << 8) : size == 3 ? 2288 : 0);
    drop(left, size);
    return true;
}

// Whether a varint is there.
static ALWAYS_INLINE bool take_uint(span_t *left, uint64_t *n) {
    if (left->size == 0) {
        return false;
    }
    *n = left->start[0];
    if (*n > 240) {
        return take_long_uint(left, n);
    }
    drop(left, 1);
    return true;
}

// Take so many bytes.
static ALWAYS_INLINE bool take_span(span_t *left, uint64_t size, span_t *span) {
    if (size > left->size) {
        return false;
    }
    span->start = left->start;
    span->size = (size_t)size;
    drop(left, span->size);
    return true;
}

IN_FLASH bool unosql_entry(span_t *left, size_t size, entry_t *entry) {
    uint64_t shared, rest, width;
    if (!take_uint(left, &shared) || !take_uint(left, &rest) || !take_uint(left, &width) || shared > size) {
        return false;
    }
    entry->shared = (size_t)shared;
    entry->is_deletion = width == 0;
    return take_span(left, rest, &entry->rest) && take_span(left, width ? width - 1 : 0, &entry->value);
}

static ALWAYS_INLINE int order_of(int a, int b) {
    return (a > b) - (a < b);
}

static ALWAYS_INLINE sought_t seek(span_t key) {
    return (sought_t) { key, 0, key.size ? -1 : 0 };
}

static ALWAYS_INLINE void compare(sought_t *sought, const entry_t *entry) {
    size_t shared = entry->shared, size = shared + entry->rest.size, i = shared;
    if (shared > sought->agree) {
        return; // as the one before
    }
    size_t both = size < sought->key.size ? size : sought->key.size;
    while (i < both && entry->rest.start[i - shared] == sought->key.start[i]) {
        i++;
    }
    sought->agree = i;
    if (i < both) {
        sought->order = order_of(entry->rest.start[i - shared], sought->key.start[i]);
    } else {
        sought->order = (size > both) - (sought->key.size > both);
    }
}

static ALWAYS_INLINE size_t key_size(const entry_t *entry) {
    return entry->shared + entry->rest.size;
}

IN_FLASH lookup_t unosql_find(span_t block, span_t key, entry_t *entry) {
    sought_t sought = seek(key);
    size_t size = 0;
    while (block.size && sought.order < 0) {
        if (!unosql_entry(&block, size, entry)) {
            return DAMAGED;
        }
        compare(&sought, entry);
        if (sought.order == 0) {
            return FOUND;
        }
        size = key_size(entry);
    }
    return ABSENT;
}

// An index entry's value.
IN_FLASH static bool add_child(children_t *children, const entry_t *entry, size_t at) {
    child_t *child = &children->found[children->count];
    span_t place = entry->value;
    children->count++;
    child->at = at;
    return take_uint(&place, &child->offset) && take_uint(&place, &child->size);
}

IN_FLASH static void drop_first(children_t *children) {
    children->count--;
    memmove(children->found, children->found + 1, children->count * sizeof(child_t));
}

IN_FLASH bool unosql_children(span_t block, span_t lo, span_t hi, bool reverse, unsigned most, children_t *children) {
    span_t left = block;
    entry_t entry;
    sought_t low = seek(lo), high = seek(hi);
    size_t size = 0;
    children->count = 0;
    children->more = false;
    while (left.size) {
        size_t at = block.size - left.size;
        if (!unosql_entry(&left, size, &entry)) {
            return false;
        }
        size = key_size(&entry);
        compare(&low, &entry);
        compare(&high, &entry);
        if (hi.start && high.order >= 0) {
            break;
        }
        if (low.order <= 0) {
            children->count = 0;
        } else if (children->count == most) {
            children->more = true;
            children->more_at = at;
            if (!reverse) {
                return true;
            }
            drop_first(children);
        }
        if (!add_child(children, &entry, at)) {
            return false;
        }
    }
    if (children->more) { // backwards: below the lowest one
        children->more_at = children->found[0].at;
    }
    return true;
}

// The entry at block[at:], and the size of the key before.
IN_FLASH static void entry_at(span_t block, size_t at, entry_t *entry) {
    span_t left = { block.start + at, block.size - at };
    unosql_entry(&left, SIZE_MAX, entry);
}

IN_FLASH size_t unosql_key_size(span_t block, size_t at) {
    entry_t entry;
    entry_at(block, at, &entry);
    return key_size(&entry);
}

// Keys on the way there may be longer; what they have beyond the size this one does not share.
IN_FLASH void unosql_key(span_t block, size_t at, uint8_t *target, size_t size) {
    span_t left = block;
    entry_t entry;
    while (block.size - left.size <= at && unosql_entry(&left, SIZE_MAX, &entry)) {
        if (entry.shared < size) {
            size_t room = size - entry.shared;
            memcpy(target + entry.shared, entry.rest.start, entry.rest.size < room ? entry.rest.size : room);
        }
    }
}

// Whether the entry's key is below, 0 or 1; -1: it is not within the arena.
IN_FLASH static int is_below(span_t arena, size_t place, span_t key) {
    uint64_t size, width;
    span_t found;
    if (place > arena.size) {
        return -1;
    }
    drop(&arena, place);
    if (!take_uint(&arena, &size) || !take_uint(&arena, &width) || !take_span(&arena, size, &found)) {
        return -1;
    }
    size_t both = found.size < key.size ? found.size : key.size;
    int order = memcmp(found.start, key.start, both);
    return order < 0 || (order == 0 && found.size < key.size);
}

IN_FLASH ptrdiff_t unosql_search(span_t arena, const uint8_t *places, size_t count, span_t key) {
    size_t lo = 0, hi = count;
    while (lo < hi) {
        size_t middle = (lo + hi) / 2;
        int below = is_below(arena, (size_t)(places[2 * middle] << 8 | places[2 * middle + 1]), key);
        if (below < 0) {
            return -1;
        }
        if (below) {
            lo = middle + 1;
        } else {
            hi = middle;
        }
    }
    return (ptrdiff_t)lo;
}

IN_FLASH bool unosql_part(span_t packed, unsigned n, span_t *part) {
    uint64_t number;
    size_t head = packed.size ? 5u + packed.start[0] : SIZE_MAX; // its tag and the file's size
    if (head > packed.size) {
        return false;
    }
    drop(&packed, head);
    for (int i = 0; i < 4; i++) {
        if (!take_uint(&packed, &number)) {
            return false;
        }
    }
    do {
        if (!take_uint(&packed, &number) || !take_span(&packed, number, part)) {
            return false;
        }
    } while (n--);
    return true;
}
