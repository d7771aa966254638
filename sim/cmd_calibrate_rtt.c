/* sim/cmd_calibrate_rtt.c - `peerup-sim calibrate latency` and `calibrate punch`: the tables of
 * what nodes measured beside what it ought to be. */
#include "sim/calibrate.h"
#include "sim/calibrate_rtt.h"
#include "sim/cli.h"
#include "sim/json.h"

#include <inttypes.h>

#define LATENCY_BAND_NS (1 * PU_MS)
#define PUNCH_BAND_NS (5 * PU_MS)
#define DIRECT_NS (200 * PU_MS)
#define RELAY_NS (250 * PU_MS)

static const char default_matrix[] = "scenarios/data/planetlab-rtt-ms.tsv";
static const char default_punch[] = "scenarios/nat/interop-distances.yaml";
static const char *const side_names[CALIBRATE_SIDES] = {"model", "wire"};

static bool is_near(uint64_t a, uint64_t b, uint64_t band_ns)
{
    return (a > b ? a - b : b - a) <= band_ns;
}

/* Milliseconds with three places, rounded down. */
static void print_ms(uint64_t ns)
{
    if (ns == PU_NEVER) printf(" %12s", "never");
    else printf(" %8" PRIu64 ".%03" PRIu64, ns / PU_MS, ns % PU_MS / PU_US);
}

/* ---- latency ---- */

static bool is_row_good(const rtt_quantile *q)
{
    bool is_good = true;
    for (uint32_t side = 0; side < CALIBRATE_SIDES; side++)
        is_good &= is_near(q->seen_ns[side], q->data_ns, LATENCY_BAND_NS);
    return is_good;
}

static bool is_latency_good(const rtt_calibration *c)
{
    bool is_good = c->pairs > 0;
    for (uint32_t i = 0; i < CALIBRATE_QUANTILES; i++) is_good &= is_row_good(&c->quantiles[i]);
    for (uint32_t side = 0; side < CALIBRATE_SIDES; side++) is_good &= c->missing[side] == 0;
    return is_good;
}

static void print_latency(const char *path, const rtt_calibration *c, uint64_t first, uint64_t last)
{
    bool agrees = is_latency_good(c);
    printf("calibrate latency: %s, %" PRIu32 " sites, seeds=%" PRIu64 "-%" PRIu64 ", %" PRIu64
           " pairs pinged of %" PRIu64 ", build=%s\nround trips in ms: least",
           path, c->sites, first, last, c->pairs, c->pairs_of_all, run_build_id());
    print_ms(c->least_ns);
    printf(", most");
    print_ms(c->most_ns);
    printf(", mean");
    print_ms(c->mean_ns);
    printf("\n%-10s %12s %12s %12s  ms\n", "percent", "data+access", side_names[0], side_names[1]);
    for (uint32_t i = 0; i < CALIBRATE_QUANTILES; i++) {
        const rtt_quantile *q = &c->quantiles[i];
        printf("%-10" PRIu32, q->percent);
        print_ms(q->data_ns);
        for (uint32_t side = 0; side < CALIBRATE_SIDES; side++) print_ms(q->seen_ns[side]);
        printf("  %s\n", is_row_good(q) ? "agrees" : "DIFFERS");
    }
    for (uint32_t side = 0; side < CALIBRATE_SIDES; side++) {
        printf("%s: %" PRIu64 " pairs without a ping; the worst is off its own data by",
               side_names[side], c->missing[side]);
        print_ms(c->worst_ns[side]);
        puts(" ms");
    }
    printf("%s: every quantile %s 1 ms of the data with 10 ms of access each way at each end\n",
           agrees ? "agree" : "DIFFER", agrees ? "is within" : "ought to be within");
}

static void print_latency_json(const rtt_calibration *c, uint64_t first, uint64_t last)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < CALIBRATE_QUANTILES; i++) {
        const rtt_quantile *q = &c->quantiles[i];
        json_array_append_new(
            rows, json_pack("{s:I, s:o, s:o, s:o, s:b}", "percent", (json_int_t)q->percent, "data",
                            sim_json_seconds(q->data_ns), "model", sim_json_seconds(q->seen_ns[0]),
                            "wire", sim_json_seconds(q->seen_ns[1]), "agrees", is_row_good(q)));
    }
    sim_json_print(
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:b, s:o}", "schema",
                  "peerup.calibrate/1", "what", "latency", "build", run_build_id(), "first_seed",
                  (json_int_t)first, "last_seed", (json_int_t)last, "sites", (json_int_t)c->sites,
                  "pairs", (json_int_t)c->pairs, "missing_model", (json_int_t)c->missing[0],
                  "missing_wire", (json_int_t)c->missing[1], "worst_model",
                  sim_json_seconds(c->worst_ns[0]), "worst_wire", sim_json_seconds(c->worst_ns[1]),
                  "agrees", is_latency_good(c), "quantiles", rows),
        stdout);
}

int cli_calibrate_latency(const calibrate_ask *ask)
{
    rtt_calibration c;
    const char *path = ask->path != NULL ? ask->path : default_matrix;
    uint64_t first = ask->first, last = ask->last;
    progress bar = progress_start(ask->progress, CALIBRATE_LATENCY_RUNS * (last - first + 1));
    bool is_done = calibrate_latency(path, first, last, &bar, &c);
    progress_clear(&bar);
    if (!is_done) return CLI_USAGE;
    if (ask->is_json) print_latency_json(&c, first, last);
    else print_latency(path, &c, first, last);
    return is_latency_good(&c) ? CLI_DONE : CLI_VIOLATED;
}

/* ---- hole punches ---- */

/* The three sorts of round trips of a fidelity. */
static const struct {
    const char *name;
    size_t offset;
    uint64_t want_ns;
} sorts[] = {
    {"direct", offsetof(punch_calibration, direct), DIRECT_NS},
    {"relay", offsetof(punch_calibration, relay), RELAY_NS},
    {"agreed", offsetof(punch_calibration, agreed), RELAY_NS},
};

enum { SORTS = sizeof sorts / sizeof sorts[0] };

static const rtt_range *range_of(const punch_calibration *c, uint32_t sort)
{
    return (const rtt_range *)(const void *)((const uint8_t *)c + sorts[sort].offset);
}

static bool is_range_good(const punch_calibration *c, uint32_t sort)
{
    const rtt_range *r = range_of(c, sort);
    return r->count > 0 && is_near(r->least_ns, sorts[sort].want_ns, PUNCH_BAND_NS) &&
           is_near(r->most_ns, sorts[sort].want_ns, PUNCH_BAND_NS);
}

static bool is_side_good(const punch_calibration *c)
{
    bool is_good = c->not_direct == 0;
    for (uint32_t i = 0; i < SORTS; i++) is_good &= is_range_good(c, i);
    return is_good;
}

static void print_punch(const punch_calibration all[CALIBRATE_SIDES], uint64_t first, uint64_t last)
{
    bool agrees = is_side_good(&all[0]) && is_side_good(&all[1]);
    printf("calibrate punch: round trips between two nodes behind routers, seeds=%" PRIu64
           "-%" PRIu64 " build=%s\n%-8s %-8s %8s %12s %12s %12s  ms\n",
           first, last, run_build_id(), "fidelity", "way", "times", "wanted", "least", "most");
    for (uint32_t side = 0; side < CALIBRATE_SIDES; side++) {
        for (uint32_t i = 0; i < SORTS; i++) {
            const rtt_range *r = range_of(&all[side], i);
            printf("%-8s %-8s %8" PRIu64, side_names[side], sorts[i].name, r->count);
            print_ms(sorts[i].want_ns);
            print_ms(r->least_ns);
            print_ms(r->most_ns);
            printf("  %s\n", is_range_good(&all[side], i) ? "agrees" : "DIFFERS");
        }
        printf("%s: %" PRIu64 " of %" PRIu64 " seeds came to a direct connection\n",
               side_names[side], all[side].seeds - all[side].not_direct, all[side].seeds);
    }
    printf("%s: every round trip %s 5 ms of what the ways take\n", agrees ? "agree" : "DIFFER",
           agrees ? "is within" : "ought to be within");
}

static void print_punch_json(const punch_calibration all[CALIBRATE_SIDES], uint64_t first,
                             uint64_t last)
{
    json_t *rows = json_array();
    for (uint32_t k = 0; k < CALIBRATE_SIDES * SORTS; k++) {
        const punch_calibration *side = &all[k / SORTS];
        const rtt_range *r = range_of(side, k % SORTS);
        json_array_append_new(rows, json_pack("{s:s, s:s, s:I, s:o, s:o, s:o, s:b}", "fidelity",
                                              side_names[k / SORTS], "way", sorts[k % SORTS].name,
                                              "times", (json_int_t)r->count, "wanted",
                                              sim_json_seconds(sorts[k % SORTS].want_ns), "least",
                                              sim_json_seconds(r->least_ns), "most",
                                              sim_json_seconds(r->most_ns), "agrees",
                                              is_range_good(side, k % SORTS)));
    }
    sim_json_print(json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:I, s:I, s:o}", "schema",
                             "peerup.calibrate/1", "what", "punch", "build", run_build_id(),
                             "first_seed", (json_int_t)first, "last_seed", (json_int_t)last,
                             "agrees", is_side_good(&all[0]) && is_side_good(&all[1]),
                             "not_direct_model", (json_int_t)all[0].not_direct, "not_direct_wire",
                             (json_int_t)all[1].not_direct, "ways", rows),
                   stdout);
}

int cli_calibrate_punch(const calibrate_ask *ask)
{
    punch_calibration all[CALIBRATE_SIDES];
    const char *path = ask->path != NULL ? ask->path : default_punch;
    uint64_t first = ask->first, last = ask->last;
    progress bar = progress_start(ask->progress, CALIBRATE_PUNCH_RUNS * (last - first + 1));
    bool is_done = calibrate_punch(path, first, last, &bar, all);
    progress_clear(&bar);
    if (!is_done) return CLI_USAGE;
    if (ask->is_json) print_punch_json(all, first, last);
    else print_punch(all, first, last);
    return is_side_good(&all[0]) && is_side_good(&all[1]) ? CLI_DONE : CLI_VIOLATED;
}
