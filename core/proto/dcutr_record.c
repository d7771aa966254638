/* proto/dcutr_record.c - the records of hole punches, and the addresses that go into them.
 *
 * A peer names the addresses we dial or send to, so they are few, global, distinct, and a third
 * party that is named there gets at most punch_datagrams small datagrams in each of dcutr_rounds
 * rounds, and no more attempts than dcutr_retry_ns allows. Private ones are a matter of their own:
 * dcutr_near.c.
 */
#include "base/mix.h"
#include "proto/dcutr_impl.h"

enum {
    PER_IP_MAX = 2, /* addresses with one IP: a peer cannot aim all at a third party */
    MESSAGE_BYTES = 1024,
    ADDR_BYTES = 32 /* of one udp/quic-v1 address: 25 at most */
};

_Static_assert(CTX_ADDRS_MAX <= (int)WIRE_DCUTR_ADDRS_MAX, "all our addresses fit a message");
_Static_assert(CTX_ADDRS_MAX *ADDR_BYTES < MESSAGE_BYTES - 64, "and so do their bytes");

punch *punch_find(const pu_node *n, pu_handle handle)
{
    PU_ASSERT(handle != 0);
    dcutr *d = ctx_state_peek(n, MODULE_DCUTR);
    for (uint32_t i = 0; d != NULL && i < d->count; i++)
        if (d->punches[i].conn == handle) return &d->punches[i];
    return NULL;
}

static void no_memory(pu_node *n, const conn *c, size_t bytes)
{
    PU_ASSERT(bytes > 0);
    ctx_no_memory(n, c, bytes);
}

punch *punch_of(pu_node *n, const conn *c)
{
    PU_ASSERT((c->flags & PU_RELAYED) != 0);
    punch *p = punch_find(n, c->handle);
    dcutr *d = p == NULL ? ctx_state(n, MODULE_DCUTR) : NULL;
    if (d == NULL) return p;
    uint32_t max = (uint32_t)ctx_config(n)->conns_max;
    if (ctx_at_limit(n, "conns_max", d->count, max)) return NULL; /* since it was lowered */
    if (!mem_grow(ctx_alloc(n), (void **)&d->punches, &d->cap, d->count, max, sizeof *d->punches)) {
        no_memory(n, c, sizeof *d->punches);
        return NULL;
    }
    p = &d->punches[d->count++];
    *p = (punch){.conn = c->handle, .peer = c->peer};
    return p;
}

void punch_addrs_free(pu_node *n, punch *p)
{
    PU_ASSERT(p->addr_count == 0 || p->addrs != NULL);
    mem_free(ctx_alloc(n), p->addrs, DCUTR_ADDRS_MAX * sizeof *p->addrs);
    p->addrs = NULL;
    p->addr_count = 0;
}

/* Makes room for the peer's addresses. False: no memory. */
static bool addrs_make(pu_node *n, punch *p)
{
    PU_ASSERT(p->addr_count == 0 || p->addrs != NULL);
    if (p->addrs == NULL) p->addrs = mem_new(ctx_alloc(n), DCUTR_ADDRS_MAX * sizeof *p->addrs);
    if (p->addrs == NULL) no_memory(n, NULL, DCUTR_ADDRS_MAX * sizeof *p->addrs);
    return p->addrs != NULL;
}

void punch_addr_add(pu_endpoint *all, uint32_t *count, uint32_t max, const pu_endpoint *one)
{
    PU_ASSERT(*count <= max);
    uint32_t same_ip = 0;
    for (uint32_t i = 0; i < *count; i++) {
        if (pu_endpoint_equal(&all[i], one)) return;
        if (memcmp(all[i].ip, one->ip, sizeof one->ip) == 0) same_ip++;
    }
    if (*count < max && same_ip < PER_IP_MAX) all[(*count)++] = *one;
}

enum pu_scope punch_addr_read(const pu_node *n, pu_peer peer, pu_span maddr, pu_endpoint *endpoint)
{
    pu_addr addr;
    PU_ASSERT(peer != 0);
    if (pu_addr_read(&addr, maddr) != PU_OK) return PU_SCOPE_NONE;
    if (addr.transport != PU_TRANSPORT_QUIC || addr.circuit || addr.dns) return PU_SCOPE_NONE;
    pu_span named = span_of(addr.peer.bytes, addr.peer.len);
    if (named.len > 0 && !span_equal(named, ctx_peer_id(n, peer))) return PU_SCOPE_NONE;
    *endpoint = addr.endpoint;
    return addr.endpoint.port != 0 ? pu_endpoint_scope(endpoint) : PU_SCOPE_NONE;
}

bool punch_take_addrs(pu_node *n, punch *p, const wire_dcutr *m)
{
    PU_ASSERT(m->type == WIRE_DCUTR_CONNECT);
    if (!addrs_make(n, p)) return false;
    p->addr_count = 0;
    for (uint32_t i = 0; i < m->addr_count; i++) {
        pu_endpoint endpoint;
        if (punch_addr_read(n, p->peer, m->addrs[i], &endpoint) == PU_SCOPE_GLOBAL &&
            ctx_reaches(n, &endpoint))
            punch_addr_add(p->addrs, &p->addr_count, DCUTR_ADDRS_MAX, &endpoint);
    }
    return p->addr_count > 0;
}

uint32_t dcutr_own_addrs(const pu_node *n, pu_endpoint out[CTX_ADDRS_MAX])
{
    uint32_t count = ctx_observed_addrs(n, out);
    pu_endpoint local[CTX_ADDRS_MAX];
    uint32_t local_count = ctx_local_addrs(n, PU_TRANSPORT_QUIC, local);
    PU_ASSERT(count <= CTX_ADDRS_MAX);
    for (uint32_t i = 0; i < local_count; i++)
        if (pu_endpoint_scope(&local[i]) == PU_SCOPE_GLOBAL)
            punch_addr_add(out, &count, CTX_ADDRS_MAX, &local[i]);
    return count;
}

bool dcutr_has_own_addr(const pu_node *n)
{
    pu_endpoint own[CTX_ADDRS_MAX];
    return dcutr_own_addrs(n, own) > 0;
}

static uint64_t hash_of(const pu_endpoint *at, uint64_t transport)
{
    return mix3(load_be64(at->ip), load_be64(at->ip + 8), transport << 16 | at->port);
}

uint64_t dcutr_mark(const pu_node *n, pu_peer peer)
{
    pu_endpoint own[CTX_ADDRS_MAX];
    direct_addr theirs[CTX_ADDRS_MAX];
    uint32_t own_count = dcutr_own_addrs(n, own), their_count = ctx_peer_addrs(n, peer, theirs);
    uint64_t own_sum = 0, their_sum = 0;
    PU_ASSERT(own_count <= CTX_ADDRS_MAX && their_count <= CTX_ADDRS_MAX);
    for (uint32_t i = 0; i < own_count; i++) own_sum += hash_of(&own[i], PU_TRANSPORT_QUIC);
    for (uint32_t i = 0; i < their_count; i++)
        their_sum += hash_of(&theirs[i].endpoint, theirs[i].transport);
    return mix3(own_sum, their_sum, 0);
}

uint32_t dcutr_dial_known(pu_node *n, pu_peer peer, pu_time until)
{
    direct_addr known[CTX_ADDRS_MAX];
    uint32_t count = ctx_peer_addrs(n, peer, known), dialled = 0;
    PU_ASSERT(count <= CTX_ADDRS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        bool is_wanted = pu_endpoint_scope(&known[i].endpoint) == PU_SCOPE_GLOBAL &&
                         !ctx_is_dialling(n, peer, &known[i]);
        dialled += is_wanted && ctx_dial(n, peer, &known[i], until) != 0;
    }
    return dialled;
}

bool dcutr_has_newer_direct(pu_node *n, const conn *c)
{
    PU_ASSERT((c->flags & PU_RELAYED) != 0);
    uint32_t cursor = 0;
    for (const conn *d; (d = ctx_conn_at(n, &cursor)) != NULL;)
        if (d->peer == c->peer && (d->flags & PU_RELAYED) == 0 && d->confirmed && !d->doomed &&
            pu_handle_ordinal(d->handle) > pu_handle_ordinal(c->handle))
            return true;
    return false;
}

bool dcutr_send(pu_node *n, stream *s, enum wire_dcutr_type type)
{
    wire_dcutr m = {.type = type};
    pu_endpoint own[CTX_ADDRS_MAX];
    uint8_t maddrs[CTX_ADDRS_MAX][PU_MADDR_MAX], bytes[MESSAGE_BYTES];
    const punch *p = punch_find(n, s->conn);
    PU_ASSERT(p != NULL);
    if (type == WIRE_DCUTR_CONNECT) m.addr_count = near_append(n, p, own, dcutr_own_addrs(n, own));
    for (uint32_t i = 0; i < m.addr_count; i++) {
        size_t len = pu_addr_write(maddrs[i], &own[i], PU_TRANSPORT_QUIC);
        PU_ASSERT(len <= ADDR_BYTES);
        m.addrs[i] = span_of(maddrs[i], len);
    }
    if (s->fin_out || (type == WIRE_DCUTR_CONNECT && m.addr_count == 0)) return false;
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_dcutr_write(&out, &m);
    PU_ASSERT(!out.full);
    ctx_stream_send(n, s, buf_span(&out));
    return s->phase != STREAM_DEAD; /* without room it waits, and there may be no room for that */
}
