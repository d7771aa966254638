/* sim/population.h - the boxes of a group's members, drawn from its `nat_mix`. */
#ifndef SIM_POPULATION_H
#define SIM_POPULATION_H

#include "base/rng.h"
#include "sim/scenario.h"

/* Draws the box of one member; group has a mix. What it does with TCP is drawn from a stream of its
 * own, tcp: to UDP a seed's boxes are the same whatever the mix says of TCP. */
nat_type population_draw(rng *r, rng *tcp, const scenario_group *group);

#endif
