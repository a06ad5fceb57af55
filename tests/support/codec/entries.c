// Reads made-up blocks, most of them damaged, by entries.c, beside a reader that puts every key together; and merges them by merge.c.
//
//     entries COUNT SEED     prints how many inputs were of which kind; a failure says with which SEED it comes first.
//
// Every buffer has its exact size, so that the sanitizers see each byte beyond.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entries.h"
#include "inputs.h"
#include "merge.h"

#define LARGEST (600)
#define LONGEST (40) // bytes of a key
#define MOST_ENTRIES (LARGEST / 3)

typedef struct {
    uint8_t bytes[LARGEST + LONGEST];
    size_t size, at;
} whole_t;

static uint8_t data[LARGEST];
static size_t used;
static whole_t keys[MOST_ENTRIES];
static entry_t entries[MOST_ENTRIES];
static struct {
    unsigned long found, absent, damaged, more, metas, placed, appended, merged, asked, broken;
} counts;

static span_t copy_of(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size);
    check(copy != NULL || size == 0, "no memory");
    if (size) {
        memcpy(copy, bytes, size);
    }
    return (span_t) { copy, size };
}

static void release(span_t span) {
    free((void *)span.start);
}

// -- blocks

static void put(uint32_t byte) {
    if (used < LARGEST) {
        data[used++] = (uint8_t)byte;
    }
}

static void put_uint(uint32_t n) {
    if (n <= 240) {
        put(n);
    } else {
        n -= 240;
        put(241 + (n >> 8));
        put(n);
    }
}

static size_t make_key(uint8_t *key, size_t least) {
    size_t size = least + random_below(4);
    for (size_t i = 0; i < size; i++) {
        key[i] = (uint8_t)(random_below(8) ? random_below(3) : random_below(256));
    }
    return size;
}

static void make_entry(size_t *size) {
    uint8_t rest[8], place[2] = { (uint8_t)random_below(256), (uint8_t)random_below(241) };
    size_t shared = random_below((uint32_t)(*size < LONGEST ? *size : LONGEST - 8) + 1), more = make_key(rest, 1);
    uint32_t width = random_below(9) ? 1 + (random_below(9) ? 3 : random_below(300)) : 0;
    put_uint((uint32_t)shared);
    put_uint((uint32_t)more);
    put_uint(width);
    for (size_t i = 0; i < more; i++) {
        put(rest[i]);
    }
    for (uint32_t i = 1; i < width; i++) {
        put(i <= 2 ? place[i - 1] : random_below(256));
    }
    *size = shared + more;
}

static void make_block(void) {
    size_t size = 0, wanted = random_below(random_below(4) ? 80 : LARGEST);
    used = 0;
    while (used < wanted) {
        make_entry(&size);
    }
    for (uint32_t flips = random_below(2) ? 0 : 1 + random_below(3); flips && used; flips--) {
        data[random_below((uint32_t)used)] = (uint8_t)random_below(256);
    }
    if (used && random_below(3) == 0) {
        used = random_below((uint32_t)used + 1);
    }
}

// -- what is expected

// All entries, their keys put together. Return how many, and whether that was the whole block.
static size_t read_all(span_t block, bool *whole) {
    span_t left = block;
    size_t count = 0, size = 0;
    *whole = true;
    while (left.size) {
        whole_t *key = &keys[count];
        key->at = block.size - left.size;
        if (!unosql_entry(&left, size, &entries[count])) {
            *whole = false;
            return count;
        }
        size_t shared = entries[count].shared;
        check(shared <= size && left.start + left.size == block.start + block.size, "entry");
        if (shared) {
            memcpy(key->bytes, keys[count - 1].bytes, shared);
        }
        memcpy(key->bytes + shared, entries[count].rest.start, entries[count].rest.size);
        size = key->size = shared + entries[count].rest.size;
        count++;
    }
    return count;
}

static int order_of(const whole_t *a, span_t b) {
    size_t both = a->size < b.size ? a->size : b.size;
    int order = both ? memcmp(a->bytes, b.start, both) : 0;
    return order ? order : (a->size > b.size) - (a->size < b.size);
}

static void try_find(span_t block, span_t key, size_t count, bool whole) {
    entry_t entry;
    span_t left = block;
    lookup_t got = unosql_find(block, key, &entry);
    size_t i = 0;
    while (i < count && order_of(&keys[i], key) < 0) {
        i++;
    }
    lookup_t wanted = i == count ? whole ? ABSENT : DAMAGED : order_of(&keys[i], key) == 0 ? FOUND : ABSENT;
    check(got == wanted, "find");
    check(got != FOUND || entry.value.start == entries[i].value.start, "value");
    const uint8_t *at;
    lookup_t first = unosql_seek(&left, key, &entry, &at);
    check(first == (i < count && wanted == ABSENT ? ABOVE : wanted), "seek");
    check(i == count || (entry.value.start == entries[i].value.start && at >= block.start && at < entry.rest.start), "first");
    check(i < count || !whole || left.size == 0, "left");
    counts.found += got == FOUND;
    counts.absent += got == ABSENT;
    counts.damaged += got == DAMAGED;
}

static void try_children(span_t block, span_t lo, span_t hi, size_t count) {
    children_t children;
    bool reverse = random_below(2);
    unsigned most = 1 + random_below(CHILDREN);
    if (!unosql_children(block, lo, hi, reverse, most, &children)) {
        counts.damaged++;
        return;
    }
    check(children.count <= most, "too many children");
    for (unsigned i = 0; i < children.count; i++) {
        size_t at = children.found[i].at, n = 0;
        while (n < count && keys[n].at != at) {
            n++;
        }
        check(n < count && (hi.start == NULL || order_of(&keys[n], hi) < 0), "child beyond");
        check(i == 0 || order_of(&keys[n], lo) > 0, "child below");
    }
    if (children.more) {
        size_t n = 0, size = unosql_key_size(block, children.more_at);
        uint8_t *key = malloc(size);
        unosql_key(block, children.more_at, key, size);
        while (keys[n].at != children.more_at) {
            n++;
        }
        check(size == keys[n].size && memcmp(key, keys[n].bytes, size) == 0, "key to go on with");
        free(key);
        counts.more++;
    }
}

// The block as a memtable's arena and as a meta block: nothing is read beyond.
static void try_others(span_t block, span_t key) {
    uint8_t places[16];
    for (size_t i = 0; i < sizeof(places); i++) {
        places[i] = (uint8_t)(i % 2 || random_below(9) == 0 ? random_below(256) : 0);
    }
    ptrdiff_t i = unosql_search(block, places, sizeof(places) / 2, key);
    check(i >= -1 && i <= (ptrdiff_t)sizeof(places) / 2, "search");
}

static bool is_within(span_t part, span_t whole) {
    return part.start >= whole.start && part.size <= whole.size && part.start + part.size <= whole.start + whole.size;
}

// The same as a meta block, all of it, and as a memtable that gets an entry more.
static void try_wholes(span_t block, span_t key, span_t hi) {
    meta_t meta;
    operation_t operation;
    span_t none = { NULL, 0 }, floor = random_below(2) ? none : copy_of(key.start, random_below((uint32_t)key.size + 1));
    if (unosql_meta(block, &meta)) {
        check(is_within(meta.low, block) && is_within(meta.high, block) && is_within(meta.bloom, block) && is_within(meta.top, block)
            && is_within(meta.gaps, block), "meta");
        bool there = unosql_in_range(&meta, floor, key);
        check(!there || unosql_overlaps(&meta, floor, key, none), "a key that is there overlaps");
        check(!unosql_overlaps(&meta, floor, key, key) || floor.start || unosql_order(meta.low, key) < 0, "overlap");
        counts.metas++;
    }
    child_t child;
    unosql_child(block, key, &child);
    size_t used_places = random_below(8);
    uint8_t *places = calloc(1, 2 * used_places + 2);
    for (size_t i = 0; i < used_places; i++) {
        places[2 * i + 1] = (uint8_t)random_below(40);
    }
    lookup_t got = unosql_lookup(block, places, used_places, hi, &operation);
    check(got != FOUND || unosql_order(operation.key, hi) == 0, "lookup");
    ptrdiff_t left = unosql_place(block, places, used_places, random_below((uint32_t)block.size + 2));
    check(left == -1 || left == (ptrdiff_t)used_places || left == (ptrdiff_t)used_places + 1, "place");
    counts.placed += left > 0;
    free(places);
    release(floor);
}

static void try_append(span_t last, span_t key, span_t value) {
    size_t room = random_below(60), start = random_below((uint32_t)room + 1), end = 0;
    uint8_t *target = malloc(room + 1);
    bool is_deletion = random_below(4) == 0;
    if (unosql_append(target, start, room, last, key, is_deletion ? NULL : &value, &end)) {
        span_t written = { target + start, end - start };
        entry_t entry;
        check(end <= room && unosql_entry(&written, last.size, &entry) && written.size == 0, "append");
        check(entry.is_deletion == is_deletion && entry.shared == unosql_shared(last, key), "appended");
        counts.appended++;
    } else {
        check(end > room, "append, too long");
    }
    free(target);
}

// -- merging

#define SOURCES (3)

static void grow(merge_t *merge) {
    whole_key_t *key = merge->longer;
    check(merge->need >= key->room, "room for a key");
    key->room = merge->need + 1; // exactly: the sanitizers see each byte beyond
    key->start = realloc(key->start, key->room);
}

// Give a source entries, or operations, or nothing more.
static void feed(source_t *source) {
    release(source->data);
    release(source->places);
    release(source->low);
    *source = (source_t) { .key = source->key, .state = CLOSED };
    if (random_below(5)) {
        uint8_t low[16], places[8];
        make_block();
        source->data = copy_of(data, used);
        source->end = used;
        source->low = copy_of(low, random_below(3) ? 0 : make_key(low, 0));
        source->state = HUNGRY;
        if (random_below(3) == 0) {
            for (size_t i = 0; i < sizeof(places); i++) {
                places[i] = (uint8_t)(i % 2 || random_below(9) == 0 ? random_below(60) : 0);
            }
            source->end = random_below(5);
            source->places = copy_of(places, 8);
        }
    }
}

// Python may do what it likes to what a source reads: it is shorter, and lies elsewhere.
static void shorten(source_t *source) {
    span_t shorter = copy_of(source->data.start, random_below((uint32_t)source->data.size + 1));
    release(source->data);
    source->data = shorter;
    if (source->places.start == NULL) {
        source->end = shorter.size;
    }
}

// What was written of a block: as many entries, the last with the key written last.
static void look_back(const merge_t *merge, size_t count) {
    span_t left = { merge->block, merge->used };
    entry_t entry = { 0 };
    size_t size = 0;
    while (left.size) {
        check(unosql_entry(&left, size, &entry), "a merged block");
        size = entry.shared + entry.rest.size;
        count--;
    }
    check(count == 0, "how many were merged");
    check(merge->used == 0 || size == merge->last.size, "the key merged last");
    check(merge->used == 0 || entry.rest.size == 0 || memcmp(entry.rest.start, merge->last.start + entry.shared, entry.rest.size) == 0, "its end");
}

static void try_merge(span_t stop) {
    source_t sources[SOURCES] = { 0 };
    merge_t merge = { .sources = sources, .count = 1 + random_below(SOURCES), .questions = random_below(3), .tells = true };
    size_t begun = 0;
    merge.length = random_below(400);
    merge.block = malloc(merge.length + 1);
    for (unsigned step = random_below(60); step; step--) {
        merge.limit = random_below((uint32_t)merge.length + 1);
        merge.due = random_below(3) ? SIZE_MAX : random_below(200);
        merge.stop = random_below(6) ? (span_t) { NULL, 0 } : stop;
        if (random_below(20) == 0) {
            shorten(&sources[random_below((uint32_t)merge.count)]);
        }
        merge_event_t event = unosql_merge(&merge);
        check(merge.used <= merge.length, "used");
        if (event == LONG) {
            grow(&merge);
        } else if (event == FEED || event == BROKEN || event == STOP) {
            check(event == STOP || sources[merge.at].state == HUNGRY || event == BROKEN, "fed");
            counts.broken += event == BROKEN;
            feed(&sources[event == STOP ? random_below((uint32_t)merge.count) : merge.at]);
            merge.asked = IS_DEAD;
        } else if (event < FITS) {
            span_t value = { merge.best->data.start + merge.best->value, merge.best->width };
            check(is_within(value, merge.best->data), "value of the next entry");
            check(merge.best && unosql_common(&merge) <= merge.best->key.size, "a question");
            counts.asked++;
            unosql_decide(&merge, random_below(4) == 0);
        } else if (event == FITS) {
            look_back(&merge, merge.entries - begun);
            if (merge.used == 0) {
                merge.length = merge.need;
                merge.block = realloc(merge.block, merge.need + 1);
            }
            merge.used = 0;
            begun = merge.entries;
        }
        counts.merged += event == ADDED;
    }
    look_back(&merge, merge.entries - begun);
    for (size_t i = 0; i < SOURCES; i++) {
        release(sources[i].data);
        release(sources[i].places);
        release(sources[i].low);
        free(sources[i].key.start);
    }
    free(merge.last.start);
    free(merge.block);
}

static void try_one(void) {
    uint8_t bytes[16];
    make_block();
    bool whole;
    span_t block = copy_of(data, used);
    size_t count = read_all(block, &whole);
    const whole_t *some = &keys[count ? random_below((uint32_t)count) : 0];
    span_t key = count && random_below(2) ? copy_of(some->bytes, some->size) : copy_of(bytes, make_key(bytes, 0));
    span_t hi = copy_of(bytes, make_key(bytes, 0)), none = { NULL, 0 };
    try_find(block, key, count, whole);
    try_children(block, key, random_below(2) ? none : hi, count);
    try_others(block, key);
    try_wholes(block, key, hi);
    try_append(key, hi, count ? entries[0].rest : hi);
    if (random_below(4) == 0) {
        try_merge(key);
    }
    release(hi);
    release(key);
    release(block);
}

int main(int argc, char **argv) {
    if (!tried_all(argc, argv, try_one)) {
        return 2;
    }
    printf("found %lu absent %lu damaged %lu more %lu metas %lu placed %lu appended %lu merged %lu asked %lu broken %lu\n", counts.found,
        counts.absent, counts.damaged, counts.more, counts.metas, counts.placed, counts.appended, counts.merged, counts.asked, counts.broken);
    return 0;
}
