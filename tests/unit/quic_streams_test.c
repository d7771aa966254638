/* quic_streams_test.c - streams over QUIC: how many, how much, how they end, with and without loss.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "quic/quic_impl.h"
#include "tests/lib/quic_rig.h"

int quic_streams_test(void);

typedef struct pair {
    rig *w;
    rig_host *a, *b;
    rig_conn *c;
} pair;

/* Two hosts that are delay_ns apart; streams to b are echoed. */
static pair pair_apart(void (*change)(rig_host *h), uint64_t delay_ns)
{
    pair p = {.w = rig_new()};
    p.w->delay_ns = delay_ns;
    p.a = rig_add(p.w, change);
    p.b = rig_add(p.w, change);
    p.b->echoes = true;
    p.c = rig_connect(p.a, p.b);
    return p;
}

static pair pair_new(void (*change)(rig_host *h))
{
    return pair_apart(change, 10 * PU_MS);
}

static quic_conn *carrier(const rig_host *h)
{
    const quic_endpoint *q = link_quic(h->link);
    for (uint32_t i = 0; i < q->conn_cap; i++)
        if (q->conns[i] != NULL) return q->conns[i];
    return NULL;
}

static rig_stream *open_now(pair *p)
{
    rig_stream *s = rig_open(p->a, p->c);
    rig_run(p->w, 1);
    assert_true(s->is_up);
    return s;
}

/* ---- how many ---- */

static void ten_thousand_streams_one_after_the_other(void **state)
{
    (void)state;
    pair p = pair_apart(NULL, 100 * PU_US);
    size_t before = 0;
    for (int i = 0; i < 10000; i++) {
        rig_stream *s = open_now(&p);
        rig_send(p.a, s, 32, true);
        assert_true(rig_run_for(p.w, &s->is_down, PU_S));
        assert_int_equal(s->what, PU_DOWN_FINISHED);
        assert_int_equal(s->got, 32);
        if (i == 1000) before = pu_link_bytes(p.a->link);
    }
    rig_run(p.w, PU_S);
    assert_true(pu_link_bytes(p.a->link) < before + 16384);
    rig_free(p.w);
}

static void all_at_once_as_many_as_the_peer_allows(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    enum { COUNT = 400 };
    for (int i = 0; i < COUNT; i++) rig_open(p.a, p.c);
    rig_run(p.w, PU_S);
    unsigned up = 0;
    for (int i = 0; i < COUNT; i++) up += p.a->streams[i].is_up;
    assert_int_equal(up, QUIC_STREAMS_MAX);
    /* Each that ends lets one that waits begin. */
    for (int i = 0; i < COUNT; i++) {
        rig_send(p.a, &p.a->streams[i], 100, true);
        rig_run(p.w, PU_MS);
    }
    rig_run(p.w, 5 * PU_S);
    for (int i = 0; i < COUNT; i++) {
        assert_true(p.a->streams[i].is_down);
        assert_int_equal(p.a->streams[i].what, PU_DOWN_FINISHED);
        assert_int_equal(p.a->streams[i].got, 100);
    }
    rig_free(p.w);
}

/* Waiting to be first sent on takes a place, too. */
static void streams_that_are_reset_unsent_leave_no_trace(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    for (int i = 0; i < 1000; i++) {
        rig_stream *s = open_now(&p);
        rig_reset(p.a, s, 0);
        assert_true(s->is_down);
    }
    assert_null(carrier(p.a)->flights);
    for (int i = 0; i < 300; i++) rig_open(p.a, p.c);
    rig_run(p.w, PU_S);
    unsigned up = 0;
    for (uint32_t i = 0; i < p.a->stream_count; i++)
        up += p.a->streams[i].is_up && !p.a->streams[i].is_down;
    assert_int_equal(up, QUIC_STREAMS_MAX);
    for (uint32_t i = 0; i < p.a->stream_count; i++)
        if (p.a->streams[i].is_up && !p.a->streams[i].is_down) rig_reset(p.a, &p.a->streams[i], 0);
    rig_run(p.w, PU_S);
    up = 0;
    for (uint32_t i = 0; i < p.a->stream_count; i++)
        up += p.a->streams[i].is_up && !p.a->streams[i].is_down;
    assert_int_equal(up, 300 - QUIC_STREAMS_MAX);
    assert_null(rig_theirs(p.b, 0));
    rig_free(p.w);
}

static void few_streams(rig_host *h)
{
    if (h->index == 1) h->config.streams_max = 8;
}

static void one_stream_too_many_is_reset(void **state)
{
    (void)state;
    pair p = pair_new(few_streams);
    for (int i = 0; i < 10; i++) {
        rig_stream *s = open_now(&p);
        rig_send(p.a, s, 100, false);
    }
    rig_run(p.w, PU_S);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(p.a->streams[i].is_down, i >= 8);
        if (i < 8) continue;
        assert_int_equal(p.a->streams[i].what, PU_DOWN_RESET);
        assert_int_equal(p.a->streams[i].code, PU_CODE_RESOURCE);
    }
    assert_false(p.c->is_down);
    rig_free(p.w);
}

static void streams_take_turns(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.b->echoes = false;
    rig_stream *bulk = open_now(&p);
    rig_send(p.a, bulk, 50 << 20, true);
    rig_run(p.w, 50 * PU_MS);
    assert_false(bulk->is_fin_sent);
    for (int i = 0; i < 8; i++) {
        rig_stream *s = open_now(&p);
        pu_time start = p.w->now;
        rig_send(p.a, s, 1000, true);
        rig_stream *t = NULL;
        while ((t = rig_theirs(p.b, 1 + (uint32_t)i)) == NULL) rig_run(p.w, PU_MS);
        assert_true(rig_run_for(p.w, &t->has_fin, PU_S));
        assert_in_range(p.w->now - start, 10 * PU_MS, 25 * PU_MS);
    }
    rig_free(p.w);
}

/* ---- how much ---- */

static void much_arrives_as_it_was_sent(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_stream *s = open_now(&p);
    rig_send(p.a, s, 20 << 20, true);
    assert_true(rig_run_for(p.w, &s->is_down, 60 * PU_S));
    assert_int_equal(s->got, 20 << 20);
    assert_false(s->is_wrong);
    assert_int_equal(s->what, PU_DOWN_FINISHED);
    rig_free(p.w);
}

static void loss_is_made_good(void **state)
{
    (void)state;
    static const uint64_t loss[] = {10, 50, 150};
    for (size_t i = 0; i < sizeof loss / sizeof loss[0]; i++) {
        pair p = pair_new(NULL);
        p.w->lost_in_1024 = loss[i];
        for (int n = 0; n < 20; n++) {
            rig_stream *s = open_now(&p);
            rig_send(p.a, s, 50000, true);
        }
        rig_run(p.w, 120 * PU_S);
        for (int n = 0; n < 20; n++) {
            assert_true(p.a->streams[n].is_down);
            assert_int_equal(p.a->streams[n].what, PU_DOWN_FINISHED);
            assert_int_equal(p.a->streams[n].got, 50000);
            assert_false(p.a->streams[n].is_wrong);
        }
        assert_false(p.c->is_down);
        rig_free(p.w);
    }
}

/* Datagrams overtake each other, and some come twice. */
static enum rig_fate shuffle(rig *w, rig_datagram *d)
{
    d->at += d->number * 7919 % 5000 * PU_US;
    (void)w;
    return d->number % 11 == 0 ? RIG_DOUBLE : RIG_PASS;
}

/* The last but one long datagram of the host's is lost. */
static enum rig_fate lose_last_but_one(rig *w, rig_datagram *d)
{
    unsigned *left = w->fate_ctx;
    if (*left == 0 || d->from.port != w->hosts[0].at.port || d->len < 1000) return RIG_PASS;
    return --*left == 0 ? RIG_DROP : RIG_PASS;
}

/* Messages that are sent at once, since nothing was sent for a moment, are not counted for ever:
 * ngtcp2 would make up for all of them when the rate falls. */
static void a_long_talk_delays_nothing_when_something_is_lost(void **state)
{
    enum { MESSAGE = 10000 };
    (void)state;
    unsigned left = 0;
    ngtcp2_conn_stat stat;
    pair p = pair_new(NULL);
    rig_stream *s = open_now(&p);
    p.w->fate = lose_last_but_one;
    p.w->fate_ctx = &left;
    for (int i = 0; i < 2000; i++) {
        rig_send(p.a, s, MESSAGE, false);
        rig_run(p.w, 50 * PU_MS);
    }
    left = MESSAGE / 1500;
    rig_send(p.a, s, MESSAGE, false);
    quic_conn *c = carrier(p.a);
    for (int i = 0; i < 50; i++) {
        rig_run(p.w, PU_MS);
        ngtcp2_conn_get_conn_stat(c->qc, &stat);
        if (stat.cwnd < c->cwnd) break;
    }
    assert_true(stat.cwnd < c->cwnd);
    rig_send(p.a, s, 4 * MESSAGE, true);
    rig_run(p.w, 200 * PU_MS);
    assert_int_equal(s->got, 2005 * MESSAGE);
    rig_free(p.w);
}

/* What the first host sends goes through a link of 100 Mbit/s, in its order. */
static enum rig_fate link_of_the_first(rig *w, rig_datagram *d)
{
    enum { NS_A_BYTE = 80 };
    pu_time *free_at = w->fate_ctx;
    if (!pu_endpoint_equal(&d->from, &w->hosts[0].at)) return RIG_PASS;
    if (*free_at > d->at) d->at = *free_at;
    *free_at = d->at + d->len * NS_A_BYTE;
    return RIG_PASS;
}

/* What only acknowledges is not paced, and does not delay what the same side says next. */
static void who_gets_much_may_speak_at_once(void **state)
{
    enum { MUCH = 30000000, WORD = 100 };
    (void)state;
    pu_time free_at = 0;
    pair p = pair_apart(NULL, 100 * PU_MS);
    p.b->echoes = false;
    rig_stream *s = open_now(&p);
    p.w->fate = link_of_the_first;
    p.w->fate_ctx = &free_at;
    rig_send(p.a, s, MUCH, false);
    rig_stream *far = &p.b->streams[0];
    for (int i = 0; i < 1000 && far->got < MUCH; i++) rig_run(p.w, 10 * PU_MS);
    assert_int_equal(far->got, MUCH);
    rig_send(p.b, far, WORD, false);
    rig_run(p.w, 110 * PU_MS);
    assert_int_equal(s->got, WORD);
    rig_free(p.w);
}

static void order_does_not_matter(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.w->fate = shuffle;
    rig_stream *s = open_now(&p);
    rig_send(p.a, s, 2 << 20, true);
    assert_true(rig_run_for(p.w, &s->is_down, 120 * PU_S));
    assert_int_equal(s->got, 2 << 20);
    assert_false(s->is_wrong);
    rig_free(p.w);
}

/* Who does not read is sent no more than the window; what is kept for it is bounded by that. */
static void who_does_not_read_is_not_flooded(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.b->echoes = false;
    p.b->reads = 0;
    size_t before = pu_link_bytes(p.b->link);
    rig_stream *s = open_now(&p);
    rig_send(p.a, s, 10 << 20, true);
    rig_run(p.w, 10 * PU_S);
    rig_stream *t = rig_theirs(p.b, 0);
    assert_int_equal(t->got, PU_FIRST_ROOM);
    uint64_t window = p.b->config.quic_window_bytes;
    assert_in_range(pu_link_bytes(p.b->link) - before, window / 2, 2 * window);
    /* The sender keeps what the window lets through, what waits, and no more. */
    assert_in_range(s->sent, window, window + 2 * carrier(p.a)->cwnd);
    rig_grant(p.b, t, 20 << 20);
    assert_true(rig_run_for(p.w, &t->has_fin, 60 * PU_S));
    assert_int_equal(t->got, 10 << 20);
    assert_false(t->is_wrong);
    rig_free(p.w);
}

enum { BUDGET = 8 << 20 };

static void peer_budget(rig_host *h)
{
    h->config.link_windows_bytes = BUDGET;
}

static void small_peer_budget(rig_host *h)
{
    h->config.link_windows_bytes = 3 << 20;
}

/* Many streams that nobody reads share what one peer may leave with us. */
static void all_streams_together_stay_within_the_peers_share(void **state)
{
    (void)state;
    pair p = pair_new(peer_budget);
    p.b->echoes = false;
    p.b->reads = 0;
    size_t before = pu_link_bytes(p.b->link);
    for (int i = 0; i < 50; i++) rig_send(p.a, open_now(&p), 1 << 20, true);
    rig_run(p.w, 10 * PU_S);
    assert_in_range(pu_link_bytes(p.b->link) - before, BUDGET / 2, 2 * BUDGET);
    assert_in_range(carrier(p.b)->window, p.b->config.quic_conn_window_bytes, BUDGET);
    rig_free(p.w);
}

/* Twenty streams that nobody reads, each full to its window: another one goes on. */
static void streams_that_nobody_reads_do_not_stop_the_others(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.b->echoes = false;
    p.b->reads = 0;
    for (uint32_t i = 0; i < 20; i++) {
        rig_send(p.a, open_now(&p), 2 << 20, true);
        rig_run(p.w, 2 * PU_S);
        assert_int_equal(rig_theirs(p.b, i)->got, PU_FIRST_ROOM);
    }
    rig_send(p.a, open_now(&p), 1 << 20, true);
    rig_run(p.w, PU_S);
    rig_stream *t = rig_theirs(p.b, 20);
    assert_non_null(t);
    rig_grant(p.b, t, 2 << 20);
    assert_true(rig_run_for(p.w, &t->has_fin, 5 * PU_S));
    assert_int_equal(t->got, 1 << 20);
    assert_false(t->is_wrong);
    rig_free(p.w);
}

/* Streams that are finished on both sides and were never read do not give the window back. */
static void what_is_left_unread_counts_until_it_is_read(void **state)
{
    (void)state;
    pair p = pair_new(small_peer_budget);
    p.b->echoes = false;
    p.b->reads = 0;
    const uint64_t window = p.b->config.quic_conn_window_bytes;
    const uint32_t count = (uint32_t)(window / 200000);
    for (uint32_t i = 0; i < count; i++) {
        rig_send(p.a, open_now(&p), 200000, true);
        rig_run(p.w, 200 * PU_MS);
        rig_send(p.b, rig_theirs(p.b, i), 0, true);
        rig_run(p.w, 200 * PU_MS);
        assert_false(rig_theirs(p.b, i)->is_down);
    }
    rig_stream *late = open_now(&p);
    rig_send(p.a, late, 200000, true);
    rig_run(p.w, 5 * PU_S);
    assert_in_range(ngtcp2_conn_get_max_data_left(carrier(p.a)->qc), 0, 0);

    for (uint32_t i = 0; i <= count; i++) {
        rig_stream *t = rig_theirs(p.b, i);
        rig_grant(p.b, t, 1 << 20);
        rig_run(p.w, 500 * PU_MS);
        assert_int_equal(t->got, 200000);
        assert_int_equal(t->is_down, i < count);
        if (i < count) assert_int_equal(t->what, PU_DOWN_FINISHED);
    }
    rig_free(p.w);
}

/* 200 ms of round trip: a fixed window of 1 MiB would take 20 s for 100 MiB. */
static void windows_grow_with_the_path(void **state)
{
    (void)state;
    pair p = pair_apart(NULL, 100 * PU_MS);
    p.b->echoes = false;
    p.b->reads = 32 << 20;
    rig_stream *s = open_now(&p);
    rig_run(p.w, 5 * PU_S);
    pu_time start = p.w->now;
    rig_send(p.a, s, 100 << 20, true);
    rig_stream *t;
    while ((t = rig_theirs(p.b, 0)) == NULL) rig_run(p.w, 10 * PU_MS);
    assert_true(rig_run_for(p.w, &t->has_fin, 60 * PU_S));
    assert_in_range(p.w->now - start, PU_S, 7 * PU_S);
    const quic_conn *b = carrier(p.b);
    const pu_config *config = &p.b->config;
    assert_in_range(b->window, 8 << 20, config->quic_conn_window_most_bytes);
    assert_int_equal(b->head.windows, b->window - config->quic_conn_window_bytes);
    rig_free(p.w);
}

/* On a short path the first window is enough, and stays. */
static void windows_of_a_near_peer_stay_small(void **state)
{
    (void)state;
    pair p = pair_apart(NULL, 50 * PU_US);
    p.b->echoes = false;
    rig_stream *s = open_now(&p);
    rig_run(p.w, PU_S);
    rig_send(p.a, s, 1 << 20, true);
    rig_run(p.w, PU_S);
    assert_int_equal(rig_theirs(p.b, 0)->got, 1 << 20);
    assert_true(carrier(p.b)->window <= 2 * p.b->config.quic_conn_window_bytes);
    rig_free(p.w);
}

static void windows_grow_within_what_a_peer_may_have(void **state)
{
    (void)state;
    pair p = pair_apart(small_peer_budget, 100 * PU_MS);
    p.b->echoes = false;
    p.b->reads = 32 << 20;
    rig_conn *c[3];
    for (int i = 0; i < 3; i++) c[i] = rig_connect(p.a, p.b);
    for (int i = 0; i < 3; i++) {
        rig_stream *s = rig_open(p.a, c[i]);
        rig_run(p.w, 1);
        rig_send(p.a, s, 20 << 20, true);
    }
    rig_run(p.w, 60 * PU_S);
    const quic_endpoint *q = link_quic(p.b->link);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < q->conn_cap; i++)
        if (q->conns[i] != NULL) sum += q->conns[i]->head.windows;
    assert_in_range(sum, 1, p.b->config.link_windows_bytes);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(rig_theirs(p.b, i)->got, 20 << 20);
    rig_free(p.w);
}

/* What the node may send ahead grows when it is used, and all streams together stay in bounds. */
static void what_may_be_sent_ahead_is_bounded(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.b->echoes = false;
    rig_run(p.w, PU_S);
    p.b->is_deaf = true;
    size_t before = pu_link_bytes(p.a->link);
    for (int i = 0; i < 200; i++) rig_send(p.a, open_now(&p), 100 << 20, false);
    rig_run(p.w, 5 * PU_S);
    uint64_t sent = 0;
    for (int i = 0; i < 200; i++) {
        assert_true(p.a->streams[i].sent >= p.a->config.link_send_bytes);
        sent += p.a->streams[i].sent;
    }
    uint64_t most = 200 * p.a->config.link_send_bytes + p.a->config.quic_send_most_bytes;
    assert_in_range(sent, 1, most);
    assert_in_range(pu_link_bytes(p.a->link) - before, 1, most + (most >> 3));
    rig_free(p.w);
}

/* ---- ends ---- */

static void a_reset_ends_both_directions_with_its_code(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.b->echoes = false;
    for (int by_us = 0; by_us < 2; by_us++) {
        rig_stream *s = open_now(&p);
        rig_send(p.a, s, 500000, false);
        rig_run(p.w, 100 * PU_MS);
        rig_stream *t = rig_theirs(p.b, (uint32_t)by_us);
        assert_non_null(t);
        if (by_us) rig_reset(p.a, s, PU_CODE_RATE);
        else rig_reset(p.b, t, PU_CODE_RATE);
        rig_run(p.w, PU_S);
        assert_true(s->is_down);
        assert_true(t->is_down);
        assert_int_equal(s->what, PU_DOWN_RESET);
        assert_int_equal(t->what, PU_DOWN_RESET);
        assert_int_equal(s->code, PU_CODE_RATE);
        assert_int_equal(t->code, PU_CODE_RATE);
        assert_null(carrier(p.a)->flights);
        assert_null(carrier(p.b)->flights);
    }
    assert_false(p.c->is_down);
    rig_free(p.w);
}

/* After a reset ngtcp2 sends lost bytes of the stream again: they must still be there. */
static void resets_amid_loss_touch_no_freed_memory(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.w->lost_in_1024 = 200;
    for (int i = 0; i < 100; i++) {
        rig_stream *s = open_now(&p);
        rig_send(p.a, s, 60000, false);
        rig_run(p.w, (uint64_t)(i % 30) * PU_MS);
        rig_stream *t = rig_theirs(p.b, (uint32_t)i);
        if (i % 3 == 0 && t != NULL && !t->is_down) rig_reset(p.b, t, 0);
        else if (!s->is_down) rig_reset(p.a, s, PU_CODE_RATE);
    }
    p.w->lost_in_1024 = 0;
    rig_run(p.w, 60 * PU_S);
    assert_false(p.c->is_down);
    assert_null(carrier(p.b)->flights);
    /* ngtcp2 never ends a stream of which it heard the reset first: those that loss makes so are
     * left, and no more. */
    unsigned left = 0;
    for (const quic_flight *f = carrier(p.a)->flights; f != NULL; f = f->next) left++;
    assert_in_range(left, 0, 10);
    rig_stream *s = open_now(&p);
    rig_send(p.a, s, 1000, true);
    assert_true(rig_run_for(p.w, &s->is_down, PU_S));
    assert_int_equal(s->what, PU_DOWN_FINISHED);
    rig_free(p.w);
}

/* Bytes that nobody read before a reset are given back to the connection's window: 100 times a
 * quarter of it passes. */
static void resets_give_the_window_back(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.b->echoes = false;
    p.b->reads = 0;
    for (uint32_t i = 0; i < 100; i++) {
        rig_stream *s = open_now(&p);
        rig_send(p.a, s, 500000, false);
        rig_run(p.w, 300 * PU_MS);
        assert_int_equal(s->sent, 500000);
        rig_stream *t = rig_theirs(p.b, i);
        assert_non_null(t);
        if (i % 2 == 0) rig_reset(p.a, s, 0);
        else rig_reset(p.b, t, 0);
        rig_run(p.w, 100 * PU_MS);
        assert_true(s->is_down);
        assert_true(t->is_down);
    }
    rig_free(p.w);
}

/* go closes a stream by FIN and STOP_SENDING(0), often while we still write: what it sent is read
 * to its end, and the connection does not mind. */
static void stop_sending_after_fin_does_no_harm(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.b->echoes = false;
    rig_stream *s = open_now(&p);
    rig_send(p.a, s, 100000, true);
    rig_stop(p.a, s, 0);
    rig_run(p.w, 200 * PU_MS);
    rig_stream *t = rig_theirs(p.b, 0);
    assert_int_equal(t->got, 100000);
    assert_true(t->has_fin);
    assert_false(t->is_down);
    rig_send(p.b, t, 50000, false); /* shows that nobody wants it */
    rig_run(p.w, 200 * PU_MS);
    assert_true(t->is_stopped);
    assert_false(t->is_down);
    rig_send(p.b, t, 0, true);
    rig_run(p.w, PU_S);
    assert_true(t->is_down);
    assert_int_equal(t->what, PU_DOWN_FINISHED);
    assert_true(s->is_down);
    assert_int_equal(s->what, PU_DOWN_FINISHED);
    assert_false(p.c->is_down);
    assert_null(carrier(p.b)->flights);
    rig_free(p.w);
}

/* The same when the last byte was written before: both are finished. */
static void stop_sending_after_everything_is_no_reset(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    rig_stream *s = open_now(&p);
    rig_send(p.a, s, 1000, true);
    assert_true(rig_run_for(p.w, &s->has_fin, PU_S));
    if (!s->is_down) rig_stop(p.a, s, 0);
    rig_run(p.w, PU_S);
    assert_true(s->is_down);
    assert_int_equal(s->what, PU_DOWN_FINISHED);
    rig_stream *t = rig_theirs(p.b, 0);
    assert_true(t->is_down);
    assert_int_equal(t->what, PU_DOWN_FINISHED);
    rig_free(p.w);
}

static void half_a_stream_lives_on(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.b->echoes = false;
    rig_stream *s = open_now(&p);
    rig_send(p.a, s, 10, true); /* perf, ping and relay of others do so */
    rig_run(p.w, 20 * PU_S);
    rig_stream *t = rig_theirs(p.b, 0);
    assert_true(t->has_fin);
    assert_false(t->is_down);
    rig_send(p.b, t, 1000000, true);
    assert_true(rig_run_for(p.w, &s->is_down, 10 * PU_S));
    assert_int_equal(s->got, 1000000);
    assert_int_equal(s->what, PU_DOWN_FINISHED);
    rig_free(p.w);
}

static void streams_end_with_their_connection(void **state)
{
    (void)state;
    pair p = pair_new(NULL);
    p.b->reads = 0;
    for (int i = 0; i < 10; i++) rig_send(p.a, open_now(&p), 100000, i % 2 == 0);
    rig_run(p.w, 30 * PU_MS);
    rig_hangup(p.b, &p.b->conns[0], PU_CODE_COLLECTED, 0);
    rig_run(p.w, PU_S);
    assert_int_equal(p.c->code, PU_CODE_COLLECTED);
    for (int i = 0; i < 10; i++) {
        assert_true(p.a->streams[i].is_down);
        assert_int_equal(p.a->streams[i].what, PU_DOWN_LOST);
        assert_true(p.b->streams[i].is_down);
    }
    rig_free(p.w);
}

int quic_streams_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_streams_one_after_the_other),
        cmocka_unit_test(all_at_once_as_many_as_the_peer_allows),
        cmocka_unit_test(streams_that_are_reset_unsent_leave_no_trace),
        cmocka_unit_test(one_stream_too_many_is_reset),
        cmocka_unit_test(streams_take_turns),
        cmocka_unit_test(much_arrives_as_it_was_sent),
        cmocka_unit_test(loss_is_made_good),
        cmocka_unit_test(a_long_talk_delays_nothing_when_something_is_lost),
        cmocka_unit_test(who_gets_much_may_speak_at_once),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(who_does_not_read_is_not_flooded),
        cmocka_unit_test(all_streams_together_stay_within_the_peers_share),
        cmocka_unit_test(streams_that_nobody_reads_do_not_stop_the_others),
        cmocka_unit_test(what_is_left_unread_counts_until_it_is_read),
        cmocka_unit_test(windows_grow_with_the_path),
        cmocka_unit_test(windows_of_a_near_peer_stay_small),
        cmocka_unit_test(windows_grow_within_what_a_peer_may_have),
        cmocka_unit_test(what_may_be_sent_ahead_is_bounded),
        cmocka_unit_test(a_reset_ends_both_directions_with_its_code),
        cmocka_unit_test(resets_amid_loss_touch_no_freed_memory),
        cmocka_unit_test(resets_give_the_window_back),
        cmocka_unit_test(stop_sending_after_fin_does_no_harm),
        cmocka_unit_test(stop_sending_after_everything_is_no_reset),
        cmocka_unit_test(half_a_stream_lives_on),
        cmocka_unit_test(streams_end_with_their_connection),
    };
    return cmocka_run_group_tests_name("quic_streams", tests, NULL, NULL);
}
