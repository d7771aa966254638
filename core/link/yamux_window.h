/* link/yamux_window.h - the window that we advertise on one stream: what the peer may send, when it
 * gets more, and how far it grows.
 *
 * More is granted when half of the window has been consumed, so that a stream costs a few frames
 * and not one a read. The window doubles when the peer used up half of it in less than four round
 * trips: then it was the window that held it back (as go-yamux does).
 */
#ifndef LINK_YAMUX_WINDOW_H
#define LINK_YAMUX_WINDOW_H

#include "base/bytes.h"

enum { YAMUX_EPOCH_RTTS = 4 };

/* Offsets count the stream's bytes from 0: consumed <= got <= limit. */
typedef struct yamux_window {
    uint32_t size;     /* bytes that we aim to keep granted */
    uint64_t limit;    /* the peer may send up to here */
    uint64_t got;      /* it has sent up to here */
    uint64_t consumed; /* the node has taken up to here */
    pu_time epoch_at;  /* when more was granted last */
} yamux_window;

/* Begins with the window of the protocol. */
void yamux_window_start(yamux_window *w, pu_time now);

/* The peer sent len bytes, and has not been told of the last `untold` bytes of its limit. False:
 * more than it may. */
PU_MUST_USE bool yamux_window_take(yamux_window *w, uint64_t len, uint64_t untold);

/* The node took len of them. */
void yamux_window_consume(yamux_window *w, uint64_t len);

/* Whether enough was consumed to grant more. */
bool yamux_window_is_due(const yamux_window *w);

/* The size to which the window should grow with this grant; its own when it should not. rtt_ns: 0,
 * not known. most: the largest. */
uint32_t yamux_window_wish(const yamux_window *w, pu_time now, uint64_t rtt_ns, uint32_t most);

/* Grants all that a window of this size allows, which is not below its own: returns the bytes to
 * tell the peer. */
uint32_t yamux_window_grant(yamux_window *w, pu_time now, uint32_t size);

#endif
