/* bench/bench_queue.c - the event queue against a bare ladder and a bare heap: the hold model.
 *
 * What waits stays as much; each turn takes the first event, reads and writes its 64 bytes, and
 * schedules it again an exponentially distributed while later. The bare ones order 16-byte entries
 * by time alone: they are what the total order, the sequence numbers and the events of the queue
 * are paid against. All walk the same payloads and draw the same increments. Who knows which events
 * are near says so, and their payloads are asked for.
 */
#include "bench/bare_heap.h"
#include "bench/bench.h"
#include "bench/ladder.h"

#include "base/ahead.h"
#include "sim/mem.h"
#include "sim/queue.h"

enum {
    PAYLOAD_WORDS = 8,
    TABLE_BITS = 12,
    RUNS = 5,
    TURNS_LEAST = 1 << 20,
    EVENTS_A_SOURCE = 10,
    AHEAD = 8 /* turns */
};

/* Mean of the increments, ns: events of a minute in a large simulation. */
#define MEAN_NS (10 * PU_S)

typedef struct payload {
    uint64_t words[PAYLOAD_WORDS];
} payload;

typedef struct hold {
    uint32_t pending;
    uint64_t turns;
    uint64_t table[1 << TABLE_BITS]; /* increments, one a quantile */
    uint64_t draws;                  /* state of the generator */
    payload *payloads;
    uint64_t sum; /* of what was read, so that it is read */
} hold;

/* ---- increments ---- */

/* log2(x / 2^32) in 1/2^32, for x of at least 2^32: digit by digit, by squaring. */
static uint64_t log2_fixed(uint64_t x)
{
    uint64_t whole = 0, digits = 0;
    for (; x >> 33 != 0; x >>= 1) whole++;
    for (int digit = 0; digit < 32; digit++) {
        uint64_t half = x >> 1; /* below 2^32: the square fits */
        x = (half * half) >> 30;
        digits <<= 1;
        if (x >> 33 != 0) {
            x >>= 1;
            digits |= 1;
        }
    }
    return whole << 32 | digits;
}

/* -ln of the middle of each of the table's steps, times the mean. */
static void table_fill(hold *h)
{
    enum { STEPS = 1 << TABLE_BITS, LN2 = 45426 }; /* ln 2 in 1/2^16 */
    for (uint64_t i = 0; i < STEPS; i++) {
        uint64_t inverse = ((uint64_t)(2 * STEPS) << 32) / (2 * i + 1);
        uint64_t nats = log2_fixed(inverse) * LN2 >> 32; /* in 1/2^16 */
        h->table[i] = nats * MEAN_NS >> 16;
    }
}

/* The next increment. */
static uint64_t draw(hold *h)
{
    h->draws = h->draws * UINT64_C(0x5851f42d4c957f2d) + 1;
    return h->table[h->draws >> (64 - TABLE_BITS)] + (h->draws >> 40) % 1000;
}

static void touch(hold *h, uint64_t index)
{
    payload *p = &h->payloads[index];
    for (unsigned i = 0; i < PAYLOAD_WORDS; i++) h->sum += p->words[i]++;
}

/* ---- the queue ---- */

static void soon(void *ctx, const sim_event *event)
{
    const hold *h = ctx;
    if (event != NULL) ahead(&h->payloads[event->target], sizeof *h->payloads);
}

static uint64_t time_queue(hold *h, bool is_only_heap)
{
    uint32_t sources = h->pending / EVENTS_A_SOURCE + 1;
    queue *q = queue_new(1);
    if (is_only_heap) queue_only_heap(q);
    else queue_on_soon(q, soon, AHEAD, h);
    h->draws = 1;
    for (uint32_t i = 0; i < h->pending; i++)
        queue_push(q, draw(h), i % sources, &(sim_event){SIM_EV_NODE, i, 0});
    uint64_t began = bench_cpu_ns();
    for (uint64_t turn = 0; turn < h->turns; turn++) {
        pu_time at;
        sim_event e;
        bool is_there = queue_pop(q, &at, &e);
        PU_ASSERT(is_there);
        touch(h, e.target);
        queue_push(q, at + draw(h), e.target % sources, &e);
    }
    uint64_t took = bench_cpu_ns() - began;
    queue_free(q);
    return took;
}

/* ---- the bare ladder ---- */

static void ladder_is_soon(void *ctx, uint64_t index)
{
    const hold *h = ctx;
    ahead(&h->payloads[index], sizeof *h->payloads);
}

static uint64_t time_ladder(hold *h)
{
    ladder *l = ladder_new(ladder_is_soon, h);
    h->draws = 1;
    for (uint32_t i = 0; i < h->pending; i++) ladder_push(l, (ladder_event){draw(h), i});
    uint64_t began = bench_cpu_ns();
    for (uint64_t turn = 0; turn < h->turns; turn++) {
        ladder_event e = ladder_pop(l);
        touch(h, e.index);
        e.at += draw(h);
        ladder_push(l, e);
    }
    uint64_t took = bench_cpu_ns() - began;
    ladder_free(l);
    return took;
}

/* ---- the bare heap ---- */

static uint64_t time_bare(hold *h)
{
    bare_entry *heap = sim_huge(h->pending * sizeof *heap);
    h->draws = 1;
    for (uint32_t i = 0; i < h->pending; i++) bare_heap_push(heap, i, (bare_entry){draw(h), i});
    uint64_t began = bench_cpu_ns();
    for (uint64_t turn = 0; turn < h->turns; turn++) {
        bare_entry e = bare_heap_pop(heap, h->pending);
        touch(h, e.index);
        e.at += draw(h);
        bare_heap_push(heap, h->pending - 1, e);
    }
    uint64_t took = bench_cpu_ns() - began;
    free(heap);
    return took;
}

/* ---- all ---- */

void bench_queue_run(bench_queue *b, uint32_t pending)
{
    PU_ASSERT(pending > 0);
    hold *h = sim_alloc(sizeof *h);
    h->pending = pending;
    h->turns = pending > TURNS_LEAST ? pending : TURNS_LEAST;
    h->payloads = sim_huge(pending * sizeof *h->payloads);
    memset(h->payloads, 0, pending * sizeof *h->payloads);
    table_fill(h);
    uint64_t ours[RUNS], heaps[RUNS], ladders[RUNS], bares[RUNS];
    for (unsigned run = 0; run < RUNS; run++) {
        ours[run] = time_queue(h, false);
        ladders[run] = time_ladder(h);
        heaps[run] = time_queue(h, true);
        bares[run] = time_bare(h);
    }
    *b = (bench_queue){
        .pending = pending,
        .events = h->turns,
        .events_per_s = bench_rate(h->turns, ours, RUNS),
        .only_heap_per_s = bench_rate(h->turns, heaps, RUNS),
        .ladder_per_s = bench_rate(h->turns, ladders, RUNS),
        .bare_heap_per_s = bench_rate(h->turns, bares, RUNS),
        .runs = RUNS,
        .sum = h->sum,
    };
    free(h->payloads);
    free(h);
}
