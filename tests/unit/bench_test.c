/* tests/unit/bench_test.c - what benchmarks stand on: graphs with exact degrees, runs that repeat,
 * and the memory budget of a node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/bench.h"
#include "bench/graph.h"
#include "bench/ladder.h"
#include "sim/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bench_test(void);

static const uint8_t seed[32] = {3};

static void a_graph_has_the_degree_asked_for(void **state)
{
    (void)state;
    static const struct {
        uint32_t nodes, degree;
    } cases[] = {{2, 1}, {4, 2}, {6, 3}, {16, 8}, {17, 8}, {100, 7}, {1000, 8}, {128, 64}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t nodes = cases[i].nodes, edges = nodes * cases[i].degree / 2;
        rng r;
        rng_init(&r, seed, (uint32_t)i);
        graph_edge *graph = graph_new(&r, nodes, cases[i].degree);
        uint32_t *degree = calloc(nodes, sizeof *degree);
        uint8_t *seen = calloc((size_t)nodes * nodes, 1);
        assert_true(degree != NULL && seen != NULL);
        for (uint32_t e = 0; e < edges; e++) {
            uint32_t a = graph[e].a, b = graph[e].b;
            assert_true(a < nodes && b < nodes);
            assert_int_not_equal(a, b);
            assert_int_equal(seen[a * nodes + b] + seen[b * nodes + a], 0);
            seen[a * nodes + b] = 1;
            degree[a]++;
            degree[b]++;
            if (e > 0) assert_true(graph[e - 1].a <= a);
        }
        for (uint32_t node = 0; node < nodes; node++)
            assert_int_equal(degree[node], cases[i].degree);
        free(graph);
        free(degree);
        free(seen);
    }
}

static void another_seed_draws_another_graph(void **state)
{
    (void)state;
    enum { NODES = 50, DEGREE = 4, EDGES = NODES * DEGREE / 2 };
    graph_edge *graphs[3];
    for (uint32_t i = 0; i < 3; i++) {
        rng r;
        rng_init(&r, seed, i == 1 ? 0 : i);
        graphs[i] = graph_new(&r, NODES, DEGREE);
    }
    uint32_t other = 0;
    for (uint32_t e = 0; e < EDGES; e++) {
        assert_true(graphs[0][e].a == graphs[1][e].a && graphs[0][e].b == graphs[1][e].b);
        if (graphs[0][e].a != graphs[2][e].a || graphs[0][e].b != graphs[2][e].b) other++;
    }
    assert_in_range(other, EDGES / 2, EDGES);
    for (uint32_t i = 0; i < 3; i++) free(graphs[i]);
}

/* The budget that architecture calls "small nodes": what a node and its transport hold with eight
 * confirmed connections, a minute after they were made. A field more in conn or stream shows here.
 */
static void a_node_at_rest_is_small(void **state)
{
    (void)state;
    enum { NODES = 64, DEGREE = 8, NODE_MAX = 3136, TRANSPORT_MAX = 3584, HOST_MAX = 576 };
    static const bench_town what = {.nodes = NODES, .degree = DEGREE, .seconds = BENCH_SECONDS};
    bench_nodes b, again;
    bench_nodes_run(&b, &what);
    uint64_t node = b.node_bytes / NODES, transport = b.transport_bytes / NODES;
    print_message("a node at rest: %u bytes, its transport %u, its host %u\n", (unsigned)node,
                  (unsigned)transport, (unsigned)sizeof(host));
    assert_int_equal(b.wrong_degree, 0);
    assert_in_range(node, 1024, NODE_MAX);
    assert_in_range(transport, 1024, TRANSPORT_MAX);
    assert_in_range(sizeof(host), 64, HOST_MAX);
    /* Each of 256 connections pings about four times, and both ends take some steps each time. */
    assert_in_range(b.steps, 256 * 3 * 6, 256 * 5 * 20);

    assert_true(b.bare.turns_per_s > 0);
    assert_true(b.bare.sum > 0);

    bench_nodes_run(&again, &what);
    assert_memory_equal(b.hash, again.hash, sizeof b.hash);
    assert_int_equal(b.steps, again.steps);
}

/* Nothing is lost on the way and nothing stops coming back; nodes find each other behind boxes. */
static void datagrams_keep_going(void **state)
{
    (void)state;
    enum { PAIRS = 3 };
    bench_datagrams b, again;
    bench_datagrams_run(&b, PAIRS);
    assert_int_equal(b.delivered, 1000 * PAIRS);
    assert_int_equal(b.nodes.nodes, 2 * PAIRS);
    assert_int_equal(b.nodes.wrong_degree, 0);
    assert_in_range(b.nodes.delivered, PAIRS * 3 * 2, PAIRS * 5 * 40);
    bench_datagrams_run(&again, PAIRS);
    assert_memory_equal(b.hash, again.hash, sizeof b.hash);
    assert_memory_equal(b.nodes.hash, again.nodes.hash, sizeof b.nodes.hash);
}

static void announced(void *ctx, uint64_t index)
{
    (void)index;
    (*(uint32_t *)ctx)++;
}

/* What is measured against must be a queue: nothing is lost, and time never goes back. */
static void the_ladder_orders_by_time(void **state)
{
    (void)state;
    enum { EVENTS = 20000, TURNS = 200000 };
    rng r;
    rng_init(&r, seed, 77);
    uint32_t told = 0;
    ladder *l = ladder_new(announced, &told);
    uint64_t sum = 0, now = 0;
    for (uint64_t i = 0; i < EVENTS; i++) {
        ladder_push(l, (ladder_event){rng_u64(&r) >> (24 + i % 30), i});
        sum += i;
    }
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        ladder_event e = ladder_pop(l);
        assert_true(e.at >= now);
        now = e.at;
        e.at += rng_u64(&r) >> (24 + turn % 40);
        ladder_push(l, e);
    }
    for (uint32_t i = 0; i < EVENTS; i++) {
        ladder_event e = ladder_pop(l);
        assert_true(e.at >= now);
        now = e.at;
        sum -= e.index;
    }
    assert_int_equal(sum, 0);
    assert_true(told >= EVENTS);
    ladder_free(l);
}

static void all_queues_are_measured(void **state)
{
    (void)state;
    bench_queue b;
    bench_queue_run(&b, 100);
    assert_int_equal(b.pending, 100);
    assert_true(b.events >= 1000000);
    assert_true(b.events_per_s > 0 && b.only_heap_per_s > 0);
    assert_true(b.ladder_per_s > 0 && b.bare_heap_per_s > 0);
}

/* What an application receives and sends are the very bytes that came, each in one effect. */
static void no_byte_of_an_application_is_copied(void **state)
{
    (void)state;
    bench_streams b;
    bench_streams_run(&b, 64);
    assert_int_equal(b.copied_bytes, 0);
}

int bench_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_has_the_degree_asked_for),
        cmocka_unit_test(another_seed_draws_another_graph),
        cmocka_unit_test(a_node_at_rest_is_small),
        cmocka_unit_test(datagrams_keep_going),
        cmocka_unit_test(the_ladder_orders_by_time),
        cmocka_unit_test(all_queues_are_measured),
        cmocka_unit_test(no_byte_of_an_application_is_copied),
    };
    return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
