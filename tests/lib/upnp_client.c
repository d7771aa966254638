/* tests/lib/upnp_client.c - see upnp_client.h. */
#include "tests/lib/upnp_client.h"

#include "peerup/ident.h"
#include "wire/wire_text.h"

enum { WAIT_S = 1, STATUS_OK = 200 };

static bool is_at(const wire_url *u, const pu_endpoint *gateway)
{
    return memcmp(u->at.ip, gateway->ip, sizeof gateway->ip) == 0;
}

/* Asks `to` for what is there, or by an action. False: no whole answer. */
static bool exchange(upnp_client *c, const wire_url *to, const wire_igd_call *m, pu_span *body)
{
    uint8_t memory[WIRE_IGD_CALL_WRITTEN_MAX];
    pu_buf out = buf_of(memory, sizeof memory);
    wire_http_in in;
    wire_igd_request(&out, to, m);
    PU_ASSERT(!out.full);
    wire_http_in_init(&in, c->memory, sizeof c->memory);
    c->io.exchange(c->io.ctx, &to->at, buf_span(&out), &in);
    c->ended = in.state;
    c->status = in.state == WIRE_HTTP_DONE ? in.head.status : 0;
    if (in.state != WIRE_HTTP_DONE || !in.head.is_response) return false;
    *body = wire_http_in_body(&in);
    return true;
}

enum upnp_found upnp_find(upnp_client *c, const upnp_io *io, const pu_endpoint *gateway,
                          const char *target, bool is_group)
{
    uint8_t memory[WIRE_SSDP_WRITTEN_MAX];
    pu_buf out = buf_of(memory, sizeof memory);
    const uint8_t *group = WIRE_SSDP_GROUP;
    pu_endpoint to = *gateway;
    pu_span body;
    *c = (upnp_client){.io = *io};
    wire_ssdp search = {.target = span_of(target, strlen(target)), .wait_s = is_group ? WAIT_S : 0};
    to.port = WIRE_SSDP_PORT;
    if (is_group) to = pu_endpoint_ip4(group[0], group[1], group[2], group[3], WIRE_SSDP_PORT);
    wire_ssdp_write(&out, &search, &to);
    PU_ASSERT(!out.full);
    size_t len = io->search(io->ctx, &to, buf_span(&out), c->datagram, sizeof c->datagram);
    bool is_read = wire_ssdp_read(&c->answer, span_of(c->datagram, len)) && c->answer.is_answer;
    if (!is_read) return UPNP_SILENT;
    if (!is_at(&c->answer.location, gateway)) return UPNP_ELSEWHERE;
    if (!exchange(c, &c->answer.location, NULL, &body) || c->status != STATUS_OK)
        return UPNP_UNREADABLE;
    if (!wire_igd_read(&c->description, body)) return UPNP_UNREADABLE;
    if (c->description.count == 0) return UPNP_NO_SERVICE;
    c->service = c->description.offers[0].service;
    if (!wire_igd_control(&c->control, &c->description, 0, &c->answer.location))
        return UPNP_UNREADABLE;
    return is_at(&c->control, gateway) ? UPNP_FOUND : UPNP_ELSEWHERE;
}

bool upnp_ask(upnp_client *c, wire_igd_call *m)
{
    pu_span body;
    if (m->service == WIRE_IGD_NONE) m->service = c->service;
    if (!exchange(c, &c->control, m, &body)) return false;
    return wire_igd_call_read(m, body) == WIRE_IGD_OK && m->is_answer;
}
