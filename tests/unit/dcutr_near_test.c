/* dcutr_near_test.c - hole punching between two peers behind one NAT: whom our private addresses
 * are told, whose are dialled, and how many. */
#include "tests/unit/dcutr_play.h"

int dcutr_near_test(void);

enum { RELAY = 3 };

/* Others see the node at 9.9.8.51. */
#define NEAR "/ip4/9.9.8.51/udp/5001/quic-v1"
#define FAR "/ip4/9.9.8.52/udp/5001/quic-v1"
#define INSIDE "/ip4/192.168.0.9/udp/4001/quic-v1"

/* A node inside its NAT, whose relay has said where it sees it. */
static lab *inside(uint64_t gating)
{
    lab *l = lab_new();
    l->config.ping_interval_ns = 3600 * PU_S;
    l->config.gating = gating;
    lab_begin(l);
    lab_local(l, pu_endpoint_ip4(192, 168, 0, 2, 4001), PU_LISTEN);
    lab_step(l, (pu_in){.kind = PU_IN_TICK});
    lab_address(l, RELAY, PU_RELAY);
    pu_handle relay = lab_connect(l, RELAY, PU_DIALLER, 0);
    tell(l, lab_accept_proto(l, relay, IDENTIFY), RELAY, NULL, endpoint_of(50));
    l->dial_count = 0;
    return l;
}

/* A CONNECT of the peer's with these addresses; NULL ends. */
static void give_connect(lab *l, lab_stream *s, const char *const texts[])
{
    uint8_t maddrs[WIRE_DCUTR_ADDRS_MAX][PU_MADDR_MAX], bytes[2048];
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_dcutr m = {.type = WIRE_DCUTR_CONNECT};
    for (; texts[m.addr_count] != NULL; m.addr_count++)
        m.addrs[m.addr_count] = lab_maddr(l, texts[m.addr_count], maddrs[m.addr_count]);
    wire_dcutr_write(&out, &m);
    assert_false(out.full);
    lab_give(l, s, buf_span(&out), false);
}

/* What a CONNECT of the node's names: how many global addresses, and how many private ones. */
static void count_told(const lab_stream *s, uint32_t *global, uint32_t *private)
{
    wire_dcutr m;
    assert_non_null(s);
    assert_true(wire_dcutr_read(&m, lab_message(s)));
    assert_int_equal(m.type, WIRE_DCUTR_CONNECT);
    *global = *private = 0;
    for (uint32_t i = 0; i < m.addr_count; i++) {
        pu_addr addr;
        assert_int_equal(pu_addr_read(&addr, m.addrs[i]), PU_OK);
        enum pu_scope scope = pu_endpoint_scope(&addr.endpoint);
        assert_true(scope == PU_SCOPE_GLOBAL || scope == PU_SCOPE_PRIVATE);
        *(scope == PU_SCOPE_GLOBAL ? global : private) += 1;
    }
}

static void assert_told(const lab_stream *s, uint32_t global, uint32_t private)
{
    uint32_t told_global, told_private;
    count_told(s, &told_global, &told_private);
    assert_int_equal(told_global, global);
    assert_int_equal(told_private, private);
}

/* B names no private address before it knows that A is near; what A names it dials at once, and
 * datagrams go where a NAT is. In the next round A hears of ours, too. */
static void b_dials_a_near_peer_at_once(void **state)
{
    (void)state;
    lab *l = inside(1);
    pu_handle conn = relayed_in(l);
    for (uint32_t round = 1; round <= 2; round++) {
        lab_stream *s = lab_accept_proto(l, conn, DCUTR);
        assert_told(s, 1, round == 1 ? 0 : 1);
        lab_pass(l, RTT_MS * PU_MS);
        s->skip = s->len;
        give_connect(l, s, (const char *const[]){NEAR, INSIDE, NULL});
        const pu_ef *dial = &l->dials[l->dial_count - 1];
        assert_int_equal(l->dial_count, 2 * round - 1); /* the one before: to the NAT, in the end */
        pu_endpoint to = pu_endpoint_ip4(192, 168, 0, 9, 4001);
        assert_true(pu_endpoint_equal(&dial->remote, &to));
        assert_int_equal(dial->transport, PU_TRANSPORT_QUIC);
        assert_int_equal(dial->socket, PU_SOCKET_MAIN);
        assert_int_equal(dial->what, PU_ROLE_CLIENT);
        assert_int_equal(dial->deadline, l->now + l->config.dcutr_round_ns);
        lab_pass(l, RTT_MS * PU_MS + l->config.dcutr_round_ns);
        lab_step(l,
                 (pu_in){.kind = PU_IN_DIAL_FAIL, .token = dial->token, .code = PU_CODE_TIMEOUT});
    }
    assert_int_equal(l->packet_count, 2 * l->config.punch_datagrams);
    for (uint32_t i = 0; i < l->packet_count; i++)
        assert_int_equal(pu_endpoint_scope(&l->packets[i]), PU_SCOPE_GLOBAL);
    lab_end(l);
}

/* The connection inside ends the punch. */
static void a_connection_inside_is_success(void **state)
{
    (void)state;
    lab *l = inside(1);
    pu_handle conn = relayed_in(l);
    lab_stream *s = lab_accept_proto(l, conn, DCUTR);
    s->skip = s->len;
    give_connect(l, s, (const char *const[]){NEAR, INSIDE, NULL});
    lab_connect(l, PEER, PU_DIALLER, l->dials[0].token);
    assert_int_equal(l->traced[PU_TR_PUNCH_OK], 1);
    lab_pass(l, 5 * PU_S);
    assert_int_equal(l->packet_count, 0);
    lab_end(l);
}

/* A answers a near B with its private address, and dials B's, without waiting for SYNC. */
static void a_tells_and_dials_a_near_peer(void **state)
{
    (void)state;
    lab *l = inside(1);
    pu_handle conn = relayed_out(l);
    lab_stream *s = lab_open(l, conn, DCUTR);
    give_connect(l, s, (const char *const[]){NEAR, INSIDE, NULL});
    assert_told(s, 1, 1);
    assert_int_equal(l->dial_count, 1);
    give(l, s, WIRE_DCUTR_SYNC, 0, 'g');
    assert_int_equal(l->dial_count, 2);
    assert_int_equal(pu_endpoint_scope(&l->dials[0].remote), PU_SCOPE_PRIVATE);
    assert_int_equal(pu_endpoint_scope(&l->dials[1].remote), PU_SCOPE_GLOBAL);
    lab_end(l);
}

/* Whoever is seen elsewhere is told nothing of our network, and makes us dial nothing in it. */
static void a_far_peer_hears_nothing(void **state)
{
    (void)state;
    lab *l = inside(1);
    lab_stream *s = lab_open(l, relayed_out(l), DCUTR);
    give_connect(l, s, (const char *const[]){FAR, INSIDE, NULL});
    assert_told(s, 1, 0);
    assert_int_equal(l->dial_count, 0);
    lab_end(l);
}

/* Nor does whom no line names, wherever it says it is, when gating lets everybody in. */
static void a_stranger_hears_nothing(void **state)
{
    (void)state;
    for (int is_named = 0; is_named <= 1; is_named++) {
        lab *l = inside(0);
        char text[PU_PEER_ID_TEXT_MAX];
        size_t len = pu_peer_id_text(&l->id[PEER], PU_PEER_BASE58, text);
        pu_in revoke = {.kind = PU_IN_COMMAND,
                        .what = PU_CMD_REVOKE,
                        .token = 9,
                        .peer = lab_id(l, PEER),
                        .body = span_of(text, len)};
        if (!is_named) lab_step(l, revoke);
        lab_stream *s = lab_open(l, relayed_out(l), DCUTR);
        give_connect(l, s, (const char *const[]){NEAR, INSIDE, NULL});
        assert_told(s, 1, (uint32_t)is_named);
        assert_int_equal(l->dial_count, is_named);
        lab_end(l);
    }
}

/* A peer may name anything: four addresses are dialled, two with one IP, none that is ours, of a
 * family that we do not have, or reaches no further than a host or a link, and each once. */
static void only_few_are_dialled(void **state)
{
    (void)state;
    lab *l = inside(1);
    lab_stream *s = lab_open(l, relayed_out(l), DCUTR);
    give_connect(l, s,
                 (const char *const[]){
                     NEAR, "/ip4/127.0.0.1/udp/4001/quic-v1", "/ip4/169.254.0.1/udp/4001/quic-v1",
                     "/ip4/192.168.0.2/udp/4001/quic-v1", "/ip4/192.168.0.7/tcp/4001",
                     "/ip4/192.168.0.7/udp/0/quic-v1", "/ip4/192.168.0.7/udp/4001/quic-v1/p2p/{B}",
                     "/ip4/192.168.0.2/udp/4002/quic-v1", "/ip4/192.168.0.2/udp/4002/quic-v1",
                     "/ip4/192.168.0.2/udp/4003/quic-v1", "/ip4/192.168.0.2/udp/4004/quic-v1",
                     "/ip6/fd00::1/udp/4001/quic-v1", "/ip4/10.0.0.1/udp/4001/quic-v1",
                     "/ip4/10.0.0.2/udp/4001/quic-v1", NULL});
    assert_int_equal(l->dial_count, 4);
    const pu_endpoint *const at = &l->dials[0].remote; /* another process of this host */
    assert_int_equal(at->port, 4002);
    assert_int_equal(l->dials[1].remote.port, 4003);
    assert_int_equal(l->dials[2].remote.ip[12], 10);
    assert_int_equal(l->dials[2].remote.ip[15], 1);
    assert_int_equal(l->dials[3].remote.ip[15], 2);
    lab_end(l);
}

/* What is being dialled is not dialled twice. */
static void a_dial_under_way_is_enough(void **state)
{
    (void)state;
    lab *l = inside(1);
    pu_handle conn = relayed_out(l);
    for (int round = 1; round <= 2; round++) {
        lab_stream *s = lab_open(l, conn, DCUTR);
        give_connect(l, s, (const char *const[]){NEAR, INSIDE, NULL});
        assert_int_equal(l->dial_count, 1);
        lab_give(l, s, span_of(NULL, 0), true);
    }
    lab_end(l);
}

/* A named peer that comes again and again by relay, and directly, which ends what is being dialled,
 * cannot make the node look through its network. */
static void a_peer_that_comes_again_scans_nothing(void **state)
{
    (void)state;
    enum { TIMES = 60 };
    uint32_t dialled = 0;
    lab *l = inside(1);
    for (uint32_t i = 0; i < TIMES; i++) {
        char at[4][48];
        for (uint32_t k = 0; k < 4; k++)
            snprintf(at[k], sizeof at[k], "/ip4/192.168.7.%u/udp/4001/quic-v1", 4 * i + k);
        pu_handle conn = relayed_in(l);
        lab_stream *s = lab_accept_proto(l, conn, DCUTR);
        s->skip = s->len;
        l->dial_count = 0;
        give_connect(l, s, (const char *const[]){NEAR, at[0], at[1], at[2], at[3], NULL});
        assert_in_range(l->dial_count, i < 8 ? 4 : 0, 4);
        dialled += l->dial_count;
        pu_handle direct = lab_connect(l, PEER, 0, 0);
        lab_down(l, conn);
        lab_down(l, direct);
        lab_pass(l, PU_S / 2);
    }
    assert_in_range(dialled, 32, 32 + TIMES / 2 + 1);
    lab_end(l);
}

/* Four of ours are told at most, and no more than a message bears. */
static void only_few_are_told(void **state)
{
    (void)state;
    for (uint8_t global = 0; global <= 14; global = (uint8_t)(global + 7)) {
        lab *l = inside(1);
        for (uint8_t i = 0; i < global; i++)
            lab_local(l, pu_endpoint_ip4(9, 9, 7, i, 4001), PU_LISTEN);
        for (uint8_t i = 0; i < 8 && global < 14; i++)
            lab_local(l, pu_endpoint_ip4(10, 0, 0, i, 4001), PU_LISTEN);
        lab_stream *s = lab_open(l, relayed_out(l), DCUTR);
        give_connect(l, s, (const char *const[]){NEAR, NULL});
        assert_told(s, 1u + global, global < 14 ? 4 : 1);
        lab_end(l);
    }
}

int dcutr_near_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(b_dials_a_near_peer_at_once),
        cmocka_unit_test(a_connection_inside_is_success),
        cmocka_unit_test(a_tells_and_dials_a_near_peer),
        cmocka_unit_test(a_far_peer_hears_nothing),
        cmocka_unit_test(a_stranger_hears_nothing),
        cmocka_unit_test(only_few_are_dialled),
        cmocka_unit_test(a_dial_under_way_is_enough),
        cmocka_unit_test(a_peer_that_comes_again_scans_nothing),
        cmocka_unit_test(only_few_are_told),
    };
    return cmocka_run_group_tests_name("dcutr_near", tests, NULL, NULL);
}
