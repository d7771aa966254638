/* proto/identify.h - /ipfs/id/1.0.0: each side of a new connection asks the other what it is;
 * /ipfs/id/push/1.0.0: it tells again when that has changed.
 *
 * What comes of it: conn.speaks and conn.identified, addresses for the book and for hole punching,
 * how others see us, and the conn_identified hooks of all modules.
 */
#ifndef PROTO_IDENTIFY_H
#define PROTO_IDENTIFY_H

#include "node/ctx.h"

extern const struct proto proto_identify;
extern const struct proto proto_push;
extern const struct module module_identify;

/* TIMER_PUSH: what we tell has changed, and may be pushed now. */
void identify_push_timer(pu_node *n, uint64_t arg);

/* TIMER_IDENTIFY: connection arg's peer is asked again. */
void identify_timer(pu_node *n, uint64_t handle);

/* How others see us may have changed, and is about to matter: asks our own relays again, unless
 * that was done less than identify_ns ago. */
void identify_look(pu_node *n);

/* Our own address has moved: the same, with those who answered a moment ago, when identify_ns have
 * passed since the last time. */
void identify_moved(pu_node *n);

/* TIMER_LOOK: that time has come. */
void identify_look_timer(pu_node *n, uint64_t arg);

#endif
