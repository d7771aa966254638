/* wire/wire_record.c - PeerRecord and ReservationVoucher. A field of an unexpected wire type is an
 * unknown field. */
#include "wire/wire_record.h"

enum { RECORD_PEER = 1, RECORD_SEQ = 2, RECORD_ADDR = 3 };
enum { ADDR_MADDR = 1 };
enum { VOUCHER_RELAY = 1, VOUCHER_PEER = 2, VOUCHER_EXPIRATION = 3 };

/* An AddressInfo: one multiaddr in a message of its own; without it, it says nothing. */
static bool read_addr(wire_peer_record *m, pu_span message)
{
    PU_ASSERT(m->addr_count <= WIRE_RECORD_ADDRS_MAX);
    pu_span maddr = span_of(NULL, 0);
    pb_in in = pb_in_of(message);
    for (pb_field f; pb_next(&in, &f);)
        if (f.no == ADDR_MADDR && f.wire == PB_BYTES) maddr = f.bytes;
    if (maddr.len > 0 && m->addr_count < WIRE_RECORD_ADDRS_MAX) m->addrs[m->addr_count++] = maddr;
    return !in.bad;
}

bool wire_peer_record_read(wire_peer_record *m, pu_span payload)
{
    PU_ASSERT(m != NULL);
    m->peer_id = span_of(NULL, 0);
    m->seq = 0;
    m->addr_count = 0;
    pb_in in = pb_in_of(payload);
    for (pb_field f; pb_next(&in, &f);) {
        if (f.no == RECORD_PEER && f.wire == PB_BYTES) m->peer_id = f.bytes;
        if (f.no == RECORD_SEQ && f.wire == PB_VARINT) m->seq = f.num;
        if (f.no == RECORD_ADDR && f.wire == PB_BYTES && !read_addr(m, f.bytes)) return false;
    }
    return !in.bad && m->peer_id.len > 0;
}

bool wire_voucher_read(wire_voucher *m, pu_span payload)
{
    PU_ASSERT(m != NULL);
    *m = (wire_voucher){.expire_s = 0};
    pb_in in = pb_in_of(payload);
    for (pb_field f; pb_next(&in, &f);) {
        if (f.no == VOUCHER_RELAY && f.wire == PB_BYTES) m->relay = f.bytes;
        if (f.no == VOUCHER_PEER && f.wire == PB_BYTES) m->peer = f.bytes;
        if (f.no == VOUCHER_EXPIRATION && f.wire == PB_VARINT) m->expire_s = f.num;
    }
    return !in.bad && m->relay.len > 0 && m->peer.len > 0;
}

void wire_peer_record_write(pu_buf *out, const wire_peer_record *m)
{
    PU_ASSERT(m->addr_count <= WIRE_RECORD_ADDRS_MAX);
    pb_put_bytes(out, RECORD_PEER, m->peer_id);
    if (m->seq > 0) pb_put_uint(out, RECORD_SEQ, m->seq);
    for (uint32_t i = 0; i < m->addr_count; i++) {
        size_t mark = pb_open(out, RECORD_ADDR);
        pb_put_bytes(out, ADDR_MADDR, m->addrs[i]);
        pb_close(out, mark);
    }
}

void wire_voucher_write(pu_buf *out, const wire_voucher *m)
{
    PU_ASSERT(m->relay.len > 0);
    pb_put_bytes(out, VOUCHER_RELAY, m->relay);
    pb_put_bytes(out, VOUCHER_PEER, m->peer);
    if (m->expire_s > 0) pb_put_uint(out, VOUCHER_EXPIRATION, m->expire_s);
}
