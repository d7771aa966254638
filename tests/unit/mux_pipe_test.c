/* mux_pipe_test.c - a connection in a stream of another, as over a relay: the same bytes, another
 * wire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "link/yamux.h"
#include "tests/lib/mux_pair.h"

int mux_pipe_test(void);

enum { MIB = 1 << 20 };

/* Both ends of a stream become a connection; from now on the hosts tell of that one. */
static void nest(mux_pair *p)
{
    mux_host *d = p->host[DIALLER], *l = p->host[LISTENER];
    mux_pair_up(p);
    mux_host_stream *s = mux_host_stream_open(d);
    mux_host_send(d, s, 100, false); /* what was said before it was upgraded */
    mux_pair_pass(p, 4 * p->delay_ns + PU_MS);
    assert_int_equal(mux_host_stream_at(l, 0)->got, 100);
    mux_host_upgrade(l, mux_host_stream_at(l, 0), PU_ROLE_SERVER, NULL);
    p->connected_at = p->now;
    mux_host_upgrade(d, s, PU_ROLE_CLIENT, &l->id);
}

static void nest_up(mux_pair *p)
{
    nest(p);
    mux_pair_pass(p, 5 * p->delay_ns + PU_MS);
    for (int side = 0; side < 2; side++) {
        assert_true(p->host[side]->is_up);
        assert_true(p->host[side]->is_confirmed);
        assert_true(p->host[side]->conn != p->host[side]->outer_conn);
    }
}

static void a_circuit_takes_the_same_round_trips(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    p->delay_ns = 40 * PU_MS;
    nest_up(p);
    mux_host *d = p->host[DIALLER], *l = p->host[LISTENER];
    assert_int_equal(d->up_at - p->connected_at, 80 * PU_MS);
    assert_int_equal(l->up_at - p->connected_at, 120 * PU_MS);
    assert_int_equal(d->confirmed_at - p->connected_at, 160 * PU_MS);
    assert_true(pu_peer_id_equal(&d->peer, &l->id));
    mux_pair_free(p);
}

static void bulk_goes_through_both(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    p->segment = 1460;
    nest_up(p);
    uint32_t first[2];
    for (int side = 0; side < 2; side++) {
        first[side] = p->host[side]->stream_count;
        mux_host_stream *s = mux_host_stream_open(p->host[side]);
        mux_host_send(p->host[side], s, 3 * MIB, true);
    }
    mux_pair_pass(p, PU_S);
    for (int side = 0; side < 2; side++) {
        mux_host *h = p->host[side];
        mux_host_stream *came = mux_host_stream_at(h, first[side] + 1);
        assert_false(came->is_ours);
        assert_int_equal(came->got, 3 * MIB);
        assert_true(came->rx_fin);
    }
    mux_pair_free(p);
}

/* Nobody reads inside: the outer stream's window and the inner one's hold what was sent, no more.
 */
static void who_does_not_read_holds_up_the_sender(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    p->host[LISTENER]->window = 0;
    nest_up(p);
    mux_host *d = p->host[DIALLER], *l = p->host[LISTENER];
    size_t before = pu_link_bytes(l->link);
    mux_host_stream *s = mux_host_stream_open(d);
    mux_host_send(d, s, 50 * MIB, true);
    mux_pair_pass(p, 5 * PU_S);
    assert_in_range(s->tx_sent, YAMUX_FIRST_WINDOW, 2 * MIB);
    assert_in_range(pu_link_bytes(l->link) - before, YAMUX_FIRST_WINDOW / 2, MIB);
    l->window = MIB;
    mux_pair_pass(p, 5 * PU_S);
    assert_int_equal(mux_host_stream_at(l, l->stream_count - 1)->got, 50 * MIB);
    mux_pair_free(p);
}

static void the_inner_end_leaves_the_outer(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        mux_pair *p = mux_pair_new();
        p->delay_ns = 10 * PU_MS;
        nest_up(p);
        mux_host_stream *s = mux_host_stream_open(p->host[side]);
        mux_host_send(p->host[side], s, 4000, true); /* the node's first room */
        mux_host_hangup(p->host[side], PU_CODE_SUPPLANTED, p->now + PU_S);
        mux_pair_pass(p, 3 * PU_S);
        mux_host *other = p->host[!side];
        assert_int_equal(mux_host_stream_at(other, other->stream_count - 1)->got, 4000);
        for (int i = 0; i < 2; i++) {
            assert_true(p->host[i]->is_down);
            assert_int_equal(p->host[i]->down_code, PU_CODE_SUPPLANTED);
            assert_false(p->host[i]->is_outer_down);
            assert_int_equal(p->host[i]->closed, MUX_HOST_OPEN);
        }
        mux_pair_free(p);
    }
}

static void the_outer_end_takes_the_inner(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    nest_up(p);
    mux_host_stream_open(p->host[DIALLER]);
    mux_pair_pass(p, PU_MS);
    mux_host_lose(p->host[DIALLER]);
    p->host[DIALLER]->closed = MUX_HOST_RESET; /* the same loss at the other side */
    mux_pair_pass(p, PU_S);
    for (int side = 0; side < 2; side++) {
        assert_true(p->host[side]->is_down);
        assert_true(p->host[side]->is_outer_down);
    }
    mux_pair_free(p);
}

/* Whom the node refuses, is refused inside as outside. */
static void a_refused_circuit_ends_with_its_reason(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    nest(p);
    p->host[LISTENER]->secured_code = PU_CODE_GATED;
    mux_pair_pass(p, PU_S);
    assert_true(p->host[DIALLER]->is_down);
    assert_int_equal(p->host[DIALLER]->down_code, PU_CODE_GATED);
    assert_false(p->host[LISTENER]->is_up);
    assert_false(p->host[DIALLER]->is_outer_down);
    mux_pair_free(p);
}

int mux_pipe_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_circuit_takes_the_same_round_trips),
        cmocka_unit_test(bulk_goes_through_both),
        cmocka_unit_test(who_does_not_read_holds_up_the_sender),
        cmocka_unit_test(the_inner_end_leaves_the_outer),
        cmocka_unit_test(the_outer_end_takes_the_inner),
        cmocka_unit_test(a_refused_circuit_ends_with_its_reason),
    };
    return cmocka_run_group_tests_name("mux_pipe", tests, NULL, NULL);
}
