/* sim/check.h - judges a run: the scenario's `expect:` against what the harness saw. */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "sim/watch.h"

/* Judges expects[index]; fills every field. */
void check_expect(const watch *w, uint32_t index, run_property *property);

#endif
