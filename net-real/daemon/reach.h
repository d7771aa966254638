/* net-real/daemon/reach.h - a TCP connection to a name and port: looked up without waiting, and its
 * addresses tried one after another.
 */
#ifndef NET_REAL_DAEMON_REACH_H
#define NET_REAL_DAEMON_REACH_H

#include "peerup/host.h"

typedef struct reach reach;

/* Begins. done is called once, inside a later turn, and r is gone then: fd is connected and the
 * callee's; or it is -1, and error the errno of the last address, 0 when the name has none. NULL:
 * no memory, or too many names are being looked up. */
reach *reach_begin(pu_host *host, const char *name, uint16_t port,
                   void (*done)(void *ctx, int fd, int error), void *ctx);

/* Gives it up: done is not called. */
void reach_cancel(reach *r);

#endif
