/* sim/cmd_lint.c - `peerup-sim lint`: checks scenario files without running them. */
#include "sim/advice.h"
#include "sim/cli.h"
#include "sim/file.h"
#include "sim/files_under.h"
#include "sim/json.h"
#include "sim/scenario_load.h"

enum { WHY_MAX = 4200 };

static json_t *entry_json(const diag *list, const diag_entry *e)
{
    bool has_line = e->place.line > 0;
    return json_pack("{s:o, s:o, s:o, s:o}", "file", sim_json_text(list->sources[e->place.source]),
                     "line", has_line ? json_integer(e->place.line) : json_null(), "column",
                     has_line ? json_integer(e->place.column) : json_null(), "message",
                     sim_json_text(e->text));
}

static json_t *list_json(const diag *list)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < list->count; i++)
        json_array_append_new(all, entry_json(list, &list->entries[i]));
    return all;
}

static json_t *file_json(const char *path, const diag *errors, const diag *warnings)
{
    return json_pack("{s:o, s:b, s:o, s:I, s:o, s:I}", "path", sim_json_text(path), "ok",
                     errors->count == 0, "errors", list_json(errors), "more_errors",
                     (json_int_t)errors->dropped, "warnings", list_json(warnings), "more_warnings",
                     (json_int_t)warnings->dropped);
}

/* Checks one file and tells of it, in text or as an element of files. */
static bool lint(const char *path, json_t *files)
{
    diag errors = {0}, warnings = {0};
    scenario *s = scenario_load(path, NULL, 0, &errors);
    bool is_ok = s != NULL;
    if (is_ok) scenario_advise(s, &warnings);
    if (files != NULL) {
        json_array_append_new(files, file_json(path, &errors, &warnings));
    } else {
        diag_print(&errors, stderr);
        diag_print_as(&warnings, "warning", stderr);
        if (is_ok) printf("%s: ok\n", path);
    }
    scenario_free(s);
    diag_free(&errors);
    diag_free(&warnings);
    return is_ok;
}

/* has_folder: a summary ends the text. */
static int lint_all(const files_under *all, bool is_json, bool has_folder)
{
    uint32_t good = 0;
    json_t *files = is_json ? json_array() : NULL;
    for (uint32_t i = 0; i < all->count; i++) good += lint(all->paths[i], files);
    bool is_ok = good == all->count;
    if (is_json)
        sim_json_print(
            json_pack("{s:s, s:b, s:o}", "schema", "peerup.lint/1", "ok", is_ok, "files", files),
            stdout);
    else if (has_folder)
        printf("%u scenario%s: %u ok, %u wrong\n", all->count, all->count == 1 ? "" : "s", good,
               all->count - good);
    return is_ok ? CLI_DONE : CLI_USAGE;
}

/* Takes a file, or all scenarios under a folder. False: it cannot, which has been said. */
static bool take(const cli_command *self, const char *path, files_under *all, bool *has_folder)
{
    char why[WHY_MAX];
    uint32_t before = all->count;
    if (!file_is_folder(path)) {
        files_under_add(all, path);
        return true;
    }
    *has_folder = true;
    bool is_read = files_under_take(all, path, ".yaml", why, sizeof why) &&
                   files_under_take(all, path, ".yml", why, sizeof why);
    if (!is_read) cli_wrong(self, "%s", why);
    else if (all->count == before)
        cli_wrong(self, "%s: there is no scenario (*.yaml, *.yml) in it", path);
    return is_read && all->count > before;
}

static int run(const cli_command *self, int argc, char *const *argv)
{
    options o = cli_options(self, argc, argv);
    enum option_kind kind;
    int code;
    bool is_json = false, has_folder = false, is_good = true;
    files_under all = {0};
    while (cli_next(self, &o, &kind, &code)) {
        if (kind != OPTION_OPERAND) is_json = true;
        else if (is_good) is_good = take(self, o.value, &all, &has_folder);
    }
    if (code < 0 && !is_good) code = CLI_USAGE;
    else if (code < 0 && all.count == 0)
        code = cli_wrong(self, "which file or folder? SCENARIO is missing");
    if (code < 0) code = lint_all(&all, is_json, has_folder);
    files_under_free(&all);
    return code;
}

static const option table[] = {
    {"json", 0, NULL, "one JSON object: peerup.lint/1"},
    {"help", 'h', NULL, "this text"},
};

const cli_command cli_lint = {
    "lint",
    "SCENARIO|FOLDER...",
    "checks scenario files: keys, units, references, times; warns of what is hardly meant",
    table,
    sizeof table / sizeof table[0],
    run,
    "Of a folder it checks every *.yaml and *.yml in it and in the folders below.\n"
    "An error ends with exit code 2; a warning does not change it. docs/scenarios.md explains\n"
    "scenarios, docs/json.md the JSON.\n",
};
