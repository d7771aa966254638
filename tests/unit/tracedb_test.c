/* tests/unit/tracedb_test.c - the run database: schema, documentation, bytes, and what happens when
 * writing fails. */
#include "analysis/intern.h"
#include "analysis/text.h"
#include "analysis/tracedb.h"
#include "peerup/node.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

int tracedb_test(void);

/* A folder of its own for each test. */
typedef struct place {
    char folder[256], path[300], partial[340], error[600];
} place;

static int place_make(void **state)
{
    place *p = calloc(1, sizeof *p);
    const char *base = getenv("TMPDIR");
    if (!p) return -1;
    snprintf(p->folder, sizeof p->folder, "%.200s/tracedb-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(p->folder)) return -1;
    snprintf(p->path, sizeof p->path, "%s/run.db", p->folder);
    snprintf(p->partial, sizeof p->partial, "%s.partial-%ld-0", p->path, (long)getpid());
    *state = p;
    return 0;
}

static int place_remove(void **state)
{
    place *p = *state;
    unlink(p->path);
    unlink(p->partial);
    int result = rmdir(p->folder);
    free(p);
    return result;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* One row in every table, and enough packets for several pages. */
static void put_rows(tracedb *db)
{
    static const uint8_t rude[] = {'<', 'b', '>', 0x01, 0xff, '\\', 0xc3, 0xa9, 0x00};
    tracedb_put_run(db, &(tracedb_run){UINT64_MAX, "demo", "about", "model", "b1",
                                       "peerup-sim run x", "aa", "bb", 120 * PU_S, 42, false});
    tracedb_put_node(db, &(tracedb_node){.node = 0,
                                         .name = "home",
                                         .peer = "12D3",
                                         .is_public = true,
                                         .site = 4,
                                         .address = "11.0.0.1",
                                         .public_address = "11.0.0.1",
                                         .address6 = "",
                                         .behind = ""});
    tracedb_put_nat(db, &(tracedb_nat){3, -1, "router", "eim", "apdf", "preserve", 65 * PU_S,
                                       120 * PU_S, PU_S, "both", "none", true, 1, "paired",
                                       "11.0.1.1", "home"});
    tracedb_put_event(db, 0,
                      &(pu_trace){.now = 7,
                                  .code = PU_TR_IDENTIFIED,
                                  .conn = 2,
                                  .a = UINT64_MAX,
                                  .text = {rude, sizeof rude}},
                      NULL);
    tracedb_put_dial(db,
                     &(tracedb_dial){0, "home", "/ip4/11.0.0.1", "quic", 2, PU_NEVER, "open", 0});
    tracedb_put_dial(db,
                     &(tracedb_dial){0, "home", "/ip4/11.0.0.1", "quic", 1, 3, "failed", 0x2000});
    tracedb_put_note(db, 3, 0, "dial-failed", "home: every address failed, next try in 1.000 s");
    tracedb_put_conn(
        db, &(tracedb_conn){0, 1, "home", true, false, "quic", "a", "b", 1, 2, PU_NEVER, 0});
    tracedb_put_path(db, &(tracedb_path){0, 0, true, 5, 9});
    tracedb_put_connect(db,
                        &(tracedb_connect){0, 0, 1, 2, PU_NEVER, PU_NEVER, "relay", "relay", true});
    tracedb_put_note(db, 3, -1, "start", "");
    tracedb_put_metric(db, "dials", 5, "count", "addresses");
    tracedb_put_property(db,
                         &(tracedb_property){"reached", "within 2 ns", true, 1, 2, "after 1 ns"});
    tracedb_put_code(db, 0x2000, "timed-out", "a deadline passed");
    for (uint32_t i = 0; i < 3000; i++) {
        char from[32];
        snprintf(from, sizeof from, "11.0.0.%u:4001", i % 200);
        tracedb_put_packet(db, &(tracedb_packet){i, i / 2, 0, i % 2 ? 0 : -1, -1, from,
                                                 "11.0.9.9:4001", "udp", "data", "sent", 100});
    }
}

static void write_database(place *p, const char *path)
{
    tracedb *db = tracedb_create(path, p->error, sizeof p->error);
    if (!db) fail_msg("%s", p->error);
    put_rows(db);
    if (!tracedb_close(db, true, p->error, sizeof p->error)) fail_msg("%s", p->error);
}

static sqlite3 *open_database(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

/* Compares the first column of the first row of a query, as text. */
static void assert_query(sqlite3 *db, const char *query, const char *expected)
{
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(db, query, -1, &q, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", query, sqlite3_errmsg(db));
    }
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    const char *text = (const char *)sqlite3_column_text(q, 0);
    if (strcmp(text ? text : "NULL", expected) != 0) {
        fail_msg("%s: %s, not %s", query, text ? text : "NULL", expected);
    }
    sqlite3_finalize(q);
}

static void rows_are_found_again(void **state)
{
    static const struct {
        const char *query, *expected;
    } cases[] = {
        {"PRAGMA application_id", "1886745198"},
        {"PRAGMA user_version", "6"},
        {"PRAGMA integrity_check", "ok"},
        {"SELECT seed FROM run", "18446744073709551615"},
        {"SELECT count(*) FROM run WHERE duration_ns = 120000000000 AND events = 42", "1"},
        {"SELECT group_name FROM node", "NULL"},
        {"SELECT parent FROM nat", "NULL"},
        {"SELECT udp_idle_ns || hairpin || blocks_udp FROM nat", "65000000000none1"},
        {"SELECT area || ' ' || name || ' ' || a || ' ' || conn FROM event",
         "identify identified 9223372036854775807 2"},
        {"SELECT text FROM event", "<b>\\x01\\xff\\\\\xc3\xa9\\x00"},
        {"SELECT stream FROM event", "NULL"},
        {"SELECT end_ns FROM dial WHERE outcome = 'open'", "NULL"},
        {"SELECT confirmed_ns FROM conn WHERE down_ns IS NULL", "2"},
        {"SELECT end_ns - start_ns FROM path", "4"},
        {"SELECT direct_ns FROM connect WHERE lost_ns IS NULL AND id = 1", "NULL"},
        {"SELECT node FROM note WHERE kind = 'start'", "NULL"},
        {"SELECT count(*) FROM endpoint", "201"},
        {"SELECT count(*) FROM packet WHERE to_node IS NULL AND box IS NULL", "1500"},
        {"SELECT value || unit || meaning FROM metric", "5countaddresses"},
        {"SELECT expected || held || took_ns || within_ns || why FROM property",
         "within 2 ns112after 1 ns"},
        {"SELECT time_to_connect_ms FROM v_connect", "1.0e-06"},
        {"SELECT group_concat(from_name || outcome || reason) FROM v_dial",
         "homefailedtimed-out,homeopen"},
        {"SELECT words FROM v_timeline WHERE sort = 'no answer'", "no answer from home"},
        {"SELECT authorized FROM v_connect", "1"},
        {"SELECT direct_s FROM v_path_time", "4.0e-09"},
        {"SELECT from_behind || pairs || usable || direct FROM v_nat_matrix", "public110"},
        {"SELECT from_endpoint || to_endpoint FROM v_packet WHERE id = 100 LIMIT 1",
         "11.0.0.0:400111.0.9.9:4001"},
        {"SELECT count(*) FROM v_packet", "3000"},
    };
    place *p = *state;
    write_database(p, p->path);
    assert_false(exists(p->partial));
    sqlite3 *db = open_database(p->path);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_query(db, cases[i].query, cases[i].expected);
    }
    sqlite3_close(db);
}

static void schema_is_strict_and_documented(void **state)
{
    static const char *const refused[] = {
        "INSERT INTO note VALUES ('soon', 1, 'start', '')",
        "INSERT INTO note VALUES (NULL, 1, 'start', '')",
        "INSERT INTO path VALUES (0, 1, 2, 5, 9)",
        "INSERT INTO property VALUES (NULL, 'x', 'y', 1.5, 0, 0, '')",
    };
    place *p = *state;
    write_database(p, p->path);
    sqlite3 *db = open_database(p->path);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_not_equal(sqlite3_exec(db, refused[i], NULL, NULL, NULL), SQLITE_OK);
    }
    assert_query(db,
                 "SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND NOT strict "
                 "AND name NOT LIKE 'sqlite_%'",
                 "0");
    /* Every column has its line, and every line its column (an empty name: the table itself). */
    const char *columns = "SELECT group_concat(m.name || '.' || c.name) FROM sqlite_schema m "
                          "JOIN pragma_table_info(m.name) c LEFT JOIN _doc d "
                          "ON d.table_name = m.name AND d.column_name = c.name "
                          "WHERE m.type IN ('table', 'view') AND coalesce(d.meaning, '') = ''";
    const char *lines = "SELECT group_concat(table_name || '.' || column_name) FROM _doc "
                        "WHERE column_name <> '' AND column_name NOT IN "
                        "(SELECT name FROM pragma_table_info(table_name))";
    assert_query(db, columns, "NULL");
    assert_query(db, lines, "NULL");
    assert_query(db,
                 "SELECT group_concat(name) FROM sqlite_schema WHERE type IN ('table', 'view') "
                 "AND name NOT IN (SELECT table_name FROM _doc WHERE column_name = '')",
                 "NULL");
    sqlite3_close(db);
}

static void equal_rows_give_equal_bytes(void **state)
{
    place *p = *state;
    char second[320];
    snprintf(second, sizeof second, "%s/second.db", p->folder);
    write_database(p, p->path);
    write_database(p, second);
    FILE *a = fopen(p->path, "rb"), *b = fopen(second, "rb");
    assert_non_null(a);
    assert_non_null(b);
    int x, y;
    long bytes = 0;
    do {
        x = getc(a);
        y = getc(b);
        if (x != y) fail_msg("the files differ at byte %ld", bytes);
        bytes++;
    } while (x != EOF);
    assert_true(bytes > 100000);
    fclose(a);
    fclose(b);
    unlink(second);
}

static void closing_decides_about_the_file(void **state)
{
    place *p = *state;
    tracedb *db = tracedb_create(p->path, p->error, sizeof p->error);
    assert_non_null(db);
    assert_true(exists(p->partial));
    assert_false(exists(p->path));
    assert_true(tracedb_close(db, false, p->error, sizeof p->error));
    assert_false(exists(p->partial));
    assert_false(exists(p->path));

    /* What a crashed run left behind is no obstacle. */
    FILE *rest = fopen(p->partial, "w");
    assert_non_null(rest);
    fputs("half a database", rest);
    fclose(rest);
    write_database(p, p->path);
    assert_true(exists(p->path));
}

/* Two runs into one file: neither writes into what the other does, the last one stays. */
static void two_at_once_are_both_whole(void **state)
{
    place *p = *state;
    tracedb *first = tracedb_create(p->path, p->error, sizeof p->error);
    tracedb *second = tracedb_create(p->path, p->error, sizeof p->error);
    assert_non_null(first);
    assert_non_null(second);
    put_rows(second);
    put_rows(first);
    assert_true(tracedb_close(first, true, p->error, sizeof p->error));
    for (int i = 0; i < 2; i++) {
        sqlite3 *db = open_database(p->path);
        assert_query(db, "PRAGMA integrity_check", "ok");
        assert_query(db, "SELECT count(*) FROM packet", "3000");
        sqlite3_close(db);
        if (i == 0) assert_true(tracedb_close(second, true, p->error, sizeof p->error));
    }
}

static void unwritable_folder_is_named(void **state)
{
    place *p = *state;
    char path[340];
    snprintf(path, sizeof path, "%s/none/run.db", p->folder);
    assert_null(tracedb_create(path, p->error, sizeof p->error));
    assert_non_null(strstr(p->error, path));
    assert_non_null(strstr(p->error, "No such file"));
}

static void full_disk_leaves_no_file(void **state)
{
    place *p = *state;
    struct rlimit old, small = {0, 0};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_cur = 128 * 1024;
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    tracedb *db = tracedb_create(p->path, p->error, sizeof p->error);
    assert_non_null(db);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    put_rows(db);
    bool done = tracedb_close(db, true, p->error, sizeof p->error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_false(done);
    assert_non_null(strstr(p->error, "cannot write"));
    assert_false(exists(p->path));
    assert_false(exists(p->partial));
}

static void texts_are_numbered_in_order(void **state)
{
    (void)state;
    intern t = {0};
    bool fresh;
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 1; i <= 5000; i++) {
            char text[16];
            snprintf(text, sizeof text, "text %u", i);
            assert_int_equal(intern_id(&t, text, &fresh), i);
            assert_int_equal(fresh, round == 0);
        }
    }
    intern_close(&t);
}

static void only_printable_text_gets_through(void **state)
{
    static const struct {
        const char *bytes, *expected;
    } cases[] = {
        {"plain ~ text", "plain ~ text"},
        {"a\\b", "a\\\\b"},
        {"\t\n\x7f", "\\x09\\x0a\\x7f"},
        {"\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x90\x99", "\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x90\x99"},
        {"\xc2\x80", "\\xc2\\x80"},                   /* C1 control */
        {"\xc0\xaf", "\\xc0\\xaf"},                   /* overlong */
        {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},          /* overlong */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* above U+10FFFF */
        {"\xe2\x86", "\\xe2\\x86"},                   /* cut */
        {"\xff", "\\xff"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[64];
        const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
        size_t len = text_escape(out, sizeof out, bytes, strlen(cases[i].bytes));
        assert_string_equal(out, cases[i].expected);
        assert_int_equal(len, strlen(out));
    }
    char small[6];
    assert_int_equal(text_escape(small, sizeof small, (const uint8_t *)"abc\xff", 4), 3);
    assert_string_equal(small, "abc");
}

/* Every code can be told from every other by its name; codes of others have none. */
static void codes_have_names(void **state)
{
    static const uint32_t codes[] = {
#define CODE(code, value, name, meaning) PU_CODE_##code,
        PU_CODE_LIST(CODE)
#undef CODE
    };
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const pu_code_info *info = pu_code_describe(codes[i]);
        assert_non_null(info);
        assert_true(strlen(info->name) > 0 && strlen(info->meaning) > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(info->name, pu_code_describe(codes[j])->name);
    }
    assert_string_equal(pu_code_describe(0x2000)->name, "timed-out");
    assert_null(pu_code_describe(UINT32_MAX));
}

int tracedb_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_found_again, place_make, place_remove),
        cmocka_unit_test_setup_teardown(schema_is_strict_and_documented, place_make, place_remove),
        cmocka_unit_test_setup_teardown(equal_rows_give_equal_bytes, place_make, place_remove),
        cmocka_unit_test_setup_teardown(two_at_once_are_both_whole, place_make, place_remove),
        cmocka_unit_test_setup_teardown(closing_decides_about_the_file, place_make, place_remove),
        cmocka_unit_test_setup_teardown(unwritable_folder_is_named, place_make, place_remove),
        cmocka_unit_test_setup_teardown(full_disk_leaves_no_file, place_make, place_remove),
        cmocka_unit_test(texts_are_numbered_in_order),
        cmocka_unit_test(codes_have_names),
        cmocka_unit_test(only_printable_text_gets_through),
    };
    return cmocka_run_group_tests_name("tracedb", tests, NULL, NULL);
}
