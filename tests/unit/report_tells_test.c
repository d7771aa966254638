/* tests/unit/report_tells_test.c - what a story says of losses, places and distances, and which
 * attempt the figure of one shows. */
#include "tests/unit/report_play.h"

int report_tells_test(void);

enum { LOST = 0x2004, GONE = 0x2005, LIMIT = 0x1001 };

/* A relay and two nodes, of which phone loses desk at 100 s and has it again after 4 ms. */
static tracedb *begin_loss(place *p)
{
    tracedb *db = begin(p, "loss");
    put_node(db, 0, "hub", NULL, "");
    put_node(db, 1, "desk", NULL, "");
    put_node(db, 2, "phone", NULL, "");
    tracedb_put_code(db, LOST, "lost", "silent");
    tracedb_put_code(db, GONE, "address-gone", "the address is gone");
    tracedb_put_code(db, LIMIT, "resource", "a limit was exceeded");
    tracedb_put_connect(db, &(tracedb_connect){2, 1, 10 * PU_S, 11 * PU_S, PU_NEVER, 100 * PU_S,
                                               "relay", "relay", true});
    tracedb_put_connect(db, &(tracedb_connect){2, 1, 100 * PU_S, 100 * PU_S + 4 * PU_MS,
                                               100 * PU_S + 4 * PU_MS, PU_NEVER, "direct", "direct",
                                               true});
    return db;
}

static void put_end(tracedb *db, uint32_t node, const char *peer, bool is_relayed, uint32_t code)
{
    tracedb_put_conn(db, &(tracedb_conn){.node = node,
                                         .conn = is_relayed ? 2 : 1,
                                         .peer = peer,
                                         .relayed = is_relayed,
                                         .transport = is_relayed ? "circuit" : "quic",
                                         .local = "",
                                         .remote = "",
                                         .up = 11 * PU_S,
                                         .confirmed = 11 * PU_S,
                                         .down = 100 * PU_S,
                                         .code = code});
}

/* Each loss is told with what is known of it. */
static void losses_have_a_cause(void **state)
{
    static const struct {
        uint32_t node;
        const char *peer;
        bool is_relayed;
        uint32_t code;
        const char *note, *cut, *relay_of; /* notes of hub; whose connection to hub ended then */
        const char *words;
    } cases[] = {
        {2, "desk", true, LOST, "phone: 6498 bytes", NULL, NULL,
         "phone lost desk, as their circuit reached the limit of hub (89 s, 6498 bytes): back "
         "directly after 4 ms."},
        {1, "phone", true, LOST, "phone: 12 bytes", "hub", NULL,
         "phone lost desk, as hub ended their circuit early: back"},
        {2, "desk", true, LOST, "nosy: 12 bytes", NULL, "phone",
         "phone lost desk, as phone heard nothing from hub any more: back"},
        {2, "desk", true, LOST, NULL, NULL, NULL,
         "phone lost desk, as their circuit carried nothing any more: back"},
        {2, "desk", false, LOST, NULL, NULL, NULL,
         "phone lost desk, hearing nothing from it any more: back"},
        {1, "phone", false, LOST, NULL, NULL, NULL,
         "phone lost desk, as desk heard nothing from it any more: back"},
        {2, "desk", false, GONE, NULL, NULL, NULL,
         "phone lost desk, as the old address of phone was gone: back"},
        {1, "phone", false, LIMIT, NULL, NULL, NULL,
         "phone lost desk, as desk says: a limit was exceeded: back"},
        {2, "desk", false, 0, NULL, NULL, NULL, "phone lost desk: back"},
    };
    place *p = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unlink(p->db);
        tracedb *db = begin_loss(p);
        put_end(db, cases[i].node, cases[i].peer, cases[i].is_relayed, cases[i].code);
        if (cases[i].relay_of) put_end(db, 2, "hub", false, LOST);
        if (cases[i].note)
            tracedb_put_note(db, 100 * PU_S - 50 * PU_MS, 0, "circuit-limit", cases[i].note);
        if (cases[i].cut)
            tracedb_put_note(db, 100 * PU_S - 60 * PU_MS, 0, "circuit_cut", cases[i].cut);
        end(p, db);
        char *story = story_of(p);
        if (!strstr(story, cases[i].words)) fail_msg("case %zu, not told: %s", i, story);
        free(story);
    }
}

static void put_six(tracedb *db, uint32_t node, pu_time at, const tracedb_place *four, int64_t wall)
{
    tracedb_put_attachment(db, node, at, four, &(tracedb_place){wall, "2d00::9"});
}

/* Where a node is, in both families: boxes of others too, firewalls, and moves. */
static void places_are_told_in_words(void **state)
{
    place *p = *state;
    tracedb *db = begin(p, "places");
    tracedb_nat router = nat_of(0, "router", "desk"), wall = nat_of(1, "wall", "phone");
    wall.mapping = wall.ports = "none";
    tracedb_put_nat(db, &router);
    tracedb_put_nat(db, &wall);
    static const char *const names[] = {"desk", "tablet", "phone", "server"};
    for (uint32_t i = 0; i < 4; i++) put_node(db, i, names[i], NULL, "some box");
    const tracedb_place inside = {0, "10.0.0.1"}, outside = {-1, "11.0.0.1"}, none = {-1, ""};
    put_six(db, 0, 0, &inside, 1);
    put_six(db, 1, 0, &inside, -1);
    put_six(db, 2, 0, &none, 1);
    put_six(db, 3, 0, &outside, 1);
    tracedb_put_note(db, 40 * PU_S, 0, "change_network", "");
    put_six(db, 0, 40 * PU_S, &none, 1);
    tracedb_put_note(db, 50 * PU_S, 0, "change_network", "");
    put_six(db, 0, 50 * PU_S, &none, -1);
    end(p, db);
    char *story = story_of(p);
    assert_non_null(strstr(story, "desk is behind router, with its IPv6 behind wall; tablet is "
                                  "behind router, with its IPv6 public; phone has IPv6 alone, "
                                  "behind wall; server is public, with its IPv6 behind wall."));
    assert_non_null(strstr(story, "desk changed its network (now with IPv6 alone, behind wall)."));
    assert_non_null(strstr(story, "desk changed its network (now with IPv6 alone)."));
    free(story);
}

static void put_ping(tracedb *db, pu_time at, uint64_t rtt_ns)
{
    uint8_t peer = 1;
    tracedb_put_event(
        db, 2,
        &(pu_trace){.now = at, .code = PU_TR_PING_RTT, .conn = 1, .peer = {&peer, 1}, .a = rtt_ns},
        "desk");
}

/* Round trips of another network are another median. */
static void distances_are_told_for_each_stay(void **state)
{
    place *p = *state;
    for (uint32_t moves = 1; moves <= 5; moves += 2) {
        unlink(p->db);
        tracedb *db = begin_loss(p);
        tracedb_put_conn(
            db, &(tracedb_conn){2, 1, "desk", true, false, "quic", "", "", 0, 0, PU_NEVER, 0});
        for (uint32_t i = 0; i <= moves; i++) {
            put_place(db, 2, i * 20 * PU_S, -1, "11.0.0.2");
            for (uint64_t k = 0; k < 3; k++)
                put_ping(db, (i * 20 + 1 + k) * PU_S, (100 * (i + 1) + k) * PU_MS);
        }
        end(p, db);
        char *story = story_of(p);
        const char *words =
            moves == 1   ? "desk: 101.0 ms directly; from 20.0 s on 201.0 ms directly.\n"
            : moves == 3 ? "201.0 ms directly; from 40.0 s on 301.0 ms directly; and 1 more move.\n"
                         : "; and 3 more moves.\n";
        if (!strstr(story, words)) fail_msg("%u moves: %s", moves, story);
        free(story);
    }
}

/* Which of several attempts is shown: each case adds one that tells more. */
static void the_attempt_that_tells_most_is_shown(void **state)
{
    static const char *const words[] = {
        "No named pair got a direct connection. The first named pair that was asked for, a and b: "
        "every datagram between the two and their relay, from when it was asked on. It never came "
        "to a usable connection: the first attempt is shown, 3000 ms.",
        "No named pair got a direct connection. The first named pair that tried to punch a hole, c "
        "and d",
        "The first named pair that got a direct connection, e and f: every datagram between the "
        "two and their relay, in the last 3000 ms before the direct connection.",
        "The first named pair that got a direct connection by a hole punch, g and h: every "
        "datagram between the two and their relay, from the moments before the first punch "
        "datagram until the direct connection.",
    };
    place *p = *state;
    for (uint32_t cases = 1; cases <= 4; cases++) {
        unlink(p->db);
        tracedb *db = begin(p, "attempts");
        for (uint32_t i = 0; i < 8; i++) put_node(db, i, (char[]){(char)('a' + i), '\0'}, NULL, "");
        for (uint32_t i = 0; i < cases; i++) {
            uint32_t from = 2 * i, to = from + 1;
            pu_time at = (10 + 10 * i) * PU_S;
            pu_time direct = i == 2 ? at + 6 * PU_S : i == 3 ? at + PU_S : PU_NEVER;
            tracedb_put_connect(db, &(tracedb_connect){from, to, at, direct, direct, PU_NEVER,
                                                       i < 2 ? "" : "relay", "", true});
            if (i == 1 || i == 3) put_punch(db, at + PU_S / 2, to, (char[]){(char)('a' + from), 0});
            put_datagram(db, 10 * i + 1, at, "hello", from, to, -1);
            put_datagram(db, 10 * i + 2, at + PU_S / 2, "punch", to, from, -1);
            if (i == 2) put_datagram(db, 10 * i + 3, direct - PU_S, "hello", from, to, -1);
        }
        end(p, db);
        if (!report_write(p->db, p->html, p->error, sizeof p->error)) fail_msg("%s", p->error);
        char *page = read_all(p->html);
        if (!strstr(page, words[cases - 1])) fail_msg("not told: %s", words[cases - 1]);
        assert_int_equal(count(page, ": it never got direct</h3>"), cases <= 2);
        free(page);
    }
}

int report_tells_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(losses_have_a_cause, place_make, place_remove),
        cmocka_unit_test_setup_teardown(places_are_told_in_words, place_make, place_remove),
        cmocka_unit_test_setup_teardown(distances_are_told_for_each_stay, place_make, place_remove),
        cmocka_unit_test_setup_teardown(the_attempt_that_tells_most_is_shown, place_make,
                                        place_remove),
    };
    return cmocka_run_group_tests_name("report_tells", tests, NULL, NULL);
}
