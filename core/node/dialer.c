/* Wants: peers that we keep or seek a connection to. A round dials every known way at once, ranked;
 * a failed round is tried again after a pause that doubles, counted from its start; a lost
 * connection starts a round at once. */
#include "base/planted.h"
#include "ident/ip.h"
#include "node/apps.h"
#include "node/names.h"

#define SHORT_LIFE_NS (5 * PU_S) /* a connection that ends sooner counts as a failed round */

enum { BACKOFF_SHIFT_MAX = 16 };

want *want_find(const pu_node *n, pu_peer peer)
{
    for (uint32_t i = 0; i < n->want_count; i++)
        if (n->wants[i].peer == peer) return &n->wants[i];
    return NULL;
}

static void want_remove(pu_node *n, want *w)
{
    pu_peer peer = w->peer;
    ctx_timer(n, TIMER_RETRY, peer, PU_NEVER);
    *w = n->wants[--n->want_count];
    ctx_peer_drop(n, peer);
}

uint32_t want_add(pu_node *n, pu_peer peer, bool keep)
{
    if (n->is_stopping) return PU_CODE_SHUTDOWN;
    want *w = want_find(n, peer);
    if (w != NULL) {
        w->keep |= keep;
    } else {
        if (ctx_at_limit(n, "wanted_max", n->want_count, n->config->wanted_max))
            return PU_CODE_RESOURCE;
        if (!mem_grow(ctx_alloc(n), (void **)&n->wants, &n->want_cap, n->want_count,
                      (uint32_t)n->config->wanted_max, sizeof(want)))
            return PU_CODE_NO_MEMORY;
        pu_peers_retain(n->env->peers, peer);
        w = &n->wants[n->want_count++];
        *w = (want){.peer = peer, .keep = keep};
    }
    if (n->is_started) want_begin(n, w);
    return PU_CODE_OK;
}

void want_drop(pu_node *n, pu_peer peer)
{
    want *w = want_find(n, peer);
    if (w != NULL) want_remove(n, w);
    legs_cancel(n, peer, true, NULL);
}

void want_release(pu_node *n, pu_peer peer)
{
    const want *w = want_find(n, peer);
    if (w == NULL || w->keep || legs_await(n, peer)) return;
    if (commands_await(n, peer) || app_opens_await(n, peer)) return;
    pu_peers_retain(n->env->peers, peer);
    want_drop(n, peer);
    ctx_peer_drop(n, peer);
}

/* ---- a round ---- */

static void plan_direct(pu_node *n, pu_peer peer, direct_addr to)
{
    leg *l = leg_add(n, peer);
    if (l == NULL) return;
    l->remote = to.endpoint;
    l->transport = to.transport;
}

static void plan_circuit(pu_node *n, pu_peer peer, pu_peer via)
{
    for (uint32_t i = 0; i < n->leg_count; i++)
        if (n->legs[i].peer == peer && n->legs[i].via == via) return; /* one leg a relay */
    leg *l = leg_add(n, peer);
    if (l == NULL) return;
    pu_peers_retain(n->env->peers, via);
    l->via = via;
    l->transport = PU_TRANSPORT_CIRCUIT;
}

static bool plan_has_room(const pu_node *n, pu_peer peer)
{
    return legs_of_peer(n, peer) < n->config->dial_legs_max;
}

/* Whether a circuit address may be tried: peers must not make us connect to a relay of their
 * choice. */
static bool may_use(const pu_node *n, const known_addr *a)
{
    if (a->via == 0) return false;
    return a->pinned || ctx_is_relay(n, a->via) || ctx_is_authorised(n, a->via);
}

/* Circuits that addresses name, and one through each of our own relays: those that rest, or those
 * that do not. */
static void plan_circuits_of(pu_node *n, pu_peer peer, const known_peer *k, bool rests)
{
    for (uint32_t i = 0; k != NULL && i < k->addr_count && plan_has_room(n, peer); i++)
        if (k->addrs[i].via != peer && may_use(n, &k->addrs[i]) &&
            relay_rests(n, k->addrs[i].via) == rests)
            plan_circuit(n, peer, k->addrs[i].via);
    if ((k != NULL && k->is_relay) || PLANTED(PLANTED_NO_CIRCUITS)) return;
    for (uint32_t i = 0; i < n->known_count && plan_has_room(n, peer); i++)
        if (n->known[i].is_relay && n->known[i].peer != peer &&
            relay_rests(n, n->known[i].peer) == rests)
            plan_circuit(n, peer, n->known[i].peer);
}

static void plan_circuits(pu_node *n, pu_peer peer, const known_peer *k)
{
    plan_circuits_of(n, peer, k, false);
    plan_circuits_of(n, peer, k, true);
}

/* What was found for the names of a peer; where that is old, or nothing was, a leg that looks. */
static void plan_names(pu_node *n, pu_peer peer)
{
    uint32_t cursor = 0;
    for (const named_addr *a;
         plan_has_room(n, peer) && (a = name_next(n, peer, &cursor)) != NULL;) {
        bool is_good = name_is_good(n, a);
        leg *l = is_good ? NULL : leg_add(n, peer);
        if (l != NULL) l->name = a->number;
        for (uint32_t i = 0; is_good && i < a->found_count && plan_has_room(n, peer); i++)
            if (self_can_dial(n, a->found[i].transport, &a->found[i].endpoint) &&
                !ctx_is_dialling(n, peer, &a->found[i]))
                plan_direct(n, peer, a->found[i]);
    }
}

/* Plans a leg for every known way to a peer. Direct addresses may all be stale: where there are
 * more than fit, the last leg is a circuit's. */
static void plan(pu_node *n, pu_peer peer)
{
    const known_peer *k = book_find(n, peer);
    for (uint32_t i = 0; k != NULL && i < k->addr_count && plan_has_room(n, peer); i++)
        if (k->addrs[i].via == 0 &&
            self_can_dial(n, (enum pu_transport)k->addrs[i].transport, &k->addrs[i].endpoint))
            plan_direct(
                n, peer,
                (direct_addr){k->addrs[i].endpoint, (enum pu_transport)k->addrs[i].transport});
    plan_names(n, peer);
    if (!plan_has_room(n, peer) && n->config->dial_legs_max > 1) {
        leg *last = &n->legs[n->leg_count - 1];
        PU_ASSERT(last->peer == peer && last->state == LEG_PLANNED);
        leg spared = *last;
        n->leg_count--;
        plan_circuits(n, peer, k);
        bool is_taken = !plan_has_room(n, peer);
        if (!is_taken) n->legs[n->leg_count++] = spared;
        else ctx_peer_drop(n, spared.peer);
        return;
    }
    plan_circuits(n, peer, k);
}

/* Whether anything says where our MAIN socket can be reached from outside. */
static bool is_seen(const pu_node *n)
{
    pu_endpoint addrs[CTX_ADDRS_MAX];
    if (ctx_observed_addrs(n, addrs) > 0) return true;
    uint32_t count = ctx_local_addrs(n, PU_TRANSPORT_QUIC, addrs);
    for (uint32_t i = 0; i < count; i++)
        if (pu_endpoint_scope(&addrs[i]) == PU_SCOPE_GLOBAL) return true;
    return false;
}

/* Whether our MAIN socket has addresses of IPv4, all of them private, and nobody says how it looks
 * there from outside. An address of IPv6 is the same from everywhere. */
static bool is_hidden(const pu_node *n)
{
    pu_endpoint addrs[CTX_ADDRS_MAX];
    uint32_t count = ctx_observed_addrs(n, addrs);
    bool has_private = false;
    for (uint32_t i = 0; i < count; i++)
        if (ip6_is_mapped(addrs[i].ip)) return false;
    count = ctx_local_addrs(n, PU_TRANSPORT_QUIC, addrs);
    for (uint32_t i = 0; i < count; i++) {
        if (!ip6_is_mapped(addrs[i].ip)) continue;
        if (pu_endpoint_scope(&addrs[i]) == PU_SCOPE_GLOBAL) return false;
        has_private = has_private || pu_endpoint_scope(&addrs[i]) == PU_SCOPE_PRIVATE;
    }
    return has_private;
}

/* TCP carries circuits as well, but over it nobody can tell how our MAIN socket looks from outside,
 * and over IPv6 nobody how it looks in IPv4; without that no hole is punched. */
const conn *dialer_lacks(pu_node *n, pu_peer peer)
{
    const conn *c = ctx_conn_direct(n, peer);
    if (c == NULL || !ctx_is_relay(n, peer) || n->config->dcutr == 0) return NULL;
    if (c->transport == PU_TRANSPORT_TCP)
        return self_can_dial(n, PU_TRANSPORT_QUIC, NULL) && !is_seen(n) ? c : NULL;
    return !ip6_is_mapped(c->remote.ip) && is_hidden(n) ? c : NULL;
}

void want_begin(pu_node *n, want *w)
{
    pu_peer peer = w->peer;
    const conn *worse = dialer_lacks(n, peer);
    if (n->is_stopping || legs_of_peer(n, peer) > 0) return;
    if (worse == NULL && ctx_conn_of(n, peer) != NULL) return;
    if (w->is_backing_off) {
        ctx_timer(n, TIMER_RETRY, peer, PU_NEVER);
        w->is_backing_off = false;
    }
    if (n->local_count == 0) return; /* nothing to dial from: a new address begins again */
    w->begun_at = n->now;
    plan(n, peer);
    if (worse != NULL) {
        legs_drop_worse(n, peer, worse);
        if (legs_of_peer(n, peer) == 0) return; /* no such address is known */
    }
    if (legs_of_peer(n, peer) == 0) {
        w->last_code = PU_CODE_NO_ADDRESS;
        want_round_failed(n, peer);
        return;
    }
    rank_legs(n, peer);
    legs_start_due(n, peer);
}

void wants_begin_all(pu_node *n)
{
    for (uint32_t i = 0; i < n->want_count; i++) {
        n->wants[i].failures = 0;
        ctx_timer(n, TIMER_RETRY, n->wants[i].peer, n->now);
        n->wants[i].is_backing_off = true; /* one a timer, so that a step stays bounded */
    }
}

void dialer_retry_timer(pu_node *n, uint64_t peer)
{
    want *w = want_find(n, (pu_peer)peer);
    if (w == NULL) return;
    w->is_backing_off = false;
    want_begin(n, w);
}

/* least * 2^failures, at most most; then up to a quarter more or less by chance. */
static uint64_t pause_ns(pu_node *n, uint32_t failures)
{
    uint32_t shift = failures < BACKOFF_SHIFT_MAX ? failures : BACKOFF_SHIFT_MAX;
    uint64_t pause = n->config->backoff_least_ns << shift;
    if (pause > n->config->backoff_most_ns) pause = n->config->backoff_most_ns;
    return rng_between(ctx_rng(n, RNG_DIAL), pause - pause / 4, pause + pause / 4);
}

/* What is left of the pause between the starts of two rounds: a round that took its 15 s has waited
 * already. At least backoff_least_ns. */
static uint64_t rest_of_pause_ns(pu_node *n, const want *w)
{
    uint64_t pause = pause_ns(n, w->failures), took = n->now - w->begun_at;
    uint64_t least = pause < n->config->backoff_least_ns ? pause : n->config->backoff_least_ns;
    PU_ASSERT(w->begun_at <= n->now);
    return pause > took && pause - took > least ? pause - took : least;
}

void want_round_failed(pu_node *n, pu_peer peer)
{
    want *w = want_find(n, peer);
    bool is_bettering = dialer_lacks(n, peer) != NULL;
    if (w == NULL || (ctx_conn_of(n, peer) != NULL && !(is_bettering && w->keep))) return;
    if (!w->keep) {
        uint32_t code = w->last_code;
        pu_peers_retain(n->env->peers, peer);
        want_remove(n, w);
        commands_failed(n, peer, code);
        ctx_peer_drop(n, peer);
        return;
    }
    uint64_t pause = rest_of_pause_ns(n, w);
    w->failures++;
    w->is_backing_off = true;
    w->is_bettering = is_bettering;
    if (!is_bettering)
        ctx_trace(n, PU_TR_DIAL_BACKOFF, NULL, NULL, peer, pause, w->failures, span_of(NULL, 0));
    ctx_timer(n, TIMER_RETRY, peer, ctx_after(n, pause));
}

/* ---- connections come and go ---- */

void dialer_confirmed(pu_node *n, conn *c)
{
    bool is_best = (c->flags & PU_RELAYED) == 0 && c->transport == PU_TRANSPORT_QUIC;
    pu_peer peer = c->peer;
    if (!is_best) legs_won_second(n, peer, c);
    else legs_cancel(n, peer, true, c);
    want *w = want_find(n, peer);
    if (w != NULL) {
        if (w->is_backing_off) ctx_timer(n, TIMER_RETRY, peer, PU_NEVER);
        w->is_backing_off = false;
        if (!w->keep) want_remove(n, w);
        else if (legs_of_peer(n, peer) == 0 && dialer_lacks(n, peer) != NULL)
            want_round_failed(n, peer);
    }
    commands_connected(n, peer);
}

void dialer_down(pu_node *n, conn *c, uint32_t code)
{
    leg *l = leg_of_conn(n, c->handle);
    if (l != NULL) {
        leg_failed(n, l->token, code); /* up, but never confirmed */
        return;
    }
    want *w = want_find(n, c->peer);
    if (w == NULL || !n->is_started || PLANTED(PLANTED_NO_REDIAL)) return;
    if (w->is_backing_off && !w->is_bettering) return;
    if (legs_of_peer(n, c->peer) > 0) return; /* a round is under way: c was hung up before it */
    bool is_short = n->now - c->up_at < SHORT_LIFE_NS && code != PU_CODE_ADDRESS_GONE;
    if (is_short) { /* a peer that ends what it accepts is not dialled in a loop */
        w->last_code = code;
        w->begun_at = n->now;
        want_round_failed(n, c->peer);
        return;
    }
    w->failures = 0;
    want_begin(n, w);
}

/* A relay can be asked now: circuits that wait for it start. */
void dialer_identified(pu_node *n, conn *c)
{
    if ((c->flags & PU_RELAYED) != 0 || !c->confirmed) return;
    for (uint32_t i = 0; i < n->leg_count; i++) {
        leg *l = &n->legs[i];
        if (l->state != LEG_WAITING || l->via != c->peer) continue;
        l->state = LEG_PLANNED; /* due at once: it has started before */
        ctx_timer(n, TIMER_LEG, l->peer, n->now);
    }
}
