/* link_wire_test.c - connections over TCP, over toy carriers; and connections of every kind when
 * memory fails at each request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/link_expect.h"

int link_wire_test(void);

enum { PORT = 7000, TCP = 5 };

static pu_endpoint other_side(void)
{
    return pu_endpoint_ip4(10, 0, 0, 9, PORT);
}

static int tcp_up(link_host *h, uint64_t tcp, pu_token token)
{
    pu_link_in in = {.kind = PU_LINK_IN_TCP_UP, .tcp = tcp, .token = token, .remote = other_side()};
    return link_host_step(h, &in);
}

static int tcp_down(link_host *h, uint64_t tcp, pu_token token, uint32_t code)
{
    pu_link_in in = {.kind = PU_LINK_IN_TCP_DOWN, .tcp = tcp, .token = token, .code = code};
    return link_host_step(h, &in);
}

static pu_ef tcp_dial(enum pu_role role, uint32_t socket)
{
    static pu_peer_id expected;
    expected = toy_peer(1);
    return (pu_ef){.kind = PU_EF_DIAL,
                   .token = 11,
                   .peer = span_of(expected.bytes, expected.len),
                   .remote = other_side(),
                   .transport = PU_TRANSPORT_TCP,
                   .what = role,
                   .socket = socket,
                   .deadline = 16 * PU_S};
}

/* A TCP connection from outside that is up. */
static link_host *accepted(void)
{
    link_host *h = link_host_new();
    (void)tcp_up(h, TCP, 0);
    link_host_say_tcp(h, TCP, TOY_PROVE, 1, 0);
    link_host_say_tcp(h, TCP, TOY_UP, 0, 0);
    link_host_settle(h);
    link_host_forget(h);
    return h;
}

/* ---- TCP from outside ---- */

static void tcp_is_asked_about_before_a_byte(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    assert_int_equal(tcp_up(h, TCP, 0), PU_OK);
    link_host_expect(h, "ask 1 accept\n"
                        "toy 1 start\n");
    link_host_say_tcp(h, TCP, TOY_PROVE, 1, 0);
    link_host_say_tcp(h, TCP, TOY_UP, 0, 0);
    link_host_expect(h, "ask 1 secured\n"
                        "toy 1 verdict 0\n"
                        "up 1 token=0\n"
                        "confirmed 1\n");
    assert_int_equal(tcp_up(h, TCP, 0), PU_EHANDLE); /* that name is taken */
    assert_int_equal(tcp_up(h, 0, 0), PU_ERANGE);
    link_host_free(h);
}

static void tcp_that_is_refused_is_reset(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    h->accept_code = PU_CODE_RESOURCE;
    (void)tcp_up(h, TCP, 0);
    link_host_expect(h, "ask 1 accept\n"
                        "tcp-close 5 reset\n");
    h->accept_code = 0;
    h->secured_code = PU_CODE_GATED;
    (void)tcp_up(h, TCP + 1, 0);
    link_host_say_tcp(h, TCP + 1, TOY_PROVE, 1, 0);
    link_host_expect(h, "ask 2 accept\n"
                        "toy 2 start\n"
                        "ask 2 secured\n"
                        "toy 2 verdict 1007\n"
                        "tcp-close 6 reset\n");
    link_host_free(h);
}

static void handshakes_over_tcp_are_limited(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    h->config.handshakes_max = 1;
    (void)tcp_up(h, TCP, 0);
    link_host_forget(h);
    (void)tcp_up(h, TCP + 1, 0); /* the node is not even asked */
    link_host_expect(h, "tcp-close 6 reset\n");
    link_host_run(h, 11 * PU_S); /* the first dribbles: it ends by its deadline */
    link_host_expect(h, "toy 1 close 2000\n"
                        "tcp-close 5 reset\n"
                        "down 1 code=2000\n");
    link_host_free(h);
}

/* The peer proves itself and is gone in the same bytes: the verdict comes before the last word, and
 * is the last word when it refuses. */
static void a_peer_may_leave_before_the_verdict(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        link_host *h = link_host_new();
        h->secured_code = i == 0 ? PU_CODE_OK : PU_CODE_GATED;
        (void)tcp_up(h, TCP, 0);
        link_host_forget(h);
        static const uint8_t bytes[] = {TOY_PROVE, 1, 0, 0};
        (void)link_host_tcp_data(h, TCP, span_of(bytes, sizeof bytes), true);
        link_host_expect(h, i == 0 ? "ask 1 secured\n"
                                     "tcp-close 5\n"
                                     "down 1 code=2004\n"
                                   : "ask 1 secured\n"
                                     "tcp-close 5\n");
        assert_int_equal(pu_link_deadline(h->link, NULL), PU_NEVER);
        link_host_free(h);
    }
}

/* ---- TCP dials ---- */

static void a_tcp_dial_leaves_from_the_listening_port(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    pu_link_in in = {.kind = PU_LINK_IN_LOCAL, .flags = PU_LINK_TCP, .local = {.port = 4001}};
    assert_int_equal(link_host_step(h, &in), PU_OK);
    (void)link_host_effect(h, tcp_dial(PU_ROLE_CLIENT, PU_SOCKET_MAIN));
    pu_ef fresh = tcp_dial(PU_ROLE_CLIENT, PU_SOCKET_FRESH);
    fresh.token = 12;
    (void)link_host_effect(h, fresh);
    link_host_expect(h, "tcp-dial 1 to 7000 from 4001\n"
                        "tcp-dial 2 to 7000 from 0\n");
    link_host_free(h);
}

static void a_tcp_dial_becomes_a_connection(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    (void)link_host_effect(h, tcp_dial(PU_ROLE_CLIENT, PU_SOCKET_MAIN));
    assert_int_equal(tcp_up(h, TCP, h->tcp_token), PU_OK);
    link_host_say_tcp(h, TCP, TOY_PROVE, 1, 0);
    link_host_say_tcp(h, TCP, TOY_UP, 0, 0);
    link_host_say_tcp(h, TCP, TOY_CONFIRM, 0, 0);
    link_host_expect(h, "tcp-dial 1 to 7000 from 0\n"
                        "toy 1 start dialler\n"
                        "up 1 token=11 dialler provisional\n"
                        "confirmed 1\n");
    link_host_free(h);
}

/* Both sides dialled at once and the kernels made one connection of it: who is server above answers
 * a dial of its own, and is not asked. */
static void simultaneous_open_has_the_dials_roles(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    (void)link_host_effect(h, tcp_dial(PU_ROLE_SERVER, PU_SOCKET_MAIN));
    (void)tcp_up(h, TCP, h->tcp_token);
    link_host_say_tcp(h, TCP, TOY_PROVE, 1, 0);
    link_host_say_tcp(h, TCP, TOY_UP, 0, 0);
    link_host_expect(h, "tcp-dial 1 to 7000 from 0\n"
                        "toy 1 start\n"
                        "up 1 token=11 dialler\n"
                        "confirmed 1\n");
    link_host_free(h);
}

static void a_tcp_dial_fails(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    (void)link_host_effect(h, tcp_dial(PU_ROLE_CLIENT, PU_SOCKET_MAIN));
    assert_int_equal(tcp_down(h, 0, h->tcp_token, PU_CODE_REFUSED), PU_OK);
    assert_int_equal(tcp_down(h, 0, h->tcp_token, PU_CODE_REFUSED), PU_OK);
    link_host_expect(h, "tcp-dial 1 to 7000 from 0\n"
                        "dial-fail token=11 code=2007\n");
    (void)link_host_effect(h, tcp_dial(PU_ROLE_CLIENT, PU_SOCKET_MAIN));
    (void)tcp_up(h, TCP, h->tcp_token);
    link_host_say_tcp(h, TCP, TOY_PROVE, 2, 0); /* somebody else */
    link_host_expect(h, "tcp-dial 2 to 7000 from 0\n"
                        "toy 2 start dialler\n"
                        "tcp-close 5 reset\n"
                        "dial-fail token=11 code=2003\n");
    link_host_free(h);
}

/* A dial that was given up connects all the same: the connection is reset, and nobody told. */
static void a_tcp_dial_is_given_up(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    (void)link_host_effect(h, tcp_dial(PU_ROLE_CLIENT, PU_SOCKET_MAIN));
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_DIAL_CANCEL, .token = 11});
    link_host_expect(h, "tcp-dial 1 to 7000 from 0\n"
                        "dial-fail token=11 code=2001\n");
    (void)tcp_up(h, TCP, h->tcp_token);
    link_host_expect(h, "tcp-close 5 reset\n");
    (void)link_host_effect(h, tcp_dial(PU_ROLE_CLIENT, PU_SOCKET_MAIN));
    (void)tcp_up(h, TCP, h->tcp_token);
    link_host_forget(h);
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_DIAL_CANCEL, .token = 11});
    link_host_expect(h, "toy 2 close 2001\n"
                        "tcp-close 5 reset\n"
                        "dial-fail token=11 code=2001\n");
    link_host_free(h);
}

/* ---- bytes of TCP ---- */

static void tcp_has_credit_both_ways(void **state)
{
    (void)state;
    link_host *h = accepted();
    link_host_say_tcp(h, TCP, TOY_OPEN, 1, 0);
    for (int i = 0; i < 4; i++) {
        static uint8_t zeros[PU_DATA_MAX];
        (void)link_host_effect(h, (pu_ef){.kind = PU_EF_STREAM_SEND,
                                          .conn = h->conn,
                                          .stream = h->stream,
                                          .body = span_of(zeros, sizeof zeros)});
    }
    link_host_forget(h);
    link_host_settle(h); /* pieces that lie together leave together */
    link_host_expect(h, "tcp-send 5 65536\n"
                        "room 1/1 131072\n");
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_STREAM_SEND,
                                      .conn = h->conn,
                                      .stream = h->stream,
                                      .body = SPAN_LITERAL("more")});
    link_host_settle(h);
    link_host_expect(h, "toy 1 send 1 4\n");
    pu_link_in room = {.kind = PU_LINK_IN_TCP_ROOM, .tcp = TCP, .offset = 65538};
    assert_int_equal(link_host_step(h, &room), PU_OK);
    room.offset = 1;
    assert_int_equal(link_host_step(h, &room), PU_OK); /* it never falls */
    link_host_settle(h);
    link_host_expect(h, "tcp-send 5 2\n");

    static uint8_t bytes[PU_LINK_TCP_DATA_MAX + 1];
    bytes[0] = 'Z'; /* 65,000 bytes of commands that mean nothing */
    assert_int_equal(link_host_tcp_data(h, TCP, span_of(bytes, sizeof bytes), false), PU_ERANGE);
    link_host_forget(h);
    assert_int_equal(link_host_tcp_data(h, TCP, span_of(bytes, 60000), false), PU_OK);
    link_host_expect(h, "tcp-room 5 125548\n");
    assert_int_equal(link_host_tcp_data(h, TCP, span_of(bytes, 65537), false), PU_ERANGE);
    link_host_free(h);
}

static void tcp_is_lost(void **state)
{
    (void)state;
    link_host *h = accepted();
    link_host_say_tcp(h, TCP, TOY_OPEN, 1, 0);
    link_host_forget(h);
    assert_int_equal(tcp_down(h, TCP, 0, PU_CODE_TIMEOUT), PU_OK);
    link_host_expect(h, "toy 1 lost 2000\n"
                        "stream-down 1/1 token=0 lost code=2000\n"
                        "down 1 code=2000\n");
    assert_int_equal(tcp_down(h, TCP, 0, PU_CODE_TIMEOUT), PU_EHANDLE);
    assert_int_equal(link_host_tcp_data(h, TCP, span_of(NULL, 0), true), PU_EHANDLE);
    link_host_free(h);
}

static void tcp_is_closed_in_order(void **state)
{
    (void)state;
    link_host *h = accepted();
    assert_int_equal(link_host_tcp_data(h, TCP, span_of(NULL, 0), true), PU_OK);
    link_host_expect(h, "tcp-close 5\n"
                        "down 1 code=2004\n");
    link_host_free(h);
}

/* ---- without memory ---- */

static void send_some(link_host *h, uint64_t tcp)
{
    static const uint8_t up[] = {TOY_PROVE, 1, 0, 0, TOY_UP, 0, 0, 0, TOY_OPEN, 1, 0, 0};
    (void)link_host_tcp_data(h, tcp, span_of(up, sizeof up), false);
    link_host_settle(h);
    const boundary_stream *s = boundary_stream_of(&h->law, h->stream);
    if (s == NULL || s->conn != h->conn) return;
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_STREAM_SEND,
                                      .conn = h->conn,
                                      .stream = h->stream,
                                      .body = SPAN_LITERAL("something")});
    link_host_settle(h);
}

/* Streams with bytes that wait, on a connection over datagrams; the last one becomes a circuit. */
static void streams_and_a_circuit(link_host *h)
{
    static uint8_t zeros[6000];
    uint8_t bytes[8192];
    pu_peer_id peer = toy_peer(2);
    for (uint32_t i = 1; i < 5; i++) {
        link_host_say(h, PORT, TOY_OPEN, i, 0);
        pu_buf out = buf_of(bytes, sizeof bytes);
        toy_put_data(&out, i, span_of(zeros, sizeof zeros));
        link_host_datagram(h, PORT, buf_span(&out));
        link_host_settle(h);
    }
    const boundary_stream *s = boundary_stream_of(&h->law, h->stream);
    if (s == NULL) return;
    pu_ef ef = {.kind = PU_EF_STREAM_SEND, .conn = s->conn, .stream = s->handle};
    ef.body = span_of(zeros, 100);
    (void)link_host_effect(h, ef);
    link_host_settle(h);
    s = boundary_stream_of(&h->law, h->stream);
    if (s == NULL) return;
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_UPGRADE,
                                      .token = 41,
                                      .conn = s->conn,
                                      .stream = s->handle,
                                      .what = PU_ROLE_SERVER,
                                      .peer = span_of(peer.bytes, peer.len),
                                      .deadline = h->now + 10 * PU_S,
                                      .body = SPAN_LITERAL("left")});
}

/* Everything above in one story; requests for memory are refused one after the other. */
static void story(link_host *h)
{
    pu_link_in local = {.kind = PU_LINK_IN_LOCAL, .socket = PU_SOCKET_MAIN};
    assert_int_equal(link_host_step(h, &local), PU_OK);
    (void)tcp_up(h, TCP + 1, 0);
    send_some(h, TCP + 1);
    (void)link_host_effect(h, tcp_dial(PU_ROLE_CLIENT, PU_SOCKET_MAIN));
    (void)tcp_up(h, TCP, h->tcp_token);
    send_some(h, TCP);
    for (uint16_t i = 0; i < 3; i++) {
        link_host_say(h, PORT + i, TOY_CALL, 0, 0);
        link_host_say(h, PORT + i, TOY_PROVE, 1, 0);
        link_host_say(h, PORT + i, TOY_UP, 0, 0);
    }
    streams_and_a_circuit(h);
    link_host_run(h, h->now + 20 * PU_S);
}

static void a_request_for_memory_may_fail(void **state)
{
    (void)state;
    for (unsigned k = 1;; k++) {
        link_host *h = calloc(1, sizeof *h);
        h->is_silent = true;
        h->heap.fail_at = k;
        bool is_open = link_host_open(h);
        if (is_open) {
            story(h);
            link_host_close(h);
        } else {
            assert_int_equal(h->heap.live_bytes, 0);
        }
        bool is_done = h->heap.asked < k;
        free(h);
        if (is_done) break;
        assert_true(k < 1000);
    }
}

int link_wire_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_is_asked_about_before_a_byte),
        cmocka_unit_test(tcp_that_is_refused_is_reset),
        cmocka_unit_test(handshakes_over_tcp_are_limited),
        cmocka_unit_test(a_peer_may_leave_before_the_verdict),
        cmocka_unit_test(a_tcp_dial_leaves_from_the_listening_port),
        cmocka_unit_test(a_tcp_dial_becomes_a_connection),
        cmocka_unit_test(simultaneous_open_has_the_dials_roles),
        cmocka_unit_test(a_tcp_dial_fails),
        cmocka_unit_test(a_tcp_dial_is_given_up),
        cmocka_unit_test(tcp_has_credit_both_ways),
        cmocka_unit_test(tcp_is_lost),
        cmocka_unit_test(tcp_is_closed_in_order),
        cmocka_unit_test(a_request_for_memory_may_fail),
    };
    return cmocka_run_group_tests_name("link_wire", tests, NULL, NULL);
}
