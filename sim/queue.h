/* sim/queue.h - events of a run in one total order: (time, tie, source, sequence of that source).
 *
 * The tie is a mix of the order seed, the source and the time, so that no source is always first at
 * one instant, and no global counter exists: what one source schedules never shifts another's
 * order. How events wait is behind this interface (queue.c): no time says anything about cost, and
 * any time may be pushed at any moment.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include "peerup/base.h"

enum sim_event_kind {
    SIM_EV_NODE = 1, /* target: host; its node's deadline has come */
    SIM_EV_CONN,     /* target: host, arg: connection handle; a timer of the transport */
    SIM_EV_ARRIVE,   /* target: datagram; it has reached the far access link */
    SIM_EV_DELIVER,  /* target: datagram; it leaves the downlink queue */
    SIM_EV_SCRIPT,   /* target: line of the scenario's script */
    SIM_EV_GATEWAY,  /* target: box; something of its gateway is due */
    SIM_EV_LINE      /* target: host or datagram, arg: which step; see net_line.c */
};

/* What is scheduled. */
typedef struct sim_event {
    enum sim_event_kind kind;
    uint32_t target; /* index by kind */
    uint64_t arg;
} sim_event;

typedef struct queue queue;

/* Makes an empty queue. Aborts without memory. */
queue *queue_new(uint64_t order_seed);
void queue_free(queue *q);

/* All events of q, which is empty, wait in one heap from now on: slower, and of course in the same
 * order, which is what it is for. Nothing is announced. */
void queue_only_heap(queue *q);

/* Schedules event at time `at`, on behalf of source (a host's index + 1, or 0 for the scenario). */
void queue_push(queue *q, pu_time at, uint32_t source, const sim_event *event);

/* One event that somebody moves about: a deadline that is put off each time something comes, and
 * hardly ever comes itself. Where it waits in the queue is only looked at when that time has come;
 * so moving it costs a word, mostly. */
typedef uint32_t queue_timer; /* 0: none */

/* An event of that kind comes to host at `at`, and at no time that was asked for before; PU_NEVER:
 * at none. *timer, 0 at first, is whoever's it is to keep, and 0 again after PU_NEVER; until then
 * host, kind and arg must be the same. */
void queue_timer_set(queue *q, queue_timer *timer, pu_time at, uint32_t host,
                     enum sim_event_kind kind, uint64_t arg);

/* The timer will be set: asks the caches for what that reads. */
void queue_timer_soon(const queue *q, queue_timer timer);

/* Takes the first event. False: empty. */
bool queue_pop(queue *q, pu_time *at, sim_event *event);

/* Time of the first event, PU_NEVER when empty. */
pu_time queue_next(queue *q);

/* Called once a turn, while many events are near each other, with the event whose turn comes
 * `ahead` such turns later, for its listener to ask the caches for what that will read; NULL: none,
 * or nothing is known of it. A ring of `ahead` places holds those that are to come, and is empty
 * when nothing is announced any more. Not every event is announced, an announced one may not come
 * (its timer was put off), and nothing may change. */
typedef void (*queue_soon)(void *ctx, const sim_event *event);
void queue_on_soon(queue *q, queue_soon soon, unsigned ahead, void *ctx);

/* Events that wait, and times that timers were put off from. */
size_t queue_count(const queue *q);

#endif
