/* bench/bench_bare.c - what `bench nodes` is held against: a bare heap and the memory of as many
 * nodes.
 *
 * One event waits for each end of each connection. A turn takes the first, reads and writes the
 * cache lines that a node's step has to see, in the place where such a node would be, and puts the
 * event back for some time within the ping interval. Nothing is computed, nothing is sent, and
 * nothing is asked for ahead.
 */
#include "bench/bare_heap.h"
#include "bench/bench.h"

#include "sim/mem.h"

enum {
    RUNS = 3,
    TURNS_MOST = 1 << 21,
    LINE_WORDS = 8,   /* a cache line */
    NODE_LINES = 128, /* 8 KiB, the budget of a node and all that belongs to it */
    PIECES = 4,       /* the node, its host, the connection in node and transport */
    PIECE_LINES = 4,  /* that are read of each */
    PLACES = NODE_LINES / PIECE_LINES, /* where a piece can be */
};
#define INTERVAL_NS (15 * PU_S)

typedef struct line {
    uint64_t words[LINE_WORDS];
} line;

typedef struct hold {
    uint32_t degree, pending;
    uint64_t turns;
    line *lines;
    bare_entry *heap;
    uint64_t draws, sum;
} hold;

static uint64_t draw(hold *h)
{
    h->draws = h->draws * UINT64_C(0x5851f42d4c957f2d) + 1;
    return (h->draws >> 32) * INTERVAL_NS >> 32;
}

/* The pieces of an end's step: the node's first, the others where its connection has them. */
static void touch(hold *h, uint64_t end)
{
    line *node = h->lines + end / h->degree * NODE_LINES;
    for (uint64_t piece = 0; piece < PIECES; piece++) {
        uint64_t place = piece == 0 ? 0 : (end % h->degree * (PIECES - 1) + piece) % PLACES;
        line *at = node + place * PIECE_LINES;
        for (uint64_t i = 0; i < PIECE_LINES; i++) h->sum += at[i].words[0]++;
    }
}

static uint64_t time_run(hold *h)
{
    h->draws = 1;
    for (uint32_t i = 0; i < h->pending; i++) bare_heap_push(h->heap, i, (bare_entry){draw(h), i});
    uint64_t began = bench_cpu_ns();
    for (uint64_t turn = 0; turn < h->turns; turn++) {
        bare_entry e = bare_heap_pop(h->heap, h->pending);
        touch(h, e.index);
        e.at += draw(h);
        bare_heap_push(h->heap, h->pending - 1, e);
    }
    return bench_cpu_ns() - began;
}

bench_bare bench_bare_run(uint32_t nodes, uint32_t degree, uint64_t turns)
{
    if (nodes == 0 || degree == 0 || turns == 0) return (bench_bare){0};
    hold h = {.degree = degree,
              .pending = nodes * degree,
              .turns = turns < TURNS_MOST ? turns : TURNS_MOST};
    size_t bytes = (size_t)nodes * NODE_LINES * sizeof *h.lines;
    h.lines = sim_huge(bytes);
    memset(h.lines, 0, bytes);
    h.heap = sim_huge(h.pending * sizeof *h.heap);
    uint64_t took[RUNS];
    for (unsigned run = 0; run < RUNS; run++) took[run] = time_run(&h);
    free(h.heap);
    free(h.lines);
    return (bench_bare){bench_rate(h.turns, took, RUNS), h.sum};
}
