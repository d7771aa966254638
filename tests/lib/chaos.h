/* tests/lib/chaos.h - a node that is given pseudo-random inputs: a host that mostly answers what
 * the node asks, peers that speak its protocols badly, and inputs that nobody would send. */
#ifndef TESTS_LIB_CHAOS_H
#define TESTS_LIB_CHAOS_H

#include <stddef.h>

/* What became of the inputs, and what the node still held after its end. */
typedef struct chaos_result {
    unsigned taken, refused;      /* inputs */
    unsigned effects;             /* in all */
    unsigned confirmed, selected; /* connections; streams on which a protocol was agreed */
    unsigned circuits, punches;   /* UPGRADE effects, as client or server; PACKET effects */
    unsigned apps;                /* APP effects */
    unsigned peers_left;          /* references */
    size_t bytes_left;
} chaos_result;

/* Gives a node so many inputs drawn from seed; the process ends when a step returns what the header
 * does not name, an effect breaks its bounds, or the node asserts. */
chaos_result chaos_run(unsigned seed, unsigned inputs);

#endif
