/* sim/cmd_report.c - `peerup-sim report`: a run database as a story and as a page with plots. */
#include "analysis/report.h"

#include "sim/cli.h"
#include "sim/file.h"

#include <string.h>

enum { WHY_MAX = 512 };

static int report(const char *db, const char *html, bool has_story)
{
    char why[WHY_MAX] = "";
    bool is_done = file_make_parents(html, why, sizeof why) &&
                   report_write(db, html, why, sizeof why) &&
                   (!has_story || report_story(db, stdout, why, sizeof why));
    if (!is_done) {
        fprintf(stderr, "peerup-sim report: %s\n", why);
        return CLI_UNEXPECTED;
    }
    printf("report: %s\n", html);
    return CLI_DONE;
}

static int run(const cli_command *self, int argc, char *const *argv)
{
    options o = cli_options(self, argc, argv);
    enum option_kind kind;
    int code;
    char why[WHY_MAX];
    const char *db = NULL, *html = NULL;
    bool has_story = true;
    while (cli_next(self, &o, &kind, &code)) {
        if (kind == OPTION_OPERAND && db != NULL)
            return cli_wrong(self, "'%s' is too much: one database at a time", o.value);
        if (kind == OPTION_OPERAND) db = o.value;
        else if (strcmp(o.which->name, "output") == 0) html = o.value;
        else if (strcmp(o.which->name, "no-story") == 0) has_story = false;
    }
    if (code >= 0) return code;
    if (db == NULL) return cli_wrong(self, "which database? RUN.db is missing");
    if (!report_is_run(db, why, sizeof why)) return cli_wrong(self, "%s", why);
    if (html == NULL) return cli_wrong(self, "where to? -o FILE.html is missing");
    return report(db, html, has_story);
}

static const option table[] = {
    {"output", 'o', "FILE.html", "the page to write; its folder is made"},
    {"no-story", 0, NULL, "do not print what happened in plain words"},
    {"help", 'h', NULL, "this text"},
};

const cli_command cli_report = {
    "report",
    "RUN.db -o FILE.html",
    "tells a run in words and writes it as a page with plots",
    table,
    sizeof table / sizeof table[0],
    run,
    NULL,
};
