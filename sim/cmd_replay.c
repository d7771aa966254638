/* sim/cmd_replay.c - `peerup-sim replay`: a recording of one node, or the repro file of a failing
 * run. */
#include "sim/cli.h"
#include "sim/file.h"
#include "sim/json.h"
#include "sim/replay.h"
#include "sim/repro.h"

#include <inttypes.h>

enum { REPLAY_FILE_MAX = 1 << 30, WHY_MAX = 512 };

/* ---- a recording ---- */

static const char *const end_name[] = {[REPLAY_OVER] = "over",
                                       [REPLAY_FULL] = "full",
                                       [REPLAY_CUT] = "cut",
                                       [REPLAY_INSIDE] = "inside"};

static void print_end(const char *path, const replay_result *r)
{
    switch (r->end) {
    case REPLAY_OVER: break;
    case REPLAY_FULL: printf("%s: ends at its limit of size; the node lived on\n", path); break;
    case REPLAY_CUT:
        printf("%s: was cut off here, by a crash or a full disk", path);
        if (r->unused > 0) printf("; %zu bytes at its end are no whole record", r->unused);
        putchar('\n');
        break;
    case REPLAY_INSIDE:
        printf("%s: was cut off within its last step: if the node crashed, that input was why, and "
               "here it did not\n",
               path);
        break;
    }
}

static void print_recording(const char *path, const replay_result *r, bool is_json)
{
    if (is_json) {
        sim_json_print(json_pack("{s:s, s:o, s:b, s:I, s:I, s:s, s:o}", "schema", "peerup.replay/1",
                                 "file", sim_json_text(path), "equal", r->is_equal, "steps",
                                 (json_int_t)r->steps, "effects", (json_int_t)r->effects, "end",
                                 end_name[r->end], "why",
                                 r->is_equal ? json_null() : sim_json_text(r->why)),
                       stdout);
        return;
    }
    printf("%s: %" PRIu64 " steps, %" PRIu64 " effects from %" PRIu64 ".%03" PRIu64 " s to %" PRIu64
           ".%03" PRIu64 " s: %s\n",
           path, r->steps, r->effects, r->from / PU_S, r->from % PU_S / PU_MS, r->to / PU_S,
           r->to % PU_S / PU_MS, r->is_equal ? "equal" : r->why);
    if (r->is_equal) print_end(path, r);
}

static int replay_tape(const char *path, pu_span bytes, bool is_json)
{
    replay_result result;
    char why[WHY_MAX];
    if (!replay_recording(bytes, &result, why, sizeof why)) {
        fprintf(stderr, "peerup-sim replay: %s: %s\n", path, why);
        if (result.steps > 0)
            fprintf(stderr, "peerup-sim replay: %s: the %" PRIu64 " steps before it are equal\n",
                    path, result.steps);
        return CLI_USAGE;
    }
    print_recording(path, &result, is_json);
    return result.is_equal ? CLI_DONE : CLI_NOT_DETERMINISTIC;
}

/* ---- a repro file ---- */

static bool is_same(const uint64_t a[2], const uint64_t b[2])
{
    return a[0] == b[0] && a[1] == b[1];
}

static int compare_run(const repro *r, const run_result *result, bool is_json)
{
    bool is_equal = is_same(r->trace_hash, result->hash), has_held = true;
    for (uint32_t i = 0; i < result->property_count; i++) {
        const run_property *p = &result->properties[i];
        has_held &= p->held;
        if (!p->held && !is_json) printf("violated: %s: %s\n", p->name, p->why);
    }
    if (is_json)
        sim_json_print(json_pack("{s:s, s:b, s:b}", "schema", "peerup.replay/1", "equal", is_equal,
                                 "held", has_held),
                       stdout);
    else if (is_equal)
        printf("equal: the same run, hash %016" PRIx64 "%016" PRIx64 "\n", result->hash[0],
               result->hash[1]);
    else printf("another run: build %s then, %s now\n", r->build, run_build_id());
    if (!is_equal) return CLI_NOT_DETERMINISTIC;
    return has_held ? CLI_DONE : CLI_VIOLATED;
}

static int replay_repro(const char *path, pu_span bytes, bool is_json)
{
    repro r;
    char why[WHY_MAX];
    if (!repro_read(&r, bytes, why, sizeof why)) {
        fprintf(stderr, "peerup-sim replay: %s: %s\n", path, why);
        return CLI_USAGE;
    }
    scenario *s = scenario_read(r.scenario, r.sets, r.set_count, stderr);
    int code = CLI_USAGE;
    if (s != NULL && !is_same(s->hash, r.config_hash)) {
        fprintf(stderr, "peerup-sim replay: %s: %s has changed since\n", path, r.scenario);
    } else if (s != NULL) {
        run_options how = {.seed = r.seed, .log = RUN_LOG_NONE, .command_line = ""};
        run_result result = {0};
        code = run_scenario(s, &how, &result) == 0 ? compare_run(&r, &result, is_json)
                                                   : CLI_UNEXPECTED;
        run_result_free(&result);
    }
    scenario_free(s);
    repro_free(&r);
    return code;
}

/* ---- either ---- */

static int replay_file(const char *path, bool is_json)
{
    char why[WHY_MAX];
    size_t len;
    uint8_t *bytes = file_read(path, REPLAY_FILE_MAX, &len, why, sizeof why);
    if (bytes == NULL) {
        fprintf(stderr, "peerup-sim replay: %s: %s\n", path, why);
        return CLI_USAGE;
    }
    pu_span all = {bytes, len}, rest = all;
    int code = pu_record_read_magic(&rest) ? replay_tape(path, all, is_json)
                                           : replay_repro(path, all, is_json);
    free(bytes);
    return code;
}

static int run(const cli_command *self, int argc, char *const *argv)
{
    options o = cli_options(self, argc, argv);
    enum option_kind kind;
    int code;
    bool is_json = false;
    const char *path = NULL;
    while (cli_next(self, &o, &kind, &code)) {
        if (kind != OPTION_OPERAND) is_json = true;
        else if (path != NULL)
            return cli_wrong(self, "'%s' is too much: one file at a time", o.value);
        else path = o.value;
    }
    if (code >= 0) return code;
    if (path == NULL) return cli_wrong(self, "which file? FILE is missing");
    return replay_file(path, is_json);
}

static const option table[] = {
    {"json", 0, NULL, "one JSON object: peerup.replay/1"},
    {"help", 'h', NULL, "this text"},
};

const cli_command cli_replay = {
    "replay",
    "FILE",
    "repeats a failing run (.repro), or the life of a recorded node (.rec)",
    table,
    sizeof table / sizeof table[0],
    run,
    NULL,
};
