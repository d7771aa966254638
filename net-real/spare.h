/* net-real/spare.h - accepting connections when the process has no descriptor left.
 *
 * A connection that cannot be accepted stays in the backlog, and the listener stays readable: a
 * level-triggered loop would spin. One descriptor is kept back for that moment: given up, it lets
 * the connection be accepted and closed, so that whoever knocked knows.
 */
#ifndef NET_REAL_SPARE_H
#define NET_REAL_SPARE_H

/* The descriptor kept back; one can serve several listeners. */
typedef struct spare {
    int fd; /* -1: none */
} spare;

void spare_open(spare *s);
void spare_close(spare *s);

/* Accepts one connection, non-blocking and close-on-exec. -1: errno; ECONNABORTED when one was
 * turned away, or went by itself: there may be more. */
int spare_accept(spare *s, int listener);

#endif
