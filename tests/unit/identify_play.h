/* tests/unit/identify_play.h - what identify's tests say and read as the node's peers. */
#ifndef TESTS_UNIT_IDENTIFY_PLAY_H
#define TESTS_UNIT_IDENTIFY_PLAY_H

#include "tests/unit/lab.h"
#include "wire/wire_identify.h"
#include "wire/wire_record.h"

#define IDENTIFY "/ipfs/id/1.0.0"
#define PUSH "/ipfs/id/push/1.0.0"
#define HOP "/libp2p/circuit/relay/0.2.0/hop"

enum { B = 1, C = 2, D = 3 };

/* ---- a peer's messages ---- */

typedef struct telling {
    int peer; /* whose key goes into it; 0: none */
    const char *protocols[8];
    uint32_t ports[8]; /* of addresses 9.9.9.100; 0 ends */
    /* the record */
    bool has_record;
    int signer, named; /* who signs, whom it names */
    uint64_t seq;
    uint32_t record_ports[8];
    const envelope_kind *kind;
    bool is_spoiled; /* one bit of the signature is wrong */
} telling;

static inline void put_addr(pu_buf *pool, pu_span *out, uint32_t port)
{
    uint8_t maddr[PU_MADDR_MAX];
    pu_endpoint at = pu_endpoint_ip4(9, 9, 9, 100, (uint16_t)port);
    size_t len = pu_addr_write(maddr, &at, PU_TRANSPORT_QUIC), from = pool->len;
    buf_put(pool, maddr, len);
    *out = span_of(pool->base + from, len);
}

static inline pu_span record_of(const lab *l, const telling *t, pu_buf *pool)
{
    uint8_t bytes[2048], addr_bytes[512];
    pu_buf payload = buf_of(bytes, sizeof bytes), addrs = buf_of(addr_bytes, sizeof addr_bytes);
    wire_peer_record r = {.peer_id = lab_id(l, t->named), .seq = t->seq};
    for (; t->record_ports[r.addr_count] != 0; r.addr_count++)
        put_addr(&addrs, &r.addrs[r.addr_count], t->record_ports[r.addr_count]);
    wire_peer_record_write(&payload, &r);
    size_t from = pool->len;
    envelope_seal(pool, &l->crypto[t->signer], t->kind != NULL ? t->kind : &envelope_peer_record,
                  buf_span(&payload));
    assert_false(payload.full || pool->full);
    if (t->is_spoiled) pool->base[pool->len - 1] ^= 1;
    return span_of(pool->base + from, pool->len - from);
}

static inline void tell(lab *l, lab_stream *s, telling t, bool fin)
{
    uint8_t bytes[4096], pool_bytes[4096], key[32], key_pb[36];
    pu_buf out = buf_of(bytes, sizeof bytes), pool = buf_of(pool_bytes, sizeof pool_bytes);
    wire_identify m = {.agent_version = SPAN_LITERAL("test")};
    l->crypto[t.peer].public_key(l->crypto[t.peer].ctx, key);
    pu_public_key_pb(key_pb, key);
    if (t.peer != 0) m.public_key = span_of(key_pb, sizeof key_pb);
    for (; t.protocols[m.protocol_count] != NULL; m.protocol_count++)
        m.protocols[m.protocol_count] =
            span_of(t.protocols[m.protocol_count], strlen(t.protocols[m.protocol_count]));
    for (; t.ports[m.addr_count] != 0; m.addr_count++)
        put_addr(&pool, &m.addrs[m.addr_count], t.ports[m.addr_count]);
    if (t.has_record) m.signed_record = record_of(l, &t, &pool);
    wire_identify_write(&out, &m);
    assert_false(out.full || pool.full);
    lab_give_framed(l, s, buf_span(&out), fin);
}

/* How many addresses of a peer the node knows. */
static inline uint32_t known(const lab *l, int peer)
{
    uint32_t cursor = 0;
    pu_peer_row row;
    while (pu_node_read_peers(l->node, &cursor, &row))
        if (span_equal(row.peer, lab_id(l, peer))) return row.addrs;
    return 0;
}

/* conn's peer answers identify. */
static inline void answer(lab *l, pu_handle conn, int peer, telling t)
{
    lab_stream *s = lab_accept_proto(l, conn, IDENTIFY);
    assert_non_null(s);
    t.peer = peer;
    tell(l, s, t, true);
    assert_true(s->is_finished);
}

/* A connection with peer, who has answered identify. */
static inline pu_handle identified(lab *l, int peer, telling t)
{
    pu_handle conn = lab_connect(l, peer, 0, 0);
    answer(l, conn, peer, t);
    return conn;
}

static inline void read_told(const lab_stream *s, wire_identify *m)
{
    memset(m, 0, sizeof *m);
    assert_true(wire_identify_read(m, lab_message(s)));
}

static inline bool names_protocol(const wire_identify *m, const char *name)
{
    for (uint32_t i = 0; i < m->protocol_count; i++)
        if (span_equal(m->protocols[i], span_of(name, strlen(name)))) return true;
    return false;
}

/* The signed record in m holds, and says the same; its number. */
static inline uint64_t check_record(const lab *l, const wire_identify *m)
{
    static const envelope_kind *const kinds[] = {&envelope_peer_record};
    pu_peer_id signer;
    pu_span payload;
    wire_peer_record r;
    assert_int_equal(envelope_open(&signer, &payload, &l->crypto[B], m->signed_record, kinds, 1),
                     RECORD_OK);
    assert_true(pu_peer_id_equal(&signer, &l->id[0]));
    assert_true(wire_peer_record_read(&r, payload));
    assert_true(span_equal(r.peer_id, lab_id(l, 0)));
    assert_int_equal(r.addr_count, m->addr_count);
    for (uint32_t i = 0; i < r.addr_count; i++) assert_true(span_equal(r.addrs[i], m->addrs[i]));
    return r.seq;
}

#endif
