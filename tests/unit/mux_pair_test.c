/* mux_pair_test.c - two of ours over one byte stream: bulk both ways, many streams, slow readers,
 * memory that runs out anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "link/yamux.h"
#include "tests/lib/mux_pair.h"

int mux_pair_test(void);

enum { MIB = 1 << 20 };

/* Opens a stream from side and finds the other end of it, once it has come. */
static mux_host_stream *open_from(mux_pair *p, int side, mux_host_stream **other)
{
    mux_host *to = p->host[!side];
    uint32_t before = to->stream_count;
    mux_host_stream *s = mux_host_stream_open(p->host[side]);
    mux_pair_pass(p, 2 * p->delay_ns + PU_MS);
    assert_int_equal(to->stream_count, before + 1);
    *other = mux_host_stream_at(to, before);
    return s;
}

/* rust-libp2p#5410: both write 10 MiB on two streams before they read anything, over a wire that
 * holds 64 KiB. Window updates are never behind data, so all of it arrives. */
static void both_write_before_they_read(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    p->capacity = 65536;
    for (int side = 0; side < 2; side++) p->host[side]->window = 0;
    mux_pair_up(p);
    mux_host_stream *from[2], *to[2];
    for (int side = 0; side < 2; side++) from[side] = open_from(p, side, &to[!side]);
    for (int side = 0; side < 2; side++) {
        mux_host_send(p->host[side], from[side], 10 * MIB, true);
        mux_host_send(p->host[side], to[side], 10 * MIB, true);
    }
    mux_pair_pass(p, PU_S);
    for (int side = 0; side < 2; side++) { /* one window, and what our side holds */
        assert_in_range(from[side]->tx_sent, YAMUX_FIRST_WINDOW, MIB);
        p->host[side]->window = MIB;
    }
    mux_pair_pass(p, PU_S);
    for (int side = 0; side < 2; side++) {
        assert_int_equal(from[side]->got, 10 * MIB);
        assert_int_equal(to[side]->got, 10 * MIB);
        assert_int_equal(from[side]->down_what, PU_DOWN_FINISHED);
        assert_int_equal(to[side]->down_what, PU_DOWN_FINISHED);
    }
    mux_pair_free(p);
}

static void two_hundred_streams(void **state)
{
    (void)state;
    enum { STREAMS = 200, EACH = 30000 };
    mux_pair *p = mux_pair_new();
    p->delay_ns = 5 * PU_MS;
    mux_pair_up(p);
    for (int i = 0; i < STREAMS; i++) {
        mux_host *h = p->host[i % 2];
        mux_host_send(h, mux_host_stream_open(h), EACH, true);
    }
    mux_pair_pass(p, PU_S);
    for (int side = 0; side < 2; side++) {
        mux_host *h = p->host[side];
        assert_int_equal(h->stream_count, STREAMS);
        for (uint32_t i = 0; i < STREAMS; i++) {
            mux_host_stream *s = mux_host_stream_at(h, i);
            if (s->is_ours) continue;
            assert_int_equal(s->got, EACH);
            assert_true(s->rx_fin);
            mux_host_send(h, s, EACH / 2, true);
        }
    }
    mux_pair_pass(p, PU_S);
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < STREAMS; i++) {
            mux_host_stream *s = mux_host_stream_at(p->host[side], i);
            assert_int_equal(s->down_what, PU_DOWN_FINISHED);
            assert_int_equal(s->got, s->is_ours ? EACH / 2 : EACH);
        }
        assert_int_equal(p->host[side]->closed, MUX_HOST_OPEN);
    }
    mux_pair_free(p);
}

static void a_thousand_streams_one_after_the_other(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    mux_pair_up(p);
    size_t before[2] = {0};
    for (int i = 0; i < 1300; i++) {
        mux_host_stream *other, *s = open_from(p, i % 2, &other);
        mux_host_send(p->host[i % 2], s, 100, true);
        mux_host_send(p->host[1 - i % 2], other, 10, true);
        mux_pair_pass(p, PU_MS);
        assert_int_equal(s->down_what, PU_DOWN_FINISHED);
        assert_int_equal(other->down_what, PU_DOWN_FINISHED);
        if (i == 20) mux_pair_pass(p, 2 * PU_S);
        for (int side = 0; side < 2; side++)
            if (i == 20) before[side] = pu_link_bytes(p->host[side]->link);
    }
    mux_pair_pass(p, 2 * PU_S);
    for (int side = 0; side < 2; side++)
        assert_int_equal(pu_link_bytes(p->host[side]->link), before[side]);
    mux_pair_free(p);
}

/* 80 ms of round trip and 256 KiB a window would be 3.2 MB a second. It grows within a few round
 * trips, so that 40 MiB take less than a third of the 13 s. */
static void windows_grow_over_a_long_way(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    p->delay_ns = 40 * PU_MS;
    p->capacity = 64 * MIB;
    mux_pair_up(p);
    mux_host_stream *other, *s = open_from(p, DIALLER, &other);
    p->host[LISTENER]->window = 64 * MIB;
    p->host[DIALLER]->config.link_send_bytes = UINT64_C(1) << 24;
    pu_time begun = p->now;
    mux_host_send(p->host[DIALLER], s, 40 * MIB, true);
    while (!other->rx_fin) mux_pair_pass(p, 10 * PU_MS);
    assert_in_range(p->now - begun, 5 * 80 * PU_MS, 4 * PU_S);
    mux_pair_free(p);
}

/* What the windows of one peer may grow to in all is bounded. */
static void windows_grow_within_their_sum(void **state)
{
    (void)state;
    enum { STREAMS = 8 };
    mux_pair *p = mux_pair_new();
    mux_host *l = p->host[LISTENER], *d = p->host[DIALLER];
    p->delay_ns = 40 * PU_MS;
    p->capacity = 64 * MIB;
    l->config.link_windows_bytes = STREAMS * YAMUX_FIRST_WINDOW + 4 * MIB;
    l->window = 64 * MIB;
    d->config.link_send_bytes = UINT64_C(1) << 24;
    mux_pair_up(p);
    mux_host_stream *s[STREAMS], *other[STREAMS];
    for (int i = 0; i < STREAMS; i++) s[i] = open_from(p, DIALLER, &other[i]);
    for (int i = 0; i < STREAMS; i++) mux_host_send(d, s[i], 8 * MIB, false);
    mux_pair_pass(p, 4 * PU_S);
    for (int i = 0; i < STREAMS; i++) assert_int_equal(other[i]->got, 8 * MIB);
    l->window = 0; /* the node reads no more: what the peer may still send is the windows */
    for (int i = 0; i < STREAMS; i++) mux_host_send(d, s[i], 128 * MIB, false);
    mux_pair_pass(p, 9 * PU_S);
    size_t held = pu_link_bytes(l->link);
    assert_in_range(held, STREAMS * YAMUX_FIRST_WINDOW + 3 * MIB,
                    STREAMS * YAMUX_FIRST_WINDOW + 5 * MIB);
    mux_pair_free(p);
}

/* One stream that nobody reads does not hold up the other. */
static void a_stuck_stream_blocks_no_other(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    mux_pair_up(p);
    mux_host *d = p->host[DIALLER], *l = p->host[LISTENER];
    mux_host_stream *stuck_end, *free_end;
    mux_host_stream *stuck = open_from(p, DIALLER, &stuck_end);
    l->window = 0;
    mux_host_send(d, stuck, 4 * MIB, true);
    mux_pair_pass(p, PU_S);
    mux_host_stream *free_one = open_from(p, DIALLER, &free_end);
    mux_host_send(d, free_one, 4 * MIB, true);
    for (int i = 0; i < 4 * MIB / 4096 + 10; i++) {
        mux_host_grant(l, free_end, free_end->got + 65536);
        mux_pair_pass(p, PU_MS);
    }
    assert_int_equal(free_end->got, 4 * MIB);
    assert_int_equal(stuck_end->got, stuck_end->granted);
    assert_false(stuck->is_down);
    mux_pair_free(p);
}

/* A node that takes 1 KiB a second gets all of it, in its own time. */
static void a_slow_reader_gets_everything(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    mux_pair_up(p);
    mux_host *l = p->host[LISTENER];
    mux_host_stream *other, *s = open_from(p, DIALLER, &other);
    l->window = 0;
    mux_host_send(p->host[DIALLER], s, 100 << 10, true);
    for (int second = 0; second < 100; second++) {
        mux_host_grant(l, other, other->got + 1024);
        mux_pair_pass(p, PU_S);
    }
    assert_int_equal(other->got, 100 << 10);
    assert_true(other->rx_fin);
    mux_pair_free(p);
}

static void a_hangup_delivers_what_was_sent(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        mux_pair *p = mux_pair_new();
        p->delay_ns = 20 * PU_MS;
        mux_pair_up(p);
        mux_host_stream *other, *s = open_from(p, side, &other);
        mux_host_send(p->host[side], s, 60000, true);
        mux_host_hangup(p->host[side], PU_CODE_SHUTDOWN, p->now + PU_S);
        mux_pair_pass(p, 2 * PU_S);
        assert_int_equal(other->got, 60000);
        assert_true(other->rx_fin);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(p->host[i]->down_code, PU_CODE_SHUTDOWN);
            assert_int_equal(p->host[i]->closed, MUX_HOST_CLOSED);
        }
        mux_pair_free(p);
    }
}

/* Five minutes of silence: pings keep it, and cost a few bytes. */
static void an_idle_connection_stays(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    p->delay_ns = 30 * PU_MS;
    mux_pair_up(p);
    uint64_t before = p->host[0]->sent_total + p->host[1]->sent_total;
    uint32_t ticks = p->host[0]->ticks;
    mux_pair_pass(p, 300 * PU_S);
    for (int side = 0; side < 2; side++) assert_int_equal(p->host[side]->closed, MUX_HOST_OPEN);
    assert_true(p->host[0]->sent_total + p->host[1]->sent_total - before <= 4 * 10 * 30);
    assert_true(p->host[0]->ticks - ticks <= 60);
    /* and then the other side goes dark */
    p->wire[0].is_blocked = p->wire[1].is_blocked = true;
    mux_pair_pass(p, 61 * PU_S);
    for (int side = 0; side < 2; side++) assert_int_equal(p->host[side]->down_code, PU_CODE_LOST);
    mux_pair_free(p);
}

/* Each request for memory of either side is refused in turn: no crash, no leak, no wrong byte. The
 * connection may end, a stream may be reset. */
static void memory_runs_out_anywhere(void **state)
{
    (void)state;
    unsigned spared = 0;
    for (int side = 0; side < 2; side++) {
        bool has_failed = true;
        for (unsigned n = 1; has_failed; n += 1 + n / 40) {
            mux_pair *p = mux_pair_new();
            bool is_open = mux_host_open(p->host[0]) && mux_host_open(p->host[1]);
            assert_true(is_open);
            p->host[side]->heap.fail_at = p->host[side]->heap.asked + n;
            mux_pair_connect(p);
            mux_pair_pass(p, PU_S);
            if (p->host[0]->is_up && p->host[1]->is_up) {
                for (int i = 0; i < 2; i++) {
                    if (p->host[i]->is_down) continue;
                    mux_host_stream *s = mux_host_stream_open(p->host[i]);
                    if (!s->is_down) mux_host_send(p->host[i], s, 300000, true);
                }
                mux_pair_pass(p, PU_S);
            }
            has_failed = p->host[side]->heap.asked >= p->host[side]->heap.fail_at;
            spared += has_failed && p->host[0]->is_up && !p->host[0]->is_down;
            mux_pair_free(p);
        }
    }
    assert_true(spared > 5); /* most of it costs a stream only */
}

int mux_pair_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_write_before_they_read),
        cmocka_unit_test(two_hundred_streams),
        cmocka_unit_test(a_thousand_streams_one_after_the_other),
        cmocka_unit_test(windows_grow_over_a_long_way),
        cmocka_unit_test(windows_grow_within_their_sum),
        cmocka_unit_test(a_stuck_stream_blocks_no_other),
        cmocka_unit_test(a_slow_reader_gets_everything),
        cmocka_unit_test(a_hangup_delivers_what_was_sent),
        cmocka_unit_test(an_idle_connection_stays),
        cmocka_unit_test(memory_runs_out_anywhere),
    };
    return cmocka_run_group_tests_name("mux_pair", tests, NULL, NULL);
}
