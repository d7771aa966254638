/* sim/net_gateway.c - a box as the gateway that its hosts ask for mappings: NAT-PMP (RFC 6886) and
 * PCP (RFC 6887: MAP and ANNOUNCE), honest and otherwise; UPnP is in net_upnp.c.
 *
 * It listens at the first address of its inside. Its epoch is 0 when the first host asks after it
 * has lost its mappings, so that a host that asked before sees it go back. Left out: the nonce of a
 * PCP mapping is not compared when another host asks for the same, multicast, THIRD_PARTY, PEER.
 */
#include "sim/net_impl.h"

#include "base/bytes.h"
#include "wire/wire_natpmp.h"
#include "wire/wire_pcp.h"

enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, ERROR_S = 30, RESPONSE_BIT = 0x80 };

/* What a host asks for, in either protocol, and what comes of it. */
typedef struct wish {
    enum nat_protocol protocol;
    pu_endpoint inner;
    uint16_t external_port;
    bool is_strict; /* that port, or none */
    uint32_t lifetime_s;
    bool is_granted;
    pu_endpoint outer;
} wish;

bool gateway_is_meant(const net *n, uint32_t box, const datagram *d)
{
    const net_box *b = &n->boxes[box];
    if (b->type->gateway == 0) return false;
    pu_endpoint at = realm_gateway(&b->inside);
    at.port = d->to.port;
    bool is_own = pu_endpoint_equal(&at, &d->to);
    if ((b->type->gateway & NAT_GATEWAY_IGD) != 0 && upnp_is_meant(d, is_own)) return true;
    bool has_others = (b->type->gateway & (NAT_GATEWAY_PMP | NAT_GATEWAY_PCP)) != 0;
    return has_others && is_own && d->carriage == NET_UDP && d->to.port == WIRE_NATPMP_PORT;
}

static uint32_t epoch_s(net_box *b, pu_time now)
{
    if (!b->has_epoch) b->epoch = now;
    b->has_epoch = true;
    return (uint32_t)((now - b->epoch) / PU_S);
}

pu_endpoint gateway_address(const net_box *b)
{
    pu_endpoint e = nat_external(b->udp);
    if (b->type->manner == NAT_PRIVATE) return pu_endpoint_ip4(10, 0, 0, 1, 0);
    if (b->type->manner == NAT_WRONG) e.ip[13] ^= 1;
    return e;
}

static void grant(net_box *b, pu_time now, wish *w)
{
    uint32_t most = b->type->manner == NAT_SHORT ? NAT_SHORT_S : NAT_LIFETIME_MAX_S;
    if (w->lifetime_s > most) w->lifetime_s = most;
    w->outer = gateway_address(b);
    w->outer.port = w->external_port != 0 ? w->external_port : w->inner.port;
    w->is_granted = true;
    if (w->lifetime_s == 0) w->outer.port = 0;
    if (b->type->manner == NAT_IDLE) return;
    nat *table = w->protocol == NAT_UDP ? b->udp : b->tcp;
    if (w->lifetime_s == 0) {
        if (w->inner.port == 0) nat_unmap_host(table, &w->inner);
        else nat_unmap(table, &w->inner);
        return;
    }
    pu_endpoint outer;
    pu_time until = now + w->lifetime_s * PU_S;
    w->is_granted =
        nat_map(table, now, &w->inner, w->external_port, w->is_strict, until, &outer) == NAT_PASS;
    if (!w->is_granted) return;
    if (b->type->manner == NAT_PRIVATE || b->type->manner == NAT_WRONG) w->outer.port = outer.port;
    else w->outer = outer;
}

/* ---- NAT-PMP ---- */

static void answer_map(net_box *b, pu_time now, const datagram *d, wire_natpmp *m)
{
    wish w = {.protocol = m->op == WIRE_NATPMP_MAP_UDP ? NAT_UDP : NAT_TCP,
              .inner = d->from,
              .external_port = m->external_port,
              .lifetime_s = m->lifetime_s};
    w.inner.port = m->internal_port;
    if (m->internal_port == 0 && m->lifetime_s > 0) { /* with 0 all of its mappings go */
        m->result = WIRE_NATPMP_REFUSED;
        return;
    }
    grant(b, now, &w);
    m->external_port = w.outer.port;
    m->lifetime_s = w.lifetime_s;
    if (!w.is_granted) m->result = WIRE_NATPMP_NO_RESOURCES;
}

static void answer_natpmp(net_box *b, pu_time now, const datagram *d, pu_buf *out)
{
    wire_natpmp m;
    if (!wire_natpmp_read(&m, span_of(d->bytes, d->len)) || m.is_response) return;
    m.is_response = true;
    m.epoch_s = epoch_s(b, now);
    if (m.op > WIRE_NATPMP_MAP_TCP) m.result = WIRE_NATPMP_BAD_OP;
    else if (b->type->manner == NAT_REFUSES) m.result = WIRE_NATPMP_REFUSED;
    else if (m.op == WIRE_NATPMP_ADDRESS) memcpy(m.external_ip, gateway_address(b).ip + 12, 4);
    else answer_map(b, now, d, &m);
    wire_natpmp_write(out, &m);
}

/* ---- PCP ---- */

static enum wire_pcp_result try_map(net_box *b, pu_time now, const datagram *d, wire_pcp *m)
{
    if (m->protocol != PROTOCOL_UDP && m->protocol != PROTOCOL_TCP) return WIRE_PCP_UNSUPP_PROTOCOL;
    if (m->internal_port == 0) return WIRE_PCP_MALFORMED_REQUEST;
    wish w = {.protocol = m->protocol == PROTOCOL_UDP ? NAT_UDP : NAT_TCP,
              .inner = d->from,
              .external_port = m->external_port,
              .is_strict = m->prefers_failure,
              .lifetime_s = m->lifetime_s};
    w.inner.port = m->internal_port;
    grant(b, now, &w);
    if (!w.is_granted)
        return m->prefers_failure ? WIRE_PCP_CANNOT_PROVIDE_EXTERNAL : WIRE_PCP_NO_RESOURCES;
    m->lifetime_s = w.lifetime_s;
    m->external_port = w.outer.port;
    memcpy(m->external_ip, w.outer.ip, sizeof m->external_ip);
    return WIRE_PCP_OK;
}

static enum wire_pcp_result try_pcp(net_box *b, pu_time now, const datagram *d, wire_pcp *m)
{
    if (m->op > WIRE_PCP_MAP) return WIRE_PCP_UNSUPP_OPCODE;
    if (m->has_unknown_option) return WIRE_PCP_UNSUPP_OPTION;
    if (memcmp(m->client_ip, d->from.ip, sizeof m->client_ip) != 0)
        return WIRE_PCP_ADDRESS_MISMATCH;
    if (b->type->manner == NAT_REFUSES) return WIRE_PCP_NOT_AUTHORIZED;
    return m->op == WIRE_PCP_MAP ? try_map(b, now, d, m) : WIRE_PCP_OK;
}

/* A datagram with the bit of a response, or too short to have one, is not answered (RFC 6887
 * section 8.3). */
static bool is_question(const datagram *d)
{
    return d->len >= 2 && (d->bytes[1] & RESPONSE_BIT) == 0;
}

static void answer_pcp(net_box *b, pu_time now, const datagram *d, pu_buf *out)
{
    wire_pcp m;
    if (!is_question(d)) return;
    if (wire_pcp_read(&m, span_of(d->bytes, d->len))) {
        m.result = (uint8_t)try_pcp(b, now, d, &m);
    } else {
        m = (wire_pcp){.op = d->bytes[1], .result = WIRE_PCP_MALFORMED_REQUEST};
    }
    m.is_response = true;
    m.epoch_s = epoch_s(b, now);
    if (m.result != WIRE_PCP_OK) m.lifetime_s = ERROR_S;
    wire_pcp_write(out, &m);
}

/* A gateway that does not speak what it is asked in says so in what it does speak (RFC 6886 section
 * 3.5, RFC 6887 section 9). */
static void answer_version(net_box *b, pu_time now, pu_buf *out)
{
    if ((b->type->gateway & NAT_GATEWAY_PCP) != 0) {
        wire_pcp m = {.is_response = true, .result = WIRE_PCP_UNSUPP_VERSION};
        m.lifetime_s = ERROR_S;
        m.epoch_s = epoch_s(b, now);
        wire_pcp_write(out, &m);
        return;
    }
    wire_natpmp m = {.is_response = true, .result = WIRE_NATPMP_BAD_VERSION};
    m.epoch_s = epoch_s(b, now);
    wire_natpmp_write(out, &m);
}

void gateway_send(net *n, pu_time now, uint32_t box, uint16_t port, const pu_endpoint *to,
                  enum net_carriage carriage, pu_span bytes)
{
    const net_box *b = &n->boxes[box];
    bool is_slow = carriage == NET_UDP && b->type->manner == NAT_SLOW;
    datagram a = {.id = ++n->sent,
                  .from = realm_gateway(&b->inside),
                  .to = *to,
                  .len = (uint32_t)bytes.len,
                  .from_host = NET_NONE,
                  .realm = box,
                  .carriage = carriage,
                  .is_local = true};
    a.from.port = port;
    way_record(n, now, &a, NET_NONE, box, NET_SENT);
    net_put(n, now + NET_LAN_NS + (is_slow ? NAT_SLOW_NS : 0), &a, bytes);
}

/* d is a word of NAT-PMP, PCP, or neither. */
static void answer(net *n, pu_time now, const datagram *d)
{
    net_box *b = &n->boxes[d->realm];
    uint8_t bytes[WIRE_PCP_WRITTEN_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    if (d->len == 0) return;
    bool speaks_pmp = (b->type->gateway & NAT_GATEWAY_PMP) != 0;
    bool speaks_pcp = (b->type->gateway & NAT_GATEWAY_PCP) != 0;
    if (d->bytes[0] == WIRE_NATPMP_VERSION && speaks_pmp) answer_natpmp(b, now, d, &out);
    else if (d->bytes[0] == WIRE_PCP_VERSION && speaks_pcp) answer_pcp(b, now, d, &out);
    else if (is_question(d)) answer_version(b, now, &out);
    PU_ASSERT(!out.full);
    if (out.len > 0) gateway_send(n, now, d->realm, d->to.port, &d->from, NET_UDP, buf_span(&out));
}

void gateway_take(net *n, pu_time now, const datagram *d)
{
    way_record(n, now, d, NET_NONE, d->realm, NET_DELIVERED);
    if (d->carriage == NET_UDP && d->to.port == WIRE_NATPMP_PORT) answer(n, now, d);
    else upnp_take(n, now, d);
}
