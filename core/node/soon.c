/* What a step reads, asked for before it is taken: for a host of very many nodes. */
#include "base/ahead.h"
#include "node/impl.h"

enum {
    SOON_STREAMS = 1, /* most nodes have no stream, and few more than one */
    SOON_TIMERS = 12
};

static uint32_t at_most(uint32_t count, uint32_t most)
{
    return count < most ? count : most;
}

void pu_node_soon(const pu_node *n, pu_handle handle, unsigned round)
{
    PU_ASSERT(n != NULL);
    if (round == 0) {
        ahead_many(n, offsetof(pu_node, rngs) + (RNG_PING + 1) * sizeof n->rngs[0]);
        return;
    }
    uint32_t slot = pu_handle_slot(handle);
    if (slot < n->conn_cap) ahead_many(&n->conns[slot], sizeof n->conns[slot]);
    if (n->stream_cap > 0)
        ahead_many(n->streams, at_most(n->stream_cap, SOON_STREAMS) * sizeof *n->streams);
    if (n->timer_count > 0)
        ahead_many(n->timers, at_most(n->timer_count, SOON_TIMERS) * sizeof *n->timers);
}

pu_handle pu_node_soon_conn(const pu_node *n)
{
    PU_ASSERT(n != NULL);
    if (n->timer_count > SOON_TIMERS) return 0;
    const timer *first = timers_first(n);
    return first != NULL && first->kind == TIMER_PING ? first->arg : 0;
}
