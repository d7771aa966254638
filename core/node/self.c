/* Our own addresses: those the host reports, and those that others say they see. */
#include "base/planted.h"
#include "ident/ip.h"
#include "node/fault.h"
#include "proto/identify.h"

/* Whether what has that address reaches the other. Every machine has addresses of IPv6 that reach
 * no further than its link. */
static bool reaches(const pu_endpoint *from, const pu_endpoint *to)
{
    if (ip6_is_mapped(from->ip) != ip6_is_mapped(to->ip)) return false;
    return ip6_is_mapped(from->ip) || pu_endpoint_scope(from) >= PU_SCOPE_PRIVATE ||
           pu_endpoint_scope(to) <= PU_SCOPE_LINK;
}

bool self_can_dial(const pu_node *n, enum pu_transport transport, const pu_endpoint *to)
{
    for (uint32_t i = 0; i < n->local_count; i++)
        if (n->locals[i].transport == transport &&
            (to == NULL || reaches(&n->locals[i].endpoint, to)))
            return true;
    return false;
}

bool ctx_reaches(const pu_node *n, const pu_endpoint *to)
{
    return self_can_dial(n, PU_TRANSPORT_QUIC, to);
}

static void announce(pu_node *n, const local_addr *a)
{
    if (!a->listens) return;
    uint8_t maddr[PU_MADDR_MAX];
    size_t len = pu_addr_write(maddr, &a->endpoint, a->transport);
    ctx_event(n, PU_EVENT_LISTENING, 0, 0, 0, 0, 0, span_of(maddr, len));
}

void self_announce(pu_node *n)
{
    for (uint32_t i = 0; i < n->local_count; i++) announce(n, &n->locals[i]);
}

static void trace_endpoint(pu_node *n, enum pu_trace_code code, const pu_endpoint *endpoint)
{
    char text[64];
    size_t len = pu_endpoint_text(endpoint, text);
    ctx_trace(n, code, NULL, NULL, 0, 0, 0, span_of(text, len));
}

void ctx_self_changed(pu_node *n)
{
    n->served = protos_served(n);
    for (uint32_t m = 0; m < MODULE_COUNT; m++) {
        const struct module *module = module_of((enum module_id)m);
        if (module->addresses_changed != NULL) module->addresses_changed(n);
    }
}

/* What left from this address can no longer be answered: its connections end now, and the wants
 * dial again. */
static void address_gone(pu_node *n, const pu_endpoint *gone, enum pu_transport transport)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n->local_count; i++)
        if (n->locals[i].transport != transport || !pu_endpoint_equal(&n->locals[i].endpoint, gone))
            n->locals[kept++] = n->locals[i];
    if (kept == n->local_count) return;
    n->local_count = kept;
    trace_endpoint(n, PU_TR_ADDRESS_DOWN, gone);
    uint32_t cursor = 0;
    for (conn *c; (c = ctx_conn_at(n, &cursor)) != NULL;)
        if (c->transport == transport && !PLANTED(PLANTED_STALE_ADDRESS) &&
            memcmp(endpoint_at(n, c->local)->ip, gone->ip, sizeof gone->ip) == 0)
            conn_doom(n, c, PU_CODE_ADDRESS_GONE);
    ctx_self_changed(n);
}

static void address_come(pu_node *n, local_addr fresh)
{
    PU_ASSERT(fresh.transport != PU_TRANSPORT_NONE);
    for (uint32_t i = 0; i < n->local_count; i++)
        if (n->locals[i].transport == fresh.transport &&
            pu_endpoint_equal(&n->locals[i].endpoint, &fresh.endpoint))
            return;
    if (ctx_at_limit(n, "local addresses", n->local_count, LOCAL_ADDRS_MAX)) return;
    if (!mem_grow(ctx_alloc(n), (void **)&n->locals, &n->local_cap, n->local_count, LOCAL_ADDRS_MAX,
                  sizeof(local_addr))) {
        n->shed_local = fresh; /* the host will not say it again */
        ctx_no_memory(n, NULL, sizeof(local_addr));
        return;
    }
    n->locals[n->local_count++] = fresh;
    trace_endpoint(n, PU_TR_ADDRESS_UP, &fresh.endpoint);
    if (!n->is_started) return;
    announce(n, &fresh);
    ctx_self_changed(n);
    wants_begin_all(n);
}

void self_addr(pu_node *n, const pu_in *in)
{
    bool is_shed = n->shed_local.transport == in->transport &&
                   pu_endpoint_equal(&n->shed_local.endpoint, &in->local);
    if (is_shed) n->shed_local = (local_addr){.transport = PU_TRANSPORT_NONE};
    if (in->flags & PU_GONE) address_gone(n, &in->local, in->transport);
    else
        address_come(
            n, (local_addr){in->local, in->transport, in->socket, (in->flags & PU_LISTEN) != 0});
}

void self_again(pu_node *n)
{
    local_addr shed = n->shed_local;
    n->shed_local = (local_addr){.transport = PU_TRANSPORT_NONE};
    if (shed.transport != PU_TRANSPORT_NONE) address_come(n, shed);
}

uint32_t ctx_local_addrs(const pu_node *n, enum pu_transport transport,
                         pu_endpoint out[CTX_ADDRS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->local_count && count < CTX_ADDRS_MAX; i++)
        if (n->locals[i].listens && n->locals[i].transport == transport)
            out[count++] = n->locals[i].endpoint;
    return count;
}

/* Whether what c's peer says is borne out: by a relay that we chose, or by somebody elsewhere,
 * since one host may have any number of ids. */
static bool is_credible(const pu_node *n, const conn *c)
{
    if (ctx_is_relay(n, c->peer)) return true;
    for (uint32_t i = 0; i < n->conn_cap; i++) {
        const conn *other = &n->conns[i];
        bool agrees = other->state == CONN_UP && other->observed == c->observed;
        if (agrees && other->peer != c->peer && !endpoint_same_site(&other->remote, &c->remote))
            return true;
    }
    return false;
}

static bool is_among(const pu_endpoint *all, uint32_t count, const pu_endpoint *one)
{
    for (uint32_t i = 0; i < count; i++)
        if (pu_endpoint_equal(&all[i], one)) return true;
    return false;
}

uint32_t ctx_observed_addrs(const pu_node *n, pu_endpoint out[CTX_ADDRS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->conn_cap && count < CTX_ADDRS_MAX; i++) {
        const conn *c = &n->conns[i];
        if (c->state != CONN_UP || c->doomed || c->observed == 0) continue;
        const pu_endpoint *seen = endpoint_at(n, c->observed);
        if (!is_among(out, count, seen) && is_credible(n, c)) out[count++] = *seen;
    }
    return count;
}

void ctx_look_again(pu_node *n)
{
    identify_look(n);
}

void ctx_observed(pu_node *n, conn *c, const pu_endpoint *endpoint)
{
    if (PLANTED(PLANTED_DEAF_TO_OBSERVERS)) return;
    if (c->transport != PU_TRANSPORT_QUIC || pu_endpoint_scope(endpoint) != PU_SCOPE_GLOBAL) return;
    if (endpoint->port == 0 || pu_endpoint_equal(endpoint_at(n, c->observed), endpoint)) return;
    uint32_t number = endpoint_hold(n, endpoint);
    if (number == 0) return;
    char text[64];
    size_t len = pu_endpoint_text(endpoint, text);
    ctx_trace(n, PU_TR_OBSERVED, c, NULL, 0, 0, 0, span_of(text, len));
    endpoint_drop(n, c->observed);
    c->observed = number;
}

void ctx_packet(pu_node *n, const pu_endpoint *remote, pu_span body)
{
    PU_ASSERT(body.len <= PU_PACKET_MAX);
    if (FAULT(n, PACKET_DROP)) return;
    pu_ef *e = effect(n, PU_EF_PACKET);
    e->socket = PU_SOCKET_MAIN;
    e->remote = *remote;
    e->body = out_copy(n->out, body);
}
