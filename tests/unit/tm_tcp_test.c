/* tm_tcp_test.c - the model transport over TCP: one round trip more, its own marks, and connections
 * that stay where they are. */
#include "tests/unit/tm_world.h"

int tm_tcp_test(void);

static void dial_tcp(world *w, uint32_t from, uint32_t to)
{
    const pu_peer_id *id = &w->hosts[to].id;
    effect(&w->hosts[from], (pu_ef){.kind = PU_EF_DIAL,
                                    .token = 1,
                                    .peer = span_of(id->bytes, id->len),
                                    .remote = w->hosts[to].at,
                                    .transport = PU_TRANSPORT_TCP,
                                    .what = PU_ROLE_CLIENT,
                                    .socket = PU_SOCKET_MAIN,
                                    .deadline = w->now + 15 * PU_S});
}

static void round_trips(void **state)
{
    (void)state;
    world *w = world_new();
    dial_tcp(w, 0, 1);
    run(w, 100 * PU_MS);
    expect_log(w, "30 B ask 1 accept\n40 A up 1 token=1 dialler provisional\n"
                  "50 B ask 1 secured\n50 B up 1 token=0\n50 B confirmed 1\n50 B path 1 rtt=20ms\n"
                  "60 A confirmed 1\n60 A path 1 rtt=20ms\n");
    world_free(w);
}

static void lost_messages_come_again(void **state)
{
    (void)state;
    static const struct {
        enum packet_kind kind;
        const char *up; /* at the dialler */
    } cases[] = {
        {PACKET_SYN, "1040 A up 1 token=1 dialler provisional\n"},
        {PACKET_SYNACK, "1040 A up 1 token=1 dialler provisional\n"},
        {PACKET_INIT, "1040 A up 1 token=1 dialler provisional\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world *w = world_new();
        w->drops[0] = (drop){cases[i].kind, 1};
        dial_tcp(w, 0, 1);
        run(w, 3 * PU_S);
        expect_line(w, cases[i].up);
        world_free(w);
    }
}

static void data_flows(void **state)
{
    (void)state;
    world *w = world_new();
    dial_tcp(w, 0, 1);
    run(w, PU_S);
    w->hosts[1].is_echo = true;
    w->lose_every = 17;
    app *a = app_open(&w->hosts[0], w->hosts[0].conn);
    a->is_source = a->fin_wanted = true;
    a->total = 300000;
    run(w, 60 * PU_S);
    assert_true(a->got == a->total);
    assert_true(a->is_matching);
    assert_true(a->fin_got);
    world_free(w);
}

/* UDP and TCP never mix, even where somebody knows everything else. */
static void marks_must_match(void **state)
{
    (void)state;
    world *w = world_new();
    dial_tcp(w, 0, 1);
    run(w, PU_S);
    for (enum packet_kind kind = PACKET_INIT; kind <= PACKET_SYNACK; kind++) {
        if (w->last_len[kind] == 0) continue;
        pu_span bytes = span_of(w->last[kind], w->last_len[kind]);
        for (uint32_t to = 0; to < 2; to++) {
            assert_false(tm_datagram(w->hosts[to].t, w->now, NET_UDP, &w->hosts[1 - to].at, bytes));
            bool is_syn =
                tm_datagram(w->hosts[to].t, w->now, NET_TCP_SYN, &w->hosts[1 - to].at, bytes);
            assert_true(is_syn == (kind == PACKET_SYN));
        }
    }
    world_free(w);
}

static void cancelled_before_the_answer(void **state)
{
    (void)state;
    world *w = world_new();
    dial_tcp(w, 0, 1);
    effect(&w->hosts[0], (pu_ef){.kind = PU_EF_DIAL_CANCEL, .token = 1});
    run(w, 20 * PU_S);
    expect_log(w, "0 A dial-fail token=1 code=2001\n");
    world_free(w);
}

/* A reset, or an error, that quotes the SYN ends the dial; one that quotes anything else, or comes
 * in another's name, does not. */
static void refused_dials_end_at_once(void **state)
{
    (void)state;
    world *w = world_new();
    w->drops[0] = (drop){PACKET_SYN, 1};
    dial_tcp(w, 0, 1);
    run(w, 5 * PU_MS);
    uint8_t bent[64];
    size_t len = w->last_len[PACKET_SYN];
    assert_in_range(len, PACKET_HEAD_BYTES, sizeof bent);
    memcpy(bent, w->last[PACKET_SYN], len);
    pu_span syn = span_of(w->last[PACKET_SYN], len), none = span_of(NULL, 0);
    tm *t = w->hosts[0].t;
    pu_endpoint other = w->hosts[1].at;
    other.port++;
    assert_true(tm_datagram(t, w->now, NET_TCP_RESET, &other, syn));
    assert_true(tm_datagram(t, w->now, NET_TCP_RESET, &w->hosts[1].at, none));
    assert_true(tm_datagram(t, w->now, NET_UDP_UNREACHABLE, &w->hosts[1].at, syn));
    bent[len - 1] ^= 1;
    assert_true(tm_datagram(t, w->now, NET_TCP_RESET, &w->hosts[1].at, span_of(bent, len)));
    expect_log(w, "");
    assert_true(tm_datagram(t, w->now, NET_TCP_UNREACHABLE, &w->hosts[1].at, syn));
    assert_true(tm_datagram(t, w->now, NET_TCP_RESET, &w->hosts[1].at, syn)); /* nothing is left */
    run(w, 20 * PU_S);
    expect_log(w, "5 A dial-fail token=1 code=2007\n");
    world_free(w);
}

int tm_tcp_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(lost_messages_come_again),
        cmocka_unit_test(data_flows),
        cmocka_unit_test(marks_must_match),
        cmocka_unit_test(cancelled_before_the_answer),
        cmocka_unit_test(refused_dials_end_at_once),
    };
    return cmocka_run_group_tests_name("tm_tcp", tests, NULL, NULL);
}
