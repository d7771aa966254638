/* net-real/loop.h - one thread's event loop: file descriptors by epoll, one timer by timerfd on
 * CLOCK_BOOTTIME, so that time passes while the machine sleeps.
 */
#ifndef NET_REAL_LOOP_H
#define NET_REAL_LOOP_H

#include "peerup/base.h"

/* A file descriptor that the loop watches. The owner keeps it in place until loop_del. */
typedef struct watch {
    int fd;                                    /* -1: not watched */
    uint32_t events;                           /* what it is watched for: EPOLLIN, EPOLLOUT */
    void (*ready)(void *ctx, uint32_t events); /* level-triggered; may delete any watch */
    void *ctx;
} watch;

typedef struct loop loop;

/* Makes a loop, or NULL with errno. */
loop *loop_new(void);
void loop_free(loop *l);

/* A descriptor that is readable when loop_turn has something to do: to nest it in another loop. */
int loop_fd(const loop *l);

/* Begins to watch w. False: errno says why. */
bool loop_add(loop *l, watch *w);
/* Watches for other events; 0: no event until the next call. */
void loop_change(loop *l, watch *w, uint32_t events);
/* Ends it; the descriptor stays open. w may be freed at once, even inside a call of `ready`. */
void loop_del(loop *l, watch *w);

/* The time now: CLOCK_BOOTTIME in ns since the loop was made. */
pu_time loop_now(const loop *l);

/* Calls what is ready once and returns true when the timer's time has come. Waits until something
 * is ready, until `at` (PU_NEVER: no end; the past: not at all), or for a signal. */
bool loop_turn(loop *l, pu_time at);

/* Makes loop_fd readable at `at` as well, PU_NEVER: not: for a caller that waits elsewhere. */
void loop_wake(loop *l, pu_time at);

#endif
