/* tests/unit/dcutr_play.h - what the tests of hole punching send as the other side. */
#ifndef TESTS_UNIT_DCUTR_PLAY_H
#define TESTS_UNIT_DCUTR_PLAY_H

#include "tests/unit/lab.h"
#include "wire/wire_dcutr.h"
#include "wire/wire_identify.h"

#define IDENTIFY "/ipfs/id/1.0.0"
#define DCUTR "/libp2p/dcutr"
#define PUSH "/ipfs/id/push/1.0.0"

enum { PEER = 2, RTT_MS = 100 };

static inline const pu_endpoint *endpoint_of(uint32_t i)
{
    static pu_endpoint at;
    at = pu_endpoint_ip4(9, 9, 8, (uint8_t)(i + 1), 4001);
    return &at;
}

/* A message with count addresses out of `scope`: 'g' global, 'p' private, 'r' through a relay, 't'
 * TCP, 'x' no multiaddr. */
static inline void give(lab *l, lab_stream *s, enum wire_dcutr_type type, uint32_t count,
                        char scope)
{
    uint8_t bytes[4096 * 8];
    pu_buf out = buf_of(bytes, sizeof bytes);
    pb_put_uint(&out, 1, type);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t maddr[PU_MADDR_MAX + 64];
        pu_endpoint at = *endpoint_of(i);
        if (scope == 'p') at = pu_endpoint_ip4(192, 168, 0, (uint8_t)(i + 1), 4001);
        pu_buf b = buf_of(maddr, sizeof maddr);
        b.len = pu_addr_write(maddr, &at, scope == 't' ? PU_TRANSPORT_TCP : PU_TRANSPORT_QUIC);
        if (scope == 'r') {
            varint_put(&b, PU_MA_P2P);
            varint_put(&b, l->id[1].len);
            buf_put_span(&b, lab_id(l, 1));
            varint_put(&b, PU_MA_CIRCUIT);
        }
        if (scope == 'x') b.len = 3;
        pb_put_bytes(&out, 2, buf_span(&b));
    }
    assert_false(out.full);
    lab_give_framed(l, s, buf_span(&out), false);
}

/* A peer tells on s that it speaks DCUtR and identify push, where it is and where it sees us; NULL:
 * nowhere. */
static inline void tell(lab *l, lab_stream *s, int peer, const pu_endpoint *at,
                        const pu_endpoint *us)
{
    uint8_t bytes[256], key[32], key_pb[36], maddr[PU_MADDR_MAX], seen[PU_MADDR_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    l->crypto[peer].public_key(l->crypto[peer].ctx, key);
    pu_public_key_pb(key_pb, key);
    wire_identify m = {.public_key = span_of(key_pb, 36), .protocol_count = 2};
    m.protocols[0] = SPAN_LITERAL(DCUTR);
    m.protocols[1] = SPAN_LITERAL(PUSH);
    if (at != NULL)
        m.addrs[m.addr_count++] = span_of(maddr, pu_addr_write(maddr, at, PU_TRANSPORT_QUIC));
    if (us != NULL) m.observed = span_of(seen, pu_addr_write(seen, us, PU_TRANSPORT_QUIC));
    wire_identify_write(&out, &m);
    assert_non_null(s);
    lab_give_framed(l, s, buf_span(&out), true);
}

static inline void identify(lab *l, pu_handle conn, const pu_endpoint *at)
{
    tell(l, lab_accept_proto(l, conn, IDENTIFY), PEER, at, NULL);
}

/* B: a relayed connection that the peer dialled. */
static inline pu_handle relayed_in(lab *l)
{
    pu_handle conn = lab_connect(l, PEER, PU_RELAYED | PU_LIMITED, 0);
    identify(l, conn, NULL);
    return conn;
}

/* A: one that we dialled. */
static inline pu_handle relayed_out(lab *l)
{
    pu_handle conn = lab_connect(l, PEER, PU_RELAYED | PU_LIMITED | PU_DIALLER, 0);
    identify(l, conn, NULL);
    return conn;
}

#endif
