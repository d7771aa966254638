/* Relays that rest: whose circuits led nowhere though the relay had said yes.
 *
 * A relay's yes costs it nothing. It may pass nothing on, or end each circuit soon; and the next
 * round would begin with it again. So a relay is remembered by its last circuits that we asked for:
 * each that failed after the yes, or was lost within GOOD_NS, makes it rest, twice as long as the
 * time before. One that ended otherwise, or lasted, and all is forgotten. That the peer went away
 * looks alike; so a rest is no ban: circuits through other relays come first (rank.c), and where
 * there is no other one nothing is different.
 */
#include "base/planted.h"
#include "node/impl.h"

enum { REST_LEAST_S = 60, REST_MOST_S = 3600 };

#define GOOD_NS (120 * PU_S) /* as long as go-libp2p's relays carry anybody */

static uint32_t now_s(const pu_node *n)
{
    return (uint32_t)(n->now / PU_S);
}

bool relay_rests(const pu_node *n, pu_peer relay)
{
    const known_peer *k = book_find(n, relay);
    PU_ASSERT(relay != 0);
    if (PLANTED(PLANTED_NO_RESTS)) return false;
    return k != NULL && k->rests_until_s > now_s(n);
}

/* What is no fault of the relay's: that we, or the peer, ended it. */
static bool is_fault(uint32_t code)
{
    return code == PU_CODE_LOST || code == PU_CODE_TIMEOUT || code == PU_CODE_VIOLATION ||
           code == PU_CODE_WRONG_PEER;
}

void relay_led_nowhere(pu_node *n, pu_peer relay, uint32_t code)
{
    known_peer *k = book_find(n, relay);
    PU_ASSERT(relay != 0);
    if (k == NULL || !is_fault(code)) return;
    uint32_t rest_s = k->rest_s == 0 ? REST_LEAST_S : 2 * k->rest_s;
    k->rest_s = (uint16_t)(rest_s < REST_MOST_S ? rest_s : REST_MOST_S);
    k->rests_until_s = now_s(n) + k->rest_s;
    ctx_trace(n, PU_TR_RELAY_RESTS, NULL, NULL, relay, k->rest_s, code, span_of(NULL, 0));
}

void relay_circuit_down(pu_node *n, const conn *c, uint32_t code)
{
    const conn *carrier = ctx_conn(n, c->via);
    PU_ASSERT(c->confirmed);
    if ((c->flags & PU_RELAYED) == 0 || (c->flags & PU_DIALLER) == 0) return;
    if (carrier == NULL) return; /* it went with it */
    known_peer *k = book_find(n, carrier->peer);
    bool was_good = !is_fault(code) || n->now - c->up_at >= GOOD_NS;
    if (!was_good) relay_led_nowhere(n, carrier->peer, code);
    if (!was_good || k == NULL) return;
    k->rest_s = 0;
    k->rests_until_s = 0;
}
