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

IN_FLASH bool unosql_uint(span_t *left, uint64_t *n) {
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
IN_FLASH static bool take_span(span_t *left, uint64_t size, span_t *span) {
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
    if (!unosql_uint(left, &shared) || !unosql_uint(left, &rest) || !unosql_uint(left, &width) || shared > size) {
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

IN_FLASH static void compare(sought_t *sought, const entry_t *entry) {
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

IN_FLASH lookup_t unosql_seek(span_t *left, span_t key, entry_t *entry, const uint8_t **at) {
    sought_t sought = { key, 0, -1 };
    size_t size = 0;
    while (left->size) {
        *at = left->start;
        if (!unosql_entry(left, size, entry)) {
            return DAMAGED;
        }
        compare(&sought, entry);
        if (sought.order >= 0) {
            return sought.order ? ABOVE : FOUND;
        }
        size = key_size(entry);
    }
    return ABSENT;
}

IN_FLASH lookup_t unosql_find(span_t block, span_t key, entry_t *entry) {
    const uint8_t *at;
    lookup_t found = unosql_seek(&block, key, entry, &at);
    return found == ABOVE ? ABSENT : found;
}

// An index entry's value.
IN_FLASH static bool add_child(children_t *children, const entry_t *entry, size_t at) {
    child_t *child = &children->found[children->count];
    span_t place = entry->value;
    children->count++;
    child->at = at;
    return unosql_uint(&place, &child->offset) && unosql_uint(&place, &child->size);
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

IN_FLASH int unosql_order(span_t a, span_t b) {
    size_t both = a.size < b.size ? a.size : b.size;
    int order = both ? memcmp(a.start, b.start, both) : 0;
    return order ? order : order_of(a.size > both, b.size > both);
}

// -- the memtable

IN_FLASH bool unosql_operation(span_t *left, operation_t *operation) {
    uint64_t size, width;
    if (!unosql_uint(left, &size) || !unosql_uint(left, &width)) {
        return false;
    }
    operation->is_deletion = width == 0;
    return take_span(left, size, &operation->key) && take_span(left, width ? width - 1 : 0, &operation->value);
}

IN_FLASH bool unosql_operation_at(span_t arena, size_t place, operation_t *operation) {
    if (place > arena.size) {
        return false;
    }
    drop(&arena, place);
    return unosql_operation(&arena, operation);
}

static ALWAYS_INLINE size_t place_at(const uint8_t *places, size_t i) {
    return (size_t)(places[2 * i] << 8 | places[2 * i + 1]);
}

IN_FLASH ptrdiff_t unosql_search(span_t arena, const uint8_t *places, size_t count, span_t key) {
    size_t lo = 0, hi = count;
    operation_t operation;
    while (lo < hi) {
        size_t middle = (lo + hi) / 2;
        if (!unosql_operation_at(arena, place_at(places, middle), &operation)) {
            return -1;
        }
        if (unosql_order(operation.key, key) < 0) {
            lo = middle + 1;
        } else {
            hi = middle;
        }
    }
    return (ptrdiff_t)lo;
}

IN_FLASH lookup_t unosql_lookup(span_t arena, const uint8_t *places, size_t count, span_t key, operation_t *operation) {
    ptrdiff_t i = unosql_search(arena, places, count, key);
    if (i < 0) {
        return DAMAGED;
    }
    if ((size_t)i == count) {
        return ABSENT;
    }
    if (!unosql_operation_at(arena, place_at(places, (size_t)i), operation)) {
        return DAMAGED;
    }
    return unosql_order(operation->key, key) == 0 ? FOUND : ABSENT;
}

IN_FLASH ptrdiff_t unosql_place(span_t arena, uint8_t *places, size_t count, size_t start) {
    operation_t new, old;
    if (!unosql_operation_at(arena, start, &new)) {
        return -1;
    }
    ptrdiff_t i = unosql_search(arena, places, count, new.key);
    if (i < 0) {
        return -1;
    }
    uint8_t *at = places + 2 * i;
    if ((size_t)i == count || !unosql_operation_at(arena, place_at(places, (size_t)i), &old) || unosql_order(old.key, new.key) != 0) {
        memmove(at + 2, at, 2 * (count - (size_t)i));
        count++;
    }
    at[0] = (uint8_t)(start >> 8);
    at[1] = (uint8_t)start;
    return (ptrdiff_t)count;
}

// -- blocks on their way

// A varint, as codec.py packs it; the bytes after it.
IN_FLASH static uint8_t *put_uint(uint8_t *at, uint32_t n) {
    if (n <= 240) {
        *at++ = (uint8_t)n;
    } else if (n <= 2287) {
        n -= 240;
        *at++ = (uint8_t)(241 + (n >> 8));
        *at++ = (uint8_t)n;
    } else if (n <= 67823) {
        n -= 2288;
        *at++ = 249;
        *at++ = (uint8_t)(n >> 8);
        *at++ = (uint8_t)n;
    } else {
        int size = n >> 24 ? 4 : 3;
        *at++ = (uint8_t)(247 + size);
        while (size--) {
            *at++ = (uint8_t)(n >> (8 * size));
        }
    }
    return at;
}

IN_FLASH size_t unosql_shared(span_t a, span_t b) {
    size_t i = 0, both = a.size < b.size ? a.size : b.size;
    while (i < both && a.start[i] == b.start[i]) {
        i++;
    }
    return i;
}

IN_FLASH bool unosql_append(uint8_t *block, size_t used, size_t room, span_t last, span_t key, const span_t *value, size_t *end) {
    uint8_t head[3 * 5];
    size_t shared = unosql_shared(last, key), size = value ? value->size : 0;
    uint8_t *at = put_uint(put_uint(head, (uint32_t)shared), (uint32_t)(key.size - shared));
    size_t width = (size_t)(put_uint(at, value ? (uint32_t)size + 1 : 0) - head);
    *end = used + width + key.size - shared + size;
    if (*end > room) {
        return false;
    }
    memcpy(block + used, head, width);
    memcpy(block + used + width, key.start + shared, key.size - shared);
    if (size) {
        memmove(block + *end - size, value->start, size);
    }
    return true;
}

// -- meta blocks

IN_FLASH static bool take_part(span_t *packed, span_t *part) {
    uint64_t size;
    return unosql_uint(packed, &size) && take_span(packed, size, part);
}

#define NEEDED (3) // parts; segments of version 0.1.0 have no others

IN_FLASH bool unosql_meta(span_t packed, meta_t *meta) {
    size_t head = packed.size ? 5u + packed.start[0] : SIZE_MAX; // its tag and the file's size
    if (head > packed.size) {
        return false;
    }
    drop(&packed, head);
    for (int i = 0; i < 4; i++) {
        if (!unosql_uint(&packed, &meta->numbers[i])) {
            return false;
        }
    }
    for (int i = 0; i < META_PARTS; i++) {
        if (i >= NEEDED && packed.size == 0) {
            meta->parts[i] = packed;
        } else if (!take_part(&packed, &meta->parts[i])) {
            return false;
        }
    }
    return true;
}

IN_FLASH static bool in_gap(span_t gaps, span_t key) {
    span_t before, behind;
    while (take_part(&gaps, &before) && take_part(&gaps, &behind)) {
        if (unosql_order(before, key) < 0 && unosql_order(key, behind) < 0) {
            return true;
        }
    }
    return false;
}

// Whether a floor's successor, itself with a zero behind it, is not below hi.
IN_FLASH static bool is_above(span_t floor, span_t hi) {
    if (unosql_order(floor, hi) >= 0) {
        return true;
    }
    return hi.size == floor.size + 1 && hi.start[floor.size] == 0 && unosql_shared(floor, hi) == floor.size;
}

IN_FLASH bool unosql_overlaps(const meta_t *meta, span_t floor, span_t lo, span_t hi) {
    if (unosql_order(lo, meta->high) > 0) {
        return false;
    }
    return !hi.start || (unosql_order(meta->low, hi) < 0 && !(floor.start && is_above(floor, hi)));
}

IN_FLASH bool unosql_in_range(const meta_t *meta, span_t floor, span_t key) {
    return unosql_order(key, meta->high) <= 0 && unosql_order(key, meta->low) >= 0
           && !(floor.start && unosql_order(key, floor) <= 0) && !in_gap(meta->gaps, key);
}

IN_FLASH bool unosql_child(span_t block, span_t key, child_t *child) {
    children_t children;
    if (!unosql_children(block, key, (span_t) { NULL, 0 }, false, 1, &children) || children.count == 0) {
        return false;
    }
    *child = children.found[0];
    return true;
}
