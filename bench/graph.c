/* bench/graph.c - the pairing model with repair.
 *
 * Every node has `degree` ends; the ends are shuffled and paired. Loops and double edges are then
 * repaired: the ends behind such an edge and those of another edge, drawn at random, change
 * partners, when neither of the two new edges is bad. Every swap keeps all degrees, and mends at
 * least one edge without harming another.
 */
#include "bench/graph.h"

#include "base/imap.h"
#include "sim/mem.h"

static void *resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    (void)ctx;
    (void)old_len;
    if (new_len > 0) return sim_resize(old, new_len);
    free(old);
    return NULL;
}

static uint64_t key_of(graph_edge e)
{
    return e.a < e.b ? (uint64_t)e.a << 32 | e.b : (uint64_t)e.b << 32 | e.a;
}

static uint32_t times_of(const imap *times, graph_edge e)
{
    uint32_t n;
    return imap_get(times, key_of(e), &n) ? n : 0;
}

static void count(imap *times, graph_edge e, bool is_there)
{
    uint32_t now = times_of(times, e);
    now = is_there ? now + 1 : now - 1;
    if (now == 0) imap_del(times, key_of(e));
    else if (!imap_put(times, key_of(e), now)) sim_no_memory(sizeof now);
}

static bool is_bad(const imap *times, graph_edge e)
{
    return e.a == e.b || times_of(times, e) > 1;
}

/* Whether e could be added. */
static bool is_free(const imap *times, graph_edge e)
{
    return e.a != e.b && times_of(times, e) == 0;
}

/* Shuffles the ends: pairs[i] is then the edge of ends 2i and 2i + 1. */
static void pair(rng *r, graph_edge *edges, uint32_t nodes, uint32_t degree)
{
    uint32_t ends = nodes * degree;
    uint32_t *of = sim_alloc(ends * sizeof *of);
    for (uint32_t i = 0; i < ends; i++) of[i] = i / degree;
    for (uint32_t i = ends; i > 1; i--) {
        uint32_t j = (uint32_t)rng_below(r, i), kept = of[i - 1];
        of[i - 1] = of[j];
        of[j] = kept;
    }
    for (uint32_t i = 0; i < ends / 2; i++) edges[i] = (graph_edge){of[2 * i], of[2 * i + 1]};
    free(of);
}

/* Lets edge i and another change partners until i is good. */
static void repair(rng *r, graph_edge *edges, uint32_t edge_count, imap *times, uint32_t i)
{
    while (is_bad(times, edges[i])) {
        uint32_t j = (uint32_t)rng_below(r, edge_count);
        graph_edge first = {edges[i].a, edges[j].b}, second = {edges[j].a, edges[i].b};
        if (j == i || key_of(first) == key_of(second)) continue;
        if (!is_free(times, first) || !is_free(times, second)) continue;
        count(times, edges[i], false);
        count(times, edges[j], false);
        count(times, first, true);
        count(times, second, true);
        edges[i] = first;
        edges[j] = second;
    }
}

static int by_ends(const void *x, const void *y)
{
    const graph_edge *e = x, *f = y;
    if (e->a != f->a) return e->a < f->a ? -1 : 1;
    return e->b < f->b ? -1 : e->b > f->b;
}

graph_edge *graph_new(rng *r, uint32_t nodes, uint32_t degree)
{
    PU_ASSERT(nodes > degree);
    PU_ASSERT(degree > 0 && (uint64_t)nodes * degree < UINT32_MAX);
    PU_ASSERT(nodes * degree % 2 == 0);
    static const pu_alloc alloc = {resize, NULL};
    uint32_t edge_count = nodes * degree / 2;
    graph_edge *edges = sim_alloc(edge_count * sizeof *edges);
    pair(r, edges, nodes, degree);
    imap times;
    imap_init(&times, 0, &alloc);
    for (uint32_t i = 0; i < edge_count; i++) count(&times, edges[i], true);
    for (uint32_t i = 0; i < edge_count; i++) repair(r, edges, edge_count, &times, i);
    imap_close(&times);
    qsort(edges, edge_count, sizeof *edges, by_ends);
    return edges;
}
