/* The other side of a connection, see mux_peer.h. */
#include "tests/lib/mux_peer.h"

#include "base/pb.h"

#include <stdio.h>
#include <stdlib.h>

#define HEADER "\x13/multistream/1.0.0\n"
#define NOISE_ECHO HEADER "\x07/noise\n"
#define YAMUX_ECHO HEADER "\x0d/yamux/1.0.0\n"

mux_peer *mux_peer_new(bool is_initiator)
{
    uint8_t seed[32], key[32];
    mux_peer *p = calloc(1, sizeof *p);
    PU_ASSERT(p != NULL);
    memset(seed, 9, sizeof seed);
    int err = pu_crypto_real_init(&p->crypto, &p->key, seed);
    PU_ASSERT(err == PU_OK);
    p->crypto.public_key(p->crypto.ctx, key);
    pu_peer_id_from_ed25519(&p->id, key);
    p->host = mux_host_new(1);
    p->is_initiator = is_initiator;
    p->segment = PU_LINK_TCP_DATA_MAX;
    static const uint8_t e[32] = {0x22}, s[32] = {0x11};
    noise_xx_start(&p->xx, is_initiator, (pu_span){NULL, 0}, e, s);
    return p;
}

void mux_peer_free(mux_peer *p)
{
    mux_host_free(p->host);
    free(p->out.at);
    free(p->plain.at);
    free(p->log.at);
    free(p);
}

/* ---- bytes ---- */

static void put(struct mux_peer_bytes *b, const void *bytes, size_t len)
{
    if (b->len + len > b->cap) {
        b->cap = 2 * (b->len + len);
        b->at = realloc(b->at, b->cap);
        PU_ASSERT(b->at != NULL);
    }
    if (len > 0) memcpy(b->at + b->len, bytes, len);
    b->len += len;
}

static void drop(struct mux_peer_bytes *b, size_t len)
{
    PU_ASSERT(len <= b->len);
    b->len -= len;
    if (len > 0) memmove(b->at, b->at + len, b->len);
}

void mux_peer_raw(mux_peer *p, pu_span bytes)
{
    mux_host *h = p->host;
    while (bytes.len > 0 && h->closed == MUX_HOST_OPEN) {
        uint64_t room = h->rx_room - h->rx_total;
        PU_ASSERT(room > 0); /* nothing that a test sends is more than the host reads */
        size_t len = bytes.len < room ? bytes.len : (size_t)room;
        mux_host_deliver(h, span_head(bytes, len), p->segment);
        bytes = span_skip(bytes, len);
        if (bytes.len > 0 && h->closed == MUX_HOST_OPEN) mux_host_settle(h);
    }
}

void mux_peer_sealed(mux_peer *p, pu_span bytes)
{
    static uint8_t frame[NOISE_PLAIN_MAX + NOISE_OVERHEAD];
    bool is_sealed = noise_seal(&p->tx, frame, bytes);
    PU_ASSERT(is_sealed);
    mux_peer_raw(p, span_of(frame, bytes.len + NOISE_OVERHEAD));
}

void mux_peer_put(mux_peer *p, pu_span bytes)
{
    put(&p->out, bytes.base, bytes.len);
}

void mux_peer_frame(mux_peer *p, uint32_t type, uint32_t flags, uint32_t id, uint32_t length)
{
    uint8_t bytes[YAMUX_HEADER_BYTES] = {0, (uint8_t)type};
    store_be16(bytes + 2, (uint16_t)flags);
    store_be32(bytes + 4, id);
    store_be32(bytes + 8, length);
    mux_peer_put(p, span_of(bytes, sizeof bytes));
}

void mux_peer_data(mux_peer *p, uint32_t flags, uint32_t id, uint64_t offset, uint32_t length)
{
    mux_peer_frame(p, YAMUX_DATA, flags, id, length);
    for (uint32_t i = 0; i < length; i++) {
        uint8_t byte = mux_pattern(offset + i);
        mux_peer_put(p, span_of(&byte, 1));
    }
}

void mux_peer_flush(mux_peer *p)
{
    for (size_t at = 0; at < p->out.len && p->host->closed == MUX_HOST_OPEN;) {
        size_t len = p->out.len - at < NOISE_PLAIN_MAX ? p->out.len - at : NOISE_PLAIN_MAX;
        mux_peer_sealed(p, span_of(p->out.at + at, len));
        at += len;
    }
    p->out.len = 0;
    mux_host_settle(p->host);
}

/* ---- the handshake ---- */

/* The host said exactly this, and then something. */
static void expect_said(mux_peer *p, const char *bytes, size_t len)
{
    mux_host_settle(p->host);
    PU_ASSERT(p->host->sent_len >= len);
    PU_ASSERT(memcmp(p->host->sent, bytes, len) == 0);
    mux_host_taken(p->host, len);
}

static void take_noise(mux_peer *p)
{
    uint8_t payload[NOISE_HANDSHAKE_MAX];
    size_t payload_len;
    mux_host *h = p->host;
    PU_ASSERT(h->sent_len >= 2);
    size_t len = load_be16(h->sent);
    PU_ASSERT(h->sent_len >= 2 + len);
    bool is_read = noise_xx_read(&p->xx, payload, &payload_len, span_of(h->sent + 2, len));
    PU_ASSERT(is_read);
    mux_host_taken(h, 2 + len);
}

static void put_payload(mux_peer *p, pu_buf *out)
{
    uint8_t key[32], pb[PU_PUBLIC_KEY_PB_BYTES], signature[64], text[64];
    pu_buf claim = buf_of(text, sizeof text);
    buf_put_span(&claim, SPAN_LITERAL("noise-libp2p-static-key:"));
    buf_put(&claim, p->xx.s, 32);
    if (p->is_forger) claim.base[30] ^= 1;
    p->crypto.sign(p->crypto.ctx, signature, buf_span(&claim));
    p->crypto.public_key(p->crypto.ctx, key);
    pu_public_key_pb(pb, key);
    pb_put_bytes(out, 1, span_of(pb, sizeof pb));
    pb_put_bytes(out, 2, span_of(signature, 64));
    if (p->muxers == MUX_PEER_NO_LIST) return;
    size_t mark = pb_open(out, 4);
    pb_put_bytes(out, 2,
                 p->muxers == MUX_PEER_YAMUX ? SPAN_LITERAL("/yamux/1.0.0")
                                             : SPAN_LITERAL("/mplex/6.7.0"));
    pb_close(out, mark);
}

/* The next Noise message after prefix, in one write. */
static void say_noise(mux_peer *p, pu_span prefix)
{
    uint8_t bytes[1024], text[256];
    pu_buf out = buf_of(bytes, sizeof bytes), payload = buf_of(text, sizeof text);
    if (p->xx.next > 1) put_payload(p, &payload);
    buf_put_span(&out, prefix);
    buf_put(&out, "\0\0", 2);
    bool is_said = noise_xx_write(&p->xx, &out, buf_span(&payload));
    PU_ASSERT(is_said);
    store_be16(bytes + prefix.len, (uint16_t)(out.len - prefix.len - 2));
    bytes[p->spoil_at % out.len] ^= p->spoil_xor;
    mux_peer_raw(p, buf_span(&out));
}

void mux_peer_begin(mux_peer *p)
{
    if (p->is_initiator) mux_host_accept(p->host);
    else mux_host_dial(p->host, &p->id);
}

void mux_peer_say_first(mux_peer *p)
{
    say_noise(p, SPAN_LITERAL(NOISE_ECHO));
}

void mux_peer_say_second(mux_peer *p)
{
    expect_said(p, NOISE_ECHO, sizeof NOISE_ECHO - 1);
    take_noise(p);
    say_noise(p, SPAN_LITERAL(NOISE_ECHO));
}

void mux_peer_say_third(mux_peer *p)
{
    expect_said(p, NOISE_ECHO, sizeof NOISE_ECHO - 1);
    take_noise(p);
    say_noise(p, (pu_span){NULL, 0});
}

void mux_peer_secure(mux_peer *p)
{
    if (p->is_initiator) {
        mux_peer_say_first(p);
        mux_peer_say_third(p);
    } else {
        mux_peer_say_second(p);
        take_noise(p);
    }
    noise_xx_split(&p->xx, p->is_initiator ? p->tx.key : p->rx.key,
                   p->is_initiator ? p->rx.key : p->tx.key);
}

/* Opens the frames that the host sent, as far as they are whole. */
static void open_sent(mux_peer *p)
{
    mux_host *h = p->host;
    pu_span in = span_of(h->sent, h->sent_len);
    for (;;) {
        static uint8_t plain[NOISE_PLAIN_MAX];
        size_t len;
        enum noise_result result = noise_open(&p->rx, &in, plain, &len);
        if (result == NOISE_MORE) break;
        PU_ASSERT(result == NOISE_DONE);
        put(&p->plain, plain, len);
    }
    mux_host_taken(h, h->sent_len - in.len);
}

/* The same with the wire's room renewed, until the host has nothing more to say. */
static void open_frames(mux_peer *p)
{
    mux_host *h = p->host;
    mux_host_settle(h);
    open_sent(p);
    for (uint64_t seen = 0; seen != h->sent_total && !p->is_holding;) {
        seen = h->sent_total;
        mux_host_room(h, h->sent_total + PU_LINK_TCP_FIRST_ROOM);
        mux_host_settle(h);
        open_sent(p);
    }
}

pu_span mux_peer_hear_plain(mux_peer *p)
{
    open_frames(p);
    size_t len = p->plain.len;
    p->plain.len = 0;
    return span_of(p->plain.at, len);
}

void mux_peer_select(mux_peer *p)
{
    pu_span echo = SPAN_LITERAL(YAMUX_ECHO);
    if (!p->is_initiator) PU_ASSERT(span_equal(mux_peer_hear_plain(p), echo));
    mux_peer_sealed(p, echo);
    if (!p->is_initiator) return;
    mux_host_settle(p->host);
    open_frames(p);
    PU_ASSERT(p->plain.len >= echo.len);
    PU_ASSERT(memcmp(p->plain.at, echo.base, echo.len) == 0);
    drop(&p->plain, echo.len);
}

void mux_peer_up(mux_peer *p)
{
    mux_peer_begin(p);
    mux_peer_secure(p);
    if (p->muxers != MUX_PEER_YAMUX) mux_peer_select(p);
    mux_peer_expect(p, "PING SYN 0 1\n");
    mux_peer_frame(p, YAMUX_PING, YAMUX_ACK, 0, 1);
    mux_peer_flush(p);
    PU_ASSERT(p->host->is_up);
    PU_ASSERT(p->host->is_confirmed);
}

/* ---- what the host says ---- */

static void note_frame(mux_peer *p, const yamux_frame *f)
{
    static const char *const types[] = {"DATA", "WND", "PING", "GOAWAY"};
    static const char *const flags[] = {" SYN", " ACK", " FIN", " RST"};
    char line[100], *at = line;
    at += sprintf(at, "%s", types[f->type]);
    for (unsigned i = 0; i < 4; i++)
        if (f->flags & (1u << i)) at += sprintf(at, "%s", flags[i]);
    at += sprintf(at, " %u %u\n", f->id, f->length);
    put(&p->log, line, (size_t)(at - line));
    if (f->type == YAMUX_PING && (f->flags & YAMUX_ACK)) p->answers++;
}

const char *mux_peer_hear(mux_peer *p)
{
    size_t at = 0;
    open_frames(p);
    p->log.len = 0;
    while (p->plain.len - at >= YAMUX_HEADER_BYTES) {
        yamux_frame f;
        bool is_frame = yamux_frame_read(&f, p->plain.at + at);
        PU_ASSERT(is_frame);
        size_t body = f.type == YAMUX_DATA ? f.length : 0;
        if (p->plain.len - at - YAMUX_HEADER_BYTES < body) break;
        note_frame(p, &f);
        at += YAMUX_HEADER_BYTES + body;
    }
    drop(&p->plain, at);
    put(&p->log, "", 1);
    return (const char *)p->log.at;
}

void mux_peer_expect(mux_peer *p, const char *frames)
{
    if (strcmp(mux_peer_hear(p), frames) == 0) return;
    fprintf(stderr, "the host said:\n%sinstead of:\n%s", (const char *)p->log.at, frames);
    abort();
}
