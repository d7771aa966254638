/* sim/population.h - the boxes of a group's members, drawn from its `nat_mix`. */
#ifndef SIM_POPULATION_H
#define SIM_POPULATION_H

#include "base/rng.h"
#include "sim/scenario.h"

/* Draws the box of one member; group has a mix. */
nat_type population_draw(rng *r, const scenario_group *group);

#endif
