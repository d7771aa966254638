/* base/ahead.h - asks the caches for memory that will be read soon.
 *
 * A large simulation is one walk through a gigabyte at random, and most of its time is waiting for
 * memory. What is asked for ahead, many blocks at once, comes while something else is done.
 */
#ifndef BASE_AHEAD_H
#define BASE_AHEAD_H

#include "peerup/base.h"

enum { AHEAD_LINE_BYTES = 64 };

/* Caches, as __builtin_prefetch counts them. */
enum { AHEAD_SECOND = 2, AHEAD_FIRST = 3 };

static inline __attribute__((always_inline)) void ahead_to(const void *at, size_t len,
                                                           const int cache)
{
    const uint8_t *bytes = at;
    for (size_t i = 0; i < len; i += AHEAD_LINE_BYTES) __builtin_prefetch(bytes + i, 0, cache);
    __builtin_prefetch(bytes + len - 1, 0, cache);
    /* To gcc a function that only asks for memory does nothing, and a call of it is left out. */
    __asm__ volatile("" : : "r"(at));
}

/* Asks for len bytes at `at`, which is at least 1. Nothing is read: the address need not be valid.
 */
static inline void ahead(const void *at, size_t len)
{
    ahead_to(at, len, AHEAD_FIRST);
}

/* The same of one of many blocks that are asked for in one go: into the second cache. The first one
 * waits for some twenty lines at once, and what is asked for beyond that is forgotten. */
static inline void ahead_many(const void *at, size_t len)
{
    ahead_to(at, len, AHEAD_SECOND);
}

#endif
