/* Steps of the link, see host_impl.h. */
#include "net-real/host_impl.h"

#include <errno.h>
#include <string.h>

/* ---- UDP ports ---- */

host_port *real_host_port_of(pu_host *h, uint32_t socket)
{
    if (socket == PU_SOCKET_MAIN) return &h->ports[0];
    if (socket < PU_SOCKET_PROBE || socket - PU_SOCKET_PROBE >= HOST_PORTS_MAX - 1) return NULL;
    host_port *p = &h->ports[1 + socket - PU_SOCKET_PROBE];
    if (p->port == NULL) {
        *p = (host_port){h, socket, udp_open(h->l, 0, NULL, real_host_on_udp, p), PU_NEVER};
        if (p->port == NULL) return NULL;
    }
    p->until = h->now + HOST_PROBE_NS;
    return p;
}

void real_host_ports_tick(pu_host *h)
{
    for (uint32_t i = 1; i < HOST_PORTS_MAX; i++) {
        host_port *p = &h->ports[i];
        if (p->port == NULL || p->until > h->now) continue;
        udp_close(p->port);
        p->port = NULL;
    }
}

static void send_datagrams(pu_host *h, const pu_link_ef *ef)
{
    host_port *p = real_host_port_of(h, ef->socket);
    if (p == NULL || p->port == NULL) return;
    udp_burst b = {.local = ef->local,
                   .remote = ef->remote,
                   .ecn = ef->ecn,
                   .segment = ef->segment,
                   .body = ef->body};
    udp_send(p->port, &b);
}

/* ---- effects ---- */

static void perform(pu_host *h, const pu_link_ef *ef, bool borrowed)
{
    switch (ef->kind) {
    case PU_LINK_EF_UDP: send_datagrams(h, ef); break;
    case PU_LINK_EF_TCP_DIAL:
        /* Without memory no answer comes, and the link's own deadline ends the dial. */
        tcp_dial(h->streams,
                 &(tcp_target){ef->token, ef->local, ef->remote, ef->not_before, ef->deadline});
        break;
    case PU_LINK_EF_TCP_SEND:
        tcp_send(h->streams, ef->tcp, ef->body, (ef->flags & PU_LINK_FIN) != 0);
        break;
    case PU_LINK_EF_TCP_ROOM: tcp_room(h->streams, ef->tcp, ef->offset); break;
    case PU_LINK_EF_TCP_CLOSE:
        tcp_close(h->streams, ef->tcp, (ef->flags & PU_LINK_RESET) != 0);
        break;
    case PU_LINK_EF_INPUT:
        /* An input that is lost would leave the node waiting for ever: the host ends. */
        if (!inbox_put(&h->inputs, ef->input, borrowed)) h->is_stopped = true;
        break;
    }
}

static void step(pu_host *h, pu_link_in *in, pu_link_out *out, bool borrowed)
{
    in->now = h->now;
    int result = pu_link_step(h->link, in, out);
    PU_ASSERT(result == PU_OK || result == PU_EHANDLE); /* EHANDLE: it crossed a TCP_CLOSE */
    pu_link_ef ef;
    while (pu_link_out_next(out, &ef)) perform(h, &ef, borrowed);
}

void real_host_link_take(pu_host *h, pu_link_in *in)
{
    step(h, in, h->link_out, true);
    real_host_drain(h);
    pu_link_out_reset(h->link_out);
}

void real_host_link_effect(pu_host *h, const pu_ef *ef)
{
    step(h, &(pu_link_in){.kind = PU_LINK_IN_EFFECT, .effect = ef}, h->effect_out, false);
    pu_link_out_reset(h->effect_out);
}

/* ---- events ---- */

void real_host_on_udp(void *ctx, const udp_burst *burst)
{
    host_port *p = ctx;
    pu_host *h = p->owner;
    h->now = loop_now(h->l);
    if (p->until != PU_NEVER) p->until = h->now + HOST_PROBE_NS;
    real_host_link_take(h, &(pu_link_in){.kind = PU_LINK_IN_UDP,
                                         .socket = p->socket,
                                         .ecn = burst->ecn,
                                         .segment = burst->segment,
                                         .local = burst->local,
                                         .remote = burst->remote,
                                         .body = burst->body});
}

static void on_tcp_up(void *ctx, uint64_t handle, uint32_t token, const pu_endpoint *local,
                      const pu_endpoint *remote)
{
    pu_host *h = ctx;
    h->now = loop_now(h->l);
    real_host_link_take(h, &(pu_link_in){.kind = PU_LINK_IN_TCP_UP,
                                         .tcp = handle,
                                         .token = token,
                                         .local = *local,
                                         .remote = *remote});
}

static void on_tcp_data(void *ctx, uint64_t handle, pu_span bytes, bool fin)
{
    pu_host *h = ctx;
    h->now = loop_now(h->l);
    real_host_link_take(h, &(pu_link_in){.kind = PU_LINK_IN_TCP_DATA,
                                         .tcp = handle,
                                         .flags = fin ? PU_LINK_FIN : 0,
                                         .body = bytes});
}

static void on_tcp_room(void *ctx, uint64_t handle, uint64_t offset)
{
    pu_host *h = ctx;
    h->now = loop_now(h->l);
    real_host_link_take(
        h, &(pu_link_in){.kind = PU_LINK_IN_TCP_ROOM, .tcp = handle, .offset = offset});
}

static uint32_t code_of(int error)
{
    if (error == ETIMEDOUT) return PU_CODE_TIMEOUT;
    if (error == ECONNREFUSED) return PU_CODE_REFUSED;
    if (error == ECONNRESET || error == EPIPE) return PU_CODE_LOST;
    return error == ENOMEM || error == ENOBUFS ? PU_CODE_NO_MEMORY : PU_CODE_UNREACHABLE;
}

static void on_tcp_down(void *ctx, uint64_t handle, uint32_t token, int error)
{
    pu_host *h = ctx;
    h->now = loop_now(h->l);
    real_host_link_take(
        h, &(pu_link_in){
               .kind = PU_LINK_IN_TCP_DOWN, .tcp = handle, .token = token, .code = code_of(error)});
}

const tcp_events real_host_tcp_events = {
    .up = on_tcp_up, .data = on_tcp_data, .room = on_tcp_room, .down = on_tcp_down};
