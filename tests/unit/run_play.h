/* tests/unit/run_play.h - scenario files that tests run, and what of their properties held. */
#ifndef TESTS_UNIT_RUN_PLAY_H
#define TESTS_UNIT_RUN_PLAY_H

#include "sim/run.h"
#include "tests/unit/scenario_said.h"

/* Whether the property called name held in a run of the file, seed 1, with those --set texts (at
 * most SETS_MAX; NULL: none). */
static inline bool holds(const char *path, const char *const *sets, const char *name)
{
    bool held = false, found = false;
    run_result result;
    run_options options = {.seed = 1, .log = RUN_LOG_NONE, .command_line = ""};
    scenario *s = scenario_read(path, sets, sets != NULL ? count_of(sets) : 0, stdout);
    assert_non_null(s);
    assert_int_equal(run_scenario(s, &options, &result), 0);
    for (uint32_t i = 0; i < result.property_count; i++) {
        if (strcmp(result.properties[i].name, name) != 0) continue;
        found = true;
        held = result.properties[i].held;
    }
    run_result_free(&result);
    scenario_free(s);
    if (!found) fail_msg("no property %s", name);
    return held;
}

#endif
