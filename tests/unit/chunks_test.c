/* chunks_test.c - the queue of bytes against one long array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/chunks.h"
#include "base/rng.h"
#include "tests/unit/fault_heap.h"

int chunks_test(void);

enum { SOURCE_BYTES = 60000 };

/* Byte i of everything that is ever appended. */
static uint8_t pattern(uint64_t i)
{
    return (uint8_t)(i * 7 + (i >> 8));
}

static void an_empty_queue_holds_nothing(void **state)
{
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    chunks q = {0};
    assert_true(chunks_append(&q, &alloc, span_of(NULL, 0)));
    assert_int_equal(chunks_first(&q).len, 0);
    chunks_drop(&q, &alloc, 0);
    chunks_free(&q, &alloc);
    assert_int_equal(heap.asked, 0);
}

/* Random appends and drops: what is in front is always what was appended so many bytes ago. */
static void what_comes_out_went_in(void **state)
{
    (void)state;
    static const uint8_t seed[32] = {3};
    static uint8_t source[SOURCE_BYTES];
    rng r;
    rng_init(&r, seed, 0);
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    chunks q = {0};
    uint64_t in = 0, out = 0;
    for (unsigned round = 0; round < 3000; round++) {
        static const uint64_t sizes[] = {1, 20, 1500, SOURCE_BYTES};
        size_t len = (size_t)rng_below(&r, sizes[rng_below(&r, 4)]);
        for (size_t i = 0; i < len; i++) source[i] = pattern(in + i);
        assert_true(chunks_append(&q, &alloc, span_of(source, len)));
        in += len;
        assert_int_equal(q.len, in - out);
        uint64_t leave = rng_below(&r, 3) == 0 ? 0 : rng_below(&r, q.len + 1);
        while (q.len > leave) {
            pu_span first = chunks_first(&q);
            assert_true(first.len > 0);
            for (size_t i = 0; i < first.len; i++)
                assert_int_equal(first.base[i], pattern(out + i));
            uint64_t take = rng_below(&r, first.len) + 1;
            chunks_drop(&q, &alloc, take);
            out += take;
        }
    }
    chunks_free(&q, &alloc);
    assert_int_equal(heap.live_bytes, 0);
}

/* Bytes one by one take little more memory than they are long. */
static void small_appends_share_blocks(void **state)
{
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    chunks q = {0};
    for (unsigned i = 0; i < 10000; i++) assert_true(chunks_append(&q, &alloc, span_of("x", 1)));
    assert_in_range(heap.live_bytes, 10000, 11500);
    chunks_free(&q, &alloc);
    assert_int_equal(heap.live_bytes, 0);
}

static void without_memory_nothing_is_appended(void **state)
{
    (void)state;
    static uint8_t source[SOURCE_BYTES];
    for (unsigned k = 1;; k++) {
        fault_heap heap = {0};
        pu_alloc alloc = fault_heap_alloc(&heap);
        chunks q = {0};
        assert_true(chunks_append(&q, &alloc, span_of("ab", 2)));
        heap.fail_at = heap.asked + k;
        bool is_done = chunks_append(&q, &alloc, span_of(source, sizeof source));
        assert_int_equal(q.len, is_done ? 2 + sizeof source : 2);
        assert_int_equal(chunks_first(&q).base[0], 'a');
        chunks_free(&q, &alloc);
        assert_int_equal(heap.live_bytes, 0);
        if (is_done) break;
        assert_true(k < 10);
    }
}

int chunks_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_queue_holds_nothing),
        cmocka_unit_test(what_comes_out_went_in),
        cmocka_unit_test(small_appends_share_blocks),
        cmocka_unit_test(without_memory_nothing_is_appended),
    };
    return cmocka_run_group_tests_name("chunks", tests, NULL, NULL);
}
