/* Legs: one address of one peer being dialled, from its planned start to won, lost or failed. */
#include "base/varint.h"
#include "ident/ip.h"
#include "node/fault.h"
#include "node/names.h"
#include "proto/relay/relay.h"

leg *leg_find(pu_node *n, pu_token token)
{
    for (uint32_t i = 0; i < n->leg_count; i++)
        if (n->legs[i].token == token) return &n->legs[i];
    return NULL;
}

leg *leg_of_conn(pu_node *n, pu_handle handle)
{
    for (uint32_t i = 0; i < n->leg_count; i++)
        if (n->legs[i].state == LEG_UP && n->legs[i].conn == handle) return &n->legs[i];
    return NULL;
}

uint32_t legs_of_peer(const pu_node *n, pu_peer peer)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->leg_count; i++)
        if (n->legs[i].peer == peer && !n->legs[i].punch) count++;
    return count;
}

bool legs_await(const pu_node *n, pu_peer relay)
{
    for (uint32_t i = 0; i < n->leg_count; i++)
        if (n->legs[i].state == LEG_WAITING && n->legs[i].via == relay) return true;
    return false;
}

leg *leg_add(pu_node *n, pu_peer peer)
{
    uint32_t max = (uint32_t)(n->config->wanted_max * n->config->dial_legs_max) + PUNCH_LEGS_MAX;
    if (FAULT(n, LEG_SHED) ||
        !mem_grow(ctx_alloc(n), (void **)&n->legs, &n->leg_cap, n->leg_count, max, sizeof(leg))) {
        ctx_no_memory(n, NULL, sizeof(leg));
        return NULL;
    }
    pu_peers_retain(n->env->peers, peer);
    leg *l = &n->legs[n->leg_count++];
    memset(l, 0, sizeof *l);
    l->token = token_next(n);
    l->peer = peer;
    l->state = LEG_PLANNED;
    l->start_at = n->now;
    l->deadline = PU_NEVER;
    return l;
}

static bool has_leg(const pu_node *n, pu_peer peer)
{
    for (uint32_t i = 0; i < n->leg_count; i++)
        if (n->legs[i].peer == peer) return true;
    return false;
}

/* Takes a leg out; the order of the others stays (it is the order of their plan). The timer goes
 * with the peer's last leg: the number may be another peer's afterwards. */
static void leg_remove(pu_node *n, leg *l)
{
    pu_peer peer = l->peer;
    ctx_peer_drop(n, l->via);
    size_t at = (size_t)(l - n->legs);
    n->leg_count--;
    memmove(&n->legs[at], &n->legs[at + 1], (n->leg_count - at) * sizeof *l);
    if (!has_leg(n, peer)) ctx_timer(n, TIMER_LEG, peer, PU_NEVER);
    ctx_peer_drop(n, peer);
}

/* /p2p/RELAY/p2p-circuit, binary; returns its length. */
static size_t circuit_maddr(uint8_t out[PU_MADDR_MAX], pu_span relay)
{
    pu_buf maddr = buf_of(out, PU_MADDR_MAX);
    varint_put(&maddr, PU_MA_P2P);
    varint_put(&maddr, relay.len);
    buf_put_span(&maddr, relay);
    varint_put(&maddr, PU_MA_CIRCUIT);
    PU_ASSERT(!maddr.full);
    return maddr.len;
}

/* Traces a leg with its address: /ip4/../quic-v1, and for a circuit /p2p/RELAY/p2p-circuit. */
static void trace_leg(pu_node *n, enum pu_trace_code code, const leg *l, uint64_t b,
                      bool with_address)
{
    char text[PU_MADDR_TEXT_MAX];
    ptrdiff_t len = 0;
    if (with_address && n->env->trace != NULL) {
        uint8_t maddr[PU_MADDR_MAX];
        size_t bytes = 0;
        const named_addr *name = name_find(n, l->name);
        if (l->name != 0) bytes = 0;
        else if (l->via == 0) bytes = pu_addr_write(maddr, &l->remote, l->transport);
        else bytes = circuit_maddr(maddr, ctx_peer_id(n, l->via));
        pu_span address = name != NULL ? span_of(name->maddr, name->len) : span_of(maddr, bytes);
        if (address.len > 0) len = pu_maddr_text(address, text, sizeof text);
        PU_ASSERT(len >= 0);
    }
    ctx_trace(n, code, NULL, NULL, l->peer, l->token, b, span_of(text, (size_t)len));
}

static uint64_t direct_deadline_ns(const pu_node *n, const pu_endpoint *remote)
{
    bool is_local = pu_endpoint_scope(remote) != PU_SCOPE_GLOBAL;
    return is_local ? n->config->dial_local_ns : n->config->dial_ns;
}

static void dial_effect(pu_node *n, const leg *l)
{
    pu_ef *e = effect(n, PU_EF_DIAL);
    e->token = l->token;
    e->peer = out_copy(n->out, ctx_peer_id(n, l->peer));
    e->remote = l->remote;
    e->transport = l->transport;
    e->what = PU_ROLE_CLIENT;
    e->socket = PU_SOCKET_MAIN;
    e->deadline = l->deadline;
}

/* A direct connection to a relay that has said what it speaks. The best one may not have, or never.
 */
static conn *known_relay(pu_node *n, pu_peer via)
{
    uint32_t cursor = 0;
    conn *c = ctx_conn_direct(n, via);
    if (c != NULL && c->identified) return c;
    while ((c = ctx_conn_at(n, &cursor)) != NULL)
        if (c->peer == via && c->confirmed && c->identified && !c->doomed &&
            (c->flags & PU_RELAYED) == 0)
            return c;
    return NULL;
}

/* Starts a circuit leg, or lets it wait for its relay. */
static void circuit_start(pu_node *n, leg *l)
{
    conn *relay = known_relay(n, l->via);
    if (relay == NULL) {
        l->state = LEG_WAITING;
        if (ctx_conn_direct(n, l->via) == NULL && want_find(n, l->via) == NULL)
            want_add(n, l->via, false);
        return;
    }
    l->state = LEG_DIALLING;
    pu_token token = l->token;
    pu_peer peer = l->peer;
    if (!relay_connect(n, relay, peer, token)) leg_failed(n, token, PU_CODE_RESOURCE);
}

static void leg_start(pu_node *n, leg *l)
{
    if (!l->is_started) {
        l->is_started = true;
        l->start_at = n->now;
        l->deadline =
            ctx_after(n, l->via == 0 ? direct_deadline_ns(n, &l->remote) : n->config->dial_ns);
        if (l->name != 0) l->deadline = ctx_after(n, n->config->resolve_ns);
        trace_leg(n, PU_TR_DIAL_START, l, l->via != 0, true);
    }
    if (l->name != 0) {
        l->state = LEG_NAMING;
        name_begin(n, l->name, l->token);
        return;
    }
    if (l->via != 0) {
        circuit_start(n, l);
        return;
    }
    l->state = LEG_DIALLING;
    dial_effect(n, l);
}

/* Whether only its deadline ends a leg, as far as this node can tell. */
static bool is_waiting(const leg *l)
{
    return l->state == LEG_WAITING || l->state == LEG_NAMING;
}

/* The first leg of a peer whose time has come: to start, or (waiting) to be given up. */
static leg *first_due(pu_node *n, pu_peer peer)
{
    for (uint32_t i = 0; i < n->leg_count; i++) {
        leg *l = &n->legs[i];
        if (l->peer != peer) continue;
        if (l->state == LEG_PLANNED && l->start_at <= n->now) return l;
        if (is_waiting(l) && l->deadline <= n->now) return l;
    }
    return NULL;
}

static void arm(pu_node *n, pu_peer peer)
{
    pu_time next = PU_NEVER;
    for (uint32_t i = 0; i < n->leg_count; i++) {
        const leg *l = &n->legs[i];
        if (l->peer != peer || (l->state != LEG_PLANNED && !is_waiting(l))) continue;
        pu_time at = l->state == LEG_PLANNED ? l->start_at : l->deadline;
        if (at < next) next = at;
    }
    ctx_timer(n, TIMER_LEG, peer, next < n->now ? n->now : next);
}

void legs_start_due(pu_node *n, pu_peer peer)
{
    pu_peers_retain(n->env->peers, peer); /* the last leg may go with the last reference */
    for (leg *l; (l = first_due(n, peer)) != NULL;) {
        if (l->state == LEG_PLANNED) leg_start(n, l);
        else leg_failed(n, l->token, PU_CODE_TIMEOUT);
    }
    arm(n, peer);
    ctx_peer_drop(n, peer);
}

void leg_timer(pu_node *n, uint64_t peer)
{
    legs_start_due(n, (pu_peer)peer);
}

static bool is_under_way(const pu_node *n, pu_peer peer)
{
    for (uint32_t i = 0; i < n->leg_count; i++)
        if (n->legs[i].peer == peer && !n->legs[i].punch && n->legs[i].state != LEG_PLANNED)
            return true;
    return false;
}

static leg *next_planned(pu_node *n, pu_peer peer)
{
    leg *next = NULL;
    for (uint32_t i = 0; i < n->leg_count; i++) {
        leg *l = &n->legs[i];
        if (l->peer == peer && l->state == LEG_PLANNED &&
            (next == NULL || l->start_at < next->start_at))
            next = l;
    }
    return next;
}

/* A leg of a round is over: another begins at once (RFC 8305 §5), or it was the last. */
static void round_goes_on(pu_node *n, pu_peer peer)
{
    if (legs_of_peer(n, peer) == 0) {
        want_round_failed(n, peer);
    } else if (!is_under_way(n, peer)) {
        leg *next = next_planned(n, peer);
        if (!next->is_started) next->start_at = n->now;
        legs_start_due(n, peer);
    }
}

void leg_failed(pu_node *n, pu_token token, uint32_t code)
{
    leg *l = token != 0 ? leg_find(n, token) : NULL;
    if (l == NULL) return; /* given up before, or an inbound upgrade */
    trace_leg(n, PU_TR_DIAL_FAILED, l, code, false);
    if (l->is_carried) relay_led_nowhere(n, l->via, code);
    pu_peer peer = l->peer;
    bool was_punch = l->punch;
    want *w = want_find(n, peer);
    if (w != NULL && !was_punch) w->last_code = code;
    if (l->name != 0) name_give_up(n, l->name);
    pu_peers_retain(n->env->peers, peer);
    leg_remove(n, l);
    if (!was_punch) round_goes_on(n, peer);
    ctx_peer_drop(n, peer);
}

/* ---- names ---- */

/* When one more direct leg of a round may start: a stagger after the last one. */
static pu_time next_direct_start(const pu_node *n, pu_peer peer)
{
    pu_time at = n->now;
    for (uint32_t i = 0; i < n->leg_count; i++) {
        const leg *l = &n->legs[i];
        bool counts = l->peer == peer && l->via == 0 && l->name == 0 && !l->punch;
        if (counts && l->start_at + n->config->dial_stagger_ns > at)
            at = l->start_at + n->config->dial_stagger_ns;
    }
    return at;
}

static uint32_t addresses_of_peer(const pu_node *n, pu_peer peer)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->leg_count; i++)
        if (n->legs[i].peer == peer && !n->legs[i].punch && n->legs[i].name == 0) count++;
    return count;
}

void leg_found(pu_node *n, pu_token naming, const direct_addr *a)
{
    const leg *naming_leg = naming != 0 ? leg_find(n, naming) : NULL;
    if (naming_leg == NULL) return; /* given up: it is known for the next round */
    pu_peer peer = naming_leg->peer;
    bool is_new = self_can_dial(n, a->transport, &a->endpoint) && !ctx_is_dialling(n, peer, a) &&
                  addresses_of_peer(n, peer) < n->config->dial_legs_max;
    pu_time start_at = next_direct_start(n, peer);
    leg *l = is_new ? leg_add(n, peer) : NULL;
    if (l == NULL) return;
    l->remote = a->endpoint;
    l->transport = a->transport;
    l->start_at = start_at;
    legs_start_due(n, peer);
}

void leg_named(pu_node *n, pu_token naming, uint32_t code)
{
    leg *l = naming != 0 ? leg_find(n, naming) : NULL;
    if (l == NULL) return;
    if (code != PU_CODE_OK) {
        leg_failed(n, naming, code);
        return;
    }
    pu_peer peer = l->peer;
    pu_peers_retain(n->env->peers, peer);
    leg_remove(n, l);
    round_goes_on(n, peer);
    ctx_peer_drop(n, peer);
}

void ctx_leg_failed(pu_node *n, pu_token token, uint32_t code)
{
    leg_failed(n, token, code);
}

/* Whether what a leg gives would be better than c. QUIC over IPv4 is better than QUIC over IPv6
 * with a relay that is to see us there, and only there (dialer_lacks). */
static bool betters(const leg *l, const conn *c)
{
    if (l->via != 0) return false;
    if ((c->flags & PU_RELAYED) != 0) return true;
    if (l->transport != PU_TRANSPORT_QUIC) return false;
    return c->transport != PU_TRANSPORT_QUIC ||
           (!ip6_is_mapped(c->remote.ip) && ip6_is_mapped(l->remote.ip));
}

/* Whether the peer may keep what l gave, and end winner for it, which it dialled itself: only
 * best.c says which of the two goes, when both sides know of both. */
static bool may_stay(const leg *l, const conn *winner)
{
    return l->state == LEG_UP && l->via == 0 && (winner->flags & PU_DIALLER) == 0 &&
           l->transport == (enum pu_transport)winner->transport;
}

/* A leg gave a connection. One that came too late, with a direct one confirmed already, is not
 * kept. */
void leg_up(pu_node *n, leg *l, conn *c)
{
    PU_ASSERT(l->state == LEG_DIALLING);
    l->state = LEG_UP;
    l->conn = c->handle;
    const conn *best = ctx_conn_direct(n, l->peer);
    bool is_late = best != NULL && !betters(l, best);
    if (best != NULL && best->transport == PU_TRANSPORT_QUIC)
        is_late = is_late || dialer_lacks(n, l->peer) != best;
    if (is_late && !l->punch && !may_stay(l, best)) ctx_hangup(n, c, PU_CODE_SUPPLANTED);
}

static void cancel(pu_node *n, leg *l)
{
    if (l->is_started) trace_leg(n, PU_TR_DIAL_LOST, l, 0, false);
    if (l->state ==
        LEG_DIALLING) { /* the host ignores the token of a circuit that is not upgraded yet */
        pu_ef *e = effect(n, PU_EF_DIAL_CANCEL);
        e->token = l->token;
    }
    conn *c = l->state == LEG_UP ? ctx_conn(n, l->conn) : NULL;
    leg_remove(n, l);
    if (c != NULL) ctx_hangup(n, c, PU_CODE_SUPPLANTED);
}

void legs_cancel(pu_node *n, pu_peer peer, bool punches_too, const conn *winner)
{
    for (uint32_t i = 0; i < n->leg_count;) {
        leg *l = &n->legs[i];
        bool is_meant = l->peer == peer && (punches_too || !l->punch);
        bool has_won = winner != NULL && l->state == LEG_UP && l->conn == winner->handle;
        if (!is_meant || (winner != NULL && !has_won && may_stay(l, winner))) {
            i++;
        } else if (!has_won) {
            cancel(n, l);
        } else {
            trace_leg(n, PU_TR_DIAL_WON, l, n->now - l->start_at, false);
            leg_remove(n, l);
        }
    }
    arm(n, peer);
}

/* A circuit or TCP won: its like is given up; better legs that are under way may still come, and
 * direct ones that have not started where there is but a circuit. QUIC does more than be quicker:
 * only it tells how others see our MAIN socket, without which no hole is punched. */
void legs_won_second(pu_node *n, pu_peer peer, const conn *winner)
{
    bool is_relayed = (winner->flags & PU_RELAYED) != 0;
    for (uint32_t i = 0; i < n->leg_count;) {
        leg *l = &n->legs[i];
        bool is_winner = l->state == LEG_UP && l->conn == winner->handle;
        if (l->peer == peer && is_winner) {
            trace_leg(n, PU_TR_DIAL_WON, l, n->now - l->start_at, false);
            leg_remove(n, l);
        } else if (l->peer != peer || l->punch || may_stay(l, winner)) {
            i++;
        } else if (!betters(l, winner) || (l->state == LEG_PLANNED && !is_relayed)) {
            cancel(n, l);
        } else {
            i++;
        }
    }
    arm(n, peer);
}

void legs_drop_worse(pu_node *n, pu_peer peer, const conn *c)
{
    for (uint32_t i = 0; i < n->leg_count;) {
        leg *l = &n->legs[i];
        bool is_planned = l->peer == peer && !l->punch && l->state == LEG_PLANNED;
        if (is_planned && l->name == 0 && !betters(l, c)) cancel(n, l);
        else i++;
    }
    arm(n, peer);
}

/* ---- hole punches ---- */

/* Punches have a quota of their own: peers choose their addresses, and must not take the wants'
 * place. */
static bool punch_has_room(pu_node *n, pu_peer peer)
{
    uint32_t all = 0, of_peer = 0;
    for (uint32_t i = 0; i < n->leg_count; i++) {
        if (!n->legs[i].punch) continue;
        all++;
        if (n->legs[i].peer == peer) of_peer++;
    }
    return !ctx_at_limit(n, "punch legs", all, PUNCH_LEGS_MAX) &&
           !ctx_at_limit(n, "punch legs of a peer", of_peer, CTX_ADDRS_MAX);
}

bool ctx_is_dialling(const pu_node *n, pu_peer peer, const direct_addr *to)
{
    for (uint32_t i = 0; i < n->leg_count; i++) {
        const leg *l = &n->legs[i];
        if (l->peer == peer && l->via == 0 && l->transport == to->transport &&
            pu_endpoint_equal(&l->remote, &to->endpoint))
            return true;
    }
    return false;
}

pu_token ctx_dial(pu_node *n, pu_peer peer, const direct_addr *to, pu_time deadline)
{
    if (n->is_stopping || !self_can_dial(n, to->transport, &to->endpoint) ||
        !punch_has_room(n, peer))
        return 0;
    leg *l = leg_add(n, peer);
    if (l == NULL) return 0;
    l->punch = true;
    l->is_started = true;
    l->remote = to->endpoint;
    l->transport = to->transport;
    l->deadline = deadline;
    l->state = LEG_DIALLING;
    trace_leg(n, PU_TR_DIAL_START, l, 0, true);
    dial_effect(n, l);
    return l->token;
}

void ctx_dial_cancel(pu_node *n, pu_peer peer)
{
    for (uint32_t i = 0; i < n->leg_count;) {
        bool is_meant = n->legs[i].peer == peer && n->legs[i].punch;
        if (is_meant && n->legs[i].state != LEG_UP) cancel(n, &n->legs[i]);
        else i++;
    }
}
