/* The figures of a run, see figures.h: 64-bit words, counts first, then each list behind its
 * length. */
#include "sim/figures.h"

#include "sim/mem.h"

/* Words that are written, or counted while at is NULL. */
typedef struct words {
    uint64_t *at;
    size_t count;
} words;

static void put(words *w, uint64_t value)
{
    if (w->at != NULL) w->at[w->count] = value;
    w->count++;
}

static uint64_t metric(const run_result *run, const char *name)
{
    for (uint32_t i = 0; i < run->metric_count; i++)
        if (strcmp(run->metrics[i].name, name) == 0) return run->metrics[i].value;
    PU_NEVER_HERE();
}

static bool is_held(const run_result *run)
{
    for (uint32_t i = 0; i < run->property_count; i++)
        if (!run->properties[i].held) return false;
    return true;
}

static void put_connects(words *w, const run_result *run)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < run->connection_count; i++) count += run->connections[i].is_authorised;
    put(w, count);
    for (uint32_t i = 0; i < run->connection_count; i++) {
        const run_connection *c = &run->connections[i];
        if (c->is_authorised) put(w, c->usable == PU_NEVER ? PU_NEVER : c->usable - c->asked);
    }
}

static void put_handshakes(words *w, const run_result *run, enum run_way way)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < run->handshake_count; i++) count += run->handshakes[i].way == way;
    put(w, count);
    for (uint32_t i = 0; i < run->handshake_count; i++)
        if (run->handshakes[i].way == way) put(w, run->handshakes[i].took_ns);
}

static void put_all(words *w, const run_result *run)
{
    put(w, metric(run, "connections_made"));
    put(w, metric(run, "streams_opened"));
    put(w, metric(run, "datagrams_sent"));
    put(w, is_held(run));
    PU_ASSERT(w->count == FIGURE_COUNTS);
    put_connects(w, run);
    put_handshakes(w, run, RUN_WAY_QUIC);
    put_handshakes(w, run, RUN_WAY_TCP);
    put_handshakes(w, run, RUN_WAY_CIRCUIT);
}

crew_result figures_write(const run_result *run)
{
    words w = {NULL, 0};
    put_all(&w, run);
    crew_result r = {NULL, w.count * sizeof *w.at};
    w = (words){sim_alloc(r.len), 0};
    put_all(&w, run);
    PU_ASSERT(w.count * sizeof *w.at == r.len);
    r.bytes = (uint8_t *)w.at;
    return r;
}

bool figures_read(figures *f, const crew_result *r)
{
    uint64_t *at = (void *)r->bytes; /* from an allocator: aligned for anything */
    size_t left = r->len / sizeof *at;
    *f = (figures){0};
    if (r->len % sizeof *at != 0 || left < FIGURE_COUNTS) return false;
    memcpy(f->counts, at, sizeof f->counts);
    at += FIGURE_COUNTS;
    left -= FIGURE_COUNTS;
    for (uint32_t i = 0; i < FIGURE_TIMES; i++) {
        if (left == 0 || at[0] > left - 1) return false;
        f->times_count[i] = (uint32_t)at[0];
        f->times[i] = at + 1;
        left -= 1 + f->times_count[i];
        at += 1 + f->times_count[i];
    }
    return left == 0;
}
