/* Endpoints that many connections share: our own end, and how peers see us. A node with hundreds of
 * connections has one or two of either, so each distinct one is kept once, counted, and a
 * connection holds a number. */
#include "node/impl.h"

/* Each connection holds at most two. */
static uint32_t endpoints_max(const pu_node *n)
{
    return 2 * (uint32_t)n->config->conns_max;
}

uint32_t endpoint_hold(pu_node *n, const pu_endpoint *endpoint)
{
    uint32_t unused = n->endpoint_count;
    for (uint32_t i = 0; i < n->endpoint_count; i++) {
        shared_endpoint *e = &n->endpoints[i];
        if (e->holders == 0) unused = i;
        if (e->holders == 0 || !pu_endpoint_equal(&e->endpoint, endpoint)) continue;
        e->holders++;
        return i + 1;
    }
    if (unused == n->endpoint_count) {
        if (!mem_grow(ctx_alloc(n), (void **)&n->endpoints, &n->endpoint_cap, n->endpoint_count,
                      endpoints_max(n), sizeof(shared_endpoint))) {
            ctx_no_memory(n, NULL, sizeof(shared_endpoint));
            return 0;
        }
        n->endpoint_count++;
    }
    n->endpoints[unused] = (shared_endpoint){*endpoint, 1};
    return unused + 1;
}

void endpoint_drop(pu_node *n, uint32_t number)
{
    if (number == 0) return;
    PU_ASSERT(number <= n->endpoint_count);
    PU_ASSERT(n->endpoints[number - 1].holders > 0);
    n->endpoints[number - 1].holders--;
    while (n->endpoint_count > 0 && n->endpoints[n->endpoint_count - 1].holders == 0)
        n->endpoint_count--;
}

const pu_endpoint *endpoint_at(const pu_node *n, uint32_t number)
{
    static const pu_endpoint none;
    PU_ASSERT(number <= n->endpoint_count);
    return number != 0 ? &n->endpoints[number - 1].endpoint : &none;
}
