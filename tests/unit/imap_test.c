/* imap_test.c - the index map against a plain array that does the same, under several hash seeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/imap.h"
#include "base/rng.h"
#include "tests/unit/fault_heap.h"

int imap_test(void);

static void a_new_map_is_empty(void **state)
{
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    imap m;
    imap_init(&m, 1, &alloc);
    uint32_t value = 99;
    assert_false(imap_get(&m, 0, &value));
    imap_del(&m, 0);
    assert_int_equal(value, 99);
    assert_int_equal(heap.asked, 0);
    imap_close(&m);
}

static void every_key_is_allowed(void **state)
{
    (void)state;
    static const uint64_t keys[] = {0, 1, UINT64_MAX, UINT64_C(1) << 63, 1u << 31};
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    imap m;
    imap_init(&m, 1, &alloc);
    for (uint32_t i = 0; i < 5; i++) assert_true(imap_put(&m, keys[i], i));
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t value = 99;
        assert_true(imap_get(&m, keys[i], &value));
        assert_int_equal(value, i);
    }
    imap_close(&m);
    assert_int_equal(heap.live_bytes, 0);
}

static void put_replaces(void **state)
{
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    imap m;
    imap_init(&m, 1, &alloc);
    assert_true(imap_put(&m, 5, 10));
    assert_true(imap_put(&m, 5, 11));
    uint32_t value = 0;
    assert_true(imap_get(&m, 5, &value));
    assert_int_equal(value, 11);
    assert_int_equal(m.count, 1);
    imap_del(&m, 5);
    assert_false(imap_get(&m, 5, &value));
    assert_int_equal(m.count, 0);
    imap_close(&m);
}

static void a_closed_map_can_be_used_again(void **state)
{
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    imap m = {.hash_seed = 3, .alloc = &alloc};
    for (int round = 0; round < 2; round++) {
        uint32_t value;
        assert_false(imap_get(&m, 1, &value));
        assert_true(imap_put(&m, 1, 2));
        assert_true(imap_get(&m, 1, &value));
        imap_close(&m);
        assert_int_equal(heap.live_bytes, 0);
    }
}

static void grows_by_doubling_and_stays_three_quarters_full(void **state)
{
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    imap m;
    imap_init(&m, 7, &alloc);
    uint32_t last_cap = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        assert_true(imap_put(&m, i, i));
        assert_true(m.count == i + 1);
        assert_true((uint64_t)m.count * 4 <= (uint64_t)m.cap * 3);
        if (m.cap != last_cap) {
            assert_true(last_cap == 0 || m.cap == 2 * last_cap);
            assert_true(last_cap == 0 || i == last_cap / 4 * 3);
        }
        last_cap = m.cap;
    }
    for (uint32_t i = 0; i < 5000; i++) {
        uint32_t value = 0;
        assert_true(imap_get(&m, i, &value) && value == i);
    }
    imap_close(&m);
    assert_int_equal(heap.live_bytes, 0);
}

enum { KEYS = 96, OPERATIONS = 20000 };

/* What the map should hold: a value a key. */
typedef struct model {
    bool has[KEYS];
    uint32_t value[KEYS];
    uint32_t count;
} model;

static void assert_same(const imap *m, const model *want)
{
    assert_int_equal(m->count, want->count);
    for (uint64_t key = 0; key < KEYS; key++) {
        uint32_t value = 12345678;
        assert_int_equal(imap_get(m, key, &value), want->has[key]);
        assert_int_equal(value, want->has[key] ? want->value[key] : 12345678);
    }
}

static void model_put(model *m, uint64_t key, uint32_t value)
{
    m->count += !m->has[key];
    m->has[key] = true;
    m->value[key] = value;
}

static void model_del(model *m, uint64_t key)
{
    m->count -= m->has[key];
    m->has[key] = false;
}

/* The map breathes between nearly empty and full, so that runs of entries wrap round the end of the
 * table and removals move entries of several homes. The same operations under each seed must give
 * the same answers. */
static void random_operations_match_a_plain_array(void **state)
{
    (void)state;
    static const uint8_t seed[32] = {42};
    for (uint64_t hash_seed = 0; hash_seed < 8; hash_seed++) {
        fault_heap heap = {0};
        pu_alloc alloc = fault_heap_alloc(&heap);
        imap m;
        imap_init(&m, hash_seed, &alloc);
        model want = {0};
        rng r;
        rng_init(&r, seed, 1);
        for (uint32_t i = 0; i < OPERATIONS; i++) {
            uint64_t word = rng_u64(&r);
            uint64_t key = word % KEYS;
            bool is_growing = i / 500 % 2 == 0;
            if ((word >> 32) % 4 != 0 ? is_growing : !is_growing) {
                assert_true(imap_put(&m, key, i));
                model_put(&want, key, i);
            } else {
                imap_del(&m, key);
                model_del(&want, key);
            }
            if (i % 16 == 0) assert_same(&m, &want);
        }
        assert_same(&m, &want);
        imap_close(&m);
        assert_int_equal(heap.live_bytes, 0);
    }
}

/* Each removal from a table at its fullest, checked key by key. */
static void removal_from_a_full_table_loses_nobody_else(void **state)
{
    (void)state;
    for (uint64_t hash_seed = 0; hash_seed < 200; hash_seed++) {
        fault_heap heap = {0};
        pu_alloc alloc = fault_heap_alloc(&heap);
        imap m;
        imap_init(&m, hash_seed, &alloc);
        model want = {0};
        for (uint32_t key = 0; key < 12; key++) {
            assert_true(imap_put(&m, key, key));
            model_put(&want, key, key);
        }
        assert_int_equal(m.cap, 16);
        for (uint32_t key = 0; key < 12; key++) {
            imap_del(&m, key);
            model_del(&want, key);
            assert_same(&m, &want);
        }
        imap_close(&m);
    }
}

static void a_refused_put_changes_nothing(void **state)
{
    (void)state;
    for (unsigned fail_at = 1; fail_at <= 4; fail_at++) {
        fault_heap heap = {.fail_at = fail_at};
        pu_alloc alloc = fault_heap_alloc(&heap);
        imap m;
        imap_init(&m, 1, &alloc);
        model want = {0};
        unsigned refused = 0;
        for (uint32_t key = 0; key < 40; key++) {
            if (imap_put(&m, key, key)) {
                model_put(&want, key, key);
            } else {
                refused++;
                assert_same(&m, &want);
                if (key > 0) assert_true(imap_put(&m, 0, 0)); /* replacing needs no memory */
            }
        }
        assert_int_equal(refused, 1);
        assert_same(&m, &want);
        imap_close(&m);
        assert_int_equal(heap.live_bytes, 0);
    }
}

int imap_test(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_map_is_empty),
        cmocka_unit_test(every_key_is_allowed),
        cmocka_unit_test(put_replaces),
        cmocka_unit_test(a_closed_map_can_be_used_again),
        cmocka_unit_test(grows_by_doubling_and_stays_three_quarters_full),
        cmocka_unit_test(random_operations_match_a_plain_array),
        cmocka_unit_test(removal_from_a_full_table_loses_nobody_else),
        cmocka_unit_test(a_refused_put_changes_nothing),
    };
    return cmocka_run_group_tests_name("imap", tests, NULL, NULL);
}
