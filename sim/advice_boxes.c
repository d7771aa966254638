/* sim/advice_boxes.c - what boxes keep apart for certain, by the rules of docs/nat.md: warnings
 * only, and none where anything else may lead from one to the other.
 */
#include "sim/advice_impl.h"

#include "sim/host.h"

/* What the boxes around a node do together. */
typedef struct boxes {
    bool is_any;
    bool asks;          /* some are gateways, which may be asked for more */
    bool moves_ports;   /* some have another port for each remote */
    bool filters_ports; /* some let in only the ports that were sent to */
    bool lets_tcp_in;   /* some let in calls of others */
    bool no_udp, no_tcp, udp_443, tcp_443;
} boxes;

static boxes boxes_of(const scenario *s, uint32_t node)
{
    const scenario_chain *chain = &s->nodes[node].behind;
    boxes all = {.is_any = chain->count > 0};
    for (uint32_t i = 0; i < chain->count; i++) {
        const nat_type *t = &s->nats[chain->box[i].nat].type;
        all.asks |= t->gateway != 0;
        all.moves_ports |= t->mapping != NAT_EIM && t->ports != NAT_PRESERVE;
        all.filters_ports |= t->filtering == NAT_APDF;
        all.lets_tcp_in |= t->tcp_filtering != 0 && t->tcp_filtering != NAT_APDF;
        all.no_udp |= t->blocks_udp;
        all.no_tcp |= t->blocks_tcp;
        all.udp_443 |= t->is_udp_443;
        all.tcp_443 |= t->is_tcp_443;
    }
    return all;
}

static uint16_t port_of(const scenario_node *n)
{
    return n->port != 0 ? n->port : HOST_PORT;
}

/* Whether what is sent gets to a node that listens there, as far as the sender's boxes go. */
static bool sends_udp(const boxes *from, const scenario_node *to)
{
    return !from->no_udp && (!from->udp_443 || port_of(to) == NAT_PORT_HTTPS);
}

static bool sends_tcp(const boxes *from, const scenario_node *to)
{
    return !from->no_tcp && (!from->tcp_443 || port_of(to) == NAT_PORT_HTTPS);
}

/* Whether a call over TCP may get from one to the other: nobody punches holes by TCP. */
static bool calls_tcp(const boxes *from, const scenario_node *to, const boxes *around)
{
    bool is_let_in = !around->is_any || around->lets_tcp_in;
    return sends_tcp(from, to) && is_let_in && !around->no_tcp;
}

const char *advice_apart(const scenario *s, uint32_t a, uint32_t b)
{
    const scenario_node *n = &s->nodes[a], *m = &s->nodes[b];
    boxes x = boxes_of(s, a), y = boxes_of(s, b);
    if (x.asks || y.asks) return NULL;
    if (calls_tcp(&x, m, &y) || calls_tcp(&y, n, &x)) return NULL;
    if (!sends_udp(&x, m) || !sends_udp(&y, n))
        return "no UDP gets from one to the other, and no call over TCP is let in";
    if (!x.is_any || !y.is_any) return NULL;
    if (x.moves_ports && y.moves_ports)
        return "both are behind boxes that have another port for each remote";
    if ((x.moves_ports && y.filters_ports) || (y.moves_ports && x.filters_ports))
        return "one is behind boxes that have another port for each remote, and those around the "
               "other let in only the port that was sent to";
    return NULL;
}

static void advise_direct(const scenario *s, diag *warnings)
{
    for (uint32_t i = 0; i < s->expect_count; i++) {
        const scenario_expect *e = &s->expects[i];
        if (e->kind != SCENARIO_EXPECT_PATH || e->path != SCENARIO_PATH_DIRECT) continue;
        if (advice_moves(s, e->a) || advice_moves(s, e->b)) continue;
        if (advice_is_near(&s->nodes[e->a], &s->nodes[e->b])) continue;
        const char *why = advice_apart(s, e->a, e->b);
        if (why != NULL)
            diag_add(warnings, advice_place(&e->place),
                     "expect.%s: nothing between '%s' and '%s' can become direct: %s", e->name,
                     s->nodes[e->a].name, s->nodes[e->b].name, why);
    }
}

static void advise_port(const scenario *s, uint32_t node, uint32_t relay, diag *warnings)
{
    const scenario_node *n = &s->nodes[node], *to = &s->nodes[relay];
    boxes around = boxes_of(s, node);
    if (!around.is_any || to->behind.count > 0 || advice_is_near(n, to)) return;
    if (sends_udp(&around, to) || sends_tcp(&around, to)) return;
    if (advice_moves(s, node) || advice_moves(s, relay)) return;
    const char *hint = around.udp_443 || around.tcp_443 ? ": say 'port: 443' there" : "";
    diag_add(warnings, advice_place(&n->place),
             "'%s' has no way to its relay '%s', which listens at port %u: the boxes around it let "
             "out nothing to that port%s",
             n->name, to->name, port_of(to), hint);
}

void advise_boxes(const scenario *s, diag *warnings)
{
    advise_direct(s, warnings);
    for (uint32_t node = 0; node < s->node_count; node++) {
        const scenario_node *n = &s->nodes[node];
        bool is_first = n->group == SCENARIO_ANY || s->groups[n->group].first == node;
        for (uint32_t i = 0; is_first && i < n->relay_count; i++)
            advise_port(s, node, n->relays[i], warnings);
    }
}
