/* sim/net_loss.c - losses that come together: bursts by Gilbert and Elliott's two states, and a
 * satellite's handovers.
 *
 * Gilbert-Elliott (E. N. Gilbert 1960, E. O. Elliott 1963), a datagram a step: a share enter /
 * (enter + leave) of all datagrams meets the bad state, for 1 / leave of them in a row on average.
 * The first one as well: a link is not made for whoever is attached to it.
 *
 * A handover's draws are those of its number, not of its turn: a link that nobody used in between
 * has the same ones.
 */
#include "sim/dist.h"
#include "sim/net_impl.h"

enum { DRAWS = 2 /* a handover */ };

void loss_burst_begin(net_burst *lane, const net_extra *extra)
{
    lane->is_bad = extra->enter_ppm > 0 &&
                   rng_chance(&lane->draws, extra->enter_ppm, extra->enter_ppm + extra->leave_ppm);
}

bool loss_burst(net_burst *lane, const net_extra *extra)
{
    if (extra->enter_ppm == 0) return false;
    bool moves = dist_loss(&lane->draws, lane->is_bad ? extra->leave_ppm : extra->enter_ppm);
    if (moves) lane->is_bad = !lane->is_bad;
    return dist_loss(&lane->draws, lane->is_bad ? extra->bad_ppm : extra->good_ppm);
}

/* A duration from least to most by a draw of 64 bits. */
static uint64_t between(uint64_t draw, uint64_t least_ns, uint64_t most_ns)
{
    uint64_t unit = UINT64_C(1) << 20; /* finer than anybody sees; the product fits 64 bits */
    return least_ns + (most_ns - least_ns) / unit * (draw % unit) +
           (most_ns - least_ns) % unit * (draw % unit) / unit;
}

bool loss_handover(const net *n, uint32_t host, const net_extra *extra, pu_time now,
                   uint64_t *longer_ns)
{
    uint64_t every_ns = extra->handover_every_ns;
    *longer_ns = 0;
    if (every_ns == 0) return false;
    uint64_t since_first = now + every_ns - extra->handover_at_ns % every_ns;
    uint64_t number = since_first / every_ns;
    rng draws;
    rng_init(&draws, n->seeds[STREAM_HANDOVER], host);
    draws.drawn = (uint32_t)(number * DRAWS);
    uint64_t outage_ns = between(rng_u64(&draws), extra->outage_least_ns, extra->outage_most_ns);
    *longer_ns = between(rng_u64(&draws), 0, extra->shift_ns);
    return number > 0 && since_first % every_ns < outage_ns;
}
