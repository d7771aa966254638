/* sim/script_away.c - see script_away.h.
 *
 * A machine that sleeps keeps its addresses, as far as it knows: its boxes age their mappings, and
 * what is sent to it ends. Time passes for its node (its clock is one that does not stop,
 * CLOCK_BOOTTIME), so all that was due is late at waking. What changes meanwhile in its network it
 * learns then.
 */
#include "sim/script_away.h"

static world_place *place_of(world *w, uint32_t node)
{
    return &w->places[node];
}

static void note(world *w, uint32_t node, const char *kind)
{
    record_note(&w->log, w->hosts_share.now, node, kind, w->s->nodes[node].name);
}

static const scenario_group *group_of(const world *w, uint32_t node)
{
    uint32_t group = w->s->nodes[node].group;
    return group != SCENARIO_ANY ? &w->s->groups[group] : NULL;
}

bool away_waits(const world *w, const world_entry *e, pu_time *until)
{
    uint32_t node = e->what == WORLD_STREAM ? w->apps.transfers[e->a].from : e->a;
    switch (e->what) {
    case WORLD_CONNECT:
    case WORLD_STREAM:
    case WORLD_CLOCK: *until = w->places[node].wakes_at; break;
    case WORLD_START:
    case WORLD_RESTART: *until = w->places[node].arrives_at; break;
    case WORLD_CHANGE_NETWORK:
    case WORLD_CRASH:
    case WORLD_CUT:
    case WORLD_MEND:
    case WORLD_REBOOT:
    case WORLD_REBIND:
    case WORLD_SLEEP:
    case WORLD_WAKE:
    case WORLD_ARRIVE:
    case WORLD_PART:
    case WORLD_ROAM:
    case WORLD_CLOG:
    case WORLD_UNCLOG:
    case WORLD_SWIZZLE:
    case WORLD_BENT: return false;
    }
    return *until != 0;
}

/* ---- from network to network ---- */

static void leave(world *w, uint32_t node, bool lingers)
{
    world_place *p = place_of(w, node);
    net *network = w->hosts_share.network;
    p->is_lingering = lingers;
    p->old = w->hosts[node].local;
    p->old_six = host_six(&w->hosts[node]);
    if (lingers) net_host_linger(network, node);
    else net_host_detach(network, node);
    watch_moved(&w->judge, w->hosts_share.now, node);
    if (p->wakes_at == 0 && !lingers) host_left(&w->hosts[node]);
    if (p->wakes_at == 0) return;
    p->has_left = !p->has_arrived; /* it has not heard of where it is now */
    p->has_arrived = false;
}

/* It is attached again. */
static void arrived(world *w, uint32_t node)
{
    world_place *p = place_of(w, node);
    p->arrives_at = 0;
    if (p->wakes_at == 0) host_arrived(&w->hosts[node]);
    else p->has_arrived = true;
    watch_moved(&w->judge, w->hosts_share.now, node);
    record_attachment(&w->log, w->hosts_share.network, w->hosts_share.now, node);
    note(w, node, "change_network");
}

static void arrive_by_event(world *w, uint32_t node, const scenario_event *e)
{
    if (e->site != SCENARIO_ANY) w->places[node].site = e->site;
    if (e->has_link) w->places[node].link = e->link;
    world_attach(w, node, e->has_chain ? &e->chain : NULL, e->has_families ? &e->families : NULL,
                 !e->has_chain && !e->has_families);
    arrived(w, node);
}

/* The other network's box is made when the first one of its group's is needed there. */
static void arrive_by_roaming(world *w, uint32_t node)
{
    world_place *p = place_of(w, node);
    const scenario_group *g = group_of(w, node);
    p->link = p->is_other && g->roam_link != SCENARIO_ANY ? g->roam_link : w->s->nodes[node].link;
    const net *network = w->hosts_share.network;
    if (!p->is_other) {
        world_attach_box(w, node, p->home_box, p->home_wall);
    } else if (p->has_other) {
        world_attach_box(w, node, p->other_box, p->other_wall);
    } else {
        world_attach(w, node, &g->roam_chain, g->has_roam_families ? &g->roam_families : NULL,
                     false);
        p->has_other = true;
        p->other_box = net_host_around(network, node, false);
        p->other_wall = net_host_around(network, node, true);
    }
    arrived(w, node);
}

void away_arrive(world *w, uint32_t node, const scenario_event *e)
{
    if (e != NULL) arrive_by_event(w, node, e);
    else arrive_by_roaming(w, node);
}

/* e NULL: by roaming. */
static void change(world *w, uint32_t node, const scenario_event *e, uint64_t gap_ns,
                   uint64_t overlap_ns)
{
    world_place *p = place_of(w, node);
    pu_time now = w->hosts_share.now;
    bool lingers = overlap_ns > 0 && p->wakes_at == 0 && w->hosts[node].is_running;
    leave(w, node, lingers);
    if (gap_ns == 0) {
        away_arrive(w, node, e);
    } else {
        p->arrives_at = now + gap_ns;
        note(w, node, "leave_network");
        script_add(w,
                   (world_entry){.at = now + gap_ns, .what = WORLD_ARRIVE, .a = node, .event = e});
    }
    if (lingers)
        script_add(w, (world_entry){.at = now + overlap_ns, .what = WORLD_PART, .a = node});
}

void away_change(world *w, uint32_t node, const scenario_event *e)
{
    change(w, node, e, e->gap_ns, e->overlap_ns);
}

void away_crash(world *w, uint32_t node)
{
    net_host_part(w->hosts_share.network, node);
    w->places[node].is_lingering = false;
}

void away_part(world *w, uint32_t node)
{
    bool was_lingering = w->places[node].is_lingering;
    away_crash(w, node);
    if (!was_lingering) return;
    host_parted(&w->hosts[node], &w->places[node].old);
    host_parted(&w->hosts[node], &w->places[node].old_six);
}

void away_roam(world *w, uint32_t node)
{
    world_place *p = place_of(w, node);
    const scenario_group *g = group_of(w, node);
    PU_ASSERT(g != NULL && g->has_roam);
    if (!p->is_other) {
        p->home_box = net_host_around(w->hosts_share.network, node, false);
        p->home_wall = net_host_around(w->hosts_share.network, node, true);
    }
    p->is_other = !p->is_other;
    change(w, node, NULL, g->roam_gap_ns, g->roam_overlap_ns);
    uint64_t stay_ns = spell_draw(&p->roam, p->is_other ? &g->roam_off : &g->roam_on);
    uint64_t least_ns =
        g->roam_gap_ns + g->roam_overlap_ns + PU_S; /* it arrives before it leaves */
    if (stay_ns < least_ns) stay_ns = least_ns;
    script_add(w,
               (world_entry){
                   .at = w->hosts_share.now + stay_ns, .what = WORLD_ROAM, .a = node, .b = node});
}

/* ---- sleep ---- */

static void sleep_by_group(world *w, uint32_t node)
{
    const scenario_group *g = group_of(w, node);
    if (g == NULL || !g->has_sleep) return;
    pu_time at = w->hosts_share.now + spell_draw(&w->places[node].churn, &g->on);
    script_add(w, (world_entry){.at = at, .what = WORLD_SLEEP, .a = node, .b = node});
}

void away_sleep(world *w, uint32_t node, uint64_t for_ns)
{
    world_place *p = place_of(w, node);
    pu_time now = w->hosts_share.now;
    const scenario_group *g = group_of(w, node);
    if (!w->hosts[node].is_running) return;
    if (for_ns == 0) for_ns = spell_draw(&p->churn, &g->off);
    if (p->is_lingering) away_part(w, node);
    host_sleep(&w->hosts[node]);
    watch_sleep(&w->judge, now, node);
    note(w, node, "sleep");
    bool wakes = for_ns <= w->s->duration_ns - now;
    p->wakes_at = wakes ? now + for_ns : PU_NEVER;
    if (wakes) script_add(w, (world_entry){.at = p->wakes_at, .what = WORLD_WAKE, .a = node});
}

void away_wake(world *w, uint32_t node)
{
    world_place *p = place_of(w, node);
    host *h = &w->hosts[node];
    p->wakes_at = 0;
    host_awake(h);
    watch_start(&w->judge, w->hosts_share.now, node);
    watch_moved(&w->judge, w->hosts_share.now, node);
    note(w, node, "wake");
    if (p->has_left) host_left(h);
    if (p->has_arrived) host_arrived(h);
    p->has_left = p->has_arrived = false;
    sleep_by_group(w, node);
}

void away_begin(world *w, uint32_t node)
{
    const scenario_group *g = group_of(w, node);
    pu_time start = w->places[node].start;
    if (g == NULL) return;
    if (g->has_roam) {
        pu_time at = start + spell_draw(&w->places[node].roam, &g->roam_on);
        script_add(w, (world_entry){.at = at, .what = WORLD_ROAM, .a = node, .b = node});
    }
    if (!g->has_sleep) return;
    pu_time at = start + spell_draw(&w->places[node].churn, &g->on);
    script_add(w, (world_entry){.at = at, .what = WORLD_SLEEP, .a = node, .b = node});
}
