/* The event loop: time, descriptors, watches that end while others wait. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "net-real/loop.h"

int loop_test(void);

typedef struct pipe_end {
    loop *l;
    watch w;
    int writes_to;
    unsigned calls;
    struct pipe_end *victim; /* ended when this one is ready */
} pipe_end;

static void on_ready(void *ctx, uint32_t events)
{
    pipe_end *p = ctx;
    char byte;
    assert_true((events & EPOLLIN) != 0);
    assert_int_equal(read(p->w.fd, &byte, 1), 1);
    p->calls++;
    if (p->victim != NULL) loop_del(p->l, &p->victim->w);
}

static void pipe_open(pipe_end *p, loop *l)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    *p = (pipe_end){.l = l, .w = {ends[0], EPOLLIN, on_ready, p}, .writes_to = ends[1]};
    assert_true(loop_add(l, &p->w));
}

static void pipe_close(pipe_end *p)
{
    loop_del(p->l, &p->w);
    close(p->w.fd);
    close(p->writes_to);
}

static void time_comes(void **state)
{
    (void)state;
    loop *l = loop_new();
    assert_non_null(l);
    pu_time at = loop_now(l) + 5 * PU_MS;
    while (!loop_turn(l, at)) assert_true(loop_now(l) < at);
    assert_true(loop_now(l) >= at);
    assert_true(loop_turn(l, 0));       /* the past does not wait */
    pu_time later = loop_now(l) + PU_S; /* an earlier time than the armed one */
    pu_time soon = loop_now(l) + 2 * PU_MS;
    assert_false(loop_turn(l, later) && loop_now(l) < later);
    while (!loop_turn(l, soon)) assert_true(loop_now(l) < later);
    loop_free(l);
}

/* Whoever waits for the descriptor of a loop hears of its time. */
static void another_loop_can_wait(void **state)
{
    (void)state;
    loop *l = loop_new();
    struct pollfd outer = {.fd = loop_fd(l), .events = POLLIN};
    assert_int_equal(poll(&outer, 1, 0), 0);
    loop_wake(l, PU_NEVER);
    assert_int_equal(poll(&outer, 1, 0), 0);
    pu_time at = loop_now(l) + 5 * PU_MS;
    loop_wake(l, at);
    assert_int_equal(poll(&outer, 1, 10000), 1);
    assert_true(loop_now(l) >= at);
    loop_turn(l, 0);
    assert_int_equal(poll(&outer, 1, 0), 0);
    loop_free(l);
}

static void ready_descriptors_are_called(void **state)
{
    (void)state;
    loop *l = loop_new();
    pipe_end p;
    pipe_open(&p, l);
    assert_int_equal(write(p.writes_to, "ab", 2), 2);
    loop_turn(l, PU_NEVER);
    loop_turn(l, PU_NEVER); /* level-triggered: the second byte */
    assert_int_equal(p.calls, 2);
    loop_change(l, &p.w, 0);
    assert_int_equal(write(p.writes_to, "c", 1), 1);
    loop_turn(l, loop_now(l) + PU_MS);
    assert_int_equal(p.calls, 2);
    pipe_close(&p);
    loop_free(l);
}

/* Whichever of two ready watches comes first ends the other, which must not be called any more. */
static void ended_watches_are_not_called(void **state)
{
    (void)state;
    loop *l = loop_new();
    pipe_end a, b;
    pipe_open(&a, l);
    pipe_open(&b, l);
    a.victim = &b;
    b.victim = &a;
    assert_int_equal(write(a.writes_to, "x", 1), 1);
    assert_int_equal(write(b.writes_to, "x", 1), 1);
    loop_turn(l, PU_NEVER);
    assert_int_equal(a.calls + b.calls, 1);
    pipe_close(&a);
    pipe_close(&b);
    loop_free(l);
}

int loop_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_comes),
        cmocka_unit_test(another_loop_can_wait),
        cmocka_unit_test(ready_descriptors_are_called),
        cmocka_unit_test(ended_watches_are_not_called),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
