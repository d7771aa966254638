/* secure_fuzz.c - what is read before a peer is known: keys, certificates, Noise handshakes in both
 * roles, the frames after them, headers of Yamux.
 *
 * A fuzzer that changes bytes breaks every seal at once. So a Noise peer is also played with the
 * right keys and a payload of the input's, and honest handshakes are cut and spoilt on their way.
 */
#include "base/varint.h"
#include "ident/identity_key.h"
#include "link/noise.h"
#include "link/yamux_frame.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/times.h"
#include "tls/cert.h"
#include "tls/der.h"

enum { SIDES = 2, NOW_S = 1790000000 };

static bool always(void *ctx, const uint8_t *key, pu_span message, const uint8_t *signature)
{
    (void)ctx, (void)key, (void)message, (void)signature;
    return true;
}

static bool never(void *ctx, const uint8_t *key, pu_span message, const uint8_t *signature)
{
    (void)ctx, (void)key, (void)message, (void)signature;
    return false;
}

/* ---- keys ---- */

void fuzz_identity_key(pu_span bytes)
{
    const pu_crypto yes = {.verify = always}, no = {.verify = never};
    static const uint8_t signature[PU_ED25519_SIGNATURE_BYTES];
    pu_span signed_by = span_of(signature, sizeof signature), text = SPAN_LITERAL("text");
    identity_key key;
    pu_peer_id id;
    uint8_t raw[PU_ED25519_KEY_BYTES];
    bool is_key = identity_key_read(&key, bytes);
    bool is_ed25519 = is_key && key.type == IDENTITY_ED25519;
    PU_ASSERT(identity_key_ed25519(raw, bytes) == is_ed25519);
    PU_ASSERT(!identity_key_verify(&no, bytes, text, signed_by, &id) && id.len == 0);
    PU_ASSERT(identity_key_verify(&yes, bytes, text, signed_by, &id) == is_ed25519);
    PU_ASSERT((id.len > 0) == is_ed25519);
    if (!is_key) return;
    PU_ASSERT(key.data.base + key.data.len == bytes.base + bytes.len);
    if (!is_ed25519) return;
    uint8_t again[PU_PUBLIC_KEY_PB_BYTES]; /* its one encoding */
    pu_public_key_pb(again, raw);
    PU_ASSERT(span_equal(bytes, span_of(again, sizeof again)));
}

/* ---- DER and certificates ---- */

static void check_item(const der_item *item, pu_span before, pu_span rest)
{
    static uint8_t memory[1 << 16];
    PU_ASSERT(item->whole.base == before.base && item->whole.len == before.len - rest.len);
    PU_ASSERT(item->value.base + item->value.len == rest.base);
    pu_buf out = buf_of(memory, sizeof memory);
    der_put(&out, item->tag, item->value);
    PU_ASSERT(span_equal(buf_span(&out), item->whole)); /* lengths have one form */
}

static void check_values(const der_item *item)
{
    pu_span bytes;
    int64_t unix_s;
    if (item->tag == DER_BIT_STRING && der_bits(item, &bytes))
        PU_ASSERT(bytes.len + 1 == item->value.len);
    if (item->tag != DER_UTC_TIME && item->tag != DER_GENERALIZED_TIME) return;
    if (!der_time(item, &unix_s)) return;
    pu_span text = item->value;
    bool has_century = item->tag == DER_GENERALIZED_TIME;
    PU_ASSERT(text.len == (has_century ? 15 : 13));
    int64_t year = times_two_digits(text, 0);
    if (has_century) year = year * 100 + times_two_digits(text, 2);
    else year += year >= 50 ? 1900 : 2000;
    text = span_skip(text, has_century ? 4 : 2);
    int64_t wanted = times_days(year, times_two_digits(text, 0), times_two_digits(text, 2)) * 86400;
    wanted += times_two_digits(text, 4) * 3600 + times_two_digits(text, 6) * 60;
    PU_ASSERT(unix_s == wanted + times_two_digits(text, 8));
}

/* Elements one after the other, then what the first of them holds. */
void fuzz_der(pu_span bytes)
{
    for (int depth = 0; depth < 16 && bytes.len > 0; depth++) {
        pu_span rest = bytes, inner = span_of(NULL, 0);
        der_item item;
        for (pu_span before = rest; der_next(&rest, &item); before = rest) {
            check_item(&item, before, rest);
            check_values(&item);
            if (inner.len == 0) inner = item.value;
        }
        bytes = inner;
    }
}

void fuzz_certificate(pu_span bytes)
{
    bool holds = fuzz_u8(&bytes) & 1;
    const pu_crypto crypto = {.verify = holds ? always : never};
    tls_cert_facts facts = {.peer = {.len = 7}};
    enum tls_cert_verdict v = tls_cert_check(&facts, &crypto, bytes, NOW_S);
    PU_ASSERT(v <= TLS_CERT_IDENTITY);
    PU_ASSERT((v == TLS_CERT_GOOD) == (facts.peer.len > 0));
    PU_ASSERT(v != TLS_CERT_GOOD || holds);
}

/* ---- Noise ---- */

/* An identity of the model, or one whose peers' signatures all hold. */
typedef struct side {
    pu_crypto crypto;
    pu_crypto_model model;
    pu_peer_id id;
    noise n;
} side;

static void side_init(side *s, uint8_t number, bool believes)
{
    const uint8_t seed[PU_ED25519_SEED_BYTES] = {number};
    uint8_t key[PU_ED25519_KEY_BYTES];
    pu_crypto_model_init(&s->crypto, &s->model, seed);
    s->crypto.public_key(s->crypto.ctx, key);
    pu_peer_id_from_ed25519(&s->id, key);
    if (believes) s->crypto.verify = always;
}

/* Whatever comes, one side at most says what it has to say, and is sure of nobody. */
static void check_raw(pu_span in, bool is_initiator)
{
    static uint8_t memory[SIDES * NOISE_HANDSHAKE_MAX];
    side s;
    side_init(&s, 1, true);
    pu_buf out = buf_of(memory, sizeof memory);
    noise_start(&s.n, &s.crypto, is_initiator, &out);
    enum noise_result result;
    size_t left = in.len;
    while ((result = noise_read(&s.n, &in, &out)) == NOISE_STEP) {
        PU_ASSERT(in.len < left);
        left = in.len;
    }
    PU_ASSERT(result == NOISE_MORE || result == NOISE_FAILED); /* seals are not guessed */
    PU_ASSERT(s.n.peer.len == 0);
    noise_close(&s.n);
}

/* Appends the next message of x, with its length in front. */
static void say(noise_xx *x, pu_buf *out, pu_span payload)
{
    size_t start = out->len;
    buf_put(out, "\0\0", NOISE_LENGTH_BYTES);
    bool is_said = noise_xx_write(x, out, payload);
    PU_ASSERT(is_said && !out->full);
    store_be16(out->base + start, (uint16_t)(out->len - start - NOISE_LENGTH_BYTES));
}

/* Takes the message that noise said to x. */
static void hear(noise_xx *x, pu_span said)
{
    static uint8_t payload[NOISE_HANDSHAKE_MAX];
    size_t len;
    bool is_heard = noise_xx_read(x, payload, &len, span_skip(said, NOISE_LENGTH_BYTES));
    PU_ASSERT(is_heard);
}

/* A peer that knows Noise and puts what it likes into its payload. */
static void check_payload(pu_span payload, bool is_initiator, bool believes)
{
    static uint8_t memory[SIDES][SIDES * NOISE_HANDSHAKE_MAX];
    static const uint8_t e_seed[32] = {5}, s_seed[32] = {6};
    side s;
    noise_xx peer;
    if (payload.len > NOISE_HANDSHAKE_MAX - 128) return;
    side_init(&s, 1, believes);
    pu_buf said = buf_of(memory[0], sizeof memory[0]), heard = buf_of(memory[1], sizeof memory[1]);
    noise_start(&s.n, &s.crypto, is_initiator, &said);
    noise_xx_start(&peer, !is_initiator, span_of(NULL, 0), e_seed, s_seed);
    if (is_initiator) hear(&peer, buf_span(&said));
    else say(&peer, &heard, span_of(NULL, 0));
    pu_span in = buf_span(&heard);
    if (!is_initiator) {
        PU_ASSERT(noise_read(&s.n, &in, &said) == NOISE_STEP);
        hear(&peer, buf_span(&said));
        heard.len = 0;
    }
    say(&peer, &heard, payload);
    in = buf_span(&heard);
    enum noise_result result = noise_read(&s.n, &in, &said);
    PU_ASSERT(result == NOISE_DONE || result == NOISE_FAILED);
    PU_ASSERT((result == NOISE_DONE) == (s.n.peer.len > 0));
    PU_ASSERT(!s.n.peer_has_yamux || s.n.peer_has_muxers);
    noise_close(&s.n);
}

/* What happens to the bytes between two sides. */
typedef struct road {
    uint32_t at; /* a byte of all that goes over it is changed: so many before it */
    uint8_t flip;
    size_t piece; /* so many arrive at once */
    bool is_spoilt;
} road;

/* Gives `to` what was said. */
static enum noise_result carry(road *r, side *to, pu_span said, pu_buf *answer)
{
    static uint8_t memory[NOISE_HANDSHAKE_MAX];
    enum noise_result result = NOISE_MORE;
    PU_ASSERT(said.len > 0 && said.len <= sizeof memory);
    memcpy(memory, said.base, said.len);
    if (!r->is_spoilt && r->at < said.len) {
        memory[r->at] ^= r->flip;
        r->is_spoilt = r->flip != 0;
    }
    r->at -= r->at < said.len ? r->at : (uint32_t)said.len;
    for (size_t end = 0; end < said.len && result == NOISE_MORE;) {
        end = said.len - end < r->piece ? said.len : end + r->piece;
        pu_span in = span_of(memory, end);
        result = noise_read(&to->n, &in, answer);
        PU_ASSERT(result != NOISE_MORE || in.len == end);
    }
    return result;
}

/* Two honest sides: they prove each other, unless something was changed between them. */
static void check_pair(pu_span in)
{
    static uint8_t memory[SIDES + 1][NOISE_HANDSHAKE_MAX];
    static side a, b;
    road r = {.at = fuzz_u16(&in) % 1024, .flip = fuzz_u8(&in), .piece = 1 + fuzz_u8(&in)};
    pu_buf said[SIDES + 1];
    for (int i = 0; i <= SIDES; i++) said[i] = buf_of(memory[i], sizeof memory[i]);
    side_init(&a, 1, false);
    side_init(&b, 2, false);
    noise_start(&a.n, &a.crypto, true, &said[0]);
    noise_start(&b.n, &b.crypto, false, &said[1]);
    enum noise_result result = carry(&r, &b, buf_span(&said[0]), &said[1]);
    if (result == NOISE_STEP) result = carry(&r, &a, buf_span(&said[1]), &said[2]);
    bool a_is_sure = result == NOISE_DONE;
    PU_ASSERT(a_is_sure == (a.n.peer.len > 0));
    if (a_is_sure) {
        PU_ASSERT(pu_peer_id_equal(&a.n.peer, &b.id) && a.n.peer_has_yamux);
        result = carry(&r, &b, buf_span(&said[2]), &said[2]);
    }
    PU_ASSERT((result == NOISE_DONE) == !r.is_spoilt);
    if (!r.is_spoilt) PU_ASSERT(pu_peer_id_equal(&b.n.peer, &a.id) && b.n.peer_has_yamux);
    noise_close(&a.n);
    noise_close(&b.n);
}

void fuzz_noise(pu_span bytes)
{
    uint8_t how = fuzz_u8(&bytes);
    if (how % 4 == 0) check_raw(bytes, how & 4);
    else if (how % 4 == 1) check_pair(bytes);
    else check_payload(bytes, how & 4, how & 8);
}

/* Frames of both directions, each sealed, now and then spoilt or cut: the first that is not as it
 * was ends the direction. */
void fuzz_noise_frame(pu_span bytes)
{
    static uint8_t frame[NOISE_FRAME_MAX + NOISE_LENGTH_BYTES], plain[NOISE_PLAIN_MAX];
    noise_cipher tx = {.key = {1}}, rx = {.key = {1}};
    tx.counter = rx.counter = fuzz_u8(&bytes) & 1 ? UINT64_MAX - 2 : 0;
    bool is_dead = false;
    for (int i = 0; i < 8 && bytes.len > 0; i++) {
        uint8_t how = fuzz_u8(&bytes);
        uint32_t at = fuzz_u16(&bytes);
        pu_span text = fuzz_span(&bytes, fuzz_u8(&bytes));
        bool is_out = tx.counter == UINT64_MAX;
        PU_ASSERT(noise_seal(&tx, frame, text) == !is_out);
        if (is_out) return;
        size_t whole = text.len + NOISE_OVERHEAD, len = 0;
        size_t cut = how & 1 ? at % whole : whole;
        bool is_spoilt = (how & 6) == 6;
        if (is_spoilt) frame[NOISE_LENGTH_BYTES + at % (whole - NOISE_LENGTH_BYTES)] ^= 1;
        pu_span in = span_of(frame, cut);
        enum noise_result result = noise_open(&rx, &in, plain, &len);
        if (!is_dead && cut < whole) {
            PU_ASSERT(result == NOISE_MORE && in.len == cut);
            in = span_of(frame, whole);
            result = noise_open(&rx, &in, plain, &len);
        }
        is_dead = is_dead || is_spoilt;
        PU_ASSERT(result == (is_dead ? NOISE_FAILED : NOISE_DONE));
        if (!is_dead) PU_ASSERT(in.len == 0 && span_equal(span_of(plain, len), text));
    }
}

/* ---- Yamux ---- */

void fuzz_yamux_frame(pu_span bytes)
{
    uint8_t again[YAMUX_HEADER_BYTES];
    for (; bytes.len >= YAMUX_HEADER_BYTES; bytes = span_skip(bytes, YAMUX_HEADER_BYTES)) {
        yamux_frame f;
        if (!yamux_frame_read(&f, bytes.base)) continue;
        PU_ASSERT((f.type == YAMUX_DATA || f.type == YAMUX_WINDOW) == (f.id != 0));
        yamux_frame_write(again, &f);
        PU_ASSERT(memcmp(again, bytes.base, sizeof again) == 0);
    }
}
