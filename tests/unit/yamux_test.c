/* yamux_test.c - streams over one connection, frame by frame: what is said to what comes, and every
 * frame that once broke another implementation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/mux_peer.h"
#include "tests/unit/hex.h"

int yamux_test(void);

enum { DATA = YAMUX_DATA, WND = YAMUX_WINDOW, PING = YAMUX_PING, GOAWAY = YAMUX_GOAWAY };
enum { SYN = YAMUX_SYN, ACK = YAMUX_ACK, FIN = YAMUX_FIN, RST = YAMUX_RST };
enum { FIRST = YAMUX_FIRST_WINDOW };

/* A connection on which both sides are up: the peer dialled, so its ids are odd. Windows keep their
 * size. */
static mux_peer *dialled(void)
{
    mux_peer *p = mux_peer_new(true);
    p->host->config.yamux_window_most_bytes = FIRST;
    mux_peer_up(p);
    return p;
}

/* The host dialled: its ids are odd, the peer's even. */
static mux_peer *dialling(void)
{
    mux_peer *p = mux_peer_new(false);
    p->host->config.yamux_window_most_bytes = FIRST;
    mux_peer_up(p);
    return p;
}

static void say(mux_peer *p, uint32_t type, uint32_t flags, uint32_t id, uint32_t length)
{
    mux_peer_frame(p, type, flags, id, length);
    mux_peer_flush(p);
}

/* The connection still works. */
static void expect_alive(mux_peer *p)
{
    assert_int_equal(p->host->closed, MUX_HOST_OPEN);
    (void)mux_peer_hear(p);
    say(p, PING, SYN, 0, 0x600d);
    mux_peer_expect(p, "PING ACK 0 24589\n");
}

static void expect_violation(mux_peer *p)
{
    mux_peer_expect(p, "GOAWAY 0 1\n");
    assert_int_equal(p->host->closed, MUX_HOST_CLOSED);
    assert_true(p->host->is_down);
    assert_int_equal(p->host->down_code, PU_CODE_VIOLATION);
}

/* A stream of the peer's, accepted. */
static mux_host_stream *opened(mux_peer *p, uint32_t id)
{
    say(p, WND, SYN, id, 0);
    (void)mux_peer_hear(p);
    return mux_host_stream_at(p->host, p->host->stream_count - 1);
}

/* ---- beginnings ---- */

/* Captured from js-libp2p 3.3.11, the accepting side: ping, SYN, a proposal. */
static void what_js_says_is_understood(void **state)
{
    (void)state;
    static const char said[] = "000200010000000000000000"
                               "000100010000000200000000"
                               "000000000000000200000024"
                               "132f6d756c746973747265616d2f312e302e300a"
                               "0f2f697066732f69642f312e302e300a";
    uint8_t bytes[128];
    mux_peer *p = dialling();
    p->host->is_raw = true;
    mux_peer_put(p, hex_bytes(said, bytes, sizeof bytes));
    mux_peer_flush(p);
    mux_peer_expect(p, "PING ACK 0 0\nWND ACK 2 0\n");
    mux_host_stream *s = mux_host_stream_at(p->host, 0);
    assert_int_equal(s->got, 36);
    assert_memory_equal(s->head, bytes + 36, 36);
    mux_peer_free(p);
}

/* The first frame of a stream may be Data or a window, with or without more flags. */
static void any_first_frame_opens_a_stream(void **state)
{
    static const struct {
        uint32_t type, flags, length, streams;
        bool rx_fin;
        const char *said;
    } cases[] = {
        {WND, SYN, 0, 1, false, "WND ACK 1 0\n"},
        {WND, SYN, 1000, 1, false, "WND ACK 1 0\n"},
        {WND, SYN | FIN, 0, 1, true, "WND ACK 1 0\n"},
        {WND, SYN | ACK, 0, 1, false, "WND ACK 1 0\n"},
        {WND, SYN | 0xfff0, 0, 1, false, "WND ACK 1 0\n"},
        {DATA, SYN, 0, 1, false, "WND ACK 1 0\n"},
        {DATA, SYN, 10, 1, false, "WND ACK 1 0\n"},
        {DATA, SYN, FIRST, 1, false, "WND ACK 1 147410\n"}, /* once, past the half */
        {DATA, SYN | FIN, 10, 1, true, "WND ACK 1 0\n"},
        {DATA, SYN | FIN, 0, 1, true, "WND ACK 1 0\n"},
        {WND, SYN | RST, 0, 0, false, ""},
        {WND, SYN | RST, UINT32_MAX, 0, false, ""}, /* a code, no credit */
        {DATA, SYN | RST, 10, 0, false, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mux_peer *p = dialled();
        bool is_data = cases[i].type == DATA;
        if (is_data) mux_peer_data(p, cases[i].flags, 1, 0, cases[i].length);
        else mux_peer_frame(p, WND, cases[i].flags, 1, cases[i].length);
        mux_peer_flush(p);
        mux_peer_expect(p, cases[i].said);
        assert_int_equal(p->host->stream_count, cases[i].streams);
        if (cases[i].streams > 0) {
            const mux_host_stream *s = mux_host_stream_at(p->host, 0);
            assert_int_equal(s->got, is_data ? cases[i].length : 0);
            assert_int_equal(s->rx_fin, cases[i].rx_fin);
            assert_false(s->is_down);
        }
        expect_alive(p);
        mux_peer_free(p);
    }
}

static void we_open_with_a_window_and_accept_once(void **state)
{
    (void)state;
    mux_peer *p = dialling();
    for (uint32_t i = 0; i < 3; i++) {
        mux_host_stream *s = mux_host_stream_open(p->host);
        assert_int_not_equal(s->handle, 0);
    }
    mux_peer_expect(p, "WND SYN 1 0\nWND SYN 3 0\nWND SYN 5 0\n");
    say(p, WND, ACK, 1, 0);
    say(p, WND, ACK, 1, 0); /* kubo#3651: twice */
    say(p, WND, ACK, 77, 0);
    expect_alive(p);
    mux_host_stream *s = opened(p, 2);
    mux_host_send(p->host, s, 5, false);
    mux_peer_expect(p, "DATA 2 5\n"); /* no second ACK */
    mux_peer_free(p);
}

/* ---- the connection's violations ---- */

typedef struct bad_frame {
    uint32_t type, flags, id, length;
} bad_frame;

static void frames_that_end_a_connection(void **state)
{
    static const bad_frame cases[] = {
        {4, 0, 1, 0}, /* a type that does not exist */
        {4, 0, 0, 0},
        {0xff, 0xffff, 1, 0},
        {DATA, 0, 0, 0}, /* of the connection */
        {DATA, SYN, 0, 10},
        {WND, SYN, 0, 0},
        {WND, 0, 0, 0},
        {PING, SYN, 1, 0}, /* of a stream */
        {GOAWAY, 0, 1, 0},
        {WND, SYN, 2, 0}, /* our parity */
        {DATA, SYN, 2, 0},
        {WND, SYN, 5, 0}, /* it is open */
        {DATA, SYN, 5, 0},
        {WND, 0, 5, UINT32_MAX}, /* CVE-2026-31814 */
        {WND, 0, 5, UINT32_MAX - FIRST + 1},
        {WND, SYN, 7, UINT32_MAX}, /* rust-yamux#228 */
        {WND, SYN, 7, UINT32_MAX - FIRST + 1},
        {DATA, SYN, 7, FIRST + 1}, /* CVE-2026-32314 */
        {DATA, 0, 5, FIRST + 1},
        {DATA, 0, 5, 300 << 10},   /* rust-yamux#90 */
        {DATA, 0, 5, UINT32_MAX},  /* hashicorp: nothing is allocated by a header */
        {DATA, 0, 99, UINT32_MAX}, /* nor waited for */
        {DATA, 0xffff, 9, UINT32_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mux_peer *p = dialled();
        opened(p, 5);
        size_t before = p->host->heap.live_bytes;
        say(p, cases[i].type, cases[i].flags, cases[i].id, cases[i].length);
        assert_true(p->host->heap.live_bytes <= before + 256);
        assert_int_equal(p->host->stream_count, 1); /* refused before it was a stream */
        expect_violation(p);
        assert_int_equal(mux_host_stream_at(p->host, 0)->down_what, PU_DOWN_LOST);
        mux_peer_free(p);
    }
}

/* nim#2787: version 1. */
static void another_version_ends_a_connection(void **state)
{
    (void)state;
    for (uint8_t version = 1; version != 0; version = (uint8_t)(version << 1)) {
        uint8_t bytes[YAMUX_HEADER_BYTES] = {version, WND, 0, SYN, 0, 0, 0, 1};
        mux_peer *p = dialled();
        mux_peer_put(p, span_of(bytes, sizeof bytes));
        mux_peer_flush(p);
        expect_violation(p);
        mux_peer_free(p);
    }
}

/* Credit counts over all frames, whatever their size. */
static void more_than_the_window_ends_a_connection(void **state)
{
    (void)state;
    for (uint32_t part = 1000; part <= FIRST; part = part * 7 + 1) {
        mux_peer *p = dialled();
        p->host->window = 0; /* the node grants nothing beyond its first room */
        opened(p, 1);
        for (uint32_t sent = 0; sent < FIRST; sent += part) {
            uint32_t len = part < FIRST - sent ? part : FIRST - sent;
            mux_peer_data(p, 0, 1, sent, len);
            mux_peer_flush(p);
        }
        expect_alive(p);
        mux_peer_data(p, 0, 1, FIRST, 1);
        mux_peer_flush(p);
        expect_violation(p);
        mux_peer_free(p);
    }
}

/* A sum of legal updates may reach the top and not pass it. */
static void credit_reaches_its_top(void **state)
{
    (void)state;
    mux_peer *p = dialled();
    opened(p, 1);
    say(p, WND, 0, 1, UINT32_MAX - FIRST);
    say(p, WND, 0, 1, 0);
    expect_alive(p);
    say(p, WND, 0, 1, 1);
    expect_violation(p);
    mux_peer_free(p);
}

/* py-libp2p#1270: what the first frame of a stream grants is added to the first window, and so is
 * what an acknowledgement grants. */
static void credit_of_the_first_frame_counts(void **state)
{
    (void)state;
    for (int is_ours = 0; is_ours < 2; is_ours++) {
        mux_peer *p = is_ours ? dialling() : dialled();
        mux_host *h = p->host;
        mux_host_stream *s = is_ours ? mux_host_stream_open(h) : NULL;
        say(p, WND, is_ours ? ACK : SYN, 1, 1000);
        (void)mux_peer_hear(p);
        if (s == NULL) s = mux_host_stream_at(h, 0);
        uint64_t got = 0;
        mux_host_send(h, s, FIRST + 2000, false);
        for (int round = 0; round < 2; round++) {
            uint32_t id, len;
            for (const char *line = mux_peer_hear(p); *line != 0; line = strchr(line, '\n') + 1)
                if (sscanf(line, "DATA %u %u", &id, &len) == 2) got += len;
            assert_int_equal(got, FIRST + 1000 + 500 * (uint64_t)round);
            if (round == 0) say(p, WND, 0, 1, 500);
        }
        expect_alive(p);
        mux_peer_free(p);
    }
}

/* ---- what is passed over ---- */

static void frames_that_mean_nothing(void **state)
{
    static const bad_frame cases[] = {
        {WND, 0, 77, 100}, /* never opened */
        {WND, ACK, 77, 0},       {WND, FIN, 77, 0},
        {WND, RST, 77, 0},       {WND, 0, 1, 100}, /* finished (js-yamux#93) */
        {WND, FIN, 1, 0},        {WND, RST, 1, 0}, /* js resets what is finished */
        {WND, 0, 3, UINT32_MAX},                   /* reset by us */
        {WND, RST, 3, 5},        {WND, 0, 4, 100}, /* our parity, never opened */
        {PING, ACK, 0, 5},                         /* nobody asked */
        {PING, 0, 0, 5},         {WND, FIN, 5, 0}, /* the second time */
        {WND, 0xfff0, 5, 0},
    };
    (void)state;
    mux_peer *p = dialled();
    mux_host_stream *finished = opened(p, 1), *reset = opened(p, 3);
    opened(p, 5);
    say(p, WND, FIN, 1, 0);
    mux_host_send(p->host, finished, 0, true);
    mux_host_settle(p->host);
    assert_int_equal(finished->down_what, PU_DOWN_FINISHED);
    mux_host_reset(p->host, reset, 0x1001);
    say(p, WND, FIN, 5, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)mux_peer_hear(p);
        say(p, cases[i].type, cases[i].flags, cases[i].id, cases[i].length);
        mux_peer_expect(p, "");
        expect_alive(p);
    }
    /* Data for streams that are gone is drained, however much it is. */
    for (uint32_t id = 1; id <= 77; id += id == 3 ? 74 : 2) {
        mux_peer_data(p, 0, id, 0, 200000);
        mux_peer_flush(p);
        mux_peer_data(p, FIN, id, 0, 3);
        mux_peer_flush(p);
        expect_alive(p);
    }
    assert_int_equal(p->host->stream_count, 3);
    mux_peer_free(p);
}

/* ---- ends of streams ---- */

static void either_side_may_finish_first(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        mux_peer *p = dialled();
        mux_host_stream *s = opened(p, 1);
        for (int turn = 0; turn < 2; turn++) {
            assert_false(s->is_down);
            if (turn == first) {
                mux_host_send(p->host, s, 3, true);
                mux_peer_expect(p, "DATA 1 3\nWND FIN 1 0\n");
            } else {
                mux_peer_data(p, FIN, 1, 0, 8);
                mux_peer_flush(p);
                assert_int_equal(s->got, 8);
                assert_true(s->rx_fin);
            }
        }
        assert_true(s->is_down);
        assert_int_equal(s->down_what, PU_DOWN_FINISHED);
        expect_alive(p);
        mux_peer_free(p);
    }
}

/* FIN is a window update, never a flag of the last bytes: js-libp2p would drop those. */
static void how_we_finish(void **state)
{
    (void)state;
    mux_peer *p = dialled();
    mux_host_stream *s = opened(p, 1), *t = opened(p, 3);
    mux_host_send(p->host, s, 0, true);
    mux_host_send(p->host, t, FIRST, false);
    mux_host_settle(p->host);
    mux_host_send(p->host, t, 1, true); /* beyond the window: waits */
    const char *said = mux_peer_hear(p);
    assert_non_null(strstr(said, "WND FIN 1 0\n"));
    assert_null(strstr(said, "FIN 3"));
    assert_int_equal(t->tx_sent, FIRST + 1);
    say(p, WND, 0, 3, 1);
    mux_peer_expect(p, "DATA 3 1\nWND FIN 3 0\n");
    mux_peer_free(p);
}

static void data_after_fin_resets_the_stream(void **state)
{
    (void)state;
    mux_peer *p = dialled();
    mux_host_stream *s = opened(p, 1);
    say(p, WND, FIN, 1, 0);
    mux_peer_data(p, 0, 1, 0, 0); /* none is none */
    mux_peer_flush(p);
    assert_false(s->is_down);
    mux_peer_data(p, 0, 1, 0, 10);
    mux_peer_flush(p);
    mux_peer_expect(p, "WND RST 1 4099\n");
    assert_int_equal(s->down_what, PU_DOWN_RESET);
    assert_int_equal(s->down_code, PU_CODE_VIOLATION);
    expect_alive(p);
    mux_peer_free(p);
}

static void resets_carry_their_code(void **state)
{
    static const uint32_t codes[][2] = {
        /* ours, on the wire */
        {0, 0},         {0x1001, 0x1001}, {0x1fff, 0x1fff}, {PU_CODE_CANCELLED, 0},
        {0xfff, 0xfff}, {42, 42},         {0x2000, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        char want[64];
        mux_peer *p = dialled();
        mux_host_stream *s = opened(p, 1), *t = opened(p, 3);
        mux_host_send(p->host, s, 1000, false);
        mux_host_reset(p->host, s, codes[i][0]);
        assert_true(s->is_down); /* what was not sent yet is not sent any more */
        snprintf(want, sizeof want, "WND RST 1 %u\n", codes[i][1]);
        mux_peer_expect(p, want);
        say(p, WND, RST, 3, codes[i][0]);
        assert_int_equal(t->down_what, PU_DOWN_RESET);
        assert_int_equal(t->down_code, codes[i][1]);
        mux_peer_expect(p, ""); /* a reset is not answered */
        expect_alive(p);
        mux_peer_free(p);
    }
}

/* RST comes before the length counts, which is a code then. */
static void a_reset_grants_no_credit(void **state)
{
    (void)state;
    mux_peer *p = dialled();
    mux_host_stream *s = opened(p, 1);
    say(p, WND, RST, 1, UINT32_MAX);
    assert_true(s->is_down);
    assert_int_equal(s->down_code, 0);
    expect_alive(p);
    mux_host_stream *t = opened(p, 3);
    mux_peer_data(p, RST, 3, 0, 100); /* on Data: its bytes are drained */
    mux_peer_flush(p);
    assert_true(t->is_down);
    assert_int_equal(t->got, 0);
    expect_alive(p);
    mux_peer_free(p);
}

/* What the peer has not heard of needs no reset, and never comes up there. */
static void a_stream_that_was_never_said_is_never_reset(void **state)
{
    (void)state;
    mux_peer *p = dialling();
    mux_host_stream *s = mux_host_stream_open(p->host);
    mux_host_send(p->host, s, 100, false);
    mux_host_reset(p->host, s, 0x1000);
    mux_peer_expect(p, "");
    mux_host_stream_open(p->host);
    mux_peer_expect(p, "WND SYN 3 0\n");
    mux_peer_free(p);
}

/* The node reads no more: the window stays shut, what is in flight is dropped, and the answer still
 * goes out. A reset would take it away from the peer, so there is none. */
static void whom_nobody_reads_still_hears(void **state)
{
    (void)state;
    mux_peer *p = dialled();
    mux_host_stream *s = opened(p, 1);
    mux_host_stop(p->host, s);
    mux_peer_data(p, 0, 1, 0, FIRST);
    mux_peer_flush(p);
    mux_peer_expect(p, ""); /* no credit */
    assert_int_equal(s->got, 0);
    mux_host_send(p->host, s, 2, true);
    mux_peer_expect(p, "DATA 1 2\nWND FIN 1 0\n");
    assert_false(s->is_down);
    say(p, WND, FIN, 1, 0);
    assert_int_equal(s->down_what, PU_DOWN_FINISHED);
    mux_peer_free(p);
}

/* Without an answer nothing is lost by a reset, and the peer does not wait for credit for ever. */
static void whom_nobody_reads_or_answers_is_reset(void **state)
{
    (void)state;
    for (int order = 0; order < 3; order++) {
        mux_peer *p = dialled();
        p->host->window = 0;
        mux_host_stream *s = opened(p, 1);
        for (int turn = 0; turn < 3; turn++) {
            assert_false(s->is_down);
            switch ((turn + order) % 3) {
            case 0: mux_host_stop(p->host, s); break;
            case 1: mux_host_send(p->host, s, 0, true); break;
            case 2: mux_peer_data(p, 0, 1, 0, FIRST); break;
            }
            mux_peer_flush(p);
        }
        mux_peer_expect(p, "WND FIN 1 0\nWND RST 1 0\n");
        assert_int_equal(s->down_what, PU_DOWN_FINISHED);
        mux_peer_free(p);
    }
}

/* ---- pings ---- */

static void pings_are_answered_exactly(void **state)
{
    static const uint32_t values[] = {0, 1, 0x80000000u, UINT32_MAX};
    (void)state;
    mux_peer *p = dialled();
    for (size_t i = 0; i < 4; i++) {
        char want[64];
        say(p, PING, i == 2 ? 0xffff : SYN, 0, values[i]);
        snprintf(want, sizeof want, "PING ACK 0 %u\n", values[i]);
        mux_peer_expect(p, want);
    }
    mux_peer_free(p);
}

/* An answer does not wait behind a megabyte. */
static void answers_go_ahead_of_bulk(void **state)
{
    (void)state;
    mux_peer *p = dialled();
    mux_host *h = p->host;
    mux_host_stream *s = opened(p, 1);
    say(p, WND, 0, 1, 1 << 24);
    p->is_holding = true;
    mux_host_send(h, s, 1 << 20, false);
    mux_host_settle(h); /* the wire is full now */
    assert_true(s->tx_wanted > s->tx_sent);
    (void)mux_peer_hear(p);
    say(p, PING, SYN, 0, 5);
    say(p, WND, SYN, 3, 0);
    mux_peer_expect(p, "");
    mux_host_room(h, h->sent_total + 65536);
    const char *said = mux_peer_hear(p);
    static const char first[] = "PING ACK 0 5\nWND ACK 3 0\nDATA 1 ";
    assert_memory_equal(said, first, sizeof first - 1);
    mux_peer_free(p);
}

static void a_ping_every_half_minute(void **state)
{
    (void)state;
    mux_peer *p = dialled();
    mux_host *h = p->host;
    pu_time begun = h->now;
    for (uint32_t n = 2; n < 5; n++) {
        char want[64];
        mux_host_run(h, begun + (n - 1) * 30 * PU_S - 1);
        mux_peer_expect(p, "");
        mux_host_run(h, h->now + 1);
        snprintf(want, sizeof want, "PING SYN 0 %u\n", n);
        mux_peer_expect(p, want);
        h->now += 20 * PU_MS;
        say(p, PING, ACK, 0, n - 1); /* an old value is no answer */
        say(p, PING, ACK, 0, n);
    }
    assert_in_range(h->rtt_ns, PU_MS, 20 * PU_MS); /* smoothed from nothing */
    assert_int_equal(h->closed, MUX_HOST_OPEN);
    mux_peer_free(p);
}

/* COMMAND SET: a connection that is at rest goes by it at once, not after its next ping. */
static void pings_follow_a_new_parameter(void **state)
{
    (void)state;
    mux_peer *p = dialled();
    mux_host *h = p->host;
    pu_time begun = h->now;
    mux_host_effect(h, (pu_ef){.kind = PU_EF_SET,
                               .body = SPAN_LITERAL("yamux_keep_alive_ns"),
                               .offset = 2 * PU_S});
    mux_host_run(h, begun + 2 * PU_S);
    mux_peer_expect(p, "PING SYN 0 2\n");
    mux_host_effect(h, (pu_ef){.kind = PU_EF_SET, .body = SPAN_LITERAL("idle_ns"), .offset = PU_S});
    mux_host_run(h, begun + 3 * PU_S);
    assert_int_equal(h->down_code, PU_CODE_LOST);
    mux_peer_free(p);
}

/* What a window has grown to is the peer's to use, when windows may grow less from now on. */
static void a_lower_top_takes_no_credit_back(void **state)
{
    (void)state;
    enum { GROWN = 4 << 20 };
    mux_peer *p = mux_peer_new(true);
    mux_host *h = p->host;
    mux_peer_up(p);
    h->window = 1 << 26;
    mux_host_stream *s = opened(p, 1);
    uint64_t sent = 0, credit = FIRST;
    while (credit - sent < GROWN) {
        mux_peer_data(p, 0, 1, sent, 65536);
        mux_peer_flush(p);
        sent += 65536;
        uint32_t more;
        for (const char *line = mux_peer_hear(p); *line != 0; line = strchr(line, '\n') + 1)
            if (sscanf(line, "WND 1 %u", &more) == 1) credit += more;
        assert_true(sent < credit);
    }
    mux_host_effect(h, (pu_ef){.kind = PU_EF_SET,
                               .body = SPAN_LITERAL("yamux_window_most_bytes"),
                               .offset = FIRST});
    mux_peer_data(p, 0, 1, sent, GROWN);
    mux_peer_flush(p);
    assert_int_equal(h->closed, MUX_HOST_OPEN);
    assert_int_equal(s->got, sent + GROWN);
    mux_peer_free(p);
}

static void who_falls_silent_is_lost(void **state)
{
    (void)state;
    mux_peer *p = dialled();
    mux_host *h = p->host;
    mux_host_run(h, h->now + 30 * PU_S); /* a ping goes out */
    pu_time pinged = h->now;
    mux_host_run(h, pinged + 10 * PU_S);
    say(p, WND, 0, 99, 0); /* anything at all is a sign of life */
    mux_host_run(h, pinged + 40 * PU_S - 1);
    assert_int_equal(h->closed, MUX_HOST_OPEN);
    mux_host_run(h, pinged + 40 * PU_S);
    assert_int_not_equal(h->closed, MUX_HOST_OPEN);
    assert_int_equal(h->down_code, PU_CODE_LOST);
    mux_peer_free(p);
}

/* ---- ends of the connection ---- */

static void goaway_ends_everything(void **state)
{
    static const uint32_t codes[][2] = {
        {0, PU_CODE_OK},  {1, PU_CODE_VIOLATION}, {2, PU_CODE_RESOURCE},      {3, PU_CODE_LOST},
        {0x1005, 0x1005}, {0x2000, PU_CODE_LOST}, {UINT32_MAX, PU_CODE_LOST},
    };
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        mux_peer *p = dialled();
        mux_host_stream *s = opened(p, 1);
        mux_peer_data(p, FIN, 1, 0, 10);
        mux_peer_frame(p, GOAWAY, 0, 0, codes[i][0]);
        mux_peer_data(p, 0, 0, 0, 0); /* what follows is not looked at */
        mux_peer_flush(p);
        assert_int_equal(s->got, 10);
        assert_int_equal(s->down_what, PU_DOWN_LOST);
        assert_int_equal(p->host->down_code, codes[i][1]);
        assert_int_equal(p->host->closed, MUX_HOST_CLOSED);
        mux_peer_expect(p, ""); /* it needs no answer */
        mux_peer_free(p);
    }
}

static void the_end_of_the_wire(void **state)
{
    (void)state;
    for (int streams = 0; streams < 2; streams++) {
        mux_peer *p = dialled();
        if (streams > 0) opened(p, 1);
        mux_host_deliver_fin(p->host);
        assert_true(p->host->is_down);
        assert_int_equal(p->host->down_code, streams > 0 ? PU_CODE_LOST : PU_CODE_OK);
        assert_int_equal(p->host->closed, MUX_HOST_CLOSED);
        mux_peer_free(p);
    }
    mux_peer *p = dialled();
    opened(p, 1);
    mux_host_lose(p->host);
    assert_true(p->host->is_down);
    assert_int_equal(p->host->closed, MUX_HOST_OPEN); /* it is not closed twice */
    mux_peer_free(p);
}

static void a_hangup_flushes_and_says_why(void **state)
{
    static const uint32_t codes[][2] = {{0, 0}, {PU_CODE_SHUTDOWN, 0x1006}, {PU_CODE_TIMEOUT, 0}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char want[64];
        mux_peer *p = dialled();
        mux_host_stream *s = opened(p, 1);
        mux_host_send(p->host, s, 9, false);
        mux_host_hangup(p->host, codes[i][0], p->host->now + PU_S);
        snprintf(want, sizeof want, "GOAWAY 0 %u\n", codes[i][1]);
        const char *said = mux_peer_hear(p);
        assert_memory_equal(said, "DATA 1 9\n", 9);
        assert_non_null(strstr(said, want));
        assert_int_equal(p->host->down_code, codes[i][0]);
        assert_int_equal(p->host->closed, MUX_HOST_CLOSED);
        mux_peer_free(p);
    }
}

/* What the peer gives no credit for is flushed until the deadline, and not longer. */
static void a_hangup_ends_at_its_deadline(void **state)
{
    (void)state;
    mux_peer *p = dialled();
    mux_host *h = p->host;
    mux_host_stream *s = opened(p, 1);
    mux_host_send(h, s, FIRST + 10, false);
    (void)mux_peer_hear(p);
    pu_time begun = h->now;
    mux_host_hangup(h, 0, begun + PU_S);
    mux_host_run(h, begun + PU_S - 1);
    assert_int_equal(h->closed, MUX_HOST_OPEN);
    say(p, WND, SYN, 3, 0); /* nothing begins any more */
    mux_host_run(h, begun + PU_S);
    assert_int_equal(h->closed, MUX_HOST_CLOSED);
    assert_int_equal(h->stream_count, 1);
    const char *said = mux_peer_hear(p);
    assert_non_null(strstr(said, "WND RST 3 "));
    assert_non_null(strstr(said, "GOAWAY 0 0\n"));
    mux_peer_free(p);
}

/* ---- frames and Noise frames ---- */

/* Borders of Noise frames mean nothing: empty ones, one byte each, all in one (py-libp2p#1269). */
static void noise_frames_have_no_meaning(void **state)
{
    (void)state;
    for (size_t size = 1; size < 100; size += size < 14 ? 1 : 17) {
        mux_peer *p = dialled();
        mux_peer_frame(p, WND, SYN, 1, 10);
        mux_peer_data(p, 0, 1, 0, 20);
        mux_peer_data(p, SYN, 3, 0, 5);
        mux_peer_data(p, FIN, 1, 20, 30);
        for (size_t at = 0; at < p->out.len; at += size) {
            size_t len = size < p->out.len - at ? size : p->out.len - at;
            mux_peer_sealed(p, span_of(p->out.at + at, len));
            mux_peer_sealed(p, span_of(NULL, 0));
        }
        p->out.len = 0;
        assert_int_equal(p->host->stream_count, 2);
        assert_int_equal(mux_host_stream_at(p->host, 0)->got, 50);
        assert_true(mux_host_stream_at(p->host, 0)->rx_fin);
        assert_int_equal(mux_host_stream_at(p->host, 1)->got, 5);
        expect_alive(p);
        mux_peer_free(p);
    }
}

/* GHSA-7g9j-g5jg-3vv3: a forged frame ends the connection, and no genuine one follows. */
static void a_forged_frame_ends_the_connection(void **state)
{
    (void)state;
    static const char *const forged[] = {
        "00110000000000000000000000000000000000", /* a tag of zeros */
        "0000",
        "000f", /* shorter than a tag */
        "001000000000000000000000000000000000",
    };
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        uint8_t bytes[32];
        mux_peer *p = dialled();
        opened(p, 1);
        mux_peer_raw(p, hex_bytes(forged[i], bytes, sizeof bytes));
        assert_int_equal(p->host->closed, MUX_HOST_RESET);
        assert_int_equal(p->host->down_code, PU_CODE_VIOLATION);
        mux_peer_expect(p, "");
        mux_peer_free(p);
    }
}

int yamux_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_js_says_is_understood),
        cmocka_unit_test(any_first_frame_opens_a_stream),
        cmocka_unit_test(we_open_with_a_window_and_accept_once),
        cmocka_unit_test(frames_that_end_a_connection),
        cmocka_unit_test(another_version_ends_a_connection),
        cmocka_unit_test(more_than_the_window_ends_a_connection),
        cmocka_unit_test(credit_reaches_its_top),
        cmocka_unit_test(credit_of_the_first_frame_counts),
        cmocka_unit_test(frames_that_mean_nothing),
        cmocka_unit_test(either_side_may_finish_first),
        cmocka_unit_test(how_we_finish),
        cmocka_unit_test(data_after_fin_resets_the_stream),
        cmocka_unit_test(resets_carry_their_code),
        cmocka_unit_test(a_reset_grants_no_credit),
        cmocka_unit_test(a_stream_that_was_never_said_is_never_reset),
        cmocka_unit_test(whom_nobody_reads_still_hears),
        cmocka_unit_test(whom_nobody_reads_or_answers_is_reset),
        cmocka_unit_test(pings_are_answered_exactly),
        cmocka_unit_test(answers_go_ahead_of_bulk),
        cmocka_unit_test(a_ping_every_half_minute),
        cmocka_unit_test(pings_follow_a_new_parameter),
        cmocka_unit_test(a_lower_top_takes_no_credit_back),
        cmocka_unit_test(who_falls_silent_is_lost),
        cmocka_unit_test(goaway_ends_everything),
        cmocka_unit_test(the_end_of_the_wire),
        cmocka_unit_test(a_hangup_flushes_and_says_why),
        cmocka_unit_test(a_hangup_ends_at_its_deadline),
        cmocka_unit_test(noise_frames_have_no_meaning),
        cmocka_unit_test(a_forged_frame_ends_the_connection),
    };
    return cmocka_run_group_tests_name("yamux", tests, NULL, NULL);
}
