/* base/ahead.h - asks the caches for memory that will be read soon.
 *
 * A large simulation is one walk through a gigabyte at random, and most of its time is waiting for
 * memory. What is asked for ahead, many blocks at once, comes while something else is done.
 */
#ifndef BASE_AHEAD_H
#define BASE_AHEAD_H

#include "peerup/base.h"

enum { AHEAD_LINE_BYTES = 64 };

/* A macro, since __builtin_prefetch takes a literal for the cache: 3 is the first one, 2 the
 * second. To gcc a function that only asks for memory does nothing, and a call of it is left out:
 * therefore the empty instruction. */
#define AHEAD_LINES(at, len, cache)                          \
    do {                                                     \
        const uint8_t *bytes = (at);                         \
        for (size_t i = 0; i < (len); i += AHEAD_LINE_BYTES) \
            __builtin_prefetch(bytes + i, 0, (cache));       \
        __builtin_prefetch(bytes + (len)-1, 0, (cache));     \
        __asm__ volatile("" : : "r"(bytes));                 \
    } while (0)

/* Asks for len bytes at `at`, which is at least 1. Nothing is read: the address need not be valid.
 */
static inline void ahead(const void *at, size_t len)
{
    AHEAD_LINES(at, len, 3);
}

/* The same of one of many blocks that are asked for in one go: into the second cache. The first one
 * waits for some twenty lines at once, and what is asked for beyond that is forgotten. */
static inline void ahead_many(const void *at, size_t len)
{
    AHEAD_LINES(at, len, 2);
}

#endif
