/* tests/unit/report_test.c - the story and the page made of small run databases, hostile texts
 * included. */
#include "tests/unit/report_play.h"

#include <sqlite3.h>

int report_test(void);

/* Where the nodes of put_run are: phone changes networks. */
static void put_places(tracedb *db)
{
    static const int64_t boxes[] = {-1, 1, 2, -1, -1, -1, -1, -1};
    for (uint32_t i = 0; i < 8; i++) put_place(db, i, 0, boxes[i], "10.0.0.1");
    put_place(db, 2, 60 * PU_S, 3, "10.0.0.2");
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
    const tracedb_nat isp = nat_of(0, "isp", "desk");
    tracedb_nat box = nat_of(1, "box", "desk"), own, next = nat_of(3, "cafe", "phone");
    box.parent = 0;
    box.ports = "preserve";
    box.udp_idle_ns = 65 * PU_S;
    own = box;
    own.box = 2;
    own.parent = -1;
    own.owner = "phone";
    next.mapping = "apdm";
    next.udp_idle_ns = 30 * PU_S;
    tracedb_put_nat(db, &isp);
    tracedb_put_nat(db, &box);
    tracedb_put_nat(db, &own);
    tracedb_put_nat(db, &next);
    put_places(db);
    const tracedb_connect connects[] = {
        {2, 1, 10 * PU_S, 10 * PU_S + 200 * PU_MS, 10 * PU_S + 700 * PU_MS, 61 * PU_S, "relay",
         "direct", true},
        {3, 1, 20 * PU_S, PU_NEVER, PU_NEVER, PU_NEVER, "", "", false},
        {4, 5, 30 * PU_S, 30 * PU_S + 100 * PU_MS, 30 * PU_S + 300 * PU_MS, PU_NEVER, "relay",
         "direct", true},
        {6, 7, 31 * PU_S, 31 * PU_S + 500 * PU_MS, PU_NEVER, PU_NEVER, "relay", "relay", true},
        {2, 1, 61 * PU_S, 62 * PU_S, PU_NEVER, PU_NEVER, "relay", "relay", true},
    };
    for (size_t i = 0; i < sizeof connects / sizeof connects[0]; i++) {
        tracedb_put_connect(db, &connects[i]);
    }
    tracedb_put_path(db, &(tracedb_path){2, 1, true, 10 * PU_S, 61 * PU_S});
    tracedb_put_dial(db, &(tracedb_dial){2, "desk", "/ip4/11.0.0.1/p2p/12D3KooW000/p2p-circuit",
                                         "circuit", 10 * PU_S, 10 * PU_S + 150 * PU_MS, "won", 0});
    tracedb_put_note(db, 10 * PU_S + 600 * PU_MS, 1, "punch",
                     "phone: direct after 1 round, 80.250 ms");
    tracedb_put_note(db, 20 * PU_S, 1, "refused", "nosy (secured)");
    tracedb_put_note(db, 21 * PU_S, 1, "refused", "nosy (secured)");
    tracedb_put_note(db, 22 * PU_S, 0, "refused", "nosy (relay)");
    tracedb_put_note(db, 60 * PU_S, 2, "change_network", "phone");
    tracedb_put_property(
        db, &(tracedb_property){"reached", "in 1 s", true, 200 * PU_MS, PU_S, "after 200 ms"});
    tracedb_put_property(
        db, &(tracedb_property){"quick", "in 1 ms", false, 700 * PU_MS, PU_MS, "after 700 ms"});
}

static const char expected_story[] =
    "What it is about.\n"
    "demo, seed 7: 8 nodes for 120 s of simulated time. desk is behind box, then isp; phone is "
    "behind box; public: hub (a relay), nosy.\n"
    "box, isp (NAT): one outer port for all; only who was written to gets in, for 65 s (box), 35 s "
    "(isp).\n"
    "cafe (NAT): another outer port for each address and port; only who was written to gets in, "
    "for 30 s.\n"
    "At 10.0 s phone asked for desk: connected after 0.20 s through hub, directly after 0.70 s by "
    "a hole punch (both send at the same time, so that each box takes what comes for an "
    "answer).\n"
    "At 20.0 s nosy, who is not authorized there, asked for desk: never connected; refused 3 times "
    "by desk and hub; 1 of its datagrams was dropped at desk isp.\n"
    "At 60.0 s phone changed its network (now behind cafe) and kept its connection with desk.\n"
    "At 61.0 s phone lost desk: back after 1.00 s through a relay, never directly.\n"
    "Median round trip between phone and desk: 30.0 ms directly.\n"
    "crowd: 2 of 2 pairs connected (median 0.30 s), 1 of them directly (median 0.30 s).\n"
    "1 of 2 properties held, violated: quick (after 700 ms).\n";

/* Packets, pings and a dial to put_run: desk punches, phone and nosy say hello, crowd-1 punches. */
static void put_packets(tracedb *db)
{
    put_datagram(db, 1, 10 * PU_S + 400 * PU_MS, "data", 2, 0, -1);
    put_datagram(db, 2, 10 * PU_S + 410 * PU_MS, "data", 1, 0, -1);
    put_punch(db, 10 * PU_S + 500 * PU_MS, 1, "phone");
    put_datagram(db, 3, 10 * PU_S + 500 * PU_MS, "punch", 1, 2, -1);
    put_datagram(db, 4, 10 * PU_S + 510 * PU_MS, "punch", 1, 2, -1);
    put_datagram(db, 5, 10 * PU_S + 600 * PU_MS, "hello", 2, 1, -1);
    put_datagram(db, 6, 20 * PU_S, "hello", 3, -1, 0);
    put_datagram(db, 7, 30 * PU_S, "punch", 4, 5, -1);
    put_datagram(db, 8, 30 * PU_S, "punch", 4, -1, -1);
    tracedb_put_dial(db, &(tracedb_dial){3, "desk", "/ip4/11.0.0.9/udp/4001/quic-v1", "quic",
                                         20 * PU_S, 25 * PU_S, "failed", 0x2000});
    tracedb_put_note(db, 25 * PU_S, 3, "dial-failed",
                     "desk: every address failed, next try in 1.000 s");
    tracedb_put_code(db, 0x2000, "timed-out", "a deadline passed");
    tracedb_put_conn(db,
                     &(tracedb_conn){2, 1, "desk", true, false, "quic", "", "", 0, 0, PU_NEVER, 0});
    uint8_t peer = 1;
    for (uint64_t i = 1; i <= 2; i++) {
        tracedb_put_event(db, 2,
                          &(pu_trace){.now = i * PU_S,
                                      .code = PU_TR_PING_RTT,
                                      .conn = 1,
                                      .peer = {&peer, 1},
                                      .a = i * 20 * PU_MS},
                          "desk");
    }
}

static void story_is_told(void **state)
{
    place *p = *state;
    tracedb *db = begin(p, "demo");
    put_run(db);
    put_packets(db);
    end(p, db);
    char *story = story_of(p);
    assert_string_equal(story, expected_story);
    free(story);
}

/* What the script does, and what is lost with it. */
static void story_of_a_hard_life(void **state)
{
    place *p = *state;
    tracedb *db = begin(p, "hard");
    put_node(db, 0, "hub", NULL, "");
    put_node(db, 1, "desk", NULL, "");
    put_node(db, 2, "phone", NULL, "");
    const tracedb_connect connects[] = {
        {2, 1, 10 * PU_S, 11 * PU_S, 11 * PU_S, 30 * PU_S, "direct", "direct", true},
        {2, 1, 30 * PU_S, 45 * PU_S, 45 * PU_S, 70 * PU_S, "direct", "direct", true},
        {2, 1, 70 * PU_S, PU_NEVER, PU_NEVER, PU_NEVER, "", "", true},
    };
    for (size_t i = 0; i < sizeof connects / sizeof connects[0]; i++)
        tracedb_put_connect(db, &connects[i]);
    tracedb_put_note(db, 0, 1, "start", "desk");
    tracedb_put_note(db, 20 * PU_S, 0, "crash", "hub");
    tracedb_put_note(db, 30 * PU_S, 1, "crash", "desk");
    tracedb_put_note(db, 40 * PU_S, 1, "start", "desk");
    tracedb_put_note(db, 50 * PU_S, 2, "clock", "ahead");
    tracedb_put_note(db, 60 * PU_S, -1, "partition", "desk | phone");
    tracedb_put_note(db, 70 * PU_S, 2, "change_network", "phone");
    tracedb_put_note(db, 80 * PU_S, -1, "mend", "desk | phone");
    tracedb_put_note(db, 90 * PU_S, -1, "block", "desk > phone");
    end(p, db);
    char *story = story_of(p);
    assert_string_equal(
        story, "What it is about.\n"
               "hard, seed 7: 3 nodes for 120 s of simulated time. public: hub (a relay), desk, "
               "phone.\n"
               "At 10.0 s phone asked for desk: connected directly after 1.00 s.\n"
               "At 20.0 s hub crashed.\n"
               "At 30.0 s desk crashed and phone lost it: back directly after 15.00 s.\n"
               "At 40.0 s desk started again.\n"
               "At 50.0 s the clock of phone jumped ahead.\n"
               "At 60.0 s nothing got across any more: desk | phone.\n"
               "At 70.0 s phone changed its network and lost desk: never back.\n"
               "At 80.0 s this was over: desk | phone.\n"
               "At 90.0 s nothing got through any more: desk > phone.\n");
    free(story);
}

static void story_of_an_empty_run(void **state)
{
    place *p = *state;
    end(p, begin(p, "nothing"));
    char *story = story_of(p);
    assert_string_equal(
        story, "What it is about.\nnothing, seed 7: 0 nodes for 120 s of simulated time.\n");
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
    assert_int_equal(count(page, "<svg "), 4); /* no packets, so no attempt to draw */
    assert_int_equal(count(page, "the public network</text>"), 1);
    assert_int_equal(count(page, "cafe</text>"), 1); /* where phone is in the end */
    assert_int_equal(count(page, "box</text>"), 1);  /* desk's, not the one that phone has left */
    assert_int_equal(count(page, "<svg "), count(page, "</svg>"));
    assert_int_equal(count(page, "<script"), 0);
    assert_int_equal(count(page, " src="), 0);
    assert_non_null(strstr(page, "</html>"));
    free(page);
}

/* Turns entities back into what they stand for, in place. */
static void unescape(char *text)
{
    static const struct {
        const char *entity;
        char is;
    } entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};
    char *to = text;
    while (*text != '\0') {
        size_t skip = 1;
        *to = *text;
        for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
            if (strncmp(text, entities[i].entity, strlen(entities[i].entity)) != 0) continue;
            *to = entities[i].is;
            skip = strlen(entities[i].entity);
        }
        to++;
        text += skip;
    }
    *to = '\0';
}

static int count_row(void *rows, int columns, char **values, char **names)
{
    (void)columns;
    (void)values;
    (void)names;
    ++*(int *)rows;
    return 0;
}

/* Runs every query that the page shows below word. Returns the number of queries; *rows: rows of
 * the last one. */
static int run_queries(const place *p, const char *page, const char *word, int *rows)
{
    int queries = 0;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(p->db, &db), SQLITE_OK);
    for (const char *at = strstr(page, word); at; at = strstr(at + 1, word)) {
        const char *start = strstr(at, "<pre>") + 5, *stop = strstr(start, "</pre>");
        char *query = strndup(start, (size_t)(stop - start)), *error = NULL;
        assert_non_null(query);
        unescape(query);
        *rows = 0;
        if (sqlite3_exec(db, query, count_row, rows, &error) != SQLITE_OK)
            fail_msg("%s: %s", query, error);
        free(query);
        queries++;
    }
    sqlite3_close(db);
    return queries;
}

/* The hole punch is drawn, and the queries of the page give numbers. */
static void page_shows_its_queries(void **state)
{
    place *p = *state;
    int rows = 0;
    tracedb *db = begin(p, "demo");
    put_run(db);
    put_packets(db);
    end(p, db);
    if (!report_write(p->db, p->html, p->error, sizeof p->error)) fail_msg("%s", p->error);
    char *page = read_all(p->html);
    assert_int_equal(count(page, "<svg "), 5);
    assert_non_null(strstr(page, "until the direct connection."));
    assert_non_null(strstr(page, "(1 by strangers left out)"));
    assert_non_null(strstr(page, "25.00 s no answer from desk"));
    assert_non_null(strstr(page, "via hub"));
    assert_null(strstr(page, "dropped by a box</")); /* none was: not in the key */
    assert_true(run_queries(p, page, "SQL of this table", &rows) > 8);
    assert_int_equal(run_queries(p, page, "SQL of its numbers", &rows), 5);
    assert_int_equal(rows, 10); /* five datagrams of the punch, two places each */
    free(page);
}

/* A punch that came to nothing ends with its last datagram, whatever the relay carries on. */
static void punch_in_vain_is_cut(void **state)
{
    place *p = *state;
    tracedb *db = begin(p, "vain");
    put_node(db, 0, "hub", NULL, "");
    put_node(db, 1, "desk", NULL, "eim/apdf/random");
    put_node(db, 2, "phone", NULL, "");
    tracedb_put_connect(db, &(tracedb_connect){2, 1, 10 * PU_S, 11 * PU_S, PU_NEVER, PU_NEVER,
                                               "relay", "relay", true});
    put_punch(db, 12 * PU_S, 1, "phone");
    put_datagram(db, 1, 12 * PU_S, "punch", 1, -1, -1);
    put_datagram(db, 2, 12 * PU_S + 500 * PU_MS, "punch", 1, -1, -1);
    for (uint64_t i = 0; i < 40; i++) put_datagram(db, 3 + i, (11 + i) * PU_S, "data", 1, 0, -1);
    put_datagram(db, 50, 22 * PU_S, "punch", 1, -1, -1);
    end(p, db);
    if (!report_write(p->db, p->html, p->error, sizeof p->error)) fail_msg("%s", p->error);
    char *page = read_all(p->html);
    assert_non_null(
        strstr(page, "It never came to a direct connection: the first attempt is shown, 870 ms."));
    assert_non_null(strstr(page, "packet by packet: it never got direct</h3>"));
    assert_non_null(strstr(page, "No named pair got a direct connection. The first named pair that "
                                 "tried to punch a hole, phone and desk"));
    assert_non_null(strstr(page, ">lost on a link</"));
    free(page);
}

/* Without a punch the first who got direct is shown, until it is. */
static void an_attempt_without_a_punch_is_drawn(void **state)
{
    place *p = *state;
    int rows = 0;
    tracedb *db = begin(p, "plain");
    put_node(db, 0, "hub", NULL, "");
    put_node(db, 1, "desk", NULL, "");
    put_node(db, 2, "phone", NULL, "");
    tracedb_put_connect(
        db, &(tracedb_connect){1, 0, PU_S, PU_NEVER, PU_NEVER, PU_NEVER, "", "", false});
    tracedb_put_connect(db, &(tracedb_connect){2, 1, 10 * PU_S, 10 * PU_S + 80 * PU_MS,
                                               10 * PU_S + 80 * PU_MS, PU_NEVER, "direct", "direct",
                                               true});
    put_datagram(db, 1, PU_S, "hello", 1, 0, -1);
    put_datagram(db, 2, 10 * PU_S, "hello", 2, 1, -1);
    put_datagram(db, 3, 10 * PU_S + 30 * PU_MS, "data", 1, 2, -1);
    put_datagram(db, 4, 10 * PU_S + 190 * PU_MS, "data", 1, 2, -1); /* later */
    end(p, db);
    if (!report_write(p->db, p->html, p->error, sizeof p->error)) fail_msg("%s", p->error);
    char *page = read_all(p->html);
    assert_non_null(strstr(page, "got a direct connection, phone and desk"));
    assert_non_null(strstr(page, "from when it was asked until the direct connection."));
    run_queries(p, page, "SQL of its numbers", &rows);
    assert_int_equal(rows, 4); /* two datagrams, two places each */
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
                                                   PU_NEVER, PU_NEVER, "relay", "relay", true});
        for (uint32_t j = 0; j < 20; j++) tracedb_put_note(db, j * PU_S, 0, "reserved", name);
    }
    end(p, db);
    if (!report_write(p->db, p->html, p->error, sizeof p->error)) fail_msg("%s", p->error);
    char *page = read_all(p->html);
    assert_int_equal(count(page, "<svg "), 4);
    assert_non_null(strstr(page, "26 of 100 nodes are shown"));
    assert_non_null(strstr(page, "the first 80 of 100 pairs"));
    assert_non_null(strstr(page, "the first 12 of 100 named nodes"));
    free(page);
    char *story = story_of(p);
    assert_non_null(strstr(story, "node-7 and 92 more."));
    assert_non_null(strstr(story, "... and 90 more that happened"));
    free(story);
}

static void hostile_text_stays_text(void **state)
{
    static const char evil[] = "<script>'\"&\\n$`\n\xff</title>";
    place *p = *state;
    tracedb *db = begin(p, evil);
    put_node(db, 0, evil, NULL, "");
    put_node(db, 1, "EOD", NULL, "");
    tracedb_put_connect(
        db, &(tracedb_connect){0, 1, 1, PU_S, 2 * PU_S, PU_NEVER, "direct", "direct", true});
    tracedb_put_note(db, PU_S, 1, "refused", evil);
    tracedb_put_property(db, &(tracedb_property){evil, evil, false, PU_NEVER, PU_NEVER, evil});
    tracedb_put_metric(db, evil, 1, evil, evil);
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
    assert_false(report_write(p->folder, p->html, p->error, sizeof p->error));
    assert_non_null(strstr(p->error, "it is a folder"));
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
        assert_false(report_write(p->folder, p->html, p->error, sizeof p->error));
        assert_non_null(strstr(p->error, "run.db in it"));
        assert_int_not_equal(access(p->html, F_OK), 0);
    }
}

/* A database that somebody changed: whatever its times are, sums of them stay in range, and a
 * figure is drawn or says why there is none. Each change is made on top of those before. */
static void times_beyond_reason_are_cut(void **state)
{
    static const char *const changes[] = {
        "UPDATE connect SET usable_ns = 9223372036854775807",
        "UPDATE connect SET asked_ns = -9223372036854775807, direct_ns = 9223372036854775807",
        "UPDATE packet SET at_ns = 9223372036854775807 - id",
        "UPDATE run SET duration_ns = -9223372036854775807",
        "UPDATE run SET duration_ns = 9223372036854775807",
        "UPDATE note SET at_ns = -9223372036854775807 + at_ns",
        "UPDATE connect SET asked_ns = 9223372036854775807, lost_ns = asked_ns",
        "UPDATE path SET start_ns = 9223372036854775807, end_ns = start_ns",
        ("UPDATE note SET at_ns = 9223372036854775807; UPDATE packet SET at_ns = "
         "9223372036854775807"),
        "UPDATE connect SET asked_ns = 0, usable_ns = 0, direct_ns = 0, lost_ns = 0",
        "UPDATE packet SET at_ns = 0; UPDATE note SET at_ns = 0; UPDATE path SET end_ns = 0",
        "UPDATE run SET duration_ns = 0",
    };
    place *p = *state;
    tracedb *written = begin(p, "demo");
    sqlite3 *db;
    put_run(written);
    put_packets(written);
    end(p, written);
    assert_int_equal(sqlite3_open(p->db, &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        assert_int_equal(sqlite3_exec(db, changes[i], NULL, NULL, NULL), SQLITE_OK);
        p->error[0] = '\0';
        if (!report_write(p->db, p->html, p->error, sizeof p->error))
            fail_msg("%s: %s", changes[i], p->error);
    }
    sqlite3_close(db);
}

/* Compares the first value of a query, as text. */
static void assert_sum(const place *p, const char *query, const char *expected)
{
    sqlite3 *db;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open(p->db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(q, 0), expected);
    sqlite3_finalize(q);
    sqlite3_close(db);
}

/* Both asked for each other; the path is written from one of them. */
static void path_is_of_both_who_asked(void **state)
{
    place *p = *state;
    tracedb *db = begin(p, "both");
    put_node(db, 0, "a", NULL, "");
    put_node(db, 1, "b", NULL, "");
    tracedb_put_path(db, &(tracedb_path){0, 1, false, 10 * PU_S, 30 * PU_S});
    for (uint32_t i = 0; i < 2; i++)
        tracedb_put_connect(db, &(tracedb_connect){i, 1 - i, (5 + 15 * i) * PU_S, 20 * PU_S,
                                                   PU_NEVER, PU_NEVER, "relay", "relay", true});
    end(p, db);
    assert_sum(p, "SELECT relayed_s FROM v_path_time WHERE from_name = 'a'", "20.0");
    assert_sum(p, "SELECT relayed_s FROM v_path_time WHERE from_name = 'b'", "10.0");
}

static void run_of_no_millisecond_is_drawn(void **state)
{
    place *p = *state;
    tracedb *db = tracedb_create(p->db, p->error, sizeof p->error);
    assert_non_null(db);
    tracedb_put_run(db, &(tracedb_run){7, "short", "", "model", "b1", "peerup-sim run x.yaml", "aa",
                                       "bb", 999999, 42, false});
    put_node(db, 0, "a", NULL, "");
    put_node(db, 1, "b", NULL, "");
    tracedb_put_connect(db,
                        &(tracedb_connect){0, 1, 5, PU_NEVER, PU_NEVER, PU_NEVER, "", "", true});
    end(p, db);
    if (!report_write(p->db, p->html, p->error, sizeof p->error)) fail_msg("%s", p->error);
}

/* A page must not replace the run it is about, nor a device or a folder. */
static void only_ordinary_files_are_replaced(void **state)
{
    place *p = *state;
    char link_path[340], pipe_path[340];
    snprintf(link_path, sizeof link_path, "%s/link.html", p->folder);
    snprintf(pipe_path, sizeof pipe_path, "%s/pipe.html", p->folder);
    end(p, begin(p, "demo"));
    assert_int_equal(link(p->db, link_path), 0);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    const char *const refused[] = {p->db, link_path, pipe_path, p->folder};
    for (size_t i = 0; i < 4; i++) {
        assert_false(report_write(p->db, refused[i], p->error, sizeof p->error));
        assert_non_null(strstr(p->error, i < 2 ? "the run database itself" : "no ordinary file"));
    }
    assert_sum(p, "SELECT scenario FROM run", "demo");
    struct stat still;
    assert_int_equal(stat(pipe_path, &still), 0);
    assert_true(S_ISFIFO(still.st_mode));
    assert_int_equal(unlink(link_path), 0);
    assert_int_equal(unlink(pipe_path), 0);
    for (int i = 0; i < 2; i++) /* a page that is there is replaced */
        assert_true(report_write(p->db, p->html, p->error, sizeof p->error));
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
        cmocka_unit_test_setup_teardown(story_of_a_hard_life, place_make, place_remove),
        cmocka_unit_test_setup_teardown(page_is_whole, place_make, place_remove),
        cmocka_unit_test_setup_teardown(page_shows_its_queries, place_make, place_remove),
        cmocka_unit_test_setup_teardown(punch_in_vain_is_cut, place_make, place_remove),
        cmocka_unit_test_setup_teardown(an_attempt_without_a_punch_is_drawn, place_make,
                                        place_remove),
        cmocka_unit_test_setup_teardown(crowded_run_is_drawn, place_make, place_remove),
        cmocka_unit_test_setup_teardown(hostile_text_stays_text, place_make, place_remove),
        cmocka_unit_test_setup_teardown(refusals_name_their_reason, place_make, place_remove),
        cmocka_unit_test_setup_teardown(times_beyond_reason_are_cut, place_make, place_remove),
        cmocka_unit_test_setup_teardown(path_is_of_both_who_asked, place_make, place_remove),
        cmocka_unit_test_setup_teardown(run_of_no_millisecond_is_drawn, place_make, place_remove),
        cmocka_unit_test_setup_teardown(only_ordinary_files_are_replaced, place_make, place_remove),
        cmocka_unit_test_setup_teardown(unwritable_folder_is_named, place_make, place_remove),
        cmocka_unit_test_setup_teardown(missing_gnuplot_is_named, place_make, place_remove),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
