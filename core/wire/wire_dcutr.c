/* wire/wire_dcutr.c - the HolePunch message: a type and the addresses to punch towards. */
#include "wire/wire_dcutr.h"

enum { TYPE = 1, OBSERVED_ADDR = 2 };

static bool is_known_type(uint64_t type)
{
    return type == WIRE_DCUTR_CONNECT || type == WIRE_DCUTR_SYNC;
}

bool wire_dcutr_read(wire_dcutr *m, pu_span message)
{
    PU_ASSERT(m != NULL);
    *m = (wire_dcutr){0};
    if (message.len > WIRE_DCUTR_MESSAGE_MAX) return false;
    pb_in in = pb_in_of(message);
    for (pb_field f; pb_next(&in, &f);) {
        if (f.no == TYPE && f.wire == PB_VARINT) m->type = f.num;
        if (f.no == OBSERVED_ADDR && f.wire == PB_BYTES && m->addr_count < WIRE_DCUTR_ADDRS_MAX) {
            m->addrs[m->addr_count++] = f.bytes;
        }
    }
    return !in.bad && is_known_type(m->type);
}

void wire_dcutr_write(pu_buf *out, const wire_dcutr *m)
{
    PU_ASSERT(is_known_type(m->type));
    PU_ASSERT(m->addr_count <= WIRE_DCUTR_ADDRS_MAX);
    size_t mark = pb_frame_open(out);
    pb_put_uint(out, TYPE, m->type);
    for (uint32_t i = 0; i < m->addr_count; i++) pb_put_bytes(out, OBSERVED_ADDR, m->addrs[i]);
    pb_frame_close(out, mark);
}
