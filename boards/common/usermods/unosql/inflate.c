// Inflating: blocks of all three kinds, as zlib on a PC makes them too. Deflating makes only fixed codes, and these are
// computed rather than looked up, so that no table has to be built or to lie in RAM. What was filled of the target is
// the window.

#include <stdbool.h>
#include <string.h>

#include "deflate.h"

#define END (256)         // the symbol that ends a block
#define LAST_LENGTH (285) // the symbols behind it are lengths
#define ALL_MISSING (32)

typedef struct {
    const uint8_t *next;
    const uint8_t *end;
    uint32_t bits; // the next one lowest
    unsigned count;
    unsigned missing; // how many of the last bits are zeros that stand for what is behind the end, ALL_MISSING: all
} stream_t;

typedef struct {
    uint8_t *start;
    uint8_t *next;
    uint8_t *end;
} output_t;

static const uint8_t mirrored_half[16] = { 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15 };

static ALWAYS_INLINE unsigned mirrored(unsigned byte) {
    return (unsigned)mirrored_half[byte & 15] << 4 | mirrored_half[byte >> 4];
}

IN_FLASH unsigned unosql_mirrored(unsigned byte) {
    return mirrored(byte);
}

// Have so many bits at hand, 16 at the most.
static ALWAYS_INLINE void fill(stream_t *in, unsigned count) {
    if (in->count < count) {
        uint32_t more = 0;
        if (in->end - in->next >= 2) {
            more = (uint32_t)(in->next[0] | in->next[1] << 8);
            in->next += 2;
        } else if (in->next < in->end) {
            more = *in->next++;
            in->missing = 8;
        } else if (in->missing < ALL_MISSING) {
            in->missing += 16;
        }
        in->bits |= more << in->count;
        in->count += 16;
    }
}

static ALWAYS_INLINE uint32_t take(stream_t *in, unsigned count) {
    uint32_t bits = in->bits & ((1u << count) - 1);
    in->bits >>= count;
    in->count -= count;
    return bits;
}

// Whether bits were taken that are not there.
static ALWAYS_INLINE bool cut_off(const stream_t *in) {
    return in->count < in->missing;
}

// As fill() and take(), where it need not be fast.
IN_FLASH static unsigned read_bits(stream_t *in, unsigned count) {
    fill(in, count);
    return take(in, count);
}

// A symbol, and in the upper half how many bits its code has. Neither this nor the next one takes the bits: a stream
// whose address is taken lies in memory, not in registers.
typedef uint32_t coded_t;
#define CODED(symbol, length) ((symbol) | (coded_t)(length) << 16)

// The next symbol of the fixed code: RFC 1951, 3.2.6. By its first 8 bits, as a number:
//     00..2f 256..279 (7 bits), 30..bf 0..143 (8), c0..c7 280..287 (8), c8..ff 144..255 (9)
static ALWAYS_INLINE coded_t fixed_symbol(uint32_t bits) {
    unsigned code = mirrored(bits & 0xff);
    if (code < 0x30) {
        return CODED(END + (code >> 1), 7);
    }
    if (code < 0xc8) {
        return CODED(code < 0xc0 ? code - 0x30 : 280 - 0xc0 + code, 8);
    }
    return CODED(144 + ((code - 0xc8) << 1 | (bits >> 8 & 1)), 9);
}

// The next symbol of another code: those of one length are consecutive numbers, the first one is twice what follows
// the last one of the length before. None: INFLATE_SYMBOLS.
IN_FLASH static coded_t coded_symbol(uint32_t bits, const uint16_t *counts, const uint16_t *symbols) {
    unsigned code = 0, first = 0;
    for (unsigned length = 1; length <= INFLATE_LONGEST; length++) {
        code = code << 1 | (bits & 1);
        bits >>= 1;
        first <<= 1;
        if (code - first < counts[length]) {
            return CODED(symbols[code - first], length);
        }
        first += counts[length];
        symbols += counts[length];
    }
    return CODED(INFLATE_SYMBOLS, INFLATE_LONGEST);
}

static ALWAYS_INLINE void copy(output_t *out, size_t distance, size_t length) {
    const uint8_t *from = out->next - distance;
    size_t room = (size_t)(out->end - out->next);
    if (length > room) {
        length = room;
    }
    do {
        *out->next++ = *from++;
    } while (--length);
}

// Take what a length or a distance has above its least: symbols are in groups, of 4 or 2, that share a number of extra
// bits, and each group has one bit more than the one before.
static ALWAYS_INLINE size_t take_above(stream_t *in, unsigned symbol, unsigned group) {
    if (symbol < group) {
        return symbol;
    }
    unsigned extra = symbol / group - 1;
    fill(in, extra);
    return (size_t)((group + symbol % group) << extra | take(in, extra));
}

// What follows the symbol of a length.
static ALWAYS_INLINE bool inflate_match(stream_t *in, output_t *out, const inflate_work_t *work, unsigned symbol) {
    if (symbol > LAST_LENGTH) {
        return false;
    }
    size_t length = symbol == LAST_LENGTH ? 258 : 3 + take_above(in, symbol - END - 1, 4);
    fill(in, INFLATE_LONGEST);
    unsigned slot;
    if (work) {
        coded_t coded = coded_symbol(in->bits, work->distance_count, work->distance_symbols);
        take(in, coded >> 16);
        slot = coded & 0xffff;
    } else {
        slot = mirrored(take(in, 5)) >> 3;
    }
    if (slot >= INFLATE_DISTANCES) {
        return false;
    }
    size_t distance = 1 + take_above(in, slot, 2);
    if (distance > (size_t)(out->next - out->start)) {
        return false;
    }
    copy(out, distance, length);
    return true;
}

// The rest of a block, to its end or until the target is full. work: has its codes; NULL: they are the fixed ones.
// This and what follows: whether the stream is none that was damaged or cut off.
IN_FLASH static bool inflate_coded(stream_t *stream, output_t *output, const inflate_work_t *work) {
    stream_t in = *stream; // copies, see coded_t
    output_t out = *output;
    bool good = true;
    while (good && out.next < out.end) {
        fill(&in, INFLATE_LONGEST);
        coded_t coded = work ? coded_symbol(in.bits, work->count, work->symbols) : fixed_symbol(in.bits);
        unsigned symbol = coded & 0xffff;
        take(&in, coded >> 16);
        if (symbol < END) {
            *out.next++ = (uint8_t)symbol;
        } else if (symbol == END) {
            break;
        } else {
            good = inflate_match(&in, &out, work, symbol);
        }
    }
    *stream = in;
    *output = out;
    return good && !cut_off(&in);
}

// A block of bytes as they are, behind the rest of the byte at hand.
IN_FLASH static bool inflate_stored(stream_t *in, output_t *out) {
    take(in, in->count % 8);
    unsigned length = read_bits(in, 16), inverted = read_bits(in, 16);
    bool good = (length ^ inverted) == 0xffff;
    for (; good && length && out->next < out->end; length--) {
        *out->next++ = (uint8_t)read_bits(in, 8);
        good = !cut_off(in);
    }
    return good && !cut_off(in);
}

// Make a code of its symbols' lengths in bits, 0: none. Return by how many codes of the longest length it is not
// complete; negative: that many are too much.
IN_FLASH static int make_code(uint16_t *counts, uint16_t *symbols, const uint8_t *lengths, unsigned size) {
    uint16_t next[INFLATE_LONGEST + 1];
    unsigned sum = 0;
    int left = 1;
    memset(counts, 0, sizeof(next));
    for (unsigned i = 0; i < size; i++) {
        counts[lengths[i]]++;
    }
    for (unsigned length = 1; length <= INFLATE_LONGEST; length++) {
        next[length] = (uint16_t)sum;
        sum += counts[length];
        left = 2 * left - counts[length];
    }
    for (unsigned i = 0; i < size; i++) {
        if (lengths[i]) {
            symbols[next[lengths[i]]++] = (uint16_t)i;
        }
    }
    return left;
}

// As make_code(). Whether the code can be used: one that is not complete only if it has a single symbol or none.
IN_FLASH static bool made_code(uint16_t *counts, uint16_t *symbols, const uint8_t *lengths, unsigned size) {
    int left = make_code(counts, symbols, lengths, size);
    return left == 0 || (left > 0 && counts[0] + counts[1] == (int)size);
}

// Read the lengths of codes, which are coded themselves: 16 repeats the one before, 17 and 18 are runs of zeros.
IN_FLASH static bool read_lengths(stream_t *in, inflate_work_t *work, unsigned size) {
    for (unsigned i = 0; i < size;) {
        fill(in, INFLATE_LONGEST);
        coded_t coded = coded_symbol(in->bits, work->count, work->symbols);
        take(in, coded >> 16);
        unsigned symbol = coded & 0xffff, length = 0, times = 1;
        if (symbol < 16) {
            length = symbol;
        } else if (symbol == 16 && i > 0) {
            length = work->lengths[i - 1];
            times = 3 + read_bits(in, 2);
        } else if (symbol == 17) {
            times = 3 + read_bits(in, 3);
        } else if (symbol == 18) {
            times = 11 + read_bits(in, 7);
        } else {
            return false;
        }
        if (times > size - i || cut_off(in)) {
            return false;
        }
        memset(work->lengths + i, (int)length, times);
        i += times;
    }
    return true;
}

// The head of a block that brings codes of its own.
IN_FLASH static bool read_codes(stream_t *in, inflate_work_t *work) {
    static const uint8_t order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
    unsigned symbols = 257 + read_bits(in, 5), distances = 1 + read_bits(in, 5), lengths = 4 + read_bits(in, 4);
    if (symbols > INFLATE_SYMBOLS || distances > INFLATE_DISTANCES) {
        return false;
    }
    memset(work->lengths, 0, sizeof(order));
    for (unsigned i = 0; i < lengths; i++) {
        work->lengths[order[i]] = (uint8_t)read_bits(in, 3);
    }
    if (make_code(work->count, work->symbols, work->lengths, sizeof(order)) != 0) {
        return false;
    }
    return read_lengths(in, work, symbols + distances)
           && work->lengths[END] != 0
           && made_code(work->count, work->symbols, work->lengths, symbols)
           && made_code(work->distance_count, work->distance_symbols, work->lengths + symbols, distances);
}

IN_FLASH static bool inflate_block(stream_t *in, output_t *out, inflate_work_t *work, unsigned kind) {
    switch (kind) {
        case 0:
            return inflate_stored(in, out);
        case 1:
            return inflate_coded(in, out, NULL);
        case 2:
            return read_codes(in, work) && inflate_coded(in, out, work);
        default:
            return false;
    }
}

IN_FLASH ptrdiff_t unosql_inflate(const uint8_t *source, size_t size, uint8_t *target, size_t room, inflate_work_t *work) {
    stream_t in = { source, source + size, 0, 0, 0 };
    output_t out = { target, target, target + room };
    for (bool last = false; !last && out.next < out.end;) {
        last = read_bits(&in, 1);
        if (!inflate_block(&in, &out, work, read_bits(&in, 2))) {
            return -1;
        }
    }
    return out.next - out.start;
}
