/* tests/unit/queue_test.c - the event queue against a sorted array, and what its order promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mix.h"
#include "base/rng.h"
#include "sim/queue.h"

#include <stdlib.h>
#include <string.h>

int queue_test(void);

enum { OPERATIONS = 200000, MODEL_MAX = 4096, SOURCES = 10 };

static const uint8_t seed[32] = {7};

/* An event as the model knows it. */
typedef struct entry {
    pu_time at;
    uint32_t tie, source, seq;
    uint64_t payload;
} entry;

typedef struct model {
    uint64_t order_seed;
    entry at[MODEL_MAX]; /* sorted */
    size_t count;
    uint32_t seqs[SOURCES];
} model;

static bool model_before(const entry *a, const entry *b)
{
    if (a->at != b->at) return a->at < b->at;
    if (a->tie != b->tie) return a->tie < b->tie;
    if (a->source != b->source) return a->source < b->source;
    return a->seq < b->seq;
}

static void model_push(model *m, pu_time at, uint32_t source, uint64_t payload)
{
    entry e = {at, (uint32_t)mix3(m->order_seed, source, at), source, m->seqs[source]++, payload};
    size_t place = m->count++;
    for (; place > 0 && model_before(&e, &m->at[place - 1]); place--)
        m->at[place] = m->at[place - 1];
    m->at[place] = e;
}

static entry model_pop(model *m)
{
    entry first = m->at[0];
    m->count--;
    memmove(m->at, m->at + 1, m->count * sizeof *m->at);
    return first;
}

static void push(queue *q, pu_time at, uint32_t source, uint64_t payload)
{
    sim_event e = {.kind = SIM_EV_SCRIPT, .target = source, .arg = payload};
    queue_push(q, at, source, &e);
}

/* Pops the queue and the model and compares all of it. */
static void pop_both(queue *q, model *m)
{
    pu_time at;
    sim_event e;
    assert_int_equal(queue_next(q), m->at[0].at);
    assert_true(queue_pop(q, &at, &e));
    entry want = model_pop(m);
    assert_int_equal(at, want.at);
    assert_int_equal(e.kind, SIM_EV_SCRIPT);
    assert_int_equal(e.target, want.source);
    assert_int_equal(e.arg, want.payload);
}

static void matches_a_sorted_array(void **state)
{
    (void)state;
    static model m;
    m = (model){.order_seed = 99};
    queue *q = queue_new(m.order_seed);
    rng r;
    rng_init(&r, seed, 1);
    pu_time now = 0;
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        /* Phases of growing and of shrinking; few distinct times, so that most are shared. */
        bool grows = i / 5000 % 2 == 0;
        uint64_t draw = rng_u64(&r);
        bool is_push = draw % 16 < (grows ? 9u : 7u);
        if (m.count == 0 || (is_push && m.count < MODEL_MAX)) {
            pu_time at = now + draw / 16 % 64;
            uint32_t source = (uint32_t)(draw >> 32) % SOURCES;
            push(q, at, source, i);
            model_push(&m, at, source, i);
        } else {
            now = m.at[0].at;
            pop_both(q, &m);
        }
        assert_int_equal(queue_count(q), m.count);
    }
    assert_true(m.count > 0);
    while (m.count > 0) pop_both(q, &m);
    assert_int_equal(queue_count(q), 0);
    queue_free(q);
}

/* From nanoseconds to centuries ahead, and now and then into the past: whatever structure holds
 * what is far, the order is the array's. */
static void near_and_far(bool is_only_heap)
{
    static model m;
    m = (model){.order_seed = 5};
    queue *q = queue_new(m.order_seed);
    if (is_only_heap) queue_only_heap(q);
    rng r;
    rng_init(&r, seed, 3);
    pu_time now = 0;
    for (uint32_t i = 0; i < OPERATIONS / 4; i++) {
        bool grows = i / 2000 % 2 == 0;
        uint64_t draw = rng_u64(&r);
        bool is_push = draw % 16 < (grows ? 11u : 5u);
        if (m.count == 0 || (is_push && m.count < MODEL_MAX)) {
            uint64_t ahead = rng_u64(&r) >> (1 + draw / 16 % 63);
            pu_time at = ahead < PU_NEVER - now ? now + ahead : now;
            if (draw / 1024 % 32 == 0) at = now / 2;
            uint32_t source = (uint32_t)(draw >> 32) % SOURCES;
            push(q, at, source, i);
            model_push(&m, at, source, i);
        } else {
            /* Far events are popped only when the rest is gone: time stays where pushes can go. */
            if (m.at[0].at < UINT64_C(1) << 62) now = m.at[0].at;
            pop_both(q, &m);
        }
    }
    assert_true(m.count > 0);
    while (m.count > 0) pop_both(q, &m);
    assert_int_equal(queue_next(q), PU_NEVER);
    queue_free(q);
}

static void near_and_far_match_a_sorted_array(void **state)
{
    (void)state;
    near_and_far(false);
}

static void one_heap_matches_a_sorted_array(void **state)
{
    (void)state;
    near_and_far(true);
}

/* Thousands in one tick, evenly, in clumps, and at one instant: however a tick is sorted, the order
 * is that of one heap. */
static void a_full_tick_has_the_order_of_a_heap(void **state)
{
    (void)state;
    enum { EVENTS = 6000, SPREADS = 5 };
    static const uint64_t spreads_ns[SPREADS] = {100 * PU_US, 2000, 40, 1, 3 * PU_S};
    rng r;
    rng_init(&r, seed, 11);
    for (uint32_t spread = 0; spread < SPREADS; spread++) {
        queue *q = queue_new(spread), *heap = queue_new(spread);
        queue_only_heap(heap);
        for (uint32_t i = 0; i < EVENTS; i++) {
            pu_time clump = PU_S + rng_below(&r, 3) * 50 * PU_US;
            pu_time at = clump + rng_below(&r, spreads_ns[spread]);
            uint32_t source = (uint32_t)rng_below(&r, SOURCES);
            push(q, at, source, i);
            push(heap, at, source, i);
        }
        pu_time at, heap_at;
        sim_event e, heap_e;
        for (uint32_t i = 0; i < EVENTS; i++) {
            assert_true(queue_pop(q, &at, &e));
            assert_true(queue_pop(heap, &heap_at, &heap_e));
            assert_int_equal(at, heap_at);
            assert_int_equal(e.arg, heap_e.arg);
            assert_int_equal(e.target, heap_e.target);
        }
        assert_int_equal(queue_count(q), 0);
        queue_free(q);
        queue_free(heap);
    }
}

enum { ANNOUNCED = 5000 };

/* Who is told which events are near. */
typedef struct listener {
    uint32_t calls, told;
    uint32_t call_of[ANNOUNCED]; /* by event; 0: it was not announced */
} listener;

static void hear(void *ctx, const sim_event *event)
{
    listener *l = ctx;
    l->calls++;
    if (event == NULL) return;
    assert_int_equal(event->kind, SIM_EV_NODE);
    assert_in_range(event->target, 0, ANNOUNCED - 1);
    assert_int_equal(event->arg, event->target);
    assert_int_equal(l->call_of[event->target], 0);
    l->call_of[event->target] = l->calls;
    l->told++;
}

/* So many events within a while: between the announcement of one and its turn there are `ahead`
 * calls, and none comes after the last turn that is still in a ring of as many. Returns how many
 * were announced. */
static uint32_t announced_within(pu_time ns, unsigned ahead)
{
    listener *l = calloc(1, sizeof *l);
    assert_non_null(l);
    queue *q = queue_new(1);
    queue_on_soon(q, hear, ahead, l);
    rng r;
    rng_init(&r, seed, 9);
    for (uint32_t i = 0; i < ANNOUNCED; i++)
        queue_push(q, PU_MS + rng_below(&r, ns), i, &(sim_event){SIM_EV_NODE, i, i});
    pu_time at;
    sim_event e;
    for (uint32_t i = 0; i < ANNOUNCED; i++) {
        assert_true(queue_pop(q, &at, &e));
        if (l->call_of[e.target] != 0) assert_int_equal(l->call_of[e.target] + ahead, l->calls);
    }
    uint32_t told = l->told;
    queue_free(q);
    free(l);
    return told;
}

/* Runs of 25 events, and of about as many as an announcement is ahead of its event. */
static void many_near_events_are_announced(void **state)
{
    (void)state;
    static const unsigned aheads[] = {1, 4, 9};
    for (size_t i = 0; i < sizeof aheads / sizeof aheads[0]; i++) {
        assert_in_range(announced_within(50 * PU_MS, aheads[i]), ANNOUNCED / 2, ANNOUNCED);
        assert_in_range(announced_within(150 * PU_MS, aheads[i]), ANNOUNCED / 2, ANNOUNCED);
    }
}

/* A timer that is announced is due as far as is known then: one that was put off, here to where few
 * are near each other, or taken back, is not. */
static void only_timers_that_are_due_are_announced(void **state)
{
    (void)state;
    enum { TIMERS = 300, PUT_OFF = 3 };
    listener *l = calloc(1, sizeof *l);
    assert_non_null(l);
    queue *q = queue_new(1);
    queue_on_soon(q, hear, 4, l);
    queue_timer timers[TIMERS] = {0};
    for (uint32_t i = 0; i < TIMERS; i++)
        queue_timer_set(q, &timers[i], PU_MS + i * PU_US / 2, i, SIM_EV_NODE, i);
    for (uint32_t i = 0; i < TIMERS; i += PUT_OFF)
        queue_timer_set(q, &timers[i], i % 2 == 0 ? PU_NEVER : PU_S + i * PU_MS, i, SIM_EV_NODE, i);
    pu_time at;
    sim_event e;
    while (queue_next(q) < PU_S) {
        assert_true(queue_pop(q, &at, &e));
        assert_int_not_equal(e.target % PUT_OFF, 0);
        if (l->call_of[e.target] != 0) assert_in_range(l->calls - l->call_of[e.target], 4, 5);
    }
    for (uint32_t i = 0; i < TIMERS; i += PUT_OFF) assert_int_equal(l->call_of[i], 0);
    assert_in_range(l->told, TIMERS / 2, TIMERS);
    queue_free(q);
    free(l);
}

static void an_empty_queue_has_nothing(void **state)
{
    (void)state;
    queue *q = queue_new(1);
    pu_time at = 5;
    sim_event e;
    assert_int_equal(queue_next(q), PU_NEVER);
    assert_int_equal(queue_count(q), 0);
    assert_false(queue_pop(q, &at, &e));
    push(q, PU_NEVER - 1, 0, 3);
    assert_int_equal(queue_next(q), PU_NEVER - 1);
    assert_true(queue_pop(q, &at, &e));
    assert_int_equal(at, PU_NEVER - 1);
    assert_false(queue_pop(q, &at, &e));
    queue_free(q);
    queue_free(NULL);
}

/* Pushes `each` events a source at one time, sources in turn, and pops them into out as (source,
 * payload) words. */
static void one_instant(uint64_t order_seed, uint32_t sources, uint32_t each, uint64_t *out)
{
    queue *q = queue_new(order_seed);
    for (uint32_t i = 0; i < each; i++) {
        for (uint32_t s = 0; s < sources; s++) push(q, 1000, s, i);
    }
    for (uint32_t i = 0; i < sources * each; i++) {
        pu_time at;
        sim_event e;
        assert_true(queue_pop(q, &at, &e));
        out[i] = (uint64_t)e.target << 32 | e.arg;
    }
    queue_free(q);
}

static void a_source_is_first_in_first_out(void **state)
{
    (void)state;
    enum { EACH = 20 };
    uint64_t got[SOURCES * EACH];
    uint64_t next[SOURCES] = {0};
    one_instant(5, SOURCES, EACH, got);
    for (uint32_t i = 0; i < SOURCES * EACH; i++) {
        uint32_t source = (uint32_t)(got[i] >> 32);
        assert_int_equal(got[i] & UINT32_MAX, next[source]++);
    }
    for (uint32_t s = 0; s < SOURCES; s++) assert_int_equal(next[s], EACH);
}

static void the_order_seed_orders_an_instant(void **state)
{
    (void)state;
    enum { MANY = 64 };
    uint64_t a[MANY], again[MANY], b[MANY];
    one_instant(1, MANY, 1, a);
    one_instant(1, MANY, 1, again);
    one_instant(2, MANY, 1, b);
    assert_memory_equal(a, again, sizeof a);
    assert_memory_not_equal(a, b, sizeof a);
    /* Nor is it the order of the sources' numbers. */
    uint32_t falls = 0;
    for (uint32_t i = 1; i < MANY; i++) {
        if (a[i] < a[i - 1]) falls++;
    }
    assert_in_range(falls, MANY / 4, MANY - MANY / 4);
}

static void another_instant_has_another_order(void **state)
{
    (void)state;
    enum { TIMES = 200 };
    queue *q = queue_new(3);
    for (uint32_t i = 0; i < TIMES; i++) {
        push(q, i, 1, 0);
        push(q, i, 2, 0);
    }
    uint32_t one_first = 0;
    for (uint32_t i = 0; i < TIMES; i++) {
        pu_time at;
        sim_event first, second;
        assert_true(queue_pop(q, &at, &first));
        assert_true(queue_pop(q, &at, &second));
        assert_int_equal(at, i);
        assert_int_not_equal(first.target, second.target);
        if (first.target == 1) one_first++;
    }
    assert_in_range(one_first, TIMES / 4, TIMES - TIMES / 4);
    queue_free(q);
}

/* So many sources at one instant that some ties are equal: the source's number decides then. */
static void equal_ties_fall_to_the_source(void **state)
{
    (void)state;
    enum { CROWD = 200000 };
    queue *q = queue_new(4);
    for (uint32_t s = CROWD; s-- > 0;) push(q, 77, s, 0);
    uint32_t equal = 0;
    entry last = {0};
    for (uint32_t i = 0; i < CROWD; i++) {
        pu_time at;
        sim_event e;
        assert_true(queue_pop(q, &at, &e));
        entry now = {.at = at, .tie = (uint32_t)mix3(4, e.target, at), .source = e.target};
        if (i > 0) assert_true(model_before(&last, &now));
        if (i > 0 && last.tie == now.tie) equal++;
        last = now;
    }
    assert_in_range(equal, 1, 20); /* 200,000^2 / 2^33: about 5 */
    queue_free(q);
}

/* The order of all sources but `silent`, which schedules nothing, or whose events are left out. */
static size_t order_without(uint32_t silent, bool is_silent, uint64_t *out)
{
    queue *q = queue_new(11);
    rng r;
    rng_init(&r, seed, 2);
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t source = (uint32_t)rng_below(&r, SOURCES);
        pu_time at = rng_below(&r, 20);
        if (source != silent || !is_silent) push(q, at, source, i);
    }
    size_t count = 0;
    pu_time at;
    sim_event e;
    while (queue_pop(q, &at, &e)) {
        if (e.target != silent) out[count++] = e.arg;
    }
    queue_free(q);
    return count;
}

static void a_source_does_not_shift_the_others(void **state)
{
    (void)state;
    uint64_t with[1000], without[1000];
    for (uint32_t silent = 0; silent < SOURCES; silent++) {
        size_t count = order_without(silent, false, with);
        assert_in_range(count, 1, 999);
        assert_int_equal(order_without(silent, true, without), count);
        assert_memory_equal(with, without, count * sizeof *with);
    }
}

/* ---- timers ---- */

/* A timer as the test knows it. */
typedef struct moved {
    queue_timer timer;
    pu_time at; /* PU_NEVER: it is not set */
} moved;

enum { TIMERS = 64 };

/* Moves a timer, or takes it back. */
static void move(queue *q, moved *all, uint32_t i, pu_time at)
{
    queue_timer_set(q, &all[i].timer, at, i % 8, SIM_EV_CONN, 1000 + i);
    all[i].at = at;
    assert_int_equal(all[i].timer == 0, at == PU_NEVER);
}

static pu_time earliest(const moved *all)
{
    pu_time first = PU_NEVER;
    for (uint32_t i = 0; i < TIMERS; i++) first = all[i].at < first ? all[i].at : first;
    return first;
}

/* Timers come when they were last set to, each once, with what belongs to them, and no other. */
static void timers_move(bool is_only_heap)
{
    moved all[TIMERS];
    for (uint32_t i = 0; i < TIMERS; i++) all[i] = (moved){0, PU_NEVER};
    queue *q = queue_new(6);
    if (is_only_heap) queue_only_heap(q);
    rng r;
    rng_init(&r, seed, 4);
    pu_time now = 0;
    uint32_t fired = 0;
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        uint64_t draw = rng_u64(&r);
        uint64_t reach = UINT64_C(1) << draw / 256 % 32; /* near ones and far ones */
        bool is_set = draw % 4 != 0 || earliest(all) == PU_NEVER;
        if (is_set) {
            pu_time at = draw % 64 == 1 ? PU_NEVER : now + (draw >> 20) % reach;
            move(q, all, draw / 8192 % TIMERS, at);
            continue;
        }
        pu_time at;
        sim_event e;
        assert_int_equal(queue_next(q), earliest(all));
        assert_true(queue_pop(q, &at, &e));
        assert_int_equal(e.kind, SIM_EV_CONN);
        assert_in_range(e.arg, 1000, 1000 + TIMERS - 1);
        assert_int_equal(e.target, (e.arg - 1000) % 8);
        assert_int_equal(at, earliest(all));
        assert_int_equal(all[e.arg - 1000].at, at);
        all[e.arg - 1000].at = PU_NEVER; /* its name stays */
        now = at;
        fired++;
    }
    assert_in_range(fired, OPERATIONS / 8, OPERATIONS / 4);
    for (uint32_t i = 0; i < TIMERS; i++) move(q, all, i, PU_NEVER);
    assert_int_equal(queue_next(q), PU_NEVER);
    assert_int_equal(queue_count(q), 0); /* what was left behind is gone, too */
    queue_free(q);
}

static void timers_come_when_they_were_set_to_last(void **state)
{
    (void)state;
    timers_move(false);
    timers_move(true);
}

/* A timer that is given back and one that is made in its place are two, even at one instant. */
static void a_timer_does_not_come_for_another(void **state)
{
    (void)state;
    queue *q = queue_new(7);
    queue_timer a = 0, b = 0;
    queue_timer_set(q, &a, PU_S, 3, SIM_EV_CONN, 1);
    queue_timer_set(q, &a, PU_NEVER, 3, SIM_EV_CONN, 1);
    queue_timer_set(q, &b, PU_S, 3, SIM_EV_CONN, 2);
    pu_time at;
    sim_event e;
    assert_true(queue_pop(q, &at, &e));
    assert_int_equal(at, PU_S);
    assert_int_equal(e.arg, 2);
    assert_false(queue_pop(q, &at, &e));
    queue_free(q);
}

static void a_timer_put_off_costs_no_entry(void **state)
{
    (void)state;
    queue *q = queue_new(8);
    queue_timer t = 0;
    for (uint32_t i = 1; i <= 1000; i++) queue_timer_set(q, &t, i * PU_MS, 0, SIM_EV_NODE, 0);
    assert_int_equal(queue_count(q), 1);
    assert_int_equal(queue_next(q), PU_S);
    queue_free(q);
}

int queue_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_a_sorted_array),
        cmocka_unit_test(near_and_far_match_a_sorted_array),
        cmocka_unit_test(one_heap_matches_a_sorted_array),
        cmocka_unit_test(a_full_tick_has_the_order_of_a_heap),
        cmocka_unit_test(many_near_events_are_announced),
        cmocka_unit_test(only_timers_that_are_due_are_announced),
        cmocka_unit_test(an_empty_queue_has_nothing),
        cmocka_unit_test(a_source_is_first_in_first_out),
        cmocka_unit_test(the_order_seed_orders_an_instant),
        cmocka_unit_test(another_instant_has_another_order),
        cmocka_unit_test(equal_ties_fall_to_the_source),
        cmocka_unit_test(a_source_does_not_shift_the_others),
        cmocka_unit_test(timers_come_when_they_were_set_to_last),
        cmocka_unit_test(a_timer_does_not_come_for_another),
        cmocka_unit_test(a_timer_put_off_costs_no_entry),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
