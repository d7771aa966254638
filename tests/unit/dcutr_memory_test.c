/* dcutr_memory_test.c - hole punching on one node where memory is short: messages that may not
 * wait, timers that are not had. */
#include "tests/unit/dcutr_play.h"

int dcutr_memory_test(void);

/* ---- an answer that finds neither room nor memory ---- */

enum { SELECTION_BYTES = 35, MESSAGE_BYTES = 32 /* of a CONNECT with one address, at most */ };

/* The peer opens a stream for DCUtR, or takes the one that the node opens, and lets it send no more
 * than selection and `more` bytes. */
static lab_stream *narrow(lab *l, pu_handle conn, bool is_ours, uint64_t more)
{
    uint8_t bytes[64];
    pu_buf b = buf_of(bytes, sizeof bytes);
    uint32_t i = 0;
    lab_stream *s = lab_stream_new(l, conn, DCUTR);
    pu_in in = {.kind = PU_IN_STREAM_UP,
                .conn = conn,
                .stream = s->handle,
                .offset = SELECTION_BYTES + more};
    if (is_ours) {
        while (l->opens[i] != conn) i++;
        l->opens[i] = 0;
        in.token = l->open_tokens[i];
    }
    lab_step(l, in);
    lab_put_select(&b, DCUTR);
    assert_int_equal(b.len, SELECTION_BYTES);
    lab_give(l, s, buf_span(&b), false);
    return s;
}

static bool was_refused(const lab *l)
{
    return l->heap.asked >= l->heap.fail_at;
}

/* B's last round, which ends for want of the nth request for memory. Whether it did. */
static bool sync_cannot_wait(uint64_t room, unsigned nth)
{
    lab *l = lab_new();
    l->config.dcutr_rounds = 1;
    lab_begin(l);
    lab_start(l);
    lab_stream *s = narrow(l, relayed_in(l), true, room);
    l->heap.fail_at = l->heap.asked + nth;
    give(l, s, WIRE_DCUTR_CONNECT, 1, 'g');
    bool is_ended = was_refused(l) && s->is_reset;
    l->heap.fail_at = 0;
    lab_pass(l, PU_S);
    if (is_ended) {
        assert_int_equal(l->packet_count, 0);
        assert_int_equal(l->traced[PU_TR_PUNCH_FAILED], 1);
        assert_int_equal(l->traced[PU_TR_PUNCH_SYNC], 0);
    }
    lab_end(l);
    return is_ended;
}

/* SYNC has no room and no memory, so the stream is reset and the attempt over; no datagram leaves
 * for addresses that are forgotten. */
static void a_sync_that_cannot_wait_ends_the_round(void **state)
{
    (void)state;
    uint32_t ended = 0;
    for (uint64_t room = 0; room <= MESSAGE_BYTES; room++)
        for (unsigned nth = 1; nth <= 4; nth++) ended += sync_cannot_wait(room, nth);
    assert_true(ended > MESSAGE_BYTES); /* beside those without memory for the addresses */
}

/* A: the same of its CONNECT; the peer may ask again. */
static void an_answer_that_cannot_wait_is_given_on_the_next_stream(void **state)
{
    (void)state;
    unsigned ended = 0;
    for (unsigned nth = 1; nth <= 4; nth++) {
        lab *l = lab_started();
        pu_handle conn = relayed_out(l);
        lab_stream *s = narrow(l, conn, false, 0);
        l->heap.fail_at = l->heap.asked + nth;
        give(l, s, WIRE_DCUTR_CONNECT, 1, 'g');
        ended += was_refused(l) && s->is_reset;
        l->heap.fail_at = 0;
        if (s->is_reset) {
            s = lab_open(l, conn, DCUTR);
            give(l, s, WIRE_DCUTR_CONNECT, 1, 'g');
            assert_false(s->is_reset);
            assert_true(lab_body(s).len > 0);
        }
        lab_end(l);
    }
    assert_true(ended > 0);
}

/* ---- timers that found no memory ---- */

enum { MORE_MAX = 24 }; /* timers: with one of these numbers the table is full */

/* Connections with so many timers: each waits for a stream, and those that we made are pinged. */
static void more_timers(lab *l, unsigned count)
{
    if (count % 2 == 1) lab_connect(l, 4, 0, 0);
    for (unsigned i = 0; i < count / 2; i++) lab_connect(l, 3, PU_DIALLER, 0);
}

static lab *with_more(unsigned timers)
{
    lab *l = lab_started();
    more_timers(l, timers);
    return l;
}

/* SYNC has left, but its round has no timer: the attempt goes on. */
static void a_round_without_memory_is_followed_by_another(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4 * MORE_MAX; i++) {
        lab *l = with_more(i / 4);
        pu_handle conn = relayed_in(l);
        lab_stream *s = lab_accept_proto(l, conn, DCUTR);
        l->heap.fail_at = l->heap.asked + 1 + i % 4;
        give(l, s, WIRE_DCUTR_CONNECT, 1, 'g');
        l->heap.fail_at = 0;
        lab_pass(l, l->config.dcutr_round_ns + 3 * PU_S);
        assert_non_null(lab_accept_proto(l, conn, DCUTR));
        lab_end(l);
    }
}

/* A node with a relayed connection beside a direct one, which makes a punch needless. */
static lab *beside_direct(pu_handle *conn, pu_handle *direct)
{
    lab *l = lab_started();
    *conn = relayed_in(l);
    *direct = lab_connect(l, PEER, 0, 0);
    lab_stream *s = lab_accept_proto(l, *direct, IDENTIFY);
    tell(l, s, PEER, NULL, NULL);
    lab_finish(l, s);
    while (lab_accept_proto(l, *conn, DCUTR) != NULL) {}
    return l;
}

/* The pause is over, and the punch comes. */
static void assert_punches(lab *l, pu_handle conn)
{
    l->heap.fail_at = 0;
    lab_pass(l, l->config.dcutr_retry_ns + 5 * PU_S);
    assert_non_null(lab_accept_proto(l, conn, DCUTR));
    lab_end(l);
}

/* The relayed connection is left, and the pause before the next punch has no timer. */
static void a_rest_without_memory_ends(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8 * MORE_MAX; i++) {
        pu_handle conn, direct;
        lab *l = beside_direct(&conn, &direct);
        more_timers(l, i / 8);
        l->heap.fail_at = l->heap.asked + 1 + i % 8;
        lab_down(l, direct);
        assert_punches(l, conn);
    }
}

/* The pause before the next punch has no timer, and a new address, which would end it sooner, finds
 * no memory for one either. */
static void a_rest_that_a_new_address_ends_needs_no_memory(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 32 * MORE_MAX; i++) {
        pu_handle conn, direct;
        lab *l = beside_direct(&conn, &direct);
        lab_local(l, pu_endpoint_ip4(9, 9, 9, 61, 4001), PU_LISTEN); /* a push has its timer */
        more_timers(l, i / 32);
        l->heap.fail_at = l->heap.asked + 1 + i % 8;
        lab_down(l, direct);
        l->heap.fail_at = l->heap.asked + 1 + i / 8 % 4;
        lab_local(l, pu_endpoint_ip4(9, 9, 9, 60, 4001), PU_LISTEN);
        assert_punches(l, conn);
    }
}

/* B has dialled what identify said, and nothing came of it: a round follows. */
static void a_direct_dial_without_memory_is_followed_by_a_round(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4 * MORE_MAX; i++) {
        lab *l = with_more(i / 4);
        pu_handle conn = lab_connect(l, PEER, PU_RELAYED | PU_LIMITED, 0);
        lab_stream *s = lab_accept_proto(l, conn, IDENTIFY);
        l->heap.fail_at = l->heap.asked + 1 + i % 4;
        tell(l, s, PEER, endpoint_of(7), NULL);
        l->heap.fail_at = 0;
        lab_pass(l, 5 * PU_S);
        bool is_known = l->traced[PU_TR_IDENTIFIED] > 0;
        if (is_known) assert_non_null(lab_accept_proto(l, conn, DCUTR));
        lab_end(l);
    }
}

/* A limit that was lowered below what is there is no want of memory: nothing is begun again and
 * again. */
static void a_lowered_limit_is_no_want_of_memory(void **state)
{
    (void)state;
    lab *l = lab_started();
    relayed_in(l);
    pu_handle conn = lab_connect(l, 3, PU_RELAYED | PU_LIMITED, 0);
    lab_step(l, (pu_in){.kind = PU_IN_COMMAND,
                        .what = PU_CMD_SET,
                        .token = 8,
                        .body = SPAN_LITERAL("conns_max=1")});
    tell(l, lab_accept_proto(l, conn, IDENTIFY), 3, NULL, NULL);
    lab_pass(l, 5 * PU_S);
    assert_int_equal(l->traced[PU_TR_NO_MEMORY], 0);
    assert_int_equal(l->traced[PU_TR_PUNCH_START], 1);
    lab_end(l);
}

int dcutr_memory_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sync_that_cannot_wait_ends_the_round),
        cmocka_unit_test(an_answer_that_cannot_wait_is_given_on_the_next_stream),
        cmocka_unit_test(a_round_without_memory_is_followed_by_another),
        cmocka_unit_test(a_rest_without_memory_ends),
        cmocka_unit_test(a_rest_that_a_new_address_ends_needs_no_memory),
        cmocka_unit_test(a_direct_dial_without_memory_is_followed_by_a_round),
        cmocka_unit_test(a_lowered_limit_is_no_want_of_memory),
    };
    return cmocka_run_group_tests_name("dcutr_memory", tests, NULL, NULL);
}
