/* tests/unit/scenario_said.h - reads scenario texts and keeps what was complained of. */
#ifndef TESTS_UNIT_SCENARIO_SAID_H
#define TESTS_UNIT_SCENARIO_SAID_H

#include "sim/scenario_load.h"

enum { SAID_MAX = 8192, SETS_MAX = 4 };

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Lines 1 to 3, and 4 to 9, of most texts below. */
#define HEAD "scenario: t\nduration: 60s\nnetwork: {latency: {rtt: 80ms}}\n"
#define NODES                                                                         \
    "nats:\n  box: {mapping: eim, filtering: apdf, ports: preserve, udp_idle: 65s}\n" \
    "nodes:\n  relay: {roles: [relay]}\n  home: {behind: [box], relays: [relay]}\n"   \
    "  laptop: {}\n"

static inline uint32_t count_of(const char *const *sets)
{
    uint32_t count = 0;
    while (count < SETS_MAX && sets[count] != NULL) count++;
    return count;
}

/* Reads text as if it were the file path; what is complained of goes to said, a line each: "L:C:
 * text". */
static inline scenario *read_at(const char *path, const char *text, const char *const *sets,
                                char said[SAID_MAX])
{
    diag errors = {0};
    size_t used = 0;
    pu_span bytes = {(const uint8_t *)text, strlen(text)};
    scenario *s = scenario_load_text(path, bytes, sets, sets != NULL ? count_of(sets) : 0, &errors);
    said[0] = '\0';
    for (uint32_t i = 0; i < errors.count && used < SAID_MAX; i++) {
        const diag_entry *e = &errors.entries[i];
        if (e->place.source > 0)
            used += (size_t)snprintf(said + used, SAID_MAX - used,
                                     "%s:", errors.sources[e->place.source]);
        if (e->place.line > 0)
            used += (size_t)snprintf(said + used, SAID_MAX - used, "%u:%u: ", e->place.line,
                                     e->place.column);
        used += (size_t)snprintf(said + used, SAID_MAX - used, "%s\n", e->text);
    }
    diag_free(&errors);
    return s;
}

static inline scenario *read_yaml(const char *text, char said[SAID_MAX])
{
    return read_at("t.yaml", text, NULL, said);
}

/* A text that is no scenario, and all that is complained of. */
typedef struct bad_scenario {
    const char *text, *said;
} bad_scenario;

static inline void each_is_complained_of(const bad_scenario *bad, size_t count)
{
    char said[SAID_MAX];
    for (size_t i = 0; i < count; i++) {
        assert_null(read_yaml(bad[i].text, said));
        assert_string_equal(said, bad[i].said);
    }
}

static inline scenario *read_good(const char *text, const char *const *sets)
{
    char said[SAID_MAX];
    scenario *s = read_at("t.yaml", text, sets, said);
    if (s == NULL) fail_msg("%s", said);
    return s;
}

#endif
