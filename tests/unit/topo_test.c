/* tests/unit/topo_test.c - the delay matrix: what is read, what is refused and where the error
 * points. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/topo.h"

#include <string.h>

int topo_test(void);

static topo *parse(const char *text, char error[200])
{
    error[0] = 0;
    return topo_parse("m.tsv", text, strlen(text), error, 200);
}

static void reads_whole_microseconds(void **state)
{
    (void)state;
    char error[200];
    topo *t = parse("0\t0.175\t121.42\n0.175\t0.0\t00012\n121.42\t7.0019999\t0.000\n", error);
    assert_string_equal(error, "");
    assert_non_null(t);
    assert_int_equal(topo_sites(t), 3);
    assert_int_equal(topo_rtt_ns(t, 0, 0), 0);
    assert_int_equal(topo_rtt_ns(t, 0, 1), 175 * PU_US);
    assert_int_equal(topo_rtt_ns(t, 0, 2), 121420 * PU_US);
    assert_int_equal(topo_rtt_ns(t, 1, 2), 12 * PU_MS);
    assert_int_equal(topo_rtt_ns(t, 2, 1),
                     7001 * PU_US); /* a direction of its own; digits past the third are dropped */
    topo_free(t);
}

static void the_last_newline_may_be_missing(void **state)
{
    (void)state;
    char error[200];
    topo *t = parse("0\t1\n60000\t0", error);
    assert_non_null(t);
    assert_int_equal(topo_rtt_ns(t, 1, 0), 60 * PU_S);
    topo_free(t);
    t = parse("0", error);
    assert_non_null(t);
    assert_int_equal(topo_sites(t), 1);
    topo_free(t);
}

static void refuses_with_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "m.tsv:1: column 1: no sites"},
        {"\n", "m.tsv:1: column 1: a hole: every field needs a round trip"},
        {"0\t\t2\n1\t0\t2\n1\t2\t0\n", "m.tsv:1: column 2: a hole: every field needs a round trip"},
        {"0\t1\n1\t\n", "m.tsv:2: column 2: a hole: every field needs a round trip"},
        {"0\t1\n0\t0\n", "m.tsv:2: column 1: a hole: 0 between two sites"},
        {"0\t1\n-1\t0\n", "m.tsv:2: column 1: a round trip below zero"},
        {"0\t1\n1\t0.001\n", "m.tsv:2: column 2: a site's round trip to itself is not 0"},
        {"0\t60001\n1\t0\n", "m.tsv:1: column 2: a round trip above a minute"},
        {"0\t99999999999999999999999\n1\t0\n", "m.tsv:1: column 2: a round trip above a minute"},
        {"0\t1.\n1\t0\n", "m.tsv:1: column 2: not a number of milliseconds"},
        {"0\t.5\n1\t0\n", "m.tsv:1: column 2: not a number of milliseconds"},
        {"0\t1e3\n1\t0\n", "m.tsv:1: column 2: not a number of milliseconds"},
        {"0\t1,5\n1\t0\n", "m.tsv:1: column 2: not a number of milliseconds"},
        {"0\t1.5.5\n1\t0\n", "m.tsv:1: column 2: not a number of milliseconds"},
        {"0\t+1\n1\t0\n", "m.tsv:1: column 2: not a number of milliseconds"},
        {"0\tnan\n1\t0\n", "m.tsv:1: column 2: not a number of milliseconds"},
        {"0 1\n1 0\n", "m.tsv:1: column 1: not a number of milliseconds"},
        {"0\t1\r\n1\t0\r\n", "m.tsv:1: column 2: not a number of milliseconds"},
        {"0\t1\n1\n", "m.tsv:2: column 1: the line ends too early: not square"},
        {"0\t1\n1", "m.tsv:2: column 1: the line ends too early: not square"},
        {"0\t1\n1\t0\t3\n", "m.tsv:2: column 2: the line goes on: not square"},
        {"0\t1\n", "m.tsv:2: column 1: the file ends too early: not square"},
        {"0\t1\n1\t0\n2\t3\n", "m.tsv:3: column 1: more lines than fields in a line: not square"},
        {"0\t1\n1\t0\n\n", "m.tsv:3: column 1: more lines than fields in a line: not square"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        char error[200];
        assert_null(parse(cases[c].text, error));
        assert_string_equal(error, cases[c].error);
    }
}

static void a_short_error_buffer_is_respected(void **state)
{
    (void)state;
    char error[8] = "1234567";
    assert_null(topo_parse("m.tsv", "x", 1, error, 4));
    assert_string_equal(error, "m.t");
    assert_memory_equal(error + 4, "567", 4);
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    static const char text[] = "0\t1.5\t2\n1.5\t0\t3\n2\t3\t0\n";
    const size_t whole = strlen(text);
    for (size_t len = 0; len < whole - 1; len++) { /* without its last newline it is whole */
        char error[200];
        if (len == 1) continue; /* "0": one site */
        assert_null(topo_parse("m.tsv", text, len, error, sizeof error));
    }
}

static void reads_the_published_matrix(void **state)
{
    (void)state;
    char error[200] = "";
    topo *t = topo_read("scenarios/data/planetlab-rtt-ms.tsv", error, sizeof error);
    assert_string_equal(error, "");
    assert_non_null(t);
    assert_int_equal(topo_sites(t), 490);
    assert_int_equal(topo_rtt_ns(t, 0, 1), 175 * PU_US);
    assert_int_equal(topo_rtt_ns(t, 4, 230), 186460 * PU_US);
    assert_int_equal(topo_rtt_ns(t, 17, 4), 32587 * PU_US);
    assert_int_equal(topo_rtt_ns(t, 0, 489), 16124 * PU_US);
    assert_int_equal(topo_rtt_ns(t, 489, 0), 16124 * PU_US);
    uint64_t least = UINT64_MAX, most = 0, sum = 0;
    for (uint32_t i = 0; i < 490 * 490; i++) {
        uint64_t rtt = topo_rtt_ns(t, i / 490, i % 490);
        if (i / 490 == i % 490) continue;
        sum += rtt;
        if (rtt < least) least = rtt;
        if (rtt > most) most = rtt;
    }
    assert_int_equal(least, 86 * PU_US);
    assert_in_range(most, 2984 * PU_MS - PU_MS / 2, 2984 * PU_MS + PU_MS / 2);
    assert_in_range(sum / (490 * 489), 146700 * PU_US, 146900 * PU_US);
    topo_free(t);
}

static void says_what_cannot_be_read(void **state)
{
    (void)state;
    char error[200];
    assert_null(topo_read("scenarios/data/nothing-here.tsv", error, sizeof error));
    assert_string_equal(error, "scenarios/data/nothing-here.tsv: cannot be read");
    assert_null(topo_read("scenarios", error, sizeof error));
    assert_string_equal(error, "scenarios: cannot be read");
}

static void a_constant_is_everywhere(void **state)
{
    (void)state;
    topo *t = topo_constant(80 * PU_MS + 1, 4);
    assert_int_equal(topo_sites(t), 4);
    for (uint32_t a = 0; a < 4; a++) {
        for (uint32_t b = 0; b < 4; b++) {
            assert_int_equal(topo_rtt_ns(t, a, b), a == b ? 0 : 80 * PU_MS + 1);
        }
    }
    topo_free(t);
    topo_free(NULL);
}

/* ---- regions ---- */

static topo *parse_regions(const char *text, char error[200])
{
    error[0] = 0;
    return topo_parse_regions("r.csv", text, strlen(text), error, 200);
}

static void reads_regions(void **state)
{
    (void)state;
    char error[200];
    topo *t = parse_regions("# one way\n\nfrom,Europe,North America,Asia,share\n"
                            "Europe,11.5,62,100,0.5\n# more\nNorth America,62,0,90,0.25\n"
                            "Asia,110,90,30000,0.25",
                            error);
    assert_string_equal(error, "");
    assert_int_equal(topo_sites(t), 3);
    assert_string_equal(topo_name(t, 1), "North America");
    assert_int_equal(topo_find(t, "Asia"), 2);
    assert_int_equal(topo_find(t, "Asia "), TOPO_NONE);
    assert_int_equal(topo_rtt_ns(t, 0, 0), 23 * PU_MS); /* a region is large */
    assert_int_equal(topo_rtt_ns(t, 1, 1), 0);
    assert_int_equal(topo_rtt_ns(t, 0, 2), 200 * PU_MS);
    assert_int_equal(topo_rtt_ns(t, 2, 0), 220 * PU_MS); /* a direction of its own */
    assert_int_equal(topo_rtt_ns(t, 2, 2), 60 * PU_S);
    static const uint8_t seed[32] = {5};
    rng r;
    rng_init(&r, seed, 1);
    uint32_t hosts[3] = {0};
    for (unsigned i = 0; i < 10000; i++) hosts[topo_draw(t, &r)]++;
    assert_in_range(hosts[0], 4850, 5150);
    assert_in_range(hosts[1], 2350, 2650);
    topo_free(t);
    t = topo_constant(PU_MS, 7);
    assert_null(topo_name(t, 3));
    assert_int_equal(topo_find(t, "Asia"), TOPO_NONE);
    assert_true(topo_draw(t, &r) < 7);
    topo_free(t);
}

static void refuses_regions_with_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "r.csv:1: column 1: no regions"},
        {"# x\n", "r.csv:2: column 1: no regions"},
        {"from\n", "r.csv:1: column 1: no regions"},
        {"from,A,\n", "r.csv:1: column 3: a hole: nothing stands here"},
        {"from,A,A\n", "r.csv:1: column 3: 'A' is there twice"},
        {"from,A,B\nB,1,2\n", "r.csv:2: column 1: 'B' where the line of 'A' belongs"},
        {"from,A,B\nA,0,1\n", "r.csv:3: column 1: the file ends too early: no line of 'B'"},
        {"from,A,B\nA,0\nB,1,0\n",
         "r.csv:2: column 2: the line ends too early: 2 fields, 3 in the first line"},
        {"from,A,B\nA,0,1,2\nB,1,0\n",
         "r.csv:2: column 3: the line goes on: 4 fields, 3 in the first line"},
        {"from,A,B\nA,0,\nB,1,0\n", "r.csv:2: column 3: a hole: every field needs a delay"},
        {"from,A,B\nA,0,1\nB,-1,0\n", "r.csv:3: column 2: a delay below zero"},
        {"from,A,B\nA,0,1\nB,0,0\n", "r.csv:3: column 2: a hole: 0 between two regions"},
        {"from,A,B\nA,0,x\nB,1,0\n", "r.csv:2: column 3: not a number of milliseconds"},
        {"from,A,B\nA,0,30001\nB,1,0\n", "r.csv:2: column 3: a delay above half a minute"},
        {"from,A,B\nA,0,1\nB,1,0\nC,1,1\n", "r.csv:4: column 1: more lines than regions"},
        {"from,A,B,share\nA,0,1,0.5\nB,1,0\n", "r.csv:3: column 3: its share is missing"},
        {"from,A,B,share\nA,0,1,0.5\nB,1,0,0.4\n",
         "r.csv:4: column 1: the shares are not 1 together"},
        {"from,A,B,share\nA,0,1,0.5\nB,1,0,2\n",
         "r.csv:3: column 4: '2' is not a fraction: it is too large"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char error[200];
        assert_null(parse_regions(cases[i].text, error));
        assert_string_equal(error, cases[i].error);
    }
}

/* The two tables of the repository. */
static void published_regions(void **state)
{
    (void)state;
    char error[200];
    topo *t =
        topo_read_regions("scenarios/data/aws/cometbft-aws-latencies.csv", error, sizeof error);
    assert_string_equal(t == NULL ? error : "", "");
    assert_int_equal(topo_sites(t), 13);
    assert_int_equal(topo_rtt_ns(t, topo_find(t, "London"), topo_find(t, "Sydney")), 262 * PU_MS);
    topo_free(t);
    t = topo_read_regions("scenarios/data/world-regions.csv", error, sizeof error);
    assert_string_equal(t == NULL ? error : "", "");
    assert_int_equal(topo_sites(t), 6);
    assert_int_equal(topo_rtt_ns(t, topo_find(t, "EUROPE"), topo_find(t, "EUROPE")), 22 * PU_MS);
    assert_int_equal(topo_rtt_ns(t, topo_find(t, "EUROPE"), topo_find(t, "JAPAN")), 504 * PU_MS);
    topo_free(t);
    assert_null(topo_read_regions("/nowhere/r.csv", error, sizeof error));
    assert_string_equal(error, "/nowhere/r.csv: cannot be read");
}

int topo_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_whole_microseconds),
        cmocka_unit_test(the_last_newline_may_be_missing),
        cmocka_unit_test(refuses_with_line_and_column),
        cmocka_unit_test(a_short_error_buffer_is_respected),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(reads_the_published_matrix),
        cmocka_unit_test(says_what_cannot_be_read),
        cmocka_unit_test(a_constant_is_everywhere),
        cmocka_unit_test(reads_regions),
        cmocka_unit_test(refuses_regions_with_line_and_column),
        cmocka_unit_test(published_regions),
    };
    return cmocka_run_group_tests_name("topo", tests, NULL, NULL);
}
