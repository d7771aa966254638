/* sim/queue.c - the event queue: a small heap of what is near in front of wheels of what is far.
 *
 * Only the events of the current tick, a quarter of a millisecond, need an order, so only they sit
 * in the heap, which fits the first cache however many events wait. The others lie unsorted in
 * buckets: a wheel holds the events whose ticks differ from the current one in that wheel's digit
 * and in no higher one. When the heap is empty, the first bucket of the lowest wheel in use is
 * dealt out again, to lower wheels and, for the tick that is current then, to the heap. An event is
 * moved once a wheel at most, in the order of memory; a heap of a million events would miss the
 * caches on every level.
 *
 * The order of events is the heap's alone: buckets only say which tick comes first. One counter
 * numbers all events, but it is asked only between two of one source, where it says what a counter
 * of that source would: such a counter would be one more place in memory to wait for.
 */
#include "sim/queue.h"

#include "base/mix.h"
#include "sim/mem.h"

enum {
    CHILDREN = 4,
    TICK_BITS = 18, /* a tick is 2^18 ns */
    DIGIT_BITS = 8,
    BUCKETS = 1 << DIGIT_BITS,
    WHEELS = (64 - TICK_BITS + DIGIT_BITS - 1) / DIGIT_BITS,
    CHUNK_ENTRIES = 31, /* events that a bucket allocates at once */
    BLOCK_FIRST = 32,   /* chunks that the queue allocates at once, twice as many each time up to */
    BLOCK_MOST = 2048,
    FEW_CHUNKS = 2,      /* so many go into the heap at once */
    ANNOUNCED_LEAST = 6, /* fewer events have nothing to be fetched beside */
    KIND_BITS = 8
};
#define SOURCES_MAX (UINT32_C(1) << 28)

/* An event with what orders it. */
typedef struct entry {
    uint64_t at;
    uint64_t arg;
    uint32_t source;
    uint32_t target;
    uint64_t seq_kind; /* how many were pushed before it, and its kind: see KIND_BITS */
} entry;

_Static_assert(sizeof(entry) == 32, "most of a large simulation's events wait for seconds");

/* Part of a bucket. */
typedef struct chunk {
    struct chunk *next; /* the part filled before it */
    uint32_t count;
    uint8_t pad[sizeof(entry) - sizeof(void *) - sizeof(uint32_t)];
    entry entries[CHUNK_ENTRIES];
} chunk;

_Static_assert(sizeof(chunk) == 1024, "whole cache lines");

typedef struct wheel {
    chunk *buckets[BUCKETS];
    uint64_t used[BUCKETS / 64]; /* bit i: bucket i is not empty */
} wheel;

struct queue {
    uint64_t order_seed;
    uint64_t tick; /* the current one: events up to it are in the heap, all others in wheels */
    size_t count;
    entry *heap; /* heap_count used of heap_cap */
    uint32_t heap_count, heap_cap;
    uint64_t pushed;    /* events so far */
    chunk *free_chunks; /* kept for the next bucket */
    chunk *blocks;      /* owned; the first chunk of each block links them */
    uint32_t block_chunks;
    wheel wheels[WHEELS];
    queue_soon soon; /* NULL: nobody wants to know */
    unsigned rounds; /* of it */
    void *soon_ctx;
    uint32_t *notes; /* of `soon`, one an entry of the heap */
    uint32_t notes_cap;
};

queue *queue_new(uint64_t order_seed)
{
    queue *q = sim_alloc(sizeof *q);
    q->order_seed = order_seed;
    return q;
}

void queue_free(queue *q)
{
    if (q == NULL) return;
    while (q->blocks != NULL) {
        chunk *next = q->blocks->next;
        free(q->blocks);
        q->blocks = next;
    }
    free(q->heap);
    free(q->notes);
    free(q);
}

/* ---- the heap ---- */

/* The same for all events of one source at one time. Computed when it is needed: hardly ever do two
 * sources meet in one nanosecond. */
static uint32_t tie_of(const queue *q, const entry *e)
{
    return (uint32_t)mix3(q->order_seed, e->source, e->at);
}

static bool is_before(const queue *q, const entry *a, const entry *b)
{
    if (a->at != b->at) return a->at < b->at;
    if (a->source == b->source) return a->seq_kind < b->seq_kind;
    uint32_t tie_a = tie_of(q, a), tie_b = tie_of(q, b);
    return tie_a != tie_b ? tie_a < tie_b : a->source < b->source;
}

static void heap_push(queue *q, const entry *e)
{
    q->heap = sim_grow(q->heap, &q->heap_cap, q->heap_count, sizeof *q->heap);
    uint32_t index = q->heap_count++;
    while (index > 0) {
        uint32_t parent = (index - 1) / CHILDREN;
        if (!is_before(q, e, &q->heap[parent])) break;
        q->heap[index] = q->heap[parent];
        index = parent;
    }
    q->heap[index] = *e;
}

/* The earliest child of index; index itself when it has none. */
static uint32_t first_child(const queue *q, uint32_t index)
{
    uint64_t from = (uint64_t)index * CHILDREN + 1;
    if (from >= q->heap_count) return index;
    uint32_t first = (uint32_t)from;
    uint32_t end = q->heap_count - first < CHILDREN ? q->heap_count : first + CHILDREN;
    for (uint32_t i = first + 1; i < end; i++) {
        if (is_before(q, &q->heap[i], &q->heap[first])) first = i;
    }
    return first;
}

static entry heap_pop(queue *q)
{
    PU_ASSERT(q->heap_count > 0);
    entry first = q->heap[0];
    const entry *last = &q->heap[--q->heap_count];
    uint32_t index = 0;
    for (;;) {
        uint32_t child = first_child(q, index);
        if (child == index || !is_before(q, &q->heap[child], last)) break;
        q->heap[index] = q->heap[child];
        index = child;
    }
    q->heap[index] = *last;
    return first;
}

/* ---- the wheels ---- */

static void block_add(queue *q)
{
    uint32_t count = q->block_chunks == 0 ? BLOCK_FIRST : q->block_chunks;
    q->block_chunks = count < BLOCK_MOST ? 2 * count : BLOCK_MOST;
    chunk *block = count < BLOCK_MOST ? sim_resize(NULL, count * sizeof *block)
                                      : sim_huge(count * sizeof *block);
    block->next = q->blocks;
    q->blocks = block;
    for (uint32_t i = count; i-- > 1;) {
        block[i].next = q->free_chunks;
        q->free_chunks = &block[i];
    }
}

static chunk *chunk_take(queue *q)
{
    if (q->free_chunks == NULL) block_add(q);
    chunk *c = q->free_chunks;
    q->free_chunks = c->next;
    c->count = 0;
    return c;
}

static void bucket_put(queue *q, wheel *w, uint32_t bucket, const entry *e)
{
    chunk *c = w->buckets[bucket];
    if (c == NULL || c->count == CHUNK_ENTRIES) {
        chunk *fresh = chunk_take(q);
        fresh->next = c;
        w->buckets[bucket] = c = fresh;
        w->used[bucket / 64] |= UINT64_C(1) << bucket % 64;
    }
    c->entries[c->count++] = *e;
}

/* Puts e where it belongs as long as q->tick is the current tick. */
static void put(queue *q, const entry *e)
{
    uint64_t tick = e->at >> TICK_BITS;
    if (tick <= q->tick) {
        heap_push(q, e);
        return;
    }
    uint32_t digit = (63 - (uint32_t)__builtin_clzll(tick ^ q->tick)) / DIGIT_BITS;
    bucket_put(q, &q->wheels[digit], (uint32_t)(tick >> digit * DIGIT_BITS) % BUCKETS, e);
}

/* The first bucket in use; BUCKETS: there is none. */
static uint32_t bucket_first(const wheel *w)
{
    for (uint32_t i = 0; i < BUCKETS / 64; i++)
        if (w->used[i] != 0) return i * 64 + (uint32_t)__builtin_ctzll(w->used[i]);
    return BUCKETS;
}

/* Whether so few events wait in that bucket that they need no further parting. */
static bool is_few(const chunk *c)
{
    unsigned chunks = 0;
    for (; c != NULL && chunks <= FEW_CHUNKS; c = c->next) chunks++;
    return chunks <= FEW_CHUNKS;
}

/* Makes the first tick of that bucket the current one, or the last where there are few events, and
 * deals its events out again. */
static void bucket_deal(queue *q, uint32_t digit, uint32_t bucket)
{
    wheel *w = &q->wheels[digit];
    chunk *c = w->buckets[bucket];
    w->buckets[bucket] = NULL;
    w->used[bucket / 64] &= ~(UINT64_C(1) << bucket % 64);
    uint32_t shift = digit * DIGIT_BITS;
    uint64_t above = q->tick >> shift >> DIGIT_BITS; /* in two steps: 64 at once is too far */
    q->tick = (above << DIGIT_BITS | bucket) << shift;
    if (is_few(c)) q->tick |= (UINT64_C(1) << shift) - 1;
    while (c != NULL) {
        for (uint32_t i = 0; i < c->count; i++) put(q, &c->entries[i]);
        chunk *next = c->next;
        c->next = q->free_chunks;
        q->free_chunks = c;
        c = next;
    }
}

static sim_event event_of(const entry *e)
{
    return (sim_event){(enum sim_event_kind)(e->seq_kind % (1 << KIND_BITS)), e->target, e->arg};
}

static void announce(queue *q)
{
    if (q->heap_count > q->notes_cap)
        q->notes = sim_grow(q->notes, &q->notes_cap, q->heap_count, sizeof *q->notes);
    for (unsigned round = 0; round < q->rounds; round++)
        for (uint32_t i = 0; i < q->heap_count; i++) {
            sim_event e = event_of(&q->heap[i]);
            q->soon(q->soon_ctx, round, q->heap[i].at, &e, &q->notes[i]);
        }
}

/* Brings the earliest event into the heap, when there is any. */
static void advance(queue *q)
{
    while (q->heap_count == 0 && q->count > 0) {
        uint32_t digit = 0, bucket;
        while ((bucket = bucket_first(&q->wheels[digit])) == BUCKETS) digit++;
        bucket_deal(q, digit, bucket);
        if (q->soon != NULL && q->heap_count >= ANNOUNCED_LEAST) announce(q);
    }
}

/* ---- the queue ---- */

void queue_push(queue *q, pu_time at, uint32_t source, const sim_event *event)
{
    PU_ASSERT(at != PU_NEVER);
    PU_ASSERT(source < SOURCES_MAX);
    entry e = {
        .at = at,
        .arg = event->arg,
        .source = source,
        .target = event->target,
        .seq_kind = q->pushed++ << KIND_BITS | event->kind,
    };
    put(q, &e);
    q->count++;
}

bool queue_pop(queue *q, pu_time *at, sim_event *event)
{
    advance(q);
    if (q->count == 0) return false;
    entry first = heap_pop(q);
    q->count--;
    *at = first.at;
    *event = event_of(&first);
    return true;
}

pu_time queue_next(queue *q)
{
    advance(q);
    return q->count == 0 ? PU_NEVER : q->heap[0].at;
}

void queue_only_heap(queue *q)
{
    PU_ASSERT(q->count == 0);
    q->tick = UINT64_MAX; /* the last one: no event is later */
}

void queue_on_soon(queue *q, queue_soon soon, unsigned rounds, void *ctx)
{
    q->rounds = rounds;
    q->soon = soon;
    q->soon_ctx = ctx;
}

size_t queue_count(const queue *q)
{
    return q->count;
}
