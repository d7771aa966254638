/* link_rig_test.c - real nodes over real links on virtual time: QUIC, TCP, circuits through a relay
 * over either, hole punches; round trips, loss, segments of one byte, many streams, and the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "link/carrier.h"
#include "tests/lib/node_rig.h"

int link_rig_test(void);

/* The round trip of all rigs here. */
#define RTT_NS (80 * PU_MS)

/* Two public hosts that know each other, over one transport. */
typedef struct pair {
    node_rig *w;
    node_rig_host *a, *b;
} pair;

static pair pair_new(enum pu_transport transport, void (*change)(pu_config *config))
{
    pair p = {.w = node_rig_new(1, RTT_NS / 2)};
    p.a = node_rig_add(p.w, false, change);
    p.b = node_rig_add(p.w, false, change);
    node_rig_authorise(p.a, p.b);
    node_rig_authorise(p.b, p.a);
    node_rig_address(p.a, p.b, transport, false);
    node_rig_expose(p.b);
    node_rig_start(p.a);
    node_rig_start(p.b);
    return p;
}

static bool connects(pair p, uint64_t within_ns)
{
    pu_token token = node_rig_command(p.a, PU_CMD_CONNECT, p.b);
    return node_rig_run_for(p.w, p.a, token, within_ns);
}

/* The round trip that a ping over the best connection measures. */
static uint64_t ping_ns(node_rig *w, node_rig_host *from, const node_rig_host *to)
{
    pu_token token = node_rig_command(from, PU_CMD_PING, to);
    assert_true(node_rig_run_for(w, from, token, 10 * PU_S));
    return from->done_offset[token];
}

static void assert_within(uint64_t value, uint64_t least, uint64_t most)
{
    if (value < least || value > most)
        fail_msg("%llu is not between %llu and %llu", (unsigned long long)value,
                 (unsigned long long)least, (unsigned long long)most);
}

/* ---- two public hosts ---- */

/* Confirmed, and the first byte of the other side, after so many hundredths of a round trip. */
static void assert_prompt(enum pu_transport transport, uint64_t up, uint64_t usable)
{
    pair p = pair_new(transport, NULL);
    pu_time began = p.w->now;
    assert_true(connects(p, 15 * PU_S));
    node_rig_run(p.w, 2 * PU_S);
    const node_rig_conn *a = node_rig_conn_of(p.a, transport, 0);
    const node_rig_conn *b = node_rig_conn_of(p.b, transport, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->flags & PU_DIALLER, PU_DIALLER);
    assert_int_equal(b->flags & PU_DIALLER, 0);
    assert_within(a->up_at - began, RTT_NS * up / 100, RTT_NS * (up + 10) / 100);
    assert_within(a->confirmed_at - began, RTT_NS * up / 100, RTT_NS * usable / 100);
    assert_within(a->first_data_at - began, RTT_NS * up / 100, RTT_NS * usable / 100);
    assert_int_equal(p.a->traced[PU_TR_IDENTIFIED], 1);
    assert_int_equal(p.b->traced[PU_TR_IDENTIFIED], 1);
    assert_within(ping_ns(p.w, p.a, p.b), RTT_NS, RTT_NS + PU_MS);
    assert_within(ping_ns(p.w, p.b, p.a), RTT_NS, RTT_NS + PU_MS);
    node_rig_free(p.w);
}

static void quic_connects_within_two_round_trips(void **state)
{
    (void)state;
    assert_prompt(PU_TRANSPORT_QUIC, 100, 210);
}

static void tcp_connects_within_three_round_trips(void **state)
{
    (void)state;
    assert_prompt(PU_TRANSPORT_TCP, 200, 310);
}

/* Streams of several sizes, one after the other; each is read back to its end. */
static void assert_echoes(node_rig *w, node_rig_host *from, const node_rig_host *to, uint64_t most)
{
    static const uint64_t sizes[] = {0, 1, 5000, 100000, 3000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && sizes[i] <= most; i++) {
        node_rig_app *s = node_rig_open(from, to, sizes[i]);
        for (int k = 0; k < 600 && !s->is_over; k++) node_rig_run(w, 100 * PU_MS);
        assert_true(s->is_over);
        assert_int_equal(s->code, PU_CODE_OK);
        assert_int_equal(s->got, sizes[i]);
        assert_false(s->is_wrong);
        node_rig_apps_forget(from);
    }
}

static void bytes_come_back(void **state)
{
    (void)state;
    static const enum pu_transport transports[] = {PU_TRANSPORT_QUIC, PU_TRANSPORT_TCP};
    for (int i = 0; i < 2; i++) {
        pair p = pair_new(transports[i], NULL);
        assert_true(connects(p, 15 * PU_S));
        assert_echoes(p.w, p.a, p.b, UINT64_MAX);
        node_rig_free(p.w);
    }
}

static void tcp_may_come_byte_by_byte(void **state)
{
    (void)state;
    pair p = pair_new(PU_TRANSPORT_TCP, NULL);
    p.w->tcp_segment = 1;
    assert_true(connects(p, 15 * PU_S));
    assert_echoes(p.w, p.a, p.b, 5000);
    node_rig_free(p.w);
}

static void quic_gets_through_loss(void **state)
{
    (void)state;
    for (uint64_t dice = 1; dice <= 5; dice++) {
        pair p = pair_new(PU_TRANSPORT_QUIC, NULL);
        p.w->dice = dice;
        p.w->lost_in_1024 = 51; /* 5 % */
        assert_true(connects(p, 30 * PU_S));
        assert_echoes(p.w, p.a, p.b, 100000);
        node_rig_free(p.w);
    }
}

/* What is sent over TCP is a function of the seed alone. (QUIC is where GnuTLS's randomness is.) */
static void tcp_runs_are_the_same_twice(void **state)
{
    (void)state;
    uint64_t first[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        pair p = pair_new(PU_TRANSPORT_TCP, NULL);
        assert_true(connects(p, 15 * PU_S));
        assert_echoes(p.w, p.a, p.b, 100000);
        if (i == 0) memcpy(first, p.w->hash, sizeof first);
        assert_memory_equal(first, p.w->hash, sizeof first);
        node_rig_free(p.w);
    }
}

/* ---- many streams ---- */

static void many_streams_one_by_one(void **state)
{
    (void)state;
    static const enum pu_transport transports[] = {PU_TRANSPORT_QUIC, PU_TRANSPORT_TCP};
    for (int i = 0; i < 2; i++) {
        pair p = pair_new(transports[i], NULL);
        assert_true(connects(p, 15 * PU_S));
        for (int k = 0; k < 10000; k++) {
            node_rig_app *s = node_rig_open(p.a, p.b, 1);
            for (int turns = 0; turns < 50 && !s->is_over; turns++) node_rig_run(p.w, RTT_NS / 2);
            if (!s->is_over || s->code != PU_CODE_OK || s->got != 1)
                fail_msg("stream %d: over %d code %x got %u", k, s->is_over, s->code,
                         (unsigned)s->got);
            node_rig_apps_forget(p.a);
            node_rig_apps_forget(p.b);
        }
        assert_non_null(node_rig_conn_of(p.a, transports[i], 0)); /* still the first connection */
        assert_null(node_rig_conn_of(p.a, transports[i], 1));
        node_rig_free(p.w);
    }
}

static void many_streams_at_once(void **state)
{
    (void)state;
    static const enum pu_transport transports[] = {PU_TRANSPORT_QUIC, PU_TRANSPORT_TCP};
    enum { STREAMS = 256, BYTES = 20000 };
    for (int i = 0; i < 2; i++) {
        pair p = pair_new(transports[i], NULL);
        assert_true(connects(p, 15 * PU_S));
        for (uint32_t k = 0; k < STREAMS; k++) (void)node_rig_open(p.a, p.b, BYTES);
        node_rig_run(p.w, 60 * PU_S);
        for (uint32_t k = 0; k < STREAMS; k++) {
            const node_rig_app *s = &p.a->apps[k];
            assert_true(s->is_over);
            assert_int_equal(s->code, PU_CODE_OK);
            assert_int_equal(s->got, BYTES);
            assert_false(s->is_wrong);
        }
        node_rig_free(p.w);
    }
}

/* ---- a relay ---- */

/* A relay in public, and two hosts behind routers that know nothing of each other but the relay. */
typedef struct trio {
    node_rig *w;
    node_rig_host *relay, *a, *b;
} trio;

static void is_relay(pu_config *config)
{
    config->relay_server = 1;
}

static void never_punches(pu_config *config)
{
    config->dcutr = 0;
}

static trio trio_new(enum pu_transport transport, void (*change)(pu_config *config))
{
    trio t = {.w = node_rig_new(2, RTT_NS / 2)};
    t.relay = node_rig_add(t.w, false, is_relay);
    t.a = node_rig_add(t.w, true, change);
    t.b = node_rig_add(t.w, true, change);
    node_rig_host *const all[] = {t.relay, t.a, t.b};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            if (i != k) node_rig_authorise(all[i], all[k]);
    node_rig_address(t.a, t.relay, transport, true);
    node_rig_address(t.b, t.relay, transport, true);
    node_rig_start(t.relay);
    node_rig_start(t.a);
    node_rig_start(t.b);
    node_rig_run(t.w, 10 * PU_S);
    assert_int_equal(t.a->traced[PU_TR_RELAY_RESERVED], 1);
    assert_int_equal(t.b->traced[PU_TR_RELAY_RESERVED], 1);
    return t;
}

static void assert_relayed(enum pu_transport transport)
{
    trio t = trio_new(transport, never_punches);
    pu_token token = node_rig_command(t.a, PU_CMD_CONNECT, t.b);
    assert_true(node_rig_run_for(t.w, t.a, token, 15 * PU_S));
    node_rig_run(t.w, 2 * PU_S);
    node_rig_conn *a = node_rig_conn_of(t.a, PU_TRANSPORT_CIRCUIT, 0);
    node_rig_conn *b = node_rig_conn_of(t.b, PU_TRANSPORT_CIRCUIT, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->flags, PU_DIALLER | PU_RELAYED | PU_LIMITED | PU_PROVISIONAL);
    assert_int_equal(b->flags, PU_RELAYED | PU_LIMITED);
    assert_within(ping_ns(t.w, t.a, t.b), 2 * RTT_NS, 2 * RTT_NS + PU_MS);
    assert_int_equal(t.a->traced[PU_TR_IDENTIFIED], 2); /* the relay, and B */

    /* The relay goes: what it carried ends with it, inner connections first (the judge sees). */
    token = node_rig_command(t.relay, PU_CMD_STOP, NULL);
    assert_true(node_rig_run_for(t.w, t.relay, token, 10 * PU_S));
    node_rig_run(t.w, PU_S);
    assert_null(node_rig_conn_of(t.a, PU_TRANSPORT_CIRCUIT, 0));
    assert_null(node_rig_conn_of(t.b, PU_TRANSPORT_CIRCUIT, 0));
    assert_int_equal(t.relay->law.conn_count, 0);
    assert_int_equal(t.relay->law.stream_count, 0);
    node_rig_free(t.w);
}

static void circuits_work_over_quic(void **state)
{
    (void)state;
    assert_relayed(PU_TRANSPORT_QUIC);
}

static void circuits_work_over_tcp(void **state)
{
    (void)state;
    assert_relayed(PU_TRANSPORT_TCP);
}

/* Both sides punch through their routers, and a direct connection takes the circuit's place. */
static void a_hole_is_punched(void **state)
{
    (void)state;
    trio t = trio_new(PU_TRANSPORT_QUIC, NULL);
    pu_token token = node_rig_command(t.a, PU_CMD_CONNECT, t.b);
    assert_true(node_rig_run_for(t.w, t.a, token, 15 * PU_S));
    node_rig_run(t.w, 5 * PU_S);
    assert_int_equal(t.a->traced[PU_TR_PUNCH_OK] + t.b->traced[PU_TR_PUNCH_OK], 2);
    const node_rig_conn *direct = NULL;
    for (uint32_t i = 0; direct == NULL && i < 3; i++) {
        direct = node_rig_conn_of(t.a, PU_TRANSPORT_QUIC, i);
        if (direct != NULL && !pu_endpoint_equal(&direct->remote, &t.b->outside)) direct = NULL;
    }
    assert_non_null(direct);
    assert_within(ping_ns(t.w, t.a, t.b), RTT_NS, RTT_NS + PU_MS);
    node_rig_run(t.w, 30 * PU_S); /* the circuit is spare, and goes */
    assert_null(node_rig_conn_of(t.a, PU_TRANSPORT_CIRCUIT, 0));
    node_rig_free(t.w);
}

/* ---- simultaneous open ---- */

/* Both dial over TCP at once, one of them as server: one connection, with a dialler above. */
static void tcp_opens_from_both_sides(void **state)
{
    (void)state;
    pair p = pair_new(PU_TRANSPORT_QUIC, NULL);
    node_rig_host *const both[] = {p.a, p.b};
    for (int i = 0; i < 2; i++) {
        const pu_peer_id *id = pu_node_id(both[1 - i]->node);
        node_rig_effect(both[i], &(pu_ef){.kind = PU_EF_DIAL,
                                          .token = 99,
                                          .peer = span_of(id->bytes, id->len),
                                          .remote = both[1 - i]->outside,
                                          .transport = PU_TRANSPORT_TCP,
                                          .what = i == 0 ? PU_ROLE_CLIENT : PU_ROLE_SERVER,
                                          .socket = PU_SOCKET_MAIN,
                                          .deadline = p.w->now + 10 * PU_S});
    }
    node_rig_run(p.w, 2 * PU_S);
    /* Nobody wanted the connection: both nodes hang up what they were given. It was given. */
    for (int i = 0; i < 2; i++) {
        const node_rig_conn *c = &both[i]->conns[1];
        assert_int_equal(c->transport, PU_TRANSPORT_TCP);
        assert_int_equal(c->flags, i == 0 ? PU_DIALLER | PU_PROVISIONAL : PU_DIALLER);
        assert_int_not_equal(c->up_at, 0);
    }
    node_rig_free(p.w);
}

/* ---- who is not welcome ---- */

static void strangers_get_nothing(void **state)
{
    (void)state;
    static const enum pu_transport transports[] = {PU_TRANSPORT_QUIC, PU_TRANSPORT_TCP};
    for (int i = 0; i < 2; i++) {
        node_rig *w = node_rig_new(3, RTT_NS / 2);
        node_rig_host *a = node_rig_add(w, false, NULL), *b = node_rig_add(w, false, NULL);
        node_rig_authorise(a, b); /* but not the other way */
        node_rig_address(a, b, transports[i], false);
        node_rig_start(a);
        node_rig_start(b);
        pu_token token = node_rig_command(a, PU_CMD_CONNECT, b);
        assert_false(node_rig_run_for(w, a, token, 40 * PU_S));
        assert_true(b->traced[PU_TR_REFUSED] > 0);
        assert_int_equal(b->traced[PU_TR_CONN_UP], 0);
        assert_int_equal(a->traced[PU_TR_CONN_CONFIRMED], 0);
        node_rig_free(w);
    }
}

/* The address is somebody else's: the dial fails before any stream exists. */
static void somebody_else_answers(void **state)
{
    (void)state;
    static const enum pu_transport transports[] = {PU_TRANSPORT_QUIC, PU_TRANSPORT_TCP};
    for (int i = 0; i < 2; i++) {
        node_rig *w = node_rig_new(3, RTT_NS / 2);
        node_rig_host *a = node_rig_add(w, false, NULL), *b = node_rig_add(w, false, NULL);
        node_rig_host *c = node_rig_add(w, false, NULL);
        node_rig_authorise(a, c);
        node_rig_authorise(b, a);
        pu_endpoint real = c->outside;
        c->outside = b->outside; /* where A believes that C is */
        node_rig_address(a, c, transports[i], false);
        c->outside = real;
        node_rig_start(a);
        node_rig_start(b);
        pu_token token = node_rig_command(a, PU_CMD_CONNECT, c);
        assert_false(node_rig_run_for(w, a, token, 40 * PU_S));
        assert_int_equal(a->traced[PU_TR_CONN_UP], 0);
        assert_int_equal(b->traced[PU_TR_CONN_CONFIRMED], 0);
        node_rig_free(w);
    }
}

/* ---- the end, and rest ---- */

static void stopping_hangs_up_everything(void **state)
{
    (void)state;
    static const enum pu_transport transports[] = {PU_TRANSPORT_QUIC, PU_TRANSPORT_TCP};
    for (int i = 0; i < 2; i++) {
        pair p = pair_new(transports[i], NULL);
        assert_true(connects(p, 15 * PU_S));
        for (int k = 0; k < 20; k++) (void)node_rig_open(p.a, p.b, 1000000);
        node_rig_run(p.w, 3 * RTT_NS);
        pu_token token = node_rig_command(p.a, PU_CMD_STOP, NULL);
        assert_true(node_rig_run_for(p.w, p.a, token, 5 * PU_S));
        node_rig_run(p.w, 5 * PU_S);
        assert_int_equal(p.a->law.conn_count, 0);
        assert_int_equal(p.b->law.conn_count, 0);
        assert_int_equal(p.b->law.stream_count, 0);
        node_rig_free(p.w);
    }
}

/* Five idle minutes: the connection lives, and costs a few datagrams and ticks a minute. */
static void idle_connections_survive(void **state)
{
    (void)state;
    static const enum pu_transport transports[] = {PU_TRANSPORT_QUIC, PU_TRANSPORT_TCP};
    for (int i = 0; i < 2; i++) {
        pair p = pair_new(transports[i], NULL);
        assert_true(connects(p, 15 * PU_S));
        node_rig_run(p.w, 5 * PU_S);
        uint64_t datagrams = p.w->datagrams, ticks = p.a->ticks;
        node_rig_run(p.w, 300 * PU_S);
        assert_non_null(node_rig_conn_of(p.a, transports[i], 0));
        assert_null(node_rig_conn_of(p.a, transports[i], 1));
        assert_in_range(p.a->ticks - ticks, 1, 1000);
        assert_in_range(p.w->datagrams - datagrams, 0, 600);
        node_rig_free(p.w);
    }
}

/* From the command through the node to the link below it: deadlines and limits are one thing. */
static void a_parameter_reaches_the_link(void **state)
{
    (void)state;
    pair p = pair_new(PU_TRANSPORT_TCP, NULL);
    node_rig_set(p.b, "handshake_ns=3000000000");
    assert_int_equal(link_config(p.b->link)->handshake_ns, 3 * PU_S);
    assert_int_equal(p.b->config.handshake_ns, 10 * PU_S); /* the host's own is left alone */
    assert_true(connects(p, 15 * PU_S));
    node_rig_set(p.b, "idle_ns=2000000000"); /* of connections that are there, too */
    p.a->is_on = false;                      /* nobody answers a ping any more */
    node_rig_set(p.b, "yamux_keep_alive_ns=1000000000");
    node_rig_run(p.w, 4 * PU_S);
    assert_null(node_rig_conn_of(p.b, PU_TRANSPORT_TCP, 0));
    node_rig_free(p.w);
}

int link_rig_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quic_connects_within_two_round_trips),
        cmocka_unit_test(tcp_connects_within_three_round_trips),
        cmocka_unit_test(bytes_come_back),
        cmocka_unit_test(tcp_may_come_byte_by_byte),
        cmocka_unit_test(quic_gets_through_loss),
        cmocka_unit_test(tcp_runs_are_the_same_twice),
        cmocka_unit_test(many_streams_one_by_one),
        cmocka_unit_test(many_streams_at_once),
        cmocka_unit_test(circuits_work_over_quic),
        cmocka_unit_test(circuits_work_over_tcp),
        cmocka_unit_test(a_hole_is_punched),
        cmocka_unit_test(tcp_opens_from_both_sides),
        cmocka_unit_test(strangers_get_nothing),
        cmocka_unit_test(somebody_else_answers),
        cmocka_unit_test(stopping_hangs_up_everything),
        cmocka_unit_test(idle_connections_survive),
        cmocka_unit_test(a_parameter_reaches_the_link),
    };
    return cmocka_run_group_tests_name("link_rig", tests, NULL, NULL);
}
