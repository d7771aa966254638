/* sim/cmd_calibrate_mix.c - `peerup-sim calibrate mix`: the shares of drawn populations beside
 * those of their table. */
#include "sim/calibrate_mix.h"
#include "sim/cli.h"
#include "sim/json.h"
#include "sim/mem.h"

#include <inttypes.h>
#include <stdlib.h>

enum { BAND_PPM = 15000 /* a point and a half */ };

static const char default_table[] = "scenarios/data/nat_profiles.csv";

static bool is_good(const mix_profile *p)
{
    return p->others == 0 && calibrate_mix_worst(p) <= BAND_PPM;
}

static void print_share(uint32_t ppm)
{
    uint32_t hundredths = (ppm + 50) / 100;
    printf(" %6" PRIu32 ".%02" PRIu32, hundredths / 100, hundredths % 100);
}

static void print_text(const char *path, const mix_profile *all, uint32_t count, uint64_t seeds,
                       bool agrees)
{
    printf("calibrate mix: %s, %d boxes a profile and seed, seeds=%" PRIu64 " build=%s\n", path,
           CALIBRATE_MIX_BOXES, seeds, run_build_id());
    for (uint32_t i = 0; i < count; i++) {
        printf("%-24s %9s %9s  of a hundred\n", all[i].name, "table", "drawn");
        for (uint32_t row = 0; row < CALIBRATE_MIX_ROWS; row++) {
            printf("  %-22s", all[i].rows[row].name);
            print_share(all[i].rows[row].table);
            print_share(all[i].rows[row].drawn);
            puts("");
        }
        printf("  %s: the worst is", is_good(&all[i]) ? "agrees" : "DIFFERS");
        print_share(calibrate_mix_worst(&all[i]));
        printf(" away, %" PRIu32 " of no kind in the table\n", all[i].others);
    }
    printf("%s: every share %s 1.5 points of the table\n", agrees ? "agree" : "DIFFER",
           agrees ? "is within" : "ought to be within");
}

static json_t *profile_json(const mix_profile *p)
{
    json_t *shares = json_array();
    for (uint32_t row = 0; row < CALIBRATE_MIX_ROWS; row++)
        json_array_append_new(shares, json_pack("{s:s, s:o, s:o}", "name", p->rows[row].name,
                                                "table", sim_json_millionths(p->rows[row].table),
                                                "drawn", sim_json_millionths(p->rows[row].drawn)));
    return json_pack("{s:o, s:o, s:I, s:b}", "profile", sim_json_text(p->name), "shares", shares,
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
    else if (code == CLI_DONE) print_text(own.path, all, count, own.last - own.first + 1, agrees);
    free(all);
    return code == CLI_DONE && !agrees ? CLI_VIOLATED : code;
}
