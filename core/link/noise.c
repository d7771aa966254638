/* link/noise.c - libp2p's payloads and frames around the XX pattern. */
#include "link/noise.h"

#include "base/pb.h"
#include "ident/identity_key.h"

enum { STATIC_KEY_BYTES = 32 };
enum { IDENTITY_KEY = 1, IDENTITY_SIG = 2, EXTENSIONS = 4 }; /* NoiseHandshakePayload */
enum { STREAM_MUXERS = 2 };                                  /* NoiseExtensions */

#define YAMUX SPAN_LITERAL("/yamux/1.0.0")
#define SIGNED_PREFIX SPAN_LITERAL("noise-libp2p-static-key:")

enum { PREFIX_BYTES = 24, PAYLOAD_BYTES_MAX = 128 };

/* What a static key's owner signs. */
static void put_signed(pu_buf *out, const uint8_t static_key[STATIC_KEY_BYTES])
{
    buf_put_span(out, SIGNED_PREFIX);
    buf_put(out, static_key, STATIC_KEY_BYTES);
    PU_ASSERT(!out->full);
}

/* Our payload: the identity's key, its signature over the static key, our muxers. */
static void put_payload(const noise *n, pu_buf *out)
{
    uint8_t key[PU_ED25519_KEY_BYTES], key_pb[PU_PUBLIC_KEY_PB_BYTES];
    uint8_t signature[PU_ED25519_SIGNATURE_BYTES], text[PREFIX_BYTES + STATIC_KEY_BYTES];
    pu_buf claim = buf_of(text, sizeof text);
    put_signed(&claim, n->xx.s);
    n->crypto->public_key(n->crypto->ctx, key);
    pu_public_key_pb(key_pb, key);
    n->crypto->sign(n->crypto->ctx, signature, buf_span(&claim));

    pb_put_bytes(out, IDENTITY_KEY, span_of(key_pb, sizeof key_pb));
    pb_put_bytes(out, IDENTITY_SIG, span_of(signature, sizeof signature));
    size_t mark = pb_open(out, EXTENSIONS);
    pb_put_bytes(out, STREAM_MUXERS, YAMUX);
    pb_close(out, mark);
    PU_ASSERT(!out->full);
}

/* The fields of a payload; empty when absent. */
typedef struct payload {
    pu_span identity_key, identity_sig;
    uint32_t muxer_count;
    bool has_yamux;
} payload;

static bool read_extensions(payload *p, pu_span bytes)
{
    pb_in in = pb_in_of(bytes);
    for (pb_field f; pb_next(&in, &f);) {
        if (f.no != STREAM_MUXERS || f.wire != PB_BYTES) continue;
        p->muxer_count++;
        if (span_equal(f.bytes, YAMUX)) p->has_yamux = true;
    }
    return !in.bad;
}

static bool read_payload(payload *p, pu_span bytes)
{
    *p = (payload){.muxer_count = 0};
    pb_in in = pb_in_of(bytes);
    for (pb_field f; pb_next(&in, &f);) {
        if (f.wire != PB_BYTES) continue;
        if (f.no == IDENTITY_KEY) p->identity_key = f.bytes;
        if (f.no == IDENTITY_SIG) p->identity_sig = f.bytes;
        if (f.no == EXTENSIONS && !read_extensions(p, f.bytes)) return false;
    }
    return !in.bad;
}

/* Proves who sent payload: the signature must be over the static key that the handshake itself
 * used, whatever the payload says. */
static bool prove(noise *n, pu_span bytes)
{
    uint8_t text[PREFIX_BYTES + STATIC_KEY_BYTES];
    pu_buf claim = buf_of(text, sizeof text);
    payload p;
    if (!read_payload(&p, bytes)) return false;
    put_signed(&claim, n->xx.rs);
    if (!identity_key_verify(n->crypto, p.identity_key, buf_span(&claim), p.identity_sig, &n->peer))
        return false;
    n->peer_has_muxers = p.muxer_count > 0 && p.muxer_count <= NOISE_MUXERS_MAX;
    n->peer_has_yamux = n->peer_has_muxers && p.has_yamux;
    return true;
}

/* Appends our next message with its length in front. */
static bool put_message(noise *n, pu_buf *out)
{
    uint8_t bytes[PAYLOAD_BYTES_MAX];
    pu_buf text = buf_of(bytes, sizeof bytes);
    size_t start = out->len;
    if (n->xx.next > 1) put_payload(n, &text);
    buf_put(out, "\0\0", NOISE_LENGTH_BYTES);
    if (!noise_xx_write(&n->xx, out, buf_span(&text))) return false;
    store_be16(out->base + start, (uint16_t)(out->len - start - NOISE_LENGTH_BYTES));
    return true;
}

void noise_start(noise *n, const pu_crypto *crypto, bool is_initiator, pu_buf *out)
{
    uint8_t seed[2 * CRYPTO_X25519_BYTES];
    PU_ASSERT(n != NULL);
    PU_ASSERT(crypto != NULL);
    *n = (noise){.crypto = crypto};
    crypto->random(crypto->ctx, seed, sizeof seed);
    noise_xx_start(&n->xx, is_initiator, (pu_span){NULL, 0}, seed, seed + CRYPTO_X25519_BYTES);
    crypto_wipe(seed, sizeof seed);
    if (!is_initiator) return;
    bool is_said = put_message(n, out);
    PU_ASSERT(is_said); /* the first message needs nothing of the peer's */
}

/* Takes one message off *in, once it is there. */
static enum noise_result take_message(const noise *n, pu_span *in, pu_span *message)
{
    if (in->len < NOISE_LENGTH_BYTES) return NOISE_MORE;
    size_t len = load_be16(in->base);
    if (len < noise_xx_least(n->xx.next) || len > NOISE_HANDSHAKE_MAX) return NOISE_FAILED;
    if (in->len - NOISE_LENGTH_BYTES < len) return NOISE_MORE;
    *message = span_head(span_skip(*in, NOISE_LENGTH_BYTES), len);
    *in = span_skip(*in, NOISE_LENGTH_BYTES + len);
    return NOISE_DONE;
}

enum noise_result noise_read(noise *n, pu_span *in, pu_buf *out)
{
    uint8_t plain[NOISE_HANDSHAKE_MAX];
    size_t plain_len;
    pu_span message;
    PU_ASSERT(n->xx.next <= NOISE_XX_MESSAGES);
    enum noise_result result = take_message(n, in, &message);
    if (result != NOISE_DONE) return result;
    if (!noise_xx_read(&n->xx, plain, &plain_len, message)) return NOISE_FAILED;
    /* The first message proves nothing yet; what it carries, anybody may have said. */
    if (n->xx.next > 2 && !prove(n, span_of(plain, plain_len))) return NOISE_FAILED;
    if (n->xx.next > NOISE_XX_MESSAGES) return NOISE_DONE;
    if (!put_message(n, out)) return NOISE_FAILED;
    return n->xx.is_initiator ? NOISE_DONE : NOISE_STEP;
}

void noise_split(const noise *n, noise_cipher *tx, noise_cipher *rx)
{
    PU_ASSERT(n->peer.len > 0);
    *tx = (noise_cipher){.counter = 0};
    *rx = (noise_cipher){.counter = 0};
    noise_xx_split(&n->xx, n->xx.is_initiator ? tx->key : rx->key,
                   n->xx.is_initiator ? rx->key : tx->key);
}

void noise_close(noise *n)
{
    PU_ASSERT(n != NULL);
    crypto_wipe(n, sizeof *n);
}

/* Whether c may seal or open one frame more. The last counter is Noise's own (section 5.1). */
static bool is_alive(noise_cipher *c)
{
    if (c->counter == UINT64_MAX) c->is_dead = true;
    return !c->is_dead;
}

bool noise_seal(noise_cipher *c, uint8_t *out, pu_span plain)
{
    PU_ASSERT(plain.len <= NOISE_PLAIN_MAX);
    if (!is_alive(c)) return false;
    crypto_seal(out + NOISE_LENGTH_BYTES, c->key, c->counter++, (pu_span){NULL, 0}, plain);
    store_be16(out, (uint16_t)(plain.len + NOISE_TAG_BYTES));
    return true;
}

enum noise_result noise_open(noise_cipher *c, pu_span *in, uint8_t *plain, size_t *len)
{
    if (!is_alive(c)) return NOISE_FAILED;
    if (in->len < NOISE_LENGTH_BYTES) return NOISE_MORE;
    size_t frame_len = load_be16(in->base);
    if (frame_len >= NOISE_TAG_BYTES && in->len - NOISE_LENGTH_BYTES < frame_len) return NOISE_MORE;
    /* A frame that fails ends everything, so that no later one is opened under its counter. */
    c->is_dead = true;
    if (frame_len < NOISE_TAG_BYTES) return NOISE_FAILED;
    pu_span sealed = span_head(span_skip(*in, NOISE_LENGTH_BYTES), frame_len);
    if (!crypto_open(plain, c->key, c->counter, (pu_span){NULL, 0}, sealed)) return NOISE_FAILED;
    c->is_dead = false;
    c->counter++;
    *len = frame_len - NOISE_TAG_BYTES;
    *in = span_skip(*in, NOISE_LENGTH_BYTES + frame_len);
    return NOISE_DONE;
}
