/* link_test.c - connections of the link over toy carriers: what the node is asked and told, dials,
 * hang-ups, deadlines, last words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/link_expect.h"

int link_test(void);

enum { PORT = 7000 };

/* A connection from outside that is up, with an empty log. */
static link_host *called(void)
{
    link_host *h = link_host_new();
    link_host_say(h, PORT, TOY_CALL, 0, 0);
    link_host_say(h, PORT, TOY_PROVE, 1, 0);
    link_host_say(h, PORT, TOY_UP, 0, 0);
    link_host_settle(h);
    link_host_forget(h);
    return h;
}

static pu_ef dial_of(enum pu_transport transport, enum pu_role role)
{
    static pu_peer_id expected;
    expected = toy_peer(1);
    return (pu_ef){.kind = PU_EF_DIAL,
                   .token = 11,
                   .peer = span_of(expected.bytes, expected.len),
                   .remote = pu_endpoint_ip4(10, 0, 0, 9, PORT),
                   .transport = transport,
                   .what = role,
                   .socket = PU_SOCKET_MAIN,
                   .deadline = 16 * PU_S};
}

/* ---- from outside ---- */

static void the_node_is_asked_twice(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    link_host_say(h, PORT, TOY_CALL, 0, 0);
    link_host_expect(h, "ask 1 accept\n"
                        "toy 1 verdict 0\n");
    link_host_say(h, PORT, TOY_PROVE, 1, 0);
    link_host_expect(h, "ask 1 secured\n"
                        "toy 1 verdict 0\n");
    link_host_say(h, PORT, TOY_UP, 0, 0);
    link_host_expect(h, "up 1 token=0\n"
                        "confirmed 1\n");
    link_host_say(h, PORT, TOY_END, 0, PU_CODE_SHUTDOWN);
    link_host_expect(h, "down 1 code=1006\n");
    link_host_free(h);
}

/* The refusing verdict is the handle's end: no CONN_DOWN follows, and the slot is free again. */
static void a_refusal_is_the_last_word(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    h->accept_code = PU_CODE_RESOURCE;
    link_host_say(h, PORT, TOY_CALL, 0, 0);
    link_host_expect(h, "ask 1 accept\n"
                        "toy 1 verdict 1001\n");
    h->accept_code = 0;
    h->secured_code = PU_CODE_GATED;
    link_host_say(h, PORT, TOY_CALL, 0, 0);
    link_host_say(h, PORT, TOY_PROVE, 1, 0);
    link_host_expect(h, "ask 2 accept\n"
                        "toy 2 verdict 0\n"
                        "ask 2 secured\n"
                        "toy 2 verdict 1007\n");
    assert_int_equal(pu_link_deadline(h->link, NULL), PU_NEVER);
    link_host_free(h);
}

static void a_handshake_has_a_deadline(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    link_host_say(h, PORT, TOY_CALL, 0, 0);
    link_host_forget(h);
    const char *why;
    assert_int_equal(pu_link_deadline(h->link, &why), 11 * PU_S);
    assert_string_equal(why, "connection");
    link_host_run(h, 11 * PU_S - 1);
    link_host_expect(h, "");
    link_host_run(h, 11 * PU_S);
    link_host_expect(h, "toy 1 close 2000\n"
                        "down 1 code=2000\n");
    link_host_free(h);
}

/* CVE-2022-23487, CVE-2022-23492 and their like: connections that never get beyond it. */
static void handshakes_are_limited(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    h->config.handshakes_max = 2;
    for (uint16_t i = 0; i < 4; i++) link_host_say(h, PORT + i, TOY_CALL, 0, 0);
    link_host_expect(h, "ask 1 accept\n"
                        "toy 1 verdict 0\n"
                        "ask 2 accept\n"
                        "toy 2 verdict 0\n");
    link_host_say(h, PORT, TOY_PROVE, 1, 0);
    link_host_say(h, PORT, TOY_UP, 0, 0);
    link_host_forget(h);
    link_host_say(h, PORT + 2, TOY_CALL, 0, 0); /* one is done: there is room for another */
    link_host_expect(h, "ask 3 accept\n"
                        "toy 3 verdict 0\n");
    link_host_free(h);
}

static void connections_are_limited(void **state)
{
    (void)state;
    link_host *h = calloc(1, sizeof *h);
    pu_config_default(&h->config);
    h->config.conns_max = 2;
    assert_true(link_host_open(h));
    for (uint16_t i = 0; i < 3; i++) link_host_say(h, PORT + i, TOY_CALL, 0, 0);
    link_host_forget(h);
    (void)link_host_effect(h, dial_of(PU_TRANSPORT_QUIC, PU_ROLE_CLIENT));
    link_host_expect(h, "dial-fail token=11 code=1001\n");
    link_host_say(h, PORT, TOY_END, 0, 0);
    link_host_forget(h);
    (void)link_host_effect(h, dial_of(PU_TRANSPORT_QUIC, PU_ROLE_CLIENT));
    link_host_expect(h, "toy 3 dial socket=1\n");
    link_host_close(h);
    free(h);
}

/* ---- dials ---- */

static void a_dial_is_answered_by_the_connection(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    (void)link_host_effect(h, dial_of(PU_TRANSPORT_QUIC, PU_ROLE_CLIENT));
    link_host_say(h, PORT, TOY_PROVE, 1, 0);
    link_host_say(h, PORT, TOY_UP, 0, 0);
    link_host_expect(h, "toy 1 dial socket=1\n"
                        "up 1 token=11 dialler provisional\n");
    link_host_say(h, PORT, TOY_CONFIRM, 0, 0);
    link_host_say(h, PORT, TOY_CONFIRM, 0, 0);
    link_host_expect(h, "confirmed 1\n");
    assert_int_equal(pu_link_deadline(h->link, NULL), PU_NEVER); /* the dial's is over */
    link_host_free(h);
}

static void another_peer_ends_a_dial(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    (void)link_host_effect(h, dial_of(PU_TRANSPORT_QUIC, PU_ROLE_CLIENT));
    link_host_say(h, PORT, TOY_PROVE, 2, 0);
    link_host_expect(h, "toy 1 dial socket=1\n"
                        "dial-fail token=11 code=2003\n");
    link_host_free(h);
}

static void any_peer_will_do_when_none_is_named(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    pu_ef ef = dial_of(PU_TRANSPORT_QUIC, PU_ROLE_CLIENT);
    ef.peer = span_of(NULL, 0);
    (void)link_host_effect(h, ef);
    link_host_say(h, PORT, TOY_PROVE, 9, 0);
    link_host_say(h, PORT, TOY_UP, 0, 0);
    link_host_expect(h, "toy 1 dial socket=1\n"
                        "up 1 token=11 dialler provisional\n");
    link_host_free(h);
}

static void a_dial_ends_by_its_deadline_or_cancelled(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    (void)link_host_effect(h, dial_of(PU_TRANSPORT_QUIC, PU_ROLE_CLIENT));
    link_host_run(h, 16 * PU_S);
    link_host_expect(h, "toy 1 dial socket=1\n"
                        "toy 1 close 2000\n"
                        "dial-fail token=11 code=2000\n");
    pu_ef again = dial_of(PU_TRANSPORT_QUIC, PU_ROLE_CLIENT);
    again.deadline = 30 * PU_S;
    (void)link_host_effect(h, again);
    pu_ef cancel = {.kind = PU_EF_DIAL_CANCEL, .token = 11};
    (void)link_host_effect(h, cancel);
    (void)link_host_effect(h, cancel);
    link_host_expect(h, "toy 2 dial socket=1\n"
                        "toy 2 close 2001\n"
                        "dial-fail token=11 code=2001\n");
    link_host_free(h);
}

/* Over QUIC the other side calls when we are the server: the token waits, and never becomes more.
 */
static void a_dial_as_server_waits(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    (void)link_host_effect(h, dial_of(PU_TRANSPORT_QUIC, PU_ROLE_SERVER));
    link_host_say(h, PORT, TOY_CALL, 0, 0);
    link_host_expect(h, "ask 2 accept\n"
                        "toy 2 verdict 0\n");
    link_host_say(h, PORT, TOY_END, 0, 0);
    link_host_run(h, 16 * PU_S);
    link_host_expect(h, "down 2 code=0\n"
                        "dial-fail token=11 code=2000\n");
    link_host_free(h);
}

static void what_cannot_be_dialled_fails_at_once(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    pu_ef circuit = dial_of(PU_TRANSPORT_CIRCUIT, PU_ROLE_CLIENT);
    pu_ef fresh = dial_of(PU_TRANSPORT_QUIC, PU_ROLE_CLIENT);
    fresh.socket = PU_SOCKET_FRESH;
    pu_ef nowhere = dial_of(PU_TRANSPORT_QUIC, PU_ROLE_CLIENT);
    nowhere.remote.port = 0;
    const pu_ef bad[] = {circuit, fresh, nowhere};
    for (size_t i = 0; i < 3; i++) {
        (void)link_host_effect(h, bad[i]);
        link_host_expect(h, "dial-fail token=11 code=2002\n");
    }
    pu_ef probe = dial_of(PU_TRANSPORT_QUIC, PU_ROLE_CLIENT);
    probe.socket = PU_SOCKET_PROBE + 3;
    (void)link_host_effect(h, probe);
    link_host_expect(h, "toy 1 dial socket=8\n");
    link_host_free(h);
}

/* ---- paths ---- */

static void a_path_is_told_once_a_second(void **state)
{
    (void)state;
    link_host *h = called();
    link_host_say(h, PORT, TOY_PATH, 0, 80);
    link_host_expect(h, "path 1 rtt=80ms\n");
    link_host_say(h, PORT, TOY_PATH, 0, 120); /* too soon */
    link_host_run(h, 3 * PU_S);
    link_host_say(h, PORT, TOY_PATH, 0, 85); /* too little */
    link_host_expect(h, "");
    link_host_say(h, PORT, TOY_PATH, 0, 95);
    link_host_say(h, PORT, TOY_PATH, 1, 95); /* a move waits for its second, and is told */
    link_host_expect(h, "path 1 rtt=95ms\n");
    link_host_run(h, 4 * PU_S);
    link_host_expect(h, "path 1 rtt=95ms migrated\n");
    link_host_free(h);
}

/* ---- hang-ups ---- */

static pu_ef hangup(const link_host *h, uint32_t code, uint64_t within_ns)
{
    return (pu_ef){
        .kind = PU_EF_HANGUP, .conn = h->conn, .code = code, .deadline = h->now + within_ns};
}

static void a_hangup_flushes(void **state)
{
    (void)state;
    link_host *h = called();
    link_host_say(h, PORT, TOY_OPEN, 1, 0);
    link_host_forget(h);
    pu_ef send = {.kind = PU_EF_STREAM_SEND,
                  .conn = h->conn,
                  .stream = h->stream,
                  .flags = PU_FIN,
                  .body = SPAN_LITERAL("bye")};
    (void)link_host_effect(h, send);
    (void)link_host_effect(h, hangup(h, PU_CODE_SHUTDOWN, PU_S));
    link_host_expect(h, "toy 1 send 1 3 fin\n"
                        "toy 1 close 1006\n");
    link_host_settle(h);
    link_host_expect(h, "toy 1 fin 1\n"
                        "udp 4 to 7000\n"
                        "stream-down 1/1 token=0 lost code=1006\n"
                        "down 1 code=1006\n");
    link_host_free(h);
}

static void a_hangup_ends_by_its_deadline(void **state)
{
    (void)state;
    link_host *h = called();
    link_host_say(h, PORT, TOY_OPEN, 1, 0);
    link_host_say(h, PORT, TOY_HOLD, 0, 1);
    link_host_forget(h);
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_STREAM_SEND,
                                      .conn = h->conn,
                                      .stream = h->stream,
                                      .body = SPAN_LITERAL("never sent")});
    (void)link_host_effect(h, hangup(h, PU_CODE_COLLECTED, PU_S));
    (void)link_host_effect(h, hangup(h, PU_CODE_SHUTDOWN, 0)); /* the first one counts */
    link_host_say(h, PORT, TOY_DATA, 1, 0);
    link_host_say(h, PORT, TOY_OPEN, 2, 0); /* nothing new after a hang-up */
    link_host_run(h, 2 * PU_S - 1);
    link_host_expect(h, "toy 1 send 1 10\n"
                        "toy 1 close 1005\n"
                        "toy 1 refused 2\n");
    link_host_run(h, 2 * PU_S);
    link_host_expect(h, "stream-down 1/1 token=0 lost code=1005\n"
                        "down 1 code=1005\n");
    link_host_free(h);
}

static void a_hangup_at_once_ends_at_once(void **state)
{
    (void)state;
    link_host *h = called();
    (void)link_host_effect(h, hangup(h, PU_CODE_LOST, 0));
    link_host_expect(h, "toy 1 close 2004\n"
                        "down 1 code=2004\n");
    (void)link_host_effect(h, hangup(h, PU_CODE_LOST, 0)); /* crossed: ignored */
    link_host_expect(h, "");
    link_host_free(h);
}

/* ---- last words ---- */

static void streams_end_by_ordinal_and_before_their_connection(void **state)
{
    (void)state;
    link_host *h = called();
    pu_ef open = {.kind = PU_EF_STREAM_OPEN, .conn = h->conn, .token = 21};
    (void)link_host_effect(h, open); /* is made first, and comes up last */
    open.token = 22;
    (void)link_host_effect(h, open); /* never comes up */
    link_host_say(h, PORT, TOY_OPEN, 5, 0);
    link_host_say(h, PORT, TOY_OPEN, 6, 0);
    link_host_say(h, PORT, TOY_OPENED, 7, 0);
    link_host_forget(h);
    link_host_say(h, PORT, TOY_END, 0, PU_CODE_LOST);
    link_host_expect(h, "stream-down 1/1 token=0 lost code=2004\n"
                        "stream-down 1/2 token=0 lost code=2004\n"
                        "stream-down 1/3 token=0 lost code=2004\n"
                        "stream-down 1/0 token=22 lost code=2004\n"
                        "down 1 code=2004\n");
    link_host_free(h);
}

/* ---- datagrams that are nobody's ---- */

static void datagrams_of_nobody_are_the_nodes(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    link_host_datagram(h, PORT, SPAN_LITERAL("stun"));
    link_host_expect(h, "packet 4 from 7000\n");
    static uint8_t large[PU_PACKET_MAX + 1];
    link_host_datagram(h, PORT, span_of(large, PU_PACKET_MAX));
    link_host_datagram(h, PORT, span_of(large, PU_PACKET_MAX + 1));
    link_host_expect(h, "packet 1500 from 7000\n");
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_PACKET,
                                      .socket = PU_SOCKET_MAIN,
                                      .remote = pu_endpoint_ip4(10, 0, 0, 9, 9),
                                      .body = SPAN_LITERAL("punch")});
    link_host_expect(h, "udp 5 to 9\n");
    link_host_free(h);
}

/* Several datagrams of one input, as the kernel joins them: all of one length but the last. */
static void joined_datagrams_are_cut(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    pu_link_in in = {.kind = PU_LINK_IN_UDP,
                     .socket = PU_SOCKET_MAIN,
                     .remote = pu_endpoint_ip4(10, 0, 0, 9, PORT),
                     .segment = 4,
                     .body = SPAN_LITERAL("aaaabbbbccccd")};
    assert_int_equal(link_host_step(h, &in), PU_OK);
    link_host_expect(h, "packet 4 from 7000\n"
                        "packet 4 from 7000\n"
                        "packet 4 from 7000\n"
                        "packet 1 from 7000\n");
    in.segment = 13;
    assert_int_equal(link_host_step(h, &in), PU_OK);
    link_host_expect(h, "packet 13 from 7000\n");
    static uint8_t many[PU_LINK_GRO_MAX];
    in.segment = 1;
    in.body = span_of(many, sizeof many);
    assert_int_equal(link_host_step(h, &in), PU_ERANGE);
    in.body = span_of(many, sizeof many - 1);
    assert_int_equal(link_host_step(h, &in), PU_OK);
    assert_int_equal(h->inputs, sizeof many - 1);
    link_host_free(h);
}

static void sockets_that_move_are_told_to_quic(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    pu_link_in in = {.kind = PU_LINK_IN_LOCAL,
                     .socket = PU_SOCKET_MAIN,
                     .local = pu_endpoint_ip4(10, 0, 0, 1, 4001)};
    assert_int_equal(link_host_step(h, &in), PU_OK);
    assert_int_equal(link_host_step(h, &in), PU_OK); /* the address may be any, and mean another */
    link_host_expect(h, "toy rebound 1\n"
                        "toy rebound 1\n");
    in.socket = PU_SOCKET_GATEWAY;
    assert_int_equal(link_host_step(h, &in), PU_OK);
    in.socket = PU_SOCKET_FRESH;
    assert_int_equal(link_host_step(h, &in), PU_ERANGE);
    link_host_expect(h, "");
    link_host_free(h);
}

/* ---- what is refused ---- */

static void nonsense_is_refused(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    pu_link_in in = {.kind = (enum pu_link_in_kind)99};
    assert_int_equal(link_host_step(h, &in), PU_ERANGE);
    in.kind = (enum pu_link_in_kind)0;
    assert_int_equal(link_host_step(h, &in), PU_ERANGE);
    in.kind = PU_LINK_IN_EFFECT;
    assert_int_equal(link_host_step(h, &in), PU_ERANGE);
    in.kind = PU_LINK_IN_TCP_DATA;
    in.tcp = 5;
    assert_int_equal(link_host_step(h, &in), PU_EHANDLE);
    assert_int_equal(link_host_effect(h, (pu_ef){.kind = PU_EF_EVENT}), PU_ERANGE);
    pu_ef set = {.kind = PU_EF_SET, .body = SPAN_LITERAL("idle_ms"), .offset = 30};
    assert_int_equal(link_host_effect(h, set), PU_ERANGE); /* no such parameter */
    set.body = SPAN_LITERAL("idle_ns");
    assert_int_equal(link_host_effect(h, set), PU_ERANGE); /* too short */
    static uint8_t large[PU_DATA_MAX + 1];
    pu_ef send = {.kind = PU_EF_STREAM_SEND, .body = span_of(large, sizeof large)};
    assert_int_equal(link_host_effect(h, send), PU_ERANGE);
    link_host_free(h);
}

static void effects_on_what_is_gone_are_ignored(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    for (int kind = PU_EF_CONN_VERDICT; kind <= PU_EF_STREAM_RESET; kind++) {
        pu_ef ef = {.kind = (enum pu_ef_kind)kind, .conn = pu_handle_make(0, 1)};
        ef.stream = pu_handle_make(0, 1);
        pu_link_in in = {.kind = PU_LINK_IN_EFFECT, .effect = &ef};
        if (kind == PU_EF_STREAM_OPEN) continue; /* that has a token, and is answered */
        assert_int_equal(link_host_step(h, &in), PU_OK);
        link_host_expect(h, "");
    }
    pu_ef open = {.kind = PU_EF_STREAM_OPEN, .conn = pu_handle_make(0, 1), .token = 4};
    assert_int_equal(link_host_effect(h, open), PU_OK);
    link_host_expect(h, "stream-down 1/0 token=4 lost code=2004\n");
    link_host_free(h);
}

static void the_clock_goes_on_from_what_was_told(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    assert_int_equal(link_unix_ns(h->link), 77);
    h->now += 5;
    pu_link_in in = {.kind = PU_LINK_IN_TICK};
    assert_int_equal(link_host_step(h, &in), PU_OK);
    assert_int_equal(link_unix_ns(h->link), 82);
    in = (pu_link_in){.kind = PU_LINK_IN_CLOCK, .offset = 1000};
    assert_int_equal(link_host_step(h, &in), PU_OK);
    assert_int_equal(link_unix_ns(h->link), 1000);
    in.offset = (uint64_t)INT64_MAX + 1;
    assert_int_equal(link_host_step(h, &in), PU_ERANGE);
    link_host_free(h);
}

static void a_channel_id_is_there_while_the_connection_is(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    uint8_t id[PU_LINK_CHANNEL_BYTES] = {0}, expected[PU_LINK_CHANNEL_BYTES];
    memset(expected, 0xc1, sizeof expected);
    link_host_say(h, PORT, TOY_CALL, 0, 0);
    assert_false(pu_link_channel_id(h->link, pu_handle_make(0, 1), id));
    link_host_say(h, PORT, TOY_PROVE, 1, 0);
    link_host_say(h, PORT, TOY_UP, 0, 0);
    assert_true(pu_link_channel_id(h->link, h->conn, id));
    assert_memory_equal(id, expected, sizeof id);
    link_host_say(h, PORT, TOY_END, 0, 0);
    assert_false(pu_link_channel_id(h->link, h->conn, id));
    link_host_free(h);
}

static void settings_reach_the_carrier(void **state)
{
    (void)state;
    link_host *h = called();
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_CONN_SET, .conn = h->conn, .flags = 5});
    link_host_expect(h, "toy 1 set 5\n");
    link_host_free(h);
}

static void set_parameter(link_host *h, pu_span name, uint64_t value)
{
    pu_ef ef = {.kind = PU_EF_SET, .body = name, .offset = value};
    assert_int_equal(link_host_effect(h, ef), PU_OK);
}

/* COMMAND SET: what begins afterwards goes by the new values, the host's own copy is left alone. */
static void parameters_change_while_it_runs(void **state)
{
    (void)state;
    link_host *h = called();
    uint64_t handshake_ns = h->config.handshake_ns, conns_max = h->config.conns_max;
    set_parameter(h, SPAN_LITERAL("handshake_ns"), 2 * PU_S);
    set_parameter(h, SPAN_LITERAL("conns_max"), 2);
    link_host_forget(h);
    pu_time began = h->now;
    link_host_say(h, PORT + 1, TOY_CALL, 0, 0);
    assert_non_null(strstr(h->log, "ask 2 accept\n"));
    link_host_say(h, PORT + 2, TOY_CALL, 0, 0); /* one too many now */
    assert_null(strstr(h->log, "ask 3"));
    link_host_run(h, began + 2 * PU_S - 1);
    assert_null(strstr(h->log, "down 2"));
    link_host_run(h, began + 2 * PU_S);
    assert_non_null(strstr(h->log, "down 2 code=2000\n"));
    assert_null(strstr(h->log, "down 1"));
    set_parameter(h, SPAN_LITERAL("conns_max"), 3);
    link_host_say(h, PORT + 1, TOY_CALL, 0, 0);
    link_host_say(h, PORT + 2, TOY_CALL, 0, 0);
    assert_non_null(strstr(h->log, "ask 4 accept\n"));
    assert_int_equal(h->config.handshake_ns, handshake_ns);
    assert_int_equal(h->config.conns_max, conns_max);
    link_host_free(h);
}

int link_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_node_is_asked_twice),
        cmocka_unit_test(a_refusal_is_the_last_word),
        cmocka_unit_test(a_handshake_has_a_deadline),
        cmocka_unit_test(handshakes_are_limited),
        cmocka_unit_test(connections_are_limited),
        cmocka_unit_test(a_dial_is_answered_by_the_connection),
        cmocka_unit_test(another_peer_ends_a_dial),
        cmocka_unit_test(any_peer_will_do_when_none_is_named),
        cmocka_unit_test(a_dial_ends_by_its_deadline_or_cancelled),
        cmocka_unit_test(a_dial_as_server_waits),
        cmocka_unit_test(what_cannot_be_dialled_fails_at_once),
        cmocka_unit_test(a_path_is_told_once_a_second),
        cmocka_unit_test(a_hangup_flushes),
        cmocka_unit_test(a_hangup_ends_by_its_deadline),
        cmocka_unit_test(a_hangup_at_once_ends_at_once),
        cmocka_unit_test(streams_end_by_ordinal_and_before_their_connection),
        cmocka_unit_test(datagrams_of_nobody_are_the_nodes),
        cmocka_unit_test(joined_datagrams_are_cut),
        cmocka_unit_test(sockets_that_move_are_told_to_quic),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(effects_on_what_is_gone_are_ignored),
        cmocka_unit_test(the_clock_goes_on_from_what_was_told),
        cmocka_unit_test(a_channel_id_is_there_while_the_connection_is),
        cmocka_unit_test(settings_reach_the_carrier),
        cmocka_unit_test(parameters_change_while_it_runs),
    };
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
