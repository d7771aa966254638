/* wire/wire_pcp.c - a head of 24 bytes, 36 of MAP, then options of a code, a length and padded
 * bytes.
 */
#include "wire/wire_pcp.h"

enum {
    RESPONSE_BIT = 0x80,
    HEAD_BYTES = 24,
    MAP_BYTES = 36,
    OPTION_HEAD = 4,
    OPTION_PREFER_FAILURE = 2,
    OPTION_OPTIONAL = 0x80 /* who does not know it passes it over */
};

/* Where things are: of the head, then of MAP. */
enum { AT_RESULT = 3, AT_LIFETIME = 4, AT_EPOCH = 8, AT_CLIENT = 8 };
enum { AT_PROTOCOL = 12, AT_INTERNAL = 16, AT_EXTERNAL = 18, AT_ADDRESS = 20 };

static void read_map(wire_pcp *m, const uint8_t *at)
{
    memcpy(m->nonce, at, sizeof m->nonce);
    m->protocol = at[AT_PROTOCOL];
    m->internal_port = load_be16(at + AT_INTERNAL);
    m->external_port = load_be16(at + AT_EXTERNAL);
    memcpy(m->external_ip, at + AT_ADDRESS, sizeof m->external_ip);
}

static bool read_options(wire_pcp *m, pu_span rest)
{
    while (rest.len > 0) {
        PU_ASSERT(rest.len >= OPTION_HEAD); /* all lengths are multiples of four */
        uint8_t code = rest.base[0];
        size_t padded = (size_t)OPTION_HEAD + (load_be16(rest.base + 2) + 3u) / 4 * 4;
        if (padded > rest.len) return false;
        if (code == OPTION_PREFER_FAILURE && padded == OPTION_HEAD) m->prefers_failure = true;
        else if (code < OPTION_OPTIONAL) m->has_unknown_option = true;
        rest = span_skip(rest, padded);
    }
    return true;
}

bool wire_pcp_read(wire_pcp *m, pu_span datagram)
{
    PU_ASSERT(m != NULL);
    *m = (wire_pcp){0};
    const uint8_t *at = datagram.base;
    if (datagram.len < HEAD_BYTES || datagram.len > WIRE_PCP_DATAGRAM_MAX) return false;
    if (datagram.len % 4 != 0 || at[0] != WIRE_PCP_VERSION) return false;
    m->is_response = (at[1] & RESPONSE_BIT) != 0;
    m->op = (uint8_t)(at[1] & ~RESPONSE_BIT);
    m->lifetime_s = load_be32(at + AT_LIFETIME);
    if (m->is_response) {
        m->result = at[AT_RESULT];
        m->epoch_s = load_be32(at + AT_EPOCH);
    } else {
        memcpy(m->client_ip, at + AT_CLIENT, sizeof m->client_ip);
    }
    pu_span rest = span_skip(datagram, HEAD_BYTES);
    if (m->op > WIRE_PCP_MAP) return true;
    if (m->op == WIRE_PCP_MAP) {
        if (rest.len < MAP_BYTES) return false;
        read_map(m, rest.base);
        rest = span_skip(rest, MAP_BYTES);
    }
    return read_options(m, rest);
}

void wire_pcp_write(pu_buf *out, const wire_pcp *m)
{
    uint8_t bytes[WIRE_PCP_WRITTEN_MAX] = {WIRE_PCP_VERSION, m->op};
    size_t len = HEAD_BYTES;
    PU_ASSERT(m->op <= WIRE_PCP_MAP || (m->is_response && m->result != WIRE_PCP_OK));
    PU_ASSERT(m->op < RESPONSE_BIT);
    store_be32(bytes + AT_LIFETIME, m->lifetime_s);
    if (m->is_response) {
        bytes[1] |= RESPONSE_BIT;
        bytes[AT_RESULT] = m->result;
        store_be32(bytes + AT_EPOCH, m->epoch_s);
    } else {
        memcpy(bytes + AT_CLIENT, m->client_ip, sizeof m->client_ip);
    }
    if (m->op == WIRE_PCP_MAP) {
        uint8_t *at = bytes + HEAD_BYTES;
        memcpy(at, m->nonce, sizeof m->nonce);
        at[AT_PROTOCOL] = m->protocol;
        store_be16(at + AT_INTERNAL, m->internal_port);
        store_be16(at + AT_EXTERNAL, m->external_port);
        memcpy(at + AT_ADDRESS, m->external_ip, sizeof m->external_ip);
        len += MAP_BYTES;
        if (m->prefers_failure) {
            bytes[len] = OPTION_PREFER_FAILURE;
            len += OPTION_HEAD;
        }
    }
    buf_put(out, bytes, len);
}
