/* tests/netns/link_way.c - delay, rate, loss and jitter of packets, as sim/net_send.c has them. */
#include "tests/netns/link_way.h"

#include "base/bytes.h"
#include "sim/dist.h"

#include <stdlib.h>
#include <string.h>

enum { DESTINATION_AT = 16, BITS = 8, UNDER_WAY_MAX = 1 << 16 };

void link_open(link_ways *w, uint64_t seed)
{
    for (unsigned i = 0; i < 8; i++) w->seed[i] = (uint8_t)(seed >> 8 * i);
    rng_init(&w->chance, w->seed, 0);
}

/* ---- the heap of what is under way ---- */

static bool is_before(const link_packet *a, const link_packet *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void swap(link_packet *a, link_packet *b)
{
    link_packet kept = *a;
    *a = *b;
    *b = kept;
}

/* False: there is no room. */
static bool push(link_ways *w, const link_packet *packet)
{
    if (w->under_way == UNDER_WAY_MAX) return false;
    if (w->under_way == w->cap) {
        size_t cap = w->cap == 0 ? 256 : w->cap * 2;
        link_packet *heap = realloc(w->heap, cap * sizeof *heap);
        if (heap == NULL) return false;
        w->heap = heap;
        w->cap = cap;
    }
    size_t at = w->under_way++;
    w->heap[at] = *packet;
    for (; at > 0 && is_before(&w->heap[at], &w->heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&w->heap[at], &w->heap[(at - 1) / 2]);
    return true;
}

static link_packet pop(link_ways *w)
{
    link_packet first = w->heap[0];
    w->heap[0] = w->heap[--w->under_way];
    for (size_t at = 0, child; (child = 2 * at + 1) < w->under_way; at = child) {
        if (child + 1 < w->under_way && is_before(&w->heap[child + 1], &w->heap[child])) child++;
        if (!is_before(&w->heap[child], &w->heap[at])) break;
        swap(&w->heap[at], &w->heap[child]);
    }
    return first;
}

/* ---- links ---- */

/* Passes one direction of an access link: *busy is when the packet will have passed. False: it
 * would wait longer than the queue allows. */
static bool pass(const link_end *e, uint64_t bps, uint64_t now, size_t len, uint64_t *busy)
{
    uint64_t start = *busy > now ? *busy : now;
    if (bps == 0) {
        *busy = start;
        return true;
    }
    if (start - now > e->queue_ns) return false;
    *busy = start + (len * BITS * PU_S + bps - 1) / bps;
    return true;
}

static bool is_lost(link_ways *w, const link_end *e)
{
    return e->loss_ppm > 0 && dist_loss(&w->chance, e->loss_ppm);
}

static uint32_t end_of(const link_ways *w, uint32_t address)
{
    uint32_t i = 0;
    while (i < w->count && w->ends[i].address != address) i++;
    return i;
}

void link_send(link_ways *w, uint64_t now, uint32_t from, const uint8_t *bytes, size_t len)
{
    link_end *near = &w->ends[from];
    uint32_t to = end_of(w, load_be32(bytes + DESTINATION_AT));
    if (to == w->count || to == from) return;
    if (!pass(near, near->up_bps, now, len, &near->up_busy) || is_lost(w, near)) return;
    uint64_t jitter_ns =
        dist_jitter(&w->chance, near->jitter_ns) + dist_jitter(&w->chance, w->ends[to].jitter_ns);
    link_packet packet = {.at_ns = near->up_busy + w->way_ns[from][to] + jitter_ns,
                          .order = w->sent++,
                          .from = from,
                          .to = to,
                          .len = len,
                          .bytes = malloc(len)};
    if (packet.bytes == NULL) return;
    memcpy(packet.bytes, bytes, len);
    if (!push(w, &packet)) free(packet.bytes);
}

bool link_arrive(link_ways *w, uint64_t now, link_packet *packet)
{
    while (link_next(w) <= now) {
        *packet = pop(w);
        link_end *far = &w->ends[packet->to];
        if (packet->is_down) return true;
        bool is_let_in = !w->is_cut[packet->from][packet->to] && !is_lost(w, far) &&
                         pass(far, far->down_bps, packet->at_ns, packet->len, &far->down_busy);
        packet->is_down = true;
        if (is_let_in && far->down_busy <= now) return true;
        if (is_let_in) packet->at_ns = far->down_busy;
        if (!is_let_in || !push(w, packet)) free(packet->bytes);
    }
    return false;
}

uint64_t link_next(const link_ways *w)
{
    return w->under_way > 0 ? w->heap[0].at_ns : PU_NEVER;
}
