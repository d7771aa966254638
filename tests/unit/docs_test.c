/* docs_test.c - every YAML example in the docs is a scenario that lint has nothing against, and
 * whose properties hold as pasted; every test that known-inputs.md names is one; the README
 * can be typed from its first line to its last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/advice.h"
#include "sim/file.h"
#include "sim/run.h"
#include "sim/scenario_load.h"

int docs_test(void);

enum { PAGE_MAX = 1 << 20, SEEDS = 20 };

static scenario *lint(const char *page, pu_span text)
{
    diag errors = {0}, warnings = {0};
    scenario *s = scenario_load_text(page, text, NULL, 0, &errors);
    if (s == NULL) fail_msg("%s: %s", page, errors.entries[0].text);
    scenario_advise(s, &warnings);
    if (warnings.count > 0) fail_msg("%s: warning: %s", page, warnings.entries[0].text);
    diag_free(&errors);
    diag_free(&warnings);
    return s;
}

static void run_example(const char *page, pu_span text)
{
    scenario *s = lint(page, text);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run_options how = {.seed = seed, .log = RUN_LOG_NONE, .command_line = ""};
        run_result result;
        assert_int_equal(run_scenario(s, &how, &result), 0);
        for (uint32_t i = 0; i < result.property_count; i++)
            if (!result.properties[i].held)
                fail_msg("%s: %s, seed %d: %s: %s", page, s->name, (int)seed,
                         result.properties[i].name, result.properties[i].why);
        run_result_free(&result);
    }
    scenario_free(s);
}

/* Runs the examples of one page and says how many there are. */
static uint32_t run_page(const char *page)
{
    static const char begin[] = "\n```yaml\n", end[] = "\n```";
    char why[256];
    size_t len;
    uint32_t count = 0;
    char *bytes = (char *)file_read(page, PAGE_MAX, &len, why, sizeof why);
    if (bytes == NULL) fail_msg("%s: %s", page, why);
    for (const char *at = bytes; (at = strstr(at, begin)) != NULL; count++) {
        at += sizeof begin - 1;
        const char *last = strstr(at, end);
        assert_non_null(last);
        run_example(page, (pu_span){(const uint8_t *)at, (size_t)(last - at + 1)});
        at = last;
    }
    free(bytes);
    return count;
}

static void examples_hold(void **state)
{
    (void)state;
    glob_t pages;
    uint32_t count = 0;
    assert_int_equal(glob("docs/*.md", 0, NULL, &pages), 0);
    for (size_t i = 0; i < pages.gl_pathc; i++) count += run_page(pages.gl_pathv[i]);
    globfree(&pages);
    assert_true(count > 0);
}

/* ---- tests that are named ---- */

/* Whether a group registers a test. */
static bool has_test(const char *group, const char *name)
{
    char path[256], call[256], why[256];
    size_t len;
    snprintf(path, sizeof path, "tests/unit/%s_test.c", group);
    snprintf(call, sizeof call, "cmocka_unit_test(%s)", name);
    char *source = (char *)file_read(path, PAGE_MAX, &len, why, sizeof why);
    bool is_there = source != NULL && strstr(source, call) != NULL;
    free(source);
    return is_there;
}

/* Reads "group:name" between backquotes; false: it is something else. */
static bool is_name(const char *text, char group[64], char name[128])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    size_t first = strspn(text, letters);
    if (first == 0 || first >= 64 || text[first] != ':') return false;
    size_t second = strspn(text + first + 1, letters);
    if (second == 0 || second >= 128 || text[first + 1 + second] != '`') return false;
    snprintf(group, 64, "%.*s", (int)first, text);
    snprintf(name, 128, "%.*s", (int)second, text + first + 1);
    return true;
}

static void named_tests_exist(void **state)
{
    (void)state;
    static const char page[] = "docs/known-inputs.md";
    char why[256], group[64], name[128];
    size_t len;
    unsigned count = 0;
    char *bytes = (char *)file_read(page, PAGE_MAX, &len, why, sizeof why);
    if (bytes == NULL) fail_msg("%s: %s", page, why);
    for (const char *at = bytes; (at = strchr(at, '`')) != NULL; at++) {
        if (!is_name(at + 1, group, name)) continue;
        if (!has_test(group, name)) fail_msg("%s: there is no %s:%s", page, group, name);
        count++;
    }
    assert_true(count > 90);
    free(bytes);
}

/* The first time that the README has the id of a machine, a command on that line prints it. */
static void the_readme_prints_ids_before_it_needs_them(void **state)
{
    (void)state;
    static const char *const ids[] = {"RELAY-ID", "HOME-ID", "LAPTOP-ID"};
    char why[256];
    size_t len;
    char *page = (char *)file_read("README.md", PAGE_MAX, &len, why, sizeof why);
    if (page == NULL) fail_msg("README.md: %s", why);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        const char *at = strstr(page, ids[i]);
        assert_non_null(at);
        static const char prints[] = "prints ";
        if (memcmp(at - strlen(prints), prints, strlen(prints)) != 0)
            fail_msg("README.md needs %s before it is printed", ids[i]);
    }
    free(page);
}

int docs_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_hold), cmocka_unit_test(named_tests_exist),
        cmocka_unit_test(the_readme_prints_ids_before_it_needs_them)};
    return cmocka_run_group_tests_name("docs", tests, NULL, NULL);
}
