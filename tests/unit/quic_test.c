/* quic_test.c - QUIC connections between links in virtual time: how they begin, stay, move and end
 * (RFC 9000, libp2p specs quic and tls). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "quic/quic_impl.h"
#include "tests/lib/quic_rig.h"

int quic_test(void);

enum { RTT_NS = 20 * PU_MS };

/* Two hosts, 10 ms apart; streams to b are echoed. */
typedef struct pair {
    rig *w;
    rig_host *a, *b;
} pair;

static pair pair_new(void (*change)(rig_host *h))
{
    pair p = {.w = rig_new()};
    p.a = rig_add(p.w, change);
    p.b = rig_add(p.w, change);
    p.b->echoes = true;
    return p;
}

/* The carrier of a host's n-th living connection. */
static quic_conn *carrier(const rig_host *h, uint32_t n)
{
    const quic_endpoint *q = link_quic(h->link);
    for (uint32_t i = 0; i < q->conn_cap; i++)
        if (q->conns[i] != NULL && n-- == 0) return q->conns[i];
    return NULL;
}

/* Bytes go to b and come back. */
static void assert_echo(const pair *p, const rig_conn *c, uint64_t bytes)
{
    rig_stream *s = rig_open(p->a, c);
    rig_run(p->w, PU_MS);
    assert_true(s->is_up);
    rig_send(p->a, s, bytes, true);
    assert_true(rig_run_for(p->w, &s->is_down, 60 * PU_S));
    assert_int_equal(s->what, PU_DOWN_FINISHED);
    assert_int_equal(s->got, bytes);
    assert_true(s->has_fin);
    assert_false(s->is_wrong);
}

/* ---- beginning ---- */

static void both_sides_prove_who_they_are(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    pu_time start = p.w->now;
    rig_conn *c = rig_connect(p.a, p.b), *d = &p.b->conns[0];
    assert_true(pu_peer_id_equal(&c->peer, &p.b->id));
    assert_true(pu_peer_id_equal(&d->peer, &p.a->id));
    assert_true(d->is_asked_accept);
    assert_true(d->is_asked_secured);
    /* Usable after one round trip, accepted by the other side after two. */
    assert_int_equal(c->up_at - start, RTT_NS);
    assert_int_equal(c->confirmed_at - start, 2 * RTT_NS);
    assert_int_equal(d->up_at - start, RTT_NS + RTT_NS / 2);
    assert_int_equal(d->confirmed_at, d->up_at);
    assert_int_equal(carrier(p.a, 0)->head.rtt_ns, RTT_NS);
    rig_free(p.w);
}

static void a_ping_takes_one_round_trip(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_conn *c = rig_connect(p.a, p.b);
    for (int i = 0; i < 5; i++) {
        rig_stream *s = rig_open(p.a, c);
        pu_time start = p.w->now;
        rig_send(p.a, s, 32, true);
        assert_true(rig_run_for(p.w, &s->has_fin, PU_S));
        assert_int_equal(p.w->now - start, RTT_NS);
        rig_run(p.w, 7 * PU_MS);
    }
    rig_free(p.w);
}

/* The node's first stream goes with the last flight of the handshake, and its answer is there two
 * round trips after the dial. */
static void the_first_answer_comes_after_two_round_trips(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    pu_time start = p.w->now;
    pu_token token = rig_dial(p.a, p.b, NULL);
    rig_run(p.w, RTT_NS);
    rig_conn *c = rig_conn_of(p.a, token);
    assert_non_null(c);
    rig_stream *s = rig_open(p.a, c);
    rig_send(p.a, s, 1, false);
    rig_run(p.w, RTT_NS);
    assert_int_equal(s->got, 1);
    assert_int_equal(s->first_at - start, 2 * RTT_NS);
    rig_free(p.w);
}

static void the_accepting_side_opens_streams(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.a->echoes = true;
    rig_connect(p.a, p.b);
    rig_stream *s = rig_open(p.b, &p.b->conns[0]);
    rig_send(p.b, s, 5000, true);
    assert_true(rig_run_for(p.w, &s->is_down, PU_S));
    assert_int_equal(s->got, 5000);
    assert_int_equal(s->what, PU_DOWN_FINISHED);
    rig_free(p.w);
}

static void two_dials_at_once_make_two_connections(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.a->echoes = true;
    pu_token from_a = rig_dial(p.a, p.b, NULL), from_b = rig_dial(p.b, p.a, NULL);
    rig_run(p.w, 3 * RTT_NS);
    rig_conn *c = rig_conn_of(p.a, from_a), *d = rig_conn_of(p.b, from_b);
    assert_non_null(c);
    assert_non_null(d);
    assert_true(c->is_confirmed);
    assert_true(d->is_confirmed);
    assert_int_equal(p.a->conn_count, 2);
    assert_echo(&p, c, 10000);
    rig_stream *s = rig_open(p.b, d);
    rig_send(p.b, s, 10000, true);
    assert_true(rig_run_for(p.w, &s->is_down, PU_S));
    assert_int_equal(s->got, 10000);
    rig_free(p.w);
}

/* Both halves of a large hello, or a retransmission, come in one batch with the first datagram,
 * before the node has said a word. */
static enum rig_fate double_first(rig *w, rig_datagram *d)
{
    (void)w;
    return d->len >= 1200 && (d->bytes[0] & 0xb0) == 0x80 ? RIG_DOUBLE : RIG_PASS;
}

/* quinn CVE-2024-45311: the same Initial twice. */
static void doubled_initials_are_one_connection(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.w->fate = double_first;
    p.w->are_batched = true;
    rig_conn *c = rig_connect(p.a, p.b);
    assert_int_equal(p.b->conn_count, 1);
    assert_echo(&p, c, 1000);
    rig_free(p.w);
}

/* ---- refusals ---- */

static void a_refusal_before_the_handshake_costs_one_round_trip(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.b->accept_code = PU_CODE_RESOURCE;
    rig_dial(p.a, p.b, NULL);
    pu_time start = p.w->now;
    rig_run(p.w, PU_S);
    assert_int_equal(p.a->dial_fails, 1);
    assert_int_equal(p.a->last_fail_code, PU_CODE_REFUSED);
    assert_int_equal(p.a->last_fail_at - start, RTT_NS);
    assert_false(p.b->conns[0].is_asked_secured);
    assert_null(carrier(p.b, 0));
    assert_int_equal(p.b->sent_datagrams, 1);
    rig_free(p.w);
}

/* The dialler is up before the other side has seen its certificate; that is why up is not
 * confirmed. */
static void an_unauthorised_peer_is_told_so(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.b->secured_code = PU_CODE_GATED;
    pu_token token = rig_dial(p.a, p.b, NULL);
    rig_run(p.w, RTT_NS);
    rig_conn *c = rig_conn_of(p.a, token);
    assert_non_null(c);
    rig_stream *s = rig_open(p.a, c);
    rig_send(p.a, s, 1000, false);
    rig_run(p.w, PU_S);
    assert_false(c->is_confirmed);
    assert_true(c->is_down);
    assert_int_equal(c->code, PU_CODE_GATED);
    assert_true(s->is_down);
    assert_int_equal(s->what, PU_DOWN_LOST);
    assert_true(pu_peer_id_equal(&p.b->conns[0].peer, &p.a->id));
    assert_int_equal(p.b->stream_count, 0);
    rig_free(p.w);
}

static void another_peer_than_the_one_dialled_is_refused(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_dial(p.a, p.b, &p.a->id);
    rig_run(p.w, PU_S);
    assert_int_equal(p.a->dial_fails, 1);
    assert_int_equal(p.a->last_fail_code, PU_CODE_WRONG_PEER);
    assert_int_equal(p.a->conn_count, 0);
    assert_int_equal(p.b->conn_count, 1);
    assert_false(p.b->conns[0].is_asked_secured);
    assert_true(p.b->conns[0].is_down);
    assert_int_equal(p.b->conns[0].code, PU_CODE_REFUSED);
    rig_free(p.w);
}

/* A clock that is wrong: the certificate is of the future, or a hundred years old. */
static void certificates_out_of_time_are_refused(void **state)
{
    (void)state;
    static const uint64_t unix_s[] = {1780000000, UINT64_C(4990000000)};
    for (size_t i = 0; i < sizeof unix_s / sizeof unix_s[0]; i++) {
        pair p = pair_new(NULL);
        pu_link_in in = {.now = p.w->now, .kind = PU_LINK_IN_CLOCK, .offset = unix_s[i] * PU_S};
        assert_int_equal(pu_link_step(p.a->link, &in, p.a->out), PU_OK);
        rig_dial(p.a, p.b, NULL);
        rig_run(p.w, PU_S);
        assert_int_equal(p.a->dial_fails, 1);
        assert_int_equal(p.a->last_fail_code, PU_CODE_VIOLATION);
        assert_int_equal(p.b->conns[0].code, PU_CODE_REFUSED);
        rig_free(p.w);
    }
}

static void a_black_hole_ends_at_the_deadline(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.b->is_deaf = true;
    pu_time start = p.w->now;
    rig_dial(p.a, p.b, NULL);
    rig_run(p.w, 60 * PU_S);
    assert_int_equal(p.a->dial_fails, 1);
    assert_int_equal(p.a->last_fail_code, PU_CODE_TIMEOUT);
    assert_int_equal(p.a->last_fail_at - start, p.a->config.dial_ns);
    assert_in_range(p.a->sent_datagrams, 4, 12);
    rig_free(p.w);
}

/* A client that says nothing after its first datagram. */
static void a_handshake_that_stalls_ends_at_the_deadline(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    pu_time start = p.w->now;
    rig_dial(p.a, p.b, NULL);
    rig_run(p.w, RTT_NS / 2);
    rig_off(p.a);
    rig_run(p.w, 60 * PU_S);
    assert_int_equal(p.b->conn_count, 1);
    assert_true(p.b->conns[0].is_down);
    assert_int_equal(p.b->conns[0].code, PU_CODE_TIMEOUT);
    assert_int_equal(p.b->conns[0].down_at - start, RTT_NS / 2 + p.b->config.handshake_ns);
    rig_free(p.w);
}

static void a_cancelled_dial_ends_at_once(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    pu_token token = rig_dial(p.a, p.b, NULL);
    rig_run(p.w, RTT_NS / 2);
    rig_effect(p.a, &(pu_ef){.kind = PU_EF_DIAL_CANCEL, .token = token});
    assert_int_equal(p.a->dial_fails, 1);
    assert_int_equal(p.a->last_fail_code, PU_CODE_CANCELLED);
    assert_null(carrier(p.a, 0));
    rig_run(p.w, 20 * PU_S);
    assert_null(carrier(p.b, 0));
    rig_free(p.w);
}

/* ---- addresses are proven under load ---- */

static void always_retry(rig_host *h)
{
    h->config.quic_retry_handshakes = 0;
}

static void a_retry_costs_one_round_trip(void **state)
{
    (void)state;
    pair p = pair_new(always_retry);
    pu_time start = p.w->now;
    pu_token token = rig_dial(p.a, p.b, NULL);
    rig_run(p.w, RTT_NS);
    assert_int_equal(p.b->conn_count, 0); /* nothing is known of the client yet */
    assert_null(carrier(p.b, 0));
    rig_run(p.w, 3 * RTT_NS);
    rig_conn *c = rig_conn_of(p.a, token);
    assert_non_null(c);
    assert_int_equal(c->up_at - start, 2 * RTT_NS);
    assert_true(c->is_confirmed);
    assert_echo(&p, c, 3000);
    rig_free(p.w);
}

/* ---- staying ---- */

static void the_session_is_freed_and_keys_are_still_updated(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_conn *c = rig_connect(p.a, p.b);
    quic_conn *a = carrier(p.a, 0), *b = carrier(p.b, 0);
    assert_null(a->tls);
    assert_null(b->tls);
    for (int i = 0; i < 6; i++) {
        rig_run(p.w, 5 * PU_S);
        assert_echo(&p, c, 2000); /* the next keys are made when something is sent */
        assert_int_equal(ngtcp2_conn_initiate_key_update(i % 2 == 0 ? a->qc : b->qc, p.w->now), 0);
        assert_echo(&p, c, 2000);
    }
    rig_free(p.w);
}

static void a_quiet_connection_stays(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_conn *c = rig_connect(p.a, p.b);
    rig_run(p.w, 2 * PU_S);
    uint64_t before = p.a->sent_datagrams;
    rig_run(p.w, 300 * PU_S);
    assert_false(c->is_down);
    assert_in_range(p.a->sent_datagrams - before, 25, 100);
    assert_echo(&p, c, 100);
    rig_free(p.w);
}

/* rust-libp2p's peers advertise ten seconds: b is one. */
static void short_idle(rig_host *h)
{
    if (h->index != 1) return;
    h->config.idle_ns = 10 * PU_S;
    h->config.keep_alive_ns = 60 * PU_S;
}

static void keep_alives_suit_the_shorter_idle_time_out(void **state)
{
    (void)state;
    pair p = pair_new(short_idle);
    rig_conn *c = rig_connect(p.a, p.b);
    rig_run(p.w, 2 * PU_S);
    uint64_t before = p.a->sent_datagrams + p.b->sent_datagrams;
    rig_run(p.w, 300 * PU_S);
    assert_false(c->is_down);
    assert_false(p.b->conns[0].is_down);
    assert_in_range(p.a->sent_datagrams + p.b->sent_datagrams - before, 60, 300);
    rig_free(p.w);
}

static void the_node_sets_the_keep_alive(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_conn *c = rig_connect(p.a, p.b);
    pu_ef set = {.kind = PU_EF_CONN_SET, .conn = c->handle, .flags = PU_KEEP, .offset = PU_S};
    rig_effect(p.a, &set);
    rig_run(p.w, 2 * PU_S);
    uint64_t before = p.a->sent_datagrams;
    rig_run(p.w, 100 * PU_S);
    assert_in_range(p.a->sent_datagrams - before, 90, 220);
    set.offset = 0; /* off; the other side is off, too */
    rig_effect(p.a, &set);
    set.conn = p.b->conns[0].handle;
    rig_effect(p.b, &set);
    rig_run(p.w, 40 * PU_S);
    assert_true(c->is_down);
    assert_int_equal(c->code, PU_CODE_LOST);
    rig_free(p.w);
}

static void silence_is_a_loss(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_conn *c = rig_connect(p.a, p.b);
    pu_time start = p.w->now;
    p.b->is_deaf = true;
    p.a->is_deaf = true;
    rig_run(p.w, 100 * PU_S);
    assert_true(c->is_down);
    assert_int_equal(c->code, PU_CODE_LOST);
    assert_in_range(c->down_at - start, 29 * PU_S, 42 * PU_S);
    assert_true(p.b->conns[0].is_down);
    assert_int_equal(p.b->conns[0].code, PU_CODE_LOST);
    assert_null(carrier(p.a, 0));
    rig_free(p.w);
}

/* ---- moving ---- */

static void a_nat_that_forgets_changes_nothing(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_conn *c = rig_connect(p.a, p.b);
    rig_stream *s = rig_open(p.a, c);
    rig_send(p.a, s, 100, false);
    rig_run(p.w, PU_S);
    for (uint16_t port = 7001; port < 7004; port++) {
        p.a->seen_as.port = port;
        rig_send(p.a, s, 100000, false);
        rig_run(p.w, 10 * PU_S); /* see quic_path_may_move */
        assert_int_equal(p.b->conns[0].remote.port, port);
        assert_int_equal(carrier(p.b, 0)->head.remote.port, port);
    }
    assert_int_equal(p.b->conns[0].migrations, 3);
    rig_send(p.a, s, 10, true);
    assert_true(rig_run_for(p.w, &s->is_down, PU_S));
    assert_int_equal(s->got, 300110);
    rig_free(p.w);
}

/* Whoever was only heard and not proven to be there gets little: three times what came. */
static uint64_t to_victim;

static enum rig_fate count_to_victim(rig *w, rig_datagram *d)
{
    (void)w;
    if (d->to.port != 9999) return RIG_PASS;
    to_victim += d->len;
    return RIG_DROP;
}

static void a_forged_source_address_gets_little(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.w->fate = count_to_victim;
    to_victim = 0;
    rig_conn *c = rig_connect(p.a, p.b);
    rig_stream *s = rig_open(p.a, c), *t;
    rig_send(p.a, s, 10, false);
    rig_run(p.w, PU_S);
    t = rig_theirs(p.b, 0);
    p.a->seen_as.port = 9999; /* one datagram comes from there */
    rig_send(p.a, s, 10, false);
    rig_run(p.w, 1);
    p.a->seen_as.port = 4001;
    t->is_echo = false;
    rig_send(p.b, t, 1000000, false);
    rig_run(p.w, 30 * PU_S);
    assert_in_range(to_victim, 1, 8000);
    rig_send(p.a, s, 10, false);
    rig_run(p.w, 30 * PU_S);
    assert_false(c->is_down);
    assert_int_equal(s->got, 1000010);
    rig_free(p.w);
}

static void a_client_goes_on_from_another_socket_and_back(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_conn *c = rig_connect(p.a, p.b);
    assert_echo(&p, c, 1000);
    static const uint32_t sockets[] = {PU_SOCKET_PROBE, PU_SOCKET_MAIN, PU_SOCKET_PROBE};
    for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++) {
        rig_effect(p.a, &(pu_ef){.kind = PU_EF_CONN_SET,
                                 .conn = c->handle,
                                 .flags = PU_MIGRATED,
                                 .socket = sockets[i]});
        rig_run(p.w, 10 * PU_S); /* see quic_path_may_move */
        const pu_endpoint *seen =
            sockets[i] == PU_SOCKET_PROBE ? &p.a->probe_seen_as : &p.a->seen_as;
        assert_int_equal(carrier(p.a, 0)->socket, sockets[i]);
        assert_int_equal(carrier(p.b, 0)->head.remote.port, seen->port);
        assert_echo(&p, c, 100000);
    }
    assert_int_equal(p.b->conns[0].migrations, 3);
    assert_true(c->migrations >= 3);
    rig_free(p.w);
}

/* Each move takes one of the client's ids, and a server follows it so long as it surely bears that
 * (quic/frames.c): so often, but not at the next move. The client learns at once that its
 * connection has ended, and may dial. */
static void a_client_moves_fourteen_times(void **state)
{
    enum { MOVES = 14 };
    (void)state;
    pair p = pair_new(NULL);
    rig_conn *c = rig_connect(p.a, p.b);
    for (int i = 0; i <= MOVES; i++) {
        assert_echo(&p, c, 1000);
        rig_effect(p.a, &(pu_ef){.kind = PU_EF_CONN_SET,
                                 .conn = c->handle,
                                 .flags = PU_MIGRATED,
                                 .socket = i % 2 == 0 ? PU_SOCKET_PROBE : PU_SOCKET_MAIN});
        rig_run(p.w, i < MOVES ? 10 * PU_S : PU_S);
    }
    assert_int_equal(p.b->conns[0].migrations, MOVES);
    assert_true(c->is_down);
    assert_int_equal(c->code, PU_CODE_LOST);
    assert_non_null(rig_connect(p.a, p.b));
    rig_free(p.w);
}

/* A server cannot migrate (RFC 9000 9): the wish is not heard. */
static void a_server_does_not_migrate(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_conn *c = rig_connect(p.a, p.b);
    rig_effect(p.b, &(pu_ef){.kind = PU_EF_CONN_SET,
                             .conn = p.b->conns[0].handle,
                             .flags = PU_MIGRATED,
                             .socket = PU_SOCKET_PROBE});
    assert_int_equal(carrier(p.b, 0)->socket, PU_SOCKET_MAIN);
    assert_echo(&p, c, 1000);
    rig_free(p.w);
}

/* The laptop is in another network: same socket, another address, another connection id. */
static uint8_t seen_dcid[QUIC_CID_BYTES];

static enum rig_fate note_dcid(rig *w, rig_datagram *d)
{
    if (d->to.port == w->hosts[1].at.port && (d->bytes[0] & 0x80) == 0)
        memcpy(seen_dcid, d->bytes + 1, sizeof seen_dcid);
    return RIG_PASS;
}

static void a_new_address_is_another_path(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.b->at.port = p.b->seen_as.port = 4242;
    p.w->fate = note_dcid;
    rig_conn *c = rig_connect(p.a, p.b);
    assert_echo(&p, c, 1000);
    uint8_t before[QUIC_CID_BYTES];
    memcpy(before, seen_dcid, sizeof before);
    pu_endpoint at = p.a->at;
    at.ip[15] = 77;
    rig_move(p.a, &at);
    rig_run(p.w, 2 * PU_S);
    assert_true(pu_endpoint_equal(&carrier(p.b, 0)->head.remote, &at));
    assert_echo(&p, c, 100000);
    assert_memory_not_equal(before, seen_dcid, sizeof before);
    assert_int_equal(p.b->conns[0].migrations, 1);
    rig_free(p.w);
}

/* ---- ends ---- */

static void the_code_of_a_hang_up_travels(void **state)
{
    (void)state;
    static const struct {
        uint32_t said, heard;
    } cases[] = {
        {PU_CODE_SUPPLANTED, PU_CODE_SUPPLANTED},
        {PU_CODE_SHUTDOWN, PU_CODE_SHUTDOWN},
        {PU_CODE_OK, PU_CODE_OK},
        {PU_CODE_ADDRESS_GONE, PU_CODE_OK}, /* ours alone */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pair p = pair_new(NULL);
        rig_conn *c = rig_connect(p.a, p.b);
        rig_hangup(p.a, c, cases[i].said, PU_S);
        rig_run(p.w, PU_S);
        assert_true(c->is_down);
        assert_int_equal(c->code, cases[i].said);
        assert_true(p.b->conns[0].is_down);
        assert_int_equal(p.b->conns[0].code, cases[i].heard);
        assert_null(carrier(p.a, 0));
        assert_null(carrier(p.b, 0));
        rig_free(p.w);
    }
}

static void a_hang_up_waits_for_what_was_sent(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.b->echoes = false;
    rig_conn *c = rig_connect(p.a, p.b);
    rig_stream *s = rig_open(p.a, c);
    rig_send(p.a, s, 60000, true);
    rig_hangup(p.a, c, PU_CODE_SHUTDOWN, PU_S);
    assert_false(c->is_down);
    rig_run(p.w, PU_S);
    assert_true(c->is_down);
    rig_stream *t = rig_theirs(p.b, 0);
    assert_non_null(t);
    assert_int_equal(t->got, 60000);
    assert_true(t->has_fin);
    rig_free(p.w);
}

static void a_hang_up_waits_no_longer_than_it_is_told(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_conn *c = rig_connect(p.a, p.b);
    rig_stream *s = rig_open(p.a, c);
    p.b->is_deaf = true;
    rig_send(p.a, s, 60000, true);
    pu_time start = p.w->now;
    rig_hangup(p.a, c, PU_CODE_SHUTDOWN, 300 * PU_MS);
    rig_run(p.w, 5 * PU_S);
    assert_true(c->is_down);
    assert_int_equal(c->down_at - start, 300 * PU_MS);
    rig_free(p.w);
}

/* A process that begins anew says at once that it knows nothing of the connection, since its tokens
 * come from its identity. */
static void a_peer_that_restarted_resets_the_connection(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_conn *c = rig_connect(p.a, p.b);
    rig_run(p.w, 2 * PU_S);
    rig_restart(p.b);
    pu_time start = p.w->now;
    rig_stream *s = rig_open(p.a, c);
    rig_send(p.a, s, 10, false);
    rig_run(p.w, PU_S);
    assert_true(c->is_down);
    assert_int_equal(c->code, PU_CODE_LOST);
    assert_int_equal(c->down_at - start, RTT_NS);
    assert_int_equal(p.b->conn_count, 0);
    assert_true(p.b->last_len < 43);
    rig_free(p.w);
}

/* The same with a keep-alive, the shortest datagram there is. */
static void keep_alives_find_out_too(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_conn *c = rig_connect(p.a, p.b);
    rig_run(p.w, 2 * PU_S);
    rig_restart(p.b);
    rig_run(p.w, p.a->config.keep_alive_ns + PU_S);
    assert_true(c->is_down);
    assert_int_equal(c->code, PU_CODE_LOST);
    rig_free(p.w);
}

/* ---- what else is promised ---- */

static void no_discovery(rig_host *h)
{
    h->config.quic_pmtud = 0;
}

static size_t longest;

static enum rig_fate note_longest(rig *w, rig_datagram *d)
{
    (void)w;
    if (d->len > longest) longest = d->len;
    return RIG_PASS;
}

static void datagrams_grow_as_the_path_allows(void **state)
{
    (void)state;
    for (int is_on = 0; is_on < 2; is_on++) {
        pair p = pair_new(is_on ? NULL : no_discovery);
        rig_conn *c = rig_connect(p.a, p.b);
        rig_run(p.w, 5 * PU_S);
        longest = 0;
        p.w->fate = note_longest;
        assert_echo(&p, c, 100000);
        assert_int_equal(longest, is_on ? 1444 : 1200);
        rig_free(p.w);
    }
}

static char keylog[4096];

static void note_key(void *ctx, const char *line)
{
    (void)ctx;
    assert_true(strlen(keylog) + strlen(line) + 2 < sizeof keylog);
    strcat(keylog, line);
    strcat(keylog, "\n");
}

static void with_keylog(rig_host *h)
{
    if (h->index == 0) h->env.keylog = note_key;
}

static void secrets_are_logged_on_request(void **state)
{
    (void)state;
    static const char *const labels[] = {"CLIENT_HANDSHAKE_TRAFFIC_SECRET ",
                                         "SERVER_HANDSHAKE_TRAFFIC_SECRET ",
                                         "CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 "};
    keylog[0] = 0;
    pair p = pair_new(with_keylog);
    rig_connect(p.a, p.b);
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        const char *line = strstr(keylog, labels[i]);
        assert_non_null(line);
        line += strlen(labels[i]);
        assert_int_equal(strspn(line, "0123456789abcdef"), 64);
        assert_int_equal(line[64], ' ');
        assert_int_equal(strspn(line + 65, "0123456789abcdef"), 64);
    }
    rig_free(p.w);
}

/* Memory of an idle connection that has carried something, without GnuTLS's ciphers. */
static void an_idle_connection_is_small(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_connect(p.a, p.b);
    size_t before = pu_link_bytes(p.a->link);
    for (int i = 0; i < 4; i++) {
        rig_conn *c = rig_connect(p.a, p.b);
        assert_echo(&p, c, 300);
        assert_echo(&p, c, 300);
    }
    rig_run(p.w, 20 * PU_S);
    assert_in_range((pu_link_bytes(p.a->link) - before) / 4, 1, 90 * 1024);
    rig_free(p.w);
}

int quic_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_prove_who_they_are),
        cmocka_unit_test(a_ping_takes_one_round_trip),
        cmocka_unit_test(the_first_answer_comes_after_two_round_trips),
        cmocka_unit_test(the_accepting_side_opens_streams),
        cmocka_unit_test(two_dials_at_once_make_two_connections),
        cmocka_unit_test(doubled_initials_are_one_connection),
        cmocka_unit_test(a_refusal_before_the_handshake_costs_one_round_trip),
        cmocka_unit_test(an_unauthorised_peer_is_told_so),
        cmocka_unit_test(another_peer_than_the_one_dialled_is_refused),
        cmocka_unit_test(certificates_out_of_time_are_refused),
        cmocka_unit_test(a_black_hole_ends_at_the_deadline),
        cmocka_unit_test(a_handshake_that_stalls_ends_at_the_deadline),
        cmocka_unit_test(a_cancelled_dial_ends_at_once),
        cmocka_unit_test(a_retry_costs_one_round_trip),
        cmocka_unit_test(the_session_is_freed_and_keys_are_still_updated),
        cmocka_unit_test(a_quiet_connection_stays),
        cmocka_unit_test(keep_alives_suit_the_shorter_idle_time_out),
        cmocka_unit_test(the_node_sets_the_keep_alive),
        cmocka_unit_test(silence_is_a_loss),
        cmocka_unit_test(a_nat_that_forgets_changes_nothing),
        cmocka_unit_test(a_forged_source_address_gets_little),
        cmocka_unit_test(a_client_goes_on_from_another_socket_and_back),
        cmocka_unit_test(a_client_moves_fourteen_times),
        cmocka_unit_test(a_server_does_not_migrate),
        cmocka_unit_test(a_new_address_is_another_path),
        cmocka_unit_test(the_code_of_a_hang_up_travels),
        cmocka_unit_test(a_hang_up_waits_for_what_was_sent),
        cmocka_unit_test(a_hang_up_waits_no_longer_than_it_is_told),
        cmocka_unit_test(a_peer_that_restarted_resets_the_connection),
        cmocka_unit_test(keep_alives_find_out_too),
        cmocka_unit_test(datagrams_grow_as_the_path_allows),
        cmocka_unit_test(secrets_are_logged_on_request),
        cmocka_unit_test(an_idle_connection_is_small),
    };
    return cmocka_run_group_tests_name("quic", tests, NULL, NULL);
}
