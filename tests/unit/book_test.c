/* book_test.c - what a node remembers of peers' addresses, and for how long. */
#include "tests/unit/lab.h"
#include "wire/wire_identify.h"

int book_test(void);

#define IDENTIFY "/ipfs/id/1.0.0"

enum { B = 1, C = 2 };

/* How many addresses of a peer the node knows; -1: it does not know the peer beyond its line. */
static int known(const lab *l, int peer)
{
    uint32_t cursor = 0;
    pu_peer_row row;
    while (pu_node_read_peers(l->node, &cursor, &row))
        if (span_equal(row.peer, lab_id(l, peer))) return (int)row.addrs;
    return -1;
}

/* A connection with peer, who tells `count` addresses. */
static pu_handle told(lab *l, int peer, uint32_t flags, uint32_t count)
{
    pu_handle conn = lab_connect(l, peer, flags, 0);
    uint8_t bytes[512], key[32], key_pb[36], maddrs[8][PU_MADDR_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    l->crypto[peer].public_key(l->crypto[peer].ctx, key);
    pu_public_key_pb(key_pb, key);
    wire_identify m = {.public_key = span_of(key_pb, 36)};
    for (uint32_t i = 0; i < count; i++) {
        pu_endpoint at = pu_endpoint_ip4(9, 9, (uint8_t)(20 + peer), (uint8_t)i, 4001);
        m.addrs[m.addr_count++] =
            span_of(maddrs[i], pu_addr_write(maddrs[i], &at, PU_TRANSPORT_QUIC));
    }
    wire_identify_write(&out, &m);
    lab_give_framed(l, lab_accept_proto(l, conn, IDENTIFY), buf_span(&out), true);
    return conn;
}

static lab *started(void)
{
    lab *l = lab_new();
    l->config.gating = 0;
    l->config.ping_interval_ns = 3600 * PU_S; /* nobody answers here */
    lab_begin(l);
    lab_start(l);
    return l;
}

static void told_addresses_outlive_the_last_connection_by_an_hour(void **state)
{
    (void)state;
    lab *l = started();
    pu_handle first = told(l, B, 0, 3), second = told(l, B, 0, 2);
    lab_pass(l, 7200 * PU_S); /* as long as it is connected */
    assert_int_equal(known(l, B), 3);
    lab_down(l, first);
    lab_pass(l, 7200 * PU_S);
    assert_int_equal(known(l, B), 3);
    lab_down(l, second);
    lab_pass(l, 3600 * PU_S - 1);
    assert_int_equal(known(l, B), 3);
    lab_pass(l, PU_S);
    assert_int_equal(known(l, B), 0);
    lab_end(l);
}

static void who_comes_back_is_remembered(void **state)
{
    (void)state;
    lab *l = started();
    lab_down(l, told(l, B, 0, 2));
    lab_pass(l, 3000 * PU_S);
    pu_handle again = told(l, B, 0, 0);
    lab_pass(l, 3000 * PU_S); /* its hour would have been over */
    assert_int_equal(known(l, B), 2);
    lab_down(l, again);
    lab_pass(l, 3599 * PU_S);
    assert_int_equal(known(l, B), 2);
    lab_pass(l, 2 * PU_S);
    assert_int_equal(known(l, B), 0);
    lab_end(l);
}

/* Each at its own time. */
static void peers_are_forgotten_one_by_one(void **state)
{
    (void)state;
    lab *l = started();
    lab_down(l, told(l, B, 0, 1));
    lab_pass(l, 600 * PU_S);
    lab_down(l, told(l, C, 0, 1));
    lab_pass(l, 3001 * PU_S);
    assert_int_equal(known(l, B), 0);
    assert_int_equal(known(l, C), 1);
    lab_pass(l, 600 * PU_S);
    assert_int_equal(known(l, C), 0);
    lab_end(l);
}

static void what_commands_gave_and_what_has_worked_stays(void **state)
{
    (void)state;
    lab *l = started();
    lab_address(l, B, 0);
    lab_down(l, told(l, B, 0, 2));
    lab_down(l, told(l, C, PU_DIALLER, 2)); /* we dialled it: that address is proven */
    assert_int_equal(known(l, B), 3);
    assert_int_equal(known(l, C), 3);
    lab_pass(l, 30 * 86400 * PU_S);
    assert_int_equal(known(l, B), 1);
    assert_int_equal(known(l, C), 1);
    lab_end(l);
}

/* A parameter of the host's, in its whole range. */
static void the_time_is_a_parameter(void **state)
{
    (void)state;
    static const uint64_t lives_ns[] = {PU_S, 90 * PU_S, 7 * 86400 * PU_S, 2500 * PU_MS};
    for (size_t i = 0; i < sizeof lives_ns / sizeof lives_ns[0]; i++) {
        lab *l = lab_new();
        l->config.gating = 0;
        l->config.book_ns = lives_ns[i];
        lab_begin(l);
        lab_start(l);
        lab_pass(l, 1234567);
        lab_down(l, told(l, B, 0, 1));
        lab_pass(l, lives_ns[i] - 1);
        assert_int_equal(known(l, B), 1);
        lab_pass(l, PU_S);
        assert_int_equal(known(l, B), 0);
        assert_true(pu_node_deadline(l->node, NULL) == PU_NEVER);
        lab_end(l);
    }
}

/* The timer that forgets may find no memory: it is armed again with all else that was shed. */
static void without_memory_it_is_forgotten_all_the_same(void **state)
{
    (void)state;
    uint32_t shed = 0;
    for (unsigned k = 1; k < 12; k++) {
        lab *l = started();
        pu_handle conn = told(l, B, 0, 1);
        lab_pass(l, 60 * PU_S);
        l->heap.fail_at = l->heap.asked + k;
        lab_down(l, conn);
        shed += l->traced[PU_TR_NO_MEMORY] > 0;
        lab_pass(l, 3602 * PU_S);
        assert_int_equal(known(l, B), 0);
        lab_end(l);
    }
    assert_true(shed > 0);
}

int book_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(told_addresses_outlive_the_last_connection_by_an_hour),
        cmocka_unit_test(who_comes_back_is_remembered),
        cmocka_unit_test(peers_are_forgotten_one_by_one),
        cmocka_unit_test(what_commands_gave_and_what_has_worked_stays),
        cmocka_unit_test(the_time_is_a_parameter),
        cmocka_unit_test(without_memory_it_is_forgotten_all_the_same),
    };
    return cmocka_run_group_tests_name("book", tests, NULL, NULL);
}
