/* result_test.c - what a whole run says of itself: counts that add up, dials that end, and reasons
 * in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/run.h"
#include "sim/scenario_load.h"

int result_test(void);

enum { SEEDS = 10 };

static const char demo[] = "scenarios/base/home-behind-cgnat.yaml";

static scenario *played; /* a result's names belong to it */

static run_result run_file(const char *path, const char *const *sets, uint32_t set_count,
                           uint64_t seed, const char *db)
{
    scenario_free(played);
    played = scenario_read(path, sets, set_count, stdout);
    assert_non_null(played);
    run_options how = {.seed = seed, .command_line = "", .db_path = db};
    how.log = db != NULL ? RUN_LOG_PACKETS : RUN_LOG_NONE;
    run_result result;
    assert_int_equal(run_scenario(played, &how, &result), 0);
    return result;
}

static uint64_t metric(const run_result *result, const char *name)
{
    for (uint32_t i = 0; i < result->metric_count; i++) {
        assert_true(strlen(result->metrics[i].meaning) > 0);
        if (strcmp(result->metrics[i].name, name) == 0) return result->metrics[i].value;
    }
    fail_msg("no metric %s", name);
    return 0;
}

static void every_datagram_ends_once(void **state)
{
    (void)state;
    static const char *const ends[] = {"datagrams_delivered", "datagrams_lost",
                                       "datagrams_filtered", "datagrams_unroutable",
                                       "datagrams_under_way"};
    uint64_t all[5] = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run_result result = run_file(demo, NULL, 0, seed, NULL);
        uint64_t sum = 0;
        for (size_t i = 0; i < 5; i++) {
            uint64_t count = metric(&result, ends[i]);
            all[i] += count;
            sum += count;
        }
        assert_int_equal(metric(&result, "datagrams_sent"), sum);
        run_result_free(&result);
    }
    for (size_t i = 0; i < 5; i++) assert_true(all[i] > 0);
}

static void hole_punches_count_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run_result result = run_file(demo, NULL, 0, seed, NULL);
        uint64_t ok = metric(&result, "hole_punches_ok");
        assert_true(ok > 0);
        assert_true(ok + metric(&result, "hole_punches_failed") <= metric(&result, "hole_punches"));
        run_result_free(&result);
    }
}

/* The first column of the first row as a number. */
static uint64_t ask(sqlite3 *db, const char *query)
{
    sqlite3_stmt *row;
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    uint64_t value = (uint64_t)sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return value;
}

/* A circuit that waits for its relay is one dial, and ends with the others of its want. */
static void dials_end_with_their_want(void **state)
{
    (void)state;
    char path[] = "/tmp/peerup-result-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run_result result = run_file(demo, NULL, 0, seed, path);
        sqlite3 *db;
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(ask(db, "SELECT count(*) FROM dial"), metric(&result, "dials"));
        assert_int_equal(ask(db, "SELECT count(*) FROM dial WHERE outcome IN ('lost', 'failed')"),
                         metric(&result, "dials_wasted"));
        assert_int_equal(ask(db,
                             "SELECT count(*) FROM dial d JOIN path p ON p.from_node = d.node "
                             "JOIN node t ON t.node = p.to_node AND t.name = d.to_name JOIN run r "
                             "WHERE d.outcome = 'open' AND p.end_ns = r.duration_ns "
                             "AND p.direct = 1"),
                         0);
        assert_int_equal(ask(db, "SELECT count(*) FROM dial a JOIN dial b ON a.rowid < b.rowid "
                                 "AND a.node = b.node AND a.to_name = b.to_name "
                                 "AND a.address = b.address AND a.outcome = 'open' "
                                 "AND b.start_ns > a.start_ns"),
                         0);
        sqlite3_close(db);
        run_result_free(&result);
    }
    unlink(path);
}

static const run_property *property(const run_result *result, const char *name)
{
    for (uint32_t i = 0; i < result->property_count; i++)
        if (strcmp(result->properties[i].name, name) == 0) return &result->properties[i];
    fail_msg("no property %s", name);
    return NULL;
}

/* A reason says what was seen, when it began to count, and what was demanded. */
static void reasons_name_the_demand(void **state)
{
    (void)state;
    static const char *const sets[] = {"expect.direct.within=1ms", "expect.back.within=1500us",
                                       "expect.bystanders-connected.within=1ms"};
    static const struct {
        const char *name, *begin, *end;
    } cases[] = {
        {"reached", "connected ", " s after it was asked, allowed 6 s"},
        {"direct", "direct ", " s after it was asked, allowed 0.001 s"},
        {"back", "connected ", " s after time 60 s, allowed 0.001 s"},
        {"bystanders-connected", "0 of 25 pairs within 0.001 s; not bystanders-", " s"},
        {"strangers-get-nothing", "no connection and no byte from anybody unauthorized", ""},
    };
    run_result result = run_file(demo, sets, 3, 1, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *why = property(&result, cases[i].name)->why;
        size_t begin = strlen(cases[i].begin), end = strlen(cases[i].end), len = strlen(why);
        if (len < begin + end || strncmp(why, cases[i].begin, begin) != 0 ||
            strcmp(why + len - end, cases[i].end) != 0)
            fail_msg("%s: %s", cases[i].name, why);
    }
    assert_false(property(&result, "direct")->held);
    assert_true(property(&result, "reached")->held);
    run_result_free(&result);

    static const char *const blocked[] = {"network.link.loss=100%"};
    result = run_file(demo, blocked, 1, 1, NULL);
    assert_string_equal(property(&result, "reached")->why,
                        "never connected, allowed 6 s after it was asked");
    run_result_free(&result);
}

/* One value of a run's database; NULL when the query gives none. Owned by the caller. */
static char *text_of(sqlite3 *db, const char *query)
{
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &q, NULL), SQLITE_OK);
    char *text =
        sqlite3_step(q) == SQLITE_ROW ? strdup((const char *)sqlite3_column_text(q, 0)) : NULL;
    sqlite3_finalize(q);
    return text;
}

typedef struct said {
    const char *query, *text;
} said;

static void expect_said(const char *path, const said *cases, size_t count)
{
    char db_path[] = "/tmp/peerup-result-XXXXXX";
    int file = mkstemp(db_path);
    assert_true(file >= 0);
    close(file);
    run_result result = run_file(path, NULL, 0, 1, db_path);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(db_path, &db), SQLITE_OK);
    for (size_t i = 0; i < count; i++) {
        char *text = text_of(db, cases[i].query);
        if (text == NULL || strcmp(text, cases[i].text) != 0)
            fail_msg("%s: %s", cases[i].query, text != NULL ? text : "nothing");
        free(text);
    }
    sqlite3_close(db);
    run_result_free(&result);
    unlink(db_path);
}

/* The script's cuts, what properties demand, and what connections go over. */
static void databases_say_what_was(void **state)
{
    (void)state;
    static const said cut[] = {
        {"SELECT text FROM note WHERE kind = 'partition' AND at_ns = 60e9", "home | relay, laptop"},
        {"SELECT text FROM note WHERE kind = 'mend' AND at_ns = 120e9", "home | relay, laptop"},
        {"SELECT text FROM note WHERE kind = 'block' AND at_ns = 240e9", "laptop > home"},
        {"SELECT group_concat(words, '; ') FROM v_timeline WHERE sort = 'cut' AND at_s < 250",
         "apart: home | relay, laptop; over: home | relay, laptop; unheard: laptop > home"},
        {"SELECT count(*) > 0 FROM packet WHERE fate = 'cut' AND carriage = 'udp'", "1"},
        {"SELECT expected FROM property WHERE name = 'together'",
         "laptop and home never apart for longer than 90 s while both run"},
    };
    static const said blocked[] = {
        {"SELECT transport FROM conn c JOIN node n USING (node) WHERE n.name = 'laptop' "
         "AND c.peer = 'relay'",
         "tcp"},
        {"SELECT DISTINCT transport FROM conn WHERE relayed", "circuit"},
        {"SELECT count(*) FROM conn WHERE NOT relayed AND transport NOT IN ('tcp', 'quic')", "0"},
        {"SELECT tcp_idle_ns || ' ' || refresh FROM nat WHERE type_name = 'hotel'",
         "300000000000 outbound"},
        {"SELECT count(DISTINCT carriage) FROM packet", "3"},
    };
    static const said dies[] = {
        {"SELECT expected FROM property WHERE name = 'home-says-so'",
         "home says that it lost a relay, at most 35 s after 60 s"},
        {"SELECT count(*) FROM v_timeline WHERE sort = 'crash' AND name = 'relay'", "1"},
    };
    static const said refused[] = {
        {"SELECT count(*) >= 2 FROM v_packet WHERE carriage = 'tcp-reset' AND fate = 'delivered' "
         "AND from_name = 'server' AND to_name = 'laptop'",
         "1"},
        {"SELECT count(*) >= 2 FROM dial d JOIN code c USING (code) JOIN node n USING (node) "
         "WHERE c.name = 'refused' AND n.name = 'laptop' AND d.transport = 'tcp'",
         "1"},
        {"SELECT count(*) > 0 FROM packet WHERE carriage = 'udp-unreachable'", "1"},
    };
    expect_said("scenarios/nat/refused.yaml", refused, sizeof refused / sizeof refused[0]);
    expect_said("scenarios/life/cut-off.yaml", cut, sizeof cut / sizeof cut[0]);
    expect_said("scenarios/nat/udp-blocked.yaml", blocked, sizeof blocked / sizeof blocked[0]);
    expect_said("scenarios/life/only-relay-dies.yaml", dies, sizeof dies / sizeof dies[0]);
}

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t stop;

/* Somebody loses patience after 20 simulated seconds. */
static void stop_at_20s(void *ctx, pu_time now, pu_time end)
{
    (void)ctx;
    assert_true(now <= end);
    if (now >= 20 * PU_S) stop = 1;
}

static void a_stopped_run_is_kept_as_partial(void **state)
{
    (void)state;
    char path[] = "/tmp/peerup-result-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    scenario *s = scenario_read(demo, NULL, 0, stdout);
    assert_non_null(s);
    run_options how = {.seed = 1,
                       .log = RUN_LOG_EVENTS,
                       .command_line = "",
                       .db_path = path,
                       .stop = &stop,
                       .show = stop_at_20s};
    run_result result;
    stop = 0;
    assert_int_equal(run_scenario(s, &how, &result), 0);
    assert_true(result.is_partial);
    assert_true(result.sim_ns >= 20 * PU_S && result.sim_ns < 60 * PU_S);
    assert_int_equal(result.property_count, 0);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(ask(db, "SELECT partial FROM run"), 1);
    assert_int_equal(ask(db, "SELECT duration_ns FROM run"), result.sim_ns);
    assert_int_equal(ask(db, "SELECT count(*) FROM property"), 0);
    assert_int_equal(ask(db, "SELECT count(*) FROM node"), s->node_count);
    assert_int_equal(ask(db,
                         "SELECT count(*) > 100 AND max(at_ns) <= (SELECT duration_ns FROM run) "
                         "FROM event"),
                     1);
    sqlite3_close(db);
    run_result_free(&result);
    scenario_free(s);
    unlink(path);
}

static int forget(void **state)
{
    (void)state;
    scenario_free(played);
    return 0;
}

int result_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_datagram_ends_once),
        cmocka_unit_test(hole_punches_count_once),
        cmocka_unit_test(dials_end_with_their_want),
        cmocka_unit_test(reasons_name_the_demand),
        cmocka_unit_test(databases_say_what_was),
        cmocka_unit_test(a_stopped_run_is_kept_as_partial),
    };
    return cmocka_run_group_tests_name("result", tests, NULL, forget);
}
