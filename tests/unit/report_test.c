/* tests/unit/report_test.c - the story and the page made of small run databases, hostile texts
 * included. */
#include "analysis/report.h"
#include "analysis/tracedb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

int report_test(void);

typedef struct place {
    char folder[256], db[300], html[300], error[1600];
} place;

static int place_make(void **state)
{
    place *p = calloc(1, sizeof *p);
    const char *base = getenv("TMPDIR");
    if (!p) return -1;
    snprintf(p->folder, sizeof p->folder, "%.200s/report-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(p->folder)) return -1;
    snprintf(p->db, sizeof p->db, "%s/run.db", p->folder);
    snprintf(p->html, sizeof p->html, "%s/report.html", p->folder);
    *state = p;
    return 0;
}

/* The folder must hold nothing else: a report leaves no temporary files. */
static int place_remove(void **state)
{
    place *p = *state;
    unlink(p->db);
    unlink(p->html);
    int result = rmdir(p->folder);
    free(p);
    return result;
}

static tracedb *begin(place *p, const char *scenario)
{
    tracedb *db = tracedb_create(p->db, p->error, sizeof p->error);
    if (!db) fail_msg("%s", p->error);
    tracedb_put_run(db, &(tracedb_run){7, scenario, "What it is about.", "model", "b1",
                                       "peerup-sim run x.yaml --seed 7", "aa", "bb", 120 * PU_S, 42,
                                       false});
    return db;
}

static void end(place *p, tracedb *db)
{
    if (!tracedb_close(db, true, p->error, sizeof p->error)) fail_msg("%s", p->error);
}

static void put_node(tracedb *db, uint32_t node, const char *name, const char *group,
                     const char *behind)
{
    char peer[32];
    snprintf(peer, sizeof peer, "12D3KooW%03u", node);
    tracedb_put_node(db, &(tracedb_node){.node = node,
                                         .name = name,
                                         .peer = peer,
                                         .group = group,
                                         .is_relay = node == 0,
                                         .is_public = behind[0] == '\0',
                                         .address = "11.0.0.1",
                                         .public_address = "11.0.0.1",
                                         .behind = behind});
    tracedb_put_note(db, 0, node, "start", "");
}

/* A relay, two named nodes that punch, lose each other by a change of network and come back; a
 * stranger; one group. */
static void put_run(tracedb *db)
{
    put_node(db, 0, "hub", NULL, "");
    put_node(db, 1, "desk", NULL, "box eim/apdf/preserve > isp eim/apdf/random");
    put_node(db, 2, "phone", NULL, "box eim/apdf/preserve");
    put_node(db, 3, "nosy", NULL, "");
    for (uint32_t i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "crowd-%u", i + 1);
        put_node(db, 4 + i, name, "crowd", "eim/apdf/preserve");
    }
    const tracedb_nat isp = {0,         -1,    "isp", "eim", "apdf", "random",
                             35 * PU_S, false, false, "",    "desk"};
    const tracedb_nat box = {1,         0,     "box", "eim", "apdf", "preserve",
                             65 * PU_S, false, false, "",    "desk"};
    const tracedb_nat own = {2,         -1,    "box", "eim", "apdf", "preserve",
                             65 * PU_S, false, false, "",    "phone"};
    const tracedb_nat next = {3,         -1,    "cafe", "apdm", "apdf", "random",
                              30 * PU_S, false, false,  "",     "phone"};
    tracedb_put_nat(db, &isp);
    tracedb_put_nat(db, &box);
    tracedb_put_nat(db, &own);
    tracedb_put_nat(db, &next);
    const tracedb_connect connects[] = {
        {2, 1, 10 * PU_S, 10 * PU_S + 200 * PU_MS, 10 * PU_S + 700 * PU_MS, 61 * PU_S, "relay",
         "direct"},
        {3, 1, 20 * PU_S, PU_NEVER, PU_NEVER, PU_NEVER, "", ""},
        {4, 5, 30 * PU_S, 30 * PU_S + 100 * PU_MS, 30 * PU_S + 300 * PU_MS, PU_NEVER, "relay",
         "direct"},
        {6, 7, 31 * PU_S, 31 * PU_S + 500 * PU_MS, PU_NEVER, PU_NEVER, "relay", "relay"},
        {2, 1, 61 * PU_S, 62 * PU_S, PU_NEVER, PU_NEVER, "relay", "relay"},
    };
    for (size_t i = 0; i < sizeof connects / sizeof connects[0]; i++) {
        tracedb_put_connect(db, &connects[i]);
    }
    tracedb_put_path(db, &(tracedb_path){2, 1, true, 10 * PU_S, 61 * PU_S});
    tracedb_put_dial(db, &(tracedb_dial){2, "desk", "/ip4/11.0.0.1/p2p/12D3KooW000/p2p-circuit",
                                         "circuit", 10 * PU_S, 10 * PU_S + 150 * PU_MS, "won", 0});
    tracedb_put_note(db, 10 * PU_S + 600 * PU_MS, 1, "punch", "to phone: 6 datagrams, 1 rounds");
    tracedb_put_note(db, 20 * PU_S, 1, "refused", "nosy (secured)");
    tracedb_put_note(db, 21 * PU_S, 1, "refused", "nosy (secured)");
    tracedb_put_note(db, 22 * PU_S, 0, "refused", "nosy (relay)");
    tracedb_put_note(db, 60 * PU_S, 2, "change_network", "phone");
    tracedb_put_property(db, "reached", true, "after 200 ms");
    tracedb_put_property(db, "quick", false, "after 700 ms");
}

static const char expected_story[] =
    "demo: 8 nodes for 120.0 s of simulated time, seed 7, 42 events.\n"
    "On public addresses: hub (a relay), nosy.\n"
    "desk is behind box (eim/apdf/preserve, idle mappings last 65 s), then isp (eim/apdf/random, "
    "idle mappings last 35 s).\n"
    "phone is behind box (eim/apdf/preserve, idle mappings last 65 s).\n"
    "At 10.000 s phone asked for desk: usable after 200.0 ms through hub, direct after 700.0 ms by "
    "a hole punch (desk to phone: 6 datagrams, 1 rounds).\n"
    "At 20.000 s nosy asked for desk: never connected.\n"
    "At 60.000 s phone changed its network: desk was lost 1.000 s later, back 2.000 s after the "
    "change.\n"
    "At 61.000 s phone lost desk and asked again: usable after 1000.0 ms through a relay, never "
    "direct.\n"
    "nosy was refused 3 times: 2 by desk (secured), 1 by hub (relay).\n"
    "crowd: 2 of 2 pairs connected (median 100.0 ms), 1 of them directly (median 300.0 ms).\n"
    "1 of 2 properties held, violated: quick (after 700 ms).\n";

static char *story_of(place *p)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    if (!report_story(p->db, out, p->error, sizeof p->error)) fail_msg("%s", p->error);
    fclose(out);
    return text;
}

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    size_t len = fread(text, 1, (1 << 20) - 1, f);
    assert_true(len > 0 && len < (1 << 20) - 1);
    fclose(f);
    return text;
}

static int count(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) n++;
    return n;
}

static void story_is_told(void **state)
{
    place *p = *state;
    tracedb *db = begin(p, "demo");
    put_run(db);
    end(p, db);
    char *story = story_of(p);
    assert_string_equal(story, expected_story);
    free(story);
}

static void story_of_an_empty_run(void **state)
{
    place *p = *state;
    end(p, begin(p, "nothing"));
    char *story = story_of(p);
    assert_string_equal(story,
                        "nothing: 0 nodes for 120.0 s of simulated time, seed 7, 42 events.\n");
    free(story);
}

static void page_is_whole(void **state)
{
    place *p = *state;
    tracedb *db = begin(p, "demo");
    put_run(db);
    end(p, db);
    if (!report_write(p->db, p->html, p->error, sizeof p->error)) fail_msg("%s", p->error);
    char *page = read_all(p->html);
    assert_memory_equal(page, "<!DOCTYPE html>", 15);
    assert_non_null(strstr(page, "1 of 2 properties held."));
    assert_non_null(strstr(page, "phone \xe2\x86\x92 desk"));
    assert_int_equal(count(page, "<svg "), 3); /* no packets, so no hole punch to draw */
    assert_int_equal(count(page, "<svg "), count(page, "</svg>"));
    assert_int_equal(count(page, "<script"), 0);
    assert_int_equal(count(page, " src="), 0);
    assert_non_null(strstr(page, "</html>"));
    free(page);
}

/* More named nodes, pairs and marks than the figures show. */
static void crowded_run_is_drawn(void **state)
{
    place *p = *state;
    tracedb *db = begin(p, "crowded");
    for (uint32_t i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "node-%u", i);
        put_node(db, i, name, NULL, "");
        tracedb_put_note(db, i * PU_S, i, "refused", "node-1 (secured)");
        tracedb_put_connect(db, &(tracedb_connect){i, 99 - i, i * PU_S, i * PU_S + i * PU_MS + 1,
                                                   PU_NEVER, PU_NEVER, "relay", "relay"});
        for (uint32_t j = 0; j < 20; j++) tracedb_put_note(db, j * PU_S, 0, "reserved", name);
    }
    end(p, db);
    if (!report_write(p->db, p->html, p->error, sizeof p->error)) fail_msg("%s", p->error);
    char *page = read_all(p->html);
    assert_int_equal(count(page, "<svg "), 3);
    assert_non_null(strstr(page, "the first 80 of 100 pairs"));
    assert_non_null(strstr(page, "the first 12 of 100 named nodes"));
    free(page);
    char *story = story_of(p);
    assert_non_null(strstr(story, "node-7 and 92 more."));
    assert_non_null(strstr(story, "... and 90 more connects"));
    free(story);
}

static void hostile_text_stays_text(void **state)
{
    static const char evil[] = "<script>'\"&\\n$`\n\xff</title>";
    place *p = *state;
    tracedb *db = begin(p, evil);
    put_node(db, 0, evil, NULL, "");
    put_node(db, 1, "EOD", NULL, "");
    tracedb_put_connect(db,
                        &(tracedb_connect){0, 1, 1, PU_S, 2 * PU_S, PU_NEVER, "direct", "direct"});
    tracedb_put_note(db, PU_S, 1, "refused", evil);
    tracedb_put_property(db, evil, false, evil);
    tracedb_put_metric(db, evil, 1, evil);
    end(p, db);
    if (!report_write(p->db, p->html, p->error, sizeof p->error)) fail_msg("%s", p->error);
    char *page = read_all(p->html);
    assert_int_equal(count(page, "<script"), 0);
    assert_int_equal(count(page, "</title>"), 1);
    assert_int_equal(count(page, "\xff"), 0);
    assert_true(count(page, "&lt;script") > 5);
    free(page);
    char *story = story_of(p);
    assert_int_equal(count(story, "\n"), 5);
    free(story);
}

static void refusals_name_their_reason(void **state)
{
    static const struct {
        const char *sql, *reason;
    } cases[] = {
        {"PRAGMA application_id = 1", "is not a run database"},
        {"PRAGMA user_version = 99", "of another version"},
        {"DELETE FROM run", "without its run"},
    };
    place *p = *state;
    assert_false(report_write(p->db, p->html, p->error, sizeof p->error));
    assert_non_null(strstr(p->error, p->db));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sqlite3 *db;
        unlink(p->db);
        end(p, begin(p, "demo"));
        assert_int_equal(sqlite3_open(p->db, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, cases[i].sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        assert_false(report_write(p->db, p->html, p->error, sizeof p->error));
        assert_non_null(strstr(p->error, cases[i].reason));
        assert_false(report_story(p->db, stderr, p->error, sizeof p->error));
        assert_int_not_equal(access(p->html, F_OK), 0);
    }
}

static void unwritable_folder_is_named(void **state)
{
    place *p = *state;
    char path[340];
    end(p, begin(p, "demo"));
    snprintf(path, sizeof path, "%s/none/report.html", p->folder);
    assert_false(report_write(p->db, path, p->error, sizeof p->error));
    assert_non_null(strstr(p->error, path));
}

static void missing_gnuplot_is_named(void **state)
{
    place *p = *state;
    tracedb *db = begin(p, "demo");
    put_run(db);
    end(p, db);
    const char *old = getenv("PATH");
    char *kept = old ? strdup(old) : NULL;
    setenv("PATH", p->folder, 1);
    bool done = report_write(p->db, p->html, p->error, sizeof p->error);
    if (kept) setenv("PATH", kept, 1);
    free(kept);
    assert_false(done);
    assert_non_null(strstr(p->error, "gnuplot"));
    assert_non_null(strstr(p->error, "not installed"));
    assert_int_not_equal(access(p->html, F_OK), 0);
}

int report_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(story_is_told, place_make, place_remove),
        cmocka_unit_test_setup_teardown(story_of_an_empty_run, place_make, place_remove),
        cmocka_unit_test_setup_teardown(page_is_whole, place_make, place_remove),
        cmocka_unit_test_setup_teardown(crowded_run_is_drawn, place_make, place_remove),
        cmocka_unit_test_setup_teardown(hostile_text_stays_text, place_make, place_remove),
        cmocka_unit_test_setup_teardown(refusals_name_their_reason, place_make, place_remove),
        cmocka_unit_test_setup_teardown(unwritable_folder_is_named, place_make, place_remove),
        cmocka_unit_test_setup_teardown(missing_gnuplot_is_named, place_make, place_remove),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
