/* net-real/tcp.h - TCP connections of one loop: listening, dialling, credit both ways in absolute
 * offsets, as boundary B has it (peerup/link.h). Events come from the loop and from tcp_tick, never
 * from inside a call of the owner.
 */
#ifndef NET_REAL_TCP_H
#define NET_REAL_TCP_H

#include "net-real/loop.h"

/* What happened to a connection; handle: names it from up to down and is never used again. */
typedef struct tcp_events {
    void *ctx;
    /* token 0: accepted. */
    void (*up)(void *ctx, uint64_t handle, uint32_t token, const pu_endpoint *local,
               const pu_endpoint *remote);
    /* Within the room granted; bytes are borrowed during the call. */
    void (*data)(void *ctx, uint64_t handle, pu_span bytes, bool fin);
    void (*room)(void *ctx, uint64_t handle, uint64_t offset);
    /* Last word; handle 0: the dial with this token failed. error: an errno. Not called for what
     * tcp_close ended. */
    void (*down)(void *ctx, uint64_t handle, uint32_t token, int error);
} tcp_events;

typedef struct tcp tcp;

/* A dial. */
typedef struct tcp_target {
    uint32_t token;
    pu_endpoint local,
        remote;         /* local: zero, or the address and port to come from, if they can be had */
    pu_time not_before; /* 0: at once */
    pu_time deadline;   /* PU_NEVER: the kernel's */
} tcp_target;

/* conns_max: connections and dials at once; more are refused. first_room: both directions, before
 * anybody grants more. NULL: no memory. */
tcp *tcp_new(loop *l, uint32_t conns_max, uint64_t first_room, const tcp_events *events);
void tcp_free(tcp *t);

/* conns_max is this now; those that are there stay. */
void tcp_allow(tcp *t, uint32_t conns_max);

/* Listens on port (0: any free one) of one address or, with only NULL, of both families. *bound
 * gets the port. Several may be open. False: errno. */
bool tcp_listen(tcp *t, uint16_t port, const pu_endpoint *only, uint16_t *bound);

/* Answers by up or down with the token, never before it returns. False: too many connections, or no
 * memory; no answer comes. */
bool tcp_dial(tcp *t, const tcp_target *target);

/* Takes all of bytes, which are within the room given; fin: half-close after them. */
void tcp_send(tcp *t, uint64_t handle, pu_span bytes, bool fin);

/* Data may be given up to this absolute offset. */
void tcp_room(tcp *t, uint64_t handle, uint64_t offset);

/* Ends it: after what was sent is gone, or at once by RST. No event follows. */
void tcp_close(tcp *t, uint64_t handle, bool reset);

/* The next time at which tcp_tick is due, and that call: dials to begin, to give up; closing
 * connections that do not end. */
pu_time tcp_deadline(const tcp *t);
void tcp_tick(tcp *t, pu_time now);

#endif
