/* sim/wheels.h - events that are far: unsorted, in buckets by their tick.
 *
 * Private to sim/queue.c. A tick is 2^18 ns, a quarter of a millisecond. A wheel holds the events
 * whose ticks differ from the current one in that wheel's digit and in no higher one, one bucket a
 * value of the digit. When nothing nearer waits, the first bucket of the lowest wheel in use is
 * dealt out: to lower wheels, and to the caller what belongs to the tick that is current then. An
 * event is moved once a wheel at most, in the order of memory.
 *
 * Buckets keep the order in which events were put in, and so does dealing: what was put in first
 * comes out first among events of one time. No event needs a number for that.
 */
#ifndef SIM_WHEELS_H
#define SIM_WHEELS_H

#include "peerup/base.h"

enum {
    WHEELS_TICK_BITS = 18,
    WHEELS_LOW_BITS = 8,     /* of a tick: the digit of the first wheel */
    WHEELS_SECOND_BITS = 10, /* of the second: with it, a minute without a third wheel */
    WHEELS_HIGH_BITS = 8,    /* of each further one */
    WHEELS_HIGH_COUNT = 4,
    WHEELS_BUCKETS = (1 << WHEELS_LOW_BITS) + (1 << WHEELS_SECOND_BITS) +
                     WHEELS_HIGH_COUNT * (1 << WHEELS_HIGH_BITS),
    WHEELS_CHUNK = 42, /* events that a bucket allocates at once */
    WHEELS_KIND_BITS = 4
};

_Static_assert(WHEELS_TICK_BITS + WHEELS_LOW_BITS + WHEELS_SECOND_BITS +
                       WHEELS_HIGH_COUNT * WHEELS_HIGH_BITS >=
                   64,
               "any time has a bucket");

/* An event with what orders it. */
typedef struct entry {
    uint64_t at;
    uint64_t arg;
    uint32_t source_kind; /* the source, above WHEELS_KIND_BITS of the kind */
    uint32_t target;
} entry;

_Static_assert(sizeof(entry) == 24, "most of a large simulation's events wait for seconds");

/* Part of a bucket. */
typedef struct chunk {
    struct chunk *next; /* the part filled after it; of the last one: the first */
    uint64_t count;
    entry entries[WHEELS_CHUNK];
} chunk;

_Static_assert(sizeof(chunk) == 1024, "whole cache lines");

/* Zero is a valid one with nothing in it. */
typedef struct wheels {
    uint64_t tick;                      /* the current one: only later events are here */
    uint64_t used[WHEELS_BUCKETS / 64]; /* bit i: bucket i is not empty */
    uint64_t used_words;                /* bit i: used[i] is not 0 */
    chunk *last[WHEELS_BUCKETS];        /* of each bucket, the lowest wheel's first; NULL: empty */
    chunk *free_chunks;                 /* kept for the next bucket */
    chunk *blocks;                      /* owned; the first chunk of each block links them */
    uint32_t block_chunks;
    uint32_t dealt_count, dealt_cap;
    entry *dealt; /* owned: what the last bucket held of the current tick */
} wheels;

_Static_assert(WHEELS_BUCKETS % 64 == 0 && WHEELS_BUCKETS / 64 <= 64, "two levels of bits");

void wheels_close(wheels *w);

/* Makes room in bucket for one more: its last chunk, which is not full. */
chunk *wheels_room(wheels *w, uint32_t bucket);

/* Puts an entry in whose tick is later than the current one. It comes in its fields: one that was
 * just made of them would be read back at once, for which a processor waits. */
static inline void wheels_put(wheels *w, uint64_t at, uint64_t arg, uint32_t source_kind,
                              uint32_t target)
{
    uint64_t tick = at >> WHEELS_TICK_BITS;
    uint32_t top =
        63 - (uint32_t)__builtin_clzll(tick ^ w->tick); /* the highest bit that differs */
    uint32_t bucket;
    if (top < WHEELS_LOW_BITS) {
        bucket = tick & ((1u << WHEELS_LOW_BITS) - 1);
    } else if (top < WHEELS_LOW_BITS + WHEELS_SECOND_BITS) {
        bucket =
            (1u << WHEELS_LOW_BITS) + (tick >> WHEELS_LOW_BITS & ((1u << WHEELS_SECOND_BITS) - 1));
    } else {
        uint32_t above = top - WHEELS_LOW_BITS - WHEELS_SECOND_BITS;
        uint32_t shift = top - above % WHEELS_HIGH_BITS;
        bucket = (1u << WHEELS_LOW_BITS) + (1u << WHEELS_SECOND_BITS) +
                 (above / WHEELS_HIGH_BITS << WHEELS_HIGH_BITS) +
                 (tick >> shift & ((1u << WHEELS_HIGH_BITS) - 1));
    }
    chunk *c = w->last[bucket];
    if (c == NULL || c->count == WHEELS_CHUNK) c = wheels_room(w, bucket);
    c->entries[c->count++] = (entry){at, arg, source_kind, target};
}

/* Deals the first bucket out, of which there must be one: the current tick moves on, and what is
 * not later than it is in dealt, in the order in which it was put in. It may be nothing. */
void wheels_deal(wheels *w);

#endif
