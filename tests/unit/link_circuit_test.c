/* link_circuit_test.c - connections in streams of other connections (UPGRADE), over toy carriers:
 * both roles, left-over bytes, ends on either level, nesting, back-pressure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/link_expect.h"

int link_circuit_test(void);

enum { PORT = 7000 };

/* A connection over datagrams with stream 1 of the peer's. */
static link_host *with_stream(void)
{
    link_host *h = link_host_new();
    link_host_say(h, PORT, TOY_CALL, 0, 0);
    link_host_say(h, PORT, TOY_PROVE, 1, 0);
    link_host_say(h, PORT, TOY_UP, 0, 0);
    link_host_say(h, PORT, TOY_OPEN, 1, 0);
    link_host_settle(h);
    link_host_forget(h);
    return h;
}

static void upgrade(link_host *h, enum pu_role role, const char *left)
{
    pu_peer_id peer = toy_peer(2);
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_UPGRADE,
                                      .token = 41,
                                      .conn = h->conn,
                                      .stream = h->stream,
                                      .what = role,
                                      .flags = PU_LIMITED,
                                      .peer = span_of(peer.bytes, peer.len),
                                      .deadline = h->now + 10 * PU_S,
                                      .body = span_of(left, strlen(left))});
}

static link_host *upgraded(enum pu_role role, const char *left)
{
    link_host *h = with_stream();
    upgrade(h, role, left);
    return h;
}

/* A command to the connection inside stream `which`. */
static void say_inside_of(link_host *h, uint32_t which, enum toy_op op, uint32_t id,
                          uint32_t argument)
{
    uint8_t inner[TOY_HEAD_BYTES], outer[64];
    pu_buf in = buf_of(inner, sizeof inner), out = buf_of(outer, sizeof outer);
    toy_put(&in, op, id, argument);
    toy_put_data(&out, which, buf_span(&in));
    link_host_datagram(h, PORT, buf_span(&out));
    link_host_settle(h);
}

static void say_inside(link_host *h, enum toy_op op, uint32_t id, uint32_t argument)
{
    say_inside_of(h, 1, op, id, argument);
}

static void a_circuit_is_made_as_client(void **state)
{
    (void)state;
    link_host *h = upgraded(PU_ROLE_CLIENT, "");
    link_host_expect(h, "toy 2 start dialler\n");
    say_inside(h, TOY_PROVE, 2, 0);
    say_inside(h, TOY_UP, 0, 0);
    say_inside(h, TOY_CONFIRM, 0, 0);
    link_host_expect(h, "toy 1 consumed 1 4\n"
                        "toy 1 consumed 1 4\n"
                        "up 2 token=41 dialler provisional relayed limited\n"
                        "toy 1 consumed 1 4\n"
                        "confirmed 2\n");
    link_host_free(h);
}

static void a_circuit_is_made_as_server(void **state)
{
    (void)state;
    link_host *h = upgraded(PU_ROLE_SERVER, "");
    say_inside(h, TOY_PROVE, 2, 0);
    say_inside(h, TOY_UP, 0, 0);
    link_host_expect(h, "toy 2 start\n"
                        "toy 1 consumed 1 4\n"
                        "ask 2 secured relayed\n"
                        "toy 2 verdict 0\n"
                        "toy 1 consumed 1 4\n"
                        "up 2 token=41 relayed limited\n"
                        "confirmed 2\n");
    link_host_free(h);
}

/* What the node read too far comes first, and is not counted as consumed again. */
static void left_over_bytes_come_first(void **state)
{
    (void)state;
    /* The arguments do not matter, and are not 0, where the text would end. */
    link_host *h = upgraded(PU_ROLE_CLIENT, "P\2\1\1U\1");
    link_host_settle(h);
    uint8_t rest[] = {TOY_DATA, 1, 0, 2, 1, 1}; /* the end of the second command */
    link_host_datagram(h, PORT, span_of(rest, sizeof rest));
    link_host_settle(h);
    link_host_expect(h, "toy 2 start dialler\n"
                        "toy 1 consumed 1 2\n"
                        "up 2 token=41 dialler provisional relayed limited\n");
    link_host_free(h);
}

/* What comes in one read with the message that makes a connection of the stream, in a frame of its
 * own: the node is given the message alone, so that the rest is the connection's. */
static void bytes_right_behind_the_message_are_the_circuits(void **state)
{
    (void)state;
    link_host *h = with_stream();
    uint8_t inner[TOY_HEAD_BYTES], outer[64];
    pu_buf in = buf_of(inner, sizeof inner), out = buf_of(outer, sizeof outer);
    toy_put(&in, TOY_PROVE, 2, 0);
    toy_put_data(&out, 1, SPAN_LITERAL("ok"));
    toy_put_data(&out, 1, buf_span(&in));
    link_host_datagram(h, PORT, buf_span(&out));
    link_host_expect(h, "toy 1 consumed 1 2\n"
                        "data 1/1 2\n");
    upgrade(h, PU_ROLE_CLIENT, "");
    link_host_settle(h);
    link_host_expect(h, "toy 2 start dialler\n"
                        "toy 1 consumed 1 4\n");
    say_inside(h, TOY_UP, 0, 0);
    link_host_expect(h, "toy 1 consumed 1 4\n"
                        "up 2 token=41 dialler provisional relayed limited\n");
    link_host_free(h);
}

static void a_circuit_to_another_peer_fails(void **state)
{
    (void)state;
    static const enum pu_role roles[] = {PU_ROLE_CLIENT, PU_ROLE_SERVER};
    for (int i = 0; i < 2; i++) {
        link_host *h = upgraded(roles[i], "");
        link_host_forget(h);
        say_inside(h, TOY_PROVE, 3, 0);
        assert_non_null(strstr(h->log, "toy 1 reset 1"));
        assert_non_null(strstr(h->log, "dial-fail token=41 code=2003\n"));
        link_host_free(h);
    }
}

static void a_circuit_is_refused(void **state)
{
    (void)state;
    link_host *h = upgraded(PU_ROLE_SERVER, "");
    link_host_forget(h);
    h->secured_code = PU_CODE_GATED;
    say_inside(h, TOY_PROVE, 2, 0);
    link_host_expect(h, "toy 1 consumed 1 4\n"
                        "ask 2 secured relayed\n"
                        "toy 2 verdict 1007\n"
                        "toy 1 reset 1 2004\n"
                        "dial-fail token=41 code=1007\n");
    link_host_free(h);
}

static void a_circuit_has_a_deadline_and_can_be_cancelled(void **state)
{
    (void)state;
    link_host *h = upgraded(PU_ROLE_CLIENT, "");
    link_host_run(h, 11 * PU_S);
    link_host_expect(h, "toy 2 start dialler\n"
                        "toy 2 close 2000\n"
                        "toy 1 reset 1 2004\n"
                        "dial-fail token=41 code=2000\n");
    link_host_free(h);
    h = upgraded(PU_ROLE_SERVER, "");
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_DIAL_CANCEL, .token = 41});
    link_host_expect(h, "toy 2 start\n"
                        "toy 2 close 2001\n"
                        "toy 1 reset 1 2004\n"
                        "dial-fail token=41 code=2001\n");
    link_host_free(h);
}

/* A circuit that is up. */
static link_host *relayed(void)
{
    link_host *h = upgraded(PU_ROLE_CLIENT, "");
    say_inside(h, TOY_PROVE, 2, 0);
    say_inside(h, TOY_UP, 0, 0);
    say_inside(h, TOY_CONFIRM, 0, 0);
    link_host_forget(h);
    return h;
}

static void what_is_carried_ends_first(void **state)
{
    (void)state;
    link_host *h = relayed();
    say_inside(h, TOY_OPEN, 9, 0);
    link_host_say(h, PORT, TOY_OPEN, 2, 0);
    link_host_forget(h);
    link_host_say(h, PORT, TOY_END, 0, PU_CODE_SHUTDOWN);
    link_host_expect(h, "toy 2 lost 2004\n"
                        "stream-down 2/2 token=0 lost code=2004\n"
                        "down 2 code=2004\n"
                        "stream-down 1/3 token=0 lost code=1006\n"
                        "down 1 code=1006\n");
    link_host_free(h);
}

static void the_carrying_stream_ends(void **state)
{
    (void)state;
    static const enum toy_op ops[] = {TOY_RESET, TOY_STOP};
    for (int i = 0; i < 2; i++) {
        link_host *h = relayed();
        link_host_say(h, PORT, ops[i], 1, 5);
        link_host_settle(h);
        link_host_expect(h, i == 0 ? "toy 2 lost 2004\n"
                                     "down 2 code=2004\n"
                                   : "toy 1 reset 1 2004\n"
                                     "toy 2 lost 2004\n"
                                     "down 2 code=2004\n");
        link_host_free(h);
    }
}

/* Both ends in order: our side finishes the stream, and waits for the other to do so. */
static void a_circuit_closes_in_order(void **state)
{
    (void)state;
    link_host *h = relayed();
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_HANGUP,
                                      .conn = h->conn,
                                      .code = PU_CODE_SHUTDOWN,
                                      .deadline = h->now + PU_S});
    link_host_settle(h);
    link_host_expect(h, "toy 2 close 1006\n"
                        "toy 1 send 1 0 fin\n"
                        "down 2 code=1006\n"
                        "toy 1 fin 1\n");
    uint8_t late[] = {TOY_DATA, 1, 0, 1, 'x'}; /* dropped, and counted */
    link_host_datagram(h, PORT, span_of(late, sizeof late));
    link_host_expect(h, "toy 1 consumed 1 1\n");
    link_host_say(h, PORT, TOY_FIN, 1, 0);
    link_host_say(h, PORT, TOY_FINISH, 1, 0);
    link_host_run(h, 9 * PU_S);
    link_host_expect(h, "");
    link_host_free(h);
}

/* A peer that does not finish holds no stream for ever. */
static void a_circuit_that_is_left_open_is_reset(void **state)
{
    (void)state;
    link_host *h = relayed();
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_HANGUP,
                                      .conn = h->conn,
                                      .code = PU_CODE_SHUTDOWN,
                                      .deadline = h->now + PU_S});
    link_host_settle(h);
    link_host_forget(h);
    link_host_run(h, 2 * PU_S - 1);
    link_host_expect(h, "");
    link_host_run(h, 2 * PU_S);
    link_host_expect(h, "toy 1 reset 1 2004\n");
    link_host_free(h);
}

/* Two of them, one after the other: each has its own deadline. */
static void each_circuit_lingers_by_itself(void **state)
{
    (void)state;
    link_host *h = relayed();
    pu_handle outer = pu_handle_make(0, 1);
    link_host_say(h, PORT, TOY_OPEN, 2, 0);
    pu_handle first = h->conn;
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_UPGRADE,
                                      .token = 42,
                                      .conn = outer,
                                      .stream = h->stream,
                                      .what = PU_ROLE_CLIENT,
                                      .deadline = h->now + 10 * PU_S});
    uint8_t bytes[64], inner[2 * TOY_HEAD_BYTES];
    pu_buf in = buf_of(inner, sizeof inner), out = buf_of(bytes, sizeof bytes);
    toy_put(&in, TOY_PROVE, 3, 0);
    toy_put(&in, TOY_UP, 0, 0);
    toy_put_data(&out, 2, buf_span(&in));
    link_host_datagram(h, PORT, buf_span(&out));
    link_host_settle(h);
    assert_int_not_equal(h->conn, first);
    const pu_handle both[] = {first, h->conn};
    for (int i = 0; i < 2; i++) {
        (void)link_host_effect(h, (pu_ef){.kind = PU_EF_HANGUP,
                                          .conn = both[i],
                                          .code = PU_CODE_SHUTDOWN,
                                          .deadline = h->now + PU_S});
        link_host_run(h, h->now + 400 * PU_MS);
    }
    link_host_forget(h);
    link_host_run(h, h->now + 300 * PU_MS);
    link_host_expect(h, "toy 1 reset 1 2004\n");
    link_host_run(h, h->now + PU_S / 2);
    link_host_expect(h, "toy 1 reset 2 2004\n");
    link_host_free(h);
}

/* The other side finishes the stream: that is the end of the wire for the connection inside. */
static void the_end_of_the_stream_is_the_end_of_the_wire(void **state)
{
    (void)state;
    link_host *h = relayed();
    link_host_say(h, PORT, TOY_FIN, 1, 0);
    link_host_settle(h);
    link_host_expect(h, "toy 1 send 1 0 fin\n"
                        "down 2 code=2004\n"
                        "toy 1 fin 1\n");
    link_host_free(h);
}

/* Bytes of the inner connection are held back when the outer one has no room, and the other way. */
static void back_pressure_goes_through(void **state)
{
    (void)state;
    link_host *h = relayed();
    say_inside(h, TOY_OPEN, 9, 0);
    link_host_say(h, PORT, TOY_HOLD, 0, 1);
    pu_handle inner = h->conn, held = h->stream;
    h->is_silent = true;
    uint64_t sent = 0;
    static uint8_t zeros[PU_DATA_MAX];
    for (int i = 0; i < 100; i++) {
        boundary_stream *s = boundary_stream_of(&h->law, held);
        if (s->tx_sent + PU_DATA_MAX > s->tx_room) break;
        (void)link_host_effect(h, (pu_ef){.kind = PU_EF_STREAM_SEND,
                                          .conn = inner,
                                          .stream = held,
                                          .body = span_of(zeros, sizeof zeros)});
        link_host_settle(h);
        sent += PU_DATA_MAX;
    }
    assert_int_equal(sent, 131072); /* 64 KiB wait in each of the two */
    link_host_say(h, PORT, TOY_HOLD, 0, 0);
    link_host_settle(h);
    assert_int_equal(boundary_stream_of(&h->law, held)->tx_room, 131072 + 65536);

    /* The other way: what the node does not take is not consumed. */
    h->is_silent = false;
    link_host_forget(h);
    static uint8_t outer[8192];
    pu_buf out = buf_of(outer, sizeof outer);
    toy_put(&out, TOY_DATA, 1, TOY_HEAD_BYTES + 5000);
    toy_put_data(&out, 9, span_of(zeros, 5000));
    link_host_datagram(h, PORT, buf_span(&out));
    link_host_settle(h);
    link_host_expect(h, "toy 2 consumed 9 4096\n"
                        "toy 1 consumed 1 5004\n"
                        "data 2/2 4096\n");
    link_host_free(h);
}

/* A relay counts what passes it; its end can be told how much that is. */
static void what_a_circuit_carried_is_told(void **state)
{
    (void)state;
    uint64_t received, sent;
    link_host *h = upgraded(PU_ROLE_CLIENT, "P\2\1\1");
    assert_true(pu_link_carried(h->link, pu_handle_make(1, 2), &received, &sent));
    assert_int_equal(received, 4); /* with what the node had read too far */
    assert_int_equal(sent, 0);
    link_host_settle(h);
    say_inside(h, TOY_UP, 0, 0);
    say_inside(h, TOY_OPEN, 9, 0);
    assert_int_equal(h->conn, pu_handle_make(1, 2));
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_STREAM_SEND,
                                      .conn = h->conn,
                                      .stream = h->stream,
                                      .body = SPAN_LITERAL("hello")});
    link_host_settle(h);
    assert_true(pu_link_carried(h->link, h->conn, &received, &sent));
    assert_int_equal(received, 3 * TOY_HEAD_BYTES);
    assert_int_equal(sent, 5);
    assert_false(pu_link_carried(h->link, pu_handle_make(0, 1), &received, &sent)); /* direct */
    say_inside(h, TOY_END, 0, PU_CODE_SHUTDOWN);
    assert_false(pu_link_carried(h->link, pu_handle_make(1, 2), &received, &sent));
    link_host_free(h);
}

static void an_upgrade_that_cannot_be_fails(void **state)
{
    (void)state;
    link_host *h = link_host_new();
    link_host_say(h, PORT, TOY_CALL, 0, 0);
    link_host_say(h, PORT, TOY_PROVE, 1, 0);
    link_host_say(h, PORT, TOY_UP, 0, 0);
    link_host_say(h, PORT, TOY_OPEN, 1, 0);
    pu_handle finished = h->stream;
    link_host_say(h, PORT, TOY_FIN, 1, 0);
    link_host_settle(h);
    link_host_forget(h);
    pu_ef ef = {.kind = PU_EF_UPGRADE, .token = 41, .conn = h->conn, .what = PU_ROLE_CLIENT};
    ef.stream = pu_handle_make(7, 99); /* it crossed its end */
    (void)link_host_effect(h, ef);
    link_host_expect(h, "dial-fail token=41 code=2004\n");
    ef.stream = finished;
    (void)link_host_effect(h, ef);
    link_host_expect(h, "toy 1 reset 1 1001\n"
                        "dial-fail token=41 code=2004\n");
    ef.what = 0;
    assert_int_equal(link_host_effect(h, ef), PU_ERANGE);

    link_host_say(h, PORT, TOY_OPEN, 2, 0);
    link_host_say(h, PORT, TOY_HOLD, 0, 1);
    pu_ef last = {.kind = PU_EF_STREAM_SEND, .conn = h->conn, .stream = h->stream};
    last.body = SPAN_LITERAL("never sent");
    (void)link_host_effect(h, last);
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_HANGUP,
                                      .conn = h->conn,
                                      .code = PU_CODE_SHUTDOWN,
                                      .deadline = h->now + PU_S});
    ef.what = PU_ROLE_CLIENT;
    ef.token = 42;
    ef.stream = h->stream;
    link_host_forget(h);
    (void)link_host_effect(h, ef); /* after a hang-up: no other word on that stream follows */
    link_host_run(h, 3 * PU_S);
    link_host_expect(h, "dial-fail token=42 code=2004\n"
                        "down 1 code=1006\n");
    link_host_free(h);
}

/* A circuit through a circuit: the innermost goes first, whoever dies. */
static void circuits_nest(void **state)
{
    (void)state;
    link_host *h = relayed();
    say_inside(h, TOY_OPEN, 9, 0);
    link_host_forget(h);
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_UPGRADE,
                                      .token = 42,
                                      .conn = h->conn,
                                      .stream = h->stream,
                                      .what = PU_ROLE_CLIENT,
                                      .deadline = h->now + 10 * PU_S});
    link_host_settle(h);
    uint8_t bytes[64], middle[32], inner[2 * TOY_HEAD_BYTES];
    pu_buf in = buf_of(inner, sizeof inner), mid = buf_of(middle, sizeof middle),
           out = buf_of(bytes, sizeof bytes);
    toy_put(&in, TOY_PROVE, 3, 0);
    toy_put(&in, TOY_UP, 0, 0);
    toy_put_data(&mid, 9, buf_span(&in));
    toy_put_data(&out, 1, buf_span(&mid));
    link_host_datagram(h, PORT, buf_span(&out));
    link_host_settle(h);
    link_host_expect(h, "toy 3 start dialler\n"
                        "toy 1 consumed 1 12\n"
                        "toy 2 consumed 9 8\n"
                        "up 3 token=42 dialler provisional relayed\n");
    link_host_say(h, PORT, TOY_END, 0, PU_CODE_SHUTDOWN);
    link_host_expect(h, "toy 2 lost 2004\n"
                        "toy 3 lost 2004\n"
                        "down 3 code=2004\n"
                        "down 2 code=2004\n"
                        "down 1 code=1006\n");
    link_host_free(h);
}

/* The latest stream becomes a connection that we dialled. */
static void upgrade_latest(link_host *h, pu_token token)
{
    (void)link_host_effect(h, (pu_ef){.kind = PU_EF_UPGRADE,
                                      .token = token,
                                      .conn = h->conn,
                                      .stream = h->stream,
                                      .what = PU_ROLE_CLIENT,
                                      .deadline = h->now + 10 * PU_S});
}

/* A connection that carries thousands of others ends: their last words fill more than a step. */
static void thousands_of_circuits_end_in_several_steps(void **state)
{
    enum { CIRCUITS = 255, EACH = 17, MOST = 8192 };
    (void)state;
    link_host *h = calloc(1, sizeof *h);
    assert_non_null(h);
    pu_config_default(&h->config);
    h->config.conns_max = h->config.streams_max = MOST;
    assert_true(link_host_open(h));
    h->is_silent = true;
    link_host_say(h, PORT, TOY_CALL, 0, 0);
    link_host_say(h, PORT, TOY_PROVE, 1, 0);
    link_host_say(h, PORT, TOY_UP, 0, 0);
    pu_handle outer = h->conn;
    pu_token token = 100;
    for (uint32_t i = 1; i <= CIRCUITS; i++) {
        h->conn = outer;
        link_host_say(h, PORT, TOY_OPEN, i, 0);
        upgrade_latest(h, token++);
        say_inside_of(h, i, TOY_PROVE, 2, 0);
        say_inside_of(h, i, TOY_UP, 0, 0);
        assert_int_not_equal(h->conn, outer);
        for (uint32_t k = 1; k <= EACH; k++) {
            say_inside_of(h, i, TOY_OPEN, k, 0);
            upgrade_latest(h, token++);
        }
    }
    link_host_say(h, PORT, TOY_END, 0, 0);
    uint32_t said = h->inputs;
    assert_in_range(said, 3000, PU_LINK_OUT_EFFECTS_MAX);
    while (pu_link_deadline(h->link, NULL) <= h->now) {
        pu_link_in tick = {.kind = PU_LINK_IN_TICK};
        assert_int_equal(link_host_step(h, &tick), PU_OK);
        said += h->inputs;
    }
    assert_int_equal(said, CIRCUITS * (EACH + 1) + 1);
    link_host_free(h);
}

int link_circuit_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_circuit_is_made_as_client),
        cmocka_unit_test(a_circuit_is_made_as_server),
        cmocka_unit_test(left_over_bytes_come_first),
        cmocka_unit_test(bytes_right_behind_the_message_are_the_circuits),
        cmocka_unit_test(a_circuit_to_another_peer_fails),
        cmocka_unit_test(a_circuit_is_refused),
        cmocka_unit_test(a_circuit_has_a_deadline_and_can_be_cancelled),
        cmocka_unit_test(what_is_carried_ends_first),
        cmocka_unit_test(the_carrying_stream_ends),
        cmocka_unit_test(a_circuit_closes_in_order),
        cmocka_unit_test(a_circuit_that_is_left_open_is_reset),
        cmocka_unit_test(each_circuit_lingers_by_itself),
        cmocka_unit_test(the_end_of_the_stream_is_the_end_of_the_wire),
        cmocka_unit_test(back_pressure_goes_through),
        cmocka_unit_test(what_a_circuit_carried_is_told),
        cmocka_unit_test(an_upgrade_that_cannot_be_fails),
        cmocka_unit_test(circuits_nest),
        cmocka_unit_test(thousands_of_circuits_end_in_several_steps),
    };
    return cmocka_run_group_tests_name("link_circuit", tests, NULL, NULL);
}
