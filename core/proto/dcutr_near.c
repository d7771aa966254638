/* proto/dcutr_near.c - two peers behind one NAT, in one home or on one host: what others see of
 * them leads nowhere unless the NAT sends it back inside, and few do. Their private addresses lead
 * there at once, and need no punch: both sides dial.
 *
 * Near is who names, in CONNECT, a global address whose IP is also one of ours. That is a guess: a
 * carrier has thousands of homes behind one address, and a peer may name whatever it likes. So
 * private addresses are told to, and dialled for, only whom an authorized_keys line names, and a
 * few at a time. Rounds have their pauses, but a peer that connects by relay again begins anew: so
 * what is dialled has a rate as well (docs/decisions/007-near-peers.md).
 */
#include "proto/dcutr_impl.h"

enum {
    NEAR_ADDRS_MAX = 4, /* private addresses told, and dialled, a round */
    NEAR_BURST = 32     /* dialled at once; then one in NEAR_PAUSE_NS, whoever names them */
};

#define NEAR_PAUSE_NS (1 * PU_S)

/* Whether p's peer may hear of our private addresses, and we dial its. */
static bool is_near(const pu_node *n, const punch *p)
{
    pu_endpoint own[CTX_ADDRS_MAX];
    PU_ASSERT(p->addr_count <= DCUTR_ADDRS_MAX);
    if (p->addr_count == 0 || !ctx_is_named(n, p->peer)) return false;
    uint32_t count = dcutr_own_addrs(n, own);
    for (uint32_t i = 0; i < p->addr_count; i++)
        for (uint32_t k = 0; k < count; k++)
            if (memcmp(p->addrs[i].ip, own[k].ip, sizeof own[k].ip) == 0) return true;
    return false;
}

/* Where we listen in the network around us. */
static uint32_t private_addrs(const pu_node *n, pu_endpoint out[CTX_ADDRS_MAX])
{
    uint32_t count = ctx_local_addrs(n, PU_TRANSPORT_QUIC, out), kept = 0;
    PU_ASSERT(count <= CTX_ADDRS_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (pu_endpoint_scope(&out[i]) == PU_SCOPE_PRIVATE) out[kept++] = out[i];
    return kept;
}

uint32_t near_append(const pu_node *n, const punch *p, pu_endpoint all[CTX_ADDRS_MAX],
                     uint32_t count)
{
    pu_endpoint inside[CTX_ADDRS_MAX];
    PU_ASSERT(count <= CTX_ADDRS_MAX);
    if (!is_near(n, p)) return count;
    uint32_t most = count + NEAR_ADDRS_MAX < CTX_ADDRS_MAX ? count + NEAR_ADDRS_MAX : CTX_ADDRS_MAX;
    uint32_t inside_count = private_addrs(n, inside);
    for (uint32_t i = 0; i < inside_count; i++) punch_addr_add(all, &count, most, &inside[i]);
    return count;
}

/* Whether an address is our own: every home has the same few. */
static bool is_ours(const pu_node *n, const pu_endpoint *at)
{
    pu_endpoint inside[CTX_ADDRS_MAX];
    uint32_t count = private_addrs(n, inside);
    for (uint32_t i = 0; i < count; i++)
        if (pu_endpoint_equal(&inside[i], at)) return true;
    return false;
}

/* Whether one more private address may be dialled now; counts it. */
static bool may_dial(pu_node *n)
{
    dcutr *d = ctx_state_peek(n, MODULE_DCUTR);
    PU_ASSERT(d != NULL);
    pu_time now = ctx_now(n), due = d->near_due > now ? d->near_due : now;
    if (ctx_at_limit(n, "near peers", (due - now) / NEAR_PAUSE_NS, NEAR_BURST)) return false;
    d->near_due = due + NEAR_PAUSE_NS;
    return true;
}

void near_dial(pu_node *n, const punch *p, const wire_dcutr *m)
{
    pu_endpoint to[NEAR_ADDRS_MAX], at;
    uint32_t count = 0;
    PU_ASSERT(m->type == WIRE_DCUTR_CONNECT);
    if (!is_near(n, p)) return;
    for (uint32_t i = 0; i < m->addr_count; i++)
        if (punch_addr_read(n, p->peer, m->addrs[i], &at) == PU_SCOPE_PRIVATE &&
            ctx_reaches(n, &at) && !is_ours(n, &at))
            punch_addr_add(to, &count, NEAR_ADDRS_MAX, &at);
    for (uint32_t i = 0; i < count; i++) {
        direct_addr a = {to[i], PU_TRANSPORT_QUIC};
        if (!ctx_is_dialling(n, p->peer, &a) && may_dial(n))
            (void)ctx_dial(n, p->peer, &a, ctx_after(n, ctx_config(n)->dcutr_round_ns));
    }
}
