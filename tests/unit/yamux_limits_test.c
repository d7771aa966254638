/* yamux_limits_test.c - peers that want too much: streams, answers, bytes, time. What is measured
 * is memory: it has a bound that no peer moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "link/yamux.h"
#include "tests/lib/mux_peer.h"

int yamux_limits_test(void);

enum { WND = YAMUX_WINDOW, PING = YAMUX_PING };
enum { SYN = YAMUX_SYN, ACK = YAMUX_ACK, FIN = YAMUX_FIN, RST = YAMUX_RST };
enum { FIRST = YAMUX_FIRST_WINDOW };

static mux_peer *up(bool is_initiator)
{
    mux_peer *p = mux_peer_new(is_initiator);
    p->host->config.yamux_window_most_bytes = FIRST;
    mux_peer_up(p);
    return p;
}

static unsigned count_lines(const char *log, const char *begin)
{
    unsigned count = 0;
    for (const char *line = log; *line != 0; line = strchr(line, '\n') + 1)
        if (strncmp(line, begin, strlen(begin)) == 0) count++;
    return count;
}

/* ---- answers that nobody reads ---- */

/* Sends `frame` again and again, with ids two apart when it has one, as far as the host reads.
 * Returns how many were read. */
static uint32_t flood(mux_peer *p, yamux_frame f, uint32_t most)
{
    mux_host *h = p->host;
    uint32_t said = 0;
    while (said < most && h->closed == MUX_HOST_OPEN) {
        for (int i = 0; i < 100; i++, said++) {
            mux_peer_frame(p, f.type, f.flags, f.id, f.length);
            if (f.id != 0) f.id += 2;
        }
        if (h->rx_room - h->rx_total < p->out.len + NOISE_OVERHEAD) break;
        mux_peer_flush(p);
    }
    p->out.len = 0;
    return said;
}

/* CVE-2024-32984: requests that cost an answer each, and a peer that reads none. */
static void answers_that_nobody_reads_are_bounded(void **state)
{
    static const yamux_frame frames[] = {
        {YAMUX_PING, SYN, 0, 7},
        {YAMUX_WINDOW, SYN, 1, 0}, /* beyond 512 each is answered by RST */
        {YAMUX_DATA, SYN, 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        mux_peer *p = up(true);
        mux_host *h = p->host;
        p->is_holding = true;
        size_t before = h->heap.live_bytes;
        uint32_t said = flood(p, frames[i], 1000000);
        assert_in_range(said, 10000, 100000); /* then it stopped reading */
        size_t streams = h->stream_count * (sizeof(yamux_stream) + 100);
        assert_in_range(h->heap.live_bytes - before - streams, 1024, 1 << 20);
        pu_time begun = h->now;
        mux_host_run(h, begun + 10 * PU_S - PU_MS); /* no room of the wire for ten seconds */
        assert_int_equal(h->closed, MUX_HOST_OPEN);
        mux_host_run(h, begun + 10 * PU_S);
        assert_int_equal(h->closed, MUX_HOST_RESET);
        assert_int_equal(h->down_code, PU_CODE_LOST);
        mux_peer_free(p);
    }
}

/* The same peer reads after all: every request is answered once, in order. */
static void every_ping_is_answered_when_there_is_room(void **state)
{
    (void)state;
    mux_peer *p = up(true);
    mux_host *h = p->host;
    p->is_holding = true;
    uint32_t said = 0;
    for (; h->rx_room - h->rx_total > 3 * (NOISE_OVERHEAD + 100 * YAMUX_HEADER_BYTES);) {
        for (int i = 0; i < 100; i++) mux_peer_frame(p, PING, SYN, 0, said++);
        mux_peer_flush(p);
    }
    p->is_holding = false;
    const char *log = mux_peer_hear(p);
    uint32_t answered = 0;
    for (const char *line = log; *line != 0; line = strchr(line, '\n') + 1) {
        char want[40];
        int len = snprintf(want, sizeof want, "PING ACK 0 %u\n", answered++);
        assert_memory_equal(line, want, (size_t)len);
    }
    assert_int_equal(answered, said);
    assert_in_range(said, 10000, 100000);
    assert_true(h->rx_room >= h->rx_total + MUX_HOST_TCP); /* it reads again */
    mux_peer_free(p);
}

/* SYN and RST of the same stream, as fast as can be: nothing is kept. */
static void streams_that_end_at_once_leave_nothing(void **state)
{
    static const uint32_t ends[] = {RST, FIN};
    (void)state;
    for (int e = 0; e < 2; e++) {
        mux_peer *p = up(true);
        mux_host *h = p->host;
        size_t before = 0;
        for (uint32_t id = 1; id < 2 * 1300; id += 2) {
            mux_peer_frame(p, WND, SYN, id, 0);
            mux_peer_frame(p, WND, ends[e], id, 0);
            mux_peer_flush(p);
            mux_host_stream *s = mux_host_stream_at(h, h->stream_count - 1);
            if (e == 1) mux_host_send(h, s, 0, true);
            (void)mux_peer_hear(p);
            assert_true(s->is_down);
            if (id == 1) before = h->heap.live_bytes;
        }
        assert_int_equal(h->heap.live_bytes, before);
        mux_peer_free(p);
    }
}

/* ---- streams ---- */

/* CVE-2022-23486 and its like: 100,000 SYN. 512 are accepted, the surplus is reset, the connection
 * lives. */
static void a_hundred_thousand_streams_are_512(void **state)
{
    (void)state;
    mux_peer *p = up(true);
    mux_host *h = p->host;
    size_t before = h->heap.live_bytes;
    unsigned accepted = 0, refused = 0;
    for (uint32_t id = 1; id < 200000;) {
        for (int i = 0; i < 500; i++, id += 2) {
            mux_peer_data(p, SYN, id, 0, 1); /* each stalls after one byte */
        }
        mux_peer_flush(p);
        const char *log = mux_peer_hear(p);
        accepted += count_lines(log, "WND ACK ");
        refused += count_lines(log, "WND RST ");
    }
    assert_int_equal(accepted, 512);
    assert_int_equal(refused, 100000 - 512);
    assert_int_equal(h->stream_count, 512);
    assert_in_range((h->heap.live_bytes - before) / 512, 200, 700);
    assert_int_equal(h->closed, MUX_HOST_OPEN);
    mux_host_reset(h, mux_host_stream_at(h, 5), 0);
    mux_peer_expect(p, "WND RST 11 0\n");
    mux_peer_frame(p, WND, SYN, 200001, 0); /* a place is free again */
    mux_peer_flush(p);
    mux_peer_expect(p, "WND ACK 200001 0\n");
    mux_peer_free(p);
}

static void the_513th_stream_is_reset(void **state)
{
    (void)state;
    mux_peer *p = up(true);
    for (uint32_t id = 1; id <= 2 * 513; id += 2) mux_peer_frame(p, WND, SYN, id, 0);
    mux_peer_flush(p);
    const char *log = mux_peer_hear(p);
    assert_int_equal(count_lines(log, "WND ACK "), 512);
    assert_int_equal(count_lines(log, "WND RST "), 1);
    assert_non_null(strstr(log, "WND RST 1025 4097\n"));
    mux_peer_free(p);
}

/* As the one who opens, we never have more than the peer's backlog, nor more than any peer allows.
 */
static void we_open_no_more_than_a_peer_allows(void **state)
{
    (void)state;
    mux_peer *p = up(false);
    mux_host *h = p->host;
    for (int i = 0; i < 600; i++) mux_host_stream_open(h);
    assert_int_equal(count_lines(mux_peer_hear(p), "WND SYN "), 256); /* unacknowledged */
    for (uint32_t id = 1; id < 20; id += 2) mux_peer_frame(p, WND, ACK, id, 0);
    mux_peer_flush(p);
    assert_int_equal(count_lines(mux_peer_hear(p), "WND SYN "), 10);
    for (uint32_t id = 1; id < 2 * 266; id += 2) mux_peer_frame(p, WND, ACK, id, 0);
    mux_peer_flush(p);
    assert_int_equal(count_lines(mux_peer_hear(p), "WND SYN "), YAMUX_OURS_MAX - 266);
    for (uint32_t id = 1; id < 2 * YAMUX_OURS_MAX; id += 2) mux_peer_frame(p, WND, ACK, id, 0);
    mux_peer_flush(p);
    mux_peer_expect(p, "");
    for (int i = 0; i < 600; i++)
        assert_int_equal(mux_host_stream_at(h, (uint32_t)i)->handle != 0, i < YAMUX_OURS_MAX);
    mux_peer_frame(p, WND, RST, 1, 0); /* one ends, the next begins */
    mux_peer_flush(p);
    mux_peer_expect(p, "WND SYN 1001 0\n");
    mux_host_reset(h, mux_host_stream_at(h, 1), 0);
    mux_peer_expect(p, "WND RST 3 0\nWND SYN 1003 0\n");
    mux_peer_free(p);
}

/* rust-yamux ends a connection on which it sees 512 streams, of both sides. */
static void streams_of_both_sides_count(void **state)
{
    (void)state;
    mux_peer *p = up(false);
    mux_host *h = p->host;
    for (uint32_t id = 2; id <= 2 * 400; id += 2) mux_peer_frame(p, WND, SYN, id, 0);
    mux_peer_flush(p);
    (void)mux_peer_hear(p);
    for (int i = 0; i < 150; i++) mux_host_stream_open(h);
    assert_int_equal(count_lines(mux_peer_hear(p), "WND SYN "), YAMUX_ALL_MAX - 400);
    mux_peer_frame(p, WND, RST, 2, 0);
    mux_peer_flush(p);
    assert_int_equal(count_lines(mux_peer_hear(p), "WND SYN "), 1);
    mux_peer_free(p);
}

/* Those that wait are answered when the connection ends. */
static void held_opens_are_answered_at_the_end(void **state)
{
    (void)state;
    mux_peer *p = up(false);
    mux_host *h = p->host;
    for (int i = 0; i < 300; i++) mux_host_stream_open(h);
    mux_host_lose(h);
    mux_host_settle(h);
    for (uint32_t i = 0; i < 300; i++)
        assert_int_equal(mux_host_stream_at(h, i)->down_what, PU_DOWN_LOST);
    mux_peer_free(p);
}

/* ---- bytes ---- */

/* Credit of the peer bounds what we send, and what the node may write beyond it is bounded, too. */
static void a_slow_reader_stops_the_writer(void **state)
{
    (void)state;
    mux_peer *p = up(true);
    mux_host *h = p->host;
    mux_peer_frame(p, WND, SYN, 1, 0);
    mux_peer_flush(p);
    mux_host_stream *s = mux_host_stream_at(h, 0);
    mux_host_send(h, s, 10 << 20, false);
    size_t before = h->heap.live_bytes;
    (void)mux_peer_hear(p);
    assert_in_range(s->tx_sent, FIRST + h->config.link_send_bytes / 2,
                    FIRST + h->config.link_send_bytes);
    assert_true(h->heap.live_bytes <= before + h->config.link_send_bytes + 4096);
    for (uint32_t credit = 1; credit < 100000; credit *= 3) {
        mux_peer_frame(p, WND, 0, 1, credit);
        mux_peer_flush(p);
        uint32_t got = 0, id, len;
        for (const char *line = mux_peer_hear(p); *line != 0; line = strchr(line, '\n') + 1)
            if (sscanf(line, "DATA %u %u", &id, &len) == 2) got += len;
        assert_int_equal(got, credit);
    }
    mux_peer_free(p);
}

/* What the node does not read is kept, one window a stream, and not a byte more. */
static void what_is_not_read_is_bounded_by_the_windows(void **state)
{
    (void)state;
    enum { STREAMS = 16 };
    mux_peer *p = up(true);
    mux_host *h = p->host;
    h->window = 0; /* the node takes its first 4 KiB of each */
    size_t before = h->heap.live_bytes;
    for (uint32_t id = 1; id <= 2 * STREAMS; id += 2) {
        mux_peer_data(p, SYN, id, 0, FIRST);
        mux_peer_flush(p);
    }
    (void)mux_peer_hear(p);
    size_t held = h->heap.live_bytes - before;
    assert_in_range(held, STREAMS * (FIRST - 4096), STREAMS * FIRST * 11 / 10);
    h->window = 1 << 20; /* it reads again: credit comes back */
    mux_host_settle(h);
    assert_int_equal(count_lines(mux_peer_hear(p), "WND "), STREAMS);
    mux_peer_free(p);
}

/* Windows of 256 KiB each cannot be refused, and there may be 512 of them on a connection: what one
 * peer, or all of them, may leave with us has a bound of its own. The stream that goes beyond is
 * reset; the others stay, new ones begin, and a little is always taken. */
static void what_is_not_read_is_bounded_whatever_the_windows(void **state)
{
    enum { STREAMS = 16 };
    (void)state;
    for (int which = 0; which < 2; which++) {
        mux_peer *p = mux_peer_new(true);
        mux_host *h = p->host;
        if (which == 0) h->config.link_windows_bytes = 1 << 20;
        else h->config.link_waiting_bytes = 1 << 20;
        mux_peer_up(p);
        h->window = 0;
        size_t before = h->heap.live_bytes;
        for (uint32_t id = 1; id <= 2 * STREAMS; id += 2) {
            mux_peer_data(p, SYN, id, 0, FIRST);
            mux_peer_flush(p);
        }
        const char *log = mux_peer_hear(p);
        assert_int_equal(count_lines(log, "WND ACK "), 4);
        assert_int_equal(count_lines(log, "WND RST "), STREAMS - 4);
        assert_in_range(h->heap.live_bytes - before, 3 * FIRST, (1 << 20) + (1 << 18));
        assert_int_equal(mux_host_stream_at(h, STREAMS - 1)->down_code, PU_CODE_RESOURCE);
        assert_false(mux_host_stream_at(h, 0)->is_down);
        mux_peer_data(p, SYN, 99, 0, 2 * PU_FIRST_ROOM); /* half of it is with the node */
        mux_peer_flush(p);
        mux_peer_expect(p, "WND ACK 99 0\n");
        h->window = 1 << 20;
        for (uint32_t i = 0; i < 4; i++)
            mux_host_grant(h, mux_host_stream_at(h, i), FIRST); /* it reads again */
        mux_host_settle(h);
        assert_int_equal(count_lines(mux_peer_hear(p), "WND "), 4);
        mux_peer_data(p, SYN, 101, 0, FIRST);
        mux_peer_flush(p);
        assert_false(mux_host_stream_at(h, h->stream_count - 1)->is_down);
        assert_int_equal(h->closed, MUX_HOST_OPEN);
        mux_peer_free(p);
    }
}

/* A peer that reads nothing is not told of credit, and so has none: what was granted meanwhile does
 * not add up behind a full wire. */
static void credit_that_was_not_told_is_none(void **state)
{
    (void)state;
    mux_peer *p = up(true);
    mux_host *h = p->host;
    h->window = 1 << 20;
    mux_peer_frame(p, WND, SYN, 1, 1 << 24);
    mux_peer_frame(p, WND, SYN, 3, 0);
    mux_peer_flush(p);
    (void)mux_peer_hear(p);
    p->is_holding = true;
    mux_host_send(h, mux_host_stream_at(h, 0), 1 << 20, false);
    mux_host_settle(h); /* the wire is full now */
    mux_peer_data(p, 0, 3, 0, FIRST);
    mux_peer_flush(p);
    assert_int_equal(mux_host_stream_at(h, 1)->got, FIRST); /* the node has it, and wants more */
    assert_int_equal(h->closed, MUX_HOST_OPEN);
    mux_peer_data(p, 0, 3, FIRST, 1);
    mux_peer_flush(p);
    assert_int_equal(h->closed, MUX_HOST_CLOSED);
    assert_int_equal(h->down_code, PU_CODE_VIOLATION);
    mux_peer_free(p);
}

/* Reads of single bytes do not make a window update each: one comes at half a window. */
static void updates_are_few(void **state)
{
    (void)state;
    mux_peer *p = up(true);
    mux_peer_frame(p, WND, SYN, 1, 0);
    unsigned updates = 0;
    for (uint32_t sent = 0; sent < FIRST; sent += 64) {
        for (uint32_t i = 0; i < 64; i++) mux_peer_data(p, 0, 1, sent + i, 1);
        mux_peer_flush(p);
        updates += count_lines(mux_peer_hear(p), "WND 1 131");
    }
    assert_int_equal(updates, 2);
    mux_peer_free(p);
}

/* Bulk of many streams: each gets its turn, none two in a row. */
static void streams_take_turns(void **state)
{
    enum { STREAMS = 5, EACH = 100000 };
    (void)state;
    mux_peer *p = up(true);
    mux_host *h = p->host;
    for (uint32_t id = 1; id < 2 * STREAMS; id += 2) mux_peer_frame(p, WND, SYN, id, 0);
    mux_peer_flush(p);
    (void)mux_peer_hear(p);
    p->is_holding = true;
    for (uint32_t i = 0; i < STREAMS; i++) mux_host_send(h, mux_host_stream_at(h, i), EACH, false);
    mux_host_settle(h);
    (void)mux_peer_hear(p);
    p->is_holding = false; /* now all of them have something, and the wire has room */
    uint64_t got[STREAMS] = {0}, least = 0, most = 0;
    uint32_t last = 0, id, len;
    for (const char *line = mux_peer_hear(p); *line != 0; line = strchr(line, '\n') + 1) {
        if (sscanf(line, "DATA %u %u", &id, &len) != 2) continue;
        if (most < EACH / 2) assert_int_not_equal(id, last);
        assert_true(len <= YAMUX_QUANTUM || most > EACH / 2);
        last = id;
        got[id / 2] += len;
        for (int i = 0; i < STREAMS; i++) {
            if (i == 0 || got[i] < least) least = got[i];
            if (i == 0 || got[i] > most) most = got[i];
        }
        if (most < EACH / 2) assert_true(most - least <= 2 * YAMUX_QUANTUM);
    }
    mux_peer_free(p);
}

/* ---- the wire ---- */

/* Ten seconds without any progress; a little of it begins them anew. */
static void a_wire_without_progress_is_given_up(void **state)
{
    (void)state;
    mux_peer *p = up(true);
    mux_host *h = p->host;
    p->is_holding = true;
    mux_peer_frame(p, WND, SYN, 1, 0);
    mux_peer_flush(p);
    mux_host_stream *s = mux_host_stream_at(h, 0);
    mux_host_send(h, s, FIRST, false);
    for (int i = 0; i < 5; i++) {
        mux_host_run(h, h->now + 9 * PU_S);
        assert_int_equal(h->closed, MUX_HOST_OPEN);
        mux_host_room(h, h->sent_total + 2000);
        mux_host_settle(h);
    }
    pu_time last = h->now;
    mux_host_run(h, last + 20 * PU_S);
    assert_int_equal(h->down_at - last, 10 * PU_S);
    assert_int_equal(h->down_code, PU_CODE_LOST);
    mux_peer_free(p);
}

/* Nothing waits for the wire: a peer without credit for us may take as long as it likes. */
static void a_peer_without_credit_is_no_wire_without_progress(void **state)
{
    (void)state;
    mux_peer *p = up(true);
    mux_host *h = p->host;
    mux_peer_frame(p, WND, SYN, 1, 0);
    mux_peer_flush(p);
    mux_host_send(h, mux_host_stream_at(h, 0), FIRST + 1, false);
    (void)mux_peer_hear(p);
    for (uint32_t i = 2; i < 12; i++) { /* five minutes, with pings answered */
        mux_host_run(h, h->now + 30 * PU_S);
        mux_peer_frame(p, PING, ACK, 0, i);
        mux_peer_flush(p);
        (void)mux_peer_hear(p);
        assert_int_equal(h->closed, MUX_HOST_OPEN);
    }
    mux_peer_free(p);
}

/* A wire that takes a few bytes at a time: frames are whole, nothing is lost. */
static void a_narrow_wire_is_enough(void **state)
{
    (void)state;
    mux_peer *p = up(true);
    mux_host *h = p->host;
    p->is_holding = true;
    mux_peer_frame(p, WND, SYN, 1, 0);
    mux_peer_flush(p);
    mux_host_send(h, mux_host_stream_at(h, 0), FIRST, true);
    uint64_t got = 0;
    bool fin = false;
    for (uint32_t room = 1; !fin; room = room % 3000 + 17) {
        mux_host_room(h, h->tx_room + room);
        uint32_t len;
        for (const char *line = mux_peer_hear(p); *line != 0; line = strchr(line, '\n') + 1) {
            if (sscanf(line, "DATA 1 %u", &len) == 1) got += len;
            if (sscanf(line, "WND FIN 1 %u", &len) == 1) fin = true;
        }
    }
    assert_int_equal(got, FIRST);
    mux_peer_free(p);
}

int yamux_limits_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_that_nobody_reads_are_bounded),
        cmocka_unit_test(every_ping_is_answered_when_there_is_room),
        cmocka_unit_test(streams_that_end_at_once_leave_nothing),
        cmocka_unit_test(a_hundred_thousand_streams_are_512),
        cmocka_unit_test(the_513th_stream_is_reset),
        cmocka_unit_test(we_open_no_more_than_a_peer_allows),
        cmocka_unit_test(streams_of_both_sides_count),
        cmocka_unit_test(held_opens_are_answered_at_the_end),
        cmocka_unit_test(a_slow_reader_stops_the_writer),
        cmocka_unit_test(what_is_not_read_is_bounded_by_the_windows),
        cmocka_unit_test(what_is_not_read_is_bounded_whatever_the_windows),
        cmocka_unit_test(credit_that_was_not_told_is_none),
        cmocka_unit_test(updates_are_few),
        cmocka_unit_test(streams_take_turns),
        cmocka_unit_test(a_wire_without_progress_is_given_up),
        cmocka_unit_test(a_peer_without_credit_is_no_wire_without_progress),
        cmocka_unit_test(a_narrow_wire_is_enough),
    };
    return cmocka_run_group_tests_name("yamux_limits", tests, NULL, NULL);
}
