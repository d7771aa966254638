/* Points at which simulations make a node's life hard, see fault.h. */
#include "node/fault.h"

static const uint32_t one_in[FAULT_COUNT] = {
#define FAULT_ODDS(name, of) [FAULT_##name] = of,
    FAULT_LIST(FAULT_ODDS)
#undef FAULT_ODDS
};

void fault_init(pu_node *n)
{
    n->faults = 0;
    if (n->config->faults == 0) return;
    for (uint32_t p = 0; p < FAULT_COUNT; p++)
        if (rng_chance(&n->rngs[RNG_FAULT], 1, 2)) n->faults |= 1u << p;
}

bool fault_strikes(pu_node *n, enum fault point)
{
    PU_ASSERT(point < FAULT_COUNT);
    if ((n->faults & 1u << point) == 0) return false;
    if (!rng_chance(&n->rngs[RNG_FAULT], 1, one_in[point])) return false;
    ctx_trace(n, PU_TR_FAULT, NULL, NULL, 0, point, 0, span_of(NULL, 0));
    return true;
}

pu_time fault_late(pu_node *n, pu_time at)
{
    PU_ASSERT(at < PU_NEVER);
    uint64_t late_ns = rng_between(&n->rngs[RNG_FAULT], 0, FAULT_LATE_MOST_NS);
    return at < PU_NEVER - 1 - late_ns ? at + late_ns : at;
}
