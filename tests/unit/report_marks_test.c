/* tests/unit/report_marks_test.c - what a story and the figures say of sleeps, moves, links, boxes
 * and streams; the axis of times to connect. */
#include "analysis/plot.h"
#include "analysis/plot_matrix.h"
#include "tests/unit/report_play.h"

int report_marks_test(void);

/* A phone that sleeps and moves, boxes and links that fail, and what applications sent. */
static void put_moves(tracedb *db)
{
    const tracedb_nat cafe = nat_of(0, "cafe", "phone");
    static const tracedb_stream streams[] = {
        {2, 1, 999, 5 * PU_S, 6 * PU_S},   {2, 1, 2097152, 6 * PU_S, 8 * PU_S + 500 * PU_MS},
        {1, 2, 65536, 7 * PU_S, PU_NEVER}, {2, 1, 1000, 7 * PU_S, 8 * PU_S},
        {2, 1, 1, 8 * PU_S, 9 * PU_S},     {2, 1, 2, 9 * PU_S, PU_NEVER},
        {0, 2, 3, 9 * PU_S, PU_NEVER},     {0, 2, 3, 9 * PU_S, PU_NEVER},
    };
    put_node(db, 0, "hub", NULL, "");
    put_node(db, 1, "desk", NULL, "");
    put_node(db, 2, "phone", NULL, "");
    tracedb_put_nat(db, &cafe);
    put_place(db, 2, 0, -1, "11.0.0.2");
    put_place(db, 2, 40 * PU_S, 0, "10.0.0.2");
    put_place(db, 2, 50 * PU_S, 0, "10.0.0.3");
    put_place(db, 2, 60 * PU_S, -1, "11.0.0.3");
    tracedb_put_note(db, 10 * PU_S, 2, "sleep", "phone");
    tracedb_put_note(db, 30 * PU_S, 2, "wake", "phone");
    for (uint64_t at = 40; at <= 60; at += 10)
        tracedb_put_note(db, at * PU_S, 2, "change_network", "phone");
    tracedb_put_note(db, 70 * PU_S, 1, "reboot", "desk/2");
    tracedb_put_note(db, 71 * PU_S, 1, "rebind", "desk/1");
    tracedb_put_note(db, 80 * PU_S, -1, "swizzle", "desk, phone");
    tracedb_put_note(db, 81 * PU_S, 1, "clog", "desk");
    tracedb_put_note(db, 85 * PU_S, 1, "unclog", "desk");
    tracedb_put_note(db, 90 * PU_S, 2, "sleep", "phone");
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
        tracedb_put_stream(db, &streams[i]);
}

static void story_of_moves_and_streams(void **state)
{
    place *p = *state;
    tracedb *db = begin(p, "moves");
    put_moves(db);
    end(p, db);
    char *story = story_of(p);
    assert_string_equal(
        story,
        "What it is about.\n"
        "moves, seed 7: 3 nodes for 120 s of simulated time. public: hub (a relay), desk, "
        "phone.\n"
        "cafe (NAT): one outer port for all; only who was written to gets in, for 35 s.\n"
        "At 10.0 s phone fell asleep for 20 s.\n"
        "At 40.0 s phone changed its network (now behind cafe).\n"
        "At 50.0 s phone changed its network.\n"
        "At 60.0 s phone changed its network (now public).\n"
        "At 70.0 s box 2 around desk started again and knew no mapping any more.\n"
        "At 71.0 s box 1 around desk moved all mappings to other ports.\n"
        "At 80.0 s links began to fail, one after the other, of desk, phone; 1 did, and all "
        "were back at 85.0 s.\n"
        "At 90.0 s phone fell asleep for good.\n"
        "phone sent desk 999 B in 1.00 s, 2.1 MB in 2.50 s, 1 kB in 1.00 s and 1 more; 1 of 5 "
        "never came whole.\n"
        "desk sent phone 65.5 kB that never came whole.\n"
        "hub sent phone 2 streams that never came whole.\n");
    free(story);
}

/* What happened is marked at who it happened to; whoever loses a peer is not said to ask for it. */
static void marks_tell_what_happened(void **state)
{
    static const char *const marks[] = {"10.00 s falls asleep",        "30.00 s wakes",
                                        "40.00 s changes network",     "70.00 s box forgets",
                                        "71.00 s box moves",           "81.00 s link fails",
                                        "85.00 s link is back",        "6.00 s has 1 kB of phone",
                                        "8.50 s has 2098 kB of phone", "95.00 s asks for desk"};
    place *p = *state;
    tracedb *db = begin(p, "moves");
    put_moves(db);
    tracedb_put_connect(db, &(tracedb_connect){2, 1, 95 * PU_S, 96 * PU_S, PU_NEVER, 97 * PU_S,
                                               "relay", "relay", true});
    tracedb_put_connect(
        db, &(tracedb_connect){2, 1, 97 * PU_S, PU_NEVER, PU_NEVER, PU_NEVER, "", "", true});
    end(p, db);
    if (!report_write(p->db, p->html, p->error, sizeof p->error)) fail_msg("%s", p->error);
    char *page = read_all(p->html);
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (strstr(page, marks[i]) == NULL) fail_msg("no mark '%s'", marks[i]);
    }
    assert_null(strstr(page, "97.00 s asks for"));
    free(page);
}

/* The axis of times: linear, or logarithmic from where most of them begin, its labels apart. */
static void axis_suits_the_times(void **state)
{
    static const struct {
        pu_time took[8];
        const char *has[4], *lacks[3];
    } cases[] = {
        {{400 * PU_MS, 900 * PU_MS, PU_S, 2 * PU_S}, {"time since asked (ms)<"}, {" s<"}},
        /* One that was connected already is no reason for a logarithmic axis; */
        {{0, PU_S, PU_S, PU_S, 2 * PU_S, 2 * PU_S}, {"time since asked (ms)<"}, {NULL}},
        /* nor is it where one begins. */
        {{0, PU_S, 2 * PU_S, PU_S, 50 * PU_S, PU_S},
         {"(logarithmic)<", ">50 ms<", ">100 s<", "what was faster"},
         {">1 ms<", ">20 ms<"}},
        {{PU_MS, PU_MS, PU_MS, 9000 * PU_S, 100 * PU_S, 100 * PU_S},
         {">1 ms<", ">10 ms<", ">10000 s<", "is logarithmic."},
         {">2 ms<", ">5 s<", "what was faster"}},
    };
    place *p = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unlink(p->db);
        tracedb *db = begin(p, "axis");
        put_node(db, 0, "a", NULL, "");
        put_node(db, 1, "b", NULL, "");
        for (size_t k = 0; k < 8 && (k == 0 || cases[i].took[k] > 0); k++)
            tracedb_put_connect(db, &(tracedb_connect){0, 1, PU_S, PU_S + cases[i].took[k],
                                                       PU_NEVER, PU_NEVER, "relay", "relay", true});
        end(p, db);
        if (!report_write(p->db, p->html, p->error, sizeof p->error)) fail_msg("%s", p->error);
        char *page = read_all(p->html);
        for (size_t k = 0; k < 4 && cases[i].has[k] != NULL; k++) {
            if (!strstr(page, cases[i].has[k])) fail_msg("case %zu lacks %s", i, cases[i].has[k]);
        }
        for (size_t k = 0; k < 3 && cases[i].lacks[k] != NULL; k++) {
            if (strstr(page, cases[i].lacks[k])) fail_msg("case %zu has %s", i, cases[i].lacks[k]);
        }
        free(page);
    }
}

/* The gnuplot script of a figure. */
static char *script_of(place *p, plot_draw draw)
{
    sql db;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_true(sql_open(&db, p->db));
    assert_true(draw(&db, out));
    sql_close(&db);
    fclose(out);
    return text;
}

/* Two nodes share a drawn box and a firewall, one has IPv6 alone behind its own, one is public with
 * a firewall; the two are connected over IPv6. */
static void put_walls(tracedb *db, uint32_t more)
{
    static const char *const names[] = {"desk", "tablet", "phone", "server"};
    tracedb_nat box = nat_of(0, "", "desk"), wall = nat_of(1, "wall", "desk");
    wall.mapping = wall.ports = "none";
    tracedb_put_nat(db, &box);
    for (wall.box = 1; wall.box <= 3; wall.box++) tracedb_put_nat(db, &wall);
    for (uint32_t i = 0; i < 4 + more; i++) {
        const tracedb_place four = {i < 2 ? 0 : -1, i == 2 ? "" : "10.0.0.1"};
        const tracedb_place six = {i < 2 ? 1 : i < 4 ? (int64_t)i : -1, "2d00::1"};
        char name[16];
        snprintf(name, sizeof name, "more-%u", i);
        put_node(db, i, i < 4 ? names[i] : name, NULL, "");
        tracedb_put_attachment(db, i, 0, &four, &six);
    }
    tracedb_put_conn(db, &(tracedb_conn){0, 1, "tablet", true, false, "quic", "", "[2d00::2]:4001",
                                         PU_S, PU_S, PU_NEVER, 0});
}

/* A firewall stands beside the boxes that IPv4 goes through, once for all who share it; a drawn box
 * is called by what it does; IPv6 has beads on its arc. */
static void the_map_shows_what_is_beside(void **state)
{
    static const struct {
        uint32_t more;
        const char *has[6];
    } cases[] = {
        {0,
         {"set label 'eim/apdf' at 2.5,1.13", "set label 'ports: random' at", "'wall' at 4,1.13",
          "'wall' at 5,1.13", "'wall' at 1,1.13", "'direct, QUIC over IPv6'"}},
        {8,
         {"set label 'eim' at 9.93,1 center rotate", "set label 'apdf' at 10.27,1",
          "'wall' at 11.4,1", "'wall' at 12.2,1", "'wall' at 8.8,1", "with linespoints"}},
    };
    place *p = *state;
    for (size_t i = 0; i < 2; i++) {
        unlink(p->db);
        tracedb *db = begin(p, "walls");
        put_walls(db, cases[i].more);
        end(p, db);
        char *map = script_of(p, plot_map);
        assert_int_equal(count(map, "set label 'wall'"), 3);
        assert_null(strstr(map, "'box'"));
        for (size_t k = 0; k < 6; k++)
            if (!strstr(map, cases[i].has[k])) fail_msg("no %s in %s", cases[i].has[k], map);
        free(map);
    }
}

/* A datagram of node 1 or 2, in ms after it was asked: sent, or copied on a link, and what became
 * of it 5 ms later. */
static void put_way(tracedb *db, uint64_t id, uint64_t at_ms, int64_t from, const char *to,
                    const char *start, const char *fate)
{
    tracedb_packet w = {.at = 10 * PU_S + at_ms * PU_MS,
                        .id = id,
                        .from_node = from,
                        .to_node = -1,
                        .box = -1,
                        .from = from == 1 ? "11.0.0.1:4001" : "11.0.0.2:4001",
                        .to = to,
                        .carriage = "udp",
                        .kind = "hello",
                        .fate = start,
                        .bytes = 60};
    tracedb_put_packet(db, &w);
    w.at += 5 * PU_MS;
    w.fate = fate;
    if (strcmp(fate, "delivered") == 0) w.to_node = 3 - from;
    tracedb_put_packet(db, &w);
}

/* What got lost between two without boxes is drawn as far as it came, towards who it was for; not
 * what was for others. */
static void an_attempt_shows_what_got_lost(void **state)
{
    static const char *const has[] = {"0\t10.000000\n0.5\t15.000000\n\n",
                                      "1\t20.000000\n0.5\t25.000000\n\n",
                                      "0\t50.000000\n1\t55.000000\n",
                                      "EOD\n0.5\t15.000000\n\n0.5\t25.000000\n\nEOD",
                                      "EOD\n0.5\t35.000000\n\nEOD",
                                      "'lost on a link'",
                                      "'to where nobody is (no route, cut, asleep)'"};
    place *p = *state;
    tracedb *db = begin(p, "lossy");
    put_node(db, 0, "hub", NULL, "");
    put_node(db, 1, "desk", NULL, "");
    put_node(db, 2, "phone", NULL, "");
    tracedb_put_connect(db, &(tracedb_connect){2, 1, 10 * PU_S, 11 * PU_S, 11 * PU_S, PU_NEVER,
                                               "direct", "direct", true});
    put_way(db, 1, 10, 2, "11.0.0.1:4001", "sent", "lost");
    put_way(db, 2, 20, 1, "11.0.0.2:4001", "sent", "queue-full");
    put_way(db, 3, 30, 2, "11.0.0.1:4001", "sent", "cut");
    put_way(db, 4, 40, 2, "11.0.0.9:4001", "sent", "lost");
    put_way(db, 5, 50, 2, "11.0.0.1:4001", "copied", "delivered");
    end(p, db);
    char *script = script_of(p, plot_attempt);
    for (size_t k = 0; k < sizeof has / sizeof has[0]; k++)
        if (!strstr(script, has[k])) fail_msg("no %s in %s", has[k], script);
    assert_null(strstr(script, "\t40.0"));
    assert_null(strstr(script, "0.5\t55.0"));
    free(script);
}

/* What a box says by itself was sent by none of the nodes, the first one included. */
static void an_attempt_shows_no_node_say_what_a_box_says(void **state)
{
    place *p = *state;
    tracedb *db = begin(p, "box");
    put_node(db, 0, "desk", NULL, "");
    put_node(db, 1, "phone", NULL, "");
    tracedb_put_connect(db, &(tracedb_connect){1, 0, 10 * PU_S, 11 * PU_S, 11 * PU_S, PU_NEVER,
                                               "direct", "direct", true});
    static const int64_t senders[] = {0, -1}; /* desk; a box */
    for (uint64_t i = 0; i < 2; i++) {
        tracedb_packet w = {.at = 10 * PU_S + (10 + 10 * i) * PU_MS,
                            .id = 1 + i,
                            .from_node = senders[i],
                            .to_node = -1,
                            .box = i == 0 ? -1 : 7,
                            .from = i == 0 ? "11.0.0.1:4001" : "11.0.0.9:4001",
                            .to = "11.0.0.2:4001",
                            .carriage = i == 0 ? "tcp" : "tcp-reset",
                            .kind = "close",
                            .fate = "sent"};
        tracedb_put_packet(db, &w);
        w.at += 5 * PU_MS;
        w.fate = "delivered";
        w.to_node = 1;
        w.box = -1;
        tracedb_put_packet(db, &w);
    }
    end(p, db);
    char *script = script_of(p, plot_attempt);
    if (!strstr(script, "\t10.0")) fail_msg("nothing of desk in %s", script);
    if (strstr(script, "\t20.0")) fail_msg("what the box said in %s", script);
    free(script);
}

/* A row of a UDP datagram: in ms after it was asked, 0.5 ms later; at that box, -1 for none. */
static void put_step(tracedb *db, uint64_t id, int64_t at_ms, const char *kind, int64_t from,
                     const char *fate, int64_t to, int64_t box)
{
    tracedb_put_packet(
        db, &(tracedb_packet){.at = 10 * PU_S + (pu_time)(at_ms * (int64_t)PU_MS) + PU_MS / 2,
                              .id = id,
                              .from_node = from,
                              .to_node = to,
                              .box = box,
                              .from = from == 1 ? "11.0.0.1:4001" : "11.0.0.9:4001",
                              .to = from == 1 ? "11.0.0.9:4001" : "11.0.0.1:4001",
                              .carriage = "udp",
                              .kind = kind,
                              .fate = fate,
                              .bytes = 60});
}

/* What a relay sent before the figure begins is the relay's all the same; what is dropped after its
 * end has no mark, and none in the key. */
static void an_attempt_knows_what_its_edges_cut(void **state)
{
    place *p = *state;
    tracedb *db = begin(p, "edges");
    const tracedb_nat cafe = nat_of(0, "cafe", "phone");
    put_node(db, 0, "hub", NULL, "");
    put_node(db, 1, "desk", NULL, "");
    put_node(db, 2, "phone", NULL, "cafe");
    tracedb_put_nat(db, &cafe);
    tracedb_put_connect(db, &(tracedb_connect){2, 1, 10 * PU_S, 11 * PU_S, 11 * PU_S, PU_NEVER,
                                               "direct", "direct", true});
    put_step(db, 1, -2, "data", 0, "sent", -1, -1);
    put_step(db, 2, -1, "ack", 2, "sent", -1, -1);
    put_step(db, 2, -1, "ack", 2, "translated", -1, 0);
    put_step(db, 1, 3, "data", 0, "delivered", 2, -1);
    put_step(db, 2, 4, "ack", 2, "delivered", 0, -1);
    put_step(db, 3, 10, "data", 1, "sent", -1, -1);
    put_step(db, 3, 15, "data", 1, "delivered", 0, -1);
    put_step(db, 4, 1095, "hello", 2, "sent", -1, -1);
    put_step(db, 4, 1095, "hello", 2, "translated", -1, 0);
    put_step(db, 4, 1105, "hello", 2, "lost", -1, -1);
    end(p, db);
    char *script = script_of(p, plot_attempt);
    static const char *const has[] = {
        "$block0 << EOD\n0\t-1.500000\n2\t3.500000\n1\t3.500000\n\n",
        "\n1\t-0.500000\n2\t-0.500000\n0\t4.500000\n", "$block1 << EOD\nEOD",
        "$block2 << EOD\n1\t1095.500000\n2\t1095.500000\n2.5\t1105.500000\n"};
    for (size_t k = 0; k < sizeof has / sizeof has[0]; k++)
        if (!strstr(script, has[k])) fail_msg("no %s in %s", has[k], script);
    if (strstr(script, "'lost on a link'")) fail_msg("a mark that is not shown: %s", script);
    free(script);
}

/* What a figure explains is in it. */
static void no_answer_is_explained_where_there_is_any(void **state)
{
    place *p = *state;
    for (int has = 0; has < 2; has++) {
        unlink(p->db);
        tracedb *db = begin(p, "answers");
        put_node(db, 0, "a", NULL, "");
        put_node(db, 1, "b", NULL, "");
        tracedb_put_connect(
            db, &(tracedb_connect){0, 1, PU_S, PU_NEVER, PU_NEVER, PU_NEVER, "", "", true});
        tracedb_put_code(db, 0x2000, "timed-out", "a deadline passed");
        if (has) {
            tracedb_put_dial(db, &(tracedb_dial){0, "b", "/ip4/11.0.0.9/udp/1/quic-v1", "quic",
                                                 PU_S, 6 * PU_S, "failed", 0x2000});
            tracedb_put_note(db, 6 * PU_S, 0, "dial-failed", "b: every address failed");
        }
        end(p, db);
        if (!report_write(p->db, p->html, p->error, sizeof p->error)) fail_msg("%s", p->error);
        char *page = read_all(p->html);
        assert_int_equal(count(page, "No answer: "), has);
        assert_int_equal(count(page, ">no answer<"), 2 * has);
        free(page);
    }
}

/* Classes of a heat map: each time in its own, and only those in the key that it has. */
static void a_heat_map_has_classes(void **state)
{
    static const uint64_t took_s[] = {1, 2, 3, 5, 15, 14, 0, 0, 0};
    place *p = *state;
    matrix_figure figure = {.size = 3, .round_trip_ms = 70, .names = {"x", "y", "z"}};
    for (size_t i = 0; i < 9; i++)
        figure.took_ns[i] = took_s[i] > 0 ? took_s[i] * PU_S : UINT64_MAX;
    assert_true(matrix_figure_draw(&figure, p->html, stderr));
    char *page = read_all(p->html);
    assert_int_equal(count(page, ">never<"), 5); /* three cells, the key, a title */
    assert_int_equal(count(page, ">up to 2 s<"), 2);
    assert_int_equal(count(page, ">up to 5 s<"), 2);
    assert_int_equal(count(page, ">up to 15 s<"), 2);
    assert_int_equal(count(page, ">longer<"), 0);
    assert_int_equal(count(page, ">15.0<"), 1);
    assert_true(count(page, "Seconds until a direct connection, round trip 70 ms") > 0);
    free(page);
}

/* It has the colours of a light page and of a dark one, as a report has; words on squares, which do
 * not change, are not of the ink that does. */
static void a_heat_map_is_light_and_dark(void **state)
{
    static const char *const has[] = {"<style>\n:root{color-scheme:light dark;--ink:#1c2026;",
                                      "@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;",
                                      "svg [fill='rgb(0,0,0)']{fill:var(--ink)}",
                                      "polygon[fill='rgb(255, 255, 255)']{fill:var(--page)}",
                                      "<polygon fill = 'rgb(255, 255, 255)'"};
    place *p = *state;
    matrix_figure figure = {.size = 2, .names = {"x", "y"}};
    for (size_t i = 0; i < 4; i++) figure.took_ns[i] = 4 * PU_S;
    assert_true(matrix_figure_draw(&figure, p->html, stderr));
    char *page = read_all(p->html);
    for (size_t k = 0; k < sizeof has / sizeof has[0]; k++)
        if (count(page, has[k]) != 1) fail_msg("not once: %s", has[k]);
    assert_true(strstr(page, "<svg") < strstr(page, "<style>"));
    assert_true(strstr(page, "<style>") < strstr(page, "<polygon"));
    assert_int_equal(count(page, "fill=\"rgb(17,17,17)\""), 4);
    free(page);
}

int report_marks_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(story_of_moves_and_streams, place_make, place_remove),
        cmocka_unit_test_setup_teardown(marks_tell_what_happened, place_make, place_remove),
        cmocka_unit_test_setup_teardown(axis_suits_the_times, place_make, place_remove),
        cmocka_unit_test_setup_teardown(the_map_shows_what_is_beside, place_make, place_remove),
        cmocka_unit_test_setup_teardown(an_attempt_shows_what_got_lost, place_make, place_remove),
        cmocka_unit_test_setup_teardown(an_attempt_shows_no_node_say_what_a_box_says, place_make,
                                        place_remove),
        cmocka_unit_test_setup_teardown(an_attempt_knows_what_its_edges_cut, place_make,
                                        place_remove),
        cmocka_unit_test_setup_teardown(no_answer_is_explained_where_there_is_any, place_make,
                                        place_remove),
        cmocka_unit_test_setup_teardown(a_heat_map_has_classes, place_make, place_remove),
        cmocka_unit_test_setup_teardown(a_heat_map_is_light_and_dark, place_make, place_remove),
    };
    return cmocka_run_group_tests_name("report_marks", tests, NULL, NULL);
}
