/* sim/script_away.h - parts of the script: machines that sleep, and hosts that go from one network
 * to another, at once, after a gap, or with both for a while.
 */
#ifndef SIM_SCRIPT_AWAY_H
#define SIM_SCRIPT_AWAY_H

#include "sim/world.h"

/* Whether e has to wait, and until when: nobody is at a machine that sleeps, and none starts that
 * is between two networks. PU_NEVER: it never comes to it. */
bool away_waits(const world *w, const world_entry *e, pu_time *until);

/* `change_network`: node leaves its network, and is in the next one at once or when its gap is
 * over. */
void away_change(world *w, uint32_t node, const scenario_event *e);

/* The gap of such a change is over; its overlap is. */
void away_arrive(world *w, uint32_t node, const scenario_event *e);
void away_part(world *w, uint32_t node);

/* node is about to crash: it hears at no old address any more. */
void away_crash(world *w, uint32_t node);

/* A member of a group that roams goes to the other network, or comes back. */
void away_roam(world *w, uint32_t node);

/* node's machine goes to sleep for so long, and is awake again. A node that does not run has
 * nothing that could sleep. */
void away_sleep(world *w, uint32_t node, uint64_t for_ns);
void away_wake(world *w, uint32_t node);

/* Sets off what a member's group has drawn for it: sleeping and roaming begin with the run. */
void away_begin(world *w, uint32_t node);

#endif
