/* options_test.c - the command line: options in all their forms, what is refused, and exit codes of
 * what needs no run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/cli.h"

int options_test(void);

enum { WORDS_MAX = 8, SAID_MAX = 8192 };

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const option table[] = {
    {"seed", 0, "N", "a number"},
    {"output", 'o', "FILE", "a file"},
    {"json", 0, NULL, "a switch"},
};

static const struct {
    const char *words[WORDS_MAX];
    const char *said; /* a line an option, operand or error; an error ends it */
} cases[] = {
    {{NULL}, ""},
    {{"--seed", "7", "a.yaml", "--json"}, "seed=7\na.yaml\njson\n"},
    {{"--seed=7", "-seed", "8", "-seed=9"}, "seed=7\nseed=8\nseed=9\n"},
    {{"-o", "x", "-o=y", "--output=z"}, "output=x\noutput=y\noutput=z\n"},
    {{"--seed", "--json"}, "seed=--json\n"},
    {{"--seed=", "-"}, "seed=\n-\n"},
    {{"--seed=a=b"}, "seed=a=b\n"},
    {{"a", "--", "--json", "--"}, "a\n--json\n--\n"},
    {{"a", "--"}, "a\n"},
    {{"a", "--seed"}, "a\n--seed needs a value: N\n"},
    {{"--json=1"}, "--json takes no value\n"},
    {{"--sed", "7"}, "unknown option '--sed', did you mean '--seed'?\n"},
    {{"--jsno=1"}, "unknown option '--jsno=1', did you mean '--json'?\n"},
    {{"-x"}, "unknown option '-x'\n"},
    {{"---seed"}, "unknown option '---seed', did you mean '--seed'?\n"},
};

static int count_of(const char *const *words)
{
    int count = 0;
    while (count < WORDS_MAX && words[count] != NULL) count++;
    return count;
}

static void forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char said[SAID_MAX] = "";
        char *words[WORDS_MAX];
        int count = count_of(cases[i].words);
        for (int k = 0; k < count; k++) words[k] = strdup(cases[i].words[k]);
        options o = {.table = table, .table_count = COUNT(table), .argv = words, .argc = count};
        enum option_kind kind = OPTION_NAMED;
        while (kind != OPTION_WRONG && (kind = options_next(&o)) != OPTION_END) {
            size_t used = strlen(said);
            bool is_named = kind == OPTION_NAMED;
            snprintf(said + used, sizeof said - used, "%s%s%s\n", is_named ? o.which->name : "",
                     is_named && o.value != NULL ? "=" : "",
                     kind == OPTION_WRONG ? o.error
                     : o.value != NULL    ? o.value
                                          : "");
        }
        assert_string_equal(said, cases[i].said);
        for (int k = 0; k < count; k++) free(words[k]);
    }
}

static void quoting(void **state)
{
    (void)state;
    static const struct {
        const char *word, *quoted;
    } words[] = {
        {"a/b-c_d.yaml", "a/b-c_d.yaml"},
        {"network.link.loss=2%", "network.link.loss=2%"},
        {"a b", "'a b'"},
        {"x=[a, b]", "'x=[a, b]'"},
        {"it's", "'it'\\''s'"},
        {"", "''"},
        {"$(x)", "'$(x)'"},
    };
    for (size_t i = 0; i < COUNT(words); i++) {
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);
        assert_non_null(out);
        cli_print_quoted(out, words[i].word);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(text, words[i].quoted);
        free(text);
    }
}

/* Runs a command line; what it prints on one of the two streams comes back in said. */
static int run(const char *const *words, FILE *stream, char said[SAID_MAX])
{
    char *argv[WORDS_MAX];
    int count = count_of(words);
    FILE *kept = tmpfile();
    int number = fileno(stream), old = dup(number);
    assert_non_null(kept);
    for (int i = 0; i < count; i++) argv[i] = strdup(words[i]);
    fflush(stream);
    assert_true(dup2(fileno(kept), number) >= 0);
    int code = cli_main(count, argv);
    fflush(stream);
    assert_true(dup2(old, number) >= 0);
    close(old);
    rewind(kept);
    said[fread(said, 1, SAID_MAX - 1, kept)] = '\0';
    fclose(kept);
    for (int i = 0; i < count; i++) free(argv[i]);
    return code;
}

#define PUBLIC "scenarios/base/both-public.yaml"

static const struct {
    const char *words[WORDS_MAX];
    int code;
    const char *said; /* somewhere on standard error */
} wrong[] = {
    {{"sim"}, 2, "usage: peerup-sim COMMAND"},
    {{"sim", "rnu"}, 2, "unknown command 'rnu', did you mean 'run'?"},
    {{"sim", "why"}, 2, "unknown command 'why'\n"},
    {{"sim", "replay"}, 2, "which file? FILE is missing"},
    {{"sim", "run"}, 2, "run: which scenario? SCENARIO is missing"},
    {{"sim", "run", "a", "b"}, 2, "run: 'b' is too much"},
    {{"sim", "run", "nowhere.yaml"}, 2, "nowhere.yaml: cannot be read: No such file"},
    {{"sim", "run", "scenarios/base/hom.yaml"},
     2,
     "No such file or directory, did you mean 'scenarios/base/home-behind-cgnat.yaml'?\n"},
    {{"sim", "run", "scenarios/base/both-publik.yml"},
     2,
     "No such file or directory, did you mean 'scenarios/base/both-public.yaml'?\n"},
    {{"sim", "run", "scenarios/base/home-behind"},
     2,
     "did you mean 'scenarios/base/home-behind-cgnat.yaml'?\n"},
    {{"sim", "run", "scenarios/nat/sym.yaml"},
     2,
     "sym.yaml: cannot be read: No such file or directory\n"},
    {{"sim", "run", "Makefil"}, 2, "did you mean 'Makefile'?\n"},
    {{"sim", "run", "scenarios/base/x.yaml"},
     2,
     "x.yaml: cannot be read: No such file or directory\n"},
    {{"sim", "lint", "scenarios/bas"}, 2, "did you mean 'scenarios/base'?\n"},
    {{"sim", "lint", "nowhere/base/home.yaml"}, 2, "cannot be read: No such file or directory\n"},
    {{"sim", "run", PUBLIC, "--sed", "1"},
     2,
     "run: unknown option '--sed', did you mean '--seed'?"},
    {{"sim", "run", PUBLIC, "--seed", "x"}, 2, "--seed: 'x' is not a whole number"},
    {{"sim", "run", PUBLIC, "--seed", "-1"},
     2,
     "--seed: '-1' is not a whole number: it is negative"},
    {{"sim", "run", PUBLIC, "--seeds", "3-1"}, 2, "--seeds: '3-1' is not a range"},
    {{"sim", "run", PUBLIC, "--seeds", "3"}, 2, "--seeds: '3' is not a range"},
    {{"sim", "run", PUBLIC, "--seeds", "1-2", "--seed=1"}, 2, "either --seed or --seeds"},
    {{"sim", "run", PUBLIC, "--fidelity", "wires"},
     2,
     "--fidelity: unknown word 'wires', did you mean 'wire'"},
    {{"sim", "run", PUBLIC, "--fidelity", "modle"}, 2, "did you mean 'model'?"},
    {{"sim", "run", PUBLIC, "--log", "all"},
     2,
     "unknown word 'all', use none|summary|events|packets"},
    {{"sim", "run", PUBLIC, "--set", "duration=1x"}, 2, "--set duration=1x: duration: '1x' is not"},
    {{"sim", "run", PUBLIC, "--out", "/dev/null/x"}, 1, "cannot make the folder /dev/null: "},
    {{"sim", "run", PUBLIC, "--out", ""}, 2, "--out: it is empty"},
    {{"sim", "run", PUBLIC, "--out="}, 2, "--out: it is empty"},
    {{"sim", "report", "run.db"}, 2, "report: run.db: "},
    {{"sim", "report", "sim"}, 2, "report: sim: it is a folder"},
    {{"sim", "report", "-o", "x.html"}, 2, "RUN.db is missing"},
    {{"sim", "lint"}, 2, "SCENARIO is missing"},
    {{"sim", "lint", PUBLIC, "nowhere.yaml"}, 2, "nowhere.yaml: cannot be read"},
    {{"sim", "version", "x"}, 2, "'x' is too much"},
};

static void wrong_command_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char said[SAID_MAX];
        assert_int_equal(run(wrong[i].words, stderr, said), wrong[i].code);
        if (strstr(said, wrong[i].said) == NULL) fail_msg("%zu: %s", i, said);
    }
}

static const struct {
    const char *words[WORDS_MAX];
    const char *said; /* standard output begins with it */
} right[] = {
    {{"sim", "--help"}, "peerup-sim runs peerup's nodes"},
    {{"sim", "run", "--help"}, "peerup-sim run: "},
    {{"sim", "report", "-h"}, "peerup-sim report: "},
    {{"sim", "lint", "-help"}, "peerup-sim lint: "},
    {{"sim", "version"}, "peerup-sim " SIM_VERSION " (build "},
    {{"sim", "--version"}, "peerup-sim " SIM_VERSION " (build "},
    {{"sim", "version", "--json"},
     "{\"schema\":\"peerup.version/1\",\"version\":\"" SIM_VERSION "\",\"build\":\""},
    {{"sim", "lint", PUBLIC}, PUBLIC ": ok\n"},
    {{"sim", "lint", "-json", PUBLIC},
     "{\"schema\":\"peerup.lint/1\",\"ok\":true,\"files\":[{\"path\":\"" PUBLIC
     "\",\"ok\":true,\"errors\":[],\"more_errors\":0,\"warnings\":[],\"more_warnings\":0}]}\n"},
};

static void right_command_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(right); i++) {
        char said[SAID_MAX];
        assert_int_equal(run(right[i].words, stdout, said), 0);
        assert_true(strncmp(said, right[i].said, strlen(right[i].said)) == 0);
    }
}

static void lint_tells_places(void **state)
{
    (void)state;
    static const char *const words[WORDS_MAX] = {"sim", "lint", "--json",
                                                 "scenarios/data/nat_profiles.csv"};
    char said[SAID_MAX];
    assert_int_equal(run(words, stdout, said), 2);
    assert_non_null(strstr(said, "\"ok\":false,\"files\":[{\"path\":\"scenarios/data/"));
    assert_non_null(strstr(said, "\"line\":"));
    assert_null(strstr(said, "\"line\":null"));
}

/* Puts text into a new file of a new folder and makes that folder the place of --out. */
static void folder_make(char folder[32], const char *name, const char *text)
{
    char path[64];
    strcpy(folder, "/tmp/peerup-cli-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static bool exists(const char *folder, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void folder_remove(const char *folder)
{
    static const char *const names[] = {"a.yaml", "run.db", "report.html"};
    char path[64];
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
}

/* A warning has a place, and is no error. */
static void lint_warns(void **state)
{
    (void)state;
    char folder[32], path[64], said[SAID_MAX];
    folder_make(
        folder, "a.yaml",
        "scenario: t\nduration: 9s\nnetwork: {latency: {rtt: 80ms}}\nnodes: {a: {}, b: {}}\n"
        "events: [{at: 5s, connect: {from: a, to: b}}]\n");
    snprintf(path, sizeof path, "%s/a.yaml", folder);
    const char *const text[WORDS_MAX] = {"sim", "lint", path};
    assert_int_equal(run(text, stderr, said), 0);
    assert_int_equal(strncmp(said, path, strlen(path)), 0);
    assert_int_equal(strncmp(said + strlen(path), ":5:10: warning: 'a' has no way ", 31), 0);
    const char *const json[WORDS_MAX] = {"sim", "lint", "--json", path};
    assert_int_equal(run(json, stdout, said), 0);
    assert_non_null(strstr(said, "\"errors\":[],"));
    assert_non_null(strstr(said, ",\"warnings\":[{\"file\":"));
    folder_remove(folder);
}

/* The last lines of one run and of many; a report goes with the database it was made of. */
static void run_tells_where_and_how_many(void **state)
{
    (void)state;
    char folder[32], said[SAID_MAX], db[80];
    folder_make(folder, "report.html", "of another run");
    const char *const one[WORDS_MAX] = {"sim", "run", PUBLIC, "--out", folder};
    assert_int_equal(run(one, stdout, said), 0);
    snprintf(db, sizeof db, "\ndb=%s/run.db log=summary\nseed=1 hash=", folder);
    assert_non_null(strstr(said, db));
    assert_true(exists(folder, "report.html")); /* it replaced nothing */
    assert_int_equal(run(one, stdout, said), 0);
    assert_false(exists(folder, "report.html"));
    const char *const many[WORDS_MAX] = {"sim", "run", PUBLIC, "--seeds=1-3", "--log=none"};
    assert_int_equal(run(many, stdout, said), 0);
    assert_ptr_equal(strstr(said, "property                   held    half in"), said);
    assert_non_null(strstr(said, "\nstrangers-get-nothing         3\n"));
    assert_string_equal(strstr(said, "\n3 seeds"), "\n3 seeds: 3 held\n");
    const char *const each[WORDS_MAX] = {"sim",         "run",        PUBLIC,
                                         "--seeds=1-3", "--log=none", "--verbose"};
    assert_int_equal(run(each, stdout, said), 0);
    assert_ptr_equal(strstr(said, "seed=1 hash="), said);
    assert_non_null(strstr(said, "\nseed=3 hash="));
    static const char begin[] = "{\"schema\":\"peerup.runs/1\",\"runs\":[{\"schema\":";
    const char *const list[WORDS_MAX] = {"sim",         "run",        PUBLIC,
                                         "--seeds=1-2", "--log=none", "--json"};
    assert_int_equal(run(list, stdout, said), 0);
    assert_int_equal(strncmp(said, begin, sizeof begin - 1), 0);
    assert_non_null(strstr(said, "},{\"schema\":\"peerup.run/1\",")); /* the second */
    assert_string_equal(strchr(said, '\n'), "\n");                    /* one line */
    assert_string_equal(said + strlen(said) - 4, "}]}\n");
    folder_remove(folder);
}

static void failed_seeds_are_named(void **state)
{
    (void)state;
    char folder[32], said[SAID_MAX];
    folder_make(
        folder, "a.yaml",
        "scenario: t\nduration: 9s\nnetwork: {latency: {rtt: 80ms}}\nnodes: {a: {}, b: {}}\n"
        "expect: [{name: n, connected: {from: a, to: b}, after: 1s, within: 5s}]\n");
    char path[64], out[64];
    snprintf(path, sizeof path, "%s/a.yaml", folder);
    snprintf(out, sizeof out, "--out=%s/out", folder);
    const char *const many[WORDS_MAX] = {"/a/sim", "run", path, "--seeds=4-5", "--log=none", out};
    assert_int_equal(run(many, stdout, said), 10);
    /* one line a seed, and once how they are repeated */
    static const char each[] = "seed=4 violated: n: never connected, allowed 5 s after time 1 s\n"
                               "seed=5 violated: n: never connected, allowed 5 s after time 1 s\n"
                               "property ";
    assert_int_equal(strncmp(said, each, sizeof each - 1), 0);
    const char *replay = strstr(said, "\nreplay: /a/sim run /tmp/");
    assert_non_null(replay);
    assert_non_null(strstr(replay, "/a.yaml --seed 4\nrepro: /a/sim replay /tmp/"));
    assert_non_null(strstr(replay, "/out/seed-4/run.repro\n2 seeds"));
    assert_null(strstr(replay + 2, "replay: "));
    assert_string_equal(strstr(said, "\n2 seeds"), "\n2 seeds: 0 held, 2 failed: 4 5\n");
    static const char *const made[] = {"out/seed-4/run.repro", "out/seed-5/run.repro", "out/seed-4",
                                       "out/seed-5", "out"};
    for (size_t i = 0; i < COUNT(made); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, made[i]);
        assert_int_equal(remove(path), 0);
    }
    folder_remove(folder);
}

int options_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(quoting),
        cmocka_unit_test(wrong_command_lines),
        cmocka_unit_test(right_command_lines),
        cmocka_unit_test(lint_tells_places),
        cmocka_unit_test(lint_warns),
        cmocka_unit_test(run_tells_where_and_how_many),
        cmocka_unit_test(failed_seeds_are_named),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
