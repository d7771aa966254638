/* bench/ladder.h - a bare ladder queue: what the simulator's queue is measured against.
 *
 * Sixteen bytes an event, ordered by time alone, and nothing else: no sources, no kinds, no total
 * order. Events wait unsorted in a top; when all before it is used up, it is dealt into a rung of
 * buckets, a full bucket into a finer rung, and a small one is sorted into the bottom, which events
 * are taken from (Tang, Goh, Thng: Ladder queue, ACM TOMACS 15/3, 2005).
 */
#ifndef BENCH_LADDER_H
#define BENCH_LADDER_H

#include <stdint.h>

typedef struct ladder ladder;

/* What waits. */
typedef struct ladder_event {
    uint64_t at;
    uint64_t index; /* the caller's */
} ladder_event;

/* Told of each event that is moved to the bottom, a few dozen events before its turn. */
typedef void (*ladder_soon)(void *ctx, uint64_t index);

/* Makes an empty one. Aborts without memory. */
ladder *ladder_new(ladder_soon soon, void *ctx);
void ladder_free(ladder *l);

/* Puts e in, which is not before the last one taken. */
void ladder_push(ladder *l, ladder_event e);

/* Takes the first one; there must be one. */
ladder_event ladder_pop(ladder *l);

#endif
