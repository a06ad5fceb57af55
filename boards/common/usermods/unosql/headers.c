#include "headers.h"

#define INDEX_MASK ((1u << INDEX_BITS) - 1)
#define MAX_NUMBER ((TAG_LEAST_SPECIAL >> INDEX_BITS) - 1)

IN_FLASH ptrdiff_t unosql_word(words_t words, uint32_t wanted, size_t i) {
    for (; i < words.count; i++) {
        if (words.start[i] == wanted) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

IN_FLASH ptrdiff_t unosql_first(words_t tags, size_t i) {
    for (; i < tags.count; i++) {
        if (tags.start[i] != TAG_FREE && (tags.start[i] & INDEX_MASK) == 0) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

IN_FLASH uint32_t unosql_tag(const uint32_t *head, size_t block, words_t tags, words_t births) {
    uint32_t index = head[KIND] >> 24, number = head[NUMBER];
    births.start[block] = head[BIRTH];
    if (index > INDEX_MASK || number == 0 || number > MAX_NUMBER) {
        return TAG_OTHER;
    }
    uint32_t tag = number << INDEX_BITS | index;
    ptrdiff_t other = index ? -1 : unosql_word(tags, tag, block + 1);
    if (other >= 0) { // torn erasing has revived a first block from an earlier use of the number
        if (births.start[other] > head[BIRTH]) {
            return TAG_DOOMED;
        }
        tags.start[other] = TAG_DOOMED;
    }
    return tag;
}

IN_FLASH void unosql_doom(words_t tags, words_t births) {
    for (size_t block = 0; block < tags.count; block++) {
        uint32_t tag = tags.start[block], first = tag & ~INDEX_MASK;
        if (tag != first && tag < TAG_LEAST_SPECIAL) {
            ptrdiff_t at = unosql_word(tags, first, 0);
            if (at < 0 || births.start[at] != births.start[block]) {
                tags.start[block] = TAG_DOOMED;
            }
        }
    }
}
