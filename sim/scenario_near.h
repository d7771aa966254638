/* sim/scenario_near.h - "did you mean" for a scenario that is not there. */
#ifndef SIM_SCENARIO_NEAR_H
#define SIM_SCENARIO_NEAR_H

#include <stddef.h>

/* Writes ", did you mean 'FILE'?" into out (cap bytes) and returns out: path with the ending that
 * it lacks; else the file of that name in the folder scenarios or below it, seen from where the
 * program runs; else what file_near finds; else the nearest name in scenarios. Writes nothing where
 * there is none, path is there, or the text does not fit. */
const char *scenario_near(const char *path, char *out, size_t cap);

#endif
