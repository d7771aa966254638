/* proto/relay/relay.h - circuit relay v2 (libp2p specs relay/circuit-v2.md): the one header of this
 * folder that others include.
 *
 * Three nodes: A wants B, both know the relay R.
 *
 *   B  relay_client  keeps a reservation at each of its own relays        hop: B -> R  RESERVE
 *   A  relay_client  relay_connect: asks R for a circuit to B             hop: A -> R  CONNECT
 *   R  relay_server  offers it to B on the reservation's connection       stop: R -> B CONNECT
 *   B  relay_client  admits A by its id, answers OK, gives the stream to ctx_upgrade as server
 *   R  relay_server  answers A; pipe joins the two streams
 *   A  relay_client  gives its stream to ctx_upgrade as client
 *
 * Both sides of hop and stop are one protocol each; relay.c tells them apart by stream->inbound.
 */
#ifndef PROTO_RELAY_RELAY_H
#define PROTO_RELAY_RELAY_H

#include "base/bytes.h"
#include "node/ctx.h"

extern const struct proto proto_hop;
extern const struct proto proto_stop;
extern const struct module module_relay_client;
extern const struct module module_relay_server;

/* TIMER_RESERVE: the reservation at relay arg (a peer) is to be asked for, again or once more. */
void relay_reserve_timer(pu_node *n, uint64_t arg);

/* TIMER_RESERVATION: as relay, the reservation of client arg (a peer) ends. */
void relay_reservation_timer(pu_node *n, uint64_t arg);

/* TIMER_CIRCUIT: as relay, circuit arg has something to pass on, or its life is over. */
void relay_circuit_timer(pu_node *n, uint64_t arg);

/* Asks the relay behind a direct connection for a circuit to target. Later either ctx_upgrade (role
 * client) or ctx_leg_failed is called with leg, which must not be 0: PU_CODE_REFUSED, the relay
 * says no; PU_CODE_VIOLATION, it answers nonsense; or why the stream ended without an answer.
 * False: no stream or no memory, and nothing follows. */
bool relay_connect(pu_node *n, conn *relay, pu_peer target, pu_token leg);

/* The addresses that reach us through the relays that keep a place for us:
 * RELAY-ADDRESS/p2p/RELAY/p2p-circuit, those whose relay address has scope least or wider. Writes
 * at most max spans to addrs; their bytes are appended to pool. Stops where pool is full, without
 * setting its full. Returns how many were written. */
uint32_t relay_client_circuit_addrs(const pu_node *n, enum pu_scope least, pu_buf *pool,
                                    pu_span *addrs, uint32_t max);

#endif
