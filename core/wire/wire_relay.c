/* wire/wire_relay.c - circuit relay v2: HopMessage and StopMessage.
 *
 * The two differ in where their fields stand, so one reader and one writer work from a table of
 * field numbers. type is written even when it is 0: the schema marks it as explicit, and other
 * stacks miss it. A field of an unexpected wire type is an unknown field.
 */
#include "wire/wire_relay.h"

/* Field numbers of one kind of message; 0 = it has no such field. */
typedef struct layout {
    uint32_t type, peer, reservation, limit, status;
} layout;

static const layout hop = {.type = 1, .peer = 2, .reservation = 3, .limit = 4, .status = 5};
static const layout stop = {.type = 1, .peer = 2, .reservation = 0, .limit = 3, .status = 4};

enum { PEER_ID = 1 };
enum { RESERVATION_EXPIRE = 1, RESERVATION_ADDR = 2, RESERVATION_VOUCHER = 3 };
enum { LIMIT_DURATION = 1, LIMIT_DATA = 2 };

static bool read_peer(wire_relay *m, pu_span message)
{
    pb_in in = pb_in_of(message);
    for (pb_field f; pb_next(&in, &f);) {
        if (f.no == PEER_ID && f.wire == PB_BYTES) m->peer_id = f.bytes;
    }
    return !in.bad;
}

static void append_addr(wire_relay *m, pu_span addr)
{
    PU_ASSERT(m->addr_count <= WIRE_RELAY_ADDRS_MAX);
    if (m->addr_count < WIRE_RELAY_ADDRS_MAX) m->addrs[m->addr_count++] = addr;
}

static bool read_reservation(wire_relay *m, pu_span message)
{
    pb_in in = pb_in_of(message);
    for (pb_field f; pb_next(&in, &f);) {
        if (f.no == RESERVATION_EXPIRE && f.wire == PB_VARINT) m->expire_s = f.num;
        if (f.no == RESERVATION_VOUCHER && f.wire == PB_BYTES) m->voucher = f.bytes;
        if (f.no == RESERVATION_ADDR && f.wire == PB_BYTES) append_addr(m, f.bytes);
    }
    m->has_reservation = true;
    return !in.bad;
}

static bool read_limit(wire_relay *m, pu_span message)
{
    pb_in in = pb_in_of(message);
    for (pb_field f; pb_next(&in, &f);) {
        if (f.no == LIMIT_DURATION && f.wire == PB_VARINT) m->limit_duration_s = f.num;
        if (f.no == LIMIT_DATA && f.wire == PB_VARINT) m->limit_data_bytes = f.num;
    }
    m->has_limit = true;
    return !in.bad;
}

static void take_number(wire_relay *m, const layout *at, const pb_field *f)
{
    if (f->no == at->type) {
        m->type = f->num;
        m->has_type = true;
    } else if (f->no == at->status) {
        m->status = f->num;
        m->has_status = true;
    }
}

static bool take_message(wire_relay *m, const layout *at, const pb_field *f)
{
    if (f->no == at->peer) return read_peer(m, f->bytes);
    if (f->no == at->reservation) return read_reservation(m, f->bytes);
    if (f->no == at->limit) return read_limit(m, f->bytes);
    return true;
}

static bool relay_read(wire_relay *m, const layout *at, pu_span message)
{
    PU_ASSERT(m != NULL);
    *m = (wire_relay){0};
    if (message.len > WIRE_RELAY_MESSAGE_MAX) return false;
    pb_in in = pb_in_of(message);
    for (pb_field f; pb_next(&in, &f);) {
        if (f.wire == PB_VARINT) take_number(m, at, &f);
        if (f.wire == PB_BYTES && !take_message(m, at, &f)) return false;
    }
    return !in.bad && m->has_type;
}

static void write_peer(pu_buf *out, uint32_t no, const wire_relay *m)
{
    size_t mark = pb_open(out, no);
    pb_put_bytes(out, PEER_ID, m->peer_id);
    pb_close(out, mark);
}

static void write_reservation(pu_buf *out, uint32_t no, const wire_relay *m)
{
    PU_ASSERT(m->addr_count <= WIRE_RELAY_ADDRS_MAX);
    size_t mark = pb_open(out, no);
    pb_put_uint(out, RESERVATION_EXPIRE, m->expire_s);
    for (uint32_t i = 0; i < m->addr_count; i++) pb_put_bytes(out, RESERVATION_ADDR, m->addrs[i]);
    if (m->voucher.len > 0) pb_put_bytes(out, RESERVATION_VOUCHER, m->voucher);
    pb_close(out, mark);
}

static void write_limit(pu_buf *out, uint32_t no, const wire_relay *m)
{
    size_t mark = pb_open(out, no);
    if (m->limit_duration_s > 0) pb_put_uint(out, LIMIT_DURATION, m->limit_duration_s);
    if (m->limit_data_bytes > 0) pb_put_uint(out, LIMIT_DATA, m->limit_data_bytes);
    pb_close(out, mark);
}

static void relay_write(pu_buf *out, const layout *at, const wire_relay *m)
{
    PU_ASSERT(m->has_reservation || m->addr_count == 0);
    size_t mark = pb_frame_open(out);
    pb_put_uint(out, at->type, m->type);
    if (m->peer_id.len > 0) write_peer(out, at->peer, m);
    if (m->has_reservation) write_reservation(out, at->reservation, m);
    if (m->has_limit) write_limit(out, at->limit, m);
    if (m->has_status) pb_put_uint(out, at->status, m->status);
    pb_frame_close(out, mark);
}

bool wire_hop_read(wire_relay *m, pu_span message)
{
    return relay_read(m, &hop, message);
}

bool wire_stop_read(wire_relay *m, pu_span message)
{
    return relay_read(m, &stop, message);
}

void wire_hop_write(pu_buf *out, const wire_relay *m)
{
    PU_ASSERT(m->type <= WIRE_HOP_STATUS);
    relay_write(out, &hop, m);
}

void wire_stop_write(pu_buf *out, const wire_relay *m)
{
    PU_ASSERT(m->type <= WIRE_STOP_STATUS);
    PU_ASSERT(!m->has_reservation);
    relay_write(out, &stop, m);
}
