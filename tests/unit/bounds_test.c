/* bounds_test.c - every table of a node is bounded: what happens at the bound, and without memory,
 * where no protocol's own test comes to it. */
#include "tests/unit/lab.h"
#include "wire/wire_identify.h"

int bounds_test(void);

#define IDENTIFY "/ipfs/id/1.0.0"

enum { B = 1, C = 2, D = 3, E = 4 };

static int known(const lab *l, int peer)
{
    uint32_t cursor = 0;
    pu_peer_row row;
    while (pu_node_read_peers(l->node, &cursor, &row))
        if (span_equal(row.peer, lab_id(l, peer))) return (int)row.addrs;
    return -1;
}

/* The code of the DONE that answers a command. */
static uint32_t ask(lab *l, pu_in in)
{
    static pu_token last = 1000;
    in.kind = PU_IN_COMMAND;
    in.token = ++last;
    lab_step(l, in);
    for (uint32_t i = 0; i < l->event_count; i++)
        if (l->events[i].what == PU_EVENT_DONE && l->events[i].token == last)
            return l->events[i].code;
    return UINT32_MAX; /* not yet */
}

static uint32_t address(lab *l, int peer)
{
    uint8_t bytes[PU_MADDR_MAX + 64];
    pu_buf b = buf_of(bytes, sizeof bytes);
    pu_endpoint at = lab_endpoint(peer);
    b.len = pu_addr_write(bytes, &at, PU_TRANSPORT_QUIC);
    varint_put(&b, PU_MA_P2P);
    varint_put(&b, l->id[peer].len);
    buf_put_span(&b, lab_id(l, peer));
    return ask(l, (pu_in){.what = PU_CMD_ADDRESS, .body = buf_span(&b)});
}

/* A connection with peer, who tells one address. */
static pu_handle told(lab *l, int peer)
{
    pu_handle conn = lab_connect(l, peer, 0, 0);
    uint8_t bytes[256], key[32], key_pb[36], maddr[PU_MADDR_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    l->crypto[peer].public_key(l->crypto[peer].ctx, key);
    pu_public_key_pb(key_pb, key);
    pu_endpoint at = pu_endpoint_ip4(9, 9, 20, (uint8_t)peer, 4001);
    wire_identify m = {.public_key = span_of(key_pb, 36), .addr_count = 1};
    m.addrs[0] = span_of(maddr, pu_addr_write(maddr, &at, PU_TRANSPORT_QUIC));
    wire_identify_write(&out, &m);
    lab_give_framed(l, lab_accept_proto(l, conn, IDENTIFY), buf_span(&out), true);
    return conn;
}

static lab *begun(const char *parameter, uint64_t value)
{
    lab *l = lab_new();
    assert_int_equal(pu_config_set(&l->config, span_of(parameter, strlen(parameter)), value),
                     PU_OK);
    l->config.ping_interval_ns = 3600 * PU_S;
    lab_begin(l);
    lab_start(l);
    return l;
}

/* A full book lets go of who is gone, the oldest first, but not of who is there or was given
 * (go-libp2p#3486: peers without end). */
static void a_full_book_forgets_who_is_not_needed(void **state)
{
    (void)state;
    lab *l = begun("book_peers_max", 2);
    lab_down(l, told(l, B));
    lab_down(l, told(l, C));
    lab_down(l, told(l, D));
    assert_int_equal(known(l, B), 0);
    assert_int_equal(known(l, C), 1);
    assert_int_equal(known(l, D), 1);
    assert_int_equal(address(l, E), PU_CODE_OK); /* in the place of C */
    pu_handle d = told(l, D);
    told(l, B);
    assert_int_equal(known(l, B), 0);
    assert_int_equal(l->traced[PU_TR_LIMITED], 1);
    assert_int_equal(address(l, B), PU_CODE_RESOURCE);
    lab_down(l, d);
    assert_int_equal(address(l, B), PU_CODE_OK);
    assert_int_equal(known(l, E), 1);
    assert_int_equal(known(l, D), 0);
    lab_end(l);
}

static void addresses_of_one_peer_displace_each_other(void **state)
{
    (void)state;
    lab *l = begun("book_addrs_max", 2);
    for (int i = 0; i < 3; i++) { /* pinned: three endpoints, two places */
        uint8_t bytes[PU_MADDR_MAX + 64];
        pu_buf b = buf_of(bytes, sizeof bytes);
        pu_endpoint at = pu_endpoint_ip4(9, 9, 30, (uint8_t)i, 4001);
        b.len = pu_addr_write(bytes, &at, PU_TRANSPORT_QUIC);
        varint_put(&b, PU_MA_P2P);
        varint_put(&b, l->id[B].len);
        buf_put_span(&b, lab_id(l, B));
        assert_int_equal(ask(l, (pu_in){.what = PU_CMD_ADDRESS, .body = buf_span(&b)}),
                         i < 2 ? PU_CODE_OK : PU_CODE_RESOURCE);
    }
    told(l, B); /* what a peer tells displaces nothing that was given */
    assert_int_equal(known(l, B), 2);
    lab_end(l);
}

static void authorisations_are_limited(void **state)
{
    (void)state;
    lab *l = lab_new();
    l->config.authorized_max = 3;
    lab_begin(l);
    lab_start(l);
    uint32_t resource = 0;
    for (uint32_t i = 0; i < l->event_count; i++) resource += l->events[i].code == PU_CODE_RESOURCE;
    assert_int_equal(resource, LAB_PEERS - 1 - 3);
    lab_end(l);
}

static void streams_are_limited(void **state)
{
    (void)state;
    lab *l = begun("streams_max", 1);
    pu_handle b = lab_connect(l, B, 0, 0);
    assert_non_null(lab_accept_proto(l, b, IDENTIFY));
    lab_connect(l, C, 0, 0); /* no stream is left to ask C */
    assert_int_equal(l->traced[PU_TR_LIMITED], 1);
    assert_int_equal(ask(l, (pu_in){.what = PU_CMD_PING, .peer = lab_id(l, C)}), PU_CODE_RESOURCE);
    lab_end(l);
}

/* Many wants and connections are given up in several steps, none of which is too long. */
static void stopping_takes_as_many_steps_as_it_needs(void **state)
{
    (void)state;
    enum { PEERS = 300, CONNS = 300 };
    lab *l = lab_new();
    l->config.wanted_max = l->config.conns_max = l->config.conns_per_ip_max = 1024;
    l->config.conns_per_peer_max = 64;
    l->config.gating = 0;
    pu_peers_free(l->peers);
    assert_int_equal(pu_peers_new(&l->peers, 1024, 1, &l->env.alloc), PU_OK);
    l->env.peers = l->peers;
    lab_begin(l);
    lab_start(l);
    for (uint32_t i = 0; i < CONNS; i++) lab_connect(l, 1 + (int)(i % 5), 0, 0);
    uint32_t asked = 0;
    for (uint32_t i = 0; i < PEERS; i++) {
        uint8_t key[32] = {(uint8_t)i, (uint8_t)(i >> 8), 7};
        pu_peer_id id;
        pu_peer_id_from_ed25519(&id, key);
        l->event_count = 0;
        uint32_t code = ask(
            l,
            (pu_in){.what = PU_CMD_CONNECT, .peer = span_of(id.bytes, id.len), .flags = PU_KEEP});
        asked += code == UINT32_MAX; /* 256 may wait; nobody knows where they are */
    }
    assert_int_equal(asked, 256);
    l->event_count = l->hangup_count = 0;
    assert_int_equal(ask(l, (pu_in){.what = PU_CMD_STOP}), PU_CODE_NO_MEMORY); /* 256 wait */
    lab_pass(l, 31 * PU_S); /* their deadline; older connections did not answer a probe */
    uint32_t cursor = 0, up = 0;
    for (pu_conn_row row; pu_node_read_conns(l->node, &cursor, &row);) up++;
    assert_in_range(up, 100, CONNS);
    l->event_count = l->hangup_count = 0;
    assert_int_equal(ask(l, (pu_in){.what = PU_CMD_STOP}), UINT32_MAX);
    lab_pass(l, PU_MS);
    assert_int_equal(l->hangup_count, up);
    lab_end(l);
}

/* Each want that is dialling takes two effects to give up: more than a step may tell. */
static void wants_are_given_up_in_several_steps(void **state)
{
    (void)state;
    enum { PEERS = 240 };
    lab *l = lab_new();
    l->config.wanted_max = 1024;
    pu_peers_free(l->peers);
    assert_int_equal(pu_peers_new(&l->peers, 1024, 1, &l->env.alloc), PU_OK);
    l->env.peers = l->peers;
    lab_begin(l);
    lab_start(l);
    for (uint32_t i = 0; i < PEERS; i++) {
        uint8_t key[32] = {(uint8_t)i, 9}, bytes[PU_MADDR_MAX + 64];
        pu_peer_id id;
        pu_peer_id_from_ed25519(&id, key);
        pu_endpoint at = pu_endpoint_ip4(9, 8, 0, (uint8_t)i, 4001);
        pu_buf b = buf_of(bytes, sizeof bytes);
        b.len = pu_addr_write(bytes, &at, PU_TRANSPORT_QUIC);
        varint_put(&b, PU_MA_P2P);
        varint_put(&b, id.len);
        buf_put(&b, id.bytes, id.len);
        l->event_count = 0;
        assert_int_equal(ask(l, (pu_in){.what = PU_CMD_ADDRESS, .body = buf_span(&b)}), PU_CODE_OK);
        pu_in connect = {.what = PU_CMD_CONNECT, .peer = span_of(id.bytes, id.len)};
        assert_int_equal(ask(l, connect), UINT32_MAX);
    }
    assert_int_equal(l->dial_count, PEERS);
    l->event_count = 0;
    assert_int_equal(ask(l, (pu_in){.what = PU_CMD_STOP}), UINT32_MAX);
    assert_in_range(l->cancel_count, 100, PEERS - 1);
    lab_pass(l, 1);
    assert_int_equal(l->cancel_count, PEERS);
    assert_int_equal(l->event_count, PEERS + 1);
    assert_int_equal(l->events[PEERS].code, PU_CODE_OK); /* STOP's own */
    lab_end(l);
}

/* A value that cannot be kept for want of memory is not half set. */
static void setting_needs_memory(void **state)
{
    (void)state;
    lab *l = begun("relays_max", 4);
    l->heap.fail_at = l->heap.asked + 1;
    pu_span body = SPAN_LITERAL("conns_max=7");
    assert_int_equal(ask(l, (pu_in){.what = PU_CMD_SET, .body = body}), PU_CODE_NO_MEMORY);
    assert_int_equal(ask(l, (pu_in){.what = PU_CMD_SET, .body = body}), PU_CODE_OK);
    uint32_t cursor = 0;
    pu_limit_row row;
    while (pu_node_read_limits(l->node, &cursor, &row))
        if (strcmp(row.name, "conns_max") == 0) assert_int_equal(row.max, 7);
    lab_end(l);
}

/* What the host says once is not lost: an address that found no memory is taken a second later. */
static void an_address_waits_for_memory(void **state)
{
    (void)state;
    for (int is_gone = 0; is_gone < 2; is_gone++) {
        lab *l = begun("relays_max", 4);
        pu_endpoint second = pu_endpoint_ip4(9, 9, 9, 77, 4001);
        l->event_count = 0;
        l->heap.fail_at = l->heap.asked + 1;
        lab_local(l, second, PU_LISTEN);
        assert_int_equal(l->traced[PU_TR_NO_MEMORY], 1);
        assert_int_equal(l->event_count, 0);
        if (is_gone) lab_local(l, second, PU_GONE);
        lab_pass(l, 2 * PU_S);
        assert_int_equal(l->event_count, is_gone ? 0 : 1); /* LISTENING */
        lab_end(l);
    }
}

/* A peer number is needed for whoever a command or an offer names. */
static void a_full_peer_table_refuses(void **state)
{
    (void)state;
    lab *l = lab_new();
    pu_peers_free(l->peers);
    assert_int_equal(pu_peers_new(&l->peers, 2, 1, &l->env.alloc), PU_OK);
    l->env.peers = l->peers;
    lab_begin(l); /* two of the seven find a place */
    lab_start(l);
    assert_int_equal(ask(l, (pu_in){.what = PU_CMD_CONNECT, .peer = lab_id(l, 5)}),
                     PU_CODE_RESOURCE);
    assert_int_equal(address(l, 5), PU_CODE_RESOURCE);
    assert_true(pu_peer_id_equal(pu_node_id(l->node), &l->id[0]));
    lab_end(l);
}

int bounds_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_book_forgets_who_is_not_needed),
        cmocka_unit_test(addresses_of_one_peer_displace_each_other),
        cmocka_unit_test(authorisations_are_limited),
        cmocka_unit_test(streams_are_limited),
        cmocka_unit_test(stopping_takes_as_many_steps_as_it_needs),
        cmocka_unit_test(wants_are_given_up_in_several_steps),
        cmocka_unit_test(setting_needs_memory),
        cmocka_unit_test(an_address_waits_for_memory),
        cmocka_unit_test(a_full_peer_table_refuses),
    };
    return cmocka_run_group_tests_name("bounds", tests, NULL, NULL);
}
