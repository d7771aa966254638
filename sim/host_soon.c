/* sim/host_soon.c - asks the caches for what events that come will read: the host, its node and
 * transport, the connection that the event is about, and whom that will send to.
 *
 * Each of these is found by what the one before it holds, so an event has a round in each turn from
 * its announcement to its own. All rounds of a turn stand close together: a processor waits for the
 * page tables of many addresses at once, but does not look far ahead.
 */
#include "sim/host.h"

#include "base/ahead.h"

/* A datagram's host is known a round later than a timer's, the connection of a tick too. */
_Static_assert((int)HOST_AHEAD == 1 + (int)TRANSPORT_ROUNDS + (int)NET_SOON_TO_ROUNDS,
               "events are announced as few turns ahead as they have rounds");
_Static_assert((int)NET_SOON_ROUNDS <= (int)HOST_AHEAD, "the network's rounds are among them");

/* What is done at the host, in rounds from the one on in which that is known. */
static void at_host(const host_world *w, const host *h, host_coming *c, unsigned round)
{
    bool is_timer = c->event.kind == SIM_EV_CONN; /* of the transport: the node hears nothing */
    if (round == 0) {
        ahead_many(h, offsetof(host, key));
        return;
    }
    if (!h->is_running || w->transport->soon == NULL) return;
    if (round == 1 || (round <= TRANSPORT_ROUNDS && c->conn != 0))
        w->transport->soon(h->transport, c->conn, round - 1, &c->next);
    if (round <= 2 && !is_timer) pu_node_soon(h->node, c->conn, round - 1);
    if (round == 1) {
        if (!is_timer) queue_timer_soon(w->q, h->timer);
        net_soon_from(w->network, h->index);
    }
    if (!c->next.is_known || round - TRANSPORT_ROUNDS >= NET_SOON_TO_ROUNDS) return;
    if (round == TRANSPORT_ROUNDS) queue_timer_soon(w->q, c->next.timer);
    net_soon_to(w->network, h->index, &c->next.to, round - TRANSPORT_ROUNDS);
}

/* A node's time has come. Which connection that is about is known once its timers are there, a
 * round later than for others. */
static void tick(const host_world *w, const host *h, host_coming *c, unsigned round)
{
    if (round < 3) {
        at_host(w, h, c, round);
        return;
    }
    if (!h->is_running) return;
    if (round == 3) c->conn = pu_node_soon_conn(h->node);
    if (c->conn != 0) at_host(w, h, c, round - 1);
}

static void datagram(const host_world *w, const host *hosts, host_coming *c, unsigned round)
{
    if (round < NET_SOON_ROUNDS) net_soon(w->network, round, &c->event);
    if (round == 0) return;
    if (round == 1) c->host = net_soon_host(w->network, &c->event);
    if (c->host == NET_NONE) return;
    if (round == 2 && w->transport->named != NULL)
        c->conn = w->transport->named(net_soon_bytes(w->network, &c->event));
    at_host(w, &hosts[c->host], c, round - 1);
}

static void advance(const host_world *w, const host *hosts, host_coming *c)
{
    unsigned round = c->round++;
    if (!c->is_there) return;
    if (c->event.kind == SIM_EV_NODE) tick(w, &hosts[c->host], c, round);
    else if (c->event.kind == SIM_EV_CONN) at_host(w, &hosts[c->host], c, round);
    else datagram(w, hosts, c, round);
}

static bool is_of_host(const sim_event *e)
{
    return e->kind != SIM_EV_SCRIPT && e->kind != SIM_EV_LINE && e->kind != SIM_EV_GATEWAY;
}

void host_soon(host_world *w, const host *hosts, const sim_event *event)
{
    host_coming *last = &w->coming[w->coming_at];
    w->coming_at = (w->coming_at + 1) % HOST_AHEAD;
    last->is_there = event != NULL && is_of_host(event);
    if (last->is_there) {
        last->event = *event;
        last->round = 0;
        last->host = event->target;
        last->conn = event->kind == SIM_EV_CONN ? event->arg : 0;
        last->next.is_known = false;
    }
    for (unsigned i = 0; i < HOST_AHEAD; i++) advance(w, hosts, &w->coming[i]);
}
