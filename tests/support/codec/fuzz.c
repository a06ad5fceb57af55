// Deflates made-up data and inflates streams, most of them damaged, beside zlib and, now and then, beside uzlib.
//
//     fuzz COUNT SEED     prints how many inputs were of which kind. Input n depends on SEED + n only: a failure
//                         says with which SEED it comes first.
//
// Every buffer is allocated with its exact size, so that the sanitizers see each byte beyond. Agreed on:
// deflating makes uzlib's bytes, or 0 when there is no room, whatever was in its work; zlib inflates them, with a window
// of 512 bytes; inflating gives what zlib gives, or both refuse, and as many bytes as there is room for.

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "deflate.h"
#include "inputs.h"
#include "lib/uzlib/lz77.c" // MicroPython's own

#define LARGEST (70000) // beyond 16 bits
#define STREAM (2 * LARGEST)
#define WITH_UZLIB (20) // one in so many inputs of some size, as it is slow
#define STRATEGIES (6)

static uint8_t data[LARGEST], stream[STREAM], expected[STREAM];
static z_stream makers[STRATEGIES], reader, narrow;
static struct {
    unsigned long deflated, refused, streams, whole, full, damaged;
} counts;

static void *copy_of(const void *bytes, size_t size) {
    void *copy = malloc(size);
    check(copy != NULL || size == 0, "no memory");
    if (size) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

// Memory that holds anything.
static void *littered(size_t size) {
    uint8_t *area = malloc(size);
    check(area != NULL || size == 0, "no memory");
    for (size_t i = 0; i < size; i++) {
        area[i] = (uint8_t)random_below(256);
    }
    return area;
}

// -- data

static size_t some_size(void) {
    switch (random_below(16)) {
        case 0:
            return random_below(random_below(500) ? 1500 : LARGEST);
        case 1:
        case 2:
            return random_below(500);
        default:
            return random_below(64);
    }
}

// Literals of an alphabet, and repetitions from near, from far, or from where the window ends.
static size_t make_data(void) {
    size_t size = some_size(), i = 0;
    uint32_t alphabet = 1 + random_below(random_below(2) ? 4 : 256), base = random_below(256), literals = 1 + random_below(20);
    bool at_the_end = alphabet > 20 && random_below(2);
    while (i < size) {
        if (i == 0 || random_below(literals + 1)) {
            data[i++] = (uint8_t)(base + random_below(alphabet));
            continue;
        }
        size_t distance = at_the_end ? DEFLATE_WINDOW - 4 + random_below(8) : 1 + random_below((uint32_t)i);
        size_t length = 1 + random_below(random_below(8) ? 12 : 600);
        for (; distance <= i && length && i < size; length--, i++) {
            data[i] = data[i - distance];
        }
        literals += i < distance;
    }
    return size;
}

// -- deflating

typedef struct {
    uint8_t *bytes;
    size_t size;
} sink_t;

static void put_byte(void *sink_in, uint8_t byte) {
    sink_t *sink = sink_in;
    sink->bytes[sink->size++] = byte;
}

static size_t deflate_by_uzlib(size_t size) {
    uint8_t window[DEFLATE_WINDOW];
    sink_t sink = { expected, 0 };
    uzlib_lz77_state_t compressor;
    uzlib_lz77_init(&compressor, window, sizeof(window));
    compressor.dest_write_data = &sink;
    compressor.dest_write_cb = put_byte;
    uzlib_start_block(&compressor);
    uzlib_lz77_compress(&compressor, data, (unsigned)size);
    uzlib_finish_block(&compressor);
    return sink.size;
}

// Byte by byte, so that zlib has no more to look back at than its window.
static void check_window(const uint8_t *packed, size_t packed_size, size_t size) {
    uint8_t byte;
    inflateReset(&narrow);
    narrow.next_in = (uint8_t *)packed;
    narrow.avail_in = (unsigned)packed_size;
    for (size_t i = 0; i < size; i++) {
        narrow.next_out = &byte;
        narrow.avail_out = 1;
        int result = inflate(&narrow, Z_NO_FLUSH);
        check(result == Z_OK || (result == Z_STREAM_END && i + 1 == size), "window");
        check(byte == data[i], "byte");
    }
}

static size_t deflate_once(const uint8_t *source, size_t size, uint8_t *target, size_t room) {
    deflate_work_t *work = littered(sizeof(deflate_work_t));
    size_t packed = unosql_deflate(source, size, target, room, work);
    free(work);
    return packed;
}

static size_t try_deflate(size_t size) {
    size_t most = (9 * size + 17) / 8; // literals of 9 bits, and 10 more
    size_t room = random_below(3) ? most : random_below((uint32_t)size + 2);
    uint8_t *source = copy_of(data, size), *target = malloc(room);
    size_t packed = deflate_once(source, size, target, room), whole = deflate_once(source, size, stream, most);
    check(whole > 1 && whole <= most, "size");
    check(packed == (whole <= room ? whole : 0), "room");
    check(packed == 0 || memcmp(target, stream, packed) == 0, "depends on its work");
    if (size < 32 || (size < 2000 && random_below(WITH_UZLIB) == 0)) {
        check(whole == deflate_by_uzlib(size) && memcmp(stream, expected, whole) == 0, "differs from uzlib");
        check_window(stream, whole, size);
    }
    free(target);
    free(source);
    counts.deflated++;
    counts.refused += packed == 0;
    return whole;
}

// -- inflating

// A stream of zlib's: stored, of fixed or of its own codes, of several blocks.
static size_t make_stream(size_t size) {
    z_stream *maker = &makers[random_below(STRATEGIES)];
    size_t half = random_below(4) ? size : random_below((uint32_t)size + 1);
    deflateReset(maker);
    maker->next_in = data;
    maker->avail_in = (unsigned)half;
    maker->next_out = stream;
    maker->avail_out = STREAM;
    deflate(maker, random_below(2) ? Z_FULL_FLUSH : Z_PARTIAL_FLUSH);
    maker->avail_in += (unsigned)(size - half);
    check(deflate(maker, Z_FINISH) == Z_STREAM_END, "zlib");
    return STREAM - maker->avail_out;
}

static size_t damage(size_t size) {
    switch (random_below(8)) {
        case 0:
            return random_below((uint32_t)size + 1);
        case 1:
            for (uint32_t more = 1 + random_below(8); more; more--) {
                stream[size++] = (uint8_t)random_below(256);
            }
            return size;
        case 2:
            stream[0] = (uint8_t)((stream[0] & ~7u) | random_below(8));
            return size;
        case 3:
            memmove(stream + random_below((uint32_t)size), stream + random_below((uint32_t)size), random_below((uint32_t)size + 1));
            return size;
        default: // often where a block has its codes
            for (uint32_t flips = 1 + random_below(3); flips; flips--) {
                uint32_t i = random_below((uint32_t)(random_below(2) && size > 20 ? 20 : size));
                stream[i] = (uint8_t)(stream[i] ^ 1u << random_below(8));
            }
            return size;
    }
}

static size_t bits; // in stream

static void put_bits(uint32_t value, unsigned count) {
    for (; count; count--, value >>= 1, bits++) {
        uint8_t mask = (uint8_t)(1u << bits % 8), *byte = &stream[bits / 8];
        *byte = (uint8_t)((*byte & ~mask) | (value & 1 ? mask : 0));
    }
}

// The codes of the lengths of codes: 0 to 12 have 4 bits, 13 to 18 have 5.
static void put_length(unsigned symbol) {
    unsigned code = symbol < 13 ? symbol : 26 - 13 + symbol, size = symbol < 13 ? 4 : 5;
    while (size--) {
        put_bits(code >> size, 1);
    }
}

// Lengths of a complete code of some of n symbols, or of one that is nearly so.
static void make_lengths(uint8_t *lengths, unsigned n) {
    unsigned leaves = 1;
    memset(lengths, 0, n);
    lengths[0] = random_below(20) ? 0 : 1; // of a code of one
    for (unsigned splits = random_below(n); splits && leaves < n; splits--) {
        unsigned i = random_below(leaves);
        if (lengths[i] < 15) {
            lengths[leaves++] = ++lengths[i];
        }
    }
    for (unsigned i = 0; i < n; i++) {
        unsigned other = random_below(n);
        uint8_t length = lengths[i];
        lengths[i] = lengths[other];
        lengths[other] = length;
    }
    if (random_below(4) == 0) {
        lengths[random_below(n)] = (uint8_t)random_below(16);
    }
}

static void put_lengths(const uint8_t *lengths, unsigned n) {
    for (unsigned i = 0; i < n;) {
        unsigned run = 1;
        while (i + run < n && lengths[i + run] == lengths[i]) {
            run++;
        }
        if (lengths[i] == 0 && run >= 3) {
            run = run > 138 ? 138 : run;
            put_length(run > 10 ? 18 : 17);
            put_bits(run > 10 ? run - 11 : run - 3, run > 10 ? 7 : 3);
        } else if (i && run >= 3 && lengths[i] == lengths[i - 1]) {
            run = run > 6 ? 6 : run;
            put_length(16);
            put_bits(run - 3, 2);
        } else {
            run = 1;
            put_length(lengths[i]);
        }
        i += run;
    }
}

// A block with codes of its own, and after its head anything.
static size_t make_codes(void) {
    static const uint8_t order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
    uint8_t lengths[288 + 32 + 8];
    unsigned symbols = 257 + random_below(random_below(9) ? 30 : 32), distances = 1 + random_below(random_below(9) ? 30 : 32);
    bits = 0;
    put_bits(5, 3);
    put_bits(symbols - 257, 5);
    put_bits(distances - 1, 5);
    put_bits(19 - 4, 4);
    unsigned without = random_below(8) ? 19 : random_below(19);
    for (unsigned i = 0; i < 19; i++) {
        put_bits(order[i] == without ? 0 : order[i] < 13 ? 4 : 5, 3);
    }
    make_lengths(lengths, symbols);
    make_lengths(lengths + symbols, distances);
    if (random_below(9) && lengths[256] == 0) {
        lengths[256] = lengths[0];
        lengths[0] = 0;
    }
    unsigned more = random_below(9) ? 0 : 1 + random_below(7);
    memset(lengths + symbols + distances, random_below(2) ? 0 : lengths[symbols + distances - 1], more);
    put_lengths(lengths, symbols + distances + more);
    for (more = random_below(60); more; more--) {
        put_bits(random_below(256), 8);
    }
    return (bits + 7) / 8;
}

static size_t make_noise(void) {
    size_t size = 1 + random_below(100);
    for (size_t i = 0; i < size; i++) {
        stream[i] = (uint8_t)random_below(256);
    }
    return size;
}

// Inflate by zlib into expected. Return its size, or -1.
static ptrdiff_t inflate_by_zlib(const uint8_t *source, size_t size, size_t room) {
    inflateReset(&reader);
    reader.next_in = (uint8_t *)source;
    reader.avail_in = (unsigned)size;
    reader.next_out = expected;
    reader.avail_out = (unsigned)room;
    int result = room ? inflate(&reader, Z_SYNC_FLUSH) : Z_STREAM_END;
    return result == Z_STREAM_END || reader.avail_out == 0 ? (ptrdiff_t)(room - reader.avail_out) : -1;
}

static void try_inflate(size_t size) {
    uint8_t *source = copy_of(stream, size);
    size_t room = random_below(4) ? random_below(2000) : random_below(30);
    uint8_t *target = malloc(room);
    inflate_work_t *work = littered(sizeof(inflate_work_t));
    ptrdiff_t got = unosql_inflate(source, size, target, room, work), wanted = inflate_by_zlib(source, size, room);
    check(got == wanted, "inflating differs from zlib");
    check(got <= 0 || memcmp(target, expected, (size_t)got) == 0, "inflated bytes differ from zlib");
    counts.streams++;
    counts.damaged += got < 0;
    counts.full += got == (ptrdiff_t)room;
    counts.whole += got >= 0 && got < (ptrdiff_t)room;
    free(work);
    free(target);
    free(source);
}

// What was deflated comes back, into room that just suffices.
static void try_round_trip(size_t packed, size_t size) {
    uint8_t *source = copy_of(stream, packed), *target = malloc(size);
    inflate_work_t *work = littered(sizeof(inflate_work_t));
    check(unosql_inflate(source, packed, target, size, work) == (ptrdiff_t)size, "size of what comes back");
    check(size == 0 || memcmp(target, data, size) == 0, "what comes back");
    check(inflate_by_zlib(source, packed, size) == (ptrdiff_t)size, "zlib's size of what comes back");
    check(size == 0 || memcmp(expected, data, size) == 0, "what zlib gives back");
    free(work);
    free(target);
    free(source);
}

static void try_one(void) {
    size_t size = make_data(), packed;
    switch (random_below(8)) {
        case 0:
        case 1:
            packed = try_deflate(size);
            try_round_trip(packed, size);
            return;
        case 2:
            packed = try_deflate(size);
            break;
        case 3:
            packed = make_codes();
            break;
        case 4:
            packed = make_noise();
            break;
        default:
            packed = make_stream(size);
            break;
    }
    if (random_below(6)) {
        packed = damage(packed);
    }
    try_inflate(packed);
}

static void start(void) {
    static const int levels[STRATEGIES] = { 0, 1, 9, 9, 9, 9 };
    static const int strategies[STRATEGIES] = { Z_DEFAULT_STRATEGY, Z_DEFAULT_STRATEGY, Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE };
    for (int i = 0; i < STRATEGIES; i++) {
        check(deflateInit2(&makers[i], levels[i], Z_DEFLATED, i == 2 ? -15 : -9, 1, strategies[i]) == Z_OK, "zlib");
    }
    check(inflateInit2(&reader, -15) == Z_OK && inflateInit2(&narrow, -9) == Z_OK, "zlib");
}

static void stop(void) {
    for (int i = 0; i < STRATEGIES; i++) {
        deflateEnd(&makers[i]);
    }
    inflateEnd(&reader);
    inflateEnd(&narrow);
}

int main(int argc, char **argv) {
    start();
    if (!tried_all(argc, argv, try_one)) {
        return 2;
    }
    stop();
    printf("deflated %lu refused %lu streams %lu whole %lu full %lu damaged %lu\n", counts.deflated, counts.refused,
        counts.streams, counts.whole, counts.full, counts.damaged);
    return 0;
}
