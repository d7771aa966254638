/* sim/scenario_load.h - reading a scenario with its complaints as data: for lint, tests, and
 * scenario_read itself. */
#ifndef SIM_SCENARIO_LOAD_H
#define SIM_SCENARIO_LOAD_H

#include "sim/diag.h"
#include "sim/scenario.h"

/* Reads the scenario at path, or text as if it stood there, and applies the overrides.
 * NULL: errors, which must be empty before, has at least one complaint; all are sorted. */
scenario *scenario_load(const char *path, const char *const *overrides, uint32_t override_count,
                        diag *errors);
scenario *scenario_load_text(const char *path, pu_span text, const char *const *overrides,
                             uint32_t override_count, diag *errors);

#endif
