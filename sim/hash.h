/* sim/hash.h - the trace hash: every input, effect and datagram of a run, in order, as fields in
 * header order.
 *
 * Not in it: stale wake-ups, what a node's deadline is, slots, tokens that the host gave (commands
 * and their answers), log level, output options, build. Connections and streams are their ordinals,
 * peers their ids.
 */
#ifndef SIM_HASH_H
#define SIM_HASH_H

#include "base/mix.h"
#include "peerup/node.h"
#include "sim/net.h"

/* Adds one step's input, and each of its effects. node: index of the node in the run. */
void hash_input(mix128 *trace, uint32_t node, const pu_in *in);
void hash_effect(mix128 *trace, const pu_ef *effect);

/* Adds what became of a datagram at one place. */
void hash_datagram(mix128 *trace, const net_record *record);

#endif
