/* wire/wire_natpmp.c - fixed layouts: what the op says follows a head of 2 bytes, in responses
 * of 8.
 */
#include "wire/wire_natpmp.h"

enum { RESPONSE_BIT = 0x80, REQUEST_HEAD = 2, RESPONSE_HEAD = 8, ADDRESS_BYTES = 4 };

/* Bytes behind the head, of both MAPs; a request has a reserved word before them. */
enum { MAP_RESERVED = 2, MAP_BYTES = 8 };

static bool is_map(uint8_t op)
{
    return op == WIRE_NATPMP_MAP_UDP || op == WIRE_NATPMP_MAP_TCP;
}

static void read_map(wire_natpmp *m, const uint8_t *at)
{
    m->internal_port = load_be16(at);
    m->external_port = load_be16(at + 2);
    m->lifetime_s = load_be32(at + 4);
}

static bool read_request(wire_natpmp *m, pu_span datagram)
{
    if (!is_map(m->op)) return true;
    if (datagram.len < REQUEST_HEAD + MAP_RESERVED + MAP_BYTES) return false;
    read_map(m, datagram.base + REQUEST_HEAD + MAP_RESERVED);
    return true;
}

static bool read_response(wire_natpmp *m, pu_span datagram)
{
    if (datagram.len < RESPONSE_HEAD) return false;
    m->result = load_be16(datagram.base + 2);
    m->epoch_s = load_be32(datagram.base + 4);
    pu_span rest = span_skip(datagram, RESPONSE_HEAD);
    bool is_granted = m->result == WIRE_NATPMP_OK;
    if (is_map(m->op)) {
        if (rest.len < MAP_BYTES) return !is_granted; /* refusals may end early */
        read_map(m, rest.base);
        return true;
    }
    if (m->op != WIRE_NATPMP_ADDRESS) return !is_granted;
    if (rest.len < ADDRESS_BYTES) return !is_granted;
    memcpy(m->external_ip, rest.base, ADDRESS_BYTES);
    return true;
}

bool wire_natpmp_read(wire_natpmp *m, pu_span datagram)
{
    PU_ASSERT(m != NULL);
    *m = (wire_natpmp){0};
    if (datagram.len < REQUEST_HEAD || datagram.base[0] != WIRE_NATPMP_VERSION) return false;
    m->is_response = (datagram.base[1] & RESPONSE_BIT) != 0;
    m->op = (uint8_t)(datagram.base[1] & ~RESPONSE_BIT);
    return m->is_response ? read_response(m, datagram) : read_request(m, datagram);
}

void wire_natpmp_write(pu_buf *out, const wire_natpmp *m)
{
    uint8_t bytes[WIRE_NATPMP_MAX] = {WIRE_NATPMP_VERSION};
    PU_ASSERT(m->op < RESPONSE_BIT);
    PU_ASSERT(m->op <= WIRE_NATPMP_MAP_TCP || !m->is_response || m->result != WIRE_NATPMP_OK);
    size_t len = m->is_response ? RESPONSE_HEAD : REQUEST_HEAD;
    bytes[1] = m->op;
    if (m->is_response) {
        bytes[1] |= RESPONSE_BIT;
        store_be16(bytes + 2, m->result);
        store_be32(bytes + 4, m->epoch_s);
    }
    if (is_map(m->op)) {
        if (!m->is_response) len += MAP_RESERVED;
        store_be16(bytes + len, m->internal_port);
        store_be16(bytes + len + 2, m->external_port);
        store_be32(bytes + len + 4, m->lifetime_s);
        len += MAP_BYTES;
    } else if (m->op == WIRE_NATPMP_ADDRESS && m->is_response) {
        memcpy(bytes + len, m->external_ip, ADDRESS_BYTES);
        len += ADDRESS_BYTES;
    }
    buf_put(out, bytes, len);
}
