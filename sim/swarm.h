/* sim/swarm.h - parts of the script that a seed draws: swizzled links, and with `swarm:` faults of
 * all sorts.
 *
 * Swizzled (FoundationDB's word): of some hosts a random part loses its links one after the other,
 * and they come back in another order. A swarm (swarm testing): each seed leaves out some sorts of
 * faults, so that the others come often enough to meet. All is over at a time that the scenario
 * says, after which what it expects must come.
 */
#ifndef SIM_SWARM_H
#define SIM_SWARM_H

#include "sim/world.h"

/* Puts the failing and coming back of links for event e into the script. */
void swizzle(world *w, const scenario_event *e);

/* Draws the faults of a scenario with `swarm:` and puts them into the script; nothing for one
 * without. */
void swarm_draw(world *w);
void swarm_close(world *w);

/* Whether e says nothing of faults in this run: none was drawn for those whom it is about, nor for
 * their relays. */
bool swarm_missed(const world *w, const scenario_expect *e);

#endif
