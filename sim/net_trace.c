/* sim/net_trace.c - how long bits take on a link whose rate changes from period to period. */
#include "sim/net_impl.h"

static const uint64_t *rates_of(const net_trace *trace, enum net_direction direction)
{
    return direction == NET_UP ? trace->up_bps : trace->down_bps;
}

pu_time trace_pass(const net_trace *trace, enum net_direction direction, uint64_t from_ns,
                   pu_time start, uint64_t bits)
{
    const uint64_t *bps = rates_of(trace, direction);
    PU_ASSERT(trace->period_ns <= PU_S);
    for (pu_time at = start;;) {
        uint64_t into = (at + from_ns) % trace->period_ns;
        uint64_t left_ns = trace->period_ns - into;
        uint64_t rate = bps[(at + from_ns) / trace->period_ns % trace->count];
        uint64_t room = rate * left_ns / PU_S;
        if (bits <= room) return at + (bits * PU_S + rate - 1) / rate;
        bits -= room;
        at += left_ns;
    }
}

uint64_t trace_mean(const net_trace *trace, enum net_direction direction)
{
    const uint64_t *bps = rates_of(trace, direction);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < trace->count; i++) sum += bps[i];
    PU_ASSERT(sum > 0); /* nothing would ever pass */
    return sum / trace->count;
}
