/* sim/transport_model/frame.c - packets and frames to bytes and back. Every length is checked
 * before it is used. */
#include "sim/transport_model/frame.h"

#include "base/mix.h"

#define MAGIC 0x50755431u

enum { KEY_PURPOSE = 0x6b65 }; /* keeps this use of the hash apart from others */

/* ---- cursors with a sticky error ---- */

typedef struct cursor {
    pu_span rest;
    bool bad;
} cursor;

static pu_span take(cursor *in, size_t count)
{
    if (in->bad || count > in->rest.len) {
        in->bad = true;
        return (pu_span){NULL, 0};
    }
    pu_span head = span_head(in->rest, count);
    in->rest = span_skip(in->rest, count);
    return head;
}

static uint8_t take_u8(cursor *in)
{
    pu_span s = take(in, 1);
    return in->bad ? 0 : s.base[0];
}

static uint16_t take_u16(cursor *in)
{
    pu_span s = take(in, 2);
    return in->bad ? 0 : load_be16(s.base);
}

static uint32_t take_u32(cursor *in)
{
    pu_span s = take(in, 4);
    return in->bad ? 0 : load_be32(s.base);
}

static uint64_t take_u64(cursor *in)
{
    pu_span s = take(in, 8);
    return in->bad ? 0 : load_be64(s.base);
}

/* An offset or a packet number: small enough that sums with lengths do not wrap. */
static uint64_t take_offset(cursor *in)
{
    uint64_t offset = take_u64(in);
    if (offset >= FRAME_OFFSET_MAX) in->bad = true;
    return offset;
}

static void put_u16(pu_buf *out, uint16_t v)
{
    uint8_t bytes[2];
    store_be16(bytes, v);
    buf_put(out, bytes, sizeof bytes);
}

static void put_u32(pu_buf *out, uint32_t v)
{
    uint8_t bytes[4];
    store_be32(bytes, v);
    buf_put(out, bytes, sizeof bytes);
}

static void put_u64(pu_buf *out, uint64_t v)
{
    uint8_t bytes[8];
    store_be64(bytes, v);
    buf_put(out, bytes, sizeof bytes);
}

/* ---- packets ---- */

static uint32_t tag_of(pu_span bytes, uint32_t key)
{
    PU_ASSERT(bytes.len >= PACKET_HEAD_BYTES);
    uint64_t head = mix_keyed(key, bytes.base, PACKET_TAG_AT);
    return (uint32_t)mix_keyed(head, bytes.base + PACKET_HEAD_BYTES, bytes.len - PACKET_HEAD_BYTES);
}

uint32_t packet_session_key(uint32_t client_nonce, uint32_t server_nonce)
{
    return (uint32_t)mix3(KEY_PURPOSE, client_nonce, server_nonce);
}

static void put_peer(pu_buf *out, const pu_peer_id *peer)
{
    buf_put_u8(out, peer->len);
    buf_put(out, peer->bytes, peer->len);
}

static void put_body(pu_buf *out, const packet *p)
{
    switch (p->kind) {
    case PACKET_SYN:
    case PACKET_INIT:
        put_u64(out, p->from);
        put_u32(out, p->nonce);
        break;
    case PACKET_HELLO:
        put_u64(out, p->from);
        put_u32(out, p->nonce);
        put_peer(out, &p->peer);
        break;
    case PACKET_FINISH:
        put_peer(out, &p->peer);
        put_u32(out, p->delay_us);
        break;
    case PACKET_SYNACK:
    case PACKET_DONE: break;
    case PACKET_FRAMES:
        put_u64(out, p->number);
        buf_put_span(out, p->frames);
        break;
    case PACKET_CLOSE: put_u32(out, p->code); break;
    }
}

size_t packet_write(uint8_t out[PACKET_MAX], const packet *p, size_t size, uint32_t key)
{
    PU_ASSERT(size <= PACKET_MAX);
    pu_buf b = buf_of(out, PACKET_MAX);
    put_u32(&b, MAGIC);
    buf_put_u8(&b, (uint8_t)p->kind);
    put_u64(&b, p->to);
    put_u32(&b, 0);
    put_body(&b, p);
    PU_ASSERT(!b.full);
    if (b.len < size) {
        memset(out + b.len, 0, size - b.len);
        b.len = size;
    }
    store_be32(out + PACKET_TAG_AT, tag_of(buf_span(&b), key));
    return b.len;
}

static void take_origin(cursor *in, packet *p)
{
    p->from = take_u64(in);
    p->nonce = take_u32(in);
    if (p->from == 0) in->bad = true;
}

static void take_peer(cursor *in, pu_peer_id *peer)
{
    size_t len = take_u8(in);
    pu_span bytes = take(in, len <= PU_PEER_ID_MAX ? len : SIZE_MAX);
    if (!in->bad && pu_peer_id_from_bytes(peer, bytes) != PU_OK) in->bad = true;
}

bool packet_read(packet *p, pu_span bytes)
{
    if (bytes.len < PACKET_HEAD_BYTES || bytes.len > PACKET_MAX) return false;
    cursor in = {bytes, false};
    *p = (packet){.kind = PACKET_INIT};
    if (take_u32(&in) != MAGIC) return false;
    uint8_t kind = take_u8(&in);
    p->to = take_u64(&in);
    (void)take_u32(&in); /* the tag */
    if (kind < PACKET_INIT || kind > PACKET_SYNACK) return false;
    p->kind = (enum packet_kind)kind;
    switch (p->kind) {
    case PACKET_SYN:
    case PACKET_INIT: take_origin(&in, p); break;
    case PACKET_HELLO:
        take_origin(&in, p);
        take_peer(&in, &p->peer);
        break;
    case PACKET_FINISH:
        take_peer(&in, &p->peer);
        p->delay_us = take_u32(&in);
        break;
    case PACKET_SYNACK:
    case PACKET_DONE: break;
    case PACKET_FRAMES:
        p->number = take_offset(&in);
        p->frames = take(&in, in.rest.len);
        break;
    case PACKET_CLOSE: p->code = take_u32(&in); break;
    }
    return !in.bad;
}

uint64_t packet_to(pu_span bytes)
{
    return bytes.len >= PACKET_HEAD_BYTES ? load_be64(bytes.base + PACKET_TO_AT) : 0;
}

bool packet_is_proven(pu_span bytes, uint32_t key)
{
    return load_be32(bytes.base + PACKET_TAG_AT) == tag_of(bytes, key);
}

/* ---- frames ---- */

void frame_put(pu_buf *out, const frame *f)
{
    buf_put_u8(out, (uint8_t)f->kind);
    switch (f->kind) {
    case FRAME_ACK:
        PU_ASSERT(f->bytes.len <= FRAME_ACK_BITS / 8);
        put_u64(out, f->offset);
        put_u32(out, f->delay_us);
        buf_put_u8(out, (uint8_t)f->bytes.len);
        buf_put_span(out, f->bytes);
        break;
    case FRAME_PING: break;
    case FRAME_OPEN: put_u32(out, f->stream); break;
    case FRAME_DATA:
    case FRAME_FIN:
        PU_ASSERT(f->bytes.len <= UINT16_MAX);
        put_u32(out, f->stream);
        put_u64(out, f->offset);
        put_u16(out, (uint16_t)f->bytes.len);
        buf_put_span(out, f->bytes);
        break;
    case FRAME_ROOM:
        put_u32(out, f->stream);
        put_u64(out, f->offset);
        break;
    case FRAME_STOP:
    case FRAME_RESET:
        put_u32(out, f->stream);
        put_u32(out, f->code);
        break;
    }
}

static void take_ack(cursor *in, frame *f)
{
    f->offset = take_offset(in);
    f->delay_us = take_u32(in);
    size_t len = take_u8(in);
    f->bytes = take(in, len <= FRAME_ACK_BITS / 8 ? len : SIZE_MAX);
    /* The writer leaves zero bytes at the end out, so the last one names the highest number. */
    if (!in->bad && len > 0 && f->bytes.base[len - 1] == 0) in->bad = true;
}

static void take_frame(cursor *in, frame *f)
{
    switch (f->kind) {
    case FRAME_ACK: take_ack(in, f); break;
    case FRAME_PING: break;
    case FRAME_OPEN: f->stream = take_u32(in); break;
    case FRAME_DATA:
    case FRAME_FIN:
        f->stream = take_u32(in);
        f->offset = take_offset(in);
        f->bytes = take(in, take_u16(in));
        break;
    case FRAME_ROOM:
        f->stream = take_u32(in);
        f->offset = take_offset(in);
        break;
    case FRAME_STOP:
    case FRAME_RESET:
        f->stream = take_u32(in);
        f->code = take_u32(in);
        break;
    }
}

bool frame_next(pu_span *rest, frame *f)
{
    if (rest->len == 0) return false;
    cursor in = {*rest, false};
    uint8_t kind = take_u8(&in);
    if (kind < FRAME_ACK || kind > FRAME_RESET) return false;
    *f = (frame){.kind = (enum frame_kind)kind};
    take_frame(&in, f);
    if (in.bad) return false;
    *rest = in.rest;
    return true;
}

bool frame_acks(const frame *ack, uint64_t number)
{
    PU_ASSERT(ack->kind == FRAME_ACK);
    if (number <= ack->offset) return true;
    uint64_t bit = number - ack->offset - 1;
    return bit / 8 < ack->bytes.len && (ack->bytes.base[bit / 8] >> bit % 8 & 1) != 0;
}

uint64_t frame_acks_highest(const frame *ack)
{
    PU_ASSERT(ack->kind == FRAME_ACK);
    uint64_t highest = ack->offset + 8 * ack->bytes.len;
    while (!frame_acks(ack, highest)) highest--;
    return highest;
}
