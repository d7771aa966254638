/* judge_test.c - whole runs of small scenarios: what the judge says of them, and that what the
 * loader lets pass can be run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "sim/run.h"
#include "sim/scenario_load.h"
#include "sim/world.h"

int judge_test(void);

#define HEAD(duration) "scenario: t\nduration: " duration "\nnetwork: {latency: {rtt: 80ms}}\n"
#define TWO                             \
    "nodes: {a: {knows: all}, b: {}}\n" \
    "authorize: [[a, b]]\n"             \
    "events:\n"                         \
    "  - {at: 5s, connect: {from: a, to: b}}\n"

static scenario *load(const char *text)
{
    diag errors = {0};
    scenario *s = scenario_load_text("judge.yaml", span_of(text, strlen(text)), NULL, 0, &errors);
    diag_print(&errors, stderr);
    diag_free(&errors);
    assert_non_null(s);
    return s;
}

static scenario *play(const char *text, run_result *r)
{
    const run_options options = {.seed = 1, .record_node = SCENARIO_ANY};
    scenario *s = load(text);
    assert_int_equal(run_scenario(s, &options, r), 0);
    return s;
}

/* Runs text; its properties come out as held says, a letter each: y or n. */
static void judge(const char *text, const char *held)
{
    run_result r;
    scenario *s = play(text, &r);
    assert_int_equal(r.property_count, strlen(held));
    for (uint32_t i = 0; i < r.property_count; i++) {
        if (r.properties[i].held != (held[i] == 'y'))
            fail_msg("%s: %s", r.properties[i].name, r.properties[i].why);
    }
    run_result_free(&r);
    scenario_free(s);
}

/* ---- what has broken runs ---- */

/* What waits for a slow uplink comes out of it when its receiver is elsewhere. */
static void a_receiver_goes_while_datagrams_wait(void **state)
{
    (void)state;
    judge("scenario: t\nduration: 30s\nnetwork: {latency: {rtt: 80ms}}\n"
          "links: {slow: {up: 500kbit, down: 500kbit, queue: 2s, codel: {}}}\n"
          "nodes: {a: {knows: all, link: slow}, b: {}}\nauthorize: [[a, b]]\nevents:\n"
          "  - {at: 5s, connect: {from: a, to: b}}\n"
          "  - {at: 8s, stream: {from: a, to: b, bytes: 2MiB}}\n"
          "  - {at: 10s, change_network: b}\n",
          "");
}

/* Bytes over TCP to a host that gets another address meanwhile. */
static void a_receiver_over_tcp_moves(void **state)
{
    (void)state;
    judge("scenario: t\nduration: 25s\nfidelity: wire\nnetwork: {latency: {rtt: 80ms}}\n"
          "nats: {office: {profile: udp_blocked}}\n"
          "nodes: {a: {knows: all}, b: {knows: all, behind: [office]}}\nauthorize: [[a, b]]\n"
          "events:\n"
          "  - {at: 5s, connect: {from: b, to: a}}\n"
          "  - {at: 8s, stream: {from: b, to: a, bytes: 20MiB}}\n"
          "  - {at: 10s, change_network: {node: a, behind: [], overlap: 3s}}\n",
          "");
}

/* ---- asks ---- */

static void who_has_not_started_asks_as_it_starts(void **state)
{
    (void)state;
    judge(HEAD("20s") "nodes: {r: {roles: [relay]}}\n"
                      "groups: {g: {count: 10, pairs: {from: 0s, until: 0s}}}\n"
                      "authorize: [[g-2, g-3]]\n"
                      "events:\n  - {at: 0s, connect: {from: g-2, to: g-3}}\n",
          "");
    run_result r;
    scenario *s = play(HEAD("20s") "nodes: {r: {roles: [relay]}}\n"
                                   "groups:\n  g: {count: 10, relays: [r], pairs: {from: 0s, "
                                   "until: 0s}}\n"
                                   "expect:\n  - {name: p, connected: {pairs: g}, within: 8s}\n",
                       &r);
    assert_true(r.properties[0].held);
    assert_int_equal(r.connection_count, 5);
    for (uint32_t i = 0; i < 5; i++) assert_true(r.connections[i].asked > 0); /* not at once */
    run_result_free(&r);
    scenario_free(s);
}

static void who_never_starts_is_said_to_have_never_asked(void **state)
{
    (void)state;
    run_result r;
    scenario *s = play(HEAD("1ms") "nodes: {r: {roles: [relay]}}\n"
                                   "groups: {g: {count: 4, pairs: {from: 0s, until: 0s}}}\n"
                                   "expect:\n  - {name: p, connected: {pairs: g}, within: 1us}\n",
                       &r);
    assert_false(r.properties[0].held);
    assert_string_equal(r.properties[0].why,
                        "0 of 2 pairs within 0.000 s; g-1 never asked for g-2");
    run_result_free(&r);
    scenario_free(s);
}

static void asking_again_for_a_connected_pair_is_answered_at_once(void **state)
{
    (void)state;
    run_result r;
    scenario *s = play(HEAD("60s") TWO "  - {at: 20s, connect: {from: a, to: b}}\n"
                                       "  - {at: 30s, connect: {from: b, to: a}}\n"
                                       "  - {at: 40s, change_network: a}\n",
                       &r);
    assert_int_equal(r.connection_count, 5);
    const pu_time asked[] = {5 * PU_S, 20 * PU_S, 30 * PU_S, 40 * PU_S, 40 * PU_S};
    for (uint32_t i = 0; i < 5; i++) {
        const run_connection *c = &r.connections[i];
        assert_int_equal(c->asked, asked[i]);
        assert_int_equal(c->lost, i < 3 ? 40 * PU_S : PU_NEVER); /* all at once */
        assert_true(c->usable != PU_NEVER);
        assert_int_equal(c->direct, c->usable);
        assert_false(c->first_is_relay);
        assert_int_equal(c->last_way, RUN_WAY_QUIC);
    }
    assert_int_equal(r.connections[1].usable, 20 * PU_S);
    assert_int_equal(r.connections[2].usable, 30 * PU_S);
    run_result_free(&r);
    scenario_free(s);
}

/* ---- after ---- */

static void pairs_of_a_group_count_from_after(void **state)
{
    (void)state;
    judge(HEAD("30s") "nodes: {r: {roles: [relay]}}\n"
                      "groups: {g: {count: 4, relays: [r], pairs: {from: 5s, until: 5s}}}\n"
                      "expect:\n"
                      "  - {name: early, connected: {pairs: g}, after: 1s, within: 1s}\n"
                      "  - {name: first, connected: {pairs: g}, within: 2s}\n"
                      "  - {name: still, connected: {pairs: g}, after: 20s, within: 1ns}\n",
          "nyy");
}

/* Both ends believe in their connection for some seconds after its relay has gone elsewhere. */
static void a_path_whose_relay_moved_is_dead(void **state)
{
    (void)state;
    judge("scenario: t\nduration: 60s\nnetwork: {latency: {rtt: 80ms}}\n"
          "nats: {hard: {mapping: apdm, filtering: apdf, ports: random, udp_idle: 60s}}\n"
          "nodes:\n  r: {roles: [relay]}\n  a: {behind: [hard], relays: [r]}\n"
          "  b: {behind: [hard], relays: [r]}\n"
          "authorize: [[a, b]]\n"
          "events:\n  - {at: 10s, connect: {from: a, to: b}}\n  - {at: 30s, change_network: r}\n"
          "expect:\n"
          "  - {name: before, connected: {from: a, to: b}, after: 29s, within: 1s}\n"
          "  - {name: after, connected: {from: a, to: b}, after: 31s, within: 1s}\n",
          "yn");
}

/* One end of a connection, handle at node, other at the peer. */
static void give(watch *w, pu_time now, uint32_t node, enum pu_in_kind kind, pu_handle handle,
                 pu_handle other)
{
    pu_in in = {.kind = kind, .now = now, .conn = handle, .flags = PU_DIALLER};
    if (kind == PU_IN_CONN_UP) watch_input(w, node, 1 - node, 0, &in);
    else watch_input(w, node, SCENARIO_ANY, other, &in);
}

static void confirm(watch *w, pu_time now, uint32_t node, pu_handle handle, pu_handle other)
{
    give(w, now, node, PU_IN_CONN_UP, handle, 0);
    give(w, now, node, PU_IN_CONN_CONFIRMED, handle, other);
}

/* How many intervals there were, and whether one is open. */
static void assert_paths(const watch *w, uint32_t count, bool is_open)
{
    assert_int_equal(w->path_count, count);
    if (count > 0) assert_int_equal(w->paths[count - 1].end == PU_NEVER, is_open);
}

static void ends_of_two_connections_make_no_path(void **state)
{
    (void)state;
    enum { A, B };
    const scenario s = {0};
    watch w;
    watch_init(&w, &s);
    confirm(&w, 1, A, 101, 201);
    confirm(&w, 2, B, 202, 102); /* of another, whose end at a is not confirmed */
    assert_paths(&w, 0, false);
    confirm(&w, 3, A, 102, 202);
    assert_paths(&w, 1, true);
    assert_int_equal(w.paths[0].start, 3);
    give(&w, 4, B, PU_IN_CONN_DOWN, 202, 0); /* a does not know yet */
    assert_paths(&w, 1, false);
    confirm(&w, 5, B, 203, 101); /* says so; what a has leads elsewhere */
    assert_paths(&w, 1, false);
    watch_close(&w);
}

static void what_moved_lives_when_both_ends_hear(void **state)
{
    (void)state;
    enum { A, B };
    const scenario s = {0};
    watch w;
    watch_init(&w, &s);
    watch_authorise(&w, A, B);
    confirm(&w, 1, A, 101, 201);
    confirm(&w, 2, B, 201, 101);
    assert_paths(&w, 1, true);
    watch_moved(&w, 3, B);
    assert_paths(&w, 1, false);
    give(&w, 4, A, PU_IN_STREAM_DATA, 101, 0); /* perhaps under way before */
    assert_paths(&w, 1, false);
    give(&w, 5, B, PU_IN_CONN_PATH, 201, 0);
    assert_paths(&w, 1, false);
    give(&w, 6, B, PU_IN_STREAM_DATA, 201, 0);
    assert_paths(&w, 2, true);
    assert_int_equal(w.paths[1].start, 6);
    assert_int_equal(w.breach_count, 0);
    watch_close(&w);
}

/* ---- boxes ---- */

#define NATS "nats:\n  box: {mapping: eim, filtering: apdf, ports: preserve, udp_idle: 65s}\n"

/* Who names a shared box first, and how, makes no difference. */
static void shared_box_holds_boxes_if_any_use_says_so(void **state)
{
    (void)state;
    judge(HEAD("20s") NATS "nodes:\n  phone: {behind: [box@isp]}\n"
                           "  home: {behind: [box, box@isp]}\n",
          "");
    judge(HEAD("20s") NATS "nodes: {phone: {behind: [box@isp]}, home: {}}\n"
                           "events:\n  - {at: 9s, change_network: {node: home, behind: [box, "
                           "box@isp]}}\n",
          "");
}

static void shared_box_is_found_by_who_moves_there(void **state)
{
    (void)state;
    const run_options options = {.seed = 1, .record_node = SCENARIO_ANY};
    scenario *s = load(HEAD("20s") NATS
                       "nodes: {a: {behind: [box@house]}, b: {}}\n"
                       "events:\n  - {at: 9s, change_network: {node: b, behind: [box@house]}}\n"
                       "  - {at: 10s, change_network: a}\n");
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_true(world_build(w, s, &options));
    assert_int_equal(net_box_count(w->hosts_share.network), 1);
    script_do(w, 2);
    assert_int_equal(net_box_count(w->hosts_share.network), 1);
    assert_int_equal(net_host_box(w->hosts_share.network, 1), 0);
    script_do(w, 3); /* without `behind` to new boxes */
    assert_int_equal(net_box_count(w->hosts_share.network), 2);
    assert_int_equal(net_host_box(w->hosts_share.network, 0), 1);
    world_close(w);
    free(w);
    scenario_free(s);
}

/* ---- progress ---- */

/* What is printed on stderr from now on goes into a file, which hear_end reads. */
typedef struct heard {
    int real;
    FILE *file;
} heard;

static heard hear(void)
{
    heard h = {.file = tmpfile()};
    assert_non_null(h.file);
    fflush(stderr);
    h.real = dup(STDERR_FILENO);
    assert_true(h.real >= 0);
    assert_true(dup2(fileno(h.file), STDERR_FILENO) >= 0);
    return h;
}

static void hear_end(heard *h, char *said, size_t cap)
{
    fflush(stderr);
    assert_true(dup2(h->real, STDERR_FILENO) >= 0);
    close(h->real);
    rewind(h->file);
    said[fread(said, 1, cap - 1, h->file)] = 0;
    fclose(h->file);
}

/* The run of s, which is used up, ends by that limit, and says so. */
static void ends_by(scenario *s, run_options options, const char *wanted)
{
    char said[512];
    run_result r;
    options.seed = 1;
    options.record_node = SCENARIO_ANY;
    heard h = hear();
    int rc = run_scenario(s, &options, &r);
    hear_end(&h, said, sizeof said);
    assert_string_equal(said, wanted);
    assert_int_equal(rc, 1);
    assert_true(r.is_partial);
    assert_int_equal(r.property_count, 0);
    run_result_free(&r);
    scenario_free(s);
}

/* Two nodes start at one time. */
static void run_without_progress_ends(void **state)
{
    (void)state;
    scenario *next_to = load("scenario: t\nduration: 20s\nnetwork: {latency: {rtt: 0ms}}\n" TWO);
    ends_by(load(HEAD("20s") TWO), (run_options){.still_max = 1},
            "peerup-sim: no progress: 2 events at 0.000000000 s, the next of the script by its "
            "timer 'the script'\n");
    ends_by(
        next_to, (run_options){.still_max = 4},
        "peerup-sim: no progress: 5 events at 5.000000000 s, the next a datagram from b to a\n");
    ends_by(load(HEAD("20s") TWO), (run_options){.input_max = 2},
            "peerup-sim: no progress: 2 inputs in one event at 0.000000000 s, the next ADDR of a "
            "with its timer 'none'\n");
    ends_by(load("scenario: t\nduration: 20s\nfidelity: wire\nnetwork: {latency: {rtt: 80ms}}\n"
                 "nats: {r: {profile: udp_blocked}}\nnodes: {a: {knows: all, behind: [r]}, b: {}}\n"
                 "authorize: [[a, b]]\nevents:\n  - {at: 5s, connect: {from: a, to: b}}\n"),
            (run_options){.row_max = 1},
            "peerup-sim: no progress: 2 events in a row at 5.370000000 s, the next of b by its "
            "timer 'a connection'\n");
    run_result r;
    scenario_free(play(HEAD("20s") TWO, &r)); /* nothing of this is too much for it */
    assert_false(r.is_partial);
    run_result_free(&r);
}

static bool take(world *w, pu_time at, const sim_event *e)
{
    w->hosts_share.now = at;
    w->events++;
    if (e->kind == SIM_EV_NODE) host_wake(&w->hosts[e->target]);
    else if (e->kind == SIM_EV_CONN) host_conn_timer(&w->hosts[e->target], e->arg);
    else if (e->kind == SIM_EV_SCRIPT) script_do(w, e->target);
    else net_event(w->hosts_share.network, at, e);
    return host_drain(&w->hosts_share, w->hosts);
}

/* A world whose two nodes have been connected. */
static world *begun(scenario *s, const run_options *options)
{
    sim_event e;
    pu_time at;
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_true(world_build(w, s, options));
    still_begin(w);
    while (queue_next(w->hosts_share.q) < 6 * PU_S) {
        assert_true(queue_pop(w->hosts_share.q, &at, &e));
        assert_true(take(w, at, &e));
    }
    return w;
}

/* Too many events of one timer in a row are far fewer than too many events. */
static void a_timer_that_is_set_for_now_again_and_again_is_named(void **state)
{
    (void)state;
    char said[512];
    const run_options options = {.seed = 1, .record_node = SCENARIO_ANY};
    const sim_event tick = {SIM_EV_NODE, 0, 0};
    scenario *s = load(HEAD("20s") TWO);
    world *w = begun(s, &options);
    for (uint32_t i = 0; i < 3 * STILL_ROW; i++) /* time goes on */
        assert_false(still_event(w, 7 * PU_S + 1 + i, &tick));
    for (uint32_t i = 0; i < STILL_ROW; i++) assert_false(still_event(w, 8 * PU_S, &tick));
    heard h = hear();
    bool is_still = still_event(w, 8 * PU_S, &tick);
    hear_end(&h, said, sizeof said);
    assert_true(is_still);
    assert_string_equal(said, "peerup-sim: no progress: 10001 events in a row at 8.000000000 s, "
                              "the next of a by its timer 'ping'\n");
    world_close(w);
    free(w);
    scenario_free(s);
}

/* ---- homes ---- */

/* Two hosts upload 500 kB each at once, through a megabit a second. Until both are done. */
static uint64_t uploads_ns(const char *kind, const char *box)
{
    char text[1024];
    run_result r;
    snprintf(text, sizeof text,
             "scenario: t\nduration: 40s\nfidelity: wire\nnetwork: {latency: {rtt: 40ms}}\n"
             "links: {line: {up: 1Mbit, down: 20Mbit}}\n"
             "nats: {r: {%s}}\nnodes:\n  s: {}\n"
             "  a: {knows: all, behind: [%s], link: line}\n"
             "  b: {knows: all, behind: [%s], link: line}\n"
             "authorize: [[a, s], [b, s]]\nevents:\n"
             "  - {at: 5s, connect: {from: a, to: s}}\n"
             "  - {at: 5s, connect: {from: b, to: s}}\n"
             "  - {at: 10s, stream: {from: a, to: s, bytes: 500kB}}\n"
             "  - {at: 10s, stream: {from: b, to: s, bytes: 500kB}}\nexpect:\n"
             "  - {name: a, delivered: {from: a, to: s}, within: 25s}\n"
             "  - {name: b, delivered: {from: b, to: s}, within: 25s}\n",
             kind, box, box);
    scenario *s = play(text, &r);
    assert_true(r.properties[0].held && r.properties[1].held);
    uint64_t a = r.properties[0].took_ns, b = r.properties[1].took_ns;
    run_result_free(&r);
    scenario_free(s);
    return a > b ? a : b;
}

/* Four seconds each alone, and eight for both where they have one line. */
static void a_home_has_its_rate_once(void **state)
{
    (void)state;
    assert_in_range(uploads_ns("profile: home", "r@flat"), 8 * PU_S, 10 * PU_S);
    assert_in_range(uploads_ns("profile: home", "r"), 4 * PU_S, 5 * PU_S);
    assert_in_range(uploads_ns("profile: home, links: own", "r@flat"), 4 * PU_S, 5 * PU_S);
    assert_in_range(uploads_ns("profile: carrier", "r@flat"), 4 * PU_S, 5 * PU_S);
    assert_in_range(uploads_ns("profile: carrier, links: shared", "r@flat"), 8 * PU_S, 10 * PU_S);
}

/* ---- slow hosts ---- */

/* How a and b make a connection. */
typedef struct meeting {
    const char *fidelity;
    bool is_tcp;
    const char *link, *more; /* parts of network.link, and of the events */
    uint64_t seed;
} meeting;

/* How long the last handshake takes of `count` between a and b, whose `cpu` is said. */
static uint64_t handshake_ns(const meeting *m, uint32_t count, const char *cpu_a, const char *cpu_b)
{
    char text[1024];
    run_result r;
    snprintf(text, sizeof text,
             "scenario: t\nduration: 40s\nfidelity: %s\n"
             "network: {latency: {rtt: 80ms}, link: {access: 1ms%s}}\n"
             "nats: {box: {profile: %s}}\n"
             "nodes:\n  a: {knows: all, behind: [box]%s}\n  b: {at: 1%s}\n"
             "authorize: [[a, b]]\nevents:\n  - {at: 5s, connect: {from: a, to: b}}\n%s",
             m->fidelity, m->link, m->is_tcp ? "udp_blocked" : "home", cpu_a, cpu_b, m->more);
    scenario *s = load(text);
    assert_int_equal(
        run_scenario(s, &(run_options){.seed = m->seed, .record_node = SCENARIO_ANY}, &r), 0);
    assert_int_equal(r.handshake_count, count);
    assert_int_equal(r.handshakes[count - 1].way, m->is_tcp ? RUN_WAY_TCP : RUN_WAY_QUIC);
    uint64_t took_ns = r.handshakes[count - 1].took_ns;
    run_result_free(&r);
    scenario_free(s);
    return took_ns;
}

static void assert_paid_once(const meeting *m, uint32_t count)
{
    static const char slow[] = ", cpu: {handshake: 30ms}", very[] = ", cpu: {handshake: 50ms}";
    uint64_t free_ns = handshake_ns(m, count, "", "");
    assert_int_equal(handshake_ns(m, count, slow, ""), free_ns + 30 * PU_MS);
    assert_int_equal(handshake_ns(m, count, "", very), free_ns + 50 * PU_MS);
    assert_int_equal(handshake_ns(m, count, slow, very), free_ns + 80 * PU_MS);
}

/* Once on each side, whatever carries it and however many datagrams it has. */
static void a_handshake_costs_each_side_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        meeting m = {i % 2 == 0 ? "model" : "wire", i / 2 % 2 == 1,
                     i / 4 % 2 == 1 ? ", duplicate: 20%" : "", "", 1 + i / 8};
        assert_paid_once(&m, 1);
    }
}

/* The next one between the same endpoints costs as much, soon after. */
static void the_next_handshake_costs_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        meeting m = {i % 2 == 0 ? "model" : "wire", i / 2 == 1, "",
                     "  - {at: 10s, crash: a}\n  - {at: 11s, restart: a}\n"
                     "  - {at: 20s, connect: {from: a, to: b}}\n",
                     1};
        assert_paid_once(&m, 2);
    }
}

/* Who sleeps does not work ahead: b is dialled while it does, and pays when it is awake. */
static void a_handshake_waits_for_who_sleeps(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        meeting m = {i % 2 == 0 ? "model" : "wire", i / 2 == 1, "",
                     "  - {at: 4s, sleep: {node: b, for: 2s}}\n", 1};
        assert_paid_once(&m, 1);
    }
}

/* When b has 500 kB from a over TCP, with that `cpu`. */
static uint64_t upload_ns(const char *cpu)
{
    char text[1024];
    run_result r;
    snprintf(text, sizeof text,
             "scenario: t\nduration: 30s\nfidelity: wire\nnetwork: {latency: {rtt: 80ms}}\n"
             "nats: {box: {profile: udp_blocked}}\n"
             "nodes:\n  a: {knows: all, behind: [box]}\n  b: {at: 1%s}\n"
             "authorize: [[a, b]]\nevents:\n  - {at: 5s, connect: {from: a, to: b}}\n"
             "  - {at: 10s, stream: {from: a, to: b, bytes: 500kB}}\nexpect:\n"
             "  - {name: got, delivered: {from: a, to: b}, within: 15s}\n",
             cpu);
    scenario *s = play(text, &r);
    assert_true(r.properties[0].held);
    uint64_t took_ns = r.properties[0].took_ns;
    run_result_free(&r);
    scenario_free(s);
    return took_ns;
}

/* Over TCP the first bytes are, and no others. */
static void bytes_after_a_handshake_are_free(void **state)
{
    (void)state;
    assert_int_equal(upload_ns(", cpu: {handshake: 30ms}"), upload_ns(""));
}

/* So are timers that take turns, as long as they are few; many are a crowd, and so are those
 * between which something else happens. */
static void a_few_timers_that_take_turns_are_named(void **state)
{
    (void)state;
    enum { ROW = 50, MANY = STILL_FEW + 1 };
    char said[512];
    const run_options options = {.seed = 1, .record_node = SCENARIO_ANY, .row_max = ROW};
    scenario *s = load(HEAD("20s") TWO);
    world *w = begun(s, &options);
    sim_event e[MANY];
    for (uint32_t i = 0; i < MANY; i++)
        e[i] = (sim_event){i % 2 == 0 ? SIM_EV_NODE : SIM_EV_CONN, i % 4 / 2, i};
    for (uint32_t i = 0; i < 10 * ROW * MANY; i++)
        assert_false(still_event(w, 7 * PU_S, &e[i % MANY]));
    const sim_event script = {SIM_EV_SCRIPT, 0, 0};
    for (uint32_t i = 0; i < 10 * ROW * MANY; i++)
        assert_false(still_event(w, 8 * PU_S, i % ROW == 0 ? &script : &e[i % 2]));
    for (uint32_t few = 1; few <= STILL_FEW; few++) {
        pu_time at = (8 + few) * PU_S;
        for (uint32_t i = 0; i < ROW * few; i++) assert_false(still_event(w, at, &e[i % few]));
        heard h = hear();
        assert_true(still_event(w, at, &e[0]));
        hear_end(&h, said, sizeof said);
        char wanted[64];
        snprintf(wanted, sizeof wanted,
                 few == 1 ? "%u events in a row at" : "%u events in a row of %u timers at",
                 ROW * few + 1, few);
        assert_non_null(strstr(said, wanted));
        assert_non_null(strstr(said, "of a by its timer 'ping'"));
    }
    world_close(w);
    free(w);
    scenario_free(s);
}

/* Every step is followed by another TICK. */
static void tick_again(void *ctx, uint32_t node, const pu_in *in)
{
    world *w = ctx;
    (void)in;
    host_input(&w->hosts[node], &(pu_in){.kind = PU_IN_TICK});
}

static void inputs_without_end_in_one_event_end(void **state)
{
    (void)state;
    char said[512];
    sig_atomic_t stop = 0;
    const run_options options = {
        .seed = 1, .record_node = SCENARIO_ANY, .input_max = 5000, .stop = &stop};
    for (int stops = 0; stops < 2; stops++) {
        scenario *s = load(HEAD("20s") TWO);
        world *w = begun(s, &options);
        w->hosts_share.saw_input = tick_again;
        tick_again(w, 0, NULL);
        stop = stops; /* as a signal asks for it */
        heard h = hear();
        bool is_done = host_drain(&w->hosts_share, w->hosts);
        hear_end(&h, said, sizeof said);
        assert_false(is_done);
        assert_int_equal(w->still.is_over, stops == 0);
        assert_string_equal(
            said, stops != 0 ? ""
                             : "peerup-sim: no progress: 5120 inputs in one event at 5.345000000 "
                               "s, the next TICK of a with its timer 'ping'\n");
        world_close(w);
        free(w);
        scenario_free(s);
    }
}

int judge_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_receiver_goes_while_datagrams_wait),
        cmocka_unit_test(a_receiver_over_tcp_moves),
        cmocka_unit_test(who_has_not_started_asks_as_it_starts),
        cmocka_unit_test(who_never_starts_is_said_to_have_never_asked),
        cmocka_unit_test(asking_again_for_a_connected_pair_is_answered_at_once),
        cmocka_unit_test(pairs_of_a_group_count_from_after),
        cmocka_unit_test(a_path_whose_relay_moved_is_dead),
        cmocka_unit_test(ends_of_two_connections_make_no_path),
        cmocka_unit_test(what_moved_lives_when_both_ends_hear),
        cmocka_unit_test(shared_box_holds_boxes_if_any_use_says_so),
        cmocka_unit_test(shared_box_is_found_by_who_moves_there),
        cmocka_unit_test(run_without_progress_ends),
        cmocka_unit_test(a_few_timers_that_take_turns_are_named),
        cmocka_unit_test(a_timer_that_is_set_for_now_again_and_again_is_named),
        cmocka_unit_test(a_home_has_its_rate_once),
        cmocka_unit_test(a_handshake_costs_each_side_once),
        cmocka_unit_test(the_next_handshake_costs_again),
        cmocka_unit_test(a_handshake_waits_for_who_sleeps),
        cmocka_unit_test(bytes_after_a_handshake_are_free),
        cmocka_unit_test(inputs_without_end_in_one_event_end),
    };
    return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
