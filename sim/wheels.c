/* Events that are far, see wheels.h. */
#include "sim/wheels.h"

#include "base/ahead.h"
#include "sim/mem.h"

enum {
    BLOCK_FIRST = 8, /* chunks allocated at once, twice as many each time up to */
    BLOCK_MOST = 2048,
    FEW_CHUNKS = 2 /* so many are dealt as one tick */
};

void wheels_close(wheels *w)
{
    while (w->blocks != NULL) {
        chunk *next = w->blocks->next;
        free(w->blocks);
        w->blocks = next;
    }
    free(w->dealt);
    *w = (wheels){0};
}

static void block_add(wheels *w)
{
    uint32_t count = w->block_chunks == 0 ? BLOCK_FIRST : w->block_chunks;
    w->block_chunks = count < BLOCK_MOST ? 2 * count : BLOCK_MOST;
    chunk *block = count < BLOCK_MOST ? sim_resize(NULL, count * sizeof *block)
                                      : sim_huge(count * sizeof *block);
    block->next = w->blocks;
    w->blocks = block;
    for (uint32_t i = count; i-- > 1;) {
        block[i].next = w->free_chunks;
        w->free_chunks = &block[i];
    }
}

chunk *wheels_room(wheels *w, uint32_t bucket)
{
    if (w->free_chunks == NULL) block_add(w);
    chunk *fresh = w->free_chunks, *last = w->last[bucket];
    w->free_chunks = fresh->next;
    fresh->count = 0;
    if (last == NULL) {
        fresh->next = fresh;
        w->used[bucket / 64] |= UINT64_C(1) << bucket % 64;
        w->used_words |= UINT64_C(1) << bucket / 64;
    } else {
        fresh->next = last->next;
        last->next = fresh;
    }
    w->last[bucket] = fresh;
    return fresh;
}

/* Takes all chunks of the first bucket in use, in their order. */
static chunk *first_take(wheels *w, uint32_t *bucket)
{
    PU_ASSERT(w->used_words != 0);
    uint32_t word = (uint32_t)__builtin_ctzll(w->used_words);
    uint64_t *used = &w->used[word];
    *bucket = word * 64 + (uint32_t)__builtin_ctzll(*used);
    *used &= *used - 1;
    if (*used == 0) w->used_words &= w->used_words - 1;
    chunk *last = w->last[*bucket];
    chunk *first = last->next;
    w->last[*bucket] = NULL;
    last->next = NULL;
    return first;
}

/* Whether so few events wait there that they need no further parting. */
static bool is_few(const chunk *c)
{
    unsigned chunks = 0;
    for (; c != NULL && chunks <= FEW_CHUNKS; c = c->next) chunks++;
    return chunks <= FEW_CHUNKS;
}

/* Makes the first tick of bucket the current one. Returns the ticks of a bucket of that wheel. */
static uint64_t tick_set(wheels *w, uint32_t bucket)
{
    uint32_t shift = 0, bits = WHEELS_LOW_BITS, first = 0;
    while (bucket >= first + (1u << bits)) {
        first += 1u << bits;
        shift += bits;
        bits = shift == WHEELS_LOW_BITS ? WHEELS_SECOND_BITS : WHEELS_HIGH_BITS;
    }
    uint64_t above = w->tick >> shift >> bits; /* in two steps: 64 at once is too far */
    w->tick = (above << bits | (bucket - first)) << shift;
    return UINT64_C(1) << shift;
}

static void dealt_room(wheels *w, uint32_t count)
{
    if (w->dealt_count + count <= w->dealt_cap) return;
    w->dealt = sim_grow(w->dealt, &w->dealt_cap, w->dealt_count + count - 1, sizeof *w->dealt);
}

void wheels_deal(wheels *w)
{
    uint32_t bucket;
    chunk *c = first_take(w, &bucket);
    uint64_t ticks = tick_set(w, bucket);
    bool is_one = ticks == 1 || is_few(c);
    if (is_one) w->tick += ticks - 1;
    w->dealt_count = 0;
    while (c != NULL) {
        chunk *next = c->next;
        uint32_t count = (uint32_t)c->count;
        if (next != NULL) ahead(next, sizeof *next);
        dealt_room(w, count);
        if (is_one) {
            memcpy(w->dealt + w->dealt_count, c->entries, count * sizeof *c->entries);
            w->dealt_count += count;
        } else {
            for (uint32_t i = 0; i < count; i++) {
                const entry *e = &c->entries[i];
                if (e->at >> WHEELS_TICK_BITS > w->tick)
                    wheels_put(w, e->at, e->arg, e->source_kind, e->target);
                else w->dealt[w->dealt_count++] = *e;
            }
        }
        c->next = w->free_chunks;
        w->free_chunks = c;
        c = next;
    }
}
