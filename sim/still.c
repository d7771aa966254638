/* sim/still.c - see still.h. */
#include "sim/still.h"

#include "sim/world.h"

#include <inttypes.h>
#include <stdio.h>

enum { INPUTS_A_LOOK = 1024 };

/* As core's node.h calls them. */
static const char *input_name(const pu_in *in)
{
    static const char *const names[] = {
        [PU_IN_TICK] = "TICK",
        [PU_IN_CONN_ASK] = "CONN_ASK",
        [PU_IN_CONN_UP] = "CONN_UP",
        [PU_IN_CONN_CONFIRMED] = "CONN_CONFIRMED",
        [PU_IN_CONN_PATH] = "CONN_PATH",
        [PU_IN_CONN_DOWN] = "CONN_DOWN",
        [PU_IN_DIAL_FAIL] = "DIAL_FAIL",
        [PU_IN_STREAM_UP] = "STREAM_UP",
        [PU_IN_STREAM_DATA] = "STREAM_DATA",
        [PU_IN_STREAM_ROOM] = "STREAM_ROOM",
        [PU_IN_STREAM_STOP] = "STREAM_STOP",
        [PU_IN_STREAM_DOWN] = "STREAM_DOWN",
        [PU_IN_PACKET] = "PACKET",
        [PU_IN_ADDR] = "ADDR",
        [PU_IN_RESOLVED] = "RESOLVED",
        [PU_IN_MAPPED] = "MAPPED",
        [PU_IN_KEPT] = "KEPT",
        [PU_IN_STORED] = "STORED",
        [PU_IN_CLOCK] = "CLOCK",
        [PU_IN_APP] = "APP",
        [PU_IN_COMMAND] = "COMMAND",
    };
    PU_ASSERT(in->kind > 0 && in->kind < sizeof names / sizeof names[0]);
    return names[in->kind];
}

/* The timer that a node waits for. */
static const char *timer_name(const world *w, uint32_t node)
{
    const char *why = "none";
    if (w->hosts[node].is_running) (void)pu_node_deadline(w->hosts[node].node, &why);
    return why;
}

static void print_begin(uint64_t count, const char *of_what, pu_time at)
{
    fprintf(stderr,
            "peerup-sim: no progress: %" PRIu64 " %s at %" PRIu64 ".%09" PRIu64 " s, the next ",
            count, of_what, at / PU_S, at % PU_S);
}

static const char *name_of(const world *w, uint32_t node, const char *else_name)
{
    return node != NET_NONE ? w->s->nodes[node].name : else_name;
}

/* Who it was, as far as the event that was not taken any more tells. */
static void print_event(const world *w, const sim_event *e, pu_time at)
{
    uint32_t from, to;
    const char *who = "the network", *why = "a gateway";
    if (net_event_ends(w->hosts_share.network, at, e, &from, &to)) {
        fprintf(stderr, "a datagram from %s to %s\n", name_of(w, from, "a box"),
                name_of(w, to, "nobody who is known"));
        return;
    }
    if (e->kind == SIM_EV_NODE || e->kind == SIM_EV_CONN) who = name_of(w, e->target, NULL);
    if (e->kind == SIM_EV_NODE) why = timer_name(w, e->target);
    if (e->kind == SIM_EV_CONN) why = "a connection";
    if (e->kind == SIM_EV_SCRIPT) why = who = "the script";
    fprintf(stderr, "of %s by its timer '%s'\n", who, why);
}

static bool is_same(const sim_event *a, const sim_event *b)
{
    return a->kind == b->kind && a->target == b->target && a->arg == b->arg;
}

/* Counts e in the row of the few timers that have had all events lately. One timer too many begins
 * another row: in a crowd each has one event after the other has had his. */
static void count_row(still *s, const sim_event *e)
{
    uint32_t i = 0;
    s->row++;
    while (i < s->few_count && !is_same(&s->few[i], e)) i++;
    if (i < s->few_count) return;
    bool is_timer = e->kind == SIM_EV_NODE || e->kind == SIM_EV_CONN;
    if (!is_timer || s->few_count == STILL_FEW) s->row = s->few_count = 0;
    if (!is_timer) return;
    s->few[s->few_count++] = *e;
    if (s->row == 0) s->row = 1;
}

bool still_event(world *w, pu_time at, const sim_event *e)
{
    still *s = &w->still;
    if (s->events == 0 || at != s->at) {
        uint64_t waiting = queue_count(w->hosts_share.q) + 1; /* and e */
        uint64_t most = waiting > STILL_EVENTS ? waiting : STILL_EVENTS;
        s->at = at;
        s->events = s->row = s->few_count = 0;
        s->events_most = w->options->still_max != 0 ? w->options->still_max : most;
    }
    count_row(s, e);
    bool is_row = s->few_count > 0 && s->row > s->row_most * s->few_count;
    if (++s->events <= s->events_most && !is_row) return false;
    char what[64] = "events";
    if (is_row && s->few_count == 1) snprintf(what, sizeof what, "events in a row");
    else if (is_row)
        snprintf(what, sizeof what, "events in a row of %" PRIu32 " timers", s->few_count);
    print_begin(is_row ? s->row : s->events, what, at);
    print_event(w, e, at);
    s->is_over = true;
    return true;
}

/* A host's next step is to be taken, for which it is asked now and then. The first look in an event
 * says nothing: the steps until then were others'. Who asks for the end of a run need not wait for
 * that of an event. */
static bool may_step(void *ctx, uint32_t node, const pu_in *in)
{
    world *w = ctx;
    still *s = &w->still;
    host_world *share = &w->hosts_share;
    share->look_at = share->steps + s->look_every;
    if (s->looked != w->events) {
        s->looked = w->events;
        s->first = share->steps;
        return true;
    }
    const run_options *o = w->options;
    if (o->stop != NULL && *o->stop != 0) return false;
    uint64_t inputs = share->steps - s->first;
    if (inputs < s->inputs_most) return true;
    print_begin(inputs, "inputs in one event", share->now);
    fprintf(stderr, "%s of %s with its timer '%s'\n", in != NULL ? input_name(in) : "flush",
            name_of(w, node, NULL), timer_name(w, node));
    s->is_over = true;
    return false;
}

void still_begin(world *w)
{
    const run_options *o = w->options;
    uint64_t inputs = o->input_max != 0 ? o->input_max : STILL_INPUTS;
    w->still = (still){
        .row_most = o->row_max != 0 ? o->row_max : STILL_ROW,
        .inputs_most = inputs,
        .look_every = inputs < INPUTS_A_LOOK ? inputs : INPUTS_A_LOOK,
    };
    w->hosts_share.may_step = may_step;
    w->hosts_share.look_at = w->hosts_share.steps + w->still.look_every;
}
