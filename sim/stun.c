/* sim/stun.c - STUN's header, and the three attributes of behaviour discovery. */
#include "sim/stun.h"

#include "base/bytes.h"

#include <string.h>

enum {
    HEADER_BYTES = 20,
    TYPE_REQUEST = 0x0001,
    TYPE_SUCCESS = 0x0101,
    ATTR_CHANGE_REQUEST = 0x0003,
    ATTR_XOR_MAPPED_ADDRESS = 0x0020,
    ATTR_OTHER_ADDRESS = 0x802c,
    CHANGE_IP = 4,
    CHANGE_PORT = 2,
    FAMILY_IP4 = 1,
    FAMILY_IP6 = 2,
    ADDRESS4_BYTES = 8,
    ADDRESS6_BYTES = 20
};

static const uint8_t cookie[4] = {0x21, 0x12, 0xa4, 0x42};
static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

/* What an address is mixed with: the cookie, then the transaction id. */
static void mask_of(const uint8_t id[STUN_ID_BYTES], uint8_t mask[16])
{
    memcpy(mask, cookie, sizeof cookie);
    memcpy(mask + sizeof cookie, id, STUN_ID_BYTES);
}

static uint8_t *put_head(uint8_t *at, uint16_t type, uint16_t len)
{
    store_be16(at, type);
    store_be16(at + 2, len);
    return at + 4;
}

/* mask: NULL for an address as it is. */
static uint8_t *put_address(uint8_t *at, uint16_t type, const pu_endpoint *e, const uint8_t *mask)
{
    bool is_ip4 = memcmp(e->ip, mapped_prefix, sizeof mapped_prefix) == 0;
    const uint8_t *ip = is_ip4 ? e->ip + sizeof mapped_prefix : e->ip;
    size_t len = is_ip4 ? 4 : 16;
    at = put_head(at, type, is_ip4 ? ADDRESS4_BYTES : ADDRESS6_BYTES);
    *at++ = 0;
    *at++ = is_ip4 ? FAMILY_IP4 : FAMILY_IP6;
    store_be16(at, (uint16_t)(mask != NULL ? e->port ^ load_be16(mask) : e->port));
    at += 2;
    for (size_t i = 0; i < len; i++) *at++ = mask != NULL ? ip[i] ^ mask[i] : ip[i];
    return at;
}

size_t stun_write(uint8_t out[STUN_MAX], const stun_message *m)
{
    uint8_t mask[16];
    uint8_t *at = out + HEADER_BYTES;
    mask_of(m->id, mask);
    if (!m->is_response && (m->change_ip || m->change_port)) {
        at = put_head(at, ATTR_CHANGE_REQUEST, 4);
        store_be32(at, (m->change_ip ? CHANGE_IP : 0u) | (m->change_port ? CHANGE_PORT : 0u));
        at += 4;
    }
    if (m->is_response && m->mapped.port != 0)
        at = put_address(at, ATTR_XOR_MAPPED_ADDRESS, &m->mapped, mask);
    if (m->is_response && m->other.port != 0)
        at = put_address(at, ATTR_OTHER_ADDRESS, &m->other, NULL);
    put_head(out, m->is_response ? TYPE_SUCCESS : TYPE_REQUEST,
             (uint16_t)(at - out - HEADER_BYTES));
    memcpy(out + 4, cookie, sizeof cookie);
    memcpy(out + 8, m->id, sizeof m->id);
    PU_ASSERT(at <= out + STUN_MAX);
    return (size_t)(at - out);
}

static bool read_address(pu_endpoint *e, pu_span value, const uint8_t *mask)
{
    if (value.len != ADDRESS4_BYTES && value.len != ADDRESS6_BYTES) return false;
    bool is_ip4 = value.len == ADDRESS4_BYTES;
    if (value.base[1] != (is_ip4 ? FAMILY_IP4 : FAMILY_IP6)) return false;
    uint8_t *ip = is_ip4 ? e->ip + sizeof mapped_prefix : e->ip;
    if (is_ip4) memcpy(e->ip, mapped_prefix, sizeof mapped_prefix);
    for (size_t i = 0; i < value.len - 4; i++)
        ip[i] = mask != NULL ? value.base[4 + i] ^ mask[i] : value.base[4 + i];
    e->port = load_be16(value.base + 2);
    if (mask != NULL) e->port ^= load_be16(mask);
    return true;
}

/* One attribute. False: it is damaged. */
static bool read_attribute(stun_message *m, uint16_t type, pu_span value)
{
    uint8_t mask[16];
    mask_of(m->id, mask);
    switch (type) {
    case ATTR_CHANGE_REQUEST:
        if (value.len != 4) return false;
        m->change_ip = (value.base[3] & CHANGE_IP) != 0;
        m->change_port = (value.base[3] & CHANGE_PORT) != 0;
        return true;
    case ATTR_XOR_MAPPED_ADDRESS: return read_address(&m->mapped, value, mask);
    case ATTR_OTHER_ADDRESS: return read_address(&m->other, value, NULL);
    default: return true;
    }
}

bool stun_read(stun_message *m, pu_span bytes)
{
    *m = (stun_message){0};
    if (bytes.len < HEADER_BYTES || memcmp(bytes.base + 4, cookie, sizeof cookie) != 0)
        return false;
    uint16_t type = load_be16(bytes.base);
    if (type != TYPE_REQUEST && type != TYPE_SUCCESS) return false;
    if (load_be16(bytes.base + 2) != bytes.len - HEADER_BYTES) return false;
    m->is_response = type == TYPE_SUCCESS;
    memcpy(m->id, bytes.base + 8, sizeof m->id);
    for (size_t at = HEADER_BYTES; at < bytes.len;) {
        if (bytes.len - at < 4) return false;
        size_t len = load_be16(bytes.base + at + 2), padded = (len + 3) & ~(size_t)3;
        if (padded > bytes.len - at - 4) return false;
        pu_span value = {bytes.base + at + 4, len};
        if (!read_attribute(m, load_be16(bytes.base + at), value)) return false;
        at += 4 + padded;
    }
    return true;
}
