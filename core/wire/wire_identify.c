/* wire/wire_identify.c - the Identify message: what a peer says about itself and about us.
 *
 * Fields are written in the order in which js-libp2p writes them and read in any; a field of an
 * unexpected wire type is an unknown field.
 */
#include "wire/wire_identify.h"

enum {
    PUBLIC_KEY = 1,
    LISTEN_ADDR = 2,
    PROTOCOL = 3,
    OBSERVED_ADDR = 4,
    PROTOCOL_VERSION = 5,
    AGENT_VERSION = 6,
    SIGNED_RECORD = 8
};

static void append(pu_span *list, uint32_t *count, uint32_t max, pu_span item)
{
    PU_ASSERT(*count <= max);
    if (*count < max) list[(*count)++] = item;
}

static void take_field(wire_identify *m, const pb_field *f)
{
    switch (f->no) {
    case PUBLIC_KEY: m->public_key = f->bytes; break;
    case LISTEN_ADDR: append(m->addrs, &m->addr_count, WIRE_IDENTIFY_ADDRS_MAX, f->bytes); break;
    case PROTOCOL:
        append(m->protocols, &m->protocol_count, WIRE_IDENTIFY_PROTOCOLS_MAX, f->bytes);
        break;
    case OBSERVED_ADDR: m->observed = f->bytes; break;
    case PROTOCOL_VERSION: m->protocol_version = f->bytes; break;
    case AGENT_VERSION: m->agent_version = f->bytes; break;
    case SIGNED_RECORD: m->signed_record = f->bytes; break;
    default: break;
    }
}

bool wire_identify_read(wire_identify *m, pu_span message)
{
    PU_ASSERT(m != NULL);
    pb_in in = pb_in_of(message);
    for (pb_field f; pb_next(&in, &f);) {
        if (f.wire == PB_BYTES) take_field(m, &f);
    }
    return !in.bad;
}

static void put_if_any(pu_buf *out, uint32_t no, pu_span bytes)
{
    if (bytes.len > 0) pb_put_bytes(out, no, bytes);
}

void wire_identify_write(pu_buf *out, const wire_identify *m)
{
    PU_ASSERT(m->addr_count <= WIRE_IDENTIFY_ADDRS_MAX);
    PU_ASSERT(m->protocol_count <= WIRE_IDENTIFY_PROTOCOLS_MAX);
    put_if_any(out, PROTOCOL_VERSION, m->protocol_version);
    put_if_any(out, AGENT_VERSION, m->agent_version);
    put_if_any(out, PUBLIC_KEY, m->public_key);
    for (uint32_t i = 0; i < m->addr_count; i++) pb_put_bytes(out, LISTEN_ADDR, m->addrs[i]);
    put_if_any(out, OBSERVED_ADDR, m->observed);
    for (uint32_t i = 0; i < m->protocol_count; i++) pb_put_bytes(out, PROTOCOL, m->protocols[i]);
    put_if_any(out, SIGNED_RECORD, m->signed_record);
}
