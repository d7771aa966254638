/* TCP on loopback: both ends in one loop, credit, half-close, resets, dials that fail. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net-real/tcp.h"

int tcp_test(void);

enum { FIRST_ROOM = 65536, CONNS_MAX = 4 };

typedef struct side {
    tcp *t;
    uint64_t handle; /* of the last that came up */
    uint32_t token;
    unsigned ups, downs;
    int error; /* of the last down */
    uint32_t down_token;
    uint64_t received, room;
    bool fin;
    uint8_t sum;
} side;

typedef struct pair {
    loop *l;
    side dialler, listener;
    uint16_t port;
} pair;

static void on_up(void *ctx, uint64_t handle, uint32_t token, const pu_endpoint *local,
                  const pu_endpoint *remote)
{
    side *s = ctx;
    assert_true(local->port != 0 && remote->port != 0);
    s->handle = handle;
    s->token = token;
    s->room = FIRST_ROOM;
    s->ups++;
}

static void on_data(void *ctx, uint64_t handle, pu_span bytes, bool fin)
{
    side *s = ctx;
    assert_true(handle == s->handle);
    assert_false(s->fin);
    for (size_t i = 0; i < bytes.len; i++) s->sum = (uint8_t)(s->sum * 7 + bytes.base[i]);
    s->received += bytes.len;
    s->fin = fin;
}

static void on_room(void *ctx, uint64_t handle, uint64_t offset)
{
    side *s = ctx;
    assert_true(handle == s->handle);
    assert_true(offset > s->room);
    s->room = offset;
}

static void on_down(void *ctx, uint64_t handle, uint32_t token, int error)
{
    side *s = ctx;
    (void)handle;
    s->downs++;
    s->down_token = token;
    s->error = error;
}

static pu_endpoint loopback(uint16_t port)
{
    return (pu_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}, .port = port};
}

static void side_open(side *s, loop *l)
{
    tcp_events events = {s, on_up, on_data, on_room, on_down};
    s->t = tcp_new(l, CONNS_MAX, FIRST_ROOM, &events);
    assert_non_null(s->t);
}

static int pair_open(void **state)
{
    static pair p;
    memset(&p, 0, sizeof p);
    p.l = loop_new();
    side_open(&p.dialler, p.l);
    side_open(&p.listener, p.l);
    pu_endpoint at = loopback(0);
    assert_true(tcp_listen(p.listener.t, 0, &at, &p.port));
    *state = &p;
    return 0;
}

static int pair_close(void **state)
{
    pair *p = *state;
    tcp_free(p->dialler.t);
    tcp_free(p->listener.t);
    loop_free(p->l);
    return 0;
}

static void turn(pair *p)
{
    pu_time at = tcp_deadline(p->dialler.t), other = tcp_deadline(p->listener.t);
    pu_time wait = loop_now(p->l) + 10 * PU_MS;
    if (other < at) at = other;
    loop_turn(p->l, at < wait ? at : wait);
    tcp_tick(p->dialler.t, loop_now(p->l));
    tcp_tick(p->listener.t, loop_now(p->l));
}

#define TURN_UNTIL(p, condition)                                  \
    do {                                                          \
        pu_time limit = loop_now((p)->l) + 5 * PU_S;              \
        while (!(condition) && loop_now((p)->l) < limit) turn(p); \
        assert_true(condition);                                   \
    } while (0)

static void connect_both(pair *p)
{
    tcp_target target = {.token = 7, .remote = loopback(p->port), .deadline = PU_NEVER};
    assert_true(tcp_dial(p->dialler.t, &target));
    assert_int_equal(p->dialler.ups, 0); /* never inside the call */
    TURN_UNTIL(p, p->dialler.ups == 1 && p->listener.ups == 1);
    assert_int_equal(p->dialler.token, 7);
    assert_int_equal(p->listener.token, 0);
}

static void bytes_pass_and_ends_are_seen(void **state)
{
    pair *p = *state;
    connect_both(p);
    tcp_send(p->dialler.t, p->dialler.handle, (pu_span){(const uint8_t *)"hello", 5}, true);
    TURN_UNTIL(p, p->listener.fin);
    assert_int_equal(p->listener.received, 5);
    tcp_send(p->listener.t, p->listener.handle, (pu_span){(const uint8_t *)"bye", 3}, false);
    TURN_UNTIL(p, p->dialler.received == 3);
    tcp_close(p->listener.t, p->listener.handle, false);
    TURN_UNTIL(p, p->dialler.fin);
    assert_int_equal(p->dialler.downs + p->listener.downs, 0);
}

/* A sender that never exceeds its room against a reader that grants it slowly: all bytes arrive, in
 * order, and never more than granted. */
static void credit_holds_both_ways(void **state)
{
    enum { TOTAL = 4 << 20, STEP = 100000 };
    pair *p = *state;
    uint8_t *bytes = malloc(TOTAL), sum = 0;
    for (size_t i = 0; i < TOTAL; i++)
        sum = (uint8_t)(sum * 7 + (bytes[i] = (uint8_t)(i * 13 + i / 255)));
    connect_both(p);
    uint64_t sent = 0, granted = FIRST_ROOM;
    pu_time limit = loop_now(p->l) + 20 * PU_S;
    while (p->listener.received < TOTAL && loop_now(p->l) < limit) {
        uint64_t room = p->dialler.room - sent, left = TOTAL - sent;
        size_t len = (size_t)(left < room ? left : room);
        if (len > 0) tcp_send(p->dialler.t, p->dialler.handle, (pu_span){bytes + sent, len}, false);
        sent += len;
        assert_true(p->listener.received <= granted);
        if (p->listener.received == granted)
            tcp_room(p->listener.t, p->listener.handle, granted += STEP);
        turn(p);
    }
    assert_int_equal(p->listener.received, TOTAL);
    assert_int_equal(p->listener.sum, sum);
    free(bytes);
}

static void a_reset_is_a_last_word(void **state)
{
    pair *p = *state;
    connect_both(p);
    tcp_close(p->dialler.t, p->dialler.handle, true);
    TURN_UNTIL(p, p->listener.downs == 1);
    assert_int_equal(p->listener.error, ECONNRESET);
    assert_int_equal(p->dialler.downs, 0);
    tcp_send(p->listener.t, p->listener.handle, (pu_span){(const uint8_t *)"x", 1},
             false); /* it crossed */
}

static void dials_that_fail_say_why(void **state)
{
    pair *p = *state;
    tcp_target refused = {.token = 3, .remote = loopback(1), .deadline = PU_NEVER};
    assert_true(tcp_dial(p->dialler.t, &refused));
    TURN_UNTIL(p, p->dialler.downs == 1);
    assert_int_equal(p->dialler.error, ECONNREFUSED);
    assert_int_equal(p->dialler.down_token, 3);

    pu_time now = loop_now(p->l);
    tcp_target late = {
        .token = 4, .remote = loopback(p->port), .not_before = now + 30 * PU_MS, .deadline = now};
    assert_true(tcp_dial(p->dialler.t, &late));
    TURN_UNTIL(p, p->dialler.downs + p->dialler.ups == 2);
    assert_true(loop_now(p->l) >= now + 30 * PU_MS);
}

static void too_many_are_refused(void **state)
{
    pair *p = *state;
    tcp_target target = {.token = 1, .remote = loopback(p->port), .deadline = PU_NEVER};
    for (unsigned i = 0; i < CONNS_MAX; i++) assert_true(tcp_dial(p->dialler.t, &target));
    assert_false(tcp_dial(p->dialler.t, &target));
    TURN_UNTIL(p, p->listener.ups == CONNS_MAX);
}

/* Two dials from listening ports at each other's: one connection, or two when they miss. */
static void a_dial_may_come_from_the_port_that_listens(void **state)
{
    pair *p = *state;
    pu_endpoint from = loopback(0);
    uint16_t port;
    assert_true(tcp_listen(p->dialler.t, 0, &from, &port));
    from.port = port;
    tcp_target target = {
        .token = 9, .local = from, .remote = loopback(p->port), .deadline = PU_NEVER};
    assert_true(tcp_dial(p->dialler.t, &target));
    TURN_UNTIL(p, p->dialler.ups == 1 && p->listener.ups == 1);
}

int tcp_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_pass_and_ends_are_seen, pair_open, pair_close),
        cmocka_unit_test_setup_teardown(credit_holds_both_ways, pair_open, pair_close),
        cmocka_unit_test_setup_teardown(a_reset_is_a_last_word, pair_open, pair_close),
        cmocka_unit_test_setup_teardown(dials_that_fail_say_why, pair_open, pair_close),
        cmocka_unit_test_setup_teardown(too_many_are_refused, pair_open, pair_close),
        cmocka_unit_test_setup_teardown(a_dial_may_come_from_the_port_that_listens, pair_open,
                                        pair_close),
    };
    return cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
}
