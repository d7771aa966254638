/* A bare ladder queue, see ladder.h. */
#include "bench/ladder.h"

#include "sim/mem.h"

enum {
    CHUNK_EVENTS = 15,
    BUCKETS_MAX = 4096,
    A_BUCKET = 8,     /* events that a rung is laid out for in each of its buckets */
    BOTTOM_MOST = 48, /* a bucket with more becomes a rung */
    RUNGS_MAX = 12,
    BLOCK_CHUNKS = 8192
};

typedef struct chunk {
    struct chunk *next;
    uint32_t count;
    uint8_t pad[4];
    ladder_event events[CHUNK_EVENTS];
} chunk;

_Static_assert(sizeof(chunk) == 256, "whole cache lines");

typedef struct bucket {
    chunk *first;
    uint64_t count;
} bucket;

typedef struct rung {
    uint64_t start; /* of bucket 0 */
    unsigned shift; /* a bucket is 2^shift ns */
    uint32_t count; /* buckets */
    uint32_t taken; /* buckets that events have gone from: nothing is put there any more */
    bucket buckets[BUCKETS_MAX];
} rung;

struct ladder {
    bucket top;
    uint64_t top_start, top_least, top_most; /* what is later than the rungs; of what is in it */
    uint32_t rung_count;
    rung *rungs[RUNGS_MAX]; /* owned, the finest last */
    ladder_event *bottom;   /* owned; the earliest last */
    uint32_t bottom_count, bottom_cap;
    chunk *free_chunks, *blocks;
    ladder_soon soon;
    void *ctx;
};

ladder *ladder_new(ladder_soon soon, void *ctx)
{
    ladder *l = sim_alloc(sizeof *l);
    l->top_least = UINT64_MAX;
    l->soon = soon;
    l->ctx = ctx;
    return l;
}

void ladder_free(ladder *l)
{
    while (l->blocks != NULL) {
        chunk *next = l->blocks->next;
        free(l->blocks);
        l->blocks = next;
    }
    for (unsigned i = 0; i < RUNGS_MAX; i++) free(l->rungs[i]);
    free(l->bottom);
    free(l);
}

static void block_add(ladder *l)
{
    chunk *block = sim_huge(BLOCK_CHUNKS * sizeof *block);
    block->next = l->blocks;
    l->blocks = block;
    for (uint32_t i = BLOCK_CHUNKS; i-- > 1;) {
        block[i].next = l->free_chunks;
        l->free_chunks = &block[i];
    }
}

static void bucket_put(ladder *l, bucket *b, const ladder_event *e)
{
    chunk *c = b->first;
    if (c == NULL || c->count == CHUNK_EVENTS) {
        if (l->free_chunks == NULL) block_add(l);
        c = l->free_chunks;
        l->free_chunks = c->next;
        c->count = 0;
        c->next = b->first;
        b->first = c;
    }
    c->events[c->count++] = *e;
    b->count++;
}

/* Keeps the bottom sorted; there are few, and most belong near the end. */
static void bottom_put(ladder *l, const ladder_event *e)
{
    l->bottom = sim_grow(l->bottom, &l->bottom_cap, l->bottom_count, sizeof *l->bottom);
    uint32_t at = l->bottom_count++;
    for (; at > 0 && l->bottom[at - 1].at < e->at; at--) l->bottom[at] = l->bottom[at - 1];
    l->bottom[at] = *e;
}

void ladder_push(ladder *l, ladder_event e)
{
    if (e.at >= l->top_start) {
        if (e.at < l->top_least) l->top_least = e.at;
        if (e.at > l->top_most) l->top_most = e.at;
        bucket_put(l, &l->top, &e);
        return;
    }
    for (uint32_t i = 0; i < l->rung_count; i++) {
        rung *r = l->rungs[i];
        uint64_t index = (e.at - r->start) >> r->shift;
        if (e.at >= r->start && index >= r->taken) {
            bucket_put(l, &r->buckets[index], &e);
            return;
        }
    }
    bottom_put(l, &e);
}

/* A finer rung for `count` events in [start, start + width). */
static void rung_add(ladder *l, uint64_t start, uint64_t width, uint64_t count)
{
    PU_ASSERT(l->rung_count < RUNGS_MAX);
    rung **at = &l->rungs[l->rung_count++];
    if (*at == NULL) *at = sim_alloc(sizeof **at);
    rung *r = *at;
    uint64_t most = count / A_BUCKET < BUCKETS_MAX ? count / A_BUCKET : BUCKETS_MAX;
    r->start = start;
    r->taken = 0;
    for (r->shift = 0; (width - 1) >> r->shift >= most; r->shift++) {}
    r->count = (uint32_t)((width - 1) >> r->shift) + 1;
}

/* Deals what is in b to the finest rung, or, is_last, to the bottom. */
static void deal(ladder *l, bucket b, bool is_last)
{
    for (chunk *c = b.first; c != NULL;) {
        for (uint32_t i = 0; i < c->count; i++) {
            const ladder_event *e = &c->events[i];
            if (is_last) {
                bottom_put(l, e);
                l->soon(l->ctx, e->index);
            } else {
                rung *r = l->rungs[l->rung_count - 1];
                bucket_put(l, &r->buckets[(e->at - r->start) >> r->shift], e);
            }
        }
        chunk *next = c->next;
        c->next = l->free_chunks;
        l->free_chunks = c;
        c = next;
    }
}

static void top_deal(ladder *l)
{
    bucket top = l->top;
    PU_ASSERT(top.count > 0);
    uint64_t least = l->top_least, width = l->top_most - l->top_least + 1;
    l->top = (bucket){0};
    l->top_least = UINT64_MAX;
    l->top_most = 0;
    l->top_start = least + width;
    if (top.count > BOTTOM_MOST) rung_add(l, least, width, top.count);
    deal(l, top, top.count <= BOTTOM_MOST);
}

/* Brings the next events to the bottom. */
static void bottom_fill(ladder *l)
{
    while (l->bottom_count == 0) {
        if (l->rung_count == 0) {
            top_deal(l);
            continue;
        }
        rung *r = l->rungs[l->rung_count - 1];
        while (r->taken < r->count && r->buckets[r->taken].count == 0) r->taken++;
        if (r->taken == r->count) {
            l->rung_count--;
            continue;
        }
        uint64_t start = r->start + ((uint64_t)r->taken << r->shift);
        bucket b = r->buckets[r->taken];
        r->buckets[r->taken++] = (bucket){0};
        bool is_last = b.count <= BOTTOM_MOST || r->shift == 0;
        if (!is_last) rung_add(l, start, UINT64_C(1) << r->shift, b.count);
        deal(l, b, is_last);
    }
}

ladder_event ladder_pop(ladder *l)
{
    bottom_fill(l);
    return l->bottom[--l->bottom_count];
}
