/* sim/cmd_version.c - `peerup-sim version`: what was built, from what. */
#include "sim/cli.h"
#include "sim/json.h"

#include <string.h>

static int run(const cli_command *self, int argc, char *const *argv)
{
    options o = cli_options(self, argc, argv);
    enum option_kind kind;
    int code;
    bool is_json = false;
    while (cli_next(self, &o, &kind, &code)) {
        if (kind == OPTION_OPERAND) return cli_wrong(self, "'%s' is too much", o.value);
        if (strcmp(o.which->name, "json") == 0) is_json = true;
    }
    if (code >= 0) return code;
    if (is_json)
        sim_json_print(json_pack("{s:s, s:s, s:s}", "schema", "peerup.version/1", "version",
                                 SIM_VERSION, "build", run_build_id()),
                       stdout);
    else printf("peerup-sim %s (build %s)\n", SIM_VERSION, run_build_id());
    return CLI_DONE;
}

static const option table[] = {
    {"json", 0, NULL, "one JSON object: peerup.version/1"},
    {"help", 'h', NULL, "this text"},
};

const cli_command cli_version = {
    "version", "", "prints version and build", table, sizeof table / sizeof table[0], run, NULL,
};
