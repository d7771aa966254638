/* tests/unit/net_queue_test.c - CoDel against RFC 8289: it lets short queues and bursts alone, and
 * drops from a standing queue at intervals that shrink with the square root of their number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim/net_queue.h"

int net_queue_test(void);

enum { DROPS_MAX = 4096, PACKET = 1000 };

typedef struct rig {
    codel control;
    codel_list waiting;
    pu_time now;
    uint32_t put, taken, drop_count;
    pu_time drops[DROPS_MAX];
} rig;

static void put(rig *r, pu_time since)
{
    codel_put(&r->waiting, &(codel_item){r->put++, PACKET, since, 0});
}

static void on_drop(void *ctx, uint32_t slot)
{
    rig *r = ctx;
    assert_true(r->drop_count < DROPS_MAX);
    assert_int_equal(slot, r->taken + r->drop_count); /* in order, each once */
    r->drops[r->drop_count++] = r->now;
}

static bool take(rig *r)
{
    codel_item item;
    bool has_item = codel_take(&r->control, &r->waiting, &item, r->now, CODEL_TARGET_NS,
                               CODEL_INTERVAL_NS, on_drop, r);
    if (!has_item) return false;
    assert_int_equal(item.slot, r->taken + r->drop_count);
    assert_int_equal(item.bytes, PACKET);
    r->taken++;
    return true;
}

static void is_first_in_first_out(void **state)
{
    (void)state;
    rig r = {.now = 1};
    assert_false(take(&r));
    for (unsigned round = 0; round < 50; round++) { /* through the ring's ends */
        for (unsigned i = 0; i < 13 + round; i++) put(&r, r.now);
        for (unsigned i = 0; i < 11 + round; i++) assert_true(take(&r));
    }
    while (take(&r)) {}
    assert_int_equal(r.taken, r.put);
    assert_int_equal(r.waiting.bytes, 0);
    codel_free(&r.waiting);
}

/* A queue of which every datagram has waited for 20 ms, for so long. One is taken each 0.1 ms. */
static void stand(rig *r, pu_time until)
{
    for (; r->now < until; r->now += PU_MS / 10) {
        while (r->waiting.count < 100) put(r, r->now - 20 * PU_MS);
        assert_true(take(r));
    }
}

/* RFC 8289 section 5.3: the first drop an interval after the queue came above the target, the next
 * one an interval later, and so on: interval / sqrt(count). What is here is the sum of those. */
static void drops_come_at_the_control_laws_times(void **state)
{
    (void)state;
    /* 100 ms / sqrt(k) for k = 1 to 10, in us, by another way: rounded from published roots. */
    static const uint64_t spacing_us[] = {100000, 70711, 57735, 50000, 44721,
                                          40825,  37796, 35355, 33333, 31623};
    rig r = {.now = PU_S};
    stand(&r, 3 * PU_S);
    assert_true(r.drop_count > 11);
    assert_int_equal(r.drops[0], PU_S + CODEL_INTERVAL_NS);
    pu_time due = r.drops[0];
    for (unsigned i = 0; i < 10; i++) {
        due += spacing_us[i] * PU_US;
        assert_in_range(r.drops[i + 1], due - 20 * PU_US, due + 120 * PU_US); /* one is taken each
                                                                                0.1 ms */
    }
    /* After n drops the time is the sum of interval / sqrt(k), about 2 * interval * sqrt(n): in the
     * 1.9 s there are, n = (19 / 2)^2 = 90, and the sum is by 1.46 * interval less: 104. */
    assert_in_range(r.drop_count, 102, 108);
    codel_free(&r.waiting);
}

static void short_queues_and_bursts_are_let_alone(void **state)
{
    (void)state;
    rig r = {.now = PU_S};
    for (unsigned i = 0; i < 10000; i++) { /* 4.9 ms each, for ever */
        put(&r, r.now - 4900 * PU_US);
        put(&r, r.now - 4900 * PU_US);
        put(&r, r.now - 4900 * PU_US);
        while (take(&r)) {}
        r.now += PU_MS;
    }
    assert_int_equal(r.drop_count, 0);
    for (unsigned burst = 0; burst < 20; burst++) { /* above the target for 90 ms, then empty */
        stand(&r, r.now + 90 * PU_MS);
        while (take(&r)) {}
        r.now += PU_MS;
        assert_false(take(&r));
    }
    assert_int_equal(r.drop_count, 0);
    /* One datagram's worth is never dropped, however long it waits. */
    for (unsigned i = 0; i < 1000; i++) {
        put(&r, r.now - PU_S);
        assert_true(take(&r));
        r.now += PU_MS;
    }
    assert_int_equal(r.drop_count, 0);
    codel_free(&r.waiting);
}

/* A queue that comes back soon goes on nearly where it was; after a while it begins anew. */
static void remembers_the_rate_of_drops_for_a_while(void **state)
{
    (void)state;
    static const uint64_t pauses[] = {50 * PU_MS, 5 * PU_S};
    uint64_t spacing[2];
    for (unsigned c = 0; c < 2; c++) {
        rig r = {.now = PU_S};
        stand(&r, 3 * PU_S);
        while (take(&r)) {}
        r.now += pauses[c];
        assert_false(take(&r));
        uint32_t before = r.drop_count;
        stand(&r, r.now + 400 * PU_MS);
        assert_true(r.drop_count >= before + 3);
        spacing[c] = r.drops[before + 1] - r.drops[before];
        codel_free(&r.waiting);
    }
    assert_true(spacing[0] < 15 * PU_MS); /* about a hundred drops are behind it */
    assert_in_range(spacing[1], CODEL_INTERVAL_NS, CODEL_INTERVAL_NS + 100 * PU_US);
}

int net_queue_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_first_in_first_out),
        cmocka_unit_test(drops_come_at_the_control_laws_times),
        cmocka_unit_test(short_queues_and_bursts_are_let_alone),
        cmocka_unit_test(remembers_the_rate_of_drops_for_a_while),
    };
    return cmocka_run_group_tests_name("net_queue", tests, NULL, NULL);
}
