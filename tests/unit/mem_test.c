/* mem_test.c - blocks, doubling arrays and waiting bytes: sizes, limits, and what stays when memory
 * is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/fault_heap.h"

int mem_test(void);

static void new_blocks_are_zeroed_and_given_back(void **state)
{
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    uint8_t *block = mem_new(&alloc, 100);
    assert_non_null(block);
    for (int i = 0; i < 100; i++) assert_int_equal(block[i], 0);
    assert_int_equal(heap.live_bytes, 100);
    mem_free(&alloc, block, 100);
    assert_int_equal(heap.live_bytes, 0);
}

static void no_memory_gives_null(void **state)
{
    (void)state;
    fault_heap heap = {.fail_at = 1};
    pu_alloc alloc = fault_heap_alloc(&heap);
    assert_null(mem_new(&alloc, 100));
    assert_int_equal(heap.live_bytes, 0);
}

static void freeing_nothing_asks_nobody(void **state)
{
    (void)state;
    pu_alloc nobody = {0};
    void *block = NULL;
    mem_free(&nobody, block, 100);
    assert_null(block);
}

typedef struct entry {
    uint32_t value;
    uint8_t rest[8];
} entry;

static void arrays_double_from_one_to_their_limit(void **state)
{
    (void)state;
    static const uint32_t caps[] = {1, 2, 4, 4, 8, 8, 8, 8, 11, 11, 11};
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    entry *array = NULL;
    uint32_t cap = 0;
    for (uint32_t count = 0; count < 11; count++) {
        assert_true(mem_grow(&alloc, (void **)&array, &cap, count, 11, sizeof *array));
        assert_int_equal(cap, caps[count]);
        assert_int_equal(heap.live_bytes, cap * sizeof *array);
        assert_int_equal(array[count].value, 0);
        assert_int_equal(array[count].rest[7], 0);
        array[count].value = count + 1;
        array[count].rest[7] = 9;
    }
    assert_false(mem_grow(&alloc, (void **)&array, &cap, 11, 11, sizeof *array));
    assert_int_equal(cap, 11);
    for (uint32_t i = 0; i < 11; i++) assert_int_equal(array[i].value, i + 1);
    mem_free(&alloc, array, cap * sizeof *array);
    assert_int_equal(heap.live_bytes, 0);
}

static void small_limits_hold(void **state)
{
    (void)state;
    for (uint32_t max = 0; max <= 5; max++) {
        fault_heap heap = {0};
        pu_alloc alloc = fault_heap_alloc(&heap);
        uint64_t *array = NULL;
        uint32_t cap = 0, count = 0;
        while (mem_grow(&alloc, (void **)&array, &cap, count, max, sizeof *array)) count++;
        assert_int_equal(count, max);
        assert_int_equal(cap, max);
        mem_free(&alloc, array, cap * sizeof *array);
        assert_int_equal(heap.live_bytes, 0);
    }
}

static void a_refused_array_stays_as_it_was(void **state)
{
    (void)state;
    fault_heap heap = {.fail_at = 4};
    pu_alloc alloc = fault_heap_alloc(&heap);
    uint32_t *array = NULL;
    uint32_t cap = 0;
    for (uint32_t count = 0; count < 3; count++)
        assert_true(mem_grow(&alloc, (void **)&array, &cap, count, 100, sizeof *array));
    for (uint32_t i = 0; i < 4; i++) array[i] = i;
    uint32_t *before = array;
    assert_false(mem_grow(&alloc, (void **)&array, &cap, 4, 100, sizeof *array));
    assert_ptr_equal(array, before);
    assert_int_equal(cap, 4);
    for (uint32_t i = 0; i < 4; i++) assert_int_equal(array[i], i);
    assert_true(mem_grow(&alloc, (void **)&array, &cap, 4, 100, sizeof *array));
    assert_int_equal(cap, 8);
    for (uint32_t i = 0; i < 4; i++) assert_int_equal(array[i], i);
    mem_free(&alloc, array, cap * sizeof *array);
}

static void trimming_gives_back_what_a_burst_took(void **state)
{
    (void)state;
    static const struct {
        uint32_t count, cap;
    } after[] = {{9, 32}, {8, 16}, {5, 16}, {4, 8}, {3, 8}, {2, 4}, {1, 2}, {1, 2}, {0, 0}, {0, 0}};
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    uint32_t *array = NULL;
    uint32_t cap = 0;
    for (uint32_t count = 0; count < 32; count++) {
        assert_true(mem_grow(&alloc, (void **)&array, &cap, count, 100, sizeof *array));
        array[count] = count;
    }
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        mem_trim(&alloc, (void **)&array, &cap, after[i].count, sizeof *array);
        assert_int_equal(cap, after[i].cap);
        assert_int_equal(heap.live_bytes, cap * sizeof *array);
        for (uint32_t k = 0; k < after[i].count; k++) assert_int_equal(array[k], k);
    }
    assert_null(array);
}

static void bytes_wait_in_order(void **state)
{
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    mem_bytes b = {0};
    uint8_t next_in = 0, next_out = 0;
    for (unsigned round = 0; round < 60; round++) {
        uint8_t piece[7];
        for (unsigned i = 0; i < 7; i++) piece[i] = next_in++;
        assert_true(mem_bytes_append(&alloc, &b, span_of(piece, 7), 1000));
        mem_bytes_drop(&alloc, &b, 3);
        next_out = (uint8_t)(next_out + 3);
        assert_int_equal(b.len, 4 * (round + 1));
        for (uint32_t i = 0; i < b.len; i++) assert_int_equal(b.base[i], (uint8_t)(next_out + i));
        assert_int_equal(heap.live_bytes, b.cap);
    }
    mem_bytes_drop(&alloc, &b, b.len);
    assert_null(b.base);
    assert_int_equal(b.cap, 0);
    assert_int_equal(heap.live_bytes, 0);
}

static void bytes_end_at_their_limit(void **state)
{
    (void)state;
    static const uint8_t zeros[300] = {0};
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    mem_bytes b = {0};
    assert_false(mem_bytes_append(&alloc, &b, span_of(zeros, 101), 100));
    assert_int_equal(heap.asked, 0);
    assert_true(mem_bytes_append(&alloc, &b, span_of(zeros, 99), 100));
    assert_false(mem_bytes_append(&alloc, &b, span_of(zeros, 2), 100));
    assert_int_equal(b.len, 99);
    assert_true(mem_bytes_append(&alloc, &b, span_of(zeros, 1), 100));
    assert_false(mem_bytes_append(&alloc, &b, span_of(zeros, 1), 100));
    assert_int_equal(b.len, 100);
    assert_in_range(b.cap, 100, 100);
    assert_false(mem_bytes_append(&alloc, &b, span_of(zeros, 1), 50));
    assert_true(mem_bytes_append(&alloc, &b, span_of(zeros, 1), 101));
    assert_true(mem_bytes_append(&alloc, &b, (pu_span){NULL, 0}, 101));
    assert_int_equal(b.len, 101);
    mem_bytes_free(&alloc, &b);
    assert_int_equal(b.len, 0);
    assert_int_equal(heap.live_bytes, 0);
}

/* A length near 2^32 must not wrap round to something small. */
static void a_huge_append_is_refused(void **state)
{
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    mem_bytes b = {0};
    assert_true(mem_bytes_append(&alloc, &b, SPAN_LITERAL("x"), UINT32_MAX));
    pu_span huge = {b.base, UINT32_MAX};
    assert_false(mem_bytes_append(&alloc, &b, huge, UINT32_MAX));
    huge.len = SIZE_MAX;
    assert_false(mem_bytes_append(&alloc, &b, huge, UINT32_MAX));
    assert_int_equal(b.len, 1);
    mem_bytes_free(&alloc, &b);
}

static void a_refused_append_changes_nothing(void **state)
{
    (void)state;
    static const uint8_t zeros[100] = {0};
    fault_heap heap = {.fail_at = 2};
    pu_alloc alloc = fault_heap_alloc(&heap);
    mem_bytes b = {0};
    assert_true(mem_bytes_append(&alloc, &b, SPAN_LITERAL("abc"), 1000));
    mem_bytes before = b;
    assert_false(mem_bytes_append(&alloc, &b, span_of(zeros, 100), 1000));
    assert_true(b.base == before.base && b.len == before.len && b.cap == before.cap);
    assert_memory_equal(b.base, "abc", 3);
    mem_bytes_free(&alloc, &b);
    assert_int_equal(heap.live_bytes, 0);
}

int mem_test(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_blocks_are_zeroed_and_given_back),
        cmocka_unit_test(no_memory_gives_null),
        cmocka_unit_test(freeing_nothing_asks_nobody),
        cmocka_unit_test(arrays_double_from_one_to_their_limit),
        cmocka_unit_test(small_limits_hold),
        cmocka_unit_test(a_refused_array_stays_as_it_was),
        cmocka_unit_test(trimming_gives_back_what_a_burst_took),
        cmocka_unit_test(bytes_wait_in_order),
        cmocka_unit_test(bytes_end_at_their_limit),
        cmocka_unit_test(a_huge_append_is_refused),
        cmocka_unit_test(a_refused_append_changes_nothing),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
