/* sim/bent.h - relays that do not do what they say: `misbehaves:` of a relay.
 *
 * The node of such a relay is like any other. Its host, which performs what the node decides, does
 * otherwise with the bytes of circuits: it passes nothing on, ends circuits before their limits, or
 * holds bytes back to a rate. A circuit is known by what it does: what comes on a stream of one
 * connection makes the node send on a stream of another, in the same step. Those two streams belong
 * together from then on; what showed it was the relay's last word of its own (STATUS), and
 * everything after it is the peers'.
 */
#ifndef SIM_BENT_H
#define SIM_BENT_H

#include "sim/world.h"

/* Makes the state of relays that misbehave; nothing where there are none. */
void bent_init(world *w);
void bent_close(world *w);

/* An effect of node's, which came of in. True: it is not to be performed. */
bool bent_effect(void *world, uint32_t node, const pu_in *in, const pu_ef *ef);

/* What was ordered for this instant at the circuit of that number of a node. */
void bent_due(world *w, uint32_t node, uint32_t circuit);

/* node's circuits are gone. */
void bent_crash(world *w, uint32_t node);

#endif
