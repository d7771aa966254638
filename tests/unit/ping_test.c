/* ping_test.c - both sides of ping on one node: echo in any cut, and what silence, a wrong echo and
 * a refusal mean for the connection. */
#include "tests/unit/lab.h"

int ping_test(void);

#define PING "/ipfs/ping/1.0.0"

enum { B = 1, PAYLOAD = 32 };

/* The node's own ping: its stream, once it is due. */
static lab_stream *pinged(lab *l, pu_handle conn)
{
    lab_pass(l, l->config.ping_interval_ns);
    lab_stream *s = lab_accept_proto(l, conn, PING);
    assert_non_null(s);
    assert_int_equal(lab_body(s).len, PAYLOAD);
    return s;
}

static pu_span payload_of(const lab_stream *s)
{
    return span_head(lab_body(s), PAYLOAD);
}

/* ---- we echo ---- */

static void whatever_comes_goes_back(void **state)
{
    (void)state;
    static const uint8_t bytes[PAYLOAD] = {1, 2, 3};
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, 0, 0);
    lab_stream *s = lab_open(l, conn, PING);
    for (size_t i = 0; i < PAYLOAD; i++) lab_give(l, s, span_of(bytes + i, 1), false);
    assert_true(span_equal(lab_body(s), span_of(bytes, PAYLOAD)));
    lab_give(l, s, span_of(bytes, PAYLOAD), true); /* js finishes at once: the echo comes */
    assert_int_equal(lab_body(s).len, 2 * PAYLOAD);
    assert_true(s->is_finished);
    s = lab_open(l, conn, PING);
    lab_give(l, s, span_of(bytes, 5), true); /* less than a payload */
    assert_int_equal(lab_body(s).len, 5);
    assert_true(s->is_finished && !s->is_reset);
    lab_end(l);
}

static void an_idle_echo_ends_and_surplus_streams_are_reset(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, 0, 0);
    lab_stream *first = lab_open(l, conn, PING), *second = lab_open(l, conn, PING);
    lab_stream *third = lab_open(l, conn, PING);
    assert_false(first->is_reset || second->is_reset);
    assert_true(third->is_reset);
    assert_int_equal(third->code, PU_CODE_RESOURCE);
    lab_pass(l, 59 * PU_S);
    lab_give(l, first, SPAN_LITERAL("x"), false);
    lab_pass(l, PU_S);
    assert_true(second->is_reset && !first->is_reset);
    lab_pass(l, 59 * PU_S);
    assert_true(first->is_reset);
    assert_int_equal(l->hangup_count, 0);
    lab_end(l);
}

/* Over QUIC the host learns late that our end has arrived: streams that are finished are no
 * surplus, and there may be many of them. */
static void finished_echoes_are_no_surplus(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, 0, 0);
    for (int i = 0; i < 5; i++) {
        lab_stream *s = lab_open(l, conn, PING);
        assert_false(s->is_reset);
        lab_give(l, s, SPAN_LITERAL("ping"), true);
        assert_true(s->is_finished);
    }
    lab_stream *first = lab_open(l, conn, PING), *second = lab_open(l, conn, PING);
    assert_false(first->is_reset || second->is_reset);
    assert_true(lab_open(l, conn, PING)->is_reset); /* two are open that are not */
    lab_end(l);
}

/* ---- we ask ---- */

static void echoes_are_timed_and_the_next_ping_follows(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, PU_DIALLER, 0);
    uint8_t last[PAYLOAD] = {0};
    for (int i = 0; i < 3; i++) {
        lab_stream *s = pinged(l, conn);
        assert_memory_not_equal(payload_of(s).base, last, PAYLOAD);
        memcpy(last, payload_of(s).base, PAYLOAD);
        lab_pass(l, 30 * PU_MS);
        lab_give(l, s, span_head(payload_of(s), 7), false);
        lab_give(l, s, span_skip(payload_of(s), 7), false);
        assert_int_equal(l->traced[PU_TR_PING_RTT], i + 1);
        assert_int_equal(l->traced_a[PU_TR_PING_RTT], 30 * PU_MS);
        assert_true(s->is_finished);
    }
    pu_conn_row row;
    uint32_t cursor = 0;
    assert_true(pu_node_read_conns(l->node, &cursor, &row));
    assert_int_equal(row.rtt_ns, 30 * PU_MS);
    lab_end(l);
}

static void silence_ends_the_connection(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, PU_DIALLER, 0);
    lab_stream *s = pinged(l, conn);
    lab_give(l, s, span_head(payload_of(s), PAYLOAD - 1), false); /* not the last byte */
    lab_pass(l, l->config.ping_ns - 1);
    assert_int_equal(l->hangup_count, 0);
    lab_pass(l, 1);
    assert_true(s->is_reset);
    assert_int_equal(l->hangup_count, 1);
    assert_int_equal(l->hangups[0].code, PU_CODE_LOST);
    assert_int_equal(l->traced[PU_TR_PING_LOST], 1);
    lab_end(l);
}

/* Not even the stream comes: the deadline of select counts. */
static void a_stream_that_never_comes_is_silence(void **state)
{
    (void)state;
    lab *l = lab_started();
    lab_connect(l, B, PU_DIALLER, 0);
    lab_pass(l, l->config.ping_interval_ns + l->config.select_ns);
    assert_int_equal(l->hangup_count, 1);
    assert_int_equal(l->hangups[0].code, PU_CODE_LOST);
    lab_end(l);
}

/* A peer lets one connection have only so many streams at once: a ping that has to wait for one of
 * them is no silence, and the others are not to die of it. */
static void a_busy_connection_is_not_lost(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, PU_DIALLER, 0);
    lab_stream *s = lab_open(l, conn, PING);
    for (int turn = 0; turn < 2; turn++) {
        uint32_t opened = l->open_count;
        for (int i = 0; i < 3; i++) { /* it is in use */
            lab_give(l, s, SPAN_LITERAL("x"), false);
            lab_pass(l, (l->config.ping_interval_ns + l->config.select_ns) / 3);
        }
        assert_true(l->open_count > opened);
    }
    assert_int_equal(l->hangup_count, 0);
    assert_int_equal(l->traced[PU_TR_PING_LOST], 0);
    lab_give(l, s, span_of(NULL, 0), true);
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_DOWN,
                        .conn = conn,
                        .stream = s->handle,
                        .what = PU_DOWN_FINISHED});
    lab_pass(l, l->config.ping_interval_ns + l->config.select_ns);
    assert_int_equal(l->hangup_count, 1);
    lab_end(l);
}

static void a_wrong_echo_ends_the_connection(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        lab *l = lab_started();
        pu_handle conn = lab_connect(l, B, PU_DIALLER, 0);
        lab_stream *s = pinged(l, conn);
        uint8_t echo[PAYLOAD + 1] = {0};
        memcpy(echo, payload_of(s).base, PAYLOAD);
        if (how == 0) echo[31] ^= 1;
        if (how == 0) lab_give(l, s, span_of(echo, PAYLOAD), false);
        if (how == 1) lab_give(l, s, span_of(echo, PAYLOAD + 1), false); /* too much */
        if (how == 2) lab_give(l, s, span_of(echo, PAYLOAD - 1), true);  /* too little */
        assert_true(s->is_reset);
        assert_int_equal(l->hangup_count, 1);
        assert_int_equal(l->traced[PU_TR_PING_LOST], 1);
        lab_end(l);
    }
}

/* A reset is an answer: the peer lives and is asked again later. */
static void a_reset_is_a_sign_of_life(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, PU_DIALLER, 0);
    lab_stream *s = pinged(l, conn);
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_DOWN,
                        .conn = conn,
                        .stream = s->handle,
                        .what = PU_DOWN_RESET,
                        .code = PU_CODE_RATE});
    assert_int_equal(l->hangup_count, 0);
    pinged(l, conn);
    lab_end(l);
}

/* A new connection from a peer makes us ask the older one, with three seconds. */
static void an_older_connection_is_probed(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle old = lab_connect(l, B, 0, 0);
    lab_connect(l, B, 0, 0);
    assert_non_null(lab_accept_proto(l, old, PING));
    lab_pass(l, 3 * PU_S - 1);
    assert_int_equal(l->hangup_count, 0);
    lab_pass(l, 1);
    assert_int_equal(l->hangup_count, 1);
    assert_int_equal(l->hangups[0].conn, old);
    lab_end(l);
}

static void a_command_is_answered_and_harms_nothing(void **state)
{
    (void)state;
    for (int is_answered = 0; is_answered < 2; is_answered++) {
        lab *l = lab_started();
        pu_handle conn = lab_connect(l, B, 0, 0);
        lab_step(
            l,
            (pu_in){.kind = PU_IN_COMMAND, .what = PU_CMD_PING, .token = 42, .peer = lab_id(l, B)});
        lab_stream *s = lab_accept_proto(l, conn, PING);
        uint32_t events = l->event_count;
        lab_pass(l, is_answered ? 20 * PU_MS : l->config.ping_ns);
        if (is_answered) lab_give(l, s, payload_of(s), false);
        assert_int_equal(l->event_count, events + 1);
        const pu_ef *done = &l->events[events];
        assert_int_equal(done->token, 42);
        assert_int_equal(done->code, is_answered ? PU_CODE_OK : PU_CODE_TIMEOUT);
        assert_int_equal(done->offset, is_answered ? 20 * PU_MS : 0);
        assert_int_equal(l->hangup_count, 0);
        lab_end(l);
    }
}

int ping_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_comes_goes_back),
        cmocka_unit_test(an_idle_echo_ends_and_surplus_streams_are_reset),
        cmocka_unit_test(finished_echoes_are_no_surplus),
        cmocka_unit_test(echoes_are_timed_and_the_next_ping_follows),
        cmocka_unit_test(silence_ends_the_connection),
        cmocka_unit_test(a_stream_that_never_comes_is_silence),
        cmocka_unit_test(a_busy_connection_is_not_lost),
        cmocka_unit_test(a_wrong_echo_ends_the_connection),
        cmocka_unit_test(a_reset_is_a_sign_of_life),
        cmocka_unit_test(an_older_connection_is_probed),
        cmocka_unit_test(a_command_is_answered_and_harms_nothing),
    };
    return cmocka_run_group_tests_name("ping", tests, NULL, NULL);
}
