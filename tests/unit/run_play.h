/* tests/unit/run_play.h - scenario files that tests run, and what of their properties held. */
#ifndef TESTS_UNIT_RUN_PLAY_H
#define TESTS_UNIT_RUN_PLAY_H

#include "sim/run.h"
#include "tests/unit/scenario_said.h"

/* A run with that seed, for run_result_free. */
static inline run_result run_of(const scenario *s, uint64_t seed)
{
    run_result result;
    run_options options = {.seed = seed, .log = RUN_LOG_NONE, .command_line = ""};
    assert_int_equal(run_scenario(s, &options, &result), 0);
    return result;
}

/* The scenario of a file with those --set texts (at most SETS_MAX; NULL: none). */
static inline scenario *scenario_of(const char *path, const char *const *sets)
{
    scenario *s = scenario_read(path, sets, sets != NULL ? count_of(sets) : 0, stdout);
    assert_non_null(s);
    return s;
}

/* Whether the property called name held in a run of the file, seed 1, with those --set texts. */
static inline bool holds(const char *path, const char *const *sets, const char *name)
{
    bool held = false, found = false;
    scenario *s = scenario_of(path, sets);
    run_result result = run_of(s, 1);
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

/* The property holds in a run of the file with the --set texts usual, and no longer with sets. */
static inline void fails_by(const char *path, const char *const *usual, const char *name,
                            const char *const *sets)
{
    if (!holds(path, usual, name)) fail_msg("%s: %s fails unchanged", path, name);
    if (holds(path, sets, name)) fail_msg("%s: %s holds with %s", path, name, sets[0]);
}

#endif
