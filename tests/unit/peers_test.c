/* peers_test.c - interned ids: numbers, references, the bound, ids that stay where they are, and no
 * memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "peerup/ident.h"
#include "tests/unit/fault_heap.h"

int peers_test(void);

static pu_peer_id id_of(uint32_t number)
{
    uint8_t key[32] = {0};
    pu_peer_id id;
    store_be32(key, number);
    pu_peer_id_from_ed25519(&id, key);
    return id;
}

static pu_peer intern(pu_peers *peers, uint32_t number)
{
    pu_peer_id id = id_of(number);
    return pu_peers_intern(peers, &id);
}

static pu_peer find(const pu_peers *peers, uint32_t number)
{
    pu_peer_id id = id_of(number);
    return pu_peers_find(peers, &id);
}

static bool names(const pu_peers *peers, pu_peer peer, uint32_t number)
{
    pu_peer_id id = id_of(number);
    return pu_peer_id_equal(pu_peers_id(peers, peer), &id);
}

static void limits_of_the_bound(void **state)
{
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    pu_peers *peers;
    assert_int_equal(pu_peers_new(&peers, 0, 1, &alloc), PU_ERANGE);
    assert_int_equal(pu_peers_new(&peers, (1u << 24) + 1, 1, &alloc), PU_ERANGE);
    assert_int_equal(heap.asked, 0);
    assert_int_equal(pu_peers_new(&peers, 1u << 24, 1, &alloc), PU_OK);
    assert_int_equal(pu_peers_count(peers), 0);
    assert_int_equal(find(peers, 1), 0);
    pu_peers_free(peers);
    assert_int_equal(heap.live_bytes, 0);
}

static void references_are_counted(void **state)
{
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    pu_peers *peers;
    assert_int_equal(pu_peers_new(&peers, 10, 1, &alloc), PU_OK);
    pu_peer one = intern(peers, 1), two = intern(peers, 2);
    assert_int_not_equal(one, 0);
    assert_int_not_equal(two, 0);
    assert_int_not_equal(one, two);
    assert_int_equal(intern(peers, 1), one);
    pu_peers_retain(peers, one);
    assert_int_equal(pu_peers_count(peers), 2);
    for (int i = 0; i < 2; i++) {
        pu_peers_release(peers, one);
        assert_int_equal(find(peers, 1), one);
        assert_true(names(peers, one, 1));
    }
    pu_peers_release(peers, one);
    assert_int_equal(find(peers, 1), 0);
    assert_int_equal(find(peers, 2), two);
    assert_int_equal(pu_peers_count(peers), 1);
    assert_int_equal(intern(peers, 3), one); /* the number is free for another id */
    assert_true(names(peers, one, 3));
    pu_peers_free(peers);
    assert_int_equal(heap.live_bytes, 0);
}

static void finding_takes_no_reference(void **state)
{
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    pu_peers *peers;
    assert_int_equal(pu_peers_new(&peers, 10, 1, &alloc), PU_OK);
    pu_peer one = intern(peers, 1);
    assert_int_equal(find(peers, 1), one);
    pu_peers_release(peers, one);
    assert_int_equal(find(peers, 1), 0);
    assert_int_equal(pu_peers_count(peers), 0);
    pu_peers_free(peers);
}

static void a_full_table_refuses_new_ids_only(void **state)
{
    enum { MAX = 100 };
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    pu_peers *peers;
    assert_int_equal(pu_peers_new(&peers, MAX, 1, &alloc), PU_OK);
    for (uint32_t i = 0; i < MAX; i++) assert_int_not_equal(intern(peers, i), 0);
    assert_int_equal(intern(peers, MAX), 0);
    assert_int_equal(pu_peers_count(peers), MAX);
    assert_int_not_equal(intern(peers, 5), 0);
    pu_peers_release(peers, find(peers, 7));
    assert_int_not_equal(intern(peers, MAX), 0);
    assert_int_equal(intern(peers, 7), 0);
    pu_peers_free(peers);
    assert_int_equal(heap.live_bytes, 0);
}

static void ids_do_not_move(void **state)
{
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    pu_peers *peers;
    assert_int_equal(pu_peers_new(&peers, 5000, 1, &alloc), PU_OK);
    const pu_peer_id *first = pu_peers_id(peers, intern(peers, 0));
    for (uint32_t i = 1; i < 5000; i++) assert_int_not_equal(intern(peers, i), 0);
    assert_ptr_equal(pu_peers_id(peers, find(peers, 0)), first);
    assert_true(names(peers, find(peers, 0), 0));
    pu_peers_free(peers);
    assert_int_equal(heap.live_bytes, 0);
}

/* Two tables with other layouts and the same calls: the same answers, all as a plain array of
 * counts has them. */
static void a_long_run_matches_plain_counts(void **state)
{
    enum { IDS = 300, MAX = 200, CALLS = 20000 };
    static const uint8_t seed[32] = {5};
    (void)state;
    fault_heap heap = {0};
    pu_alloc alloc = fault_heap_alloc(&heap);
    pu_peers *a, *b;
    uint32_t refs[IDS] = {0}, held = 0;
    rng choice;
    rng_init(&choice, seed, 0);
    assert_int_equal(pu_peers_new(&a, MAX, 1, &alloc), PU_OK);
    assert_int_equal(pu_peers_new(&b, MAX, 99, &alloc), PU_OK);
    for (int call = 0; call < CALLS; call++) {
        uint32_t number = (uint32_t)rng_below(&choice, IDS);
        pu_peer known = find(a, number);
        assert_int_equal(known, find(b, number));
        assert_int_equal(known != 0, refs[number] > 0);
        if (rng_chance(&choice, 1, 2)) {
            pu_peer peer = intern(a, number);
            assert_int_equal(peer, intern(b, number));
            assert_int_equal(peer != 0, refs[number] > 0 || held < MAX);
            if (peer == 0) continue;
            assert_true(names(a, peer, number));
            held += refs[number]++ == 0;
        } else if (known != 0) {
            pu_peers_release(a, known);
            pu_peers_release(b, known);
            held -= --refs[number] == 0;
        }
        assert_int_equal(pu_peers_count(a), held);
    }
    assert_int_equal(held > MAX / 2, true);
    pu_peers_free(a);
    pu_peers_free(b);
    assert_int_equal(heap.live_bytes, 0);
}

/* Refuses each allocation in turn: the id that needed it is not there, the rest goes on. */
static void without_memory_nothing_breaks(void **state)
{
    enum { IDS = 200 };
    (void)state;
    bool is_refused = true;
    for (unsigned fail_at = 1; is_refused; fail_at++) {
        fault_heap heap = {.fail_at = fail_at};
        pu_alloc alloc = fault_heap_alloc(&heap);
        pu_peers *peers;
        unsigned missing = 0;
        int made = pu_peers_new(&peers, IDS, 1, &alloc);
        assert_int_equal(made, fail_at == 1 ? PU_ENOMEM : PU_OK);
        if (made != PU_OK) continue;
        for (uint32_t i = 0; i < IDS; i++) {
            if (intern(peers, i) == 0) {
                missing++;
                assert_int_equal(find(peers, i), 0);
                assert_int_not_equal(intern(peers, i), 0); /* a second try has memory */
            }
            assert_int_equal(pu_peers_count(peers), i + 1);
        }
        for (uint32_t i = 0; i < IDS; i++) assert_true(names(peers, find(peers, i), i));
        is_refused = heap.asked >= fail_at;
        assert_int_equal(missing, is_refused ? 1 : 0);
        pu_peers_free(peers);
        assert_int_equal(heap.live_bytes, 0);
    }
}

int peers_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_of_the_bound),
        cmocka_unit_test(references_are_counted),
        cmocka_unit_test(finding_takes_no_reference),
        cmocka_unit_test(a_full_table_refuses_new_ids_only),
        cmocka_unit_test(ids_do_not_move),
        cmocka_unit_test(a_long_run_matches_plain_counts),
        cmocka_unit_test(without_memory_nothing_breaks),
    };
    return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
