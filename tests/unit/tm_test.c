/* tests/unit/tm_test.c - the model transport: handshakes, ends, time-outs, moving peers. */
#include "tests/unit/tm_world.h"

/* ---- handshakes ---- */

typedef struct handshake_case {
    const char *name;
    drop drop;
    uint32_t accept_code, secured_code;
    uint32_t expected; /* the host whose id A names */
    const char *log;
} handshake_case;

static const handshake_case handshakes[] = {
    {"no loss",
     {0},
     0,
     0,
     1,
     "10 B ask 1 accept\n20 A up 1 token=1 dialler provisional\n30 B ask 1 secured\n"
     "30 B up 1 token=0\n30 B confirmed 1\n30 B path 1 rtt=20ms\n40 A confirmed 1\n"
     "40 A path 1 rtt=20ms\n"},
    {"INIT lost",
     {PACKET_INIT, 1},
     0,
     0,
     1,
     "1010 B ask 1 accept\n1020 A up 1 token=1 dialler provisional\n1030 B ask 1 secured\n"
     "1030 B up 1 token=0\n1030 B confirmed 1\n1030 B path 1 rtt=20ms\n1040 A confirmed 1\n"},
    {"HELLO lost",
     {PACKET_HELLO, 1},
     0,
     0,
     1,
     "10 B ask 1 accept\n1020 A up 1 token=1 dialler provisional\n1030 B ask 1 secured\n"
     "1030 B up 1 token=0\n1030 B confirmed 1\n1040 A confirmed 1\n"},
    {"FINISH lost",
     {PACKET_FINISH, 1},
     0,
     0,
     1,
     "10 B ask 1 accept\n20 A up 1 token=1 dialler provisional\n1030 B ask 1 secured\n"
     "1030 B up 1 token=0\n1030 B confirmed 1\n1030 B path 1 rtt=20ms\n1040 A confirmed 1\n"
     "1040 A path 1 rtt=20ms\n"},
    {"DONE lost",
     {PACKET_DONE, 1},
     0,
     0,
     1,
     "10 B ask 1 accept\n20 A up 1 token=1 dialler provisional\n30 B ask 1 secured\n"
     "30 B up 1 token=0\n30 B confirmed 1\n30 B path 1 rtt=20ms\n1040 A confirmed 1\n"
     "1040 A path 1 rtt=20ms\n"},
    {"wrong peer",
     {0},
     0,
     0,
     2,
     "10 B ask 1 accept\n20 A dial-fail token=1 code=2003\n30 B down 1 code=2003\n"},
    {"refused at accept",
     {0},
     PU_CODE_RATE,
     0,
     1,
     "10 B ask 1 accept\n20 A dial-fail token=1 code=1002\n"},
    {"refused when secured",
     {0},
     0,
     PU_CODE_GATED,
     1,
     "10 B ask 1 accept\n20 A up 1 token=1 dialler provisional\n30 B ask 1 secured\n"
     "40 A down 1 code=1007\n"},
    {"refused, CLOSE lost: a repeated FINISH gets it again",
     {PACKET_CLOSE, 1},
     0,
     PU_CODE_GATED,
     1,
     "10 B ask 1 accept\n20 A up 1 token=1 dialler provisional\n30 B ask 1 secured\n"
     "1040 A down 1 code=1007\n"},
};

static void test_handshakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof handshakes / sizeof handshakes[0]; i++) {
        const handshake_case *c = &handshakes[i];
        world *w = world_new();
        w->drops[0] = c->drop;
        w->hosts[1].accept_code = c->accept_code;
        w->hosts[1].secured_code = c->secured_code;
        dial_as(w, 0, 1, c->expected, PU_ROLE_CLIENT);
        run(w, 2 * PU_S);
        if (strcmp(w->log, c->log) != 0) fail_msg("%s:\n%s", c->name, w->log);
        world_free(w);
    }
}

static void test_dial_deadline(void **state)
{
    (void)state;
    world *w = world_new();
    w->is_deaf = true;
    dial(w, 0, 1);
    run(w, 20 * PU_S);
    expect_log(w, "15000 A dial-fail token=1 code=2000\n");
    assert_int_equal(w->hosts[0].sent_count, 4); /* at 0, 1, 3 and 7 s */
    world_free(w);
}

static void test_dials_refused_at_once(void **state)
{
    (void)state;
    world *w = world_new();
    pu_ef ef = {.kind = PU_EF_DIAL,
                .token = 9,
                .remote = w->hosts[1].at,
                .transport = PU_TRANSPORT_CIRCUIT,
                .what = PU_ROLE_CLIENT,
                .deadline = 15 * PU_S};
    effect(&w->hosts[0], ef);
    ef.transport = PU_TRANSPORT_QUIC;
    ef.socket = PU_SOCKET_FRESH;
    effect(&w->hosts[0], ef);
    for (unsigned i = 0; i < 257; i++) dial(w, 0, 1); /* conns_max is 256 */
    run(w, 0);
    expect_log(w, "0 A dial-fail token=9 code=2002\n0 A dial-fail token=9 code=2002\n"
                  "0 A dial-fail token=1 code=1001\n");
    world_free(w);
}

static void test_half_open_hang_up(void **state)
{
    (void)state;
    world *w = world_new();
    w->drops[0] = (drop){PACKET_HELLO, 1};
    dial(w, 0, 1);
    run(w, 500 * PU_MS);
    hang_up(&w->hosts[1], pu_handle_make(0, 1), PU_CODE_SHUTDOWN);
    run(w, 600 * PU_MS);
    expect_line(w, "500 B down 1 code=1006\n");
    world_free(w);
}

static void test_dial_as_server_only_waits(void **state)
{
    (void)state;
    world *w = world_new();
    dial_as(w, 0, 1, 1, PU_ROLE_SERVER);
    run(w, 20 * PU_S);
    expect_log(w, "15000 A dial-fail token=1 code=2000\n");
    assert_int_equal(w->datagrams, 0);
    world_free(w);
}

static void test_half_open_times_out(void **state)
{
    (void)state;
    world *w = world_new();
    for (uint32_t i = 0; i < DROPS_MAX; i++) w->drops[i] = (drop){PACKET_HELLO, i + 1};
    dial(w, 0, 1);
    run(w, 20 * PU_S);
    expect_line(w, "10010 B down 1 code=2000\n");
    expect_line(w, "15000 A dial-fail token=1 code=2000\n");
    world_free(w);
}

static void cancel(host *h)
{
    effect(h, (pu_ef){.kind = PU_EF_DIAL_CANCEL, .token = 1});
}

static void test_cancel(void **state)
{
    (void)state;
    world *w = world_new();
    dial(w, 0, 1);
    run(w, 15 * PU_MS); /* HELLO is under way */
    cancel(&w->hosts[0]);
    run(w, 5 * PU_S);
    expect_log(w, "10 B ask 1 accept\n15 A dial-fail token=1 code=2001\n30 B down 1 code=1005\n");
    world_free(w);

    w = world_new();
    dial(w, 0, 1);
    run(w, 25 * PU_MS); /* the token is answered: nothing to cancel */
    cancel(&w->hosts[0]);
    run(w, 5 * PU_S);
    expect_line(w, "40 A confirmed 1\n");
    expect_no(w, "dial-fail");
    world_free(w);
}

static void test_handshakes_are_limited(void **state)
{
    (void)state;
    world *w = world_new();
    w->hosts[1].config.handshakes_max = 1;
    w->drops[0] = (drop){PACKET_FINISH, 1};
    dial(w, 0, 1);
    run(w, 30 * PU_MS);
    dial(w, 2, 1);
    run(w, 3 * PU_S);
    expect_line(w, "1030 B up 1 token=0\n");
    expect_line(w, "1040 B ask 2 accept\n"); /* C's second INIT, after A's handshake ended */
    world_free(w);
}

static void test_frames_that_overtake_finish(void **state)
{
    (void)state;
    world *w = world_new();
    w->swap_every = 3; /* INIT, HELLO, FINISH: the third comes 7 ms late */
    dial(w, 0, 1);
    run(w, 25 * PU_MS);
    (void)app_open(&w->hosts[0], w->hosts[0].conn);
    run(w, PU_S);
    expect_line(w, "37 B confirmed 1\n37 B path 1 rtt=27ms\n37 B stream-up 1/1\n");
    world_free(w);
}

/* ---- ends ---- */

static void test_hangup_flushes(void **state)
{
    (void)state;
    world *w = connected();
    w->hosts[1].is_echo = true;
    app *a = app_open(&w->hosts[0], w->hosts[0].conn);
    a->is_source = true;
    a->total = 3000;
    w->drops[0] = (drop){PACKET_FRAMES, 2}; /* one of the three packets has to come again */
    run(w, PU_S);
    hang_up(&w->hosts[0], w->hosts[0].conn, PU_CODE_SHUTDOWN);
    run(w, 5 * PU_S);
    assert_int_equal(w->hosts[1].apps[0].got, 3000);
    expect_line(w, "A stream-down 1/1 what=3 code=1006\n");
    expect_line(w, "A down 1 code=1006\n");
    expect_line(w, "B down 1 code=1006\n");
    world_free(w);

    w = connected();
    w->is_deaf = true;
    (void)app_open(&w->hosts[0], w->hosts[0].conn);
    hang_up(&w->hosts[0], w->hosts[0].conn, PU_CODE_SHUTDOWN);
    run(w, 5 * PU_S);
    expect_line(w, "2000 A down 1 code=1006\n"); /* the deadline */
    world_free(w);
}

static void test_hangup_without_time(void **state)
{
    (void)state;
    world *w = connected();
    w->hosts[1].is_echo = true;
    app *a = app_open(&w->hosts[0], w->hosts[0].conn);
    run(w, w->now + 100 * PU_MS);
    app_send(&w->hosts[0], a, SPAN_LITERAL("last words"), false);
    effect(&w->hosts[0], (pu_ef){.kind = PU_EF_HANGUP,
                                 .conn = a->conn,
                                 .code = PU_CODE_SHUTDOWN,
                                 .deadline = w->now});
    run(w, 2 * PU_S);
    expect_line(w, "1100 A down 1 code=1006\n");
    expect_line(w, "1110 B down 1 code=1006\n");
    assert_int_equal(w->hosts[1].apps[0].got, 10); /* sent once, ahead of the CLOSE */
    world_free(w);
}

/* A connection has one timer, however busy it is. */
static void test_wakes_do_not_pile_up(void **state)
{
    (void)state;
    world *w = connected();
    w->hosts[1].is_echo = true;
    app *a = app_open(&w->hosts[0], w->hosts[0].conn);
    run(w, w->now + 100 * PU_MS);
    for (unsigned i = 0; i < 1000; i++) { /* 30 s of small talk */
        app_send(&w->hosts[0], a, SPAN_LITERAL("hi"), false);
        run(w, w->now + 30 * PU_MS);
        assert_true(w->event_count <= 6);
    }
    assert_int_equal(a->got, 2000);
    world_free(w);
}

static void test_lost_close_is_repeated(void **state)
{
    (void)state;
    world *w = connected();
    w->drops[0] = (drop){PACKET_CLOSE, 1};
    hang_up(&w->hosts[0], w->hosts[0].conn, PU_CODE_COLLECTED);
    run(w, 2 * PU_S);
    (void)app_open(&w->hosts[1], w->hosts[1].conn);
    run(w, 3 * PU_S);
    expect_line(w, "1000 A down 1 code=1005\n");
    expect_line(w, "2020 B stream-down 1/1 what=3 code=1005\n2020 B down 1 code=1005\n");
    world_free(w);
}

static void test_idle_and_keep_alive(void **state)
{
    (void)state;
    world *w = connected();
    uint32_t before = w->datagrams;
    run(w, 300 * PU_S);
    expect_no(w, "down");
    /* A PING of one and an ACK of the other every ten seconds. */
    assert_in_range(w->datagrams - before, 2 * 28, 2 * 31);
    assert_true(w->foreseen >= w->datagrams - before);
    w->is_deaf = true;
    run(w, 340 * PU_S);
    expect_line(w, "A down 1 code=2004\n");
    expect_line(w, "B down 1 code=2004\n");
    world_free(w);
}

static void test_rebinding(void **state)
{
    (void)state;
    world *w = connected();
    host *a = &w->hosts[0];
    a->at.port = 5001;
    tm_rebound(a->t, w->now);
    run(w, 2 * PU_S);
    expect_log(w, "1030 B path 1 rtt=20ms migrated\n");
    w->hosts[1].is_echo = true;
    app *s = app_open(a, a->conn);
    s->is_source = s->fin_wanted = true;
    s->total = 10000;
    run(w, 3 * PU_S);
    assert_true(s->got == 10000 && s->is_matching);
    world_free(w);

    /* The other way: a dialler hears only what it dialled, so a server that moved is lost. */
    w = connected();
    w->hosts[1].at.port = 5002;
    tm_rebound(w->hosts[1].t, w->now);
    run(w, 60 * PU_S);
    expect_line(w, "A down 1 code=2004\n");
    expect_no(w, "migrated");
    world_free(w);
}

static void test_idle_connections_are_small(void **state)
{
    (void)state;
    world *w = connected();
    size_t one = tm_bytes(w->hosts[0].t);
    for (unsigned i = 0; i < 7; i++) {
        dial(w, 0, 1);
        run(w, w->now + PU_S);
    }
    assert_true(tm_bytes(w->hosts[0].t) - one <= 7 * 600); /* tables included */
    world_free(w);
}

int tm_test(void);

int tm_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshakes),
        cmocka_unit_test(test_dial_deadline),
        cmocka_unit_test(test_dials_refused_at_once),
        cmocka_unit_test(test_half_open_hang_up),
        cmocka_unit_test(test_dial_as_server_only_waits),
        cmocka_unit_test(test_half_open_times_out),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_handshakes_are_limited),
        cmocka_unit_test(test_frames_that_overtake_finish),
        cmocka_unit_test(test_hangup_flushes),
        cmocka_unit_test(test_hangup_without_time),
        cmocka_unit_test(test_wakes_do_not_pile_up),
        cmocka_unit_test(test_lost_close_is_repeated),
        cmocka_unit_test(test_idle_and_keep_alive),
        cmocka_unit_test(test_rebinding),
        cmocka_unit_test(test_idle_connections_are_small),
    };
    return cmocka_run_group_tests_name("tm", tests, NULL, NULL);
}
