/* sim/net_queue.c - CoDel as RFC 8289 section 5 writes it down, in whole nanoseconds. */
#include "sim/net_queue.h"

#include "sim/mem.h"
#include "sim/root.h"

enum {
    ITEMS_FIRST = 16,
    PACKET_BYTES = 1500,  /* what is left of a short queue is never dropped */
    RESUME_INTERVALS = 16 /* so soon after it dropped, it goes on where it was */
};

/* ---- first in, first out ---- */

void codel_put(codel_list *f, const codel_item *item)
{
    if (f->count == f->cap) {
        uint32_t cap = f->cap == 0 ? ITEMS_FIRST : 2 * f->cap;
        codel_item *items = sim_alloc(cap * sizeof *items);
        for (uint32_t i = 0; i < f->count; i++) items[i] = f->items[(f->head + i) % f->cap];
        free(f->items);
        f->items = items;
        f->cap = cap;
        f->head = 0;
    }
    f->items[(f->head + f->count) % f->cap] = *item;
    f->count++;
    f->bytes += item->bytes;
}

static bool list_take(codel_list *f, codel_item *item)
{
    if (f->count == 0) return false;
    *item = f->items[f->head];
    f->head = (f->head + 1) % f->cap;
    f->count--;
    PU_ASSERT(f->bytes >= item->bytes);
    f->bytes -= item->bytes;
    return true;
}

void codel_free(codel_list *f)
{
    free(f->items);
    *f = (codel_list){0};
}

/* ---- CoDel ---- */

static pu_time control_law(pu_time from, uint64_t interval_ns, uint32_t count)
{
    PU_ASSERT(interval_ns <= CODEL_INTERVAL_MAX);
    return from + root(interval_ns * interval_ns / count);
}

/* What one of the RFC's routines is called with. */
typedef struct turn {
    codel *c;
    codel_list *f;
    pu_time now;
    uint64_t target_ns, interval_ns;
} turn;

/* Takes an item; *may_drop: the queue has been above the target for an interval. */
static bool take(const turn *t, codel_item *item, bool *may_drop)
{
    codel *c = t->c;
    *may_drop = false;
    if (!list_take(t->f, item)) {
        c->first_above = 0;
        return false;
    }
    if (t->now - item->since < t->target_ns || t->f->bytes <= PACKET_BYTES) c->first_above = 0;
    else if (c->first_above == 0) c->first_above = t->now + t->interval_ns;
    else *may_drop = t->now >= c->first_above;
    return true;
}

/* A queue that came back above the target soon after it was dropped from needs about the same rate
 * of drops again. */
static void begin(const turn *t)
{
    codel *c = t->c;
    uint32_t since_last = c->count - c->last_count;
    bool is_recent = t->now - c->drop_next < RESUME_INTERVALS * t->interval_ns;
    c->is_dropping = true;
    c->count = since_last > 1 && is_recent ? since_last : 1;
    c->drop_next = control_law(t->now, t->interval_ns, c->count);
    c->last_count = c->count;
}

bool codel_take(codel *c, codel_list *f, codel_item *item, pu_time now, uint64_t target_ns,
                uint64_t interval_ns, void (*drop)(void *ctx, uint32_t slot), void *ctx)
{
    const turn t = {c, f, now, target_ns, interval_ns};
    bool may_drop;
    bool has_item = take(&t, item, &may_drop);
    if (!c->is_dropping) {
        if (!may_drop) return has_item;
        drop(ctx, item->slot);
        has_item = take(&t, item, &may_drop);
        begin(&t);
        return has_item;
    }
    if (!may_drop) c->is_dropping = false;
    while (c->is_dropping && now >= c->drop_next) {
        drop(ctx, item->slot);
        c->count++;
        has_item = take(&t, item, &may_drop);
        if (!may_drop) c->is_dropping = false;
        else c->drop_next = control_law(c->drop_next, interval_ns, c->count);
    }
    return has_item;
}
