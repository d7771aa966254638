/* bench/graph.h - random graphs in which every node has exactly the degree asked for. */
#ifndef BENCH_GRAPH_H
#define BENCH_GRAPH_H

#include "base/rng.h"

/* An edge: a dials b. */
typedef struct graph_edge {
    uint32_t a, b;
} graph_edge;

/* Draws a simple graph (no loops, no edge twice) of nodes * degree / 2 edges, sorted by a, then b.
 * nodes * degree is even and nodes is above degree. free() it. */
graph_edge *graph_new(rng *r, uint32_t nodes, uint32_t degree);

#endif
