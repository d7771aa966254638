/* What the peers of chaos.c say: the right messages, often at the wrong time, sometimes damaged. */
#include "base/varint.h"
#include "tests/lib/chaos_impl.h"
#include "wire/wire_dcutr.h"
#include "wire/wire_identify.h"
#include "wire/wire_relay.h"

enum { UNIX_START_S = 1700000000 };

const char *chaos_name(enum chaos_proto proto)
{
    static const char *const names[CHAOS_PROTOS] = {
        [CHAOS_NONE] = "/x",
        [CHAOS_ID] = "/ipfs/id/1.0.0",
        [CHAOS_PING] = "/ipfs/ping/1.0.0",
        [CHAOS_HOP] = "/libp2p/circuit/relay/0.2.0/hop",
        [CHAOS_STOP] = "/libp2p/circuit/relay/0.2.0/stop",
        [CHAOS_DCUTR] = "/libp2p/dcutr",
    };
    return names[proto];
}

static void put_line(pu_buf *b, const char *text)
{
    varint_put(b, strlen(text) + 1);
    buf_put(b, text, strlen(text));
    buf_put_u8(b, '\n');
}

pu_span chaos_maddr(chaos *k, uint32_t peer)
{
    pu_buf b = buf_of(k->body, sizeof k->body);
    const pu_endpoint endpoint = chaos_endpoint(k);
    b.len = pu_addr_write(b.base, &endpoint, PU_TRANSPORT_QUIC);
    varint_put(&b, PU_MA_P2P);
    varint_put(&b, k->ids[peer].len);
    buf_put_span(&b, chaos_id(k, peer));
    return buf_span(&b);
}

static pu_span put_endpoint(chaos *k, uint8_t maddr[PU_MADDR_MAX])
{
    const pu_endpoint endpoint = chaos_endpoint(k);
    return span_of(maddr, pu_addr_write(maddr, &endpoint, PU_TRANSPORT_QUIC));
}

static void put_relay(chaos *k, pu_buf *b, const chaos_stream *s)
{
    wire_relay m = {.has_limit = chaos_one_in(k, 2),
                    .limit_data_bytes = chaos_pick(k, 1000),
                    .peer_id = chaos_id(k, chaos_pick(k, CHAOS_PEERS))};
    bool is_hop = s->proto == CHAOS_HOP;
    if (chaos_one_in(k, 12)) m.peer_id.len = 3;
    if (s->is_inbound) m.type = is_hop && chaos_one_in(k, 2) ? WIRE_HOP_CONNECT : 0;
    else m.type = is_hop ? (uint64_t)WIRE_HOP_STATUS : (uint64_t)WIRE_STOP_STATUS;
    m.has_status = !s->is_inbound;
    m.status = chaos_one_in(k, 5) ? WIRE_RELAY_NO_RESERVATION : WIRE_RELAY_OK;
    m.has_reservation = is_hop && !s->is_inbound;
    m.expire_s = UNIX_START_S + chaos_pick(k, 4000);
    if (is_hop) wire_hop_write(b, &m);
    else wire_stop_write(b, &m);
}

static void put_dcutr(chaos *k, pu_buf *b, const chaos_stream *s)
{
    uint8_t maddrs[2][PU_MADDR_MAX];
    wire_dcutr m = {.type = WIRE_DCUTR_CONNECT, .addr_count = chaos_pick(k, 3)};
    for (uint32_t i = 0; i < m.addr_count; i++) m.addrs[i] = put_endpoint(k, maddrs[i]);
    wire_dcutr_write(b, &m);
    m = (wire_dcutr){.type = WIRE_DCUTR_SYNC};
    if (s->is_inbound && !chaos_one_in(k, 3)) wire_dcutr_write(b, &m);
}

static void put_identify(chaos *k, pu_buf *b, const chaos_stream *s)
{
    uint8_t key[32] = {0}, key_pb[PU_PUBLIC_KEY_PB_BYTES], maddr[PU_MADDR_MAX];
    uint32_t peer = k->conns[pu_handle_slot(s->conn)].peer;
    if (chaos_one_in(k, 10)) peer = chaos_pick(k, CHAOS_PEERS);
    bool has_key = pu_peer_id_ed25519(&k->ids[peer], key);
    PU_ASSERT(has_key);
    pu_public_key_pb(key_pb, key);
    wire_identify m = {.public_key = span_of(key_pb, sizeof key_pb), .addr_count = 1};
    m.addrs[0] = m.observed = put_endpoint(k, maddr);
    for (int p = CHAOS_ID; p < CHAOS_PROTOS; p++) {
        const char *name = chaos_name((enum chaos_proto)p);
        m.protocols[m.protocol_count++] = span_of(name, strlen(name));
    }
    size_t mark = pb_frame_open(b);
    wire_identify_write(b, &m);
    pb_frame_close(b, mark);
}

static void put_raw(chaos *k, pu_buf *b)
{
    size_t len = chaos_pick(k, chaos_one_in(k, 20) ? 6000 : 100);
    for (size_t i = 0; i < len; i++) buf_put_u8(b, (uint8_t)i);
}

static void put_message(chaos *k, pu_buf *b, const chaos_stream *s)
{
    switch (s->proto) {
    case CHAOS_ID: put_identify(k, b, s); break;
    case CHAOS_PING:
        if (s->is_inbound) put_raw(k, b);
        else buf_put(b, s->last, s->last_len);
        break;
    case CHAOS_HOP:
    case CHAOS_STOP:
        if (chaos_one_in(k, 6)) put_raw(k, b);
        else put_relay(k, b, s);
        break;
    case CHAOS_DCUTR: put_dcutr(k, b, s); break;
    case CHAOS_NONE:
    case CHAOS_PROTOS:
    default: put_raw(k, b); break;
    }
}

/* Few bodies are damaged: most of what is found lies behind correct messages in a wrong order. */
static pu_span damage(chaos *k, pu_buf *b)
{
    bool is_damaged = b->len > 0 && chaos_one_in(k, 15);
    if (is_damaged) b->base[chaos_pick(k, (uint32_t)b->len)] ^= (uint8_t)(1 + chaos_pick(k, 255));
    if (chaos_one_in(k, 25)) b->len = chaos_pick(k, (uint32_t)b->len + 1);
    return buf_span(b);
}

pu_span chaos_speech(chaos *k, chaos_stream *s)
{
    pu_buf b = buf_of(k->body, sizeof k->body);
    if (!s->is_selected) {
        bool is_offer = k->conns[pu_handle_slot(s->conn)].peer == 0 && chaos_one_in(k, 2);
        if (s->is_inbound) s->proto = (enum chaos_proto)chaos_pick(k, CHAOS_PROTOS);
        if (s->is_inbound && is_offer) s->proto = CHAOS_STOP; /* the relay's */
        put_line(&b, "/multistream/1.0.0");
        put_line(&b, chaos_one_in(k, 20) ? "na" : chaos_name(s->proto));
        s->is_selected = true;
        k->result.selected++;
        if (s->proto != CHAOS_ID && chaos_one_in(k, 3)) return buf_span(&b);
    }
    if (!(s->is_inbound && s->proto == CHAOS_ID)) put_message(k, &b, s);
    return damage(k, &b);
}

pu_span chaos_noise(chaos *k)
{
    pu_buf b = buf_of(k->body, sizeof k->body);
    b.len = chaos_pick(k, chaos_one_in(k, 5) ? CHAOS_BODY_MAX : 200);
    rng_bytes(&k->random, b.base, b.len);
    return buf_span(&b);
}
