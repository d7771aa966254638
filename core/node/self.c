/* Our own addresses: those the host reports, and those that others say they see. */
#include "node/impl.h"

bool self_can_dial(const pu_node *n, enum pu_transport transport)
{
    for (uint32_t i = 0; i < n->local_count; i++)
        if (n->locals[i].transport == transport) return true;
    return false;
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
    for (uint32_t m = 0; m < MODULE_COUNT; m++) {
        const struct module *module = module_of((enum module_id)m);
        if (module->addresses_changed != NULL) module->addresses_changed(n);
    }
}

/* What left from this address can no longer be answered: its connections end now, and the wants
 * dial again. */
static void address_gone(pu_node *n, const pu_endpoint *gone)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n->local_count; i++)
        if (!pu_endpoint_equal(&n->locals[i].endpoint, gone)) n->locals[kept++] = n->locals[i];
    if (kept == n->local_count) return;
    n->local_count = kept;
    n->observed_count = 0;
    trace_endpoint(n, PU_TR_ADDRESS_DOWN, gone);
    uint32_t cursor = 0;
    for (conn *c; (c = ctx_conn_at(n, &cursor)) != NULL;)
        if ((c->flags & PU_RELAYED) == 0 && memcmp(c->local.ip, gone->ip, sizeof gone->ip) == 0)
            conn_doom(n, c, PU_CODE_ADDRESS_GONE);
    ctx_self_changed(n);
}

void self_addr(pu_node *n, const pu_in *in)
{
    if (in->flags & PU_GONE) {
        address_gone(n, &in->local);
        return;
    }
    for (uint32_t i = 0; i < n->local_count; i++)
        if (n->locals[i].transport == in->transport &&
            pu_endpoint_equal(&n->locals[i].endpoint, &in->local))
            return;
    if (ctx_at_limit(n, "local addresses", n->local_count, LOCAL_ADDRS_MAX)) return;
    local_addr *a = &n->locals[n->local_count++];
    *a = (local_addr){in->local, in->transport, in->socket, (in->flags & PU_LISTEN) != 0};
    trace_endpoint(n, PU_TR_ADDRESS_UP, &a->endpoint);
    if (!n->is_started) return;
    announce(n, a);
    ctx_self_changed(n);
    wants_begin_all(n);
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

uint32_t ctx_observed_addrs(const pu_node *n, pu_endpoint out[CTX_ADDRS_MAX])
{
    memcpy(out, n->observed, n->observed_count * sizeof out[0]);
    return n->observed_count;
}

void ctx_observed(pu_node *n, const conn *c, const pu_endpoint *endpoint)
{
    if (pu_endpoint_scope(endpoint) != PU_SCOPE_GLOBAL) return;
    char text[64];
    size_t len = pu_endpoint_text(endpoint, text);
    ctx_trace(n, PU_TR_OBSERVED, c, NULL, 0, 0, 0, span_of(text, len));
    uint32_t at = 0;
    while (at < n->observed_count && !pu_endpoint_equal(&n->observed[at], endpoint)) at++;
    if (at == n->observed_count) {
        if (n->observed_count < OBSERVED_MAX) n->observed_count++;
        else at--;
    }
    memmove(&n->observed[1], &n->observed[0], at * sizeof n->observed[0]);
    n->observed[0] = *endpoint;
}

void ctx_packet(pu_node *n, const pu_endpoint *remote, pu_span body)
{
    PU_ASSERT(body.len <= PU_PACKET_MAX);
    pu_ef *e = effect(n, PU_EF_PACKET);
    e->socket = PU_SOCKET_MAIN;
    e->remote = *remote;
    e->body = out_copy(n->out, body);
}
