/* tests/lib/upnp_client.c - see upnp_client.h. */
#include "tests/lib/upnp_client.h"

#include "peerup/ident.h"
#include "wire/wire_text.h"

enum { WAIT_S = 1, STATUS_OK = 200, SLACK_S = 30, WEEK_S = WIRE_IGD_LEASE_MAX_S };

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

/* One question, and what is mapped at that port after it. */
typedef struct step {
    const char *what;
    enum wire_igd_action action;
    uint16_t outer, inner;
    uint32_t lease_s;
    bool is_tcp;
    enum wire_igd_error error;
    uint16_t found;  /* inner port; 0: nothing */
    uint32_t left_s; /* of its lease */
} step;

static const step steps[] = {
    {"nothing is there", WIRE_IGD_FIND, 8090, 0, 0, false, WIRE_IGD_NO_SUCH_ENTRY, 0, 0},
    {"port 0", WIRE_IGD_ADD, 0, 4001, 600, false, WIRE_IGD_NO_WILDCARD_PORT, 0, 0},
    {"a port", WIRE_IGD_ADD, 8090, 4001, 600, false, WIRE_IGD_OK, 4001, 600},
    {"the same, another lease", WIRE_IGD_ADD, 8090, 4001, 60, false, WIRE_IGD_OK, 4001, 60},
    {"the same, to another port", WIRE_IGD_ADD, 8090, 4002, 600, false, WIRE_IGD_OK, 4002, 600},
    {"without end", WIRE_IGD_ADD, 8090, 4002, 0, false, WIRE_IGD_OK, 4002, WEEK_S},
    {"more than a week", WIRE_IGD_ADD, 8090, 4002, WEEK_S + 1, false, WIRE_IGD_OK, 4002, WEEK_S},
    {"a second one", WIRE_IGD_ADD, 8091, 4002, 600, false, WIRE_IGD_OK, 4002, 600},
    {"any port", WIRE_IGD_ADD_ANY, 8092, 4003, 600, false, WIRE_IGD_OK, 4003, 600},
    {"of TCP", WIRE_IGD_ADD, 8090, 4001, 600, true, WIRE_IGD_OK, 4001, 600},
    {"given back", WIRE_IGD_DELETE, 8090, 0, 0, false, WIRE_IGD_OK, 0, 0},
    {"that of TCP is still there", WIRE_IGD_FIND, 8090, 0, 0, true, WIRE_IGD_OK, 4001, 600},
    {"the second one is still there", WIRE_IGD_FIND, 8091, 0, 0, false, WIRE_IGD_OK, 4002, 600},
    {"of TCP, given back", WIRE_IGD_DELETE, 8090, 0, 0, true, WIRE_IGD_OK, 0, 0},
    {"the second one, given back", WIRE_IGD_DELETE, 8091, 0, 0, false, WIRE_IGD_OK, 0, 0},
    {"any port, given back", WIRE_IGD_DELETE, 8092, 0, 0, false, WIRE_IGD_OK, 0, 0},
};

static bool play_one(upnp_client *c, const step *s, const pu_endpoint *own)
{
    wire_igd_call m = {.action = s->action,
                       .is_enabled = true,
                       .is_tcp = s->is_tcp,
                       .external_port = s->outer,
                       .internal_port = s->inner,
                       .lease_s = s->lease_s};
    wire_igd_call found = {.action = WIRE_IGD_FIND, .is_tcp = s->is_tcp, .external_port = s->outer};
    memcpy(m.internal_ip, own->ip, sizeof m.internal_ip);
    if (!upnp_ask(c, &m) || m.error != s->error) return false;
    if (s->action == WIRE_IGD_ADD_ANY && m.external_port != s->outer) return false;
    if (s->outer == 0) return true;
    if (!upnp_ask(c, &found)) return false;
    if (s->found == 0) return found.error == WIRE_IGD_NO_SUCH_ENTRY;
    return found.error == WIRE_IGD_OK && found.internal_port == s->found &&
           memcmp(found.internal_ip, own->ip, sizeof own->ip) == 0 && found.lease_s <= s->left_s &&
           found.lease_s + SLACK_S >= s->left_s;
}

const char *upnp_play(upnp_client *c, const pu_endpoint *own)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (!play_one(c, &steps[i], own)) return steps[i].what;
    return NULL;
}
