/* sim/scenario.c - the end of a scenario, and its hash: two scenarios with equal hashes run alike.
 *
 * Order and completeness matter more than speed: each table goes in as its length and its rows,
 * each text with its length. Left out is what no run depends on: about, paths (the latency file
 * counts by its bytes, a mix by its numbers), names of scenario and types, and places in the file.
 */
#include "base/mix.h"

#include "sim/scenario_impl.h"
#include "sim/trace_file.h"

#include <stdlib.h>
#include <string.h>

enum {
    HASH_SEED = 0x7363656e,
    HASH_SLEEP = 0x736c6570,
    HASH_ROAM = 0x726f616d,
    HASH_BEND = 0x62656e64,
    HASH_FILTER = 0x77616c6c,
    HASH_FAMILIES = 0x69707636,
    HASH_MIX_TCP = 0x6d746370,
    WHOLE_PPM = 1000000
};

void scenario_free(scenario *s)
{
    if (s == NULL) return;
    for (uint32_t i = 0; i < s->node_count; i++) {
        uint32_t group = s->nodes[i].group; /* its members have one array in common */
        if (group == SCENARIO_ANY || s->groups[group].first == i) free(s->nodes[i].settings);
    }
    free(s->settings);
    for (uint32_t i = 0; i < s->group_count; i++) {
        free(s->groups[i].on.lengths);
        free(s->groups[i].off.lengths);
        free(s->groups[i].roam_on.lengths);
        free(s->groups[i].roam_off.lengths);
    }
    for (uint32_t i = 0; i < s->event_count; i++) free(s->events[i].side);
    for (uint32_t i = 0; i < s->trace_count; i++) trace_free(s->traces[i]);
    free(s->traces);
    free(s->links);
    free(s->nats);
    free(s->shared);
    free(s->nodes);
    free(s->groups);
    free(s->authorize);
    free(s->events);
    free(s->expects);
    free(s);
}

static void hash_text(mix128 *m, const char *text)
{
    size_t len = strlen(text);
    mix_u64(m, len);
    mix_bytes(m, text, len);
}

static void hash_settings(mix128 *m, const scenario_setting *settings, uint32_t count)
{
    mix_u64(m, count);
    for (uint32_t i = 0; i < count; i++) {
        hash_text(m, settings[i].info->name);
        mix_u64(m, settings[i].value);
    }
}

static void hash_trace(mix128 *m, const net_trace *t)
{
    mix_u64(m, t->period_ns);
    mix_u64(m, t->count);
    for (uint32_t i = 0; i < t->count; i++) {
        mix_u64(m, t->up_bps[i]);
        mix_u64(m, t->down_bps[i]);
    }
}

/* What few links have goes in behind a word of its own, so that the others keep their hash. */
static void hash_extra(mix128 *m, const net_extra *e)
{
    hash_text(m, "extra");
    mix_u64(m, e->access_spread_ns);
    mix_u64(m, (uint64_t)e->enter_ppm << 32 | e->leave_ppm);
    mix_u64(m, (uint64_t)e->bad_ppm << 32 | e->good_ppm);
    mix_u64(m, (uint64_t)e->reorder_ppm << 32 | e->copy_ppm);
    mix_u64(m, e->reorder_ns);
    mix_u64(m, (uint64_t)e->mtu << 1 | e->mtu_is_silent);
    mix_u64(m, e->target_ns);
    mix_u64(m, e->interval_ns);
    mix_u64(m, e->trace_from_ns);
    mix_u64(m, e->handover_every_ns);
    mix_u64(m, e->handover_at_ns);
    mix_u64(m, e->outage_least_ns);
    mix_u64(m, e->outage_most_ns);
    mix_u64(m, e->shift_ns);
    if (e->trace != NULL) hash_trace(m, e->trace);
}

static void hash_link(mix128 *m, const scenario_link *l, uint32_t number)
{
    if (number > 0) mix_u64(m, number);
    mix_u64(m, l->link.access_ns);
    mix_u64(m, l->link.jitter_ns);
    mix_u64(m, l->link.up_loss_ppm);
    mix_u64(m, l->link.up_bps);
    mix_u64(m, l->link.down_bps);
    mix_u64(m, l->link.queue_ns);
    if (l->link.down_loss_ppm == l->link.up_loss_ppm && !net_extra_is_any(&l->extra)) return;
    mix_u64(m, l->link.down_loss_ppm);
    hash_extra(m, &l->extra);
}

static void hash_network(mix128 *m, const scenario *s, const uint64_t matrix_hash[2])
{
    mix_u64(m, s->duration_ns);
    mix_u64(m,
            (uint64_t)s->is_model_crypto | (uint64_t)s->is_wire << 1 | (uint64_t)s->refuses << 2);
    mix_u64(m, matrix_hash[0]);
    mix_u64(m, matrix_hash[1]);
    mix_u64(m, s->rtt_ns);
    hash_link(m, &s->link, 0);
    for (uint32_t i = 0; i < s->link_count; i++) hash_link(m, &s->links[i], i + 1);
}

/* Rules that most boxes do not have: without them the hash is what it was before there were any. */
static void hash_rules(mix128 *m, const nat_type *t)
{
    uint64_t rules = (uint64_t)t->tcp_filtering | (uint64_t)t->unsolicited << 8 |
                     (uint64_t)t->no_crossing << 16 | (uint64_t)t->swallows_errors << 17 |
                     (uint64_t)t->blocks_tcp << 18 | (uint64_t)t->is_udp_443 << 19 |
                     (uint64_t)t->is_tcp_443 << 20 | (uint64_t)(t->tunnel_ns != 0) << 21 |
                     (uint64_t)t->own_links << 22 | (uint64_t)t->shares_links << 23;
    if (rules != 0) mix_u64(m, rules);
    if (t->tunnel_ns != 0) mix_u64(m, t->tunnel_ns);
    if (t->tunnel_mtu != 0) mix_u64(m, t->tunnel_mtu);
    if (t->is_filter) mix_u64(m, HASH_FILTER | (uint64_t)t->refuses_udp << 32);
    if (t->gateway != 0) mix_u64(m, (uint64_t)t->gateway | (uint64_t)t->manner << 8);
}

static void hash_nats(mix128 *m, const scenario *s)
{
    mix_u64(m, s->nat_count);
    for (uint32_t i = 0; i < s->nat_count; i++) {
        const nat_type *t = &s->nats[i].type;
        mix_u64(m, t->mapping);
        mix_u64(m, t->filtering);
        mix_u64(m, t->ports);
        mix_u64(m, t->pooling);
        mix_u64(m, t->hairpin);
        mix_u64(m, t->addresses);
        mix_u64(m, t->block_ports);
        mix_u64(m, t->mappings_max);
        mix_u64(m, t->host_mappings_max);
        mix_u64(m, t->udp_idle_ns);
        mix_u64(m, t->udp_answered_ns);
        mix_u64(m, t->tcp_idle_ns);
        mix_u64(m, t->tcp_opening_ns);
        mix_u64(m, t->refresh_inbound);
        mix_u64(m, t->blocks_udp);
        hash_rules(m, t);
    }
}

static void hash_chain(mix128 *m, const scenario_chain *chain)
{
    mix_u64(m, chain->count);
    for (uint32_t i = 0; i < chain->count; i++) {
        mix_u64(m, chain->box[i].nat);
        hash_text(m, chain->box[i].shared);
    }
}

/* As hash_away. */
static void hash_families(mix128 *m, const scenario_families *f)
{
    if (!f->no_four && f->six == SCENARIO_SIX_NONE) return;
    mix_u64(m, HASH_FAMILIES);
    mix_u64(m, (uint64_t)f->no_four | (uint64_t)f->six << 1);
    if (f->six != SCENARIO_SIX_BEHIND) return;
    mix_u64(m, f->wall.nat);
    hash_text(m, f->wall.shared);
}

/* As hash_away. */
static void hash_bend(mix128 *m, const scenario_bend *b)
{
    if (!b->is_any) return;
    mix_u64(m, HASH_BEND);
    mix_u64(m, b->swallows);
    mix_u64(m, b->ends_ns);
    mix_u64(m, b->ends_bytes);
    mix_u64(m, b->bps);
    mix_u64(m, b->from);
}

static void hash_nodes(mix128 *m, const scenario *s)
{
    mix_u64(m, s->node_count);
    for (uint32_t i = 0; i < s->node_count; i++) {
        const scenario_node *n = &s->nodes[i];
        hash_text(m, n->name);
        mix_u64(m, n->site);
        if (n->port != 0) mix_u64(m, n->port);
        hash_chain(m, &n->behind);
        hash_families(m, &n->families);
        mix_u64(m, n->relay_count);
        for (uint32_t k = 0; k < n->relay_count; k++) mix_u64(m, n->relays[k]);
        mix_u64(m, n->is_relay);
        hash_bend(m, &n->bend);
        mix_u64(m, n->knows_all);
        mix_u64(m, n->group);
        if (n->link != SCENARIO_ANY) mix_u64(m, n->link);
        if (n->cpu_datagram_ns > 0 || n->cpu_handshake_ns > 0) {
            hash_text(m, "cpu");
            mix_u64(m, n->cpu_datagram_ns);
            mix_u64(m, n->cpu_handshake_ns);
        }
        hash_settings(m, n->settings, n->setting_count);
    }
}

static void hash_spell(mix128 *m, const spell *s)
{
    mix_u64(m, s->scale_ns);
    mix_u64(m, s->shape_ppm);
    mix_u64(m, s->count);
    for (uint32_t i = 0; i < s->count; i++) mix_u64(m, s->lengths[i]);
}

/* What most groups do not do: without it the hash is what it was before there was any. */
static void hash_away(mix128 *m, const scenario_group *g)
{
    if (g->has_sleep) mix_u64(m, HASH_SLEEP);
    if (!g->has_roam) return;
    mix_u64(m, HASH_ROAM);
    hash_spell(m, &g->roam_on);
    hash_spell(m, &g->roam_off);
    hash_chain(m, &g->roam_chain);
    if (g->has_roam_families) mix_u64(m, HASH_FAMILIES);
    hash_families(m, &g->roam_families);
    mix_u64(m, g->roam_link);
    mix_u64(m, g->roam_gap_ns);
    mix_u64(m, g->roam_overlap_ns);
}

/* As hash_away: a table may say nothing of TCP. */
static void hash_mix_tcp(mix128 *m, const scenario_group *g)
{
    if (!g->has_mix || (g->mix_syn_reset_ppm == 0 && g->mix_crossing_ppm == WHOLE_PPM)) return;
    mix_u64(m, HASH_MIX_TCP);
    mix_u64(m, g->mix_syn_reset_ppm);
    mix_u64(m, g->mix_crossing_ppm);
}

static void hash_groups(mix128 *m, const scenario *s)
{
    mix_u64(m, s->group_count);
    for (uint32_t i = 0; i < s->group_count; i++) {
        const scenario_group *g = &s->groups[i];
        hash_text(m, g->name);
        mix_u64(m, g->first);
        mix_u64(m, g->count);
        mix_u64(m, g->has_mix);
        for (uint32_t k = 0; k < 5; k++) mix_u64(m, g->mix_weight_ppm[k]);
        for (uint32_t k = 0; k < 3; k++) mix_u64(m, g->mix_ports_ppm[k]);
        for (uint32_t k = 0; k < 3; k++) mix_u64(m, g->mix_idle_ns[k]);
        mix_u64(m, g->mix_hairpin_ppm);
        hash_mix_tcp(m, g);
        mix_u64(m, g->has_pairs);
        mix_u64(m, g->pairs_from_ns);
        mix_u64(m, g->pairs_until_ns);
        mix_u64(m, g->has_churn);
        hash_spell(m, &g->on);
        hash_spell(m, &g->off);
        mix_u64(m, g->churn_keep);
        hash_away(m, g);
    }
}

static void hash_script(mix128 *m, const scenario *s)
{
    mix_u64(m, s->authorize_count);
    for (uint32_t i = 0; i < s->authorize_count; i++) {
        mix_u64(m, s->authorize[i][0]);
        mix_u64(m, s->authorize[i][1]);
    }
    mix_u64(m, s->event_count);
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *e = &s->events[i];
        mix_u64(m, e->at);
        mix_u64(m, e->kind);
        mix_u64(m, e->box);
        mix_u64(m, e->a);
        mix_u64(m, e->b);
        mix_u64(m, e->has_chain);
        hash_chain(m, &e->chain);
        if (e->has_families) mix_u64(m, HASH_FAMILIES);
        hash_families(m, &e->families);
        mix_u64(m, e->site);
        if (e->has_link) mix_u64(m, e->link);
        mix_u64(m, e->keep);
        mix_u64(m, (uint64_t)e->by_ns);
        mix_u64(m, e->one_way);
        mix_u64(m, e->for_ns);
        mix_u64(m, e->bytes);
        if (e->kind == SCENARIO_SWIZZLE) mix_u64(m, e->share_ppm);
        if (e->kind == SCENARIO_SWIZZLE) mix_u64(m, e->over_ns);
        if (e->gap_ns != 0) mix_u64(m, e->gap_ns);
        if (e->overlap_ns != 0) mix_u64(m, ~e->overlap_ns);
        if (e->side != NULL) mix_bytes(m, e->side, s->node_count);
    }
}

static void hash_expects(mix128 *m, const scenario *s)
{
    mix_u64(m, s->expect_count);
    for (uint32_t i = 0; i < s->expect_count; i++) {
        const scenario_expect *e = &s->expects[i];
        hash_text(m, e->name);
        mix_u64(m, e->kind);
        mix_u64(m, e->path);
        mix_u64(m, e->never);
        mix_u64(m, e->says);
        mix_u64(m, e->share_ppm);
        mix_u64(m, e->a);
        mix_u64(m, e->b);
        mix_u64(m, e->group);
        mix_u64(m, e->has_after);
        mix_u64(m, e->after);
        mix_u64(m, e->within_ns);
    }
}

static void hash_swarm(mix128 *m, const scenario_swarm *swarm)
{
    if (swarm->kinds == 0) return;
    mix_u64(m, swarm->kinds);
    mix_u64(m, swarm->from);
    mix_u64(m, swarm->until);
}

void scenario_hash(scenario *s, const uint64_t matrix_hash[2])
{
    mix128 m;
    mix_init(&m, HASH_SEED);
    hash_network(&m, s, matrix_hash);
    hash_settings(&m, s->settings, s->setting_count);
    hash_nats(&m, s);
    hash_nodes(&m, s);
    hash_groups(&m, s);
    hash_script(&m, s);
    hash_expects(&m, s);
    hash_swarm(&m, &s->swarm);
    mix_result(&m, s->hash);
}
