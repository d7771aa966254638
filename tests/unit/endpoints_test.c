/* endpoints_test.c - what many connections share is kept once and stays right: our own ends come
 * and go with their connections, in any order, and an address that goes takes its connections. */
#include "base/rng.h"
#include "tests/unit/lab.h"

int endpoints_test(void);

enum { LIVES = 400, SLOTS = 24, LOCALS = 7, PEER = 1 };

static pu_endpoint local_of(uint32_t i)
{
    return pu_endpoint_ip4(9, 9, 7, (uint8_t)i, (uint16_t)(4000 + i));
}

/* A connection from the peer to our i-th local endpoint. */
static pu_handle connect_to(lab *l, uint32_t slot, uint64_t ordinal, uint32_t i)
{
    pu_in in = {.kind = PU_IN_CONN_ASK,
                .what = PU_ASK_ACCEPT,
                .conn = pu_handle_make(slot, ordinal),
                .peer = lab_id(l, PEER),
                .local = local_of(i),
                .remote = lab_endpoint(PEER),
                .transport = PU_TRANSPORT_QUIC};
    lab_step(l, in);
    assert_int_equal(l->verdict, PU_CODE_OK);
    in.what = PU_ASK_SECURED;
    lab_step(l, in);
    assert_int_equal(l->verdict, PU_CODE_OK);
    in.kind = PU_IN_CONN_UP;
    in.what = 0;
    lab_step(l, in);
    return in.conn;
}

static lab *started(void)
{
    lab *l = lab_new();
    l->config.conns_per_ip_max = l->config.conns_per_peer_max = 64;
    lab_begin(l);
    lab_start(l);
    return l;
}

/* Every connection's local endpoint, by slot: what `is` says; LOCALS: no connection. */
static void check_rows(const lab *l, const uint32_t is[SLOTS])
{
    uint32_t cursor = 0, rows = 0, wanted = 0;
    pu_conn_row row;
    while (pu_node_read_conns(l->node, &cursor, &row)) {
        pu_endpoint want = local_of(is[pu_handle_slot(row.conn)]);
        assert_true(pu_endpoint_equal(&row.local, &want));
        rows++;
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++) wanted += is[slot] != LOCALS;
    assert_int_equal(rows, wanted);
}

static void each_connection_keeps_its_own_end(void **state)
{
    (void)state;
    static const uint8_t seed[32] = {1};
    lab *l = started();
    pu_handle conns[SLOTS] = {0};
    uint32_t is[SLOTS];
    rng r;
    rng_init(&r, seed, 1);
    for (uint32_t slot = 0; slot < SLOTS; slot++) is[slot] = LOCALS;
    for (uint64_t life = 1; life <= LIVES; life++) {
        uint32_t slot = (uint32_t)rng_below(&r, SLOTS), i = (uint32_t)rng_below(&r, LOCALS);
        pu_endpoint to = local_of(i);
        if (conns[slot] == 0) {
            conns[slot] = connect_to(l, slot, life, i);
            is[slot] = i;
        } else if (rng_chance(&r, 1, 3)) {
            lab_step(l, (pu_in){.kind = PU_IN_CONN_PATH,
                                .conn = conns[slot],
                                .flags = PU_MIGRATED,
                                .local = to,
                                .remote = lab_endpoint(PEER)});
            is[slot] = i;
        } else {
            lab_step(l, (pu_in){.kind = PU_IN_CONN_DOWN, .conn = conns[slot]});
            conns[slot] = 0;
            is[slot] = LOCALS;
        }
        check_rows(l, is);
    }
    lab_end(l);
}

static void an_address_takes_its_connections_with_it(void **state)
{
    (void)state;
    lab *l = started();
    for (uint32_t i = 0; i < 3; i++) lab_local(l, local_of(i), PU_LISTEN);
    for (uint32_t slot = 0; slot < 9; slot++) connect_to(l, slot, slot + 1, slot % 3);
    lab_local(l, local_of(1), PU_GONE);
    lab_pass(l, PU_MS);
    assert_int_equal(l->hangup_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(l->hangups[i].code, PU_CODE_ADDRESS_GONE);
        assert_int_equal(pu_handle_slot(l->hangups[i].conn) % 3, 1);
    }
    lab_end(l);
}

/* Without memory for it our end is unknown, and the connection lives. */
static void a_connection_without_its_end_lives(void **state)
{
    (void)state;
    lab *l = started();
    pu_handle conn = connect_to(l, 0, 1, 0);
    l->heap.fail_at = l->heap.asked + 1;
    lab_step(l, (pu_in){.kind = PU_IN_CONN_PATH,
                        .conn = conn,
                        .flags = PU_MIGRATED,
                        .local = local_of(1),
                        .remote = lab_endpoint(PEER)});
    assert_int_equal(l->traced[PU_TR_NO_MEMORY], 1);
    uint32_t cursor = 0;
    pu_conn_row row;
    assert_true(pu_node_read_conns(l->node, &cursor, &row));
    assert_int_equal(row.local.port, 0);
    lab_end(l);
}

int endpoints_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_connection_keeps_its_own_end),
        cmocka_unit_test(an_address_takes_its_connections_with_it),
        cmocka_unit_test(a_connection_without_its_end_lives),
    };
    return cmocka_run_group_tests_name("endpoints", tests, NULL, NULL);
}
