// Tells by headers.c what made-up erase blocks hold, beside rules that look at all of them.
//
//     headers COUNT SEED     prints how many blocks were of which kind; a failure says with which SEED it comes first.
//
// Every buffer has its exact size, so that the sanitizers see each byte beyond.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "headers.h"
#include "inputs.h"

#define MOST (24) // blocks

static struct {
    unsigned long kept, doomed, others;
} counts;

static uint32_t one_of(const uint32_t *from, size_t count) {
    return from[random_below((uint32_t)count)];
}

static void make_head(uint32_t *head) {
    static const uint32_t numbers[] = { 0, 1, 1, 2, 3, 0x3fffffe, 0x3ffffff, 0xffffffff };
    static const uint32_t indexes[] = { 0, 0, 1, 2, 63, 64, 255 };
    for (int i = 0; i < HEAD_WORDS; i++) {
        head[i] = random_below(256);
    }
    head[KIND] = HEADER_MAGIC | (uint32_t)'s' << 16 | one_of(indexes, 7) << 24;
    head[NUMBER] = one_of(numbers, 8);
    head[BIRTH] = 1 + random_below(3);
}

// What a block's tag is to be: its own, or doomed; 0 where it does not count.
static uint32_t own_tag(const uint32_t *head) {
    uint32_t index = head[KIND] >> 24, number = head[NUMBER];
    return index > 63 || number == 0 || number > 0x3fffffe ? TAG_OTHER : number << INDEX_BITS | index;
}

// The first block of that number which stays: that of the highest birth, of equal ones the first.
static size_t first_of(uint32_t (*heads)[HEAD_WORDS], const bool *used, size_t count, uint32_t number) {
    size_t best = MOST;
    for (size_t i = 0; i < count; i++) {
        if (used[i] && heads[i][NUMBER] == number && heads[i][KIND] >> 24 == 0 && (best == MOST || heads[i][BIRTH] > heads[best][BIRTH])) {
            best = i;
        }
    }
    return best;
}

static void try_one(void) {
    size_t count = random_below(MOST + 1);
    uint32_t(*heads)[HEAD_WORDS] = malloc(count * sizeof(*heads));
    words_t tags = { calloc(count, sizeof(uint32_t)), count }, births = { calloc(count, sizeof(uint32_t)), count };
    bool used[MOST];
    for (size_t i = count; i-- > 0;) {
        make_head(heads[i]);
        used[i] = random_below(4) != 0;
        if (used[i]) {
            tags.start[i] = unosql_tag(heads[i], i, tags, births);
        }
    }
    unosql_doom(tags, births);
    for (size_t i = 0; i < count; i++) {
        uint32_t wanted = used[i] ? own_tag(heads[i]) : TAG_FREE;
        if (wanted != TAG_FREE && wanted != TAG_OTHER) {
            size_t first = first_of(heads, used, count, heads[i][NUMBER]);
            bool is_first = heads[i][KIND] >> 24 == 0;
            if (is_first ? first != i : first == MOST || heads[first][BIRTH] != heads[i][BIRTH]) {
                wanted = TAG_DOOMED;
            }
        }
        check(tags.start[i] == wanted, "tag");
        *(wanted == TAG_DOOMED ? &counts.doomed : wanted == TAG_OTHER ? &counts.others : &counts.kept) += used[i];
    }
    size_t from = random_below(MOST + 2);
    ptrdiff_t at = unosql_first(tags, from), found = unosql_word(tags, TAG_DOOMED, from);
    for (size_t i = from; i < count; i++) {
        check(tags.start[i] % 64 || tags.start[i] == TAG_FREE || (at >= 0 && (size_t)at <= i), "first");
        check(tags.start[i] != TAG_DOOMED || (found >= 0 && (size_t)found <= i), "word");
    }
    check(at < 0 || ((size_t)at >= from && tags.start[at] % 64 == 0 && tags.start[at] != TAG_FREE), "a first block");
    check(found < 0 || ((size_t)found >= from && tags.start[found] == TAG_DOOMED), "a word");
    free(births.start);
    free(tags.start);
    free(heads);
}

int main(int argc, char **argv) {
    if (!tried_all(argc, argv, try_one)) {
        return 2;
    }
    printf("kept %lu doomed %lu others %lu\n", counts.kept, counts.doomed, counts.others);
    return 0;
}
