/* sim/net_line.c - access links that do more than most: an MTU, bursts of losses, reordering,
 * copies, handovers, rates from a trace, queues that CoDel controls; and hosts with a slow CPU.
 *
 * A datagram that its host sends meets, in this order: MTU, outage, queue and rate, loss, burst;
 * then it may be held back, or copied. One that arrives meets MTU, outage, loss, burst, queue and
 * rate, the CPU. Behind CoDel it waits in a list until its turn comes, elsewhere when it will have
 * passed is known when it comes.
 *
 * Every stream of random numbers is the host's own. Hosts without a line never come here.
 */
#include "base/bytes.h"
#include "sim/dist.h"
#include "sim/mem.h"
#include "sim/net_impl.h"

enum { BITS = 8 };

/* What a SIM_EV_LINE is for: the low bits of its arg; what else it says is above them. */
enum step {
    STEP_PASSED = 1, /* target: number of a pipe; what its lane was sending; above: ABOVE_... */
    STEP_OFF,        /* target: datagram; it has come off its receiver's link; above: host */
    STEP_DONE,       /* target: datagram; the CPU has taken it; above: host */
    STEP_TOO_BIG     /* target: datagram that is parked; above: the MTU it exceeded */
};
enum { STEP_BITS = 3, ABOVE_DIRECTION = 1, ABOVE_SHARED = 2 };

static void step_push(net *n, pu_time at, uint32_t source, enum step step, uint32_t target,
                      uint64_t above)
{
    sim_event event = {SIM_EV_LINE, target, above << STEP_BITS | step};
    queue_push(n->q, at, source + 1, &event);
}

static net_line *line_of(const net *n, uint32_t host)
{
    PU_ASSERT(host < n->line_cap);
    PU_ASSERT(n->lines[host] != NULL);
    return n->lines[host];
}

/* ---- a host gets and loses its line ---- */

bool net_extra_is_any(const net_extra *e)
{
    return e->access_spread_ns > 0 || e->enter_ppm > 0 || e->reorder_ppm > 0 || e->copy_ppm > 0 ||
           e->mtu > 0 || e->target_ns > 0 || e->trace != NULL || e->handover_every_ns > 0 ||
           e->cpu_datagram_ns > 0 || e->cpu_handshake_ns > 0;
}

static net_line *line_new(const net *n, uint32_t host)
{
    net_line *line = sim_alloc(sizeof *line);
    rng_init(&line->burst[NET_UP].draws, n->seeds[STREAM_BURST_UP], host);
    rng_init(&line->burst[NET_DOWN].draws, n->seeds[STREAM_BURST_DOWN], host);
    rng_init(&line->shuffle, n->seeds[STREAM_SHUFFLE], host);
    rng_init(&line->place, n->seeds[STREAM_PLACE], host);
    line->own.number = host;
    line->pipe = &line->own;
    return line;
}

static void set_link(net_pipe *pipe, const net_link *link)
{
    pipe->bps[NET_UP] = link->up_bps;
    pipe->bps[NET_DOWN] = link->down_bps;
    pipe->queue_ns = link->queue_ns;
    pipe->lane[NET_UP].busy = pipe->lane[NET_DOWN].busy = 0;
}

void line_moved(net *n, uint32_t host)
{
    if (host >= n->line_cap || n->lines[host] == NULL) return;
    n->lines[host]->pipe = &n->lines[host]->own;
    set_link(&n->lines[host]->own, &n->hosts[host].link);
}

/* drawn: where in a trace this attachment begins. */
static void set_extra(net_pipe *pipe, const net_extra *extra, uint64_t drawn)
{
    const net_trace *trace = extra->trace;
    pipe->target_ns = extra->target_ns;
    pipe->interval_ns = extra->interval_ns;
    pipe->trace = trace;
    if (trace == NULL) return;
    bool is_drawn = extra->trace_from_ns == NET_TRACE_DRAWN;
    pipe->trace_said_ns = extra->trace_from_ns;
    pipe->trace_from_ns = is_drawn ? drawn % trace->count * trace->period_ns : extra->trace_from_ns;
    pipe->mean_bps[NET_UP] = trace_mean(trace, NET_UP);
    pipe->mean_bps[NET_DOWN] = trace_mean(trace, NET_DOWN);
}

/* ---- homes ---- */

static bool has_rate(const net_link *link, const net_extra *extra)
{
    return link->up_bps > 0 || link->down_bps > 0 || extra->trace != NULL;
}

/* Whether both can be one access link. */
static bool is_same_link(const net_pipe *a, const net_pipe *b)
{
    return a->bps[NET_UP] == b->bps[NET_UP] && a->bps[NET_DOWN] == b->bps[NET_DOWN] &&
           a->queue_ns == b->queue_ns && a->target_ns == b->target_ns &&
           a->interval_ns == b->interval_ns && a->trace == b->trace &&
           (a->trace == NULL || a->trace_said_ns == b->trace_said_ns);
}

/* The home around host, the outermost; NET_NONE: there is none. By IPv6 only where its IPv4 is
 * not behind a carrier's box: then the firewall is somewhere else. */
static uint32_t home_of(const net *n, uint32_t host)
{
    uint32_t home = NET_NONE, box = n->hosts[host].box, six = net_host_six_box(n, host);
    bool is_carried = false;
    for (; box != NET_NONE; box = n->boxes[box].parent) {
        if (n->boxes[box].household != NET_NONE) home = n->boxes[box].household;
        is_carried |= box_is_carrier(&n->boxes[box]);
    }
    if (home != NET_NONE || is_carried || six == NET_NONE) return home;
    return n->boxes[six].household;
}

/* A pipe like that one, empty, which hosts share. */
static net_pipe *pipe_new(net *n, const net_pipe *like)
{
    net_pipe *pipe = sim_alloc(sizeof *pipe);
    *pipe = *like;
    for (int i = 0; i < NET_DIRECTIONS; i++) pipe->lane[i] = (net_lane){0};
    pipe->is_shared = true;
    pipe->number = n->pipe_count;
    n->pipes = sim_grow(n->pipes, &n->pipe_cap, n->pipe_count, sizeof *n->pipes);
    n->pipes[n->pipe_count++] = pipe;
    return pipe;
}

/* The line goes through the pipe of that home which has the same rates and queues. */
static void join_home(net *n, net_line *line, uint32_t home)
{
    n->homes = sim_grow(n->homes, &n->home_cap, home, sizeof *n->homes);
    net_pipe **at = &n->homes[home];
    while (*at != NULL && !is_same_link(*at, &line->own)) at = &(*at)->next;
    if (*at == NULL) *at = pipe_new(n, &line->own);
    line->pipe = *at;
}

/* The longest IP packet that gets through a link and the tunnels of the boxes around its host. */
static uint32_t least_mtu(const net *n, const net_host *h, uint32_t mtu)
{
    for (uint32_t b = h->box; b != NET_NONE; b = n->boxes[b].parent) {
        uint32_t inside = n->boxes[b].type->tunnel_mtu;
        if (inside > 0 && (mtu == 0 || inside < mtu)) mtu = inside;
    }
    return mtu;
}

void net_host_extra(net *n, uint32_t host, const net_extra *of_link)
{
    PU_ASSERT(host < n->host_count);
    net_host *h = &n->hosts[host];
    net_extra own = *of_link;
    const net_extra *extra = &own;
    own.mtu = least_mtu(n, h, own.mtu);
    PU_ASSERT(h->is_attached);
    PU_ASSERT(!h->has_line);
    uint32_t home = home_of(n, host);
    bool shares = home != NET_NONE && has_rate(&h->link, extra);
    if (!shares && !net_extra_is_any(extra)) return;
    n->lines = sim_grow(n->lines, &n->line_cap, n->host_cap - 1, sizeof(net_line *));
    if (n->lines[host] == NULL) n->lines[host] = line_new(n, host);
    net_line *line = n->lines[host];
    line->extra = *extra;
    h->has_line = true;
    for (int i = 0; i < NET_DIRECTIONS; i++) loss_burst_begin(&line->burst[i], extra);
    uint64_t access = rng_u64(&line->place), from = rng_u64(&line->place); /* always two draws */
    if (extra->access_spread_ns > 0) h->link.access_ns += access % (extra->access_spread_ns + 1);
    set_link(&line->own, &h->link);
    set_extra(&line->own, extra, from);
    if (shares) join_home(n, line, home);
}

static void pipe_close(net_pipe *pipe)
{
    for (int i = 0; i < NET_DIRECTIONS; i++) codel_free(&pipe->lane[i].waiting);
}

void lines_free(net *n)
{
    for (uint32_t i = 0; i < n->line_cap; i++) {
        if (n->lines[i] == NULL) continue;
        pipe_close(&n->lines[i]->own);
        works_free(n->lines[i]->works);
        free(n->lines[i]);
    }
    free(n->lines);
    for (uint32_t i = 0; i < n->pipe_count; i++) {
        pipe_close(n->pipes[i]);
        free(n->pipes[i]);
    }
    free(n->pipes);
    free(n->homes);
}

/* ---- MTU ---- */

/* Ends the datagram in slot, which is too long. Its sender is told after so long, by ICMP: what it
 * was called stays until then. */
static void refuse(net *n, pu_time now, uint32_t slot, const net_extra *extra, uint64_t after_ns)
{
    datagram *d = &n->slab[slot];
    if (extra->mtu_is_silent) {
        send_drop(n, now, slot, NET_TOO_BIG);
        return;
    }
    send_park(n, now, slot, NET_TOO_BIG);
    step_push(n, now + after_ns, d->from_host, STEP_TOO_BIG, slot, extra->mtu);
}

static void tell_too_big(net *n, pu_time now, uint32_t slot, uint32_t mtu)
{
    pu_endpoint own;
    datagram d = send_unpark(n, slot);
    uint32_t host = way_back(n, now, &d, &own);
    if (host == NET_NONE || n->observer.too_big == NULL) return;
    n->observer.too_big(n->observer.ctx, now, host, d.carriage, &own, &d.to, mtu);
}

static bool is_too_big(const datagram *d, const net_extra *extra)
{
    return extra->mtu > 0 && send_size(d) > extra->mtu;
}

/* ---- rates and queues ---- */

static uint64_t rate_of(const net_pipe *pipe, enum net_direction direction)
{
    return pipe->trace != NULL ? pipe->mean_bps[direction] : pipe->bps[direction];
}

/* When so many bytes have passed that begin at start. */
static pu_time pass(const net_pipe *pipe, enum net_direction direction, pu_time start,
                    uint64_t bytes)
{
    uint64_t bits = bytes * BITS;
    if (pipe->trace != NULL)
        return trace_pass(pipe->trace, direction, pipe->trace_from_ns, start, bits);
    uint64_t bps = rate_of(pipe, direction);
    return bps == 0 ? start : start + (bits * PU_S + bps - 1) / bps;
}

/* Passes d through a drop-tail queue; *at is when it has. False: it would wait too long. */
static bool queue_tail(net_pipe *pipe, pu_time now, enum net_direction direction, const datagram *d,
                       pu_time *at)
{
    pu_time *busy = &pipe->lane[direction].busy;
    pu_time start = *busy > now ? *busy : now;
    bool is_limited = rate_of(pipe, direction) > 0;
    if (is_limited && start - now > pipe->queue_ns) return false;
    *busy = *at = pass(pipe, direction, start, send_size(d));
    return true;
}

/* What CoDel drops. */
typedef struct dropping {
    net *n;
    pu_time now;
} dropping;

static void drop_waiting(void *ctx, uint32_t slot)
{
    const dropping *d = ctx;
    send_drop(d->n, d->now, slot, NET_QUEUE_FULL);
}

/* Sends the next datagram that waits, if any. */
static void lane_next(net *n, pu_time now, net_pipe *pipe, enum net_direction direction)
{
    net_lane *lane = &pipe->lane[direction];
    dropping drops = {n, now};
    bool has_codel = pipe->target_ns > 0; /* it is gone when the host has moved on since */
    uint64_t target_ns = has_codel ? pipe->target_ns : CODEL_TARGET_NS;
    uint64_t interval_ns = has_codel ? pipe->interval_ns : CODEL_INTERVAL_NS;
    lane->is_passing = codel_take(&lane->control, &lane->waiting, &lane->passing, now, target_ns,
                                  interval_ns, drop_waiting, &drops);
    if (!lane->is_passing) return;
    pu_time at = pass(pipe, direction, now, lane->passing.bytes);
    step_push(n, at, lane->passing.host, STEP_PASSED, pipe->number,
              (uint64_t)direction | (pipe->is_shared ? ABOVE_SHARED : 0));
}

/* Bytes that pass in that time; as many as there are where that is more. */
static uint64_t bytes_in(uint64_t rate, uint64_t time_ns)
{
    uint64_t bytes_s = rate / BITS, us = time_ns / PU_US;
    return us > 0 && bytes_s > UINT64_MAX / us ? UINT64_MAX : bytes_s * us / (PU_S / PU_US);
}

/* Puts the datagram in slot into the list of a lane. It ends there when as much waits as the queue
 * may hold; one may always wait. */
static void queue_codel(net *n, pu_time now, uint32_t host, enum net_direction direction,
                        uint32_t slot)
{
    net_pipe *pipe = line_of(n, host)->pipe;
    net_lane *lane = &pipe->lane[direction];
    codel_item item = {slot, send_size(&n->slab[slot]), now, host};
    uint64_t rate = rate_of(pipe, direction);
    uint64_t room = bytes_in(rate, pipe->queue_ns);
    if (rate > 0 && lane->waiting.count > 0 && lane->waiting.bytes + item.bytes > room) {
        send_drop(n, now, slot, NET_QUEUE_FULL);
        return;
    }
    codel_put(&lane->waiting, &item);
    if (!lane->is_passing) lane_next(n, now, pipe, direction);
}

/* ---- up ---- */

/* Sends another datagram like the one in slot, to arrive at the same time. */
static void copy(net *n, pu_time now, uint32_t slot, pu_time arrival)
{
    datagram twin = n->slab[slot];
    twin.id = ++n->sent;
    way_record(n, now, &twin, NET_NONE, NET_NONE, NET_COPIED);
    net_put(n, arrival, &twin, span_of(twin.bytes, twin.len));
}

/* The datagram in slot has come off its sender's link. */
static void up_passed(net *n, pu_time now, pu_time off, uint32_t slot)
{
    datagram *d = &n->slab[slot];
    uint32_t host = d->from_host;
    net_line *line = line_of(n, host);
    const net_extra *extra = &line->extra;
    const net_link *link = &n->hosts[host].link;
    uint64_t longer_ns;
    bool is_lost = link->up_loss_ppm > 0 && dist_loss(&n->hosts[host].loss_up, link->up_loss_ppm);
    bool is_in_burst = loss_burst(&line->burst[NET_UP], extra);
    if (is_lost || is_in_burst) {
        send_drop(n, now, slot, NET_LOST);
        return;
    }
    loss_handover(n, host, extra, off, &longer_ns);
    pu_time arrival = off + longer_ns + send_delay(n, now, d);
    bool is_copied = extra->copy_ppm > 0 && dist_loss(&line->shuffle, extra->copy_ppm);
    if (is_copied) copy(n, now, slot, arrival);
    bool is_late = extra->reorder_ppm > 0 && dist_loss(&line->shuffle, extra->reorder_ppm);
    if (is_late) arrival += extra->reorder_ns;
    queue_push(n->q, arrival, host + 1, &(sim_event){.kind = SIM_EV_ARRIVE, .target = slot});
}

/* Sending takes the CPU some time, after which it sees what comes next. */
static void cpu_spend(net_line *line, pu_time now, uint64_t cost_ns)
{
    line->cpu_busy = (line->cpu_busy > now ? line->cpu_busy : now) + cost_ns;
}

void line_up(net *n, pu_time now, uint32_t slot)
{
    const datagram *d = &n->slab[slot];
    uint32_t host = d->from_host;
    net_line *line = line_of(n, host);
    uint64_t longer_ns;
    pu_time off;
    if (line->extra.cpu_datagram_ns > 0) cpu_spend(line, now, line->extra.cpu_datagram_ns);
    if (d->is_local) {
        queue_push(n->q, now + NET_LAN_NS, host + 1,
                   &(sim_event){.kind = SIM_EV_ARRIVE, .target = slot});
    } else if (is_too_big(d, &line->extra)) {
        refuse(n, now, slot, &line->extra, NET_LAN_NS);
    } else if (loss_handover(n, host, &line->extra, now, &longer_ns)) {
        send_drop(n, now, slot, NET_LOST);
    } else if (line->extra.target_ns > 0) {
        queue_codel(n, now, host, NET_UP, slot);
    } else if (!queue_tail(line->pipe, now, NET_UP, d, &off)) {
        send_drop(n, now, slot, NET_QUEUE_FULL);
    } else {
        up_passed(n, now, off, slot);
    }
}

/* ---- down ---- */

/* What the datagram in slot costs the CPU of its host. A handshake is paid for once: copies, and
 * what is sent again, find that it is done. */
static uint64_t cpu_cost(net *n, pu_time now, uint32_t slot, uint32_t host)
{
    net_line *line = line_of(n, host);
    const datagram *d = &n->slab[slot];
    const net_extra *extra = &line->extra;
    pu_endpoint from, to;
    if (extra->cpu_handshake_ns == 0 || n->observer.work == NULL ||
        !way_is_let_in(n, now, d, &from, &to))
        return extra->cpu_datagram_ns;
    uint64_t work =
        n->observer.work(n->observer.ctx, host, d->carriage, &to, &from, span_of(d->bytes, d->len));
    bool is_new = work != 0 && work_is_new(n, &line->works, now, work);
    return extra->cpu_datagram_ns + (is_new ? extra->cpu_handshake_ns : 0);
}

/* The datagram in slot is at the host: its CPU takes it when it has time. Who sleeps does nothing,
 * and gets nothing. */
static void cpu_take(net *n, pu_time now, uint32_t slot, uint32_t host)
{
    net_line *line = line_of(n, host);
    uint64_t cost_ns = 0;
    bool works = n->hosts[host].has_line && !n->hosts[host].is_asleep;
    bool is_full = line->cpu_busy > now + NET_CPU_WAIT_NS;
    if (works && !is_full) cost_ns = cpu_cost(n, now, slot, host);
    if (!works || (cost_ns == 0 && line->cpu_busy <= now)) {
        send_deliver(n, now, slot);
    } else if (is_full) {
        send_drop(n, now, slot, NET_QUEUE_FULL);
    } else {
        cpu_spend(line, now, cost_ns);
        step_push(n, line->cpu_busy, host, STEP_DONE, slot, host);
    }
}

/* The datagram in slot has passed its receiver's link at `at`. */
static void down_passed(net *n, pu_time now, pu_time at, uint32_t slot, uint32_t host)
{
    const net_extra *extra = &line_of(n, host)->extra;
    bool is_slow = extra->cpu_datagram_ns > 0 || extra->cpu_handshake_ns > 0;
    uint64_t longer_ns;
    loss_handover(n, host, extra, at, &longer_ns);
    at += longer_ns;
    if (at == now) {
        cpu_take(n, now, slot, host);
    } else if (is_slow) {
        step_push(n, at, host, STEP_OFF, slot, host);
    } else {
        queue_push(n->q, at, host + 1, &(sim_event){.kind = SIM_EV_DELIVER, .target = slot});
    }
}

/* How long an ICMP message takes from the far end of host's link to who sent d. */
static uint64_t way_home_ns(const net *n, const datagram *d, uint32_t host)
{
    const net_host *from = &n->hosts[d->from_host];
    uint32_t site = n->hosts[host].site;
    return from->link.access_ns + topo_rtt_ns(n->sites, site, from->site) / 2;
}

/* Whether the datagram in slot is lost on host's link. */
static bool is_lost_down(net *n, pu_time now, uint32_t host)
{
    net_host *h = &n->hosts[host];
    net_line *line = line_of(n, host);
    uint64_t longer_ns;
    if (loss_handover(n, host, &line->extra, now, &longer_ns)) return true;
    bool is_lost = h->link.down_loss_ppm > 0 && dist_loss(&h->loss_down, h->link.down_loss_ppm);
    bool is_in_burst = loss_burst(&line->burst[NET_DOWN], &line->extra);
    return is_lost || is_in_burst;
}

void line_down(net *n, pu_time now, uint32_t slot, uint32_t host)
{
    const datagram *d = &n->slab[slot];
    const net_extra *extra = &line_of(n, host)->extra;
    pu_time at;
    if (d->is_local) {
        cpu_take(n, now, slot, host);
    } else if (is_too_big(d, extra)) {
        refuse(n, now, slot, extra, way_home_ns(n, d, host));
    } else if (is_lost_down(n, now, host)) {
        send_drop(n, now, slot, NET_LOST);
    } else if (extra->target_ns > 0) {
        queue_codel(n, now, host, NET_DOWN, slot);
    } else if (!queue_tail(line_of(n, host)->pipe, now, NET_DOWN, d, &at)) {
        send_drop(n, now, slot, NET_QUEUE_FULL);
    } else {
        down_passed(n, now, at, slot, host);
    }
}

/* ---- events ---- */

/* The pipe that a STEP_PASSED is about. */
static net_pipe *pipe_of(const net *n, const sim_event *event)
{
    bool is_shared = (event->arg >> STEP_BITS & ABOVE_SHARED) != 0;
    if (!is_shared) return &line_of(n, event->target)->own;
    PU_ASSERT(event->target < n->pipe_count);
    return n->pipes[event->target];
}

/* A lane that CoDel controls has sent what it was sending. The next one is on its way before the
 * host hears of this one. */
static void lane_passed(net *n, pu_time now, net_pipe *pipe, enum net_direction direction)
{
    net_lane *lane = &pipe->lane[direction];
    PU_ASSERT(lane->is_passing);
    codel_item passed = lane->passing;
    lane_next(n, now, pipe, direction);
    if (direction == NET_UP) up_passed(n, now, now, passed.slot);
    else down_passed(n, now, now, passed.slot, passed.host);
}

uint32_t line_slot(const net *n, const sim_event *event)
{
    if (event->arg % (1 << STEP_BITS) != STEP_PASSED) return event->target;
    return pipe_of(n, event)->lane[event->arg >> STEP_BITS & ABOVE_DIRECTION].passing.slot;
}

void line_event(net *n, pu_time now, const sim_event *event)
{
    uint32_t above = (uint32_t)(event->arg >> STEP_BITS);
    switch ((enum step)(event->arg % (1 << STEP_BITS))) {
    case STEP_PASSED:
        lane_passed(n, now, pipe_of(n, event), (enum net_direction)(above & ABOVE_DIRECTION));
        break;
    case STEP_OFF: cpu_take(n, now, event->target, above); break;
    case STEP_DONE: send_deliver(n, now, event->target); break;
    case STEP_TOO_BIG: tell_too_big(n, now, event->target, above); break;
    }
}
