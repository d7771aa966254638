/* rests_test.c - relays whose circuits lead nowhere: what counts, how long they rest, what that
 * changes about the next round, and what is forgotten. */
#include "tests/unit/relay_play.h"

int rests_test(void);

enum { FIRST = 3, SECOND = 4, PEER = 5 };

/* A node with two relays, the first of which it asks for circuits first. */
typedef struct two {
    lab *l;
    pu_handle relay[2];
} two;

static pu_handle relay_up(lab *l, int peer)
{
    uint8_t bytes[512], key[32], key_pb[36];
    pu_buf out = buf_of(bytes, sizeof bytes);
    lab_address(l, peer, PU_RELAY);
    pu_handle conn = lab_connect(l, peer, PU_DIALLER, 0);
    l->crypto[peer].public_key(l->crypto[peer].ctx, key);
    pu_public_key_pb(key_pb, key);
    wire_identify m = {.public_key = span_of(key_pb, sizeof key_pb), .protocol_count = 1};
    m.protocols[0] = SPAN_LITERAL(HOP);
    wire_identify_write(&out, &m);
    lab_give_framed(l, lab_accept_proto(l, conn, IDENTIFY), buf_span(&out), true);
    assert_non_null(lab_accept_proto(l, conn, HOP)); /* a place, which it never gets */
    return conn;
}

static two two_new(void)
{
    two t = {.l = lab_new()};
    t.l->config.ping_interval_ns = 3600 * PU_S;
    t.l->config.relay_ns = 60 * PU_S;
    lab_begin(t.l);
    lab_start(t.l);
    t.relay[0] = relay_up(t.l, FIRST);
    t.relay[1] = relay_up(t.l, SECOND);
    return t;
}

static void ask(two *t)
{
    for (int i = 0; i < 2 && t->relay[i] != 0; i++) /* what was given up meanwhile */
        while (lab_accept(t->l, t->relay[i]) != NULL) {}
    lab_step(t->l, (pu_in){.kind = PU_IN_COMMAND,
                           .what = PU_CMD_CONNECT,
                           .token = 77,
                           .peer = lab_id(t->l, PEER)});
}

/* The CONNECT that the node sends to a relay; NULL: none. */
static lab_stream *connect_at(two *t, int relay)
{
    for (lab_stream *s; (s = lab_accept_proto(t->l, t->relay[relay], HOP)) != NULL;) {
        wire_relay m;
        if (wire_hop_read(&m, lab_message(s)) && m.type == WIRE_HOP_CONNECT) return s;
    }
    return NULL;
}

/* The relay says yes: the token of what begins then. */
static pu_token yes(two *t, lab_stream *s)
{
    uint32_t count = t->l->upgrade_count;
    assert_non_null(s);
    give_hop(t->l, s,
             (wire_relay){.type = WIRE_HOP_STATUS, .status = WIRE_RELAY_OK, .has_status = true});
    assert_int_equal(t->l->upgrade_count, count + 1);
    s->handle = 0;
    return t->l->upgrades[count].token;
}

static pu_handle up(two *t, int relay, pu_token token)
{
    pu_handle conn = lab_conn_next(t->l);
    lab_step(t->l, (pu_in){.kind = PU_IN_CONN_UP,
                           .conn = conn,
                           .token = token,
                           .via = t->relay[relay],
                           .peer = lab_id(t->l, PEER),
                           .flags = PU_DIALLER | PU_RELAYED,
                           .transport = PU_TRANSPORT_CIRCUIT});
    lab_step(t->l, (pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = conn});
    return conn;
}

static void down(two *t, pu_handle conn, uint32_t code)
{
    lab *l = t->l;
    for (uint32_t i = 0; i < l->open_count; i++) {
        if (l->opens[i] != conn) continue;
        l->opens[i] = 0;
        lab_step(l, (pu_in){.kind = PU_IN_STREAM_DOWN,
                            .conn = conn,
                            .token = l->open_tokens[i],
                            .what = PU_DOWN_LOST});
    }
    lab_step(l, (pu_in){.kind = PU_IN_CONN_DOWN, .conn = conn, .code = code});
}

/* Which relay is asked first; the other is not before 2 s have passed if the first rests. Ends the
 * round. */
static int first_asked(two *t)
{
    ask(t);
    lab_stream *s[2] = {connect_at(t, 0), connect_at(t, 1)};
    assert_int_equal((s[0] != NULL) + (s[1] != NULL), 1);
    int first = s[1] != NULL;
    lab_pass(t->l, t->l->config.dial_stagger_ns);
    bool is_next = connect_at(t, 1 - first) != NULL;
    assert_int_equal(is_next, first == 0);
    if (!is_next) {
        lab_pass(t->l, 2 * PU_S - 1);
        assert_null(connect_at(t, 0));
        lab_pass(t->l, 1);
        assert_non_null(connect_at(t, 0));
    }
    lab_step(t->l, (pu_in){.kind = PU_IN_COMMAND,
                           .what = PU_CMD_DISCONNECT,
                           .token = 78,
                           .peer = lab_id(t->l, PEER)});
    lab_pass(t->l, t->l->config.relay_ns);
    return first;
}

/* One circuit through the first relay that ends with code after life_ns. */
static void circuit(two *t, uint64_t life_ns, uint32_t code)
{
    ask(t);
    lab_pass(t->l, 3 * PU_S);
    pu_handle conn = up(t, 0, yes(t, connect_at(t, 0)));
    lab_pass(t->l, life_ns);
    down(t, conn, code);
}

static uint64_t rest_s(const two *t)
{
    return t->l->traced_a[PU_TR_RELAY_RESTS];
}

static void what_is_lost_soon_makes_it_rest(void **state)
{
    (void)state;
    static const struct {
        uint64_t life_ns;
        uint32_t code;
        bool rests;
    } cases[] = {
        {20 * PU_S, PU_CODE_LOST, true},       {20 * PU_S, PU_CODE_TIMEOUT, true},
        {20 * PU_S, PU_CODE_VIOLATION, true},  {120 * PU_S - 1, PU_CODE_LOST, true},
        {120 * PU_S, PU_CODE_LOST, false},     {0, PU_CODE_SUPPLANTED, false},
        {20 * PU_S, PU_CODE_SHUTDOWN, false},  {20 * PU_S, PU_CODE_GATED, false},
        {20 * PU_S, PU_CODE_COLLECTED, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        two t = two_new();
        assert_int_equal(first_asked(&t), 0);
        circuit(&t, cases[i].life_ns, cases[i].code);
        assert_int_equal(t.l->traced[PU_TR_RELAY_RESTS], cases[i].rests);
        assert_int_equal(first_asked(&t), cases[i].rests);
        lab_end(t.l);
    }
}

/* 60 s, 120 s, up to an hour; then one that lasts, and it is 60 s again. */
static void it_rests_longer_each_time(void **state)
{
    (void)state;
    two t = two_new();
    for (uint64_t s = 60; s < 8000; s *= 2) {
        circuit(&t, PU_S, PU_CODE_LOST);
        assert_int_equal(rest_s(&t), s < 3600 ? s : 3600);
    }
    lab_pass(t.l, 3600 * PU_S);
    assert_int_equal(first_asked(&t), 0); /* that is over, and nothing forgotten */
    circuit(&t, PU_S, PU_CODE_LOST);
    assert_int_equal(rest_s(&t), 3600);
    circuit(&t, 120 * PU_S, PU_CODE_LOST);
    assert_int_equal(first_asked(&t), 0);
    circuit(&t, PU_S, PU_CODE_LOST);
    assert_int_equal(rest_s(&t), 60);
    lab_end(t.l);
}

/* It said yes, and nothing came through; or it said no, which is honest; or it was cancelled. */
static void only_what_failed_after_the_yes_counts(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        bool rests;
    } cases[] = {{PU_CODE_TIMEOUT, true},    {PU_CODE_LOST, true},       {PU_CODE_WRONG_PEER, true},
                 {PU_CODE_NO_MEMORY, false}, {PU_CODE_CANCELLED, false}, {PU_CODE_GATED, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        two t = two_new();
        ask(&t);
        pu_token token = yes(&t, connect_at(&t, 0));
        lab_step(t.l, (pu_in){.kind = PU_IN_DIAL_FAIL, .token = token, .code = cases[i].code});
        assert_int_equal(t.l->traced[PU_TR_RELAY_RESTS], cases[i].rests);
        lab_end(t.l);
    }
    two t = two_new();
    ask(&t);
    give_hop(t.l, connect_at(&t, 0),
             (wire_relay){.type = WIRE_HOP_STATUS,
                          .status = WIRE_RELAY_CONNECTION_FAILED,
                          .has_status = true});
    lab_pass(t.l, 60 * PU_S); /* the other relay says nothing at all */
    assert_int_equal(t.l->traced[PU_TR_RELAY_RESTS], 0);
    lab_end(t.l);
}

/* One that never was confirmed led nowhere; one that the peer made is its matter. */
static void circuits_that_we_did_not_make_do_not_count(void **state)
{
    (void)state;
    two t = two_new();
    pu_handle conn = lab_connect(t.l, PEER, PU_RELAYED, 0);
    down(&t, conn, PU_CODE_LOST);
    conn = lab_connect(t.l, PEER, PU_DIALLER | PU_RELAYED, 0); /* its carrier is not there */
    down(&t, conn, PU_CODE_LOST);
    assert_int_equal(t.l->traced[PU_TR_RELAY_RESTS], 0);
    ask(&t);
    pu_token token = yes(&t, connect_at(&t, 0));
    conn = lab_conn_next(t.l);
    lab_step(t.l, (pu_in){.kind = PU_IN_CONN_UP,
                          .conn = conn,
                          .token = token,
                          .via = t.relay[0],
                          .peer = lab_id(t.l, PEER),
                          .flags = PU_DIALLER | PU_RELAYED,
                          .transport = PU_TRANSPORT_CIRCUIT});
    down(&t, conn, PU_CODE_LOST);
    assert_int_equal(t.l->traced[PU_TR_RELAY_RESTS], 1);
    down(&t, lab_connect(t.l, PEER, PU_DIALLER, 0), PU_CODE_LOST);
    assert_int_equal(t.l->traced[PU_TR_RELAY_RESTS], 1);
    lab_end(t.l);
}

/* Where all rest, or there is no other, nothing is put off. */
static void the_only_one_is_used_as_ever(void **state)
{
    (void)state;
    lab *l = lab_new();
    l->config.ping_interval_ns = 3600 * PU_S;
    lab_begin(l);
    lab_start(l);
    two t = {.l = l, .relay = {relay_up(l, FIRST), 0}};
    for (int i = 0; i < 3; i++) {
        ask(&t);
        pu_handle conn = up(&t, 0, yes(&t, connect_at(&t, 0))); /* at once */
        lab_pass(l, PU_S);
        down(&t, conn, PU_CODE_LOST);
        assert_int_equal(l->traced[PU_TR_RELAY_RESTS], (uint32_t)i + 1);
    }
    lab_end(l);
}

int rests_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_lost_soon_makes_it_rest),
        cmocka_unit_test(it_rests_longer_each_time),
        cmocka_unit_test(only_what_failed_after_the_yes_counts),
        cmocka_unit_test(circuits_that_we_did_not_make_do_not_count),
        cmocka_unit_test(the_only_one_is_used_as_ever),
    };
    return cmocka_run_group_tests_name("rests", tests, NULL, NULL);
}
