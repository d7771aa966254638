/* quic_closed_test.c - connections that are over, and whose peers may not know it (RFC 9000 10.2):
 * what is said again, to whom, how often, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "quic/quic_impl.h"
#include "tests/lib/quic_raw.h"

int quic_closed_test(void);

enum { DATAGRAM_BYTES_MAX = 1500, RTT_NS = 20 * PU_MS };

/* Two hosts, 10 ms apart, and the last datagram of each. */
typedef struct pair {
    rig *w;
    rig_host *a, *b;
    rig_conn *ca, *cb;
    uint8_t last[2][DATAGRAM_BYTES_MAX];
    size_t last_len[2];
    rig_host *muted; /* what it sends is lost */
} pair;

static pair p;

static enum rig_fate note(rig *w, rig_datagram *d)
{
    for (uint32_t i = 0; i < w->host_count && i < 2; i++) {
        if (!pu_endpoint_equal(&w->hosts[i].seen_as, &d->from)) continue;
        if (p.muted == &w->hosts[i]) return RIG_DROP;
        memcpy(p.last[i], d->bytes, p.last_len[i] = d->len);
    }
    return RIG_PASS;
}

static void begin(void (*change)(rig_host *h))
{
    p = (pair){.w = rig_new()};
    p.w->fate = note;
    p.a = rig_add(p.w, change);
    p.b = rig_add(p.w, change);
}

static void begin_connected(void (*change)(rig_host *h))
{
    begin(change);
    p.ca = rig_connect(p.a, p.b);
    p.cb = &p.b->conns[0];
    rig_run(p.w, 2 * PU_S);
}

/* Hangs up, and nobody hears it. */
static void hang_up_unheard(rig_host *h, const rig_conn *c, uint32_t code)
{
    p.muted = h;
    rig_hangup(h, c, code, 0);
    rig_run(p.w, RTT_NS);
    p.muted = NULL;
}

static void say_something(rig_host *h, const rig_conn *c)
{
    rig_send(h, rig_open(h, c), 10, false);
}

/* Whoever sends into a connection that is over knows it one round trip later, in either role, soon
 * afterwards or late. */
static void what_was_not_heard_is_said_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        begin_connected(NULL);
        bool is_client = i % 2 == 0;
        rig_host *closer = is_client ? p.a : p.b, *other = is_client ? p.b : p.a;
        rig_conn *c = is_client ? p.ca : p.cb, *d = is_client ? p.cb : p.ca;
        hang_up_unheard(closer, c, PU_CODE_SUPPLANTED);
        assert_true(c->is_down);
        if (i > 1) rig_run(p.w, 6 * PU_S); /* before a keep-alive finds out */
        assert_false(d->is_down);
        pu_time start = p.w->now;
        say_something(other, d);
        assert_true(rig_run_for(p.w, &d->is_down, PU_S));
        assert_int_equal(d->down_at - start, RTT_NS);
        assert_int_equal(d->code, PU_CODE_SUPPLANTED);
        rig_free(p.w);
    }
}

/* Three in ten datagrams are lost in either direction. */
static void loss_delays_the_news_and_no_more(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        begin_connected(NULL);
        p.w->dice = seed;
        p.w->lost_in_1024 = 307;
        rig_hangup(p.a, p.ca, PU_CODE_SHUTDOWN, 0);
        rig_run(p.w, RTT_NS);
        if (!p.cb->is_down) say_something(p.b, p.cb);
        assert_true(p.cb->is_down || rig_run_for(p.w, &p.cb->is_down, 5 * PU_S));
        assert_int_equal(p.cb->code, PU_CODE_SHUTDOWN);
        rig_free(p.w);
    }
}

/* A flood draws one answer a probe time-out. */
static void answers_are_few(void **state)
{
    (void)state;
    begin_connected(NULL);
    say_something(p.b, p.cb);
    rig_run(p.w, PU_S);
    hang_up_unheard(p.a, p.ca, PU_CODE_SHUTDOWN);
    p.b->is_deaf = true;
    uint64_t sent = p.a->sent_datagrams;
    for (int i = 0; i < 1000; i++)
        rig_inject(p.a, &p.b->seen_as, span_of(p.last[1], p.last_len[1]));
    assert_int_equal(p.a->sent_datagrams, sent + 1);
    for (int i = 0; i < 1000; i++) {
        rig_inject(p.a, &p.b->seen_as, span_of(p.last[1], p.last_len[1]));
        rig_run(p.w, PU_MS);
    }
    assert_in_range(p.a->sent_datagrams - sent, 5, 1000 / 25); /* max_ack_delay is in a PTO */
    rig_free(p.w);
}

/* Draining: late datagrams are passed over in silence; later ones are for an id that is forgotten.
 */
static void what_the_peer_closed_is_not_answered(void **state)
{
    (void)state;
    begin_connected(NULL);
    say_something(p.b, p.cb);
    rig_run(p.w, PU_S);
    uint8_t late[DATAGRAM_BYTES_MAX];
    size_t late_len = p.last_len[1];
    memcpy(late, p.last[1], late_len);
    rig_hangup(p.b, p.cb, PU_CODE_SHUTDOWN, 0);
    rig_run(p.w, RTT_NS);
    assert_true(p.ca->is_down);
    uint64_t sent = p.a->sent_datagrams;
    rig_inject(p.a, &p.b->seen_as, span_of(late, late_len));
    assert_int_equal(p.a->sent_datagrams, sent);
    rig_run(p.w, 5 * PU_S);
    assert_true(late_len >= QUIC_RESET_LEAST);
    rig_inject(p.a, &p.b->seen_as, span_of(late, late_len));
    assert_int_equal(p.a->sent_datagrams, sent + 1);
    assert_true(p.a->last_len < late_len);
    rig_free(p.w);
}

/* From an address where the peer never was, three times the bytes at most. */
static void nobody_else_is_amplified(void **state)
{
    (void)state;
    begin_connected(NULL);
    say_something(p.b, p.cb);
    rig_run(p.w, PU_S);
    hang_up_unheard(p.a, p.ca, PU_CODE_SHUTDOWN);
    pu_endpoint other = p.b->seen_as;
    other.port++;
    uint64_t sent = p.a->sent_datagrams;
    for (size_t len = 9; len < 60; len++) {
        uint64_t before = p.a->sent_datagrams;
        rig_inject(p.a, &other, span_of(p.last[1], len));
        if (p.a->sent_datagrams > before) assert_in_range(p.a->last_len, 1, 3 * len);
        rig_run(p.w, 100 * PU_MS);
    }
    assert_true(p.a->sent_datagrams > sent);
    sent = p.a->sent_datagrams;
    rig_inject(p.a, &p.b->seen_as, span_of(p.last[1], 9));
    assert_int_equal(p.a->sent_datagrams, sent + 1);
    rig_free(p.w);
}

/* A handshake that was refused: its client repeats itself, is told again, and the node hears
 * nothing more of it. */
static void refusals_are_said_again(void **state)
{
    (void)state;
    begin(NULL);
    p.b->secured_code = PU_CODE_GATED;
    rig_dial(p.a, p.b, NULL);
    rig_run(p.w, 25 * PU_MS);
    p.muted = p.b;
    rig_run(p.w, 10 * PU_MS);
    p.muted = NULL;
    assert_true(p.b->conns[0].is_asked_secured);
    assert_int_equal(link_quic(p.b->link)->conn_count, 0);
    p.ca = rig_conn_of(p.a, p.a->last_token); /* a client knows its peer first */
    assert_non_null(p.ca);
    assert_false(p.ca->is_down);
    assert_true(rig_run_for(p.w, &p.ca->is_down, PU_S));
    assert_int_equal(p.ca->code, PU_CODE_GATED);
    assert_int_equal(p.b->conn_count, 1);
    rig_free(p.w);
}

/* A first flight that comes again is the same handshake's, and the id that its client chose is the
 * whole of it, not its first bytes. */
static void a_failed_handshake_is_not_begun_again(void **state)
{
    (void)state;
    raw r;
    uint8_t first[DATAGRAM_BYTES_MAX];
    begin(NULL);
    raw_init(&r, p.w);
    raw_dial(&r, p.a); /* shows no certificate */
    size_t first_len = p.w->first->len, dcid_len = p.w->first->bytes[5];
    memcpy(first, p.w->first->bytes, first_len);
    assert_true(dcid_len > QUIC_CID_BYTES);
    rig_run(p.w, 100 * PU_MS);
    assert_true(r.is_closed);
    assert_true(p.a->conns[0].is_down);
    uint64_t sent = p.a->sent_datagrams;
    first[6 + QUIC_CID_BYTES] ^= 1; /* another connection's, as far as can be known: no answer */
    rig_inject(p.a, &r.at, span_of(first, first_len));
    assert_int_equal(p.a->sent_datagrams, sent);
    first[6 + QUIC_CID_BYTES] ^= 1;
    rig_inject(p.a, &r.at, span_of(first, first_len));
    assert_int_equal(p.a->sent_datagrams, sent + 1);
    assert_in_range(p.a->last_len, 20, 3 * first_len);
    assert_int_equal(p.a->conn_count, 1);
    raw_free(&r);
    rig_free(p.w);
}

static void quiet(rig_host *h)
{
    h->config.idle_ns = h->config.keep_alive_ns = 600 * PU_S;
}

/* Many ends take a bounded place. The oldest are forgotten first: a reset tells their peers. */
static void ends_without_number_are_forgotten_in_turn(void **state)
{
    (void)state;
    begin_connected(quiet);
    size_t before = pu_link_bytes(p.b->link);
    rig_conn *oldest = p.ca;
    hang_up_unheard(p.b, p.cb, PU_CODE_SHUTDOWN);
    for (unsigned i = 0; i < 2 * QUIC_CLOSED_MAX; i++) {
        rig_connect(p.a, p.b);
        hang_up_unheard(p.b, rig_conn_of(p.b, 0), PU_CODE_SHUTDOWN);
    }
    assert_false(oldest->is_down);
    assert_in_range(pu_link_bytes(p.b->link), 0, before + QUIC_CLOSED_MAX * 600);
    say_something(p.a, oldest);
    rig_run(p.w, RTT_NS);
    assert_true(oldest->is_down);
    assert_int_equal(oldest->code, PU_CODE_LOST);
    rig_conn *latest = rig_conn_of(p.a, p.a->last_token);
    if (latest == NULL) latest = rig_conn_of(p.a, p.a->last_token - 1);
    assert_non_null(latest);
    say_something(p.a, latest);
    rig_run(p.w, RTT_NS);
    assert_true(latest->is_down);
    assert_int_equal(latest->code, PU_CODE_SHUTDOWN);
    rig_run(p.w, 700 * PU_S);
    static const uint8_t word[30] = {0x40}; /* anything: time is looked at when something comes */
    rig_inject(p.b, &p.a->seen_as, span_of(word, sizeof word));
    for (unsigned i = 0; i < QUIC_CLOSED_MAX; i++) assert_null(link_quic(p.b->link)->closed[i]);
    rig_free(p.w);
}

/* Without memory for it, an end is as it was before there was such a place. */
static void a_shortage_of_memory_costs_the_answer(void **state)
{
    (void)state;
    begin_connected(NULL);
    p.b->heap.fail_at = p.b->heap.asked + 1;
    hang_up_unheard(p.b, p.cb, PU_CODE_SHUTDOWN);
    p.b->heap.fail_at = 0;
    assert_true(p.cb->is_down);
    assert_null(link_quic(p.b->link)->closed[0]);
    say_something(p.a, p.ca);
    rig_run(p.w, RTT_NS);
    assert_int_equal(p.ca->code, PU_CODE_LOST); /* by a reset */
    rig_free(p.w);
}

int quic_closed_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_heard_is_said_again),
        cmocka_unit_test(loss_delays_the_news_and_no_more),
        cmocka_unit_test(answers_are_few),
        cmocka_unit_test(what_the_peer_closed_is_not_answered),
        cmocka_unit_test(nobody_else_is_amplified),
        cmocka_unit_test(refusals_are_said_again),
        cmocka_unit_test(a_failed_handshake_is_not_begun_again),
        cmocka_unit_test(ends_without_number_are_forgotten_in_turn),
        cmocka_unit_test(a_shortage_of_memory_costs_the_answer),
    };
    return cmocka_run_group_tests_name("quic_closed", tests, NULL, NULL);
}
