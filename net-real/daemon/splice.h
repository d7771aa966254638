/* net-real/daemon/splice.h - an application stream and a TCP socket joined, with back-pressure both
 * ways: a side reads only what the other can take.
 *
 * An end of one side is the end of the other: FIN is a half-close, a reset a reset. Nothing is
 * stored beyond SPLICE_WINDOW bytes each way.
 */
#ifndef NET_REAL_DAEMON_SPLICE_H
#define NET_REAL_DAEMON_SPLICE_H

#include "peerup/host.h"

enum { SPLICE_WINDOW = 1 << 20 };

typedef struct splices splices;

/* At most `max` at once. say is told what did not come about, and why, by the label that
 * splice_serve or splice_open got (copied). NULL: no memory. */
splices *splices_new(pu_host *host, uint32_t max,
                     void (*say)(void *ctx, const char *label, const char *why), void *ctx);
/* Closes all sockets; the streams are the host's to end. */
void splices_free(splices *s);

/* Accepts what APP OPEN offered (ef) and joins it to a new connection to address, HOST:PORT: the
 * first of HOST's addresses that answers. The stream is reset when none does. */
void splice_serve(splices *s, const pu_ef *ef, const char *address, const char *label);

/* Asks for a stream to peer by protocol and joins it to fd, which is the splice's from now on.
 * Returns the token; 0: too many, or no memory, and fd is closed. */
pu_token splice_open(splices *s, int fd, pu_span peer, pu_span protocol, const char *label);

/* Takes an APP effect of a stream, or of the answer to splice_open. False: it is no splice's. */
bool splice_effect(splices *s, const pu_ef *ef);

uint32_t splices_count(const splices *s);

#endif
