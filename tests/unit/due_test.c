/* due_test.c - the heap of deadlines against a plain table that is searched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/due.h"
#include "base/rng.h"
#include "tests/unit/fault_heap.h"

int due_test(void);

static void nothing_is_due_at_first(void **state)
{
    (void)state;
    due_heap d = {0};
    uint32_t slot = 7;
    assert_int_equal(due_first(&d, &slot), PU_NEVER);
    assert_int_equal(slot, 7);
}

static void equal_times_come_by_slot(void **state)
{
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    due_heap d = {0};
    assert_true(due_reserve(&d, &alloc, 8));
    for (uint32_t i = 8; i-- > 0;) due_set(&d, i, 100);
    for (uint32_t i = 0, slot; i < 8; i++) {
        assert_int_equal(due_first(&d, &slot), 100);
        assert_int_equal(slot, i);
        due_set(&d, slot, PU_NEVER);
    }
    due_close(&d, &alloc);
    assert_int_equal(heap.live_bytes, 0);
}

/* 20,000 changes over a table that grows: after each the first is that of a search. */
static void it_agrees_with_a_search(void **state)
{
    (void)state;
    enum { SLOTS = 97 };
    static const uint8_t seed[32] = {1};
    rng r;
    rng_init(&r, seed, 0);
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    due_heap d = {0};
    pu_time table[SLOTS];
    for (uint32_t i = 0; i < SLOTS; i++) table[i] = PU_NEVER;

    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t reserved = round / 100 < SLOTS ? round / 100 + 1 : SLOTS;
        assert_true(due_reserve(&d, &alloc, reserved));
        uint32_t slot = (uint32_t)rng_below(&r, reserved);
        table[slot] = rng_chance(&r, 1, 4) ? PU_NEVER : rng_below(&r, 50);
        due_set(&d, slot, table[slot]);

        uint32_t least = 0, first = 0;
        for (uint32_t i = 1; i < SLOTS; i++)
            if (table[i] < table[least]) least = i;
        assert_int_equal(due_first(&d, &first), table[least]);
        if (table[least] != PU_NEVER) assert_int_equal(first, least);
        assert_int_equal(due_at(&d, slot), table[slot]);
    }
    due_close(&d, &alloc);
    assert_int_equal(heap.live_bytes, 0);
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    for (unsigned k = 1; k <= 2; k++) {
        fault_heap heap = {0};
        pu_alloc alloc = fault_heap_alloc(&heap);
        due_heap d = {0};
        assert_true(due_reserve(&d, &alloc, 2));
        due_set(&d, 1, 5);
        heap.fail_at = heap.asked + k;
        assert_false(due_reserve(&d, &alloc, 100));
        uint32_t slot = 0;
        assert_int_equal(due_first(&d, &slot), 5);
        assert_int_equal(slot, 1);
        due_close(&d, &alloc);
        assert_int_equal(heap.live_bytes, 0);
    }
}

int due_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_due_at_first),
        cmocka_unit_test(equal_times_come_by_slot),
        cmocka_unit_test(it_agrees_with_a_search),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests_name("due", tests, NULL, NULL);
}
