/* proto/identify_look.c - asking our own relays again how they see us.
 *
 * A NAT that gives us another port tells nobody. The relay's connection goes on from there, since
 * QUIC proves the new path by itself, and the relay knows our new endpoint; but identify is an
 * answer of the moment when the connection came up, and a hole is punched from what it said. So
 * the relays are asked again when that is about to be used: a relayed connection came up (often
 * because a direct one was lost), or another attempt to replace one begins. An answer is good for
 * identify_ns: whoever makes connections come up, or asks for punches, makes us ask no more often.
 * When we have moved ourselves no earlier answer is good, and they are asked as soon as they may.
 */
#include "proto/identify_impl.h"

enum {
    ASKED_MAX = 32, /* relays asked at once: an effect list bears no more */
    THE_TIMER = 1   /* there is one a node */
};

/* Whether c's peer can say something that counts (see ctx_observed_addrs) and is new. Who has not
 * answered yet is being asked, and who came up a moment ago was asked then, which is enough unless
 * we have moved since. A relay that has many connections with us is asked on the one that is used.
 */
static bool is_witness(pu_node *n, const conn *c, bool moved)
{
    PU_ASSERT(c->state == CONN_UP);
    if ((c->flags & PU_RELAYED) != 0 || c->transport != PU_TRANSPORT_QUIC) return false;
    if (!c->identified || c->doomed || !ctx_is_relay(n, c->peer)) return false;
    if (ctx_conn_direct(n, c->peer) != c) return false;
    return moved || ctx_now(n) - c->up_at >= ctx_config(n)->identify_ns;
}

/* Nothing but hole punching needs to know it to the second. NULL: neither do we. */
static identify_state *state_of(pu_node *n)
{
    return ctx_config(n)->dcutr != 0 ? ctx_state(n, MODULE_IDENTIFY) : NULL;
}

static void look(pu_node *n, identify_state *state, bool moved)
{
    PU_ASSERT(state->look_at <= ctx_now(n));
    uint32_t cursor = 0, asked = 0;
    for (conn *c; asked < ASKED_MAX && (c = ctx_conn_at(n, &cursor)) != NULL;)
        asked += is_witness(n, c, moved) && ctx_stream_open(n, c, PROTO_IDENTIFY, NULL);
    if (asked > 0) state->look_at = ctx_after(n, ctx_config(n)->identify_ns);
}

void identify_look(pu_node *n)
{
    identify_state *state = state_of(n);
    if (state != NULL && ctx_now(n) >= state->look_at) look(n, state, false);
}

void identify_moved(pu_node *n)
{
    identify_state *state = state_of(n);
    if (state == NULL) return;
    if (ctx_now(n) >= state->look_at) look(n, state, true);
    else ctx_timer(n, TIMER_LOOK, THE_TIMER, state->look_at);
}

void identify_look_timer(pu_node *n, uint64_t arg)
{
    PU_ASSERT(arg == THE_TIMER);
    identify_moved(n);
}
