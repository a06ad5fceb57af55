// Each source has its next key put together, to be compared with those of the others. The least of them is the next to be written.

#include <string.h>

#include "merge.h"

#define MOST_PASSED (64)

static ALWAYS_INLINE span_t key_of(const source_t *source) {
    return (span_t) { source->key.start, source->key.size };
}

// Put the end of a key behind what is there of it, if there is room.
IN_FLASH static bool put(merge_t *merge, whole_key_t *key, size_t at, span_t end) {
    merge->need = at + end.size;
    merge->longer = key;
    if (merge->need >= key->room) {
        return false;
    }
    memcpy(key->start + at, end.start, end.size);
    key->size = merge->need;
    return true;
}

// Read the next entry of a source that has one. READY: its key is put together.
IN_FLASH static merge_event_t read_next(merge_t *merge, source_t *source) {
    entry_t entry;
    span_t left = source->data;
    size_t next = source->next + 1;
    if (source->places.start) {
        const uint8_t *place = source->places.start + 2 * source->next;
        operation_t operation;
        if (!unosql_operation_at(left, (size_t)(place[0] << 8 | place[1]), &operation)) {
            return BROKEN;
        }
        entry = (entry_t) { 0, operation.key, operation.value, operation.is_deletion };
    } else {
        left.start += source->next;
        left.size -= source->next;
        if (!unosql_entry(&left, source->next ? source->key.size : 0, &entry)) {
            return BROKEN;
        }
        next = source->data.size - left.size;
    }
    if (!put(merge, &source->key, entry.shared, entry.rest)) {
        return LONG;
    }
    source->next = next;
    source->value = (size_t)(entry.value.start - source->data.start);
    source->width = entry.value.size;
    source->is_deletion = entry.is_deletion;
    if (unosql_order(key_of(source), source->low) >= 0) {
        source->state = READY;
    }
    return ADDED;
}

// Find the least key. ADDED: it was found, or there is none.
IN_FLASH static merge_event_t find_best(merge_t *merge) {
    merge->best = NULL;
    for (merge->at = 0; merge->at < merge->count; merge->at++) {
        source_t *source = &merge->sources[merge->at];
        while (source->state == HUNGRY) {
            merge_event_t event = source->next < source->end ? read_next(merge, source) : FEED;
            if (event != ADDED) {
                return event;
            }
        }
        if (source->state == READY && (source->value > source->data.size || source->width > source->data.size - source->value)) {
            return BROKEN; // it is another block than it was
        }
        if (source->state == READY && (!merge->best || unosql_order(key_of(source), key_of(merge->best)) < 0)) {
            merge->best = source;
        }
    }
    return ADDED;
}

// The next entry is done with, and those of its key in older sources.
IN_FLASH static void go_on(merge_t *merge) {
    source_t *best = merge->best;
    for (size_t i = 0; i < merge->count; i++) {
        source_t *source = &merge->sources[i];
        if (source->state == READY && unosql_order(key_of(source), key_of(best)) == 0) {
            source->state = HUNGRY;
        }
    }
    merge->best = NULL;
    merge->asked = IS_DEAD;
}

IN_FLASH void unosql_decide(merge_t *merge, bool leave_out) {
    if (!leave_out) {
        merge->asked++;
    } else if (merge->best) {
        merge->left_out++;
        go_on(merge);
    }
}

IN_FLASH size_t unosql_common(const merge_t *merge) {
    return unosql_shared((span_t) { merge->last.start, merge->last.size }, key_of(merge->best));
}

// Whether a question is to be asked of the next entry.
IN_FLASH static bool matters(const merge_t *merge) {
    switch (merge->asked) {
        case IS_TOMBSTONE:
            return merge->questions && merge->best->is_deletion;
        case STARTS:
            return merge->used >= merge->due || unosql_common(merge) < 2;
        default:
            return merge->questions > (merge->asked == IS_REPLACED);
    }
}

// Write the next entry. ADDED: it was.
IN_FLASH static merge_event_t write_next(merge_t *merge) {
    source_t *best = merge->best;
    span_t last = { merge->last.start, merge->used ? merge->last.size : 0 }, value = { best->data.start + best->value, best->width };
    if (best->key.size >= merge->last.room) {
        merge->need = best->key.size;
        merge->longer = &merge->last;
        return LONG;
    }
    size_t most = merge->used ? merge->limit : merge->length;
    if (!unosql_append(merge->block, merge->used, most, last, key_of(best), best->is_deletion ? NULL : &value, &merge->need)) {
        return FITS;
    }
    merge->used = merge->need;
    put(merge, &merge->last, 0, key_of(best));
    merge->entries++;
    go_on(merge);
    return ADDED;
}

IN_FLASH merge_event_t unosql_merge(merge_t *merge) {
    while (merge->left_out - merge->told < MOST_PASSED) {
        merge_event_t event = find_best(merge);
        if (event != ADDED) {
            return event;
        }
        if (!merge->best || (merge->stop.start && unosql_order(key_of(merge->best), merge->stop) >= 0)) {
            return STOP;
        }
        for (; merge->asked < FITS; merge->asked++) {
            if (matters(merge)) {
                return (merge_event_t)merge->asked;
            }
        }
        event = write_next(merge);
        if (event != ADDED || merge->tells) {
            return event;
        }
    }
    merge->told = merge->left_out;
    return PASSED;
}
