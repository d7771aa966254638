/* tests/unit/tm_stream_test.c - the model transport: streams, credit, and connections carried in
 * streams. */
#include "tests/unit/tm_world.h"

/* ---- streams ---- */

typedef struct echo_case {
    uint32_t lose_every, swap_every;
    pu_time within;
} echo_case;

static void test_echo(void **state)
{
    (void)state;
    static const echo_case cases[] = {
        {0, 0, 2 * PU_S}, {0, 3, 2 * PU_S}, {17, 0, 60 * PU_S}, {11, 5, 60 * PU_S}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world *w = connected();
        w->hosts[1].is_echo = true;
        w->lose_every = cases[i].lose_every;
        w->swap_every = cases[i].swap_every;
        app *a = app_open(&w->hosts[0], w->hosts[0].conn);
        a->is_source = a->fin_wanted = true;
        a->total = 300000;
        run(w, PU_S + cases[i].within);
        assert_true(a->got == a->total);
        assert_true(a->is_matching);
        assert_true(a->fin_got);
        expect_line(w, "A stream-down 1/1 what=1 code=0\n");
        expect_line(w, "B stream-down 1/1 what=1 code=0\n");
        world_free(w);
    }
}

static void test_many_streams_share(void **state)
{
    (void)state;
    world *w = connected();
    w->hosts[1].is_echo = true;
    w->lose_every = 13;
    for (unsigned i = 0; i < 8; i++) {
        app *a = app_open(&w->hosts[0], w->hosts[0].conn);
        a->is_source = a->fin_wanted = true;
        a->total = 20000 + 1000 * i;
    }
    run(w, 30 * PU_S);
    for (unsigned i = 0; i < 8; i++) {
        const app *a = &w->hosts[0].apps[i];
        assert_true(a->got == a->total && a->is_matching && a->is_down);
    }
    world_free(w);
}

/* Without a STREAM_ROOM, the peer gets 4 KiB through, and the sender 64 KiB more into the buffer.
 */
static void test_credit_stops_the_sender(void **state)
{
    (void)state;
    world *w = connected();
    app *a = app_open(&w->hosts[0], w->hosts[0].conn);
    a->is_source = true;
    a->total = 1000000;
    run(w, 5 * PU_S);
    assert_int_equal(w->hosts[1].apps[0].got, PU_FIRST_ROOM);
    assert_int_equal(a->sent, 65536);
    app_grant(&w->hosts[1], &w->hosts[1].apps[0], 40000 - APP_ROOM);
    run(w, 10 * PU_S);
    assert_int_equal(w->hosts[1].apps[0].got, 40000);
    assert_true(a->sent > 65536 && a->sent <= 40000 + 65536);
    world_free(w);
}

static void test_fin_reset_stop(void **state)
{
    (void)state;
    world *w = connected();
    host *a = &w->hosts[0], *b = &w->hosts[1];
    w->is_logging_data = true;
    for (unsigned i = 0; i < 3; i++) (void)app_open(a, a->conn);
    run(w, 1100 * PU_MS);
    expect_line(w, "1010 B stream-up 1/1\n1010 B stream-up 1/2\n1010 B stream-up 1/3\n");
    forget_log(w);
    app_send(a, &a->apps[0], SPAN_LITERAL("hello"), true);
    app_send(b, &b->apps[0], SPAN_LITERAL("you"), true);
    effect(a, (pu_ef){.kind = PU_EF_STREAM_RESET,
                      .conn = a->conn,
                      .stream = a->apps[1].stream,
                      .code = 0x42});
    effect(b, (pu_ef){.kind = PU_EF_STREAM_STOP,
                      .conn = b->conn,
                      .stream = b->apps[2].stream,
                      .code = 0x43});
    run(w, 1200 * PU_MS);
    expect_log(w, "1100 A stream-down 1/2 what=2 code=42\n"
                  "1110 B stream-down 1/2 what=2 code=42\n1110 B data 1/1 5 fin\n"
                  "1110 A stream-stop 1/3 code=43\n1110 A data 1/1 3 fin\n"
                  "1145 A stream-down 1/1 what=1 code=0\n1145 B stream-down 1/1 what=1 code=0\n");
    forget_log(w);
    app_send(a, &a->apps[2], SPAN_LITERAL("nobody reads this"), true);
    app_send(b, &b->apps[2], SPAN_LITERAL("bye"), true);
    run(w, 1300 * PU_MS);
    expect_no(w, "B data");
    expect_line(w, "A data 1/3 3 fin\n");
    expect_line(w, "A stream-down 1/3 what=1 code=0\n");
    expect_line(w, "B stream-down 1/3 what=1 code=0\n");
    world_free(w);
}

static void test_stream_limits(void **state)
{
    (void)state;
    world *w = connected();
    w->hosts[1].config.streams_per_conn_max = 2;
    for (unsigned i = 0; i < 3; i++) (void)app_open(&w->hosts[0], w->hosts[0].conn);
    run(w, 2 * PU_S);
    expect_line(w, "A stream-down 1/3 what=2 code=1001\n");
    expect_no(w, "B stream-up 1/3");
    forget_log(w);
    /* A connection that nobody knows: the token is answered all the same. */
    effect(&w->hosts[0],
           (pu_ef){.kind = PU_EF_STREAM_OPEN, .conn = pu_handle_make(9, 9), .token = 5});
    run(w, 3 * PU_S);
    expect_log(w, "2000 A stream-down 9/0 what=3 code=2004\n");
    world_free(w);
}

/* ---- circuits: A - C - B, C forwards ---- */

static world *circuit(void)
{
    world *w = world_new();
    host *a = &w->hosts[0], *b = &w->hosts[1], *c = &w->hosts[2];
    dial(w, 1, 2);
    run(w, 500 * PU_MS);
    c->is_relay = true;
    c->relay_to = c->conn;
    b->is_upgrading = true;
    dial(w, 0, 2);
    run(w, PU_S);
    forget_log(w);
    app *s = app_open(a, a->conn);
    run(w, 1500 * PU_MS);
    effect(a, (pu_ef){.kind = PU_EF_UPGRADE,
                      .conn = a->conn,
                      .stream = s->stream,
                      .token = 66,
                      .what = PU_ROLE_CLIENT,
                      .peer = span_of(b->id.bytes, b->id.len),
                      .deadline = w->now + 10 * PU_S});
    run(w, 2 * PU_S);
    return w;
}

static void test_circuit(void **state)
{
    (void)state;
    world *w = circuit();
    host *a = &w->hosts[0], *b = &w->hosts[1];
    expect_line(w, "1540 A up 2 token=66 dialler provisional relayed limited\n");
    expect_line(w,
                "1560 B ask 2 secured\n1560 B up 2 token=77 relayed limited\n1560 B confirmed 2\n");
    expect_line(w, "1580 A confirmed 2\n1580 A path 2 rtt=40ms\n");
    b->is_echo = true;
    w->lose_every = 19;
    w->swap_every = 7;
    app *s = app_open(a, a->conn);
    s->is_source = s->fin_wanted = true;
    s->total = 200000;
    run(w, 100 * PU_S);
    assert_true(s->got == s->total);
    assert_true(s->is_matching);
    expect_line(w, "A stream-down 2/2 what=1 code=0\n");
    expect_line(w, "B stream-down 2/2 what=1 code=0\n");
    forget_log(w);
    w->lose_every = w->swap_every = 0;
    hang_up(a, a->conn, PU_CODE_SUPPLANTED);
    run(w, 110 * PU_S);
    expect_line(w, "100000 A down 2 code=1004\n");
    expect_line(w, "100020 B down 2 code=1004\n");
    expect_line(w, "C stream-down 1/2 what=1 code=0\n"); /* the relay's streams finish, both */
    expect_line(w, "C stream-down 2/1 what=1 code=0\n");
    world_free(w);
}

/* Last words: what is carried, then streams by ordinal, then the connection. */
static void test_circuit_outer_death(void **state)
{
    (void)state;
    world *w = circuit();
    host *a = &w->hosts[0], *c = &w->hosts[2];
    pu_handle outer = pu_handle_make(0, 1);
    (void)app_open(a, outer);
    (void)app_open(a, a->conn);
    (void)app_open(a, a->conn);
    (void)app_open(a, outer);
    run(w, 3 * PU_S);
    forget_log(w);
    hang_up(c, c->conn, PU_CODE_SHUTDOWN);
    run(w, 3500 * PU_MS);
    expect_line(w,
                "3010 A stream-down 2/3 what=3 code=2004\n3010 A stream-down 2/4 what=3 code=2004\n"
                "3010 A down 2 code=2004\n"
                "3010 A stream-down 1/2 what=3 code=1006\n3010 A stream-down 1/5 what=3 code=1006\n"
                "3010 A down 1 code=1006\n");
    world_free(w);
}

/* The relay ends one stream only: what it carried is lost, the connection to the relay lives. */
static void test_circuit_carrier_reset(void **state)
{
    (void)state;
    world *w = circuit();
    host *a = &w->hosts[0], *c = &w->hosts[2];
    (void)app_open(a, a->conn);
    run(w, 3 * PU_S);
    forget_log(w);
    effect(c, (pu_ef){.kind = PU_EF_STREAM_RESET,
                      .conn = c->apps[0].conn,
                      .stream = c->apps[0].stream,
                      .code = PU_CODE_RESOURCE});
    run(w, 100 * PU_S);
    expect_line(w, "3010 A stream-down 2/2 what=3 code=2004\n3010 A down 2 code=2004\n");
    expect_no(w, "A down 1 ");
    world_free(w);
}

/* What a relay may try on the stream to A: end it, or write into it. */
static void test_circuit_meddling(void **state)
{
    (void)state;
    static const struct {
        pu_span bytes;
        bool fin;
        const char *line;
    } cases[] = {
        {{NULL, 0}, true, "2010 A down 2 code=2004\n"},
        {{(const uint8_t *)"\x00\x05hello", 7}, false, "2010 A down 2 code=1003\n"},
        {{(const uint8_t *)"\xff\xff", 2}, false, "2010 A down 2 code=1003\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world *w = circuit();
        host *c = &w->hosts[2];
        app_send(c, &c->apps[0], cases[i].bytes, cases[i].fin);
        run(w, 3 * PU_S);
        expect_line(w, cases[i].line);
        expect_no(w, "A down 1 ");
        world_free(w);
    }
}

/* A circuit inside a circuit: B's end of the outer one serves as the carrier of another between A
 * and B. */
static void test_circuit_in_circuit(void **state)
{
    (void)state;
    world *w = circuit();
    host *a = &w->hosts[0], *b = &w->hosts[1];
    b->is_upgrading = true;
    app *s = app_open(a, a->conn);
    run(w, 3 * PU_S);
    effect(a, (pu_ef){.kind = PU_EF_UPGRADE,
                      .conn = a->conn,
                      .stream = s->stream,
                      .token = 67,
                      .what = PU_ROLE_CLIENT,
                      .peer = span_of(b->id.bytes, b->id.len),
                      .deadline = w->now + 10 * PU_S});
    run(w, 4 * PU_S);
    expect_line(w, "A up 3 token=67 dialler provisional relayed limited\n");
    b->is_echo = true;
    s = app_open(a, a->conn);
    s->is_source = s->fin_wanted = true;
    s->total = 50000;
    run(w, 20 * PU_S);
    assert_true(s->got == s->total && s->is_matching && s->is_down);
    forget_log(w);
    hang_up(a, pu_handle_make(0, 1), PU_CODE_SHUTDOWN);
    run(w, 60 * PU_S); /* this relay tells nobody: B finds out by silence */
    expect_line(w,
                "20000 A down 3 code=2004\n20000 A down 2 code=2004\n20000 A down 1 code=1006\n");
    expect_line(w, "B down 3 code=2004\n");
    world_free(w);
}

static void test_circuit_refused_and_unknown(void **state)
{
    (void)state;
    world *w = world_new();
    host *a = &w->hosts[0], *b = &w->hosts[1];
    b->secured_code = 0;
    dial(w, 0, 1);
    run(w, PU_S);
    b->secured_code = PU_CODE_GATED;
    b->is_upgrading = true;
    forget_log(w);
    app *s = app_open(a, a->conn);
    run(w, 1100 * PU_MS);
    pu_ef up = {.kind = PU_EF_UPGRADE,
                .conn = a->conn,
                .stream = s->stream,
                .token = 66,
                .what = PU_ROLE_CLIENT,
                .peer = span_of(b->id.bytes, b->id.len),
                .deadline = w->now + 10 * PU_S};
    effect(a, up);
    effect(a, up); /* the handle has ended: the token is answered */
    run(w, 2 * PU_S);
    expect_line(w, "1100 A dial-fail token=66 code=2004\n");
    expect_line(w, "1130 B dial-fail token=77 code=1007\n");
    expect_line(w, "1140 A down 2 code=1007\n");
    expect_no(w, "down 1 ");
    world_free(w);
}

int tm_stream_test(void);

int tm_stream_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_many_streams_share),
        cmocka_unit_test(test_credit_stops_the_sender),
        cmocka_unit_test(test_fin_reset_stop),
        cmocka_unit_test(test_stream_limits),
        cmocka_unit_test(test_circuit),
        cmocka_unit_test(test_circuit_outer_death),
        cmocka_unit_test(test_circuit_carrier_reset),
        cmocka_unit_test(test_circuit_meddling),
        cmocka_unit_test(test_circuit_in_circuit),
        cmocka_unit_test(test_circuit_refused_and_unknown),
    };
    return cmocka_run_group_tests_name("tm_stream", tests, NULL, NULL);
}
