/* sim/calibrate_punch.c - round trips over the relay and beside it. */
#include "sim/calibrate_rtt.h"
#include "sim/run.h"

#include <stdio.h>
#include <string.h>

/* The run under way. */
typedef struct punched {
    const scenario *s;
    bool is_symmetric; /* no hole can be punched */
    punch_calibration *out;
} punched;

static void range_add(rtt_range *r, uint64_t rtt_ns)
{
    if (r->count == 0 || rtt_ns < r->least_ns) r->least_ns = rtt_ns;
    if (rtt_ns > r->most_ns) r->most_ns = rtt_ns;
    r->count++;
}

static bool is_end(const scenario *s, uint32_t node)
{
    if (node == SCENARIO_ANY) return false;
    return strcmp(s->nodes[node].name, "home") == 0 || strcmp(s->nodes[node].name, "laptop") == 0;
}

static void saw_rtt(void *ctx, const run_rtt *rtt)
{
    const punched *p = ctx;
    if (!is_end(p->s, rtt->node) || !is_end(p->s, rtt->peer)) return;
    if (rtt->is_punch) {
        if (rtt->rtt_ns > 0) range_add(&p->out->agreed, rtt->rtt_ns); /* 0: the side that is told */
    } else if (rtt->way != RUN_WAY_CIRCUIT) {
        range_add(&p->out->direct, rtt->rtt_ns);
    } else if (p->is_symmetric) {
        range_add(&p->out->relay, rtt->rtt_ns);
    }
}

/* done: runs before these. */
static bool run_seeds(punched *p, uint64_t first, uint64_t last, progress *bar, uint64_t done)
{
    for (uint64_t seed = first; seed <= last; seed++) {
        uint64_t before = p->out->direct.count;
        run_options how = {.seed = seed,
                           .log = RUN_LOG_NONE,
                           .record_node = SCENARIO_ANY,
                           .saw_rtt = saw_rtt,
                           .rtt_ctx = p};
        run_result result;
        if (run_scenario(p->s, &how, &result) != 0) return false;
        run_result_free(&result);
        if (!p->is_symmetric && p->out->direct.count == before) p->out->not_direct++;
        progress_show(bar, done + seed - first + 1, 0);
    }
    return true;
}

bool calibrate_punch(const char *path, uint64_t first, uint64_t last, progress *bar,
                     punch_calibration out[CALIBRATE_SIDES])
{
    for (uint32_t run = 0; run < CALIBRATE_PUNCH_RUNS; run++) {
        bool is_symmetric = run % 2 == 1, is_wire = run / 2 == 1;
        const char *sets[] = {is_wire ? "fidelity=wire" : "fidelity=model",
                              "config.ping_interval_ns=1s", "nats.router.mapping=apdm",
                              "nats.router.ports=random"};
        scenario *s = scenario_read(path, sets, is_symmetric ? 4 : 2, stderr);
        if (s == NULL) return false;
        punched p = {.s = s, .is_symmetric = is_symmetric, .out = &out[run / 2]};
        if (!is_symmetric) *p.out = (punch_calibration){.seeds = last - first + 1};
        bool is_good = run_seeds(&p, first, last, bar, run * (last - first + 1));
        scenario_free(s);
        if (!is_good) return false;
    }
    return true;
}
