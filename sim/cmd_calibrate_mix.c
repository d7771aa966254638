/* sim/cmd_calibrate_mix.c - `peerup-sim calibrate mix`: the shares of drawn populations beside
 * those of their table. */
#include "sim/calibrate_mix.h"
#include "sim/cli.h"
#include "sim/json.h"
#include "sim/mem.h"

#include <inttypes.h>
#include <stdlib.h>

static const char default_table[] = "scenarios/data/nat_profiles.csv";

static bool is_good(const mix_profile *p)
{
    return p->others == 0 && calibrate_mix_off(calibrate_mix_worst(p)) <= CALIBRATE_MIX_BAND_PPM;
}

static void print_share(uint32_t ppm)
{
    uint32_t hundredths = (ppm + 50) / 100;
    printf(" %6" PRIu32 ".%02" PRIu32, hundredths / 100, hundredths % 100);
}

/* Why there are more boxes than were asked for. */
static void print_more(const mix_profile *p)
{
    if (p->more == 0) return;
    printf("  '%s' was first", p->why.name);
    print_share(calibrate_mix_off(&p->why));
    printf(" away, where chance reaches");
    print_share(calibrate_mix_chance(&p->why));
    printf(": %" PRIu32 " more seed%s\n", p->more, p->more == 1 ? "" : "s");
}

static void print_profile(const mix_profile *p)
{
    const mix_share *worst = calibrate_mix_worst(p);
    printf("%-24s %9s %9s %9s  per cent of %" PRIu64 " boxes\n", p->name, "table", "drawn", "error",
           p->boxes);
    for (uint32_t row = 0; row < CALIBRATE_MIX_ROWS; row++) {
        const mix_share *s = &p->rows[row];
        if (s->is_left_out) continue;
        printf("  %-22s", s->name);
        print_share(s->table);
        print_share(s->drawn);
        print_share(s->error);
        puts("");
    }
    if (p->passed == 0) puts("  UDP passes no box: ways to choose ports are left out");
    print_more(p);
    printf("  %s: the worst, '%s', is", is_good(p) ? "agrees" : "DIFFERS", worst->name);
    print_share(calibrate_mix_off(worst));
    printf(" away, %" PRIu32 " of no kind in the table\n", p->others);
}

static void print_text(const calibrate_ask *ask, const mix_profile *all, uint32_t count,
                       bool agrees)
{
    printf("calibrate mix: %s, %d boxes a profile and seed, seeds=%" PRIu64 "-%" PRIu64
           " build=%s\n",
           ask->path, CALIBRATE_MIX_BOXES, ask->first, ask->last, run_build_id());
    puts("error: the standard error of a share of that size in so many boxes (ways to choose "
         "ports:\n"
         "in those that UDP passes). A share is to be within 1.5 points; what is outside by no "
         "more\n"
         "than 4.5 standard errors may be chance, and is judged when these are less than 1.5 "
         "points");
    for (uint32_t i = 0; i < count; i++) print_profile(&all[i]);
    printf("%s: every share %s 1.5 points of the table\n", agrees ? "agree" : "DIFFER",
           agrees ? "is within" : "ought to be within");
}

static json_t *profile_json(const mix_profile *p)
{
    json_t *shares = json_array();
    for (uint32_t row = 0; row < CALIBRATE_MIX_ROWS; row++) {
        if (p->rows[row].is_left_out) continue;
        json_array_append_new(shares, json_pack("{s:s, s:o, s:o, s:o}", "name", p->rows[row].name,
                                                "table", sim_json_millionths(p->rows[row].table),
                                                "drawn", sim_json_millionths(p->rows[row].drawn),
                                                "error", sim_json_millionths(p->rows[row].error)));
    }
    return json_pack("{s:o, s:I, s:I, s:o, s:I, s:b}", "profile", sim_json_text(p->name), "boxes",
                     (json_int_t)p->boxes, "more_seeds", (json_int_t)p->more, "shares", shares,
                     "others", (json_int_t)p->others, "agrees", is_good(p));
}

static void print_json(const mix_profile *all, uint32_t count, uint64_t first, uint64_t last,
                       bool agrees)
{
    json_t *profiles = json_array();
    for (uint32_t i = 0; i < count; i++) json_array_append_new(profiles, profile_json(&all[i]));
    sim_json_print(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:b, s:o}", "schema",
                             "peerup.calibrate/1", "what", "mix", "build", run_build_id(),
                             "first_seed", (json_int_t)first, "last_seed", (json_int_t)last,
                             "boxes", (json_int_t)CALIBRATE_MIX_BOXES, "agrees", agrees, "profiles",
                             profiles),
                   stdout);
}

int cli_calibrate_mix(const calibrate_ask *ask)
{
    calibrate_ask own = *ask;
    mix_profile *all = sim_alloc(CALIBRATE_MIX_PROFILES_MAX * sizeof *all);
    uint32_t count;
    bool agrees = true;
    if (own.path == NULL) own.path = default_table;
    int code = calibrate_mix(&own, all, &count);
    for (uint32_t i = 0; code == CLI_DONE && i < count; i++) agrees &= is_good(&all[i]);
    if (code == CLI_DONE && own.is_json) print_json(all, count, own.first, own.last, agrees);
    else if (code == CLI_DONE) print_text(&own, all, count, agrees);
    free(all);
    return code == CLI_DONE && !agrees ? CLI_VIOLATED : code;
}
