/* best_test.c - several connections with one peer: both sides keep the same one, whatever comes
 * first and whatever is lost, and a peer that knows no rule loses nothing by it. */
#include "tests/unit/lab.h"

int best_test(void);

#define PING "/ipfs/ping/1.0.0"

enum { STEPS = 3, ORDERS = 20, ENDS_MAX = 32 };

/* ---- two nodes ---- */

/* Two nodes that have dialled each other. Which dial, or which connection, is the side's that
 * dialled. */
typedef struct two {
    lab *side[2];
    int id[2];            /* which of the lab's peers a side is */
    pu_handle conn[2][2]; /* by side and dial; 0: not there */
    int done[2];          /* steps of a dial: up, accepted, confirmed */
    bool ends[2][2];      /* that side has hung that one up, and the other has not heard of it */
    uint32_t heard[2];    /* hang-ups of a side that were looked at */
    uint32_t hung[2];     /* how many connections a side has ended */
} two;

static bool is_smaller(const lab *l, int a, int b)
{
    assert_int_equal(l->id[a].len, l->id[b].len);
    return memcmp(l->id[a].bytes, l->id[b].bytes, l->id[a].len) < 0;
}

/* A peer whose id is smaller than peer 0's, or greater. */
static int peer_that_is(const lab *l, bool smaller)
{
    for (int i = 1; i < LAB_PEERS; i++)
        if (is_smaller(l, i, 0) == smaller) return i;
    fail_msg("all ids are on one side");
    return 0;
}

static lab *side_new(int own, int other)
{
    lab *l = lab_new();
    l->env.crypto = &l->crypto[own];
    lab_begin(l);
    lab_authorise(l, other);
    lab_local(l, lab_endpoint(own), PU_LISTEN);
    lab_step(l, (pu_in){.kind = PU_IN_TICK});
    lab_address(l, other, 0);
    lab_step(l, (pu_in){.kind = PU_IN_COMMAND,
                        .what = PU_CMD_CONNECT,
                        .token = 3,
                        .flags = PU_KEEP,
                        .peer = lab_id(l, other)});
    assert_int_equal(l->dial_count, 1);
    return l;
}

static two *two_new(bool smaller)
{
    two *t = calloc(1, sizeof *t);
    assert_non_null(t);
    lab *any = lab_new();
    t->id[1] = peer_that_is(any, smaller);
    pu_out_free(any->out);
    pu_peers_free(any->peers);
    free(any);
    for (int s = 0; s < 2; s++) t->side[s] = side_new(t->id[s], t->id[1 - s]);
    return t;
}

static void two_end(two *t)
{
    for (int s = 0; s < 2; s++) lab_end(t->side[s]);
    free(t);
}

/* A connection is lost without a word, at one side. */
static void lose(two *t, int s, int dial)
{
    if (t->conn[s][dial] == 0) return;
    lab_down(t->side[s], t->conn[s][dial]);
    t->conn[s][dial] = 0;
}

/* Notes what a side has hung up since it was asked last. */
static void hear(two *t, int s)
{
    lab *l = t->side[s];
    for (; t->heard[s] < l->hangup_count; t->heard[s]++)
        for (int dial = 0; dial < 2; dial++) {
            if (t->conn[s][dial] != l->hangups[t->heard[s]].conn) continue;
            t->ends[s][dial] = true;
            t->hung[s]++;
        }
}

/* What was hung up ends on both sides: after both may have done so. */
static void settle(two *t)
{
    hear(t, 0);
    hear(t, 1);
    for (int i = 0; i < 4; i++) {
        if (!t->ends[i / 2][i % 2]) continue;
        lose(t, 0, i % 2);
        lose(t, 1, i % 2);
        t->done[i % 2] = STEPS;
    }
    memset(t->ends, 0, sizeof t->ends);
}

/* The next of the three steps in which a dial becomes a connection that both sides know. */
static void play(two *t, int dial)
{
    int s = t->done[dial] == 1 ? 1 - dial : dial;
    lab *l = t->side[s];
    if (t->done[dial] == STEPS) return;
    if (t->done[dial] == 0 && l->cancel_count > 0) {
        lab_step(l, (pu_in){.kind = PU_IN_DIAL_FAIL,
                            .token = l->dials[0].token,
                            .code = PU_CODE_CANCELLED});
        t->done[dial] = STEPS;
        return;
    }
    pu_endpoint at = lab_endpoint(t->id[1 - s]);
    if (t->done[dial] == 0) {
        t->conn[s][dial] = lab_conn_next(l);
        lab_step(l, (pu_in){.kind = PU_IN_CONN_UP,
                            .conn = t->conn[s][dial],
                            .token = l->dials[0].token,
                            .peer = lab_id(l, t->id[1 - s]),
                            .flags = PU_DIALLER | PU_PROVISIONAL,
                            .local = lab_endpoint(t->id[s]),
                            .remote = at,
                            .transport = PU_TRANSPORT_QUIC});
    } else if (t->done[dial] == 1) {
        t->conn[s][dial] = lab_connect(l, t->id[1 - s], 0, 0);
    } else {
        lab_step(l, (pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = t->conn[s][dial]});
    }
    t->done[dial]++;
}

/* Peers that speak nothing of what is asked are alive. */
static void refuse_streams(lab *l)
{
    for (uint32_t i = 0; i < l->open_count; i++) {
        pu_handle conn = l->opens[i];
        if (conn == 0) continue;
        l->opens[i] = 0;
        (void)lab_try(l, (pu_in){.kind = PU_IN_STREAM_DOWN, /* its connection may be gone */
                                 .conn = conn,
                                 .token = l->open_tokens[i],
                                 .what = PU_DOWN_RESET,
                                 .code = PU_CODE_UNSUPPORTED});
    }
}

static void pass(two *t, uint64_t seconds)
{
    for (uint64_t i = 0; i < 4 * seconds; i++) {
        for (int s = 0; s < 2; s++) {
            lab_pass(t->side[s], PU_S / 4);
            refuse_streams(t->side[s]);
        }
        settle(t);
    }
}

static int live(const two *t, int s)
{
    return (t->conn[s][0] != 0) + (t->conn[s][1] != 0);
}

/* How often a side told its application of `peer`; gone: that there is no connection any more. */
static uint32_t told(const lab *l, bool gone)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < l->event_count; i++)
        if (l->events[i].what == PU_EVENT_PEER)
            count += !gone || (l->events[i].flags & PU_GONE) != 0;
    return count;
}

static pu_handle best_of(const lab *l)
{
    for (uint32_t i = l->event_count; i-- > 0;)
        if (l->events[i].what == PU_EVENT_PEER) return l->events[i].conn;
    return 0;
}

/* The order-th way to mix two dials of three steps each: bit i of the mask is whose step i is. */
static uint32_t order_mask(int order)
{
    for (uint32_t mask = 0;; mask++) {
        assert_true(mask < 64);
        if (__builtin_popcount(mask) == STEPS && order-- == 0) return mask;
    }
}

static void mix(two *t, int order)
{
    uint32_t mask = order_mask(order);
    for (int i = 0; i < 2 * STEPS; i++) {
        play(t, (int)(mask >> i & 1));
        hear(t, 0);
        hear(t, 1);
    }
}

/* Both sides have the same one connection, never had none since the first, and dialled once. */
static void check_one(const two *t)
{
    for (int s = 0; s < 2; s++) {
        assert_int_equal(live(t, s), 1);
        assert_int_equal(told(t->side[s], true), 0);
        assert_true(told(t->side[s], false) <= 3);
        assert_int_equal(t->side[s]->dial_count, 1);
        assert_true(best_of(t->side[s]) == t->conn[s][t->conn[s][0] == 0]);
    }
    assert_int_equal(t->conn[0][0] != 0, t->conn[1][0] != 0);
}

static void both_sides_keep_the_same(void **state)
{
    (void)state;
    uint32_t had_two = 0;
    for (int smaller = 0; smaller < 2; smaller++)
        for (int order = 0; order < ORDERS; order++) {
            two *t = two_new(smaller != 0);
            mix(t, order);
            settle(t);
            assert_true(live(t, 0) > 0 && live(t, 0) == live(t, 1));
            bool has_two = live(t, 0) == 2;
            had_two += has_two;
            pass(t, 30);
            check_one(t);
            if (has_two) {
                assert_true(t->conn[0][smaller] != 0); /* what the smaller id dialled */
                assert_int_equal(t->hung[smaller], 0);
                assert_int_equal(t->hung[1 - smaller], 1);
            }
            two_end(t);
        }
    assert_true(had_two > ORDERS / 2);
}

/* One of the two is lost, at the two sides at different times, before the other may be ended. */
static void a_loss_leaves_the_other(void **state)
{
    (void)state;
    for (int variant = 0; variant < 16; variant++) {
        bool smaller = (variant & 1) != 0;
        int lost = variant >> 1 & 1, first = variant >> 2 & 1;
        uint64_t apart_s = variant < 8 ? 0 : 6;
        two *t = two_new(smaller);
        for (int i = 0; i < 2 * STEPS; i++) play(t, i % 2);
        settle(t);
        assert_int_equal(live(t, 0), 2);
        pass(t, 2);
        lose(t, first, lost);
        pass(t, apart_s);
        lose(t, 1 - first, lost);
        pass(t, 40);
        check_one(t);
        assert_int_equal(t->hung[0] + t->hung[1], 0);
        two_end(t);
    }
}

/* The better one never comes about on the dialling side: its last message is lost. */
static void what_is_never_confirmed_supplants_nothing(void **state)
{
    (void)state;
    two *t = two_new(true);
    play(t, 1); /* the smaller id's dial: up there, known to nobody else */
    for (int i = 0; i < STEPS; i++) play(t, 0);
    settle(t);
    assert_int_equal(live(t, 0), 1);
    assert_int_equal(live(t, 1), 2);
    pass(t, 30);
    assert_int_equal(t->hung[1], 1);
    assert_int_equal(t->side[1]->hangups[0].code, PU_CODE_TIMEOUT);
    check_one(t);
    two_end(t);
}

/* ---- one node ---- */

/* Streams are refused, time passes. */
static void wait(lab *l, uint64_t ns)
{
    pu_time until = l->now + ns;
    while (l->now < until) {
        refuse_streams(l);
        lab_pass(l, until - l->now < PU_S ? until - l->now : PU_S);
    }
    refuse_streams(l);
}

static void what_is_used_ends_later(void **state)
{
    (void)state;
    lab *l = lab_started();
    int peer = peer_that_is(l, true);
    pu_handle ours = lab_connect(l, peer, PU_DIALLER, 0), theirs = lab_connect(l, peer, 0, 0);
    assert_true(best_of(l) == theirs);
    lab_stream *s = lab_open(l, ours, PING);
    wait(l, 3 * l->config.spare_ns + PU_S);
    assert_int_equal(l->hangup_count, 0);
    lab_give(l, s, span_of(NULL, 0), true);
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_DOWN,
                        .conn = ours,
                        .stream = s->handle,
                        .what = PU_DOWN_FINISHED});
    s->handle = 0;
    wait(l, l->config.spare_ns);
    assert_int_equal(l->hangup_count, 1);
    assert_true(l->hangups[0].conn == ours);
    assert_int_equal(l->hangups[0].code, PU_CODE_SUPPLANTED);
    lab_end(l);
}

/* The better one goes, and with it the reason to end the other; one that comes is a new reason. */
static void what_is_needed_again_stays(void **state)
{
    (void)state;
    lab *l = lab_started();
    int peer = peer_that_is(l, true);
    pu_handle ours = lab_connect(l, peer, PU_DIALLER, 0);
    for (int i = 0; i < 3; i++) {
        pu_handle theirs = lab_connect(l, peer, 0, 0);
        wait(l, l->config.spare_ns - PU_S);
        lab_down(l, theirs);
        assert_true(best_of(l) == ours);
        wait(l, 3 * l->config.spare_ns);
        assert_int_equal(l->hangup_count, 0);
    }
    lab_connect(l, peer, 0, 0);
    wait(l, l->config.spare_ns + PU_S);
    assert_int_equal(l->hangup_count, 1);
    assert_true(l->hangups[0].conn == ours);
    lab_end(l);
}

/* Whoever comes anew may have lost what it had: until that answers, the new one is the best. */
static void an_old_one_is_doubted_until_it_answers(void **state)
{
    (void)state;
    for (int is_alive = 0; is_alive < 2; is_alive++) {
        lab *l = lab_started();
        int peer = peer_that_is(l, false); /* what we dial is the better one */
        pu_handle ours = lab_connect(l, peer, PU_DIALLER, 0);
        wait(l, l->config.spare_ns);
        pu_handle theirs = lab_connect(l, peer, 0, 0);
        assert_true(best_of(l) == theirs);
        lab_stream *s = lab_accept_proto(l, ours, PING);
        assert_non_null(s);
        if (is_alive) lab_give(l, s, span_head(lab_body(s), 32), false);
        assert_true(best_of(l) == (is_alive ? ours : theirs));
        lab_pass(l, 4 * PU_S);
        assert_int_equal(l->hangup_count, is_alive ? 0 : 1);
        assert_true(is_alive || l->hangups[0].code == PU_CODE_LOST);
        assert_int_equal(told(l, true), 0);
        lab_end(l);
    }
}

/* A peer that resets the question has answered: the agreed order holds, and the better one stays.
 */
static void a_reset_is_an_answer(void **state)
{
    (void)state;
    lab *l = lab_started();
    int peer = peer_that_is(l, false);
    pu_handle ours = lab_connect(l, peer, PU_DIALLER, 0);
    wait(l, l->config.spare_ns);
    pu_handle theirs = lab_connect(l, peer, 0, 0);
    assert_true(best_of(l) == theirs);
    lab_stream *s = lab_accept_proto(l, ours, PING);
    assert_non_null(s);
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_DOWN,
                        .conn = ours,
                        .stream = s->handle,
                        .what = PU_DOWN_RESET,
                        .code = PU_CODE_RESOURCE});
    s->handle = 0;
    assert_true(best_of(l) == ours);
    wait(l, 2 * l->config.spare_ns);
    assert_int_equal(l->hangup_count, 0);
    lab_end(l);
}

/* A peer that never accepts a circuit cannot put off the deadline of its handshake by coming and
 * going directly. */
static void a_spare_one_keeps_its_deadline(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle circuit = lab_conn_next(l);
    lab_step(l, (pu_in){.kind = PU_IN_CONN_UP,
                        .conn = circuit,
                        .peer = lab_id(l, 1),
                        .flags = PU_DIALLER | PU_RELAYED,
                        .local = lab_endpoint(0),
                        .remote = lab_endpoint(1),
                        .transport = PU_TRANSPORT_CIRCUIT});
    bool has_ended = false;
    for (int i = 0; i < 12 && !has_ended; i++) {
        pu_handle direct = lab_connect(l, 1, 0, 0);
        wait(l, 5 * PU_S);
        lab_down(l, direct);
        for (uint32_t k = 0; k < l->hangup_count; k++) has_ended |= l->hangups[k].conn == circuit;
    }
    assert_true(has_ended);
    lab_end(l);
}

/* A doubt that an answer ends makes the other one spare. */
static void an_answer_ends_the_worse_one_of_ours(void **state)
{
    (void)state;
    lab *l = lab_started();
    int peer = peer_that_is(l, true);
    pu_handle theirs = lab_connect(l, peer, 0, 0);
    wait(l, l->config.spare_ns);
    pu_handle ours = lab_connect(l, peer, PU_DIALLER, 0);
    pu_handle newer = lab_connect(l, peer, 0, 0); /* theirs is in doubt now */
    lab_down(l, newer);
    assert_true(best_of(l) == ours);
    lab_pass(l, 2 * PU_S);
    lab_stream *s = lab_accept_proto(l, theirs, PING);
    assert_non_null(s);
    lab_give(l, s, span_head(lab_body(s), 32), false);
    assert_true(best_of(l) == theirs);
    wait(l, l->config.spare_ns + PU_S);
    assert_int_equal(l->hangup_count, 1);
    assert_true(l->hangups[0].conn == ours);
    lab_end(l);
}

/* Two of ours: the newest stays. Two of the peer's: that is the peer's to say. */
static void who_dialled_twice_decides(void **state)
{
    (void)state;
    for (int is_ours = 0; is_ours < 2; is_ours++) {
        lab *l = lab_started();
        pu_handle old = lab_connect(l, 1, is_ours ? PU_DIALLER : 0, 0);
        pu_handle fresh = lab_connect(l, 1, is_ours ? PU_DIALLER : 0, 0);
        assert_true(best_of(l) == fresh);
        wait(l, 4 * l->config.spare_ns);
        assert_int_equal(l->hangup_count, is_ours);
        assert_true(!is_ours || l->hangups[0].conn == old);
        lab_end(l);
    }
}

/* One that we dialled over TCP: it stays beside the better one over QUIC. */
static void tcp_stays_beside_quic(void **state)
{
    (void)state;
    lab *l = lab_started();
    int peer = peer_that_is(l, true);
    pu_handle tcp = lab_conn_next(l);
    lab_step(l, (pu_in){.kind = PU_IN_CONN_UP,
                        .conn = tcp,
                        .peer = lab_id(l, peer),
                        .flags = PU_DIALLER,
                        .local = lab_endpoint(0),
                        .remote = lab_endpoint(peer),
                        .transport = PU_TRANSPORT_TCP});
    lab_step(l, (pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = tcp});
    pu_handle quic = lab_connect(l, peer, 0, 0);
    assert_true(best_of(l) == quic);
    wait(l, 4 * l->config.spare_ns);
    assert_int_equal(l->hangup_count, 0);
    lab_end(l);
}

/* Relayed ones, whoever dialled them, are spare beside a direct one, also when they come later. */
static void relayed_ones_are_spare(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle before = lab_connect(l, 1, PU_DIALLER | PU_RELAYED, 0);
    lab_connect(l, 1, 0, 0);
    pu_handle after = lab_connect(l, 1, PU_RELAYED, 0);
    wait(l, l->config.spare_ns);
    assert_int_equal(l->hangup_count, 2);
    assert_true(l->hangups[0].conn == before && l->hangups[1].conn == after);
    lab_end(l);
}

/* The peer connects, as far as memory lasts. Whether it is confirmed. */
static bool connects(lab *l, int peer, pu_handle conn)
{
    pu_in in = {.kind = PU_IN_CONN_ASK,
                .conn = conn,
                .local = lab_endpoint(0),
                .remote = lab_endpoint(peer),
                .transport = PU_TRANSPORT_QUIC};
    for (in.what = PU_ASK_ACCEPT; in.what <= PU_ASK_SECURED; in.what++) {
        if (in.what == PU_ASK_SECURED) in.peer = lab_id(l, peer);
        lab_step(l, in);
        if (l->verdict != PU_CODE_OK) return false;
    }
    in.kind = PU_IN_CONN_UP;
    in.what = 0;
    lab_step(l, in);
    if (l->hangup_count > 0) return false;
    lab_step(l, (pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = conn});
    return true;
}

/* A peer that connects as often as it may, and again when it is refused: it gets conns_per_peer_max
 * of them, we end none of its and only the one that we dialled, and the application hears of one
 * change a connection and one an answer. */
static void many_connections_of_a_peer_harm_nothing(void **state)
{
    (void)state;
    for (int smaller = 0; smaller < 2; smaller++) {
        lab *l = lab_started();
        int peer = peer_that_is(l, smaller != 0);
        pu_handle ours = lab_connect(l, peer, PU_DIALLER, 0);
        uint32_t most = (uint32_t)l->config.conns_per_peer_max, came = 1;
        for (; came < most; came++) {
            lab_connect(l, peer, 0, 0);
            wait(l, PU_S);
        }
        assert_false(connects(l, peer, lab_conn_next(l)));
        assert_int_equal(l->verdict, PU_CODE_RESOURCE);
        wait(l, 6 * l->config.spare_ns);
        assert_int_equal(l->hangup_count, smaller);
        assert_true(!smaller || l->hangups[0].conn == ours);
        assert_true(smaller || best_of(l) == ours);
        assert_true(told(l, false) <= 2 * most);
        assert_int_equal(told(l, true), 0);
        lab_end(l);
    }
}

/* No memory for the timer that ends a spare one: it is set when there is memory again. */
static void a_spare_one_ends_though_memory_was_short(void **state)
{
    (void)state;
    uint32_t shed = 0;
    for (unsigned nth = 1; nth < 40; nth++) {
        lab *l = lab_started();
        int peer = peer_that_is(l, true);
        pu_handle ours = lab_connect(l, peer, PU_DIALLER, 0);
        refuse_streams(l);
        l->heap.fail_at = l->heap.asked + nth;
        bool is_there = connects(l, peer, lab_conn_next(l));
        shed += is_there && l->heap.asked >= l->heap.fail_at;
        l->heap.fail_at = 0;
        wait(l, 2 * l->config.spare_ns);
        if (is_there) assert_int_equal(l->hangup_count, 1);
        if (is_there) assert_true(l->hangups[0].conn == ours);
        lab_end(l);
    }
    assert_true(shed > 0);
}

int best_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_keep_the_same),
        cmocka_unit_test(a_loss_leaves_the_other),
        cmocka_unit_test(what_is_never_confirmed_supplants_nothing),
        cmocka_unit_test(what_is_used_ends_later),
        cmocka_unit_test(what_is_needed_again_stays),
        cmocka_unit_test(an_old_one_is_doubted_until_it_answers),
        cmocka_unit_test(an_answer_ends_the_worse_one_of_ours),
        cmocka_unit_test(a_reset_is_an_answer),
        cmocka_unit_test(a_spare_one_keeps_its_deadline),
        cmocka_unit_test(who_dialled_twice_decides),
        cmocka_unit_test(tcp_stays_beside_quic),
        cmocka_unit_test(relayed_ones_are_spare),
        cmocka_unit_test(many_connections_of_a_peer_harm_nothing),
        cmocka_unit_test(a_spare_one_ends_though_memory_was_short),
    };
    return cmocka_run_group_tests_name("best", tests, NULL, NULL);
}
