/* sim/json.h - results as JSON for scripts, in the documented shapes; times are seconds, unknown
 * ones null. */
#ifndef SIM_JSON_H
#define SIM_JSON_H

#include "sim/run.h"

#include <jansson.h>
#include <stdio.h>

/* One run as {"schema":"peerup.run/1",...}. Given to the caller. */
json_t *sim_json_run(const scenario *s, const run_options *options, const run_result *result);

/* A duration in ns as seconds, exactly; PU_NEVER is null. Given to the caller. */
json_t *sim_json_seconds(uint64_t ns);

/* A ratio or a mean in millionths, exactly. Given to the caller. */
json_t *sim_json_millionths(uint64_t ppm);

/* A text, given to the caller; where it is not UTF-8 (a path may be anything) bytes become '?'. */
json_t *sim_json_text(const char *text);

/* Writes value and drops it; sim_json_print ends the line as well. */
void sim_json_put(json_t *value, FILE *out);
void sim_json_print(json_t *value, FILE *out);

#endif
