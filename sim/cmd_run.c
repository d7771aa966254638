/* sim/cmd_run.c - `peerup-sim run`: one scenario with one seed or many, told in lines or as JSON.
 */
#include "base/suggest.h"
#include "sim/cli.h"
#include "sim/file.h"
#include "sim/json.h"
#include "sim/mem.h"
#include "sim/progress.h"
#include "sim/quantity.h"
#include "sim/repro.h"
#include "sim/run_folder.h"
#include "sim/tally.h"

#include <inttypes.h>
#include <unistd.h>

enum {
    WHY_MAX = 4200,
    CAPTURED_WHY_MAX = 4096,
    SEEDS_MAX = 10000000,
    FAILED_SHOWN_MAX = 100,
    FIRST_SEED = 1
};

static const char *const log_words[] = {"none", "summary", "events", "packets"}; /* enum run_log */

/* What the command line asks for. */
typedef struct request {
    const char *path; /* of the scenario */
    uint64_t first, last;
    bool has_seed, has_seeds;
    const char **sets; /* owned */
    uint32_t set_count;
    const char *out; /* NULL: out/NAME */
    enum run_log log;
    bool is_json, is_verbose;
    enum progress_kind progress;
    uint64_t hash_seed;
    bool never_reuses, is_only_heap;
    const char *record; /* name of the node to record; NULL: none */
    uint32_t record_node;
    bool captures, captures_secrets;
    captured *captured;      /* owned; what is captured alone */
    uint32_t captured_count; /* 0: the packets of all nodes */
    char *command_line;      /* owned */
} request;

/* ---- the command line ---- */

static bool read_seed(const cli_command *self, const char *text, uint64_t *seed)
{
    char why[QUANTITY_WHY_MAX];
    if (quantity_read(QUANTITY_COUNT, text, seed, why)) return true;
    cli_wrong(self, "--seed: %s", why);
    return false;
}

/* Finds the option's value among words. */
static bool read_choice(const cli_command *self, const options *o, const char *const *words,
                        uint32_t count, uint32_t *index)
{
    char hint[SUGGEST_HINT_MAX];
    for (*index = 0; *index < count; (*index)++)
        if (strcmp(words[*index], o->value) == 0) return true;
    cli_wrong(self, "--%s: unknown word '%s'%s", o->which->name, o->value,
              cli_hint(o->value, words, count, o->which->argument, hint));
    return false;
}

static bool read_out(const cli_command *self, const char *text, request *q)
{
    size_t len = strlen(text);
    q->out = text;
    if (len == 0) cli_wrong(self, "--out: it is empty, DIR is a folder");
    if (len >= RUN_FOLDER_MAX) cli_wrong(self, "--out: the path is too long");
    return len > 0 && len < RUN_FOLDER_MAX;
}

/* The option is a value of the scenario, like any other that --set changes. */
static bool read_fidelity(const cli_command *self, const options *o, request *q)
{
    static const char *const words[] = {"model", "wire"};
    static const char *const sets[] = {"fidelity=model", "fidelity=wire"};
    uint32_t index;
    if (!read_choice(self, o, words, 2, &index)) return false;
    q->sets[q->set_count++] = sets[index];
    return true;
}

/* Notes a --pcap-of, once. */
static void take_captured(request *q, const char *name)
{
    for (uint32_t i = 0; i < q->captured_count; i++)
        if (strcmp(q->captured[i].name, name) == 0) return;
    q->captured[q->captured_count++] = (captured){.name = name};
}

/* Takes one option. False: it is wrong, which has been said. */
static bool take(const cli_command *self, const options *o, request *q)
{
    static const char *const kinds[] = {"auto", "plain", "none"};
    static const char *const allocators[] = {"heap", "fresh"};
    static const char *const queues[] = {"ladder", "heap"};
    const char *name = o->which->name;
    uint32_t index = 0;
    if (strcmp(name, "seed") == 0) {
        q->has_seed = true;
        if (!read_seed(self, o->value, &q->first)) return false;
        q->last = q->first;
    } else if (strcmp(name, "seeds") == 0) {
        q->has_seeds = true;
        return cli_read_seeds(self, o->value, SEEDS_MAX, &q->first, &q->last);
    } else if (strcmp(name, "fidelity") == 0) {
        return read_fidelity(self, o, q);
    } else if (strcmp(name, "pcap") == 0) {
        q->captures = true;
    } else if (strcmp(name, "pcap-keys") == 0) {
        q->captures = q->captures_secrets = true;
    } else if (strcmp(name, "pcap-of") == 0) {
        q->captures = true;
        take_captured(q, o->value);
    } else if (strcmp(name, "set") == 0) {
        q->sets[q->set_count++] = o->value;
    } else if (strcmp(name, "out") == 0) {
        return read_out(self, o->value, q);
    } else if (strcmp(name, "log") == 0) {
        if (!read_choice(self, o, log_words, 4, &index)) return false;
        q->log = (enum run_log)index;
    } else if (strcmp(name, "progress") == 0) {
        if (!read_choice(self, o, kinds, 3, &index)) return false;
        q->progress = (enum progress_kind)index;
    } else if (strcmp(name, "hash-seed") == 0) {
        return read_seed(self, o->value, &q->hash_seed);
    } else if (strcmp(name, "allocator") == 0) {
        if (!read_choice(self, o, allocators, 2, &index)) return false;
        q->never_reuses = index == 1;
    } else if (strcmp(name, "queue") == 0) {
        if (!read_choice(self, o, queues, 2, &index)) return false;
        q->is_only_heap = index == 1;
    } else if (strcmp(name, "record") == 0) {
        q->record = o->value;
    } else if (strcmp(name, "json") == 0) {
        q->is_json = true;
    } else if (strcmp(name, "verbose") == 0) {
        q->is_verbose = true;
    }
    return true;
}

/* Reads the words of the command. Not -1: the command ends with that. */
static int read_request(const cli_command *self, int argc, char *const *argv, request *q)
{
    options o = cli_options(self, argc, argv);
    enum option_kind kind;
    int code;
    while (cli_next(self, &o, &kind, &code)) {
        if (kind == OPTION_OPERAND && q->path != NULL)
            return cli_wrong(self, "'%s' is too much: one scenario at a time", o.value);
        if (kind == OPTION_OPERAND) q->path = o.value;
        else if (!take(self, &o, q)) return CLI_USAGE;
    }
    if (code >= 0) return code;
    if (q->path == NULL) return cli_wrong(self, "which scenario? SCENARIO is missing");
    if (file_is_folder(q->path))
        return cli_wrong(self,
                         "%s is a folder, and one scenario runs at a time. All of a folder, in a "
                         "shell:\n  for f in %s/*.yaml; do %s run \"$f\"; done",
                         q->path, q->path, cli_program());
    if (q->has_seed && q->has_seeds) return cli_wrong(self, "either --seed or --seeds");
    return -1;
}

static char *join(int argc, char *const *argv)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) sim_no_memory(1);
    fputs("peerup-sim run", out);
    for (int i = 0; i < argc; i++) {
        putc(' ', out);
        cli_print_quoted(out, argv[i]);
    }
    if (fclose(out) != 0) sim_no_memory(1);
    return text;
}

/* ---- one run ---- */

static uint32_t held_count(const run_result *result)
{
    uint32_t held = 0;
    for (uint32_t i = 0; i < result->property_count; i++) held += result->properties[i].held;
    return held;
}

static void print_head(const scenario *s, uint64_t seed)
{
    printf("seed=%" PRIu64 " build=%s config=%016" PRIx64 "%016" PRIx64 " scenario=%s\n", seed,
           run_build_id(), s->hash[0], s->hash[1], s->name);
    fflush(stdout);
}

static void print_violations(const run_result *result, FILE *out)
{
    for (uint32_t i = 0; i < result->property_count; i++) {
        const run_property *p = &result->properties[i];
        if (!p->held) fprintf(out, "violated: %s: %s\n", p->name, p->why);
    }
}

/* The same of one of many runs, in a line. */
static void print_failed_seed(uint64_t seed, const run_result *result, FILE *out)
{
    const char *before = "violated: ";
    fprintf(out, "seed=%" PRIu64 " ", seed);
    for (uint32_t i = 0; i < result->property_count; i++) {
        const run_property *p = &result->properties[i];
        if (p->held) continue;
        fprintf(out, "%s%s: %s", before, p->name, p->why);
        before = "; ";
    }
    putc('\n', out);
    fflush(out); /* what ends the process later does not take it along */
}

static void print_replay(const request *q, uint64_t seed, FILE *out)
{
    fputs("replay: ", out);
    cli_print_quoted(out, cli_program());
    fputs(" run ", out);
    cli_print_quoted(out, q->path);
    fprintf(out, " --seed %" PRIu64, seed);
    for (uint32_t i = 0; i < q->set_count; i++) {
        fputs(" --set ", out);
        cli_print_quoted(out, q->sets[i]);
    }
    putc('\n', out);
}

/* Where the files are, unless they are of one of many; then the run in one line. */
static void print_tail(const request *q, const run_options *how, const run_result *r)
{
    if (how->pcap_path != NULL && !q->has_seeds) printf("pcap=%s\n", how->pcap_path);
    if (how->record_path != NULL && !q->has_seeds) printf("record=%s\n", how->record_path);
    if (how->db_path != NULL && !q->has_seeds)
        printf("db=%s log=%s\n", how->db_path, log_words[how->log]);
    printf("seed=%" PRIu64 " hash=%016" PRIx64 "%016" PRIx64 " events=%" PRIu64, how->seed,
           r->hash[0], r->hash[1], r->events);
    printf(" sim=%" PRIu64 ".%03" PRIu64 "s", r->sim_ns / PU_S, r->sim_ns % PU_S / PU_MS);
    printf(" wall=%" PRIu64 ".%02" PRIu64 "s", r->wall_ns / PU_S, r->wall_ns % PU_S / (10 * PU_MS));
    if (r->is_partial) printf(" properties=not-judged\n");
    else printf(" properties=%u/%u\n", held_count(r), r->property_count);
    fflush(stdout);
}

static run_folder folder_of(const request *q, const scenario *s)
{
    return (run_folder){q->out, s->name, q->has_seeds};
}

/* The command that repeats a run from the file at path. */
static void print_repro(const char *path, FILE *out)
{
    fputs("repro: ", out);
    cli_print_quoted(out, cli_program());
    fputs(" replay ", out);
    cli_print_quoted(out, path);
    putc('\n', out);
}

/* What a failing run leaves: a repro file, and, unless it is one of many, the command that repeats
 * it. Whether the file was written. */
static bool leave_repro(const request *q, const scenario *s, uint64_t seed,
                        const run_result *result, FILE *notices)
{
    char path[RUN_FILE_MAX], why[WHY_MAX];
    run_folder folder = folder_of(q, s);
    repro r = {.scenario = q->path, .seed = seed};
    if (!q->has_seeds) print_replay(q, seed, notices);
    if (!run_folder_make(&folder, seed) || q->set_count > REPRO_SETS_MAX) return false;
    for (uint32_t i = 0; i < q->set_count; i++) r.sets[r.set_count++] = q->sets[i];
    snprintf(r.build, sizeof r.build, "%s", run_build_id());
    memcpy(r.config_hash, s->hash, sizeof r.config_hash);
    memcpy(r.trace_hash, result->hash, sizeof r.trace_hash);
    run_folder_path(&folder, seed, "run.repro", path);
    if (!repro_write(path, &r, result, why, sizeof why)) {
        fprintf(stderr, "peerup-sim run: %s\n", why);
        return false;
    }
    if (!q->has_seeds) print_repro(path, notices);
    return true;
}

static void show_within(void *ctx, pu_time now, pu_time end)
{
    progress_within(ctx, now, end);
}

static volatile sig_atomic_t interrupted; /* a signal handler can reach nothing else */

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* The first Ctrl-C ends the run and keeps what it has; the second ends the program. */
static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* What runs one after the other add to. */
typedef struct campaign {
    progress bar;
    uint64_t ran;                 /* runs that ended, interrupted ones as well */
    uint64_t repros, first_repro; /* files that they left, the seed of the first */
    uint64_t older_dbs, older_repros, older_captures; /* files there that are not of these runs */
    tally tally;
} campaign;

/* Counts what is there beside a run that has left no such file itself. */
static void count_older(const run_folder *folder, const run_options *how, bool has_repro,
                        campaign *all)
{
    uint64_t seed = how->seed;
    all->older_dbs += how->db_path == NULL && run_folder_has(folder, seed, "run.db");
    all->older_repros += !has_repro && run_folder_has(folder, seed, "run.repro");
    all->older_captures += how->pcap_path == NULL && run_folder_has(folder, seed, "run.pcapng");
}

static void print_older_file(const run_folder *folder, const char *name, uint64_t count, FILE *out)
{
    char path[RUN_FILE_MAX], below[32];
    snprintf(below, sizeof below, "%s%s", folder->is_many ? "seed-N/" : "", name);
    run_folder_top(folder, below, path);
    if (count > 0 && !folder->is_many)
        fprintf(out, "older: %s is of another run, this one left none\n", path);
    else if (count > 0)
        fprintf(out, "older: %s of %" PRIu64 " seed%s is of another run, these left none\n", path,
                count, count == 1 ? "" : "s");
    run_folder_top(folder, name, path);
    if (folder->is_many && access(path, F_OK) == 0)
        fprintf(out, "older: %s is of a run without --seeds\n", path);
}

/* Who looks into the folder must not take an older run's files for this one's. */
static void print_older(const run_folder *folder, const campaign *all, FILE *out)
{
    print_older_file(folder, "run.db", all->older_dbs, out);
    print_older_file(folder, "run.repro", all->older_repros, out);
    print_older_file(folder, "run.pcapng", all->older_captures, out);
}

/* --json: one run is one object; many are a list in one, which grows run by run. */
static void print_json(const request *q, uint64_t ran, json_t *run)
{
    if (q->has_seeds && ran > 0) putchar(',');
    if (q->has_seeds) sim_json_put(run, stdout);
    else sim_json_print(run, stdout);
}

/* The paths of a run's files. */
typedef struct run_paths {
    char db[RUN_FILE_MAX], tape[RUN_FILE_MAX], capture[RUN_FILE_MAX];
} run_paths;

/* What is asked for of a run with that seed. */
static run_options options_of(const request *q, const scenario *s, uint64_t seed, run_paths *paths)
{
    run_folder folder = folder_of(q, s);
    run_options how = {.seed = seed,
                       .log = q->log,
                       .command_line = q->command_line,
                       .record_node = q->record_node,
                       .hash_seed = q->hash_seed,
                       .never_reuses = q->never_reuses,
                       .is_only_heap = q->is_only_heap,
                       .stop = &interrupted,
                       .show = show_within};
    if (q->log != RUN_LOG_NONE) {
        run_folder_path(&folder, seed, "run.db", paths->db);
        how.db_path = paths->db;
    }
    if (q->record != NULL) {
        char name[SCENARIO_NAME_MAX + 8];
        snprintf(name, sizeof name, "%s.rec", s->nodes[q->record_node].name);
        run_folder_path(&folder, seed, name, paths->tape);
        how.record_path = paths->tape;
    }
    if (q->captures) {
        run_folder_path(&folder, seed, "run.pcapng", paths->capture);
        how.pcap_path = paths->capture;
        how.pcap_secrets = q->captures_secrets;
        how.captured = q->captured;
        how.captured_count = q->captured_count;
    }
    return how;
}

/* Tells of a run that ended, and adds it to all. Returns the exit code. */
static int end_seed(const request *q, const scenario *s, const run_options *how,
                    const run_result *result, campaign *all)
{
    run_folder folder = folder_of(q, s);
    FILE *notices = q->is_json ? stderr : stdout;
    bool has_held = held_count(result) == result->property_count, has_repro = false;
    if (result->is_partial)
        fprintf(notices, "interrupted after %" PRIu64 " of %" PRIu64 " simulated seconds\n",
                result->sim_ns / PU_S, s->duration_ns / PU_S);
    else if (!q->has_seeds) print_violations(result, notices);
    else if (!has_held) print_failed_seed(how->seed, result, notices);
    if (!has_held && !result->is_partial) has_repro = leave_repro(q, s, how->seed, result, notices);
    if (has_repro && all->repros++ == 0) all->first_repro = how->seed;
    count_older(&folder, how, has_repro, all);
    if (!q->has_seeds) print_older(&folder, all, notices);
    if (!result->is_partial) tally_add(&all->tally, how->seed, result);
    if (q->is_json) print_json(q, all->ran, sim_json_run(s, how, result));
    else if (!q->has_seeds || q->is_verbose || result->is_partial) print_tail(q, how, result);
    all->ran++;
    if (result->is_partial) return CLI_INTERRUPTED;
    return has_held ? CLI_DONE : CLI_VIOLATED;
}

/* Runs one seed and adds it to all. */
static int run_seed(const request *q, const scenario *s, uint64_t seed, campaign *all)
{
    run_folder folder = folder_of(q, s);
    run_paths paths;
    run_options how = options_of(q, s, seed, &paths);
    run_result result = {0};
    bool has_db = how.db_path != NULL, has_files = has_db || how.record_path || how.pcap_path;
    if (has_files && !run_folder_make(&folder, seed)) return CLI_UNEXPECTED;
    how.show_ctx = &all->bar;
    progress_begin(&all->bar);
    if (!q->is_json && !q->has_seeds) print_head(s, seed);
    bool replaces = has_db && run_folder_has(&folder, seed, "run.db");
    int status = run_scenario(s, &how, &result), code = CLI_UNEXPECTED;
    progress_clear(&all->bar);
    if (status == 0) {
        if (replaces) run_folder_remove(&folder, seed, "report.html");
        if (has_db) run_folder_remove(&folder, seed, "run.repro");
        code = end_seed(q, s, &how, &result, all);
    }
    run_result_free(&result);
    return code;
}

/* ---- all of them ---- */

/* How one of many that failed is repeated, and from what the first has left. */
static void print_repeats(const request *q, const scenario *s, const campaign *all, uint64_t seed,
                          FILE *notices)
{
    char path[RUN_FILE_MAX];
    run_folder folder = folder_of(q, s);
    print_replay(q, seed, notices);
    if (all->repros == 0) return;
    run_folder_path(&folder, all->first_repro, "run.repro", path);
    print_repro(path, notices);
}

/* Where the files of many runs are. */
static void print_places(const request *q, const scenario *s)
{
    char folder[RUN_FILE_MAX];
    run_folder all = folder_of(q, s);
    run_folder_top(&all, "seed-N", folder);
    if (q->captures) printf("pcap=%s/run.pcapng\n", folder);
    if (q->record != NULL) printf("record=%s/%s.rec\n", folder, q->record);
    if (q->log != RUN_LOG_NONE) printf("db=%s/run.db log=%s\n", folder, log_words[q->log]);
}

/* The last line of many runs, and where their files are. failed: the first bad seeds. */
static void print_seeds(const request *q, const scenario *s, uint64_t ran, const uint64_t *failed,
                        uint64_t failed_count)
{
    print_places(q, s);
    if (ran == 0) {
        puts("no seed ran to its end");
        return;
    }
    printf("%" PRIu64 " seed%s: %" PRIu64 " held", ran, ran == 1 ? "" : "s", ran - failed_count);
    if (failed_count > 0) printf(", %" PRIu64 " failed:", failed_count);
    for (uint64_t i = 0; i < failed_count && i < FAILED_SHOWN_MAX; i++)
        printf(" %" PRIu64, failed[i]);
    printf("%s\n", failed_count > FAILED_SHOWN_MAX ? " ..." : "");
}

static int run_all(const request *q, const scenario *s)
{
    int worst = CLI_DONE;
    uint64_t failed_seeds[FAILED_SHOWN_MAX];
    uint64_t failed = 0, ran = 0, count = q->last - q->first + 1;
    run_folder folder = folder_of(q, s);
    campaign all = {.bar = progress_start(q->progress, count), .tally = tally_new(s)};
    catch_interrupts();
    if (q->is_json && q->has_seeds) fputs("{\"schema\":\"peerup.runs/1\",\"runs\":[", stdout);
    for (uint64_t i = 0; i < count && worst != CLI_UNEXPECTED && worst != CLI_INTERRUPTED; i++) {
        int code = run_seed(q, s, q->first + i, &all);
        if (code != CLI_DONE) worst = code;
        if (code == CLI_VIOLATED && failed < FAILED_SHOWN_MAX) failed_seeds[failed] = q->first + i;
        failed += code == CLI_VIOLATED;
        ran += code == CLI_DONE || code == CLI_VIOLATED;
        if (q->has_seeds) progress_show(&all.bar, i + 1, failed);
    }
    progress_clear(&all.bar);
    if (q->is_json && q->has_seeds) {
        puts("]}");
        if (failed > 0) print_repeats(q, s, &all, failed_seeds[0], stderr);
        print_older(&folder, &all, stderr);
    } else if (q->has_seeds) {
        if (ran > 1) tally_print(&all.tally, stdout);
        if (failed > 0) print_repeats(q, s, &all, failed_seeds[0], stdout);
        print_older(&folder, &all, stdout);
        print_seeds(q, s, ran, failed_seeds, failed);
    }
    tally_free(&all.tally);
    return worst;
}

/* Finds the node that an option names; SCENARIO_ANY: name is NULL. */
static bool find_node(const cli_command *self, const scenario *s, const char *word,
                      const char *name, uint32_t *node)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX];
    *node = SCENARIO_ANY;
    if (name == NULL) return true;
    suggest_begin(&near, name);
    for (uint32_t i = 0; i < s->node_count; i++) {
        *node = i;
        if (strcmp(s->nodes[i].name, name) == 0) return true;
        suggest_offer(&near, s->nodes[i].name);
    }
    suggest_hint(&near, hint);
    cli_wrong(self, "--%s: no node is called '%s'%s", word, name, hint);
    return false;
}

/* Finds what each --pcap-of names, "home" or "home/carrier", and the interface that it gets. */
static bool find_captured(const cli_command *self, const scenario *s, request *q)
{
    char node[SCENARIO_NAME_MAX + 1], why[CAPTURED_WHY_MAX];
    uint32_t interfaces = s->node_count;
    for (uint32_t i = 0; i < q->captured_count; i++) {
        captured *c = &q->captured[i];
        const char *slash = strchr(c->name, '/');
        size_t len = slash != NULL ? (size_t)(slash - c->name) : strlen(c->name);
        snprintf(node, sizeof node, "%.*s", (int)(len < sizeof node ? len : sizeof node), c->name);
        if (!find_node(self, s, "pcap-of", node, &c->node)) return false;
        c->box = slash != NULL ? slash + 1 : NULL;
        c->interface = slash != NULL ? interfaces++ : c->node;
        if (slash == NULL || captured_find_box(c, s, why, sizeof why)) continue;
        cli_wrong(self, "--pcap-of: %s", why);
        return false;
    }
    return true;
}

/* The model transport has no TLS whose secrets could be in a capture. */
static void note_no_secrets(const request *q, const scenario *s)
{
    if (q->captures_secrets && !s->is_wire)
        fputs("peerup-sim run: note: --pcap-keys does nothing at fidelity model, where nothing is "
              "encrypted: --fidelity wire has real packets\n",
              stderr);
}

static int run(const cli_command *self, int argc, char *const *argv)
{
    request q = {.first = FIRST_SEED, .last = FIRST_SEED, .log = RUN_LOG_SUMMARY};
    q.sets = sim_alloc((size_t)(argc + 1) * sizeof *q.sets);
    q.captured = sim_alloc((size_t)(argc + 1) * sizeof *q.captured);
    q.command_line = join(argc, argv);
    int code = read_request(self, argc, argv, &q);
    if (code < 0) {
        scenario *s = scenario_read(q.path, q.sets, q.set_count, stderr);
        if (s == NULL || !find_node(self, s, "record", q.record, &q.record_node) ||
            !find_captured(self, s, &q))
            code = CLI_USAGE;
        if (code < 0) {
            note_no_secrets(&q, s);
            code = run_all(&q, s);
        }
        scenario_free(s);
    }
    free(q.sets);
    free(q.captured);
    free(q.command_line);
    return code;
}

static const option table[] = {
    {"seed", 0, "N", "what all chance is drawn from (1)"},
    {"seeds", 0, "A-B", "runs every seed from A to B"},
    {"fidelity", 0, "model|wire",
     "how connections are made: by the model transport, or of real Noise, Yamux, TLS and QUIC"},
    {"set", 0, "KEY.PATH=VALUE", "changes a value of the scenario; may be repeated"},
    {"out", 0, "DIR", "where run.db goes (out/NAME); --seeds: DIR/seed-N/run.db"},
    {"log", 0, "none|summary|events|packets",
     "what the database holds (summary):\n"
     "none: there is no database; an older run's stays, which is said\n"
     "summary: nodes, dials, connections, properties, counts\n"
     "events: also all that nodes tell of themselves\n"
     "packets: also every datagram at every box it passes"},
    {"record", 0, "NODE", "writes DIR/NODE.rec, a recording of that node for `replay`"},
    {"pcap", 0, NULL,
     "writes DIR/run.pcapng, what every node sends and receives; at fidelity\n"
     "model addresses, times and lengths alone mean something"},
    {"pcap-keys", 0, NULL,
     "--pcap with the TLS secrets in it, so that Wireshark decrypts QUIC;\n"
     "at fidelity wire: model has none"},
    {"pcap-of", 0, "NODE[/BOX]",
     "--pcap of this node alone: what is there once, before a NAT, decrypts;\n"
     "NODE/BOX: what passes the outer side of a box around it: home/router,\n"
     "home/carrier@isp1, or home/2, the second from inside; may be repeated"},
    {"hash-seed", 0, "N", "lays out hash tables otherwise: the trace hash must stay"},
    {"allocator", 0, "heap|fresh", "fresh: no address comes twice: the trace hash must stay"},
    {"queue", 0, "ladder|heap", "heap: events wait in one heap: the trace hash must stay"},
    {"verbose", 0, NULL, "with --seeds: a line for every seed, not only for those that failed"},
    {"json", 0, NULL, "one JSON object: peerup.run/1, with --seeds peerup.runs/1 (docs/json.md)"},
    {"progress", 0, "auto|plain|none",
     "on standard error, after two seconds (auto: a terminal only)"},
    {"help", 'h', NULL, "this text"},
};

const cli_command cli_run = {
    "run",
    "SCENARIO",
    "runs a scenario and checks what it expects",
    table,
    sizeof table / sizeof table[0],
    run,
    "SCENARIO is a YAML file; docs/scenarios.md explains it. For example:\n"
    "  peerup-sim run scenarios/base/both-public.yaml --seed 7 --set network.link.loss=2%\n"
    "  peerup-sim run scenarios/base/both-public.yaml --seeds 1-50 --log none\n",
};
