/* sim/calibrate_latency.c - pings between all places of a latency file. */
#include "sim/calibrate_rtt.h"
#include "sim/mem.h"
#include "sim/run.h"
#include "sim/scenario_load.h"
#include "sim/topo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SITES_MAX = 4096, ERROR_MAX = 512 };

static const uint32_t percents[CALIBRATE_QUANTILES] = {5, 25, 50, 75, 90, 95, 99};

/* A pair that is pinged. */
typedef struct pinged {
    uint32_t a, b;                     /* sites, and nodes of the round's run */
    uint64_t data_ns;                  /* what it ought to be */
    uint64_t seen_ns[CALIBRATE_SIDES]; /* of the worst ping; PU_NEVER: none came back */
} pinged;

/* One round under way. */
typedef struct round {
    pinged *pairs;
    uint32_t count, side;
    uint32_t *pair_of; /* by site */
} round;

/* Everybody in a circle but one, who meets the one at the top; the others meet who is opposite. The
 * circle turns by one place a round. */
static uint32_t meets(uint32_t sites, uint64_t turn, uint32_t site)
{
    uint32_t circle = (sites + 1) / 2 * 2 - 1, top = (uint32_t)(turn % circle);
    if (site == circle) return top;
    uint32_t other = (uint32_t)((2 * (uint64_t)top + circle - site) % circle);
    return other == site ? circle : other; /* with an odd number of sites the last is nobody */
}

static void pairs_of(const topo *sites, uint64_t turn, round *r)
{
    uint32_t n = topo_sites(sites);
    for (uint32_t a = 0; a < n; a++) {
        uint32_t b = meets(n, turn, a);
        if (b >= n || b < a) continue;
        uint64_t data_ns = topo_rtt_ns(sites, a, b) + 4 * CALIBRATE_ACCESS_NS;
        r->pair_of[a] = r->pair_of[b] = r->count;
        r->pairs[r->count++] = (pinged){a, b, data_ns, {PU_NEVER, PU_NEVER}};
    }
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* Of each pair and side the ping that is furthest off counts. */
static void saw_rtt(void *ctx, const run_rtt *rtt)
{
    round *r = ctx;
    pinged *p = &r->pairs[r->pair_of[rtt->node]];
    uint64_t *seen = &p->seen_ns[r->side];
    if (rtt->is_punch) return;
    if (*seen == PU_NEVER || distance(rtt->rtt_ns, p->data_ns) > distance(*seen, p->data_ns))
        *seen = rtt->rtt_ns;
}

static char *text_of(const char *path, uint32_t sites, const round *r)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) sim_no_memory(sites);
    fprintf(out,
            "scenario: calibrate-latency\nduration: 20s\nfidelity: %s\n"
            "network:\n  latency: {matrix: \"%s\", access: %" PRIu64 "ms}\n"
            "config: {ping_interval_ns: 1s}\nnodes:\n",
            r->side == 0 ? "model" : "wire", path, (uint64_t)(CALIBRATE_ACCESS_NS / PU_MS));
    for (uint32_t i = 0; i < sites; i++)
        fprintf(out, "  n%" PRIu32 ": {at: %" PRIu32 ", knows: all}\n", i, i);
    fputs("authorize:\n", out);
    for (uint32_t i = 0; i < r->count; i++)
        fprintf(out, "  - [n%" PRIu32 ", n%" PRIu32 "]\n", r->pairs[i].a, r->pairs[i].b);
    fputs("events:\n", out);
    for (uint32_t i = 0; i < r->count; i++)
        fprintf(out, "  - {at: 1s, connect: {from: n%" PRIu32 ", to: n%" PRIu32 "}}\n",
                r->pairs[i].a, r->pairs[i].b);
    if (fclose(out) != 0) sim_no_memory(sites);
    return text;
}

static bool run_round(const char *path, uint32_t sites, uint64_t seed, round *r)
{
    diag errors = {0};
    char *text = text_of(path, sites, r);
    scenario *s = scenario_load_text("calibrate-latency", (pu_span){(uint8_t *)text, strlen(text)},
                                     NULL, 0, &errors);
    if (s == NULL) diag_print(&errors, stderr);
    diag_free(&errors);
    free(text);
    if (s == NULL) return false;
    run_options how = {.seed = seed,
                       .log = RUN_LOG_NONE,
                       .record_node = SCENARIO_ANY,
                       .saw_rtt = saw_rtt,
                       .rtt_ctx = r};
    run_result result;
    bool is_good = run_scenario(s, &how, &result) == 0;
    if (is_good) run_result_free(&result);
    scenario_free(s);
    return is_good;
}

/* ---- what comes of it ---- */

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Nearest rank, as for all quantiles of the simulator. */
static uint64_t quantile(const uint64_t *sorted, uint64_t count, uint32_t percent)
{
    PU_ASSERT(count > 0);
    uint64_t rank = (count * percent + 99) / 100;
    return sorted[rank > 0 ? rank - 1 : 0];
}

static void put_file(const topo *sites, rtt_calibration *out)
{
    uint64_t sum = 0;
    out->sites = topo_sites(sites);
    out->least_ns = PU_NEVER;
    for (uint32_t a = 0; a < out->sites; a++)
        for (uint32_t b = a + 1; b < out->sites; b++) {
            uint64_t rtt = topo_rtt_ns(sites, a, b);
            out->pairs_of_all++;
            sum += rtt;
            if (rtt < out->least_ns) out->least_ns = rtt;
            if (rtt > out->most_ns) out->most_ns = rtt;
        }
    if (out->pairs_of_all > 0) out->mean_ns = sum / out->pairs_of_all;
}

static void put_quantiles(const pinged *pairs, uint64_t count, rtt_calibration *out)
{
    uint64_t *sorted = sim_alloc((count + 1) * sizeof *sorted);
    out->pairs = count;
    for (uint32_t side = 0; side <= CALIBRATE_SIDES && count > 0; side++) {
        bool is_data = side == CALIBRATE_SIDES;
        for (uint64_t i = 0; i < count; i++) {
            const pinged *p = &pairs[i];
            sorted[i] = is_data ? p->data_ns : p->seen_ns[side];
            if (is_data) continue;
            out->missing[side] += sorted[i] == PU_NEVER;
            uint64_t off = distance(sorted[i], p->data_ns);
            if (sorted[i] != PU_NEVER && off > out->worst_ns[side]) out->worst_ns[side] = off;
        }
        qsort(sorted, count, sizeof *sorted, by_size);
        for (uint32_t q = 0; q < CALIBRATE_QUANTILES; q++) {
            uint64_t value = quantile(sorted, count, percents[q]);
            out->quantiles[q].percent = percents[q];
            if (is_data) out->quantiles[q].data_ns = value;
            else out->quantiles[q].seen_ns[side] = value;
        }
    }
    free(sorted);
}

bool calibrate_latency(const char *path, uint64_t first, uint64_t last, progress *bar,
                       rtt_calibration *out)
{
    char error[ERROR_MAX];
    *out = (rtt_calibration){0};
    topo *sites = topo_read(path, error, sizeof error);
    if (sites != NULL && (topo_sites(sites) < 2 || topo_sites(sites) > SITES_MAX)) {
        snprintf(error, sizeof error, "%s: from 2 to %d sites", path, SITES_MAX);
        topo_free(sites);
        sites = NULL;
    }
    if (sites == NULL) {
        fprintf(stderr, "peerup-sim: %s\n", error);
        return false;
    }
    put_file(sites, out);
    uint32_t n = out->sites, most = n / 2;
    pinged *all = sim_alloc((last - first + 1) * most * sizeof *all);
    uint32_t *pair_of = sim_alloc(n * sizeof *pair_of);
    uint64_t count = 0;
    bool is_good = true;
    for (uint64_t seed = first; is_good && seed <= last; seed++) {
        round r = {.pairs = all + count, .pair_of = pair_of};
        pairs_of(sites, seed - 1, &r);
        for (r.side = 0; is_good && r.side < CALIBRATE_SIDES; r.side++) {
            is_good = run_round(path, n, seed, &r);
            progress_show(bar, (seed - first) * CALIBRATE_LATENCY_RUNS + r.side + 1, 0);
        }
        count += r.count;
    }
    if (is_good) put_quantiles(all, count, out);
    free(all);
    free(pair_of);
    topo_free(sites);
    return is_good;
}
