/* quic_silence_test.c - a client that reads, and hears nothing for a second: what it asks, when,
 * how often, and what that is good for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "quic/quic_impl.h"
#include "tests/lib/quic_rig.h"

int quic_silence_test(void);

enum { MUCH = 100000, SERVER_SENDS = 1, CLIENT_SENDS = 0 };

/* Client a and server b with a stream of a's, which has said a word so that b knows it. */
typedef struct reading {
    rig *w;
    rig_host *a, *b;
    rig_stream *at_a, *at_b;
} reading;

static reading reading_new(void)
{
    reading r = {.w = rig_new()};
    r.a = rig_add(r.w, NULL);
    r.b = rig_add(r.w, NULL);
    r.at_a = rig_open(r.a, rig_connect(r.a, r.b));
    rig_send(r.a, r.at_a, 10, false);
    rig_run(r.w, 5 * PU_S); /* path MTU discovery is over, and so is the last keep-alive's second */
    r.at_b = rig_theirs(r.b, 0);
    return r;
}

/* One side sends so much, and a second after it came, two seconds of sending are watched. Returns
 * how many datagrams both sent in them. */
static uint64_t asks_after(uint64_t bytes, bool fin, bool server_sends)
{
    reading r = reading_new();
    rig_stream *to = server_sends ? r.at_a : r.at_b;
    uint64_t before = to->got;
    rig_send(server_sends ? r.b : r.a, server_sends ? r.at_b : r.at_a, bytes, fin);
    rig_run(r.w, 800 * PU_MS);
    assert_int_equal(to->got - before, bytes);
    uint64_t sent = r.a->sent_datagrams + r.b->sent_datagrams;
    rig_run(r.w, 2 * PU_S);
    sent = r.a->sent_datagrams + r.b->sent_datagrams - sent;
    uint64_t later = r.a->sent_datagrams + r.b->sent_datagrams;
    rig_run(r.w, 5 * PU_S); /* two questions; the next sign of life is a keep-alive */
    assert_int_equal(r.a->sent_datagrams + r.b->sent_datagrams, later);
    rig_free(r.w);
    return sent;
}

static void silence_in_the_middle_is_asked_about_twice(void **state)
{
    (void)state;
    assert_int_equal(asks_after(MUCH, false, SERVER_SENDS), 4); /* and it is answered */
}

static void other_silence_is_let_be(void **state)
{
    (void)state;
    assert_int_equal(asks_after(MUCH, true, SERVER_SENDS), 0); /* that was all */
    assert_int_equal(asks_after(QUIC_HEARD_LEAST - 1, false, SERVER_SENDS), 0);
    assert_int_equal(asks_after(MUCH, false, CLIENT_SENDS), 0); /* a server asks nobody */
    assert_int_equal(asks_after(QUIC_HEARD_LEAST, false, SERVER_SENDS), 4);
}

/* A stream that ends ends the listening; what comes on another begins it anew. */
static void an_end_counts_for_the_connection(void **state)
{
    (void)state;
    reading r = reading_new();
    rig_send(r.b, r.at_b, MUCH, false);
    rig_run(r.w, 500 * PU_MS);
    rig_send(r.b, r.at_b, 1, true);
    rig_run(r.w, 500 * PU_MS);
    uint64_t sent = r.a->sent_datagrams;
    rig_run(r.w, 3 * PU_S);
    assert_int_equal(r.a->sent_datagrams, sent);
    rig_free(r.w);
}

/* A ping that comes and goes beside a stream in full flow does not end the listening. */
static void the_end_of_another_stream_changes_nothing(void **state)
{
    (void)state;
    reading r = reading_new();
    rig_stream *beside = rig_open(r.a, &r.a->conns[0]);
    rig_send(r.a, beside, 10, true);
    rig_run(r.w, 500 * PU_MS);
    rig_send(r.b, r.at_b, MUCH, false);
    rig_run(r.w, 500 * PU_MS);
    rig_send(r.b, rig_theirs(r.b, 1), 10, true);
    rig_run(r.w, 500 * PU_MS);
    assert_int_equal(r.at_a->got, MUCH);
    assert_int_equal(beside->got, 10);
    uint64_t sent = r.a->sent_datagrams;
    rig_run(r.w, 3 * PU_S);
    assert_in_range(r.a->sent_datagrams, sent + 1, sent + 3);
    rig_free(r.w);
}

/* Two streams: the end of the one takes off what came of it since the last question, no more. */
static void an_end_takes_off_what_was_counted(void **state)
{
    (void)state;
    reading r = reading_new();
    rig_stream *beside = rig_open(r.a, &r.a->conns[0]);
    rig_send(r.a, beside, 10, false);
    rig_run(r.w, 500 * PU_MS);
    rig_send(r.b, r.at_b, MUCH, false);
    rig_run(r.w, 5 * PU_S); /* asked twice: counted from 0 */
    rig_send(r.b, rig_theirs(r.b, 1), 2 * QUIC_HEARD_LEAST, false);
    rig_run(r.w, 300 * PU_MS);
    rig_send(r.b, r.at_b, 10, true);
    rig_run(r.w, 500 * PU_MS);
    uint64_t sent = r.a->sent_datagrams;
    rig_run(r.w, 3 * PU_S);
    assert_in_range(r.a->sent_datagrams, sent + 1, sent + 4);
    rig_free(r.w);
}

/* Nobody waits for a stream that was reset. */
static void a_reset_is_an_end(void **state)
{
    (void)state;
    reading r = reading_new();
    rig_send(r.b, r.at_b, MUCH, false);
    rig_run(r.w, 500 * PU_MS);
    rig_reset(r.b, r.at_b, 7);
    rig_run(r.w, 500 * PU_MS);
    uint64_t sent = r.a->sent_datagrams;
    rig_run(r.w, 3 * PU_S);
    assert_int_equal(r.a->sent_datagrams, sent);
    rig_free(r.w);
}

/* The client's NAT gives it another port while it waits for more, and more goes to the old one. */
static void a_reader_whose_port_changes_waits_a_second(void **state)
{
    (void)state;
    reading r = reading_new();
    rig_send(r.b, r.at_b, MUCH, false);
    rig_run(r.w, 500 * PU_MS);
    assert_int_equal(r.at_a->got, MUCH);
    r.a->seen_as.port = 7001;
    rig_send(r.b, r.at_b, MUCH, false);
    rig_run(r.w, 400 * PU_MS);
    assert_int_equal(r.at_a->got, MUCH);
    rig_run(r.w, 1500 * PU_MS);
    assert_int_equal(r.at_a->got, 2 * MUCH);
    assert_int_equal(r.b->conns[0].remote.port, 7001);
    rig_free(r.w);
}

int quic_silence_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_in_the_middle_is_asked_about_twice),
        cmocka_unit_test(other_silence_is_let_be),
        cmocka_unit_test(an_end_counts_for_the_connection),
        cmocka_unit_test(the_end_of_another_stream_changes_nothing),
        cmocka_unit_test(an_end_takes_off_what_was_counted),
        cmocka_unit_test(a_reset_is_an_end),
        cmocka_unit_test(a_reader_whose_port_changes_waits_a_second),
    };
    return cmocka_run_group_tests_name("quic_silence", tests, NULL, NULL);
}
