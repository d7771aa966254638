/* proto/ping.h - /ipfs/ping/1.0.0: is the other side alive, and how far away is it.
 *
 * We echo whatever a peer sends. We ask on connections that we dialled, every ping_interval_ns; a
 * connection whose echo is wrong or does not come in time is hung up with PU_CODE_LOST.
 */
#ifndef PROTO_PING_H
#define PROTO_PING_H

#include "node/ctx.h"

extern const struct proto proto_ping;
extern const struct module module_ping;

/* TIMER_PING: the next ping on connection arg is due. */
void ping_timer(pu_node *n, uint64_t arg);

/* Pings once for a COMMAND PING; ctx_command_done gets the round trip in ns, or the code of what
 * went wrong. The connection stays. False: no stream could be opened, and no answer follows. */
bool ping_now(pu_node *n, conn *c, pu_token command);

/* Pings once with a deadline of three seconds and hangs c up when the echo does not come: for
 * connections that may have died without a word. */
void ping_probe(pu_node *n, conn *c);

#endif
