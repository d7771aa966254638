/* Two links with a TCP connection between them, see mux_pair.h. */
#include "tests/lib/mux_pair.h"

#include <stdlib.h>

mux_pair *mux_pair_new(void)
{
    mux_pair *p = calloc(1, sizeof *p);
    PU_ASSERT(p != NULL);
    for (int side = 0; side < 2; side++) p->host[side] = mux_host_new((uint8_t)(1 + side));
    p->segment = PU_LINK_TCP_DATA_MAX;
    p->capacity = 1 << 18;
    p->now = p->host[0]->now;
    return p;
}

void mux_pair_free(mux_pair *p)
{
    for (int side = 0; side < 2; side++) {
        mux_host_free(p->host[side]);
        free(p->wire[side].bytes);
    }
    free(p);
}

/* What a side has sent is under way; true: there was something. */
static bool collect(mux_pair *p, int side)
{
    mux_host *h = p->host[side];
    mux_wire *w = &p->wire[side];
    size_t len = h->sent_len;
    if (len == 0) return false;
    if (w->len + len > w->cap) {
        w->cap = 2 * (w->len + len);
        w->bytes = realloc(w->bytes, w->cap);
        PU_ASSERT(w->bytes != NULL);
    }
    memcpy(w->bytes + w->len, h->sent, len);
    w->len += len;
    mux_host_taken(h, len);
    PU_ASSERT(w->burst_count < MUX_PAIR_BURSTS_MAX);
    w->bursts[w->burst_count].at = p->now + p->delay_ns;
    w->bursts[w->burst_count++].len = len;
    return true;
}

static pu_time arrives_at(const mux_pair *p, int side)
{
    const mux_wire *w = &p->wire[side];
    const mux_host *to = p->host[!side];
    if (w->is_blocked || to->closed != MUX_HOST_OPEN) return PU_NEVER;
    const mux_host *from = p->host[side];
    bool is_end = from->closed != MUX_HOST_OPEN && from->sent_len == 0 && !w->is_end_given;
    if (w->len == 0) return is_end ? p->now : PU_NEVER;
    return to->rx_total < to->rx_room ? w->bursts[0].at : PU_NEVER;
}

static void drop_burst(mux_wire *w, size_t len)
{
    w->len -= len;
    memmove(w->bytes, w->bytes + len, w->len);
    w->bursts[0].len -= len;
    if (w->bursts[0].len > 0) return;
    w->burst_count--;
    memmove(w->bursts, w->bursts + 1, w->burst_count * sizeof w->bursts[0]);
}

static bool deliver(mux_pair *p, int side)
{
    mux_wire *w = &p->wire[side];
    mux_host *from = p->host[side], *to = p->host[!side];
    if (arrives_at(p, side) > p->now) return false;
    if (w->len == 0) {
        w->is_end_given = true;
        if (from->closed == MUX_HOST_RESET) mux_host_lose(to);
        else mux_host_deliver_fin(to);
        return true;
    }
    size_t len = w->bursts[0].len;
    if (len > to->rx_room - to->rx_total) len = (size_t)(to->rx_room - to->rx_total);
    if (len > p->segment) len = p->segment;
    mux_host_deliver(to, span_of(w->bytes, len), p->segment);
    drop_burst(w, len);
    w->delivered += len;
    mux_host_room(from, w->delivered + p->capacity);
    return true;
}

static void settle(mux_pair *p)
{
    for (bool is_busy = true; is_busy;) {
        is_busy = false;
        for (int side = 0; side < 2; side++) {
            p->host[side]->now = p->now;
            mux_host_settle(p->host[side]);
        }
        for (int side = 0; side < 2; side++) is_busy |= collect(p, side);
        for (int side = 0; side < 2; side++) is_busy |= deliver(p, side);
    }
}

static pu_time earlier(pu_time a, pu_time b)
{
    return a < b ? a : b;
}

void mux_pair_run(mux_pair *p, pu_time until)
{
    for (;;) {
        settle(p);
        pu_time next = PU_NEVER;
        for (int side = 0; side < 2; side++) {
            next = earlier(next, mux_host_deadline(p->host[side]));
            next = earlier(next, arrives_at(p, side));
        }
        if (next > until) break;
        p->now = next;
    }
    p->now = until;
    for (int side = 0; side < 2; side++) p->host[side]->now = until;
}

void mux_pair_pass(mux_pair *p, uint64_t ns)
{
    mux_pair_run(p, p->now + ns);
}

void mux_pair_connect(mux_pair *p)
{
    p->connected_at = p->now;
    mux_host_accept(p->host[LISTENER]);
    mux_host_dial(p->host[DIALLER], &p->host[LISTENER]->id);
    for (int side = 0; side < 2; side++) {
        mux_host_room(p->host[side], p->capacity);
    }
}

void mux_pair_up(mux_pair *p)
{
    mux_pair_connect(p);
    mux_pair_pass(p, 4 * p->delay_ns + PU_MS);
    for (int side = 0; side < 2; side++) {
        PU_ASSERT(p->host[side]->is_up);
        PU_ASSERT(p->host[side]->is_confirmed);
    }
}
