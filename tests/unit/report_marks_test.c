/* tests/unit/report_marks_test.c - what a story and the figures say of sleeps, moves, links, boxes
 * and streams; the axis of times to connect. */
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
    tracedb_put_note(db, 70 * PU_S, 1, "reboot", "desk");
    tracedb_put_note(db, 71 * PU_S, 1, "rebind", "desk");
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
        "At 70.0 s a box around desk started again and knew no mapping any more.\n"
        "At 71.0 s a box around desk moved all mappings to other ports.\n"
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

int report_marks_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(story_of_moves_and_streams, place_make, place_remove),
        cmocka_unit_test_setup_teardown(marks_tell_what_happened, place_make, place_remove),
        cmocka_unit_test_setup_teardown(axis_suits_the_times, place_make, place_remove),
    };
    return cmocka_run_group_tests_name("report_marks", tests, NULL, NULL);
}
