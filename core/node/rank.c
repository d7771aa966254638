/* The ranker: when each planned leg of a round starts. The only policy of the dialer; another may
 * take its place.
 *
 * Direct addresses first, dial_stagger_ns apart, in the order in which they became known; circuits
 * dial_relay_delay_ns after the first when there is a direct address, at once when there is none,
 * so that a relay costs nothing where it is the only way. Circuits through relays that rest come
 * REST_DELAY_NS after the others, which is time enough for those to be up.
 */
#include "node/impl.h"

#define REST_DELAY_NS (2 * PU_S)

static uint32_t planned_direct(const pu_node *n, pu_peer peer)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->leg_count; i++)
        if (n->legs[i].peer == peer && n->legs[i].state == LEG_PLANNED && n->legs[i].via == 0)
            count++;
    return count;
}

/* Starts the legs of one transport a stagger apart from *at on, which becomes the start of what
 * would follow. */
static void plan_direct(pu_node *n, pu_peer peer, enum pu_transport transport, pu_time *at)
{
    for (uint32_t i = 0; i < n->leg_count; i++) {
        leg *l = &n->legs[i];
        if (l->peer != peer || l->state != LEG_PLANNED || l->via != 0) continue;
        if (l->transport != transport) continue;
        l->start_at = *at;
        *at += n->config->dial_stagger_ns;
    }
}

/* The same with the circuits through relays that rest, or do not. Whether there were any. */
static bool plan_circuits(pu_node *n, pu_peer peer, bool rests, pu_time *at)
{
    bool found = false;
    for (uint32_t i = 0; i < n->leg_count; i++) {
        leg *l = &n->legs[i];
        if (l->peer != peer || l->state != LEG_PLANNED || l->via == 0) continue;
        if (relay_rests(n, l->via) != rests) continue;
        l->start_at = *at;
        *at += n->config->dial_stagger_ns;
        found = true;
    }
    return found;
}

void rank_legs(pu_node *n, pu_peer peer)
{
    pu_time direct_at = n->now;
    pu_time circuit_at =
        ctx_after(n, planned_direct(n, peer) > 0 ? n->config->dial_relay_delay_ns : 0);
    plan_direct(n, peer, PU_TRANSPORT_QUIC, &direct_at);
    plan_direct(n, peer, PU_TRANSPORT_TCP, &direct_at);
    if (plan_circuits(n, peer, false, &circuit_at)) circuit_at += REST_DELAY_NS;
    plan_circuits(n, peer, true, &circuit_at);
}
