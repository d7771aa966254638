/* The ranker: when each planned leg of a round starts. The only policy of the dialer; another may
 * take its place.
 *
 * Direct addresses first, dial_stagger_ns apart, in the order in which they became known; circuits
 * dial_relay_delay_ns after the first when there is a direct address, at once when there is none,
 * so that a relay costs nothing where it is the only way.
 */
#include "node/impl.h"

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

void rank_legs(pu_node *n, pu_peer peer)
{
    pu_time direct_at = n->now;
    pu_time circuit_at =
        ctx_after(n, planned_direct(n, peer) > 0 ? n->config->dial_relay_delay_ns : 0);
    plan_direct(n, peer, PU_TRANSPORT_QUIC, &direct_at);
    plan_direct(n, peer, PU_TRANSPORT_TCP, &direct_at);
    for (uint32_t i = 0; i < n->leg_count; i++) {
        leg *l = &n->legs[i];
        if (l->peer != peer || l->state != LEG_PLANNED || l->via == 0) continue;
        l->start_at = circuit_at;
        circuit_at += n->config->dial_stagger_ns;
    }
}
