/* link/yamux_window.c - see the header. */
#include "link/yamux_window.h"

#include "link/yamux_frame.h"

void yamux_window_start(yamux_window *w, pu_time now)
{
    PU_ASSERT(w != NULL);
    *w = (yamux_window){.size = YAMUX_FIRST_WINDOW, .limit = YAMUX_FIRST_WINDOW, .epoch_at = now};
}

bool yamux_window_take(yamux_window *w, uint64_t len, uint64_t untold)
{
    PU_ASSERT(untold <= w->limit);
    PU_ASSERT(w->got <= w->limit - untold);
    if (len > w->limit - untold - w->got) return false;
    w->got += len;
    return true;
}

void yamux_window_consume(yamux_window *w, uint64_t len)
{
    PU_ASSERT(len <= w->got - w->consumed);
    w->consumed += len;
}

bool yamux_window_is_due(const yamux_window *w)
{
    uint64_t granted = w->limit - w->consumed;
    PU_ASSERT(granted <= w->size);
    return w->size - granted >= w->size / 2;
}

uint32_t yamux_window_wish(const yamux_window *w, pu_time now, uint64_t rtt_ns, uint32_t most)
{
    PU_ASSERT(now >= w->epoch_at);
    if (w->size >= most || rtt_ns == 0) return w->size;
    if ((now - w->epoch_at) / YAMUX_EPOCH_RTTS >= rtt_ns) return w->size;
    return w->size > most / 2 ? most : 2 * w->size;
}

uint32_t yamux_window_grant(yamux_window *w, pu_time now, uint32_t size)
{
    PU_ASSERT(size >= w->size);
    uint64_t limit = w->consumed + size;
    PU_ASSERT(limit >= w->limit);
    uint32_t more = (uint32_t)(limit - w->limit);
    w->size = size;
    w->limit = limit;
    w->epoch_at = now;
    return more;
}
