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

#endif
