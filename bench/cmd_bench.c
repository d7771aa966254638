/* bench/cmd_bench.c - `peerup-sim bench`: measures this build on this machine. */
#include "bench/bench.h"
#include "sim/cli.h"
#include "sim/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What the command line asks for. */
typedef struct wishes {
    const char *what;
    uint32_t pending, nodes, degree, seconds, pairs, streams;
    bool is_behind, is_json;
} wishes;

enum { STREAMS_MAX = 4096, PAIRS_MAX = 1 << 16, SECONDS_MAX = 86400 };
enum { NODES_MAX = 1 << 22, DEGREE_MAX = 64, PENDING_MAX = 1 << 26 };

/* A whole number of [least, most]. False: it is none. */
static bool number(const char *text, uint32_t least, uint32_t most, uint32_t *value)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-') return false;
    if (n < least || n > most) return false;
    *value = (uint32_t)n;
    return true;
}

static json_t *json_machine(json_t *result)
{
    bench_machine m;
    bench_machine_read(&m);
    json_object_set_new(result, "build", json_string(run_build_id()));
    json_object_set_new(result, "cpu", sim_json_text(m.cpu));
    json_object_set_new(result, "cores", json_integer(m.cores));
    return result;
}

static void print_machine(void)
{
    bench_machine m;
    bench_machine_read(&m);
    printf("build %s on %" PRIu32 " core%s: %s\n", run_build_id(), m.cores, m.cores == 1 ? "" : "s",
           m.cpu);
}

static json_int_t whole(uint64_t value)
{
    return (json_int_t)value;
}

/* a / b in thousandths; 0 without b. */
static uint64_t thousandths(uint64_t a, uint64_t b)
{
    return b > 0 ? a * 1000 / b : 0;
}

/* ---- queue ---- */

static int queue_bench(const wishes *w)
{
    bench_queue b;
    bench_queue_run(&b, w->pending);
    uint64_t ratio = thousandths(b.ladder_per_s, b.events_per_s);
    uint64_t heap_ratio = thousandths(b.bare_heap_per_s, b.events_per_s);
    if (w->is_json) {
        json_t *result = json_pack(
            "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:I}", "schema", "peerup.bench/1",
            "what", "queue", "pending", whole(b.pending), "events_per_s", whole(b.events_per_s),
            "only_heap_events_per_s", whole(b.only_heap_per_s), "bare_ladder_events_per_s",
            whole(b.ladder_per_s), "bare_heap_events_per_s", whole(b.bare_heap_per_s),
            "ratio_to_bare_ladder", json_real((double)ratio / 1000), "ratio_to_bare_heap",
            json_real((double)heap_ratio / 1000), "runs", whole(b.runs));
        sim_json_print(json_machine(result), stdout);
        return CLI_DONE;
    }
    print_machine();
    printf("queue: %" PRIu32 " events wait; each taken and scheduled again, median of %" PRIu32
           " runs of %" PRIu64 "\n",
           b.pending, b.runs, b.events);
    printf("  this queue    %9" PRIu64 " events/s; as a heap %" PRIu64 "\n", b.events_per_s,
           b.only_heap_per_s);
    printf("  a bare ladder %9" PRIu64 " events/s: %" PRIu64 ".%03" PRIu64 " times ours\n",
           b.ladder_per_s, ratio / 1000, ratio % 1000);
    printf("  a bare heap   %9" PRIu64 " events/s: %" PRIu64 ".%03" PRIu64 " times ours\n",
           b.bare_heap_per_s, heap_ratio / 1000, heap_ratio % 1000);
    return CLI_DONE;
}

/* ---- nodes ---- */

static uint64_t per_second(uint64_t count, uint64_t ns)
{
    uint64_t us = ns / 1000;
    return us > 0 ? count * 1000000 / us : 0;
}

static uint64_t a_node(const bench_nodes *b, uint64_t bytes)
{
    return b->nodes > 0 ? bytes / b->nodes : 0;
}

static uint64_t bare_ratio(const bench_nodes *b)
{
    return thousandths(b->bare.turns_per_s, per_second(b->steps, b->cpu_ns));
}

static json_t *json_nodes(const bench_nodes *b)
{
    char hash[33];
    snprintf(hash, sizeof hash, "%016" PRIx64 "%016" PRIx64, b->hash[0], b->hash[1]);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:I, "
                     "s:I, s:s, s:I, s:o}",
                     "schema", "peerup.bench/1", "what", "nodes", "nodes", whole(b->nodes),
                     "degree", whole(b->degree), "seconds", whole(b->seconds), "delivered_per_s",
                     whole(per_second(b->delivered, b->cpu_ns)), "node_steps", whole(b->steps),
                     "node_steps_per_s", whole(per_second(b->steps, b->cpu_ns)), "events_per_s",
                     whole(per_second(b->events, b->cpu_ns)), "cpu_seconds",
                     sim_json_seconds(b->cpu_ns), "wall_seconds", sim_json_seconds(b->wall_ns),
                     "setup_seconds", sim_json_seconds(b->setup_wall_ns), "bytes_per_node",
                     whole(a_node(b, b->peak_bytes - b->base_bytes)), "node_bytes",
                     whole(a_node(b, b->node_bytes)), "transport_bytes",
                     whole(a_node(b, b->transport_bytes)), "nodes_of_wrong_degree",
                     whole(b->wrong_degree), "trace_hash", hash, "bare_heap_turns_per_s",
                     whole(b->bare.turns_per_s), "ratio_to_bare_heap",
                     json_real((double)bare_ratio(b) / 1000));
}

static void print_nodes(const bench_nodes *b)
{
    print_machine();
    printf("nodes: %" PRIu32 " with %" PRIu32 " connections each, %" PRIu32
           " simulated seconds of pings\n",
           b->nodes, b->degree, b->seconds);
    printf("  node steps      %9" PRIu64 " a second on one core (%" PRIu64 " in %" PRIu64
           " ms of it, %" PRIu64 " ms elapsed)\n",
           per_second(b->steps, b->cpu_ns), b->steps, b->cpu_ns / 1000000, b->wall_ns / 1000000);
    uint64_t ratio = bare_ratio(b);
    printf("  a bare heap     %9" PRIu64 " turns a second in as much memory: %" PRIu64 ".%03" PRIu64
           " times ours\n",
           b->bare.turns_per_s, ratio / 1000, ratio % 1000);
    printf("  events          %9" PRIu64 " a second; %" PRIu64 " datagrams delivered\n",
           per_second(b->events, b->cpu_ns), per_second(b->delivered, b->cpu_ns));
    printf("  bytes a node    %9" PRIu64 " of peak resident memory (node %" PRIu64
           ", transport %" PRIu64 ")\n",
           a_node(b, b->peak_bytes - b->base_bytes), a_node(b, b->node_bytes),
           a_node(b, b->transport_bytes));
    printf("  set-up          %9" PRIu64 " ms elapsed\n", b->setup_wall_ns / 1000000);
}

static int nodes_bench(const cli_command *self, const wishes *w)
{
    if (w->nodes > 0 && w->nodes < 2 * w->degree)
        return cli_wrong(self, "--nodes must be 0, or twice --degree at least");
    if ((uint64_t)w->nodes * w->degree % 2 != 0)
        return cli_wrong(self, "one of --nodes and --degree must be even");
    bench_nodes b;
    bench_nodes_run(&b, &(bench_town){w->nodes, w->degree, w->seconds, w->is_behind});
    if (w->is_json) sim_json_print(json_machine(json_nodes(&b)), stdout);
    else print_nodes(&b);
    if (b.wrong_degree == 0) return CLI_DONE;
    fprintf(stderr, "peerup-sim bench: %" PRIu64 " nodes have not the connections they should\n",
            b.wrong_degree);
    return CLI_UNEXPECTED;
}

/* ---- datagrams ---- */

static int datagrams_bench(const wishes *w)
{
    bench_datagrams b;
    bench_datagrams_run(&b, w->pairs);
    uint64_t ratio = thousandths(b.ladder_per_s, b.delivered_per_s);
    uint64_t by_nodes = per_second(b.nodes.delivered, b.nodes.cpu_ns);
    if (w->is_json) {
        json_t *result = json_pack(
            "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I}", "schema", "peerup.bench/1",
            "what", "datagrams", "pairs", whole(b.pairs), "under_way", whole(b.under_way),
            "delivered", whole(b.delivered), "delivered_per_s", whole(b.delivered_per_s),
            "bare_ladder_per_s", whole(b.ladder_per_s), "ratio_to_bare_ladder",
            json_real((double)ratio / 1000), "runs", whole(b.runs), "with_nodes_delivered_per_s",
            whole(by_nodes), "events_per_s", whole(per_second(b.nodes.events, b.nodes.cpu_ns)));
        sim_json_print(json_machine(result), stdout);
        return CLI_DONE;
    }
    print_machine();
    printf("datagrams: %" PRIu32 " pairs through two links and two boxes, %" PRIu32
           " under way; median of %" PRIu32 " runs of %" PRIu64 "\n",
           b.pairs, b.under_way, b.runs, b.delivered);
    printf("  delivered       %9" PRIu64 " a second on one core, each sent back\n",
           b.delivered_per_s);
    printf("  a bare ladder   %9" PRIu64 " events and copies a second: %" PRIu64 ".%03" PRIu64
           " times ours\n",
           b.ladder_per_s, ratio / 1000, ratio % 1000);
    printf("  between nodes   %9" PRIu64 " a second, with %" PRIu64 " node steps\n", by_nodes,
           per_second(b.nodes.steps, b.nodes.cpu_ns));
    return CLI_DONE;
}

/* ---- streams ---- */

/* Bytes of one input divided by its time, in MiB/s. */
static uint64_t mib_per_s(uint64_t ns)
{
    return ns > 0 ? 16 * UINT64_C(1000000000) / 1024 / ns : 0;
}

static int streams_bench(const wishes *w)
{
    bench_streams b;
    bench_streams_run(&b, w->streams);
    if (w->is_json) {
        json_t *result = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "schema",
                                   "peerup.bench/1", "what", "streams", "streams", whole(b.streams),
                                   "inputs", whole(b.inputs), "down_ns", whole(b.down_ns), "up_ns",
                                   whole(b.up_ns), "app_room_ns", whole(b.app_room_ns), "room_ns",
                                   whole(b.room_ns), "copied_bytes", whole(b.copied_bytes));
        sim_json_print(json_machine(result), stdout);
        return CLI_DONE;
    }
    print_machine();
    printf("streams: %" PRIu32 " of a service on one connection; %" PRIu64 " inputs of each kind\n",
           b.streams, b.inputs);
    printf("  16 KiB down   %9" PRIu64 " ns an input: %" PRIu64 " MiB/s\n", b.down_ns,
           mib_per_s(b.down_ns));
    printf("  16 KiB up     %9" PRIu64 " ns an input: %" PRIu64 " MiB/s\n", b.up_ns,
           mib_per_s(b.up_ns));
    printf("  room down, up %9" PRIu64 " and %" PRIu64 " ns an input\n", b.app_room_ns, b.room_ns);
    printf("  bytes copied  %9" PRIu64 "\n", b.copied_bytes);
    return CLI_DONE;
}

/* ---- command line ---- */

/* Takes one option. False: its value is wrong. */
static bool take(wishes *w, const options *o)
{
    const char *name = o->which->name;
    if (strcmp(name, "json") == 0) w->is_json = true;
    if (strcmp(name, "behind-nats") == 0) w->is_behind = true;
    if (strcmp(name, "pairs") == 0) return number(o->value, 1, PAIRS_MAX, &w->pairs);
    if (strcmp(name, "seconds") == 0) return number(o->value, 1, SECONDS_MAX, &w->seconds);
    if (strcmp(name, "pending") == 0) return number(o->value, 1, PENDING_MAX, &w->pending);
    if (strcmp(name, "nodes") == 0) return number(o->value, 0, NODES_MAX, &w->nodes);
    if (strcmp(name, "streams") == 0) return number(o->value, 1, STREAMS_MAX, &w->streams);
    if (strcmp(name, "degree") == 0) return number(o->value, 1, DEGREE_MAX, &w->degree);
    return true;
}

static int run(const cli_command *self, int argc, char *const *argv)
{
    wishes w = {.pending = 1000000,
                .nodes = 10000,
                .degree = 8,
                .seconds = BENCH_SECONDS,
                .pairs = 1000,
                .streams = 16};
    options o = cli_options(self, argc, argv);
    enum option_kind kind;
    int code;
    while (cli_next(self, &o, &kind, &code)) {
        if (kind == OPTION_OPERAND) {
            if (w.what != NULL) return cli_wrong(self, "'%s' is too much", o.value);
            w.what = o.value;
        } else if (!take(&w, &o)) {
            return cli_wrong(self, "--%s: '%s' is not a number in its range", o.which->name,
                             o.value);
        }
    }
    if (code >= 0) return code;
    if (w.what != NULL && strcmp(w.what, "queue") == 0) return queue_bench(&w);
    if (w.what != NULL && strcmp(w.what, "nodes") == 0) return nodes_bench(self, &w);
    if (w.what != NULL && strcmp(w.what, "datagrams") == 0) return datagrams_bench(&w);
    if (w.what != NULL && strcmp(w.what, "streams") == 0) return streams_bench(&w);
    static const char *const words[] = {"queue", "nodes", "datagrams", "streams"};
    char hint[SUGGEST_HINT_MAX];
    if (w.what == NULL)
        return cli_wrong(self, "say what to measure: queue, nodes, datagrams or streams");
    return cli_wrong(self, "unknown word '%s'%s", w.what,
                     cli_hint(w.what, words, 4, "queue, nodes, datagrams or streams", hint));
}

static const option table[] = {
    {"pending", 0, "N", "queue: events that wait (1000000)"},
    {"nodes", 0, "N", "nodes: how many (10000)"},
    {"degree", 0, "N", "nodes: connections of each (8)"},
    {"seconds", 0, "N", "nodes: simulated seconds that are measured (60)"},
    {"behind-nats", 0, NULL, "nodes: each behind a box of its own"},
    {"pairs", 0, "N", "datagrams: pairs of hosts (1000)"},
    {"streams", 0, "N", "streams: how many (16)"},
    {"json", 0, NULL, "one JSON object: peerup.bench/1"},
    {"help", 'h', NULL, "this text"},
};

const cli_command cli_bench = {
    "bench",
    "queue|nodes|datagrams|streams",
    "measures this build on this machine",
    table,
    sizeof table / sizeof table[0],
    run,
    "docs/benchmarks.md says what is measured, how, and what came out.\n",
};
