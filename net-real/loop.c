/* The event loop, see loop.h. */
#include "net-real/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 64 };

struct loop {
    int epoll, timer;
    uint64_t began_ns;
    pu_time armed; /* when the timer will fire; PU_NEVER: it is not armed */
    struct epoll_event events[EVENTS_MAX];
    int count; /* of events in the turn under way */
};

static uint64_t boottime_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * PU_S + (uint64_t)t.tv_nsec;
}

loop *loop_new(void)
{
    loop *l = calloc(1, sizeof *l);
    if (l == NULL) return NULL;
    l->began_ns = boottime_ns();
    l->armed = PU_NEVER;
    l->timer = -1;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll >= 0) l->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = NULL}};
    if (l->timer >= 0 && epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->timer, &e) == 0) return l;
    int why = errno;
    loop_free(l);
    errno = why;
    return NULL;
}

void loop_free(loop *l)
{
    if (l == NULL) return;
    if (l->timer >= 0) close(l->timer);
    if (l->epoll >= 0) close(l->epoll);
    free(l);
}

int loop_fd(const loop *l)
{
    return l->epoll;
}

pu_time loop_now(const loop *l)
{
    return boottime_ns() - l->began_ns;
}

static bool control(loop *l, int op, watch *w)
{
    struct epoll_event e = {.events = w->events, .data = {.ptr = w}};
    return epoll_ctl(l->epoll, op, w->fd, &e) == 0;
}

bool loop_add(loop *l, watch *w)
{
    PU_ASSERT(w->fd >= 0);
    return control(l, EPOLL_CTL_ADD, w);
}

void loop_change(loop *l, watch *w, uint32_t events)
{
    if (w->events == events) return;
    w->events = events;
    bool is_changed = control(l, EPOLL_CTL_MOD, w);
    PU_ASSERT(is_changed);
}

void loop_del(loop *l, watch *w)
{
    if (w->fd < 0) return;
    epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    for (int i = 0; i < l->count; i++) {
        if (l->events[i].data.ptr == w) l->events[i].events = 0;
    }
}

/* An earlier time arms the timer anew; a later one lets it fire in vain, which costs less than to
 * set it at every packet. */
static void arm(loop *l, pu_time at)
{
    if (at >= l->armed) return;
    uint64_t absolute_ns = l->began_ns + at;
    struct itimerspec spec = {.it_value = {.tv_sec = (time_t)(absolute_ns / PU_S),
                                           .tv_nsec = (long)(absolute_ns % PU_S)}};
    timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &spec, NULL);
    l->armed = at;
}

void loop_wake(loop *l, pu_time at)
{
    arm(l, at);
}

static void timer_fired(loop *l)
{
    uint64_t times;
    ssize_t got = read(l->timer, &times, sizeof times);
    if (got == (ssize_t)sizeof times) l->armed = PU_NEVER;
}

bool loop_turn(loop *l, pu_time at)
{
    bool is_past = at != PU_NEVER && at <= loop_now(l);
    if (!is_past && at != PU_NEVER) arm(l, at);
    int count = epoll_wait(l->epoll, l->events, EVENTS_MAX, is_past ? 0 : -1);
    l->count = count > 0 ? count : 0;
    for (int i = 0; i < l->count; i++) {
        watch *w = l->events[i].data.ptr;
        if (w == NULL) timer_fired(l);
        else if (l->events[i].events != 0) w->ready(w->ctx, l->events[i].events);
    }
    l->count = 0;
    return at != PU_NEVER && at <= loop_now(l);
}
