/* link_stream_test.c - streams of the link over a toy carrier: announcements, credit both ways,
 * ends and what crosses them, limits, and steps whose effect list is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/link_expect.h"

int link_stream_test(void);

enum { PORT = 7000 };

static link_host *called_with(link_host *h)
{
    link_host_say(h, PORT, TOY_CALL, 0, 0);
    link_host_say(h, PORT, TOY_PROVE, 1, 0);
    link_host_say(h, PORT, TOY_UP, 0, 0);
    link_host_settle(h);
    link_host_forget(h);
    return h;
}

/* A connection that is up. */
static link_host *called(void)
{
    return called_with(link_host_new());
}

/* The same with stream 1 of the peer's. */
static link_host *with_stream(void)
{
    link_host *h = called();
    link_host_say(h, PORT, TOY_OPEN, 1, 0);
    link_host_forget(h);
    return h;
}

/* So many bytes of stream `id` in one datagram. */
static void data(link_host *h, uint32_t id, size_t len)
{
    static uint8_t zeros[65536];
    static uint8_t bytes[65536 + TOY_HEAD_BYTES];
    pu_buf out = buf_of(bytes, sizeof bytes);
    toy_put_data(&out, id, span_of(zeros, len));
    link_host_datagram(h, PORT, buf_span(&out));
}

static pu_ef of_stream(const link_host *h, enum pu_ef_kind kind)
{
    return (pu_ef){.kind = kind, .conn = h->conn, .stream = h->stream};
}

static void grant(link_host *h, uint64_t offset)
{
    pu_ef ef = of_stream(h, PU_EF_STREAM_ROOM);
    ef.offset = offset;
    (void)link_host_effect(h, ef);
}

static void send(link_host *h, size_t len, bool fin)
{
    static uint8_t zeros[PU_DATA_MAX];
    pu_ef ef = of_stream(h, PU_EF_STREAM_SEND);
    ef.body = span_of(zeros, len);
    ef.flags = fin ? PU_FIN : 0;
    (void)link_host_effect(h, ef);
}

/* ---- announcements ---- */

static void a_stream_of_the_peers_is_told_with_room(void **state)
{
    (void)state;
    link_host *h = called();
    link_host_say(h, PORT, TOY_OPEN, 1, 0);
    link_host_expect(h, "stream-up 1/1 token=0 room=65536\n");
    link_host_free(h);
}

static void a_stream_of_ours_is_told_when_it_exists(void **state)
{
    (void)state;
    link_host *h = called();
    pu_ef open = {.kind = PU_EF_STREAM_OPEN, .conn = h->conn, .token = 31};
    (void)link_host_effect(h, open);
    open.token = 32;
    (void)link_host_effect(h, open);
    link_host_expect(h, "toy 1 open\n"
                        "toy 1 open\n");
    link_host_say(h, PORT, TOY_OPENED, 2, 0);
    link_host_say(h, PORT, TOY_REFUSED, 0, PU_CODE_RESOURCE);
    link_host_expect(h, "stream-up 1/1 token=31 room=65536\n"
                        "stream-down 1/0 token=32 reset code=1001\n");
    link_host_free(h);
}

/* A server's peer may speak before the node has said yes: its streams wait for the verdict. */
static void streams_wait_for_the_verdict(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    uint8_t bytes[64];
    pu_buf out = buf_of(bytes, sizeof bytes);
    toy_put(&out, TOY_OPEN, 1, 0);
    toy_put_data(&out, 1, SPAN_LITERAL("early"));
    toy_put(&out, TOY_OPEN, 2, 0);
    toy_put(&out, TOY_RESET, 2, 7); /* over before the node hears of it: it never does */
    link_host_say(h, PORT, TOY_CALL, 0, 0);
    link_host_forget(h);
    link_host_datagram(h, PORT, buf_span(&out));
    link_host_settle(h);
    link_host_expect(h, "");
    link_host_say(h, PORT, TOY_PROVE, 1, 0);
    link_host_say(h, PORT, TOY_UP, 0, 0);
    link_host_settle(h);
    link_host_expect(h, "ask 1 secured\n"
                        "toy 1 verdict 0\n"
                        "up 1 token=0\n"
                        "confirmed 1\n"
                        "toy 1 consumed 1 5\n"
                        "stream-up 1/1 token=0 room=65536\n"
                        "data 1/1 5\n");
    link_host_free(h);
}

/* ---- credit ---- */

static void the_node_gets_what_it_granted(void **state)
{
    (void)state;
    link_host *h = with_stream();
    data(h, 1, 10000);
    link_host_expect(h, "toy 1 consumed 1 4096\n"
                        "data 1/1 4096\n");
    grant(h, 5000);
    grant(h, 4000); /* it never falls */
    link_host_expect(h, "toy 1 consumed 1 904\n"
                        "data 1/1 904\n");
    link_host_say(h, PORT, TOY_FIN, 1, 0);
    link_host_expect(h, "");
    grant(h, 1 << 20);
    link_host_expect(h, "toy 1 consumed 1 5000\n"
                        "data 1/1 5000 fin\n");
    link_host_free(h);
}

static void one_input_holds_16_kib(void **state)
{
    (void)state;
    link_host *h = with_stream();
    grant(h, 1 << 20);
    data(h, 1, 40000);
    link_host_expect(h, "toy 1 consumed 1 16384\n"
                        "toy 1 consumed 1 16384\n"
                        "toy 1 consumed 1 7232\n"
                        "data 1/1 16384\n"
                        "data 1/1 16384\n"
                        "data 1/1 7232\n");
    link_host_free(h);
}

/* FIN counts no bytes: it is told without room, alone or with the last bytes. */
static void fin_needs_no_room(void **state)
{
    (void)state;
    link_host *h = with_stream();
    data(h, 1, PU_FIRST_ROOM);
    link_host_say(h, PORT, TOY_FIN, 1, 0);
    link_host_expect(h, "toy 1 consumed 1 4096\n"
                        "data 1/1 4096\n"
                        "data 1/1 0 fin\n");
    link_host_free(h);
}

/* Room is told again when half of what a stream may buffer became free. */
static void room_is_told_in_halves(void **state)
{
    (void)state;
    link_host *h = with_stream();
    send(h, 16384, false);
    link_host_settle(h);
    link_host_forget(h);
    send(h, 16383, false);
    link_host_settle(h);
    assert_null(strstr(h->log, "room"));
    link_host_forget(h);
    send(h, 1, false);
    link_host_settle(h);
    link_host_expect(h, "toy 1 send 1 1\n"
                        "udp 2 to 7000\n"
                        "room 1/1 98304\n");
    send(h, 1, true);
    link_host_forget(h);
    link_host_settle(h); /* nobody sends after FIN: no more room is told */
    link_host_expect(h, "toy 1 fin 1\n"
                        "udp 2 to 7000\n");
    link_host_free(h);
}

/* ---- ends ---- */

static void both_sides_finish(void **state)
{
    (void)state;
    link_host *h = with_stream();
    send(h, 3, true);
    link_host_settle(h);
    link_host_say(h, PORT, TOY_FIN, 1, 0);
    link_host_forget(h);
    link_host_say(h, PORT, TOY_FINISH, 1, 0);
    link_host_expect(h, "stream-down 1/1 token=0 finished code=0\n");
    link_host_say(h, PORT, TOY_OPEN, 1, 0); /* the slot is free again, the ordinal is not */
    link_host_expect(h, "stream-up 1/2 token=0 room=65536\n");
    assert_int_equal(pu_handle_slot(h->stream), 0);
    link_host_free(h);
}

/* The last word comes after the last byte, however late the node makes room for it. */
static void finished_waits_for_the_bytes(void **state)
{
    (void)state;
    link_host *h = with_stream();
    send(h, 0, true);
    link_host_settle(h);
    data(h, 1, 5000);
    link_host_say(h, PORT, TOY_FIN, 1, 0);
    link_host_forget(h);
    link_host_say(h, PORT, TOY_FINISH, 1, 0);
    link_host_expect(h, "");
    grant(h, 4600);
    link_host_expect(h, "data 1/1 504\n");
    grant(h, 1 << 20);
    link_host_expect(h, "data 1/1 400 fin\n"
                        "stream-down 1/1 token=0 finished code=0\n");
    link_host_free(h);
}

/* The same, but the node reads no more: STOP and RESET end it, HANGUP does. */
static void what_waits_can_be_dropped(void **state)
{
    (void)state;
    static const char *const words[] = {"stream-down 1/1 token=0 finished code=0\n",
                                        "stream-down 1/1 token=0 reset code=5\n"};
    static const enum pu_ef_kind kinds[] = {PU_EF_STREAM_STOP, PU_EF_STREAM_RESET};
    for (int i = 0; i < 2; i++) {
        link_host *h = with_stream();
        send(h, 0, true);
        link_host_settle(h);
        data(h, 1, 5000);
        link_host_say(h, PORT, TOY_FIN, 1, 0);
        link_host_say(h, PORT, TOY_FINISH, 1, 0);
        link_host_forget(h);
        pu_ef ef = of_stream(h, kinds[i]);
        ef.code = 5;
        (void)link_host_effect(h, ef);
        link_host_expect(h, words[i]);
        link_host_free(h);
    }
}

static void the_peer_resets(void **state)
{
    (void)state;
    link_host *h = with_stream();
    data(h, 1, 5000);
    link_host_forget(h);
    link_host_say(h, PORT, TOY_RESET, 1, 77); /* what waits for room is dropped */
    link_host_expect(h, "stream-down 1/1 token=0 reset code=4d\n");
    grant(h, 1 << 20); /* crossed it */
    send(h, 5, false);
    link_host_expect(h, "");
    link_host_free(h);
}

static void the_node_resets(void **state)
{
    (void)state;
    link_host *h = with_stream();
    pu_ef reset = of_stream(h, PU_EF_STREAM_RESET);
    reset.code = 9;
    (void)link_host_effect(h, reset);
    link_host_expect(h, "toy 1 reset 1 9\n"
                        "stream-down 1/1 token=0 reset code=9\n");
    data(h, 1, 10);
    (void)link_host_effect(h, reset);
    link_host_expect(h, "");
    link_host_free(h);
}

static void the_peer_stops_reading(void **state)
{
    (void)state;
    link_host *h = with_stream();
    link_host_say(h, PORT, TOY_STOP, 1, 6);
    link_host_say(h, PORT, TOY_STOP, 1, 7);
    link_host_expect(h, "stop 1/1 code=6\n");
    for (int i = 0; i < 4; i++) send(h, 16384, false); /* goes nowhere, and makes room at once */
    link_host_expect(h, "room 1/1 98304\n"
                        "room 1/1 131072\n");
    send(h, 10, true);
    link_host_expect(h, "toy 1 send 1 0 fin\n");
    link_host_free(h);
}

static void the_node_stops_reading(void **state)
{
    (void)state;
    link_host *h = with_stream();
    data(h, 1, 5000);
    link_host_forget(h);
    pu_ef stop = of_stream(h, PU_EF_STREAM_STOP);
    stop.code = 8;
    (void)link_host_effect(h, stop);
    (void)link_host_effect(h, stop);
    link_host_expect(h, "toy 1 consumed 1 904\n" /* what waited is dropped */
                        "toy 1 stop 1 8\n");
    data(h, 1, 300);
    link_host_say(h, PORT, TOY_FIN, 1, 0);
    link_host_expect(h, "toy 1 consumed 1 300\n");
    send(h, 0, true);
    link_host_settle(h);
    link_host_forget(h);
    link_host_say(h, PORT, TOY_FINISH, 1, 0);
    link_host_expect(h, "stream-down 1/1 token=0 finished code=0\n");
    link_host_free(h);
}

/* ---- limits ---- */

static void the_peers_streams_are_limited(void **state)
{
    (void)state;
    link_host *h = calloc(1, sizeof *h);
    pu_config_default(&h->config);
    h->config.streams_per_conn_max = 2;
    assert_true(link_host_open(h));
    (void)called_with(h);
    for (uint32_t i = 1; i <= 3; i++) link_host_say(h, PORT, TOY_OPEN, i, 0);
    link_host_expect(h, "stream-up 1/1 token=0 room=65536\n"
                        "stream-up 1/2 token=0 room=65536\n"
                        "toy 1 refused 3\n");
    /* One whose bytes still wait for the node counts: it holds memory. */
    h->stream = pu_handle_make(0, 1);
    send(h, 0, true);
    link_host_settle(h);
    data(h, 1, 5000);
    link_host_say(h, PORT, TOY_FIN, 1, 0);
    link_host_say(h, PORT, TOY_FINISH, 1, 0);
    link_host_forget(h);
    link_host_say(h, PORT, TOY_OPEN, 4, 0);
    link_host_expect(h, "toy 1 refused 4\n");
    grant(h, 1 << 20);
    link_host_say(h, PORT, TOY_OPEN, 4, 0);
    link_host_expect(h, "data 1/1 904 fin\n"
                        "stream-down 1/1 token=0 finished code=0\n"
                        "stream-up 1/3 token=0 room=65536\n");
    link_host_close(h);
    free(h);
}

static void all_streams_are_limited(void **state)
{
    (void)state;
    link_host *h = calloc(1, sizeof *h);
    pu_config_default(&h->config);
    h->config.streams_max = 2;
    assert_true(link_host_open(h));
    (void)called_with(h);
    pu_ef open = {.kind = PU_EF_STREAM_OPEN, .conn = h->conn, .token = 31};
    (void)link_host_effect(h, open); /* waits, and counts */
    link_host_say(h, PORT, TOY_OPEN, 1, 0);
    link_host_say(h, PORT, TOY_OPEN, 2, 0);
    open.token = 32;
    (void)link_host_effect(h, open);
    link_host_expect(h, "toy 1 open\n"
                        "stream-up 1/1 token=0 room=65536\n"
                        "toy 1 refused 2\n"
                        "stream-down 1/0 token=32 reset code=1001\n");
    link_host_say(h, PORT, TOY_OPENED, 9, 0);
    link_host_expect(h, "stream-up 1/2 token=31 room=65536\n");
    link_host_close(h);
    free(h);
}

/* ---- full lists ---- */

/* One datagram opens a stream and sends 10,000 pieces of it, a byte each: more than a step's list
 * holds. They come in several steps, all of them, in order. */
static void a_flood_of_pieces_is_spread_over_steps(void **state)
{
    (void)state;
    enum { PIECES = 10000, FIRST = 8192 };
    static uint8_t bytes[PIECES * (TOY_HEAD_BYTES + 1)];
    link_host *h = with_stream();
    grant(h, 1 << 20);
    h->is_silent = true;
    data(h, 1, FIRST); /* of these the node gets one piece a step */
    link_host_settle(h);
    h->inputs = 0;
    pu_buf out = buf_of(bytes, sizeof bytes);
    for (uint32_t i = 0; i < PIECES; i++) toy_put_data(&out, 1, SPAN_LITERAL("x"));
    link_host_datagram(h, PORT, buf_span(&out));
    assert_in_range(h->inputs, 1000, 1100);
    assert_int_equal(pu_link_deadline(h->link, NULL), h->now);
    link_host_settle(h);
    assert_int_equal(boundary_stream_of(&h->law, h->stream)->rx_got, FIRST + PIECES);
    assert_int_equal(toy_log_of(h->link)->len, 0);
    link_host_free(h);
}

/* Streams that are opened and reset in one go, thousands of them: those that found no room in the
 * list are never heard of, the others have both words. */
static void a_flood_of_streams_is_spread_or_forgotten(void **state)
{
    (void)state;
    static uint8_t bytes[PU_LINK_UDP_MAX];
    link_host *h = called();
    h->is_silent = true;
    pu_buf out = buf_of(bytes, sizeof bytes);
    for (uint32_t i = 0; !out.full; i++) {
        toy_put(&out, TOY_OPEN, 1 + i % 255, 0);
        toy_put(&out, TOY_RESET, 1 + i % 255, 0);
    }
    link_host_datagram(h, PORT, buf_span(&out));
    assert_in_range(h->inputs, 1000, 1100);
    link_host_settle(h);
    assert_int_equal(h->law.stream_count, 0);
    link_host_free(h);
}

/* A connection with many streams ends: its last words take several steps, and nothing of it is
 * believed to live meanwhile. */
static void many_last_words_are_spread_over_steps(void **state)
{
    (void)state;
    enum { STREAMS = 4000 };
    link_host *h = calloc(1, sizeof *h);
    pu_config_default(&h->config);
    assert_true(link_host_open(h));
    (void)called_with(h);
    h->is_silent = true;
    for (uint32_t i = 0; i < STREAMS; i++)
        (void)link_host_effect(
            h, (pu_ef){.kind = PU_EF_STREAM_OPEN, .conn = h->conn, .token = 100 + i});
    link_host_say(h, PORT, TOY_END, 0, PU_CODE_LOST);
    assert_in_range(h->inputs, 3000, 3200);
    const char *why;
    assert_int_equal(pu_link_deadline(h->link, &why), h->now);
    assert_string_equal(why, "last-words");
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_HANGUP, .conn = h->conn});
    link_host_settle(h);
    assert_int_equal(h->law.token_count, 0);
    assert_int_equal(h->law.conn_count, 0);
    link_host_close(h);
    free(h);
}

/* A connection that ends in the step of its last bytes, or in the next one, before the node has
 * heard the first of them: it gets all. */
static void what_came_before_the_end_is_told(void **state)
{
    (void)state;
    for (int steps = 1; steps <= 2; steps++) {
        link_host *h = with_stream();
        uint8_t bytes[64];
        pu_buf out = buf_of(bytes, sizeof bytes);
        toy_put_data(&out, 1, SPAN_LITERAL("one"));
        toy_put_data(&out, 1, SPAN_LITERAL("last"));
        toy_put(&out, TOY_FIN, 1, 0);
        if (steps == 1) toy_put(&out, TOY_END, 0, PU_CODE_SHUTDOWN);
        link_host_datagram(h, PORT, buf_span(&out));
        if (steps == 2) link_host_say(h, PORT, TOY_END, 0, PU_CODE_SHUTDOWN);
        link_host_settle(h);
        link_host_expect(h, "toy 1 consumed 1 3\n"
                            "data 1/1 3\n"
                            "data 1/1 4 fin\n"
                            "stream-down 1/1 token=0 lost code=1006\n"
                            "down 1 code=1006\n");
        link_host_free(h);
    }
}

/* Datagrams that find no room are built in the next step; connections take turns. */
static void datagrams_are_spread_over_steps(void **state)
{
    (void)state;
    link_host *h = called();
    link_host_say(h, PORT + 1, TOY_CALL, 0, 0);
    h->is_silent = true;
    link_host_say(h, PORT, TOY_FLOOD, 250, 20);
    link_host_say(h, PORT + 1, TOY_FLOOD, 1, 3);
    uint32_t sent = 0, steps = 0;
    while (pu_link_deadline(h->link, NULL) <= h->now) {
        pu_link_in tick = {.kind = PU_LINK_IN_TICK};
        assert_int_equal(link_host_step(h, &tick), PU_OK);
        assert_in_range(h->sent, 1, 520); /* half a MiB */
        sent += h->sent;
        steps++;
    }
    assert_int_equal(sent, 5003);
    assert_in_range(steps, 10, 12);
    link_host_free(h);
}

int link_stream_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_of_the_peers_is_told_with_room),
        cmocka_unit_test(a_stream_of_ours_is_told_when_it_exists),
        cmocka_unit_test(streams_wait_for_the_verdict),
        cmocka_unit_test(the_node_gets_what_it_granted),
        cmocka_unit_test(one_input_holds_16_kib),
        cmocka_unit_test(fin_needs_no_room),
        cmocka_unit_test(room_is_told_in_halves),
        cmocka_unit_test(both_sides_finish),
        cmocka_unit_test(finished_waits_for_the_bytes),
        cmocka_unit_test(what_waits_can_be_dropped),
        cmocka_unit_test(the_peer_resets),
        cmocka_unit_test(the_node_resets),
        cmocka_unit_test(the_peer_stops_reading),
        cmocka_unit_test(the_node_stops_reading),
        cmocka_unit_test(the_peers_streams_are_limited),
        cmocka_unit_test(all_streams_are_limited),
        cmocka_unit_test(a_flood_of_pieces_is_spread_over_steps),
        cmocka_unit_test(a_flood_of_streams_is_spread_or_forgotten),
        cmocka_unit_test(many_last_words_are_spread_over_steps),
        cmocka_unit_test(what_came_before_the_end_is_told),
        cmocka_unit_test(datagrams_are_spread_over_steps),
    };
    return cmocka_run_group_tests_name("link_stream", tests, NULL, NULL);
}
