/* sim/calibrate_mix.c - draws boxes, asks from behind each, and counts. */
#include "sim/calibrate_mix.h"

#include "sim/calibrate_nat.h"
#include "sim/cli.h"
#include "sim/file.h"
#include "sim/mem.h"
#include "sim/population.h"
#include "sim/root.h"
#include "sim/scenario_load.h"

#include <inttypes.h>
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

static bool is_of_ports(uint32_t row)
{
    return row >= ROW_PORTS && row < ROW_HAIRPIN;
}

static void put_profile(mix_profile *p, const scenario_group *g, const tally_of_mix *t)
{
    for (uint32_t row = 0; row < CALIBRATE_MIX_ROWS; row++) {
        uint64_t boxes = is_of_ports(row) ? t->passed : t->boxes;
        uint32_t table = table_share(g, row);
        p->rows[row] = (mix_share){row_names[row], table, share_of(t->rows[row], boxes),
                                   error_of(table, boxes), boxes == 0};
    }
    p->boxes = t->boxes;
    p->passed = t->passed;
    p->others = (uint32_t)t->others;
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

/* What is drawn together: of each profile some seeds, from the same one on. */
typedef struct drawing {
    const scenario *of[CALIBRATE_MIX_PROFILES_MAX]; /* with one group of the profile */
    uint64_t seeds[CALIBRATE_MIX_PROFILES_MAX];     /* 0: none of that one */
    uint64_t first;
    uint32_t count, jobs;
} drawing;

/* The pairs of a profile and a seed, where all have as many as the one that has most. */
static uint64_t pairs_of(const drawing *d)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < d->count; i++)
        if (d->seeds[i] > most) most = d->seeds[i];
    return most * d->count;
}

/* Every jobs-th pair from this job's on; found are tallies, one a profile. */
static bool draw_job(void *ctx, uint32_t job, crew_result *found)
{
    const drawing *d = ctx;
    uint64_t pairs = pairs_of(d);
    tally_of_mix *all = sim_alloc(d->count * sizeof *all);
    for (uint64_t i = job; i < pairs; i += d->jobs) {
        uint32_t profile = (uint32_t)(i % d->count);
        if (i / d->count < d->seeds[profile])
            draw_all(&all[profile], &d->of[profile]->groups[0], d->first + i / d->count, profile);
    }
    *found = (crew_result){(uint8_t *)all, d->count * sizeof *all};
    return true;
}

/* Adds what all jobs found of a profile. */
static void add_to(tally_of_mix *sum, const drawing *d, const crew_result *results,
                   uint32_t profile)
{
    tally_of_mix one;
    for (uint32_t job = 0; job < d->jobs; job++) {
        PU_ASSERT(results[job].len == d->count * sizeof one);
        memcpy(&one, results[job].bytes + profile * sizeof one, sizeof one);
        for (uint32_t row = 0; row < CALIBRATE_MIX_ROWS; row++) sum->rows[row] += one.rows[row];
        sum->boxes += one.boxes;
        sum->passed += one.passed;
        sum->others += one.others;
    }
}

/* Draws what *d says, and adds it to sums, one a profile. */
static int draw_round(const calibrate_ask *ask, drawing *d, tally_of_mix *sums)
{
    uint64_t pairs = pairs_of(d);
    if (pairs == 0) return CLI_DONE;
    d->jobs = pairs < CREW_JOBS_MAX ? (uint32_t)pairs : CREW_JOBS_MAX;
    crew_result *results = sim_alloc(d->jobs * sizeof *results);
    int code = calibrate_crew(ask, d->jobs, draw_job, d, results);
    for (uint32_t i = 0; code == CLI_DONE && i < d->count; i++) add_to(&sums[i], d, results, i);
    crew_free(results, d->jobs);
    free(results);
    return code;
}

/* Draws the seeds that were asked for, and then more of those profiles of which chance may be what
 * takes a row out of the band: a number that the table gives, not until it fits. */
static int draw(const calibrate_ask *ask, drawing *d, mix_profile all[CALIBRATE_MIX_PROFILES_MAX])
{
    uint64_t asked = ask->last - ask->first + 1;
    tally_of_mix sums[CALIBRATE_MIX_PROFILES_MAX] = {{.boxes = 0}};
    d->first = ask->first;
    for (uint32_t i = 0; i < d->count; i++) d->seeds[i] = asked;
    int code = draw_round(ask, d, sums);
    d->first = ask->last + 1;
    for (uint32_t i = 0; code == CLI_DONE && i < d->count; i++) {
        const scenario_group *g = &d->of[i]->groups[0];
        uint64_t needed = calibrate_mix_seeds(g);
        put_profile(&all[i], g, &sums[i]);
        const mix_share *why = calibrate_mix_undecided(&all[i]);
        d->seeds[i] = why != NULL && needed > asked ? needed - asked : 0;
        all[i].more = (uint32_t)d->seeds[i];
        if (all[i].more > 0) all[i].why = *why;
    }
    if (code == CLI_DONE) code = draw_round(ask, d, sums);
    for (uint32_t i = 0; code == CLI_DONE && i < d->count; i++)
        put_profile(&all[i], &d->of[i]->groups[0], &sums[i]);
    return code;
}

/* Whether the table's shares of a profile can be judged with the seeds that were asked for, or a
 * bearable number; if not, it is said. */
static bool is_bearable(const calibrate_ask *ask, const scenario_group *g, const char *profile)
{
    uint64_t needed = calibrate_mix_seeds(g), asked = ask->last - ask->first + 1;
    if (needed <= CALIBRATE_MIX_SEEDS_MAX || needed <= asked) return true;
    fprintf(stderr,
            "%s: profile '%s' has too few boxes that UDP passes (w_BLK): to judge how they choose "
            "ports takes %" PRIu64 " seeds, and more than %d are only drawn when --seeds asks for "
            "all of them\n",
            ask->path, profile, needed, CALIBRATE_MIX_SEEDS_MAX);
    return false;
}

int calibrate_mix(const calibrate_ask *ask, mix_profile all[CALIBRATE_MIX_PROFILES_MAX],
                  uint32_t *count)
{
    char why[256];
    size_t len;
    scenario *of[CALIBRATE_MIX_PROFILES_MAX] = {NULL};
    drawing d = {.count = 0};
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
        is_good = of[i] != NULL && is_bearable(ask, &of[i]->groups[0], all[i].name);
    }
    int code = is_good ? draw(ask, &d, all) : CLI_USAGE;
    for (uint32_t i = 0; i < *count; i++) scenario_free(of[i]);
    return code;
}

uint64_t calibrate_mix_seeds(const scenario_group *g)
{
    const uint64_t reach = (uint64_t)CALIBRATE_MIX_BAND_PPM * 10 / CALIBRATE_MIX_CHANCE_TENTHS;
    const uint64_t passed = WHOLE - g->mix_weight_ppm[ROW_PORTS - 1];
    uint64_t most = 1;
    for (uint32_t row = 0; row < CALIBRATE_MIX_ROWS; row++) {
        uint64_t share = table_share(g, row);
        uint64_t boxes = share * (WHOLE - share) / (reach * reach) + 1;
        if (is_of_ports(row)) boxes = passed == 0 ? 0 : boxes * WHOLE / passed;
        if (boxes > most) most = boxes;
    }
    return (most + CALIBRATE_MIX_BOXES - 1) / CALIBRATE_MIX_BOXES;
}

uint32_t calibrate_mix_off(const mix_share *s)
{
    if (s->is_left_out) return 0;
    return s->drawn > s->table ? s->drawn - s->table : s->table - s->drawn;
}

uint32_t calibrate_mix_chance(const mix_share *s)
{
    return (uint32_t)((uint64_t)s->error * CALIBRATE_MIX_CHANCE_TENTHS / 10);
}

const mix_share *calibrate_mix_undecided(const mix_profile *profile)
{
    const mix_share *first = NULL;
    if (profile->others > 0) return NULL;
    for (uint32_t row = 0; row < CALIBRATE_MIX_ROWS; row++) {
        const mix_share *s = &profile->rows[row];
        uint32_t off = calibrate_mix_off(s);
        if (off <= CALIBRATE_MIX_BAND_PPM) continue;
        if (off > calibrate_mix_chance(s)) return NULL;
        if (first == NULL) first = s;
    }
    return first;
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
