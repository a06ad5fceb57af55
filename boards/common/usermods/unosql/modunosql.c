// _unosql: what unosql does in C on our images. Where there is none unosql/twin.py does the same, and kv/crypto.py.
//
// Memory: the functions allocate nothing but what they return; the memory they work in is the caller's, once for all calls.
// MicroPython's deflate module allocates 2 KB for each stream, in two pieces, and a small heap that has been used for a
// while has no such gaps.
//
// Exceptions: arguments are checked before anything is written. A stream that is damaged raises ValueError; what the target
// then holds means nothing. Entries that are damaged do as well, and change nothing. A block that does not verify raises
// ValueError and leaves the target as it was. derive() may be stopped by what is pending, a KeyboardInterrupt.

#include <string.h>

#include "py/gc.h"
#include "py/objarray.h"
#include "py/runtime.h"
#include "py/smallint.h"

#include "deflate.h"
#include "delta.h"
#include "entries.h"
#include "headers.h"
#include "merge.h"
#include "sealing.h"

#if SEALING

#define ENOUGH ((size_t)1 << 29) // bytes: no heap of ours is as large
#define BLOOM_PROBES (4)
#define CHECKSUM (8) // bytes

// Work, as the header has it: aligned, and apart from what is written meanwhile.
IN_FLASH static void *get_work(mp_obj_t work_in, size_t size, const mp_buffer_info_t *target) {
    mp_buffer_info_t work;
    mp_get_buffer_raise(work_in, &work, MP_BUFFER_WRITE);
    const uint8_t *start = work.buf, *end = start + size, *written = target->buf;
    if (work.len < size || (uintptr_t)start % sizeof(uint16_t) != 0 || (written < end && start < written + target->len)) {
        mp_raise_ValueError(MP_ERROR_TEXT("work"));
    }
    return work.buf;
}

// deflate(source, target, work): return how many bytes the raw deflate stream of source has, or 0 when it is
// longer than target, which then holds only the start of it. work: DEFLATE_WORK bytes that hold nothing of either.
IN_FLASH static mp_obj_t deflate(mp_obj_t source_in, mp_obj_t target_in, mp_obj_t work_in) {
    mp_buffer_info_t source, target;
    mp_get_buffer_raise(source_in, &source, MP_BUFFER_READ);
    mp_get_buffer_raise(target_in, &target, MP_BUFFER_WRITE);
    deflate_work_t *work = get_work(work_in, sizeof(*work), &target);
    return MP_OBJ_NEW_SMALL_INT(unosql_deflate(source.buf, source.len, target.buf, target.len, work));
}
static MP_DEFINE_CONST_FUN_OBJ_3(deflate_obj, deflate);

// allocated(): bytes of the heap that were handed out since garbage was collected last, or so many that it matters.
IN_FLASH static mp_obj_t allocated(void) {
    size_t bytes = ENOUGH;
    #if MICROPY_ENABLE_GC && MICROPY_GC_ALLOC_THRESHOLD
    if (MP_STATE_MEM(gc_alloc_amount) < ENOUGH / MICROPY_BYTES_PER_GC_BLOCK) {
        bytes = MP_STATE_MEM(gc_alloc_amount) * MICROPY_BYTES_PER_GC_BLOCK;
    }
    #endif
    return MP_OBJ_NEW_SMALL_INT(bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_0(allocated_obj, allocated);

// heap(): bytes of it, free or not.
IN_FLASH static mp_obj_t heap(void) {
    #if !MICROPY_ENABLE_GC
    size_t bytes = ENOUGH;
    #elif MICROPY_GC_SPLIT_HEAP
    gc_info_t info;
    gc_info(&info);
    size_t bytes = info.total;
    #if MICROPY_GC_SPLIT_HEAP_AUTO
    bytes += info.max_new_split; // it grows
    #endif
    #else
    size_t bytes = (size_t)(MP_STATE_MEM(area).gc_pool_end - MP_STATE_MEM(area).gc_pool_start); // to count takes a while
    #endif
    return MP_OBJ_NEW_SMALL_INT(bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_0(heap_obj, heap);

// -- entries

IN_FLASH static span_t get_span(mp_obj_t bytes_in) {
    mp_buffer_info_t bytes;
    mp_get_buffer_raise(bytes_in, &bytes, MP_BUFFER_READ);
    return (span_t) { bytes.buf, bytes.len };
}

// encode_delta(buf, start): what is behind the first start bytes of buf as its difference to them, or b"" when that is no shorter,
// or there are more than 2,048 bytes of both.
IN_FLASH static mp_obj_t encode_delta(mp_obj_t buf_in, mp_obj_t start_in) {
    span_t buf = get_span(buf_in);
    size_t start = (size_t)mp_obj_get_int(start_in);
    vstr_t delta;
    vstr_init_len(&delta, start < buf.size ? buf.size - start - 1 : 0);
    delta.len = unosql_encode_delta(buf, start, (uint8_t *)delta.buf, delta.len);
    return mp_obj_new_bytes_from_vstr(&delta);
}
static MP_DEFINE_CONST_FUN_OBJ_2(encode_delta_obj, encode_delta);

// is_ascii(text): whether a str or bytes has ASCII only.
IN_FLASH static mp_obj_t is_ascii(mp_obj_t text_in) {
    span_t text = get_span(text_in);
    uint8_t all = 0;
    for (size_t i = 0; i < text.size; i++) {
        all |= text.start[i];
    }
    return mp_obj_new_bool(all < 128);
}
static MP_DEFINE_CONST_FUN_OBJ_1(is_ascii_obj, is_ascii);

// Whether a character of UTF-8 (RFC 3629) whose size is right is none: overlong, a surrogate, or above U+10FFFF.
IN_FLASH static bool is_misused(const uint8_t *at) {
    unsigned first = at[0] << 8 | at[1];
    unsigned half = first & 0xffe0; // whose second byte is 80..9f or a0..bf
    return first < 0xc200 || half == 0xe080 || half == 0xeda0 || (first & 0xfff0) == 0xf080 || first >= 0xf490;
}

// flaw(data, i): (start, end) of the first bytes from data[i:] on that are not UTF-8, or None, as twin.flaw() has it.
IN_FLASH static mp_obj_t flaw(mp_obj_t data_in, mp_obj_t i_in) {
    span_t data = get_span(data_in);
    for (size_t i = (size_t)mp_obj_get_int(i_in); i < data.size;) {
        size_t start = i;
        unsigned lead = data.start[i++];
        if (lead < 0x80) {
            continue;
        }
        size_t size = lead < 0xc0 || lead >= 0xf8 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        while (i < start + size && i < data.size && (data.start[i] & 0xc0) == 0x80) {
            i++;
        }
        if (i - start != size || is_misused(data.start + start)) {
            mp_obj_t place[2] = { MP_OBJ_NEW_SMALL_INT(start), MP_OBJ_NEW_SMALL_INT(i) };
            return mp_obj_new_tuple(2, place);
        }
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(flaw_obj, flaw);

IN_FLASH static words_t get_words(mp_obj_t words_in) {
    mp_buffer_info_t words;
    mp_get_buffer_raise(words_in, &words, MP_BUFFER_WRITE);
    if ((uintptr_t)words.buf % sizeof(uint32_t) != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("words"));
    }
    return (words_t) { words.buf, words.len / sizeof(uint32_t) };
}

// tag(tags, wanted, block): the first block from that one on whose tag, 4 bytes of tags, is the number wanted; -1: there is none.
// wanted: None: the tag of any segment's first block.
IN_FLASH static mp_obj_t tag(mp_obj_t tags_in, mp_obj_t wanted, mp_obj_t block_in) {
    words_t tags = get_words(tags_in);
    size_t block = (size_t)mp_obj_get_int(block_in);
    ptrdiff_t found = wanted == mp_const_none ? unosql_first(tags, block) : unosql_word(tags, (uint32_t)mp_obj_get_int_truncated(wanted), block);
    return MP_OBJ_NEW_SMALL_INT(found);
}
static MP_DEFINE_CONST_FUN_OBJ_3(tag_obj, tag);

// buf[i:], of nothing where i is beyond.
IN_FLASH static span_t get_rest(mp_obj_t buf_in, mp_obj_t i_in) {
    span_t buf = get_span(buf_in);
    mp_uint_t i = MIN((mp_uint_t)mp_obj_get_int(i_in), buf.size);
    return (span_t) { buf.start + i, buf.size - i };
}

// The index in buf behind what was read of it: from buf[i:], at start, left is left.
IN_FLASH static mp_obj_t int_behind(mp_obj_t i_in, const uint8_t *start, span_t left) {
    return MP_OBJ_NEW_SMALL_INT(mp_obj_get_int(i_in) + (left.start - start));
}

// For a block that does not hold what it says.
#define RAISE_DAMAGED() mp_raise_ValueError(MP_ERROR_TEXT("damaged entries"))

IN_FLASH static mp_obj_t bytes_of(span_t span) {
    return mp_obj_new_bytes(span.start, span.size);
}

IN_FLASH static mp_obj_t value_or_none(span_t value, bool is_deletion) {
    return is_deletion ? mp_const_none : bytes_of(value);
}

// What a lookup comes to: bytes, None for a deletion, or False.
IN_FLASH static mp_obj_t answer(lookup_t found, const span_t *value, const bool *is_deletion) {
    if (found == ABSENT) {
        return mp_const_false;
    }
    if (found == DAMAGED) {
        RAISE_DAMAGED();
    }
    return value_or_none(*value, *is_deletion);
}

// None: a span of nothing.
IN_FLASH static span_t get_span_or_none(mp_obj_t bytes_in) {
    return bytes_in == mp_const_none ? (span_t) { NULL, 0 } : get_span(bytes_in);
}

#define MOST_NUMBERS (5)

// A small int where it can be one: mp_obj_new_int_from_ull() makes an object of each.
IN_FLASH static mp_obj_t int_of(uint64_t n) {
    return n <= (uint64_t)MP_SMALL_INT_MAX ? MP_OBJ_NEW_SMALL_INT((mp_int_t)n) : mp_obj_new_int_from_ull(n);
}

IN_FLASH static mp_obj_t tuple_of(const uint64_t *numbers, size_t count) {
    mp_obj_t items[MOST_NUMBERS];
    for (size_t i = 0; i < count; i++) {
        items[i] = int_of(numbers[i]);
    }
    return mp_obj_new_tuple(count, items);
}

// unpack_uint(buf, i, count): count integers at buf[i:], 1 when it is left out, and the index behind, as twin.unpack_uint() has it.
IN_FLASH static mp_obj_t unpack_uint(size_t n_args, const mp_obj_t *args) {
    span_t left = get_rest(args[0], args[1]);
    const uint8_t *start = left.start;
    mp_uint_t count = n_args > 2 ? (mp_uint_t)mp_obj_get_int(args[2]) : 1;
    uint64_t numbers[MOST_NUMBERS];
    bool is_there = count < MOST_NUMBERS;
    for (mp_uint_t n = 0; is_there && n < count; n++) {
        is_there = unosql_uint(&left, &numbers[n]);
    }
    if (!is_there) {
        mp_raise_msg(&mp_type_IndexError, MP_ERROR_TEXT("cut off"));
    }
    numbers[count] = (mp_uint_t)mp_obj_get_int(args[1]) + (mp_uint_t)(left.start - start);
    return tuple_of(numbers, count + 1);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(unpack_uint_obj, 2, 3, unpack_uint);

IN_FLASH static meta_t get_meta(mp_obj_t packed_in) {
    meta_t meta;
    if (!unosql_meta(get_span(packed_in), &meta)) {
        RAISE_DAMAGED();
    }
    return meta;
}

// root(packed): (offset, size, depth, entries, top) of a Segment's packed meta block.
IN_FLASH static mp_obj_t root(mp_obj_t packed_in) {
    meta_t meta = get_meta(packed_in);
    mp_obj_t items[5];
    for (int i = 0; i < 4; i++) {
        items[i] = int_of(meta.numbers[i]);
    }
    items[4] = bytes_of(meta.top);
    return mp_obj_new_tuple(5, items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(root_obj, root);

// bisect(segments, key): how many of a list of Segments have their highest key below key; they are sorted. `packed`: of each.
IN_FLASH static mp_obj_t bisect(mp_obj_t segments, mp_obj_t key_in) {
    span_t key = get_span(key_in);
    mp_obj_t *items;
    size_t lo = 0, hi;
    mp_obj_get_array(segments, &hi, &items);
    while (lo < hi) {
        size_t middle = (lo + hi) / 2;
        meta_t meta = get_meta(mp_load_attr(items[middle], MP_QSTR_packed));
        if (unosql_order(meta.high, key) < 0) {
            lo = middle + 1;
        } else {
            hi = middle;
        }
    }
    return MP_OBJ_NEW_SMALL_INT(lo);
}
static MP_DEFINE_CONST_FUN_OBJ_2(bisect_obj, bisect);

// overlaps(packed, floor, lo, hi): whether a live key of a Segment may lie in lo <= key < hi. floor, hi: or None.
IN_FLASH static mp_obj_t overlaps(size_t n_args, const mp_obj_t *args) {
    meta_t meta = get_meta(args[0]);
    return mp_obj_new_bool(unosql_overlaps(&meta, get_span_or_none(args[1]), get_span(args[2]), get_span_or_none(args[3])));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(overlaps_obj, 4, 4, overlaps);

// decode(buf, i): (key, value, index of the next) of the operation at buf[i:], as twin.decode() has it.
IN_FLASH static mp_obj_t decode(mp_obj_t buf_in, mp_obj_t i_in) {
    span_t left = get_rest(buf_in, i_in);
    const uint8_t *start = left.start;
    operation_t operation;
    if (!unosql_operation(&left, &operation)) {
        RAISE_DAMAGED();
    }
    mp_obj_t result[3] = {
        bytes_of(operation.key), value_or_none(operation.value, operation.is_deletion), int_behind(i_in, start, left)
    };
    return mp_obj_new_tuple(3, result);
}
static MP_DEFINE_CONST_FUN_OBJ_2(decode_obj, decode);

// Count, of places with room for so many more.
IN_FLASH static mp_uint_t get_count(mp_obj_t count_in, size_t size, mp_uint_t more) {
    mp_uint_t count = (mp_uint_t)mp_obj_get_int(count_in);
    if (count > size / 2 || size / 2 - count < more) {
        mp_raise_ValueError(MP_ERROR_TEXT("count"));
    }
    return count;
}

// lookup(arena, places, count, key): the value of a key in the memtable, None for a deletion, False when it is not there.
IN_FLASH static mp_obj_t lookup(size_t n_args, const mp_obj_t *args) {
    span_t arena = get_span(args[0]), places = get_span(args[1]);
    operation_t operation;
    lookup_t found = unosql_lookup(arena, places.start, get_count(args[2], places.size, 0), get_span(args[3]), &operation);
    return answer(found, &operation.value, &operation.is_deletion);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lookup_obj, 4, 4, lookup);

// place(arena, places, count, start): give the operation at start its place; return the count. places: room for one more.
IN_FLASH static mp_obj_t place(size_t n_args, const mp_obj_t *args) {
    span_t arena = get_span(args[0]);
    mp_buffer_info_t places;
    mp_get_buffer_raise(args[1], &places, MP_BUFFER_WRITE);
    mp_uint_t start = (mp_uint_t)mp_obj_get_int(args[3]);
    mp_uint_t before = get_count(args[2], places.len, 1);
    ptrdiff_t count = start >> 16 ? -1 : unosql_place(arena, places.buf, before, start);
    if (count < 0) {
        RAISE_DAMAGED();
    }
    return MP_OBJ_NEW_SMALL_INT(count);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(place_obj, 4, 4, place);

// append(block, used, last, key, value, limit): append an entry to a block; return the bytes used. Where they would be more than
// limit, or than block has, return how many they would be, below 0, and change nothing. value None: a deletion.
IN_FLASH static mp_obj_t append(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t block;
    mp_get_buffer_raise(args[0], &block, MP_BUFFER_WRITE);
    mp_uint_t used = (mp_uint_t)mp_obj_get_int(args[1]), limit = (mp_uint_t)mp_obj_get_int(args[5]);
    span_t value = get_span_or_none(args[4]);
    if (used > block.len) {
        mp_raise_ValueError(MP_ERROR_TEXT("used"));
    }
    size_t end, room = limit < block.len ? limit : block.len;
    bool is_there = unosql_append(block.buf, used, room, get_span(args[2]), get_span(args[3]), args[4] == mp_const_none ? NULL : &value, &end);
    return MP_OBJ_NEW_SMALL_INT(is_there ? (mp_int_t)end : -(mp_int_t)end);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(append_obj, 6, 6, append);

IN_FLASH static mp_obj_t list_of(const children_t *children, bool reverse) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (unsigned i = 0; i < children->count; i++) {
        const child_t *child = &children->found[reverse ? children->count - 1 - i : i];
        uint64_t place[2] = { child->offset, child->size };
        mp_obj_list_append(list, tuple_of(place, 2));
    }
    return list;
}

IN_FLASH static mp_obj_t key_of(span_t block, size_t at) {
    vstr_t key;
    vstr_init_len(&key, unosql_key_size(block, at));
    unosql_key(block, at, (uint8_t *)key.buf, key.len);
    return mp_obj_new_bytes_from_vstr(&key);
}

// children(block, lo, hi, reverse, most): ([(offset, size)...], key to go on with or None), as twin.children() has it.
IN_FLASH static mp_obj_t children(size_t n_args, const mp_obj_t *args) {
    span_t block = get_span(args[0]), hi = { NULL, 0 };
    bool reverse = mp_obj_is_true(args[3]);
    mp_int_t most = mp_obj_get_int(args[4]);
    children_t children;
    if (args[2] != mp_const_none) {
        hi = get_span(args[2]);
    }
    if (most < 1 || most > CHILDREN) {
        mp_raise_ValueError(MP_ERROR_TEXT("most"));
    }
    if (!unosql_children(block, get_span(args[1]), hi, reverse, (unsigned)most, &children)) {
        RAISE_DAMAGED();
    }
    mp_obj_t result[2] = { list_of(&children, reverse), mp_const_none };
    if (children.more) {
        result[1] = key_of(block, children.more_at);
    }
    return mp_obj_new_tuple(2, result);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(children_obj, 5, 5, children);

IN_FLASH static mp_obj_t full_key(span_t before, const entry_t *entry) {
    vstr_t key;
    vstr_init_len(&key, entry->shared + entry->rest.size);
    memcpy(key.buf, before.start, entry->shared);
    memcpy(key.buf + entry->shared, entry->rest.start, entry->rest.size);
    return mp_obj_new_bytes_from_vstr(&key);
}

// seek(block, lo): the same as entry() of the first key from lo on, or None.
IN_FLASH static mp_obj_t seek(mp_obj_t block_in, mp_obj_t lo) {
    span_t block = get_span(block_in), left = block;
    const uint8_t *at;
    entry_t entry;
    lookup_t found = unosql_seek(&left, get_span(lo), &entry, &at);
    if (found == DAMAGED) {
        RAISE_DAMAGED();
    }
    if (found == ABSENT) {
        return mp_const_none;
    }
    mp_obj_t result[3] = {
        key_of(block, (size_t)(at - block.start)), value_or_none(entry.value, entry.is_deletion),
        MP_OBJ_NEW_SMALL_INT(left.start - block.start)
    };
    return mp_obj_new_tuple(3, result);
}
static MP_DEFINE_CONST_FUN_OBJ_2(seek_obj, seek);

// entry(block, i, key): (key, value, index of the next), as twin.entry() has it.
IN_FLASH static mp_obj_t entry(mp_obj_t block_in, mp_obj_t i_in, mp_obj_t key_in) {
    span_t left = get_rest(block_in, i_in), before = get_span(key_in);
    const uint8_t *start = left.start;
    entry_t entry;
    if (!unosql_entry(&left, before.size, &entry)) {
        RAISE_DAMAGED();
    }
    mp_obj_t result[3] = {
        full_key(before, &entry), value_or_none(entry.value, entry.is_deletion), int_behind(i_in, start, left)
    };
    return mp_obj_new_tuple(3, result);
}
static MP_DEFINE_CONST_FUN_OBJ_3(entry_obj, entry);

// search(arena, places, count, key): the first of count places whose key is not below key.
IN_FLASH static mp_obj_t search(size_t n_args, const mp_obj_t *args) {
    span_t arena = get_span(args[0]), places = get_span(args[1]);
    ptrdiff_t i = unosql_search(arena, places.start, get_count(args[2], places.size, 0), get_span(args[3]));
    if (i < 0) {
        RAISE_DAMAGED();
    }
    return MP_OBJ_NEW_SMALL_INT(i);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(search_obj, 4, 4, search);

// part(packed, n): part n of a Segment's packed meta block.
IN_FLASH static mp_obj_t part(mp_obj_t packed_in, mp_obj_t n_in) {
    meta_t meta = get_meta(packed_in);
    mp_uint_t n = (mp_uint_t)mp_obj_get_int(n_in);
    return bytes_of(meta.parts[n < META_PARTS ? n : 0]);
}
static MP_DEFINE_CONST_FUN_OBJ_2(part_obj, part);

// -- SHA-256

// A Bloom filter: see twin.note(). Whether all of a key's bits are set; they are when is_new.
IN_FLASH static bool has_bits(uint8_t *bloom, size_t size, span_t key, bool is_new) {
    part_t part = { key.start, key.size };
    uint8_t digest[32];
    unosql_sha256(&part, 1, digest);
    for (int i = 0; i < 2 * BLOOM_PROBES; i += 2) {
        size_t bit = (size_t)(digest[i] << 8 | digest[i + 1]) % (8 * size);
        if (is_new) {
            bloom[bit >> 3] |= (uint8_t)(1 << (bit & 7));
        } else if (!(bloom[bit >> 3] >> (bit & 7) & 1)) {
            return false;
        }
    }
    return true;
}

// get(packed, floor, key, block): the value of a key in a Segment, None for a deletion, False when it is not there. floor: or None.
// block(offset, size): reads a block. block None: True when it may be there.
IN_FLASH static mp_obj_t get(size_t n_args, const mp_obj_t *args) {
    meta_t meta = get_meta(args[0]);
    span_t key = get_span(args[2]), block = meta.top;
    child_t child = { meta.numbers[0], meta.numbers[1], 0 };
    if (!unosql_in_range(&meta, get_span_or_none(args[1]), key)
        || (meta.bloom.size && !has_bits((uint8_t *)meta.bloom.start, meta.bloom.size, key, false))) {
        return mp_const_false;
    }
    if (args[3] == mp_const_none) {
        return mp_const_true;
    }
    for (unsigned depth = (unsigned)meta.numbers[2];; depth--) {
        if (!block.size || !depth) {
            block = get_span(mp_call_function_2(args[3], int_of(child.offset), int_of(child.size)));
        }
        if (!depth) {
            break;
        }
        if (!unosql_child(block, key, &child)) {
            RAISE_DAMAGED();
        }
        block.size = 0;
    }
    entry_t entry;
    return answer(unosql_find(block, key, &entry), &entry.value, &entry.is_deletion);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(get_obj, 4, 4, get);

// checksum(data, aad): of a block without encryption, 8 bytes.
IN_FLASH static mp_obj_t checksum(mp_obj_t data_in, mp_obj_t aad_in) {
    span_t data = get_span(data_in), aad = get_span(aad_in);
    part_t parts[2] = { { aad.start, aad.size }, { data.start, data.size } };
    uint8_t digest[32];
    unosql_sha256(parts, 2, digest);
    return mp_obj_new_bytes(digest, CHECKSUM);
}
static MP_DEFINE_CONST_FUN_OBJ_2(checksum_obj, checksum);

// -- erase blocks of raw flash

// Read the header of a block into head.
IN_FLASH static const uint32_t *read_header(mp_obj_t read, mp_obj_t head_in, size_t block) {
    mp_obj_t place[3] = { MP_OBJ_NEW_SMALL_INT(block), head_in, MP_OBJ_NEW_SMALL_INT(0) };
    mp_call_function_n_kw(read, 3, 0, place);
    words_t head = get_words(head_in);
    if (head.count < HEAD_WORDS) {
        mp_raise_ValueError(MP_ERROR_TEXT("head"));
    }
    return head.start;
}

IN_FLASH static bool is_sound(const uint32_t *head) {
    part_t part = { head, SUM *sizeof(*head) };
    uint8_t digest[32];
    if ((uint16_t)head[KIND] != HEADER_MAGIC) {
        return false;
    }
    unosql_sha256(&part, 1, digest);
    return memcmp(digest, &head[SUM], sizeof(*head)) == 0;
}

// header(read, head, block): whether a block has a header that verifies, and is not free, as twin.header() has it.
IN_FLASH static mp_obj_t header(mp_obj_t read, mp_obj_t head_in, mp_obj_t block_in) {
    const uint32_t *head = read_header(read, head_in, (size_t)mp_obj_get_int(block_in));
    return mp_obj_new_bool(head[KILL] == HEADER_BLANK && is_sound(head));
}
static MP_DEFINE_CONST_FUN_OBJ_3(header_obj, header);

// scan(read, head, tags, births, database, found): (highest counter, block behind it, blocks that are free, whether any is ours), as
// twin.scan() has it. births: None, or as long as tags.
IN_FLASH static mp_obj_t scan(size_t n_args, const mp_obj_t *args) {
    words_t tags = get_words(args[2]), births = { NULL, 0 };
    uint32_t database = (uint32_t)mp_obj_get_int_truncated(args[4]), newest = 0;
    size_t behind = 0, free = 0;
    bool ours = false;
    if (args[3] != mp_const_none) {
        births = get_words(args[3]);
        if (births.count != tags.count) {
            mp_raise_ValueError(MP_ERROR_TEXT("births"));
        }
    }
    for (size_t block = tags.count; block-- > 0;) {
        uint32_t tag = tags.start[block];
        if (tag == TAG_FREE || tag == TAG_OTHER) {
            const uint32_t *head = read_header(args[0], args[1], block);
            bool is_alive = head[KILL] == HEADER_BLANK, is_newer = head[COUNTER] > newest;
            tag = TAG_FREE;
            if ((is_alive || is_newer) && is_sound(head)) {
                if (is_newer) {
                    newest = head[COUNTER];
                    behind = block + 1;
                }
                if (is_alive) {
                    tag = TAG_OTHER;
                }
                if (is_alive && births.count && head[DATABASE] == database) {
                    uint8_t kind = (uint8_t)(head[KIND] >> 16);
                    ours = true;
                    if (kind == 's') {
                        tag = unosql_tag(head, block, tags, births);
                    } else if (kind == 'w' || kind == 'm') {
                        mp_obj_t log[3] = { MP_OBJ_NEW_SMALL_INT(kind), mp_obj_new_int_from_uint(head[COUNTER]), MP_OBJ_NEW_SMALL_INT(block) };
                        mp_call_function_n_kw(args[5], 3, 0, log);
                    }
                }
            }
            tags.start[block] = tag;
        }
        free += tag == TAG_FREE;
    }
    unosql_doom((words_t) { tags.start, births.count }, births);
    mp_obj_t result[4] = { mp_obj_new_int_from_uint(newest), MP_OBJ_NEW_SMALL_INT(behind), MP_OBJ_NEW_SMALL_INT(free), mp_obj_new_bool(ours) };
    return mp_obj_new_tuple(4, result);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(scan_obj, 6, 6, scan);

// -- merging

// A Merge, see twin.py.
typedef struct {
    mp_obj_base_t base;
    merge_t merge;
    uint64_t number; // of the collection about which IS_DEAD asks
    source_t sources[];
} merge_obj_t;

IN_FLASH static mp_obj_t merge_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 2, 2, false);
    size_t count = (size_t)mp_obj_get_int(args[0]) & 0xff;
    merge_obj_t *self = mp_obj_malloc_var(merge_obj_t, sources, source_t, count, type);
    memset(&self->merge, 0, offsetof(merge_obj_t, sources) + count * sizeof(source_t) - offsetof(merge_obj_t, merge));
    self->merge.sources = self->sources;
    self->merge.count = count;
    self->merge.questions = (unsigned)mp_obj_get_int(args[1]);
    return MP_OBJ_FROM_PTR(self);
}

// What its owners have by now: Python ran since.
IN_FLASH static void look_again(source_t *source) {
    source->data = get_span((mp_obj_t)source->owners[0]);
    source->places = get_span_or_none((mp_obj_t)source->owners[1]);
    source->low = get_span((mp_obj_t)source->owners[2]);
    if (!source->places.start) {
        source->end = source->data.size;
    } else if (source->end > source->places.size / 2) {
        source->end = 0;
    }
}

// feed(i, low, data, places, count): source i has these entries from the key low on, or with i alone no more.
IN_FLASH static mp_obj_t merge_feed(size_t n_args, const mp_obj_t *args) {
    merge_t *merge = &((merge_obj_t *)MP_OBJ_TO_PTR(args[0]))->merge;
    size_t i = (size_t)mp_obj_get_int(args[1]);
    if (i >= merge->count) {
        mp_raise_ValueError(MP_ERROR_TEXT("source"));
    }
    source_t *source = &merge->sources[i];
    merge->asked = IS_DEAD;
    source->state = CLOSED;
    source->owners[0] = NULL;
    if (n_args == 6) {
        source->owners[0] = args[3];
        source->owners[1] = args[4];
        source->owners[2] = args[2];
        source->next = 0;
        source->end = (size_t)mp_obj_get_int(args[5]);
        source->state = HUNGRY;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(merge_feed_obj, 2, 6, merge_feed);

#define NOT_KNOWN (-1)

// Whether the next entry may be forgotten: 0 or 1, or NOT_KNOWN: of the collection with self->number. mortal: see kv/observer.py.
IN_FLASH static int is_dead(merge_obj_t *self, mp_obj_t mortal) {
    const source_t *best = self->merge.best;
    span_t numbers = { best->key.start + 1, best->key.size - 1 }, value = { best->data.start + best->value, best->width };
    int kind = best->key.size ? best->key.start[0] : 0;
    if (!mp_obj_is_dict_or_ordereddict(mortal) || (kind != 'H' && kind != 'I' && kind != 'R' && (kind != 'S' || best->is_deletion))) {
        return 0;
    }
    if (kind == 'S') {
        numbers = value;
    }
    uint64_t id;
    if (!unosql_uint(&numbers, &self->number) || !unosql_uint(&numbers, &id)) {
        RAISE_DAMAGED();
    }
    mp_map_elem_t *known = mp_map_lookup(mp_obj_dict_get_map(mortal), int_of(self->number), MP_MAP_LOOKUP);
    if (!known) {
        return NOT_KNOWN;
    }
    size_t count;
    mp_obj_t *alive;
    mp_obj_get_array(known->value, &count, &alive);
    if (count == 0) {
        RAISE_DAMAGED();
    }
    if (kind == 'I') {
        mp_obj_t index = int_of(id);
        do {
            if (--count == 0) {
                return 1;
            }
        } while (!mp_obj_equal(alive[count], index));
        if (best->is_deletion) {
            return 0;
        }
        if (!unosql_uint(&value, &id)) {
            RAISE_DAMAGED();
        }
    }
    return mp_binary_op(MP_BINARY_OP_LESS, int_of(id), alive[0]) == mp_const_true;
}

// run(block, used, limit, due, stop, mortal, bloom): go on, as twin.Merge.run() has it.
IN_FLASH static mp_obj_t merge_run(size_t n_args, const mp_obj_t *args) {
    merge_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    merge_t *merge = &self->merge;
    mp_buffer_info_t block, bloom = { .len = 0 };
    mp_get_buffer_raise(args[1], &block, MP_BUFFER_WRITE);
    if (args[7] != mp_const_none) {
        mp_get_buffer_raise(args[7], &bloom, MP_BUFFER_WRITE);
    }
    mp_int_t due = mp_obj_get_int(args[4]);
    merge->block = block.buf;
    merge->length = block.len;
    merge->used = MIN((size_t)mp_obj_get_int(args[2]), block.len);
    merge->limit = MIN((size_t)mp_obj_get_int(args[3]), block.len);
    merge->due = (size_t)MAX(due, 0);
    merge->stop = get_span_or_none(args[5]);
    merge->tells = bloom.len != 0;
    for (size_t i = 0; i < merge->count; i++) {
        if (merge->sources[i].owners[0]) {
            look_again(&merge->sources[i]);
        }
    }
    for (;;) {
        int dead;
        merge_event_t event = unosql_merge(merge);
        if (event == FEED) {
            return MP_OBJ_NEW_SMALL_INT(merge->at);
        } else if (event == LONG) {
            whole_key_t *key = merge->longer;
            size_t more = (merge->need | 15) + 1;
            key->start = m_renew(uint8_t, key->start, key->room, more);
            key->room = more;
        } else if (event == ADDED) {
            has_bits(bloom.buf, bloom.len, (span_t) { merge->last.start, merge->last.size }, true);
        } else if (event == IS_DEAD && (dead = is_dead(self, args[6])) != NOT_KNOWN) {
            unosql_decide(merge, dead);
        } else {
            return MP_OBJ_NEW_SMALL_INT(-1 - (mp_int_t)event - (event == BROKEN ? (mp_int_t)merge->at : 0));
        }
    }
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(merge_run_obj, 8, 8, merge_run);

// decide(leave_out): the answer to the question that run() has returned.
IN_FLASH static mp_obj_t merge_decide(mp_obj_t self_in, mp_obj_t leave_out) {
    unosql_decide(&((merge_obj_t *)MP_OBJ_TO_PTR(self_in))->merge, mp_obj_is_true(leave_out));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(merge_decide_obj, merge_decide);

IN_FLASH static void merge_attr(mp_obj_t self_in, qstr name, mp_obj_t *dest) {
    merge_obj_t *self = MP_OBJ_TO_PTR(self_in);
    const merge_t *merge = &self->merge;
    const source_t *best = merge->best;
    if (dest[0] != MP_OBJ_NULL) {
        return;
    }
    switch (name) {
        case MP_QSTR_key:
            dest[0] = best ? mp_obj_new_bytes(best->key.start, best->key.size) : mp_const_none;
            break;
        case MP_QSTR_cut:
            dest[0] = best ? mp_obj_new_bytes(best->key.start, MIN(unosql_common(merge) + 1, best->key.size)) : mp_const_none;
            break;
        case MP_QSTR_last:
            dest[0] = mp_obj_new_bytes(merge->last.start, merge->last.size);
            break;
        case MP_QSTR_used:
            dest[0] = MP_OBJ_NEW_SMALL_INT(merge->used);
            break;
        case MP_QSTR_need:
            dest[0] = MP_OBJ_NEW_SMALL_INT(merge->need);
            break;
        case MP_QSTR_entries:
            dest[0] = MP_OBJ_NEW_SMALL_INT(merge->entries);
            break;
        case MP_QSTR_left_out:
            dest[0] = MP_OBJ_NEW_SMALL_INT(merge->left_out);
            break;
        case MP_QSTR_number:
            dest[0] = int_of(self->number);
            break;
        default:
            dest[1] = MP_OBJ_SENTINEL; // a method
    }
}

static const mp_rom_map_elem_t merge_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_run), MP_ROM_PTR(&merge_run_obj) },
    { MP_ROM_QSTR(MP_QSTR_feed), MP_ROM_PTR(&merge_feed_obj) },
    { MP_ROM_QSTR(MP_QSTR_decide), MP_ROM_PTR(&merge_decide_obj) },
};
static MP_DEFINE_CONST_DICT(merge_locals, merge_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    merge_type, MP_QSTR_Merge, MP_TYPE_FLAG_NONE,
    make_new, merge_make_new,
    attr, merge_attr,
    locals_dict, &merge_locals
    );

// -- sealing

#define ITERATIONS_AT_ONCE (64) // milliseconds on an ESP8266

// Iterate, and let happen what is pending now and then. An exception of that leaves no secrets behind.
IN_FLASH static void iterate(pbkdf2_t *derivation, uint32_t iterations) {
    nlr_buf_t nlr;
    while (iterations) {
        uint32_t now = iterations < ITERATIONS_AT_ONCE ? iterations : ITERATIONS_AT_ONCE;
        unosql_pbkdf2_go_on(derivation, now);
        iterations -= now;
        if (nlr_push(&nlr) != 0) {
            unosql_wipe(derivation, sizeof(*derivation));
            nlr_jump(nlr.ret_val);
        }
        mp_event_handle_nowait();
        MP_THREAD_GIL_EXIT();
        MP_THREAD_GIL_ENTER();
        nlr_pop();
    }
}

IN_FLASH static sealing_keys_t *get_keys(mp_obj_t keys_in, mp_uint_t flags) {
    mp_buffer_info_t keys;
    mp_get_buffer_raise(keys_in, &keys, flags);
    if (keys.len != sizeof(sealing_keys_t) || (uintptr_t)keys.buf % sizeof(uint32_t) != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("keys"));
    }
    return keys.buf;
}

IN_FLASH static mp_buffer_info_t get_aad(mp_obj_t aad_in) {
    mp_buffer_info_t aad;
    mp_get_buffer_raise(aad_in, &aad, MP_BUFFER_READ);
    if (aad.len > 255) {
        mp_raise_ValueError(MP_ERROR_TEXT("aad"));
    }
    return aad;
}

// derive(password, salt, iterations, keys): make the keys of a password. keys: a bytearray of KEYS bytes, the first 8 are the
// key check. Nobody else may write to it.
IN_FLASH static mp_obj_t derive(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t password, salt;
    mp_get_buffer_raise(args[0], &password, MP_BUFFER_READ);
    mp_get_buffer_raise(args[1], &salt, MP_BUFFER_READ);
    mp_int_t iterations = mp_obj_get_int(args[2]);
    if (iterations < 1) {
        mp_raise_ValueError(MP_ERROR_TEXT("iterations"));
    }
    sealing_keys_t *keys = get_keys(args[3], MP_BUFFER_WRITE);
    pbkdf2_t derivation;
    unosql_pbkdf2_start(&derivation, password.buf, password.len, salt.buf, salt.len);
    iterate(&derivation, (uint32_t)iterations - 1);
    unosql_make_keys(keys, (const uint8_t *)derivation.total);
    unosql_wipe(&derivation, sizeof(derivation));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(derive_obj, 4, 4, derive);

// seal(keys, buf, size, aad, ends): encrypt the first size bytes of buf in place, with 1 to 16 more, up to a multiple of
// 16. ends: 32 bytes for IV and tag.
IN_FLASH static mp_obj_t seal(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buf, ends, aad = get_aad(args[3]);
    const sealing_keys_t *keys = get_keys(args[0], MP_BUFFER_READ);
    mp_get_buffer_raise(args[1], &buf, MP_BUFFER_WRITE);
    mp_get_buffer_raise(args[4], &ends, MP_BUFFER_WRITE);
    mp_uint_t size = (mp_uint_t)mp_obj_get_int(args[2]);
    if (size >= buf.len || buf.len - size < SEALING_BLOCK - size % SEALING_BLOCK || ends.len != 2 * SEALING_BLOCK) {
        mp_raise_ValueError(MP_ERROR_TEXT("size"));
    }
    uint8_t *iv = ends.buf;
    unosql_seal(keys, buf.buf, size, aad.buf, aad.len, iv, iv + SEALING_BLOCK);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(seal_obj, 5, 5, seal);

#define AAD (64)       // bytes: of a backup file's blocks some 60
#define BLOCK_TAIL (3) // bytes of a deflated block: the size of its data, and a flag
#define PLAIN (0)
#define DEFLATED (1)

// Four bytes, big-endian.
IN_FLASH static void put_word(uint8_t *at, mp_uint_t n) {
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(n >> (24 - 8 * i));
    }
}

// What binds a block to its place: prefix, more of it, and offset. Return its size.
IN_FLASH static size_t put_place(uint8_t aad[AAD], span_t prefix, span_t more, mp_uint_t offset) {
    size_t size = prefix.size + more.size;
    if (size > AAD - 4) {
        mp_raise_ValueError(MP_ERROR_TEXT("prefix"));
    }
    memcpy(aad, prefix.start, prefix.size);
    memcpy(aad + prefix.size, more.start, more.size);
    put_word(aad + size, offset);
    return size + 4;
}

// The data of a sealed block; it is decrypted in place.
IN_FLASH static span_t opened(mp_obj_t keys_in, const mp_buffer_info_t *blob, const uint8_t *aad, size_t aad_size) {
    uint8_t *data = blob->buf;
    if (keys_in == mp_const_none) {
        size_t size = blob->len - CHECKSUM;
        part_t parts[2] = { { aad, aad_size }, { data, size } };
        uint8_t digest[32];
        if (blob->len >= CHECKSUM) {
            unosql_sha256(parts, 2, digest);
            if (memcmp(digest, data + size, CHECKSUM) == 0) {
                return (span_t) { data, size };
            }
        }
        mp_raise_ValueError(MP_ERROR_TEXT("checksum mismatch"));
    }
    data += SEALING_BLOCK;
    const sealing_keys_t *keys = get_keys(keys_in, MP_BUFFER_READ);
    ptrdiff_t size = -1;
    if (blob->len >= SEALING_LEAST && blob->len % SEALING_BLOCK == 0) {
        size = unosql_unseal(keys, blob->buf, blob->len, aad, aad_size, data);
    }
    if (size < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("authentication failed"));
    }
    return (span_t) { data, (size_t)size };
}

IN_FLASH static mp_buffer_info_t get_blob(mp_obj_t keys_in, mp_obj_t blob_in) {
    mp_buffer_info_t blob;
    mp_get_buffer_raise(blob_in, &blob, keys_in == mp_const_none ? MP_BUFFER_READ : MP_BUFFER_RW);
    return blob;
}

// A memoryview of a part of what has that buffer. flag: MP_OBJ_ARRAY_TYPECODE_FLAG_RW, or 0.
IN_FLASH static mp_obj_t part_of(mp_obj_t whole, const mp_buffer_info_t *buffer, size_t start, size_t size, unsigned flag) {
    if (!mp_obj_is_type(whole, &mp_type_memoryview)) {
        whole = mp_obj_new_memoryview((uint8_t)('B' | flag), buffer->len, buffer->buf);
    }
    mp_obj_t slice = mp_obj_new_slice(MP_OBJ_NEW_SMALL_INT(start), MP_OBJ_NEW_SMALL_INT(start + size), mp_const_none);
    return mp_obj_subscr(whole, slice, MP_OBJ_SENTINEL);
}

// unseal(keys, blob, aad): the data of a sealed block, a part of blob. keys: None: not encrypted; else blob is overwritten.
IN_FLASH static mp_obj_t unseal(mp_obj_t keys_in, mp_obj_t blob_in, mp_obj_t aad_in) {
    mp_buffer_info_t blob = get_blob(keys_in, blob_in), aad = get_aad(aad_in);
    span_t data = opened(keys_in, &blob, aad.buf, aad.len);
    return part_of(blob_in, &blob, (size_t)(data.start - (const uint8_t *)blob.buf), data.size, 0);
}
static MP_DEFINE_CONST_FUN_OBJ_3(unseal_obj, unseal);

// The first bytes of target as a memoryview, or new bytes where it is too small.
IN_FLASH static mp_obj_t get_target(mp_obj_t target_in, size_t size, uint8_t **start) {
    mp_buffer_info_t target;
    mp_get_buffer_raise(target_in, &target, MP_BUFFER_WRITE);
    mp_obj_t result;
    if (size > target.len) {
        target.buf = m_new(uint8_t, size);
        result = mp_obj_new_bytearray_by_ref(size, target.buf);
    } else {
        result = part_of(target_in, &target, 0, size, MP_OBJ_ARRAY_TYPECODE_FLAG_RW);
    }
    *start = target.buf;
    return result;
}

// unpack(keys, blob, packed, offset, target, work): the entries of a segment's block, as twin.unpack() has it. keys: None: not
// encrypted; else blob is overwritten. work: INFLATE_WORK bytes that hold nothing of blob or target.
IN_FLASH static mp_obj_t unpack(size_t n_args, const mp_obj_t *args) {
    uint8_t aad[AAD], *start;
    mp_buffer_info_t blob = get_blob(args[0], args[1]);
    span_t tag = get_span(args[2]);
    if (tag.size == 0 || tag.start[0] >= tag.size) {
        RAISE_DAMAGED();
    }
    tag.size = *tag.start++;
    size_t aad_size = put_place(aad, tag, (span_t) { aad, 0 }, (mp_uint_t)mp_obj_get_int_truncated(args[3]));
    span_t data = opened(args[0], &blob, aad, aad_size);
    if (data.size && data.start[data.size - 1] == PLAIN) {
        data.size--;
        mp_obj_t target = get_target(args[4], data.size, &start);
        memcpy(start, data.start, data.size);
        return target;
    }
    if (data.size < BLOCK_TAIL || data.start[data.size - 1] != DEFLATED) {
        RAISE_DAMAGED();
    }
    data.size -= BLOCK_TAIL;
    size_t size = (size_t)(data.start[data.size] << 8 | data.start[data.size + 1]);
    mp_obj_t target = get_target(args[4], size, &start);
    mp_buffer_info_t written = { .buf = start, .len = size };
    inflate_work_t *work = get_work(args[5], sizeof(*work), &written);
    if (unosql_inflate(data.start, data.size, start, size, work) != (ptrdiff_t)size) {
        mp_raise_ValueError(MP_ERROR_TEXT("not a deflate stream"));
    }
    return target;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(unpack_obj, 6, 6, unpack);

#define SALT (8)
#define TRAILER (11) // bytes at the end of a segment: salt, size of the sealed meta block, 'Q'

// meta(keys, end, prefix, size): a Segment's packed meta block, of the end of its file; or how many of the last bytes that takes. keys,
// end: as for unpack(). prefix: of the tag. size: of the file.
IN_FLASH static mp_obj_t meta(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t blob = get_blob(args[0], args[1]);
    mp_uint_t size = (mp_uint_t)mp_obj_get_int(args[3]), needed = TRAILER;
    uint8_t *trailer = (uint8_t *)blob.buf + blob.len - TRAILER, aad[AAD];
    if (blob.len < TRAILER || trailer[TRAILER - 1] != 'Q' || (needed += trailer[SALT] << 8 | trailer[SALT + 1]) > size) {
        mp_raise_ValueError(MP_ERROR_TEXT("no segment trailer"));
    }
    if (needed > blob.len) {
        return MP_OBJ_NEW_SMALL_INT(needed);
    }
    size_t tag = put_place(aad, get_span(args[2]), (span_t) { trailer, SALT }, size - needed) - 4;
    blob.len = needed - TRAILER;
    blob.buf = trailer - blob.len;
    span_t data = opened(args[0], &blob, aad, tag + 4);
    vstr_t packed;
    vstr_init_len(&packed, 5 + tag + data.size);
    packed.buf[0] = (char)tag;
    memcpy(packed.buf + 1, aad, tag);
    put_word((uint8_t *)packed.buf + 1 + tag, size);
    memcpy(packed.buf + 5 + tag, data.start, data.size);
    mp_obj_t result = mp_obj_new_bytes_from_vstr(&packed);
    get_meta(result);
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(meta_obj, 4, 4, meta);

// Without SHA-256 there is no module, and its twin does all.
static const mp_rom_map_elem_t unosql_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__unosql) },
    { MP_ROM_QSTR(MP_QSTR_DEFLATE_WORK), MP_ROM_INT(sizeof(deflate_work_t)) },
    { MP_ROM_QSTR(MP_QSTR_INFLATE_WORK), MP_ROM_INT(sizeof(inflate_work_t)) },
    { MP_ROM_QSTR(MP_QSTR_Merge), MP_ROM_PTR(&merge_type) },
    { MP_ROM_QSTR(MP_QSTR_KEYS), MP_ROM_INT(sizeof(sealing_keys_t)) },
    { MP_ROM_QSTR(MP_QSTR_allocated), MP_ROM_PTR(&allocated_obj) },
    { MP_ROM_QSTR(MP_QSTR_append), MP_ROM_PTR(&append_obj) },
    { MP_ROM_QSTR(MP_QSTR_bisect), MP_ROM_PTR(&bisect_obj) },
    { MP_ROM_QSTR(MP_QSTR_checksum), MP_ROM_PTR(&checksum_obj) },
    { MP_ROM_QSTR(MP_QSTR_children), MP_ROM_PTR(&children_obj) },
    { MP_ROM_QSTR(MP_QSTR_decode), MP_ROM_PTR(&decode_obj) },
    { MP_ROM_QSTR(MP_QSTR_deflate), MP_ROM_PTR(&deflate_obj) },
    { MP_ROM_QSTR(MP_QSTR_derive), MP_ROM_PTR(&derive_obj) },
    { MP_ROM_QSTR(MP_QSTR_encode_delta), MP_ROM_PTR(&encode_delta_obj) },
    { MP_ROM_QSTR(MP_QSTR_entry), MP_ROM_PTR(&entry_obj) },
    { MP_ROM_QSTR(MP_QSTR_flaw), MP_ROM_PTR(&flaw_obj) },
    { MP_ROM_QSTR(MP_QSTR_get), MP_ROM_PTR(&get_obj) },
    { MP_ROM_QSTR(MP_QSTR_header), MP_ROM_PTR(&header_obj) },
    { MP_ROM_QSTR(MP_QSTR_heap), MP_ROM_PTR(&heap_obj) },
    { MP_ROM_QSTR(MP_QSTR_is_ascii), MP_ROM_PTR(&is_ascii_obj) },
    { MP_ROM_QSTR(MP_QSTR_lookup), MP_ROM_PTR(&lookup_obj) },
    { MP_ROM_QSTR(MP_QSTR_meta), MP_ROM_PTR(&meta_obj) },
    { MP_ROM_QSTR(MP_QSTR_overlaps), MP_ROM_PTR(&overlaps_obj) },
    { MP_ROM_QSTR(MP_QSTR_part), MP_ROM_PTR(&part_obj) },
    { MP_ROM_QSTR(MP_QSTR_place), MP_ROM_PTR(&place_obj) },
    { MP_ROM_QSTR(MP_QSTR_root), MP_ROM_PTR(&root_obj) },
    { MP_ROM_QSTR(MP_QSTR_scan), MP_ROM_PTR(&scan_obj) },
    { MP_ROM_QSTR(MP_QSTR_seal), MP_ROM_PTR(&seal_obj) },
    { MP_ROM_QSTR(MP_QSTR_search), MP_ROM_PTR(&search_obj) },
    { MP_ROM_QSTR(MP_QSTR_seek), MP_ROM_PTR(&seek_obj) },
    { MP_ROM_QSTR(MP_QSTR_tag), MP_ROM_PTR(&tag_obj) },
    { MP_ROM_QSTR(MP_QSTR_unpack), MP_ROM_PTR(&unpack_obj) },
    { MP_ROM_QSTR(MP_QSTR_unpack_uint), MP_ROM_PTR(&unpack_uint_obj) },
    { MP_ROM_QSTR(MP_QSTR_unseal), MP_ROM_PTR(&unseal_obj) },
};
static MP_DEFINE_CONST_DICT(unosql_globals, unosql_globals_table);

const mp_obj_module_t unosql_cmodule = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&unosql_globals,
};

MP_REGISTER_MODULE(MP_QSTR__unosql, unosql_cmodule);

#endif
