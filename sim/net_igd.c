/* sim/net_igd.c - what a box says by UPnP: its description, and what comes of actions
 * (WANIPConnection:1 and 2), honest and otherwise.
 *
 * A host gets mappings for its own address alone, and may have several for one of its ports. As the
 * box's table has no place for it, a mapping's description is not kept: it is read back empty. Left
 * out: mappings for one remote host (fault 726), or that are kept but not enabled (501).
 */
#include "sim/net_igd.h"

#include "ident/decimal.h"
#include "wire/wire_igd_call.h"
#include "wire/wire_text.h"

enum {
    STATUS_OK = 200,
    STATUS_BAD = 400,
    STATUS_NO_SUCH = 404,
    STATUS_NO_METHOD = 405,
    STATUS_TOO_LONG = 413,
    STATUS_FAULT = 500
};

static const char control_path[] = "/ctl/IPConn";

void igd_put_udn(uint32_t box, pu_buf *out)
{
    text_put(out, "uuid:70656572-7570-4000-8000-");
    for (uint32_t digit = 1000000000; digit > 0; digit /= 10)
        buf_put_u8(out, (uint8_t)('0' + box / digit % 10));
}

uint32_t igd_version(const net_box *b)
{
    return (b->type->gateway & NAT_GATEWAY_UPNP2) != 0 ? 2 : 1;
}

/* Appends what b says of itself. */
static void describe(const net_box *b, uint32_t box, pu_buf *out)
{
    uint8_t memory[WIRE_IGD_UDN_MAX];
    pu_buf udn = buf_of(memory, sizeof memory);
    wire_igd d = {.count = 1};
    d.offers[0].service = igd_version(b) == 2 ? WIRE_IGD_IP2 : WIRE_IGD_IP1;
    d.offers[0].control.len = sizeof control_path - 1;
    memcpy(d.offers[0].control.bytes, control_path, sizeof control_path - 1);
    igd_put_udn(box, &udn);
    if (b->type->manner == NAT_GARBAGE)
        text_put(out, "<!DOCTYPE root [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;&a;&a;\">]>"
                      "<root><device>&b;</root></device>");
    else wire_igd_write(out, &d, igd_version(b), SPAN_LITERAL("Simulated router"), buf_span(&udn));
}

/* ---- actions ---- */

static bool is_any(const uint8_t ip[16])
{
    static const uint8_t anybody[16];
    return memcmp(ip, anybody, sizeof anybody) == 0;
}

static nat *table_of(const net_box *b, const wire_igd_call *m)
{
    return m->is_tcp ? b->tcp : b->udp;
}

/* When a lease ends: in version 2 after a week at most, as miniupnpd has it. */
static pu_time end_of(const net_box *b, pu_time now, uint32_t lease_s)
{
    bool is_long = lease_s == 0 || lease_s > WIRE_IGD_LEASE_MAX_S;
    pu_time end = lease_s == 0 ? PU_NEVER : now + lease_s * PU_S;
    if (is_long && igd_version(b) == 2) end = now + WIRE_IGD_LEASE_MAX_S * PU_S;
    pu_time soon = now + NAT_SHORT_S * PU_S;
    return b->type->manner == NAT_SHORT && end > soon ? soon : end;
}

static enum wire_igd_error try_add(net_box *b, pu_time now, const pu_endpoint *who,
                                   wire_igd_call *m)
{
    if (!is_any(m->remote_ip)) return WIRE_IGD_WILDCARD_HOST;
    if (m->external_port == 0) return WIRE_IGD_NO_WILDCARD_PORT;
    if (m->internal_port == 0) return WIRE_IGD_INVALID_ARGS;
    if (memcmp(m->internal_ip, who->ip, sizeof who->ip) != 0) return WIRE_IGD_NOT_AUTHORIZED;
    if (!m->is_enabled) return WIRE_IGD_ACTION_FAILED;
    if (b->type->manner == NAT_PERMANENT && m->lease_s != 0) return WIRE_IGD_ONLY_PERMANENT;
    if (b->type->manner == NAT_SAME_PORTS && m->external_port != m->internal_port)
        return WIRE_IGD_SAME_PORTS;
    if (b->type->manner == NAT_IDLE) return WIRE_IGD_OK;
    pu_endpoint inner = *who;
    inner.port = m->internal_port;
    switch (nat_forward(table_of(b, m), now, &inner, m->action == WIRE_IGD_ADD_ANY,
                        end_of(b, now, m->lease_s), &m->external_port)) {
    case NAT_PASS: return WIRE_IGD_OK;
    case NAT_FILTERED: return WIRE_IGD_CONFLICT;
    case NAT_NO_MAPPING:
    case NAT_BLOCKED: return WIRE_IGD_NO_MAPS;
    }
    PU_NEVER_HERE();
}

static enum wire_igd_error try_delete(net_box *b, pu_time now, const pu_endpoint *who,
                                      const wire_igd_call *m)
{
    pu_endpoint inner;
    pu_time until;
    if (b->type->manner == NAT_IDLE) return WIRE_IGD_OK;
    bool is_there = is_any(m->remote_ip) &&
                    nat_forwarded(table_of(b, m), now, m->external_port, &inner, &until);
    if (!is_there) return WIRE_IGD_NO_SUCH_ENTRY;
    if (memcmp(inner.ip, who->ip, sizeof who->ip) != 0) return WIRE_IGD_NOT_AUTHORIZED;
    nat_unforward(table_of(b, m), m->external_port);
    return WIRE_IGD_OK;
}

static enum wire_igd_error try_find(const net_box *b, pu_time now, wire_igd_call *m)
{
    pu_endpoint inner;
    pu_time until;
    bool is_there = is_any(m->remote_ip) &&
                    nat_forwarded(table_of(b, m), now, m->external_port, &inner, &until);
    if (!is_there) return WIRE_IGD_NO_SUCH_ENTRY;
    m->internal_port = inner.port;
    memcpy(m->internal_ip, inner.ip, sizeof m->internal_ip);
    m->is_enabled = true;
    m->lease_s = until == PU_NEVER ? 0 : (uint32_t)((until - now) / PU_S);
    return WIRE_IGD_OK;
}

/* What comes of m, which becomes its own answer. */
static enum wire_igd_error act(net_box *b, pu_time now, const pu_endpoint *who, wire_igd_call *m)
{
    bool is_spoken =
        m->service == WIRE_IGD_IP1 || (m->service == WIRE_IGD_IP2 && igd_version(b) == 2);
    if (!is_spoken || m->is_answer) return WIRE_IGD_INVALID_ACTION;
    if (b->type->manner == NAT_REFUSES) return WIRE_IGD_NOT_AUTHORIZED;
    switch (m->action) {
    case WIRE_IGD_ADD_ANY:
        if (m->service != WIRE_IGD_IP2) return WIRE_IGD_INVALID_ACTION;
        return try_add(b, now, who, m);
    case WIRE_IGD_ADD: return try_add(b, now, who, m);
    case WIRE_IGD_DELETE: return try_delete(b, now, who, m);
    case WIRE_IGD_FIND: return try_find(b, now, m);
    case WIRE_IGD_ADDRESS:
        memcpy(m->external_ip, gateway_address(b).ip, sizeof m->external_ip);
        return WIRE_IGD_OK;
    }
    PU_NEVER_HERE();
}

static void answer_action(net_box *b, pu_time now, const pu_endpoint *who, const wire_http_in *in,
                          pu_buf *out)
{
    wire_igd_call m, said;
    pu_span header;
    enum wire_igd_error error = wire_igd_call_read(&m, wire_http_in_body(in));
    if (error == WIRE_IGD_ACTION_FAILED) {
        wire_igd_respond(out, 0, STATUS_BAD);
        return;
    }
    bool has_header =
        wire_http_field(&in->head, "soapaction", &header) && wire_igd_header_read(&said, header);
    bool is_one = has_header && said.action == m.action && said.service == m.service;
    if (!is_one) error = WIRE_IGD_INVALID_ACTION;
    if (error == WIRE_IGD_OK) error = act(b, now, who, &m);
    m.is_answer = true;
    m.error = (uint16_t)error;
    wire_igd_call_write(out, &m);
    wire_igd_respond(out, 0, error == WIRE_IGD_OK ? STATUS_OK : STATUS_FAULT);
}

/* ---- requests ---- */

void igd_answer(net_box *b, uint32_t box, pu_time now, const pu_endpoint *who,
                const wire_http_in *in, pu_buf *out)
{
    bool is_good = in->state == WIRE_HTTP_DONE && !in->head.is_response;
    if (!is_good) {
        wire_igd_respond(out, 0, in->state == WIRE_HTTP_TOO_LONG ? STATUS_TOO_LONG : STATUS_BAD);
        return;
    }
    bool is_description = text_is(in->head.target, IGD_DESCRIPTION_PATH);
    bool is_control = text_is(in->head.target, control_path);
    bool gets = text_is(in->head.method, "GET"), posts = text_is(in->head.method, "POST");
    if (is_control && posts) {
        answer_action(b, now, who, in, out);
    } else if (is_description && gets) {
        describe(b, box, out);
        wire_igd_respond(out, 0, STATUS_OK);
    } else {
        wire_igd_respond(out, 0, is_description || is_control ? STATUS_NO_METHOD : STATUS_NO_SUCH);
    }
}
