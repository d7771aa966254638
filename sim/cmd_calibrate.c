/* sim/cmd_calibrate.c - `peerup-sim calibrate`: whether what is cheap to simulate agrees with what
 * is real.
 *
 * `fidelity`: the model of transports against real Noise, Yamux, TLS and QUIC, over the same seeds.
 * `nat`: each class of NAT against what behaviour discovery finds behind it (cmd_calibrate_nat.c).
 * `mix`: drawn populations against their table (cmd_calibrate_mix.c).
 * `latency`, `punch`: what nodes measure against the data (cmd_calibrate_rtt.c).
 */
#include "sim/agree.h"
#include "sim/calibrate.h"
#include "sim/cli.h"
#include "sim/figures.h"
#include "sim/json.h"
#include "sim/mem.h"
#include "sim/quantity.h"
#include "sim/wall.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    SIDES = 2, /* fidelities, in the order of side_names */
    SEEDS_MAX = CREW_JOBS_MAX / SIDES,
    FIRST_SEED = 1,
    LAST_SEED = 100,
    BAND_PPM = 100000 /* a tenth */
};

static const char *const side_names[SIDES] = {"model", "wire"};
static const char fidelity_scenario[] = "scenarios/calibration/fifty.yaml";

/* What is compared: one line of the table each. */
static const struct quantity_row {
    const char *name, *unit;
    bool is_judged; /* the others are shown: the model does not claim them */
    enum agree_kind kind;
    uint32_t which;   /* AGREE_MEAN: enum figure_count; otherwise enum figure_times */
    uint32_t percent; /* AGREE_QUANTILE */
} rows[] = {
    {"connections made", "a seed", true, AGREE_MEAN, FIGURE_CONNECTIONS, 0},
    {"streams opened", "a seed", true, AGREE_MEAN, FIGURE_STREAMS, 0},
    {"connect time, quarter", "s", true, AGREE_QUANTILE, FIGURE_CONNECT, 25},
    {"connect time, half", "s", true, AGREE_QUANTILE, FIGURE_CONNECT, 50},
    {"connect time, three quarters", "s", true, AGREE_QUANTILE, FIGURE_CONNECT, 75},
    {"QUIC handshake, quarter", "s", true, AGREE_QUANTILE, FIGURE_QUIC, 25},
    {"QUIC handshake, half", "s", true, AGREE_QUANTILE, FIGURE_QUIC, 50},
    {"QUIC handshake, three quarters", "s", true, AGREE_QUANTILE, FIGURE_QUIC, 75},
    {"TCP handshake, quarter", "s", true, AGREE_QUANTILE, FIGURE_TCP, 25},
    {"TCP handshake, half", "s", true, AGREE_QUANTILE, FIGURE_TCP, 50},
    {"TCP handshake, three quarters", "s", true, AGREE_QUANTILE, FIGURE_TCP, 75},
    {"circuit handshake, quarter", "s", true, AGREE_QUANTILE, FIGURE_CIRCUIT, 25},
    {"circuit handshake, half", "s", true, AGREE_QUANTILE, FIGURE_CIRCUIT, 50},
    {"circuit handshake, three quarters", "s", true, AGREE_QUANTILE, FIGURE_CIRCUIT, 75},
    {"datagrams sent", "a seed", false, AGREE_MEAN, FIGURE_DATAGRAMS, 0},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* A subject other than the fidelities. */
typedef struct subject {
    const char *name;
    uint64_t last; /* seed, from FIRST_SEED, unless others are asked for */
    bool has_file; /* an operand names it */
    bool has_jobs; /* which several processes do */
    int (*run)(const calibrate_ask *ask);
} subject;

static const subject subjects[] = {
    {"fidelity", LAST_SEED, true, true, NULL},
    {"nat", LAST_SEED, false, false, cli_calibrate_nat},
    {"mix", 4, true, true, cli_calibrate_mix},
    {"latency", 10, true, false, cli_calibrate_latency},
    {"punch", 10, true, false, cli_calibrate_punch},
};

enum { SUBJECTS = sizeof subjects / sizeof subjects[0] };

/* What the command line asks for. */
typedef struct request {
    const subject *of; /* NULL: not said */
    calibrate_ask ask;
    bool has_seeds, has_jobs; /* they were said */
    const char **sets;        /* owned; the last place is for the fidelity */
    uint32_t set_count;
    uint64_t band_ppm;
    const char
        *special; /* the last option that only the comparison of fidelities has; NULL: none */
} request;

/* Both fidelities of all seeds. */
typedef struct comparison {
    const request *q;
    scenario *sides[SIDES]; /* owned */
    uint32_t seeds;
    crew_result *results; /* owned; of seed i and side k in [i * SIDES + k] */
    figures *of;          /* owned; the same, read; they borrow from results */
    agreement rows[ROWS];
    bool is_rare[ROWS];   /* too few values to judge */
    uint32_t held[SIDES]; /* seeds whose properties all held */
    bool agrees;
    uint64_t wall_ns;
} comparison;

/* ---- the command line ---- */

static bool read_number(const cli_command *self, const options *o, enum quantity_kind kind,
                        uint64_t least, uint64_t most, uint64_t *value)
{
    char why[QUANTITY_WHY_MAX];
    if (!quantity_read(kind, o->value, value, why)) {
        cli_wrong(self, "--%s: %s", o->which->name, why);
        return false;
    }
    if (*value >= least && *value <= most) return true;
    cli_wrong(self, "--%s: %s is out of range, use %s", o->which->name, o->value,
              o->which->argument);
    return false;
}

static bool read_progress(const cli_command *self, const options *o, request *q)
{
    static const char *const kinds[] = {"auto", "plain", "none"};
    for (uint32_t i = 0; i < 3; i++)
        if (strcmp(kinds[i], o->value) == 0) {
            q->ask.progress = (enum progress_kind)i;
            return true;
        }
    cli_wrong(self, "--progress: unknown word '%s', use %s", o->value, o->which->argument);
    return false;
}

static bool read_jobs(const cli_command *self, const options *o, request *q)
{
    uint64_t workers = 1;
    q->has_jobs = read_number(self, o, QUANTITY_COUNT, 1, CREW_WORKERS_MAX, &workers);
    q->ask.workers = (uint32_t)workers;
    return q->has_jobs;
}

/* Takes one option. False: it is wrong, which has been said. */
static bool take(const cli_command *self, const options *o, request *q)
{
    const char *name = o->which->name;
    if (strcmp(name, "seeds") == 0)
        return q->has_seeds =
                   cli_read_seeds(self, o->value, SEEDS_MAX, &q->ask.first, &q->ask.last);
    if (strcmp(name, "jobs") == 0) return read_jobs(self, o, q);
    if (strcmp(name, "progress") == 0) return read_progress(self, o, q);
    if (strcmp(name, "json") == 0) return q->ask.is_json = true;
    q->special = name;
    if (strcmp(name, "band") == 0)
        return read_number(self, o, QUANTITY_SHARE, 1, AGREE_ONE / 2, &q->band_ppm);
    q->sets[q->set_count++] = o->value;
    return true;
}

static const subject *subject_of(const char *word)
{
    for (uint32_t i = 0; i < SUBJECTS; i++)
        if (strcmp(word, subjects[i].name) == 0) return &subjects[i];
    return NULL;
}

/* Whether a word that is no subject may be a scenario: it has a file's name, or is one. What is
 * wrong has been said. */
static bool is_file(const cli_command *self, const char *word)
{
    const char *words[SUBJECTS];
    char hint[SUGGEST_HINT_MAX];
    if (strpbrk(word, "/.") != NULL || access(word, F_OK) == 0) return true;
    for (size_t i = 0; i < SUBJECTS; i++) words[i] = subjects[i].name;
    cli_wrong(self, "'%s' is neither a subject nor a file%s", word,
              cli_hint(word, words, SUBJECTS, "fidelity, nat, mix, latency or punch", hint));
    return false;
}

/* Whether the options fit the subject; what is wrong has been said. */
static bool is_sound(const cli_command *self, const request *q)
{
    bool is_other = q->of->run != NULL;
    if (is_other && q->special != NULL) {
        cli_wrong(self, "%s has no --%s: that is of 'fidelity'", q->of->name, q->special);
        return false;
    }
    if (q->has_jobs && !q->of->has_jobs) {
        cli_wrong(self, "%s is one process: --jobs is of 'fidelity' and 'mix'", q->of->name);
        return false;
    }
    if (is_other && q->ask.path != NULL && !q->of->has_file) {
        cli_wrong(self, "%s: it has no scenario", q->of->name);
        return false;
    }
    if (is_other || q->ask.last - q->ask.first + 1 >= AGREE_SEEDS_LEAST) return true;
    cli_wrong(self, "--seeds: an interval needs %d seeds at least", AGREE_SEEDS_LEAST);
    return false;
}

/* Reads the words of the command. Not -1: the command ends with that. */
static int read_request(const cli_command *self, int argc, char *const *argv, request *q)
{
    options o = cli_options(self, argc, argv);
    enum option_kind kind;
    int code;
    while (cli_next(self, &o, &kind, &code)) {
        if (kind == OPTION_NAMED) {
            if (!take(self, &o, q)) return CLI_USAGE;
        } else if (q->of == NULL && q->ask.path == NULL && subject_of(o.value) != NULL) {
            q->of = subject_of(o.value);
        } else if (q->ask.path == NULL) {
            q->ask.path = o.value;
        } else {
            return cli_wrong(self, "'%s' is too much: one scenario at a time", o.value);
        }
    }
    if (code >= 0) return code;
    if (q->of == NULL && q->ask.path != NULL && !is_file(self, q->ask.path)) return CLI_USAGE;
    if (q->of == NULL) q->of = &subjects[0];
    if (!q->has_seeds) q->ask.last = q->of->last;
    return is_sound(self, q) ? -1 : CLI_USAGE;
}

/* ---- runs ---- */

/* Job i * SIDES + k runs seed i at fidelity k. */
static bool run_one(void *ctx, uint32_t job, crew_result *found)
{
    const comparison *c = ctx;
    run_options how = {.seed = c->q->ask.first + job / SIDES, .log = RUN_LOG_NONE};
    run_result result;
    bool is_good = run_scenario(c->sides[job % SIDES], &how, &result) == 0;
    if (is_good) *found = figures_write(&result);
    run_result_free(&result);
    return is_good;
}

static int run_all(comparison *c)
{
    uint32_t jobs = c->seeds * SIDES;
    int code = calibrate_crew(&c->q->ask, jobs, run_one, c, c->results);
    for (uint32_t i = 0; i < jobs && code == CLI_DONE; i++)
        if (!figures_read(&c->of[i], &c->results[i])) code = CLI_UNEXPECTED;
    return code;
}

/* ---- the comparison ---- */

/* One count a seed. */
static agree_side side_counts(const comparison *c, uint32_t side, uint32_t which)
{
    agree_side s = {sim_alloc(c->seeds * sizeof *s.at), c->seeds};
    for (uint32_t i = 0; i < c->seeds; i++)
        s.at[i] = (agree_value){c->of[i * SIDES + side].counts[which], i};
    return s;
}

/* All times of all seeds. */
static agree_side side_times(const comparison *c, uint32_t side, uint32_t which)
{
    agree_side s = {NULL, 0};
    uint32_t cap = 0;
    for (uint32_t i = 0; i < c->seeds; i++) {
        const figures *f = &c->of[i * SIDES + side];
        for (uint32_t k = 0; k < f->times_count[which]; k++) {
            s.at = sim_grow(s.at, &cap, s.count, sizeof *s.at);
            s.at[s.count++] = (agree_value){f->times[which][k], i};
        }
    }
    return s;
}

/* What happens less than once a seed, on both sides, has no distribution worth the name. */
static bool is_judged(const comparison *c, uint32_t row)
{
    return rows[row].is_judged && !c->is_rare[row];
}

static void compare(comparison *c)
{
    c->agrees = true;
    for (uint32_t row = 0; row < ROWS; row++) {
        agree_side sides[SIDES];
        for (uint32_t k = 0; k < SIDES; k++)
            sides[k] = rows[row].kind == AGREE_MEAN ? side_counts(c, k, rows[row].which)
                                                    : side_times(c, k, rows[row].which);
        c->rows[row] =
            agree_between(&sides[0], &sides[1], c->seeds, rows[row].kind, rows[row].percent);
        c->is_rare[row] = sides[0].count < c->seeds && sides[1].count < c->seeds;
        for (uint32_t k = 0; k < SIDES; k++) free(sides[k].at);
        if (is_judged(c, row)) c->agrees &= agree_within(&c->rows[row], c->q->band_ppm);
    }
    for (uint32_t i = 0; i < c->seeds; i++)
        for (uint32_t k = 0; k < SIDES; k++)
            c->held[k] += c->of[i * SIDES + k].counts[FIGURE_HELD] != 0;
}

/* ---- what is printed ---- */

enum { FIGURE_TEXT = 32 };

/* "0.996": millionths to thousandths, rounded. */
static const char *ratio_text(uint64_t ppm, char out[FIGURE_TEXT])
{
    uint64_t rounded = (ppm + 500) / 1000;
    snprintf(out, FIGURE_TEXT, "%" PRIu64 ".%03" PRIu64, rounded / 1000, rounded % 1000);
    return out;
}

/* A mean in thousandths, or a time in ns. */
static const char *figure_text(const struct quantity_row *row, uint64_t value,
                               char out[FIGURE_TEXT])
{
    if (row->kind == AGREE_QUANTILE && value == PU_NEVER) return "never";
    return ratio_text(row->kind == AGREE_QUANTILE ? value / 1000 : value * 1000, out);
}

static const char *verdict(const comparison *c, uint32_t row)
{
    if (!rows[row].is_judged) return "not judged";
    if (c->is_rare[row]) return "too few to judge";
    return agree_within(&c->rows[row], c->q->band_ppm) ? "agrees" : "DIFFERS";
}

static void print_table(const comparison *c)
{
    printf("%-34s %12s %12s %7s   %s\n", "quantity", side_names[0], side_names[1], "ratio",
           "95 % interval");
    for (uint32_t i = 0; i < ROWS; i++) {
        char a[FIGURE_TEXT], b[FIGURE_TEXT], ratio[FIGURE_TEXT], low[FIGURE_TEXT],
            high[FIGURE_TEXT];
        const agreement *g = &c->rows[i];
        if (!g->is_known) {
            printf("%-34s %s\n", rows[i].name, verdict(c, i));
            continue;
        }
        printf("%-34s %12s %12s %7s   %s to %s  %s\n", rows[i].name, figure_text(&rows[i], g->a, a),
               figure_text(&rows[i], g->b, b), ratio_text(g->ratio, ratio), ratio_text(g->low, low),
               ratio_text(g->high, high), verdict(c, i));
    }
}

static void print_text(const comparison *c)
{
    const scenario *s = c->sides[0];
    uint64_t percent_hundredths = c->q->band_ppm / 100;
    printf("calibrate fidelity: scenario=%s nodes=%" PRIu32 " seeds=%" PRIu64 "-%" PRIu64
           " build=%s\n",
           s->name, s->node_count, c->q->ask.first, c->q->ask.last, run_build_id());
    print_table(c);
    printf("properties held: model %" PRIu32 " of %" PRIu32 " seeds, wire %" PRIu32 " of %" PRIu32
           "\n",
           c->held[0], c->seeds, c->held[1], c->seeds);
    printf("%s: the interval of every judged ratio %s 1 +- %" PRIu64 ".%02" PRIu64
           " %% (wall=%" PRIu64 ".%02" PRIu64 "s)\n",
           c->agrees ? "agree" : "DIFFER", c->agrees ? "is within" : "ought to be within",
           percent_hundredths / 100, percent_hundredths % 100, c->wall_ns / PU_S,
           c->wall_ns % PU_S / (10 * PU_MS));
}

static json_t *row_json(const comparison *c, uint32_t row)
{
    const agreement *g = &c->rows[row];
    const struct quantity_row *r = &rows[row];
    if (!g->is_known)
        return json_pack("{s:s, s:s, s:b, s:n, s:n, s:n, s:n, s:n, s:b}", "name", r->name, "unit",
                         r->unit, "judged", is_judged(c, row), "model", "wire", "ratio", "low",
                         "high", "agrees", 0);
    json_t *a = r->kind == AGREE_MEAN ? sim_json_millionths(g->a * 1000) : sim_json_seconds(g->a);
    json_t *b = r->kind == AGREE_MEAN ? sim_json_millionths(g->b * 1000) : sim_json_seconds(g->b);
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:b}", "name", r->name, "unit",
                     r->unit, "judged", is_judged(c, row), "model", a, "wire", b, "ratio",
                     sim_json_millionths(g->ratio), "low", sim_json_millionths(g->low), "high",
                     sim_json_millionths(g->high), "agrees", agree_within(g, c->q->band_ppm));
}

static void print_json(const comparison *c)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < ROWS; i++) json_array_append_new(all, row_json(c, i));
    sim_json_print(
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:b, s:{s:I, s:I}, s:o, s:o}", "schema",
                  "peerup.calibrate/1", "what", "fidelity", "scenario", c->sides[0]->name, "build",
                  run_build_id(), "nodes", (json_int_t)c->sides[0]->node_count, "first_seed",
                  (json_int_t)c->q->ask.first, "last_seed", (json_int_t)c->q->ask.last, "band",
                  sim_json_millionths(c->q->band_ppm), "agrees", c->agrees, "held", side_names[0],
                  (json_int_t)c->held[0], side_names[1], (json_int_t)c->held[1], "quantities", all,
                  "wall_seconds", sim_json_seconds(c->wall_ns)),
        stdout);
}

/* ---- the command ---- */

static bool read_sides(comparison *c)
{
    static const char *const fidelity_sets[SIDES] = {"fidelity=model", "fidelity=wire"};
    const request *q = c->q;
    for (uint32_t k = 0; k < SIDES; k++) {
        q->sets[q->set_count] = fidelity_sets[k];
        c->sides[k] = scenario_read(q->ask.path != NULL ? q->ask.path : fidelity_scenario, q->sets,
                                    q->set_count + 1, stderr);
        if (c->sides[k] == NULL) return false;
    }
    return true;
}

static int calibrate(const request *q)
{
    comparison c = {.q = q, .seeds = (uint32_t)(q->ask.last - q->ask.first + 1)};
    uint64_t began_ns = wall_clock_ns();
    int code = read_sides(&c) ? CLI_DONE : CLI_USAGE;
    if (code == CLI_DONE) {
        c.results = sim_alloc(c.seeds * SIDES * sizeof *c.results);
        c.of = sim_alloc(c.seeds * SIDES * sizeof *c.of);
        code = run_all(&c);
    }
    if (code == CLI_DONE) {
        compare(&c);
        c.wall_ns = wall_clock_ns() - began_ns;
        if (q->ask.is_json) print_json(&c);
        else print_text(&c);
        if (!c.agrees) code = CLI_VIOLATED;
    }
    if (c.results != NULL) crew_free(c.results, c.seeds * SIDES);
    free(c.results);
    free(c.of);
    for (uint32_t k = 0; k < SIDES; k++) scenario_free(c.sides[k]);
    return code;
}

static int run(const cli_command *self, int argc, char *const *argv)
{
    request q = {.ask = {.first = FIRST_SEED, .last = LAST_SEED, .workers = crew_cores()},
                 .band_ppm = BAND_PPM};
    q.sets = sim_alloc((size_t)(argc + 1) * sizeof *q.sets);
    int code = read_request(self, argc, argv, &q);
    if (code < 0 && q.of->run != NULL) code = q.of->run(&q.ask);
    else if (code < 0) code = calibrate(&q);
    free(q.sets);
    return code;
}

static const option table[] = {
    {"seeds", 0, "A-B", "every seed from A to B (1-100; latency and punch 1-10, mix 1-4)"},
    {"band", 0, "SHARE", "how far from 1 the interval of a ratio may reach, at most 50% (10%)"},
    {"jobs", 0, "N", "processes of fidelity and mix, 1 to 1024 (as many as there are cores)"},
    {"set", 0, "KEY.PATH=VALUE", "changes a value of the scenario; may be repeated"},
    {"json", 0, NULL, "one JSON object: peerup.calibrate/1 (docs/json.md)"},
    {"progress", 0, "auto|plain|none",
     "on standard error, after two seconds (auto: a terminal only)"},
    {"help", 'h', NULL, "this text"},
};

const cli_command cli_calibrate = {
    "calibrate",
    "[fidelity [SCENARIO] | nat | mix [TABLE] | latency [MATRIX] | punch [SCENARIO]]",
    "compares the model of transports with real ones, and the network with what it ought to be",
    table,
    sizeof table / sizeof table[0],
    run,
    "Exit code 10 when an interval leaves the band. Without a SCENARIO it is\n"
    "scenarios/calibration/fifty.yaml; ten seeds at least make an interval. docs/calibration.md "
    "says\nwhat is compared and how.\n"
    "nat: whether RFC 5780's discovery finds each class of NAT, without loss and with 1 %.\n"
    "mix: whether boxes drawn from each population have its shares, by the same discovery.\n"
    "latency: whether pings between the places of a matrix have its quantiles.\n"
    "punch: whether a direct path takes 200 ms and a relayed one 250 ms where they ought to.\n",
};
