// What the fuzzers share: numbers that depend on a seed alone, and what a failure says.
#ifndef UNOSQL_CODEC_INPUTS_H
#define UNOSQL_CODEC_INPUTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state;
static uint64_t seed;

static uint32_t random_below(uint32_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % n);
}

static void check(bool right, const char *what) {
    if (!right) {
        printf("%s: repeat with 1 %llu\n", what, (unsigned long long)seed);
        exit(1);
    }
}

// What main() does with COUNT SEED: try each seed, as if it came first. Returns whether these were the arguments.
static bool tried_all(int argc, char **argv, void (*try_one)(void)) {
    if (argc != 3) {
        return false;
    }
    unsigned long count = strtoul(argv[1], NULL, 10);
    uint64_t first = strtoull(argv[2], NULL, 10);
    for (seed = first; seed < first + count; seed++) {
        state = (seed + 1) * 0x9e3779b97f4a7c15u;
        random_below(2);
        try_one();
    }
    return true;
}

#endif
