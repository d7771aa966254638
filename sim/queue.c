/* sim/queue.c - the event queue: a 4-ary heap of 24-byte keys beside a slab of payloads.
 *
 * Keys move, payloads stay: four children of a key sit in two cache lines. Sources count their own
 * events, so the order is total without a counter that all of them share.
 */
#include "sim/queue.h"

#include "base/mix.h"
#include "sim/mem.h"

enum { CHILDREN = 4 };
#define SOURCES_MAX (UINT32_C(1) << 28)
#define NO_SLOT UINT32_MAX

/* What orders an event, and where its payload is. */
typedef struct key {
    uint64_t at;
    uint32_t tie; /* the same for all events of one source at one time */
    uint32_t source;
    uint32_t seq;  /* of the source */
    uint32_t slot; /* in the slab */
} key;

_Static_assert(sizeof(key) == 24, "the heap is most of the queue's memory traffic");

struct queue {
    uint64_t order_seed;
    key *heap;       /* count used of heap_cap */
    sim_event *slab; /* slab_used ever used of slab_cap */
    uint32_t *seqs;  /* next sequence number a source */
    uint32_t count, heap_cap;
    uint32_t slab_used, slab_cap;
    uint32_t free_slot; /* the slot freed last, NO_SLOT when none; a free slot's target is the next
                           one */
    uint32_t seqs_cap;
};

queue *queue_new(uint64_t order_seed)
{
    queue *q = sim_alloc(sizeof *q);
    q->order_seed = order_seed;
    q->free_slot = NO_SLOT;
    return q;
}

void queue_free(queue *q)
{
    if (q == NULL) return;
    free(q->heap);
    free(q->slab);
    free(q->seqs);
    free(q);
}

static bool is_before(const key *a, const key *b)
{
    if (a->at != b->at) return a->at < b->at;
    if (a->tie != b->tie) return a->tie < b->tie;
    if (a->source != b->source) return a->source < b->source;
    return b->seq - a->seq <=
           INT32_MAX; /* right across a wrap: a source has fewer events than that waiting */
}

static uint32_t slot_take(queue *q, const sim_event *event)
{
    uint32_t slot = q->free_slot;
    if (slot != NO_SLOT) {
        q->free_slot = q->slab[slot].target;
    } else {
        slot = q->slab_used++;
        q->slab = sim_grow(q->slab, &q->slab_cap, slot, sizeof *q->slab);
    }
    q->slab[slot] = *event;
    return slot;
}

static sim_event slot_give(queue *q, uint32_t slot)
{
    PU_ASSERT(slot < q->slab_used);
    sim_event event = q->slab[slot];
    q->slab[slot] = (sim_event){.target = q->free_slot};
    q->free_slot = slot;
    return event;
}

/* Puts k into the hole at index and moves it towards the root. */
static void sift_up(queue *q, uint32_t index, key k)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / CHILDREN;
        if (!is_before(&k, &q->heap[parent])) break;
        q->heap[index] = q->heap[parent];
        index = parent;
    }
    q->heap[index] = k;
}

/* The earliest child of index; index itself when it has none. */
static uint32_t first_child(const queue *q, uint32_t index)
{
    uint64_t from = (uint64_t)index * CHILDREN + 1;
    if (from >= q->count) return index;
    uint32_t first = (uint32_t)from;
    uint32_t end = q->count - first < CHILDREN ? q->count : first + CHILDREN;
    for (uint32_t i = first + 1; i < end; i++) {
        if (is_before(&q->heap[i], &q->heap[first])) first = i;
    }
    return first;
}

/* Puts k into the hole at the root and moves it towards the leaves. */
static void sift_down(queue *q, key k)
{
    uint32_t index = 0;
    for (;;) {
        uint32_t child = first_child(q, index);
        if (child == index || !is_before(&q->heap[child], &k)) break;
        q->heap[index] = q->heap[child];
        index = child;
    }
    q->heap[index] = k;
}

void queue_push(queue *q, pu_time at, uint32_t source, const sim_event *event)
{
    PU_ASSERT(at != PU_NEVER);
    PU_ASSERT(source < SOURCES_MAX);
    q->seqs = sim_grow(q->seqs, &q->seqs_cap, source, sizeof *q->seqs);
    q->heap = sim_grow(q->heap, &q->heap_cap, q->count, sizeof *q->heap);
    key k = {
        .at = at,
        .tie = (uint32_t)mix3(q->order_seed, source, at),
        .source = source,
        .seq = q->seqs[source]++,
        .slot = slot_take(q, event),
    };
    sift_up(q, q->count++, k);
}

bool queue_pop(queue *q, pu_time *at, sim_event *event)
{
    if (q->count == 0) return false;
    key first = q->heap[0];
    q->count--;
    if (q->count > 0) sift_down(q, q->heap[q->count]);
    *at = first.at;
    *event = slot_give(q, first.slot);
    return true;
}

pu_time queue_next(const queue *q)
{
    return q->count == 0 ? PU_NEVER : q->heap[0].at;
}

size_t queue_count(const queue *q)
{
    return q->count;
}
