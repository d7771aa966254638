/* wire_fuzz.c - the wire formats: what is read and written again reads the same. */
#include "base/varint.h"
#include "peerup/node.h"
#include "tests/fuzz/fuzz.h"
#include "wire/wire_dcutr.h"
#include "wire/wire_identify.h"
#include "wire/wire_natpmp.h"
#include "wire/wire_pcp.h"
#include "wire/wire_record.h"
#include "wire/wire_relay.h"

enum { WRITTEN_MAX = 1 << 20 };

static uint8_t written[WRITTEN_MAX];

static void check_block(pu_span bytes)
{
    pu_span in = bytes, body;
    size_t max = fuzz_u16(&in);
    pu_span before = in;
    if (varint_get_block(&in, max, &body) != VARINT_OK) {
        PU_ASSERT(span_equal(in, before));
        return;
    }
    PU_ASSERT(body.len <= max);
    PU_ASSERT(body.base + body.len == in.base);
}

void fuzz_varint(pu_span bytes)
{
    pu_span in = bytes;
    uint64_t value = 7;
    enum varint_result got = varint_get(&in, &value);
    if (got == VARINT_OK) {
        uint8_t again[VARINT_MAX_BYTES];
        pu_buf out = buf_of(again, sizeof again);
        varint_put(&out, value);
        PU_ASSERT(!out.full);
        PU_ASSERT(out.len == varint_size(value));
        PU_ASSERT(span_equal(buf_span(&out), span_head(bytes, bytes.len - in.len)));
    } else {
        PU_ASSERT(value == 7);
        PU_ASSERT(span_equal(in, bytes));
        PU_ASSERT(got == VARINT_BAD || bytes.len < VARINT_MAX_BYTES);
    }
    check_block(bytes);
}

void fuzz_protobuf(pu_span bytes)
{
    pb_in in = pb_in_of(bytes);
    pu_buf out = buf_of(written, sizeof written);
    size_t left = bytes.len, fields = 0, varied = 0;
    for (pb_field f; pb_next(&in, &f); fields++) {
        PU_ASSERT(f.no > 0);
        PU_ASSERT(in.rest.len < left);
        left = in.rest.len;
        if (f.wire == PB_BYTES) {
            PU_ASSERT(f.bytes.base + f.bytes.len == in.rest.base);
            pb_put_bytes(&out, f.no, f.bytes);
        } else {
            varied += f.wire != PB_VARINT; /* fixed fields have no writer */
            pb_put_uint(&out, f.no, f.num >> 1);
        }
    }
    PU_ASSERT(in.bad == (in.rest.len > 0) || in.bad);
    PU_ASSERT(!out.full);
    pb_in again = pb_in_of(buf_span(&out));
    for (pb_field f; pb_next(&again, &f);) fields--;
    PU_ASSERT(!again.bad);
    PU_ASSERT(fields == 0);
    (void)varied;
}

static void check_spans(const pu_span *a, const pu_span *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) PU_ASSERT(span_equal(a[i], b[i]));
}

void fuzz_identify(pu_span bytes)
{
    wire_identify m = {0}, again = {0};
    bool is_good = wire_identify_read(&m, bytes);
    PU_ASSERT(m.addr_count <= WIRE_IDENTIFY_ADDRS_MAX);
    PU_ASSERT(m.protocol_count <= WIRE_IDENTIFY_PROTOCOLS_MAX);
    if (!is_good) return;
    pu_buf out = buf_of(written, sizeof written);
    wire_identify_write(&out, &m);
    PU_ASSERT(!out.full);
    PU_ASSERT(wire_identify_read(&again, buf_span(&out)));
    PU_ASSERT(span_equal(m.public_key, again.public_key));
    PU_ASSERT(span_equal(m.observed, again.observed));
    PU_ASSERT(span_equal(m.protocol_version, again.protocol_version));
    PU_ASSERT(span_equal(m.agent_version, again.agent_version));
    PU_ASSERT(span_equal(m.signed_record, again.signed_record));
    PU_ASSERT(m.addr_count == again.addr_count);
    PU_ASSERT(m.protocol_count == again.protocol_count);
    check_spans(m.addrs, again.addrs, m.addr_count);
    check_spans(m.protocols, again.protocols, m.protocol_count);
}

/* The message without its length. */
static pu_span unframed(pu_buf *out)
{
    pu_span in = buf_span(out), body;
    PU_ASSERT(!out->full);
    PU_ASSERT(varint_get_block(&in, WRITTEN_MAX, &body) == VARINT_OK);
    PU_ASSERT(in.len == 0);
    return body;
}

static void check_relay(const wire_relay *a, const wire_relay *b)
{
    PU_ASSERT(a->type == b->type);
    PU_ASSERT(a->has_status == b->has_status);
    PU_ASSERT(a->status == b->status);
    PU_ASSERT(span_equal(a->peer_id, b->peer_id));
    PU_ASSERT(a->has_reservation == b->has_reservation);
    PU_ASSERT(a->has_limit == b->has_limit);
    PU_ASSERT(a->limit_duration_s == b->limit_duration_s);
    PU_ASSERT(a->limit_data_bytes == b->limit_data_bytes);
    PU_ASSERT(a->expire_s == b->expire_s);
    PU_ASSERT(span_equal(a->voucher, b->voucher));
    PU_ASSERT(a->addr_count == b->addr_count);
    check_spans(a->addrs, b->addrs, a->addr_count);
}

/* More is read than written: types that do not exist yet, and varints of 64 bits. */
static bool is_writable(const wire_relay *m, uint64_t last_type)
{
    uint64_t all = m->status | m->expire_s | m->limit_duration_s | m->limit_data_bytes;
    return m->type <= last_type && all >> 63 == 0;
}

void fuzz_hop(pu_span bytes)
{
    wire_relay m = {0}, again = {0};
    if (!wire_hop_read(&m, bytes) || !is_writable(&m, WIRE_HOP_STATUS)) return;
    PU_ASSERT(m.has_type);
    PU_ASSERT(m.addr_count <= WIRE_RELAY_ADDRS_MAX);
    pu_buf out = buf_of(written, sizeof written);
    wire_hop_write(&out, &m);
    PU_ASSERT(wire_hop_read(&again, unframed(&out)));
    check_relay(&m, &again);
}

void fuzz_stop(pu_span bytes)
{
    wire_relay m = {0}, again = {0};
    if (!wire_stop_read(&m, bytes) || !is_writable(&m, WIRE_STOP_STATUS)) return;
    PU_ASSERT(m.has_type);
    PU_ASSERT(!m.has_reservation);
    pu_buf out = buf_of(written, sizeof written);
    wire_stop_write(&out, &m);
    PU_ASSERT(wire_stop_read(&again, unframed(&out)));
    check_relay(&m, &again);
}

void fuzz_dcutr(pu_span bytes)
{
    wire_dcutr m = {0}, again = {0};
    if (!wire_dcutr_read(&m, bytes)) return;
    PU_ASSERT(m.type == WIRE_DCUTR_CONNECT || m.type == WIRE_DCUTR_SYNC);
    PU_ASSERT(m.addr_count <= WIRE_DCUTR_ADDRS_MAX);
    pu_buf out = buf_of(written, sizeof written);
    wire_dcutr_write(&out, &m);
    PU_ASSERT(wire_dcutr_read(&again, unframed(&out)));
    PU_ASSERT(m.type == again.type);
    PU_ASSERT(m.addr_count == again.addr_count);
    check_spans(m.addrs, again.addrs, m.addr_count);
}

/* What is written again reads the same; reserved bytes, and what is behind the message, are not
 * kept. */
void fuzz_natpmp(pu_span bytes)
{
    wire_natpmp m = {0}, again = {0};
    if (!wire_natpmp_read(&m, bytes)) return;
    pu_buf out = buf_of(written, WIRE_NATPMP_MAX);
    wire_natpmp_write(&out, &m);
    PU_ASSERT(!out.full);
    PU_ASSERT(wire_natpmp_read(&again, buf_span(&out)));
    PU_ASSERT(m.op == again.op && m.is_response == again.is_response);
    PU_ASSERT(m.result == again.result && m.epoch_s == again.epoch_s);
    PU_ASSERT(memcmp(m.external_ip, again.external_ip, sizeof m.external_ip) == 0);
    PU_ASSERT(m.internal_port == again.internal_port && m.external_port == again.external_port);
    PU_ASSERT(m.lifetime_s == again.lifetime_s);
}

void fuzz_pcp(pu_span bytes)
{
    wire_pcp m = {0}, again = {0};
    if (!wire_pcp_read(&m, bytes)) return;
    PU_ASSERT(bytes.len <= WIRE_PCP_DATAGRAM_MAX);
    bool is_known = m.op <= WIRE_PCP_MAP || (m.is_response && m.result != WIRE_PCP_OK);
    bool is_writable = m.op == WIRE_PCP_MAP || !m.prefers_failure;
    if (!is_known || !is_writable) return;
    pu_buf out = buf_of(written, WIRE_PCP_WRITTEN_MAX);
    wire_pcp_write(&out, &m);
    PU_ASSERT(!out.full);
    PU_ASSERT(wire_pcp_read(&again, buf_span(&out)));
    again.has_unknown_option = m.has_unknown_option;
    PU_ASSERT(m.op == again.op && m.is_response == again.is_response && m.result == again.result);
    PU_ASSERT(m.lifetime_s == again.lifetime_s && m.epoch_s == again.epoch_s);
    PU_ASSERT(memcmp(m.client_ip, again.client_ip, sizeof m.client_ip) == 0);
    PU_ASSERT(memcmp(m.nonce, again.nonce, sizeof m.nonce) == 0 && m.protocol == again.protocol);
    PU_ASSERT(m.internal_port == again.internal_port && m.external_port == again.external_port);
    PU_ASSERT(memcmp(m.external_ip, again.external_ip, sizeof m.external_ip) == 0);
    PU_ASSERT(m.prefers_failure == again.prefers_failure);
}

void fuzz_peer_record(pu_span bytes)
{
    wire_peer_record m = {0}, again = {0};
    if (!wire_peer_record_read(&m, bytes)) return;
    PU_ASSERT(m.peer_id.len > 0);
    PU_ASSERT(m.addr_count <= WIRE_RECORD_ADDRS_MAX);
    if (m.seq >> 63 != 0) return; /* more is read than written: varints of 64 bits */
    pu_buf out = buf_of(written, sizeof written);
    wire_peer_record_write(&out, &m);
    PU_ASSERT(!out.full);
    PU_ASSERT(wire_peer_record_read(&again, buf_span(&out)));
    PU_ASSERT(span_equal(m.peer_id, again.peer_id));
    PU_ASSERT(m.seq == again.seq);
    PU_ASSERT(m.addr_count == again.addr_count);
    check_spans(m.addrs, again.addrs, m.addr_count);
}

void fuzz_service(pu_span bytes)
{
    pu_service m, again;
    if (pu_service_read(&m, bytes) != PU_OK) return;
    PU_ASSERT(m.name.len > 0 && m.name.len <= PU_SERVICE_NAME_MAX);
    PU_ASSERT(m.protocol_count > 0 && m.protocol_count <= PU_SERVICE_PROTOCOLS_MAX);
    pu_span allow = m.allow, peer;
    while (pu_service_next_peer(&allow, &peer)) {
        pu_peer_id id;
        PU_ASSERT(pu_peer_id_from_bytes(&id, peer) == PU_OK);
    }
    PU_ASSERT(allow.len == 0);
    size_t len = pu_service_write(written, sizeof written, &m);
    PU_ASSERT(len > 0);
    PU_ASSERT(pu_service_read(&again, span_of(written, len)) == PU_OK);
    PU_ASSERT(span_equal(m.name, again.name));
    PU_ASSERT(span_equal(m.allow, again.allow));
    PU_ASSERT(m.protocol_count == again.protocol_count);
    check_spans(m.protocols, again.protocols, m.protocol_count);
    PU_ASSERT(m.allow_listed == again.allow_listed);
    PU_ASSERT(m.limited == again.limited);
    PU_ASSERT(m.streams_max == again.streams_max);
    PU_ASSERT(m.streams_per_peer_max == again.streams_per_peer_max);
}
