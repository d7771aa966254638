/* sim/queue.c - the event queue: a sorted run of what is near in front of wheels of what is far.
 *
 * Only the events of the current tick, a quarter of a millisecond, need an order: they are sorted
 * into a run, which fits the first caches however many events wait. What is pushed for that tick
 * while it lasts, mostly for the present instant, goes into a heap beside it, which hardly ever
 * holds more than a few. Whatever is later waits unsorted in wheels (wheels.h).
 *
 * The order of events is decided here alone: buckets only say which tick comes first. Events of one
 * source at one time come in the order of their pushes; wheels and run keep it, and the heap, which
 * cannot, numbers what it takes.
 *
 * A timer is a record in a table, and entries that name it. At most one of these counts: the
 * earliest. When its turn comes and the timer was put off, it is pushed again for the time it was
 * put off to; whatever else names the timer is passed over. All that happens when an entry is first
 * in the order of all, so it is part of that order.
 */
#include "sim/queue.h"

#include "base/ahead.h"
#include "base/mix.h"
#include "sim/mem.h"
#include "sim/wheels.h"

enum {
    CHILDREN = 4,
    BINS_MAX = 1024,
    BIN_MOST = 48,      /* more events than that are not sorted by insertion */
    INSERTED_MOST = 12, /* so few are sorted by insertion alone */
    ANNOUNCED_LEAST = 6 /* fewer events have nothing to be fetched beside */
};
#define SOURCES_MAX (UINT32_C(1) << (32 - WHEELS_KIND_BITS))

/* An event that is near, with its tie once that was asked for: the same for all events of one
 * source at one time. */
typedef struct late {
    entry e;
    uint64_t seq; /* in the heap: how many went into it before */
    uint32_t tie;
    bool has_tie;
} late;

/* An entry of a kind with this bit names a timer instead of its target, which is the source's host.
 */
enum { KIND_TIMER = 1 << (WHEELS_KIND_BITS - 1) };

/* A timer. All entries that name it are alike but for their times. */
typedef struct timer {
    pu_time at;       /* when it is to come; PU_NEVER: it has come, or is nobody's */
    pu_time queued;   /* of the entry that counts; PU_NEVER: there is none */
    uint32_t entries; /* that name it */
    queue_timer next; /* 0: it is somebody's. Nobody's: the next free one, or, as long as entries
                         name it, itself */
} timer;

_Static_assert(sizeof(timer) == 24, "every connection of a large simulation has one");

struct queue {
    mix128 ties; /* where every tie begins */
    size_t count;
    entry *run; /* owned; sorted: run_at is next, up to run_count */
    uint32_t run_at, run_count, run_cap;
    uint32_t heap_count, heap_cap;
    late *heap; /* owned; of what was pushed for the current tick or earlier */
    uint64_t heap_pushed;
    late head;       /* the run's next event, as far as it was compared */
    queue_soon soon; /* NULL: nobody wants to know */
    unsigned ahead;  /* how many turns before */
    bool announces;  /* the run is announced */
    void *soon_ctx;
    wheels far;
    timer *timers; /* owned; the first is none */
    uint32_t timer_count, timer_cap;
    queue_timer timer_last; /* that became free; 0: none is */
};

queue *queue_new(uint64_t order_seed)
{
    queue *q = sim_alloc(sizeof *q);
    mix_init(&q->ties, order_seed);
    q->timer_count = 1;
    return q;
}

void queue_free(queue *q)
{
    if (q == NULL) return;
    wheels_close(&q->far);
    free(q->run);
    free(q->heap);
    free(q->timers);
    free(q);
}

/* ---- order ---- */

static uint32_t source_of(const entry *e)
{
    return e->source_kind >> WHEELS_KIND_BITS;
}

static uint32_t kind_of(const entry *e)
{
    return e->source_kind & ((1u << WHEELS_KIND_BITS) - 1);
}

static sim_event event_of(const entry *e)
{
    return (sim_event){(enum sim_event_kind)kind_of(e), e->target, e->arg};
}

/* mix3(order seed, source, time). */
static uint32_t tie_of(const queue *q, const entry *e)
{
    mix128 m = q->ties;
    uint64_t out[2];
    mix_u64(&m, source_of(e));
    mix_u64(&m, e->at);
    mix_result(&m, out);
    return (uint32_t)out[0];
}

static uint32_t tie_once(const queue *q, late *l)
{
    if (!l->has_tie) l->tie = tie_of(q, &l->e);
    l->has_tie = true;
    return l->tie;
}

/* Whether a is before b, where both are of one time and not of one source. */
static bool is_before_at_once(const queue *q, late *a, late *b)
{
    uint32_t tie_a = tie_once(q, a), tie_b = tie_once(q, b);
    return tie_a != tie_b ? tie_a < tie_b : source_of(&a->e) < source_of(&b->e);
}

static bool is_before(const queue *q, late *a, late *b)
{
    if (a->e.at != b->e.at) return a->e.at < b->e.at;
    if (source_of(&a->e) == source_of(&b->e)) return a->seq < b->seq;
    return is_before_at_once(q, a, b);
}

/* ---- the heap ---- */

/* The entry comes in its fields, as in wheels_put. Most are the latest of the few that are here. */
static void heap_push(queue *q, uint64_t at, uint64_t arg, uint32_t source_kind, uint32_t target)
{
    uint32_t index = q->heap_count++;
    if (index >= q->heap_cap) q->heap = sim_grow(q->heap, &q->heap_cap, index, sizeof *q->heap);
    late *heap = q->heap;
    heap[index] = (late){.e = {at, arg, source_kind, target}, .seq = q->heap_pushed++};
    while (index > 0) {
        uint32_t parent = (index - 1) / CHILDREN;
        if (!is_before(q, &heap[index], &heap[parent])) break;
        late above = heap[parent];
        heap[parent] = heap[index];
        heap[index] = above;
        index = parent;
    }
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
    entry first = q->heap[0].e;
    late *last = &q->heap[--q->heap_count];
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

/* ---- the run ---- */

/* Sorts by time what is nearly sorted; equal times stay as they are. */
static void insert_all(entry *run, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (run[i - 1].at <= run[i].at) continue;
        entry e = run[i];
        uint32_t at = i;
        for (; at > 0 && run[at - 1].at > e.at; at--) run[at] = run[at - 1];
        run[at] = e;
    }
}

/* Sorts as many as one likes, whatever their times: by the heap, which is empty. */
static void heap_all(queue *q, entry *run, uint32_t count)
{
    PU_ASSERT(q->heap_count == 0);
    for (uint32_t i = 0; i < count; i++) {
        const entry *e = &run[i];
        heap_push(q, e->at, e->arg, e->source_kind, e->target);
    }
    for (uint32_t i = 0; i < count; i++) run[i] = heap_pop(q);
}

/* Sorts events of one time by tie and source. */
static void sort_group(queue *q, entry *group, uint32_t count)
{
    uint32_t ties[BIN_MOST];
    if (count > BIN_MOST) {
        heap_all(q, group, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        entry e = group[i];
        uint32_t tie = tie_of(q, &e), at = i;
        for (; at > 0; at--) {
            const entry *before = &group[at - 1];
            if (ties[at - 1] < tie) break;
            if (ties[at - 1] == tie && source_of(before) <= source_of(&e)) break;
            group[at] = *before;
            ties[at] = ties[at - 1];
        }
        group[at] = e;
        ties[at] = tie;
    }
}

/* Sorts by tie and source what is of one time. */
static void sort_groups(queue *q)
{
    entry *run = q->run;
    for (uint32_t first = 0, end; first < q->run_count; first = end) {
        bool is_one_source = true;
        for (end = first + 1; end < q->run_count && run[end].at == run[first].at; end++)
            is_one_source = is_one_source && source_of(&run[end]) == source_of(&run[first]);
        if (!is_one_source) sort_group(q, run + first, end - first);
    }
}

/* Copies from `from` to `to`, sorted by the upper bits of the time, as many as make about one event
 * a bin. ends: where each bin ends. Returns how many bins there are. */
static uint32_t scatter(entry *to, const entry *from, uint32_t count, uint32_t ends[BINS_MAX])
{
    uint64_t least = from[0].at, most = from[0].at;
    for (uint32_t i = 1; i < count; i++) {
        least = from[i].at < least ? from[i].at : least;
        most = from[i].at > most ? from[i].at : most;
    }
    uint32_t bits = 4, shift = 0;
    while ((1u << bits) < count && (1u << bits) < BINS_MAX) bits++;
    uint32_t width = most > least ? 64 - (uint32_t)__builtin_clzll(most - least) : 0;
    if (width > bits) shift = width - bits;
    uint32_t bins = 1u << bits, start = 0;
    memset(ends, 0, bins * sizeof ends[0]);
    for (uint32_t i = 0; i < count; i++) ends[(from[i].at - least) >> shift]++;
    for (uint32_t i = 0; i < bins; i++) {
        uint32_t here = ends[i];
        ends[i] = start;
        start += here;
    }
    for (uint32_t i = 0; i < count; i++) to[ends[(from[i].at - least) >> shift]++] = from[i];
    return bins;
}

/* Sorts the bins by time, the full ones once more by bins first, or by the heap. scratch: as large
 * as the run. */
static void sort_bins(queue *q, entry *scratch, const uint32_t ends[BINS_MAX], uint32_t bins)
{
    uint32_t inner[BINS_MAX];
    for (uint32_t i = 0, start = 0; i < bins; start = ends[i++]) {
        entry *bin = q->run + start;
        uint32_t count = ends[i] - start;
        if (count > BIN_MOST) {
            memcpy(scratch, bin, count * sizeof *bin);
            uint32_t parts = scatter(bin, scratch, count, inner);
            for (uint32_t k = 0, from = 0; k < parts; from = inner[k++])
                if (inner[k] - from > BIN_MOST) heap_all(q, bin + from, inner[k] - from);
        }
        if (count > 1) insert_all(bin, count);
    }
}

/* Makes the run of what was dealt. */
static void run_fill(queue *q)
{
    entry *dealt = q->far.dealt;
    uint32_t count = q->far.dealt_count;
    q->run_at = 0;
    q->run_count = count;
    if (count == 0) return; /* all of it went to lower wheels */
    if (count > q->run_cap) q->run = sim_grow(q->run, &q->run_cap, count - 1, sizeof *q->run);
    if (count <= INSERTED_MOST) {
        memcpy(q->run, dealt, count * sizeof *q->run);
        insert_all(q->run, count);
    } else {
        uint32_t ends[BINS_MAX];
        uint32_t bins = scatter(q->run, dealt, count, ends);
        sort_bins(q, dealt, ends, bins);
    }
    sort_groups(q);
}

/* ---- timers ---- */

static void put(queue *q, uint64_t at, uint64_t arg, uint32_t source_kind, uint32_t target)
{
    if (at >> WHEELS_TICK_BITS > q->far.tick) wheels_put(&q->far, at, arg, source_kind, target);
    else heap_push(q, at, arg, source_kind, target);
    q->count++;
}

static bool is_timer(const entry *e)
{
    return (kind_of(e) & KIND_TIMER) != 0;
}

static void timer_take(queue *q, queue_timer *name)
{
    if (q->timer_last != 0) {
        *name = q->timer_last;
        q->timer_last = q->timers[*name].next;
    } else {
        *name = q->timer_count++;
        q->timers = sim_grow(q->timers, &q->timer_cap, *name, sizeof *q->timers);
    }
    q->timers[*name] = (timer){.at = PU_NEVER, .queued = PU_NEVER};
}

/* Nobody's timer is taken again when no entry names it any more. */
static void timer_leave(queue *q, queue_timer name)
{
    timer *t = &q->timers[name];
    t->next = name;
    if (t->entries > 0) return;
    t->next = q->timer_last;
    q->timer_last = name;
}

/* Pushes what names the timer, for the time it is set to. */
static void timer_push(queue *q, queue_timer name, uint64_t arg, uint32_t source_kind)
{
    timer *t = &q->timers[name];
    t->queued = t->at;
    t->entries++;
    put(q, t->at, arg, source_kind, name);
}

void queue_timer_set(queue *q, queue_timer *name, pu_time at, uint32_t host,
                     enum sim_event_kind kind, uint64_t arg)
{
    PU_ASSERT(host < SOURCES_MAX - 1);
    if (*name == 0 && at == PU_NEVER) return;
    if (*name == 0) timer_take(q, name);
    timer *t = &q->timers[*name];
    t->at = at;
    if (at == PU_NEVER) {
        t->queued = PU_NEVER;
        timer_leave(q, *name);
        *name = 0;
    } else if (at < t->queued) {
        uint32_t source_kind = (host + 1) << WHEELS_KIND_BITS | KIND_TIMER | (uint32_t)kind;
        timer_push(q, *name, arg, source_kind);
    }
}

/* Whether e, which names t, is the one that counts. */
static bool is_of_timer(const entry *e, const timer *t)
{
    return t->queued == e->at;
}

/* What e, which names a timer, becomes when that is due. */
static entry entry_due(const entry *e)
{
    return (entry){.at = e->at,
                   .arg = e->arg,
                   .source_kind = e->source_kind & ~(uint32_t)KIND_TIMER,
                   .target = source_of(e) - 1};
}

/* The entry e, which names a timer, has been taken: it comes to nothing, or once more. */
static void timer_pass(queue *q, const entry *e)
{
    queue_timer name = e->target;
    timer *t = &q->timers[name];
    t->entries--;
    if (is_of_timer(e, t)) timer_push(q, name, e->arg, e->source_kind);
    else if (t->next == name) timer_leave(q, name);
}

void queue_timer_soon(const queue *q, queue_timer name)
{
    if (name != 0) ahead_many(&q->timers[name], sizeof q->timers[name]);
}

/* ---- announcing ---- */

/* The event that an entry of the run is, as far as can be told before its turn. False: it names a
 * timer that is not due then. */
static bool will_be(const queue *q, uint32_t index, sim_event *event)
{
    entry e = q->run[index];
    if (is_timer(&e)) {
        const timer *t = &q->timers[e.target];
        if (!is_of_timer(&e, t) || t->at > e.at) return false;
        e = entry_due(&e);
    }
    *event = event_of(&e);
    return true;
}

/* Announces the run's entry at `index`, if there is one. What it says of a timer was asked for a
 * turn before, as is done here for the entry behind it. */
static void announce(queue *q, uint32_t index)
{
    sim_event event;
    bool is_known = index < q->run_count && will_be(q, index, &event);
    if (index + 1 < q->run_count && is_timer(&q->run[index + 1]))
        queue_timer_soon(q, q->run[index + 1].target);
    q->soon(q->soon_ctx, is_known ? &event : NULL);
}

/* The beginning of a new run: the first events, all at once. */
static void announce_first(queue *q)
{
    q->announces = q->soon != NULL && q->run_count >= ANNOUNCED_LEAST;
    for (uint32_t i = 0; q->announces && i < q->ahead; i++) announce(q, i);
}

/* ---- the queue ---- */

/* Whether the run's next event comes before the heap's. Of one source and time it was pushed
 * first. */
static bool is_run_first(queue *q)
{
    if (q->run_at == q->run_count || q->heap_count == 0) return q->heap_count == 0;
    const entry *a = &q->run[q->run_at], *b = &q->heap[0].e;
    if (a->at != b->at) return a->at < b->at;
    if (source_of(a) == source_of(b)) return true;
    bool is_known = q->head.e.at == a->at && q->head.e.source_kind == a->source_kind;
    if (!is_known) q->head = (late){.e = *a};
    return is_before_at_once(q, &q->head, &q->heap[0]);
}

/* Takes what first_of has found. */
static entry take(queue *q, const entry *found)
{
    q->count--;
    if (q->heap_count > 0 && found == &q->heap[0].e) return heap_pop(q);
    uint32_t index = q->run_at++;
    entry first = q->run[index]; /* copied: announcing reads on */
    if (q->announces) announce(q, index + q->ahead);
    return first;
}

/* The earliest entry, in run or heap. NULL: the queue is empty. */
static const entry *first_of(queue *q)
{
    while (q->run_at == q->run_count && q->heap_count == 0) {
        if (q->count == 0) return NULL;
        wheels_deal(&q->far);
        run_fill(q);
        announce_first(q);
    }
    return is_run_first(q) ? &q->run[q->run_at] : &q->heap[0].e;
}

/* The earliest entry that is an event, or a timer's that is due: others are passed over, or queued
 * again. */
static const entry *next_of(queue *q)
{
    const entry *e;
    while ((e = first_of(q)) != NULL && is_timer(e)) {
        const timer *t = &q->timers[e->target];
        if (is_of_timer(e, t) && t->at <= e->at) return e;
        entry old = take(q, e);
        timer_pass(q, &old);
    }
    return e;
}

void queue_push(queue *q, pu_time at, uint32_t source, const sim_event *event)
{
    PU_ASSERT(at != PU_NEVER);
    PU_ASSERT(source < SOURCES_MAX);
    PU_ASSERT((unsigned)event->kind < KIND_TIMER);
    put(q, at, event->arg, source << WHEELS_KIND_BITS | (uint32_t)event->kind, event->target);
}

bool queue_pop(queue *q, pu_time *at, sim_event *event)
{
    const entry *found = next_of(q);
    if (found == NULL) return false;
    entry first = take(q, found);
    if (is_timer(&first)) {
        timer *t = &q->timers[first.target];
        t->at = t->queued = PU_NEVER;
        t->entries--;
        first = entry_due(&first);
    }
    *at = first.at;
    *event = event_of(&first);
    return true;
}

pu_time queue_next(queue *q)
{
    const entry *e = next_of(q);
    return e != NULL ? e->at : PU_NEVER;
}

void queue_only_heap(queue *q)
{
    PU_ASSERT(q->count == 0);
    q->far.tick = UINT64_MAX; /* the last one: no event is later */
}

void queue_on_soon(queue *q, queue_soon soon, unsigned ahead, void *ctx)
{
    PU_ASSERT(ahead > 0);
    q->ahead = ahead;
    q->soon = soon;
    q->soon_ctx = ctx;
}

size_t queue_count(const queue *q)
{
    return q->count;
}
