/* tests/unit/population_test.c - boxes drawn from a mix: what they do with TCP, which a stream of
 * its own decides, and what calls from outside find of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "sim/calibrate_mix.h"
#include "sim/calibrate_nat.h"
#include "sim/population.h"
#include "sim/scenario_load.h"

int population_test(void);

enum { BOXES = 20000, WHOLE = 1000000 };

static const uint8_t seed[32] = {1, 2, 3};

/* The cellular carriers of the shipped table. */
static const scenario_group cellular = {
    .has_mix = true,
    .mix_weight_ppm = {200000, 100000, 300000, 400000, 0},
    .mix_ports_ppm = {279000, 260000, 461000},
    .mix_idle_ns = {15 * PU_S, 65 * PU_S, 180 * PU_S},
    .mix_hairpin_ppm = 50000,
    .mix_syn_reset_ppm = 50000,
    .mix_crossing_ppm = 900000,
};

static void draw(const scenario_group *g, nat_type boxes[BOXES])
{
    rng udp, tcp;
    rng_init(&udp, seed, 1);
    rng_init(&tcp, seed, 2);
    for (uint32_t i = 0; i < BOXES; i++) boxes[i] = population_draw(&udp, &tcp, g);
}

static bool is_near(uint32_t count, uint32_t ppm)
{
    uint32_t wanted = BOXES / 1000 * (ppm / 1000), room = BOXES * 3 / 200; /* 1.5 points */
    return count > wanted - room && count < wanted + room;
}

/* 19 of 20 drop a stranger's SYN, 18 of 20 let calls cross, and one has nothing to do with the
 * other. */
static void tcp_is_drawn(void **state)
{
    (void)state;
    static nat_type boxes[BOXES];
    uint32_t resets = 0, crosses = 0, both = 0;
    draw(&cellular, boxes);
    for (uint32_t i = 0; i < BOXES; i++) {
        bool is_reset = boxes[i].unsolicited == NAT_SYN_RESET;
        assert_true(is_reset || boxes[i].unsolicited == NAT_SYN_DROP);
        resets += is_reset;
        crosses += !boxes[i].no_crossing;
        both += is_reset && !boxes[i].no_crossing;
    }
    assert_true(is_near(resets, 50000));
    assert_true(is_near(crosses, 900000));
    assert_true(is_near(both, 45000));
}

/* To UDP the boxes of a seed are the same whatever the mix says of TCP. */
static void udp_does_not_shift(void **state)
{
    (void)state;
    static nat_type some[BOXES], none[BOXES];
    scenario_group silent = cellular;
    silent.mix_syn_reset_ppm = 0;
    silent.mix_crossing_ppm = WHOLE;
    draw(&cellular, some);
    draw(&silent, none);
    for (uint32_t i = 0; i < BOXES; i++) {
        assert_true(none[i].unsolicited == NAT_SYN_DROP && !none[i].no_crossing);
        some[i].unsolicited = NAT_SYN_DROP;
        some[i].no_crossing = false;
        assert_memory_equal(&some[i], &none[i], sizeof none[i]);
    }
}

#define COLUMNS                                                                         \
    "profile,w_EIM_EIF,w_EIM_ADF,w_EIM_APDF,w_SYM,w_BLK,port_preserve,port_sequential," \
    "port_random,udp_idle_s_p10,udp_idle_s_p50,udp_idle_s_p90,hairpin_udp"
#define ROW "\np,0.2,0.1,0.5,0.15,0.05,0.5,0.2,0.3,20,60,180,0.25"

/* The scenario of a group with that table; NULL: what is wrong is said. */
static scenario *read_table(const char *table, char said[256])
{
    char path[] = "/tmp/peerup-mix-XXXXXX", text[256];
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, table, strlen(table)), (ssize_t)strlen(table));
    close(file);
    snprintf(text, sizeof text,
             "scenario: t\nduration: 9s\nnetwork: {latency: {rtt: 80ms}}\nnodes: {}\n"
             "groups: {g: {count: 1, nat_mix: \"%s#p\"}}\n",
             path);
    diag errors = {0};
    scenario *s = scenario_load_text("t.yaml", span_of(text, strlen(text)), NULL, 0, &errors);
    const diag_entry *e = &errors.entries[0];
    if (s == NULL) snprintf(said, 256, "%u:%u: %s", e->place.line, e->place.column, e->text);
    diag_free(&errors);
    unlink(path);
    return s;
}

/* Both columns of TCP may be left out, and then the scenario is what it was before there were any.
 */
static void a_table_may_say_nothing_of_tcp(void **state)
{
    (void)state;
    char said[256];
    scenario *silent = read_table(COLUMNS ROW "\n", said);
    scenario *same = read_table(COLUMNS ",tcp_syn_reset,tcp_crossing" ROW ",0,1\n", said);
    scenario *other = read_table(COLUMNS ",tcp_syn_reset,tcp_crossing" ROW ",0.05,0.9\n", said);
    assert_non_null(silent);
    assert_non_null(same);
    assert_non_null(other);
    assert_int_equal(silent->groups[0].mix_syn_reset_ppm, 0);
    assert_int_equal(silent->groups[0].mix_crossing_ppm, WHOLE);
    assert_int_equal(other->groups[0].mix_syn_reset_ppm, 50000);
    assert_int_equal(other->groups[0].mix_crossing_ppm, 900000);
    assert_memory_equal(silent->hash, same->hash, sizeof same->hash);
    assert_memory_not_equal(silent->hash, other->hash, sizeof other->hash);
    scenario_free(silent);
    scenario_free(same);
    scenario_free(other);
    assert_null(read_table(COLUMNS ",tcp_syn_reset,tcp_crossing" ROW ",0,1.5\n", said));
    assert_string_equal(said, "2:54: tcp_crossing: '1.5' is not a fraction: it is too large");
    assert_null(read_table(COLUMNS ",tcp_crossing,tcp_syn_reset" ROW ",1\n", said));
    assert_string_equal(said, "2:1: tcp_syn_reset: '' is not a fraction: write it like 0.25");
}

/* A misspelt column is no remark, and what is left out is left out on purpose. */
static void a_column_that_is_misspelt_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *columns, *said;
    } some[] = {
        {",tcp_syn_reset,tcp_crosing",
         "1:165: unknown column 'tcp_crosing', did you mean 'tcp_crossing'?"},
        {",evidense", "1:151: unknown column 'evidense', did you mean 'evidence'?"},
        {",loss", "1:151: unknown column 'loss'"},
        {",tcp_syn_reset",
         "1:151: there is a column 'tcp_syn_reset' but no 'tcp_crossing': a table has both or "
         "neither"},
        {",tcp_crossing", "1:151: there is a column 'tcp_crossing' but no 'tcp_syn_reset': a table "
                          "has both or neither"},
    };
    char said[256], table[512];
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        snprintf(table, sizeof table, COLUMNS "%s" ROW ",0,1\n", some[i].columns);
        assert_null(read_table(table, said));
        assert_string_equal(said, some[i].said);
    }
    scenario *s = read_table(COLUMNS ",theory_success,evidence," ROW ",1,\"seen\",\n", said);
    assert_non_null(s);
    scenario_free(s);
}

/* Calls find out which of the four a box is, whether or not it lets UDP pass. */
static void calls_tell_what_a_box_does(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        const nat_type type = {
            .mapping = i % 3 == 0 ? NAT_APDM : NAT_EIM,
            .filtering = NAT_APDF,
            .ports = NAT_RANDOM,
            .udp_idle_ns = PU_S,
            .blocks_udp = (i & 4) != 0,
            .unsolicited = (i & 1) != 0 ? NAT_SYN_RESET : NAT_SYN_DROP,
            .no_crossing = (i & 2) != 0,
        };
        nat_heard heard;
        nat_found found = calibrate_nat_find(&type, seed, 0, &heard);
        assert_int_equal(found.mapping == 0, type.blocks_udp);
        assert_int_equal(heard.resets, (i & 1) != 0);
        assert_int_equal(heard.crosses, (i & 2) == 0);
    }
}

/* Chance reaches as far as four and a half standard errors. */
static void chance_has_a_reach(void **state)
{
    (void)state;
    mix_profile p = {.rows = {{"a", 500000, 510000, 5000, false}, {"b", 20000, 4000, 1400, false}}};
    assert_int_equal(calibrate_mix_off(&p.rows[0]), 10000);
    assert_int_equal(calibrate_mix_off(&p.rows[1]), 16000);
    assert_int_equal(calibrate_mix_chance(&p.rows[0]), 22500);
    assert_int_equal(calibrate_mix_chance(&p.rows[1]), 6300);
    assert_ptr_equal(calibrate_mix_worst(&p), &p.rows[1]);
}

/* More boxes are drawn where they may help: not when another row is outside by more than chance. */
static void chance_excuses_one_row_only_with_all(void **state)
{
    (void)state;
    const mix_share fits = {"a", 500000, 510000, 5000, false};
    const mix_share open = {"b", 500000, 520000, 5000, false};
    const mix_share wrong = {"c", 20000, 4000, 1400, false};
    const mix_share nobody = {"d", 500000, 0, 0, true};
    mix_profile p = {.rows = {fits, nobody}};
    assert_null(calibrate_mix_undecided(&p));
    p.rows[2] = open;
    assert_ptr_equal(calibrate_mix_undecided(&p), &p.rows[2]);
    p.others = 1;
    assert_null(calibrate_mix_undecided(&p));
    p.others = 0;
    p.rows[3] = wrong;
    assert_null(calibrate_mix_undecided(&p));
    assert_ptr_equal(calibrate_mix_worst(&p), &p.rows[2]);
}

/* Three where a share is a half of all boxes, as many times more as fewer boxes have it. */
static void seeds_are_known_before(void **state)
{
    (void)state;
    scenario_group g = cellular;
    assert_int_equal(calibrate_mix_seeds(&g), 3);
    g.mix_ports_ppm[0] = g.mix_ports_ppm[1] = 500000;
    g.mix_ports_ppm[2] = 0;
    g.mix_weight_ppm[4] = 999000;
    assert_in_range(calibrate_mix_seeds(&g), 2250, 2251);
    g.mix_weight_ppm[4] = WHOLE;
    assert_int_equal(calibrate_mix_seeds(&g), 3);
}

int population_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_is_drawn),
        cmocka_unit_test(udp_does_not_shift),
        cmocka_unit_test(a_table_may_say_nothing_of_tcp),
        cmocka_unit_test(a_column_that_is_misspelt_is_none),
        cmocka_unit_test(calls_tell_what_a_box_does),
        cmocka_unit_test(chance_has_a_reach),
        cmocka_unit_test(chance_excuses_one_row_only_with_all),
        cmocka_unit_test(seeds_are_known_before),
    };
    return cmocka_run_group_tests_name("population", tests, NULL, NULL);
}
