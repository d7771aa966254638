/* sim/calibrate_mix.c - draws boxes, asks from behind each, and counts. */
#include "sim/calibrate_mix.h"

#include "sim/calibrate_nat.h"
#include "sim/cli.h"
#include "sim/file.h"
#include "sim/mem.h"
#include "sim/population.h"
#include "sim/root.h"
#include "sim/scenario_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 2048, TABLE_MAX = 1 << 20, KINDS = 5, PORTS = 3, WHOLE = 1000000 };

/* Places in rows. */
enum {
    ROW_KINDS = 0,
    ROW_PORTS = KINDS,
    ROW_HAIRPIN = KINDS + PORTS,
    ROW_IDLES,
    ROW_SYN_RESET = ROW_IDLES + 3,
    ROW_CROSSING
};

/* Tells its random streams from those of runs. */
#define SEED_TAG UINT64_C(0x6d6978)

static const char *const row_names[CALIBRATE_MIX_ROWS] = {
    "eim/eif",        "eim/adf",        "eim/apdf",     "symmetric",       "udp blocked",
    "preserve",       "sequential",     "random",       "hairpin",         "idle up to p10",
    "idle up to p50", "idle below p90", "resets a SYN", "lets SYNs cross",
};

/* What was counted of one profile. */
typedef struct tally_of_mix {
    uint64_t rows[CALIBRATE_MIX_ROWS];
    uint64_t boxes, passed, others;
} tally_of_mix;

static const char scenario_text[] = "scenario: mix\n"
                                    "duration: 1s\n"
                                    "network:\n"
                                    "  latency: {rtt: 80ms}\n"
                                    "nodes: {}\n"
                                    "groups:\n"
                                    "  people: {count: 1, nat_mix: \"%s#%s\"}\n";

/* The scenario with one group of that profile; NULL: the table is wrong, which has been said. */
static scenario *scenario_of(const char *path, const char *profile)
{
    char text[TEXT_MAX];
    diag errors = {0};
    int len = snprintf(text, sizeof text, scenario_text, path, profile);
    if (len < 0 || (size_t)len >= sizeof text) {
        fprintf(stderr, "%s: the path is too long\n", path);
        return NULL;
    }
    pu_span whole = {(const uint8_t *)text, (size_t)len};
    scenario *s = scenario_load_text("calibrate-mix", whole, NULL, 0, &errors);
    if (s == NULL) diag_print(&errors, stderr);
    diag_free(&errors);
    return s;
}

/* The kind that discovery found; KINDS: none of the table's. */
static uint32_t kind_of(const nat_found *found)
{
    if (found->mapping == 0) return KINDS - 1;
    if (found->mapping == NAT_EIM) return (uint32_t)found->filtering - NAT_EIF;
    return found->mapping == NAT_APDM && found->filtering == NAT_APDF ? KINDS - 2 : KINDS;
}

static void count_ports(tally_of_mix *t, enum nat_ports ports)
{
    static const enum nat_ports order[PORTS] = {NAT_PRESERVE, NAT_SEQUENTIAL, NAT_RANDOM};
    bool is_known = false;
    for (uint32_t i = 0; i < PORTS; i++) {
        t->rows[ROW_PORTS + i] += ports == order[i];
        is_known |= ports == order[i];
    }
    t->others += !is_known;
}

static void count_box(tally_of_mix *t, const nat_type *type, const scenario_group *g,
                      const nat_found *found, const nat_heard *heard)
{
    uint32_t kind = kind_of(found);
    t->boxes++;
    if (kind < KINDS) t->rows[ROW_KINDS + kind]++;
    else t->others++;
    if (found->mapping != 0) {
        t->passed++;
        count_ports(t, found->ports);
    }
    t->rows[ROW_HAIRPIN] += type->hairpin != NAT_HAIRPIN_NONE;
    t->rows[ROW_IDLES] += type->udp_idle_ns <= g->mix_idle_ns[0];
    t->rows[ROW_IDLES + 1] += type->udp_idle_ns <= g->mix_idle_ns[1];
    t->rows[ROW_IDLES + 2] += type->udp_idle_ns < g->mix_idle_ns[2];
    t->rows[ROW_SYN_RESET] += heard->resets;
    t->rows[ROW_CROSSING] += heard->crosses;
}

static void draw_all(tally_of_mix *t, const scenario_group *g, uint64_t seed, uint32_t profile)
{
    uint8_t of_run[32], of_box[32], bytes[32] = {0};
    rng draws, tcp;
    for (unsigned i = 0; i < 8; i++) bytes[i] = (uint8_t)(seed >> 8 * i);
    rng_derive(of_run, bytes, SEED_TAG, profile);
    rng_init(&draws, of_run, 0);
    rng_init(&tcp, of_run, 1);
    for (uint32_t i = 0; i < CALIBRATE_MIX_BOXES; i++) {
        nat_type type = population_draw(&draws, &tcp, g);
        rng_derive(of_box, of_run, SEED_TAG, i);
        nat_heard heard;
        nat_found found = calibrate_nat_find(&type, of_box, 0, &heard);
        count_box(t, &type, g, &found, &heard);
    }
}

static uint32_t share_of(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (uint32_t)(part * WHOLE / whole);
}

static uint32_t error_of(uint64_t share, uint64_t boxes)
{
    return boxes == 0 ? 0 : (uint32_t)root(share * (WHOLE - share) / boxes);
}

/* What the table says of a row. */
static uint32_t table_share(const scenario_group *g, uint32_t row)
{
    static const uint32_t idle_shares[] = {WHOLE / 10, WHOLE / 2, WHOLE / 10 * 9};
    if (row < ROW_PORTS) return g->mix_weight_ppm[row];
    if (row < ROW_HAIRPIN) return g->mix_ports_ppm[row - ROW_PORTS];
    if (row < ROW_IDLES) return g->mix_hairpin_ppm;
    if (row < ROW_SYN_RESET) return idle_shares[row - ROW_IDLES];
    return row == ROW_SYN_RESET ? g->mix_syn_reset_ppm : g->mix_crossing_ppm;
}

static void put_profile(mix_profile *p, const scenario_group *g, const tally_of_mix *t)
{
    for (uint32_t row = 0; row < CALIBRATE_MIX_ROWS; row++) {
        bool is_of_ports = row >= ROW_PORTS && row < ROW_HAIRPIN;
        uint64_t boxes = is_of_ports ? t->passed : t->boxes;
        uint32_t table = table_share(g, row);
        p->rows[row] = (mix_share){row_names[row], table, share_of(t->rows[row], boxes),
                                   error_of(table, boxes)};
    }
    p->boxes = t->boxes;
    p->passed = t->passed;
    p->others = (uint32_t)t->others;
}

/* The first row that is outside the band by what may be chance; NULL: there is none. */
static const mix_share *undecided(const mix_profile *p)
{
    for (uint32_t row = 0; row < CALIBRATE_MIX_ROWS; row++) {
        const mix_share *s = &p->rows[row];
        uint32_t off = calibrate_mix_off(s);
        if (off > CALIBRATE_MIX_BAND_PPM && off <= calibrate_mix_chance(s)) return s;
    }
    return NULL;
}

/* Whether chance reaches beyond the band in some row. */
static bool is_wide(const mix_profile *p)
{
    bool is = false;
    for (uint32_t row = 0; row < CALIBRATE_MIX_ROWS; row++)
        is |= calibrate_mix_chance(&p->rows[row]) > CALIBRATE_MIX_BAND_PPM;
    return is;
}

/* Names of the lines after that of the columns; their number. */
static uint32_t read_names_of(const char *at, mix_profile all[CALIBRATE_MIX_PROFILES_MAX])
{
    uint32_t count = 0;
    for (bool is_columns = true; *at != '\0' && count < CALIBRATE_MIX_PROFILES_MAX;) {
        size_t len = strcspn(at, "\n"), name = strcspn(at, ",\r\n");
        if (*at != '#' && name > 0) {
            if (!is_columns) snprintf(all[count++].name, sizeof all[0].name, "%.*s", (int)name, at);
            is_columns = false;
        }
        at += at[len] == '\0' ? len : len + 1;
    }
    return count;
}

/* All that is to be drawn: each profile with each seed. */
typedef struct drawing {
    const calibrate_ask *ask;
    const scenario *of[CALIBRATE_MIX_PROFILES_MAX]; /* with one group of the profile */
    uint32_t count, jobs;
} drawing;

/* Every jobs-th pair of a profile and a seed from this job's on; found are tallies, one a
 * profile. */
static bool draw_job(void *ctx, uint32_t job, crew_result *found)
{
    const drawing *d = ctx;
    uint64_t pairs = d->count * (d->ask->last - d->ask->first + 1);
    tally_of_mix *all = sim_alloc(d->count * sizeof *all);
    for (uint64_t i = job; i < pairs; i += d->jobs) {
        uint32_t profile = (uint32_t)(i % d->count);
        draw_all(&all[profile], &d->of[profile]->groups[0], d->ask->first + i / d->count, profile);
    }
    *found = (crew_result){(uint8_t *)all, d->count * sizeof *all};
    return true;
}

/* Adds up what all jobs found of a profile. */
static tally_of_mix sum_of(const drawing *d, const crew_result *results, uint32_t profile)
{
    tally_of_mix sum = {0}, one;
    for (uint32_t job = 0; job < d->jobs; job++) {
        PU_ASSERT(results[job].len == d->count * sizeof one);
        memcpy(&one, results[job].bytes + profile * sizeof one, sizeof one);
        for (uint32_t row = 0; row < CALIBRATE_MIX_ROWS; row++) sum.rows[row] += one.rows[row];
        sum.boxes += one.boxes;
        sum.passed += one.passed;
        sum.others += one.others;
    }
    return sum;
}

/* Draws a profile with more seeds where chance may be what takes a row out of the band: a number
 * that is known before, not until it fits. */
static void decide(const drawing *d, uint32_t profile, tally_of_mix *t, mix_profile *p)
{
    const scenario_group *g = &d->of[profile]->groups[0];
    const mix_share *why = undecided(p);
    if (why == NULL) return;
    p->why = *why;
    while (is_wide(p)) {
        draw_all(t, g, d->ask->last + ++p->more, profile);
        put_profile(p, g, t);
    }
}

static int draw(drawing *d, mix_profile all[CALIBRATE_MIX_PROFILES_MAX])
{
    uint64_t pairs = d->count * (d->ask->last - d->ask->first + 1);
    d->jobs = pairs < CREW_JOBS_MAX ? (uint32_t)pairs : CREW_JOBS_MAX;
    crew_result *results = sim_alloc(d->jobs * sizeof *results);
    int code = calibrate_crew(d->ask, d->jobs, draw_job, d, results);
    for (uint32_t i = 0; code == CLI_DONE && i < d->count; i++) {
        tally_of_mix t = sum_of(d, results, i);
        put_profile(&all[i], &d->of[i]->groups[0], &t);
        decide(d, i, &t, &all[i]);
    }
    crew_free(results, d->jobs);
    free(results);
    return code;
}

int calibrate_mix(const calibrate_ask *ask, mix_profile all[CALIBRATE_MIX_PROFILES_MAX],
                  uint32_t *count)
{
    char why[256];
    size_t len;
    scenario *of[CALIBRATE_MIX_PROFILES_MAX] = {NULL};
    drawing d = {.ask = ask};
    uint8_t *bytes = file_read(ask->path, TABLE_MAX, &len, why, sizeof why);
    if (bytes == NULL) {
        fprintf(stderr, "%s %s\n", ask->path, why);
        return CLI_USAGE;
    }
    *count = d.count = read_names_of((const char *)bytes, all);
    free(bytes);
    if (*count == 0) fprintf(stderr, "%s: there is no profile in it\n", ask->path);
    bool is_good = *count > 0;
    for (uint32_t i = 0; is_good && i < *count; i++) {
        d.of[i] = of[i] = scenario_of(ask->path, all[i].name);
        is_good = of[i] != NULL;
    }
    int code = is_good ? draw(&d, all) : CLI_USAGE;
    for (uint32_t i = 0; i < *count; i++) scenario_free(of[i]);
    return code;
}

uint32_t calibrate_mix_off(const mix_share *s)
{
    return s->drawn > s->table ? s->drawn - s->table : s->table - s->drawn;
}

uint32_t calibrate_mix_chance(const mix_share *s)
{
    return (uint32_t)((uint64_t)s->error * CALIBRATE_MIX_CHANCE_TENTHS / 10);
}

const mix_share *calibrate_mix_worst(const mix_profile *profile)
{
    const mix_share *worst = &profile->rows[0];
    for (uint32_t row = 1; row < CALIBRATE_MIX_ROWS; row++) {
        const mix_share *s = &profile->rows[row];
        if (calibrate_mix_off(s) > calibrate_mix_off(worst)) worst = s;
    }
    return worst;
}
