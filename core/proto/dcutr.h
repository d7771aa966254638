/* proto/dcutr.h - /libp2p/dcutr: from a relayed connection to a direct one (libp2p specs
 * relay/DCUtR.md), for QUIC.
 *
 * The side that accepted the relayed connection (B) initiates once it knows the other (A) by
 * identify. It first dials what A says it listens on; then, in up to dcutr_rounds rounds, both tell
 * their observed addresses and at one moment A dials as QUIC client while B opens its NAT's way by
 * sending datagrams that mean nothing. Success is a confirmed connection that is not relayed.
 */
#ifndef PROTO_DCUTR_H
#define PROTO_DCUTR_H

#include "node/ctx.h"

extern const struct proto proto_dcutr;
extern const struct module module_dcutr;

/* TIMER_PUNCH: the next step of the hole punch over relayed connection arg is due. */
void dcutr_timer(pu_node *n, uint64_t arg);

#endif
