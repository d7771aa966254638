/* noise_test.c - Noise XX against published handshakes and js-libp2p's, then against peers that
 * break every rule of it that they can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pb.h"
#include "link/noise.h"
#include "vectors/noise.h"

int noise_test(void);

enum { INITIATOR = 0, RESPONDER = 1 };
enum { ROOM = 2 * NOISE_HANDSHAKE_MAX };

static const uint8_t low_order[][32] = {
    {0},
    {1},
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
     0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
     0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
     0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
     0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};
enum { LOW_ORDER_COUNT = sizeof low_order / sizeof low_order[0] };

/* A node's primitives, whose random bytes come from a script: ephemeral seed, static seed. */
typedef struct host {
    pu_crypto table, real_table;
    pu_crypto_real real;
    uint8_t script[64];
    uint8_t key_pb[PU_PUBLIC_KEY_PB_BYTES];
    pu_peer_id id;
} host;

static void scripted_key(void *ctx, uint8_t key[32])
{
    host *h = ctx;
    h->real_table.public_key(h->real_table.ctx, key);
}

static void scripted_sign(void *ctx, uint8_t signature[64], pu_span message)
{
    host *h = ctx;
    h->real_table.sign(h->real_table.ctx, signature, message);
}

static bool scripted_verify(void *ctx, const uint8_t key[32], pu_span message,
                            const uint8_t signature[64])
{
    host *h = ctx;
    return h->real_table.verify(h->real_table.ctx, key, message, signature);
}

static void scripted_random(void *ctx, uint8_t *out, size_t len)
{
    host *h = ctx;
    assert_int_equal(len, sizeof h->script);
    memcpy(out, h->script, len);
}

static void host_init(host *h, const uint8_t *identity_seed, const uint8_t *e, const uint8_t *s)
{
    uint8_t key[32];
    assert_int_equal(pu_crypto_real_init(&h->real_table, &h->real, identity_seed), PU_OK);
    h->table = (pu_crypto){h, scripted_key, scripted_sign, scripted_verify, scripted_random};
    memcpy(h->script, e, 32);
    memcpy(h->script + 32, s, 32);
    scripted_key(h, key);
    pu_public_key_pb(h->key_pb, key);
    pu_peer_id_from_ed25519(&h->id, key);
}

/* The host of one side of js's handshake. */
static void host_of(host *h, int side)
{
    const noise_libp2p_vector *v = &noise_libp2p_vectors[1];
    host_init(h, v->identity_seed[side].base, v->ephemeral_priv[side].base,
              v->static_priv[side].base);
}

/* Two sides of ours and what each said last. */
typedef struct pair {
    host host[2];
    noise noise[2];
    uint8_t said[2][ROOM];
    pu_buf out[2];
} pair;

static void pair_start(pair *p)
{
    for (int side = 0; side < 2; side++) {
        host_of(&p->host[side], side);
        p->out[side] = buf_of(p->said[side], ROOM);
        noise_start(&p->noise[side], &p->host[side].table, side == INITIATOR, &p->out[side]);
    }
}

/* What `from` said goes to the other side. */
static enum noise_result pair_pass(pair *p, int from)
{
    pu_span in = buf_span(&p->out[from]);
    p->out[!from].len = 0;
    enum noise_result result = noise_read(&p->noise[!from], &in, &p->out[!from]);
    if (result != NOISE_FAILED) assert_int_equal(in.len, 0);
    return result;
}

static void pair_finish(pair *p)
{
    pair_start(p);
    assert_int_equal(pair_pass(p, INITIATOR), NOISE_STEP);
    assert_int_equal(pair_pass(p, RESPONDER), NOISE_DONE);
    assert_int_equal(pair_pass(p, INITIATOR), NOISE_DONE);
}

/* ---- vectors ---- */

static void expect_span(pu_span got, pu_span want)
{
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.base, want.base, want.len);
}

/* Says payload by one side, hears it by the other. */
static void xx_exchange(noise_xx *from, noise_xx *to, pu_span payload, pu_span want)
{
    uint8_t message[ROOM], plain[ROOM];
    size_t len;
    pu_buf out = buf_of(message, sizeof message);
    assert_true(noise_xx_write(from, &out, payload));
    expect_span(buf_span(&out), want);
    assert_true(noise_xx_read(to, plain, &len, want));
    expect_span(span_of(plain, len), payload);
}

static void frame_exchange(noise_cipher *tx, noise_cipher *rx, pu_span plain, pu_span sealed)
{
    uint8_t frame[ROOM], opened[ROOM];
    size_t len;
    assert_true(noise_seal(tx, frame, plain));
    assert_int_equal(load_be16(frame), sealed.len);
    expect_span(span_of(frame + 2, sealed.len), sealed);
    pu_span in = span_of(frame, 2 + sealed.len);
    assert_int_equal(noise_open(rx, &in, opened, &len), NOISE_DONE);
    expect_span(span_of(opened, len), plain);
    assert_int_equal(in.len, 0);
}

/* The ciphers of both directions, by the side that sends. */
static void xx_ciphers(const noise_xx *x, noise_cipher tx[2])
{
    memset(tx, 0, 2 * sizeof *tx);
    noise_xx_split(x, tx[INITIATOR].key, tx[RESPONDER].key);
}

static void cacophony_is_reproduced(void **state)
{
    (void)state;
    const noise_xx_vector *v = &noise_xx_vectors[0];
    enum { COUNT = sizeof noise_message_vectors / sizeof noise_message_vectors[0] };
    noise_xx side[2];
    noise_cipher tx[2], rx[2];
    noise_xx_start(&side[0], true, v->init_prologue, v->init_ephemeral.base, v->init_static.base);
    noise_xx_start(&side[1], false, v->init_prologue, v->resp_ephemeral.base, v->resp_static.base);
    assert_int_equal(COUNT, 6);
    for (size_t i = 0; i < COUNT; i++) {
        const noise_message_vector *m = &noise_message_vectors[i];
        size_t from = i % 2;
        if (i < NOISE_XX_MESSAGES)
            xx_exchange(&side[from], &side[!from], m->payload, m->ciphertext);
        else frame_exchange(&tx[from], &rx[from], m->payload, m->ciphertext);
        if (i != NOISE_XX_MESSAGES - 1) continue;
        for (int s = 0; s < 2; s++) expect_span(span_of(side[s].h, 32), v->handshake_hash);
        xx_ciphers(&side[0], tx);
        xx_ciphers(&side[1], rx);
    }
}

static void handshakes_of_libp2p_are_reproduced(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const noise_libp2p_vector *v = &noise_libp2p_vectors[i];
        noise_xx side[2];
        noise_cipher tx[2], rx[2];
        for (int s = 0; s < 2; s++)
            noise_xx_start(&side[s], s == 0, (pu_span){NULL, 0}, v->ephemeral_priv[s].base,
                           v->static_priv[s].base);
        xx_exchange(&side[0], &side[1], (pu_span){NULL, 0}, span_skip(v->msg1_framed, 2));
        xx_exchange(&side[1], &side[0], v->payload2, span_skip(v->msg2_framed, 2));
        xx_exchange(&side[0], &side[1], v->payload3, span_skip(v->msg3_framed, 2));
        for (int s = 0; s < 2; s++) {
            expect_span(span_of(side[s].h, 32), v->handshake_hash);
            xx_ciphers(&side[s], s == 0 ? tx : rx);
        }
        expect_span(span_of(tx[INITIATOR].key, 32), v->k_i2r);
        expect_span(span_of(tx[RESPONDER].key, 32), v->k_r2i);
        const pu_span *frames[] = {v->transport_i2r_0, v->transport_i2r_1_empty,
                                   v->transport_r2i_0};
        for (int f = 0; f < 3; f++)
            frame_exchange(&tx[f / 2], &rx[f / 2], frames[f][0], span_skip(frames[f][1], 2));
    }
}

/* With js-libp2p-noise's keys we say what it says, byte for byte (its 5.0.1, #127, spoke a language
 * of its own). */
static void we_say_what_js_says(void **state)
{
    (void)state;
    const noise_libp2p_vector *v = &noise_libp2p_vectors[1];
    pair p;
    noise_cipher tx, rx;
    pair_start(&p);
    assert_int_equal(p.out[RESPONDER].len, 0);
    expect_span(buf_span(&p.out[INITIATOR]), v->msg1_framed);
    assert_int_equal(pair_pass(&p, INITIATOR), NOISE_STEP);
    expect_span(buf_span(&p.out[RESPONDER]), v->msg2_framed);
    assert_int_equal(pair_pass(&p, RESPONDER), NOISE_DONE);
    expect_span(buf_span(&p.out[INITIATOR]), v->msg3_framed);
    assert_int_equal(pair_pass(&p, INITIATOR), NOISE_DONE);
    assert_int_equal(p.out[RESPONDER].len, 0);
    for (int side = 0; side < 2; side++) {
        assert_true(pu_peer_id_equal(&p.noise[side].peer, &p.host[!side].id));
        assert_true(p.noise[side].peer_has_muxers);
        assert_true(p.noise[side].peer_has_yamux);
        noise_split(&p.noise[side], &tx, &rx);
        expect_span(span_of(tx.key, 32), side == INITIATOR ? v->k_i2r : v->k_r2i);
        expect_span(span_of(rx.key, 32), side == INITIATOR ? v->k_r2i : v->k_i2r);
    }
}

/* ---- segmentation ---- */

/* Shows what `from` said one byte more at a time; the message is taken with its last byte. */
static enum noise_result pass_in_bytes(pair *p, int from)
{
    pu_span whole = buf_span(&p->out[from]);
    p->out[!from].len = 0;
    for (size_t len = 0; len < whole.len; len++) {
        pu_span in = span_head(whole, len);
        assert_int_equal(noise_read(&p->noise[!from], &in, &p->out[!from]), NOISE_MORE);
        assert_int_equal(in.len, len);
        assert_int_equal(p->out[!from].len, 0);
    }
    return pair_pass(p, from);
}

static void one_byte_a_read(void **state)
{
    (void)state;
    pair p;
    pair_start(&p);
    assert_int_equal(pass_in_bytes(&p, INITIATOR), NOISE_STEP);
    assert_int_equal(pass_in_bytes(&p, RESPONDER), NOISE_DONE);
    assert_int_equal(pass_in_bytes(&p, INITIATOR), NOISE_DONE);
}

/* The third message and transport frames in one read: each call takes one message. */
static void what_follows_the_handshake_is_left(void **state)
{
    (void)state;
    pair p;
    noise_cipher tx, rx;
    uint8_t plain[ROOM];
    size_t len;
    pair_start(&p);
    assert_int_equal(pair_pass(&p, INITIATOR), NOISE_STEP);
    assert_int_equal(pair_pass(&p, RESPONDER), NOISE_DONE);
    noise_split(&p.noise[INITIATOR], &tx, &rx);
    pu_buf *out = &p.out[INITIATOR];
    assert_true(noise_seal(&tx, out->base + out->len, SPAN_LITERAL("early data")));
    out->len += 10 + NOISE_OVERHEAD;
    pu_span in = buf_span(out);
    assert_int_equal(noise_read(&p.noise[RESPONDER], &in, &p.out[RESPONDER]), NOISE_DONE);
    noise_split(&p.noise[RESPONDER], &tx, &rx);
    assert_int_equal(noise_open(&rx, &in, plain, &len), NOISE_DONE);
    expect_span(span_of(plain, len), SPAN_LITERAL("early data"));
    assert_int_equal(in.len, 0);
}

/* ---- bytes that are wrong ---- */

static void every_flipped_bit_is_caught(void **state)
{
    (void)state;
    pair clean;
    pair_start(&clean);
    for (int message = 1; message <= 3; message++) {
        int from = message == 2 ? RESPONDER : INITIATOR;
        size_t bits = 8 * clean.out[from].len;
        for (size_t bit = 16; bit < bits; bit += 5) { /* lengths have their own tests */
            pair p = clean;
            for (int side = 0; side < 2; side++) {
                p.out[side].base = p.said[side];
                p.noise[side].crypto = &p.host[side].table;
                p.host[side].table.ctx = &p.host[side];
                p.host[side].real_table.ctx = &p.host[side].real;
            }
            p.said[from][bit / 8] ^= (uint8_t)(1u << bit % 8);
            enum noise_result result = pair_pass(&p, from);
            /* the first message is only a key, of which the second shows another view */
            if (message == 1) result = pair_pass(&p, RESPONDER);
            assert_int_equal(result, NOISE_FAILED);
            assert_int_equal(p.noise[message == 1 ? from : !from].peer.len, 0);
        }
        assert_true(pair_pass(&clean, from) != NOISE_FAILED);
    }
}

/* kubo#7734: a first message of 0 to 31 bytes, and the same for the other two; lengths above our
 * limit. All are refused as soon as the length is there. */
static void lengths_that_cannot_be_fail_at_once(void **state)
{
    static const size_t least[] = {32, 96, 64};
    (void)state;
    pair p;
    pair_start(&p);
    for (int message = 1; message <= 3; message++) {
        int from = message == 2 ? RESPONDER : INITIATOR;
        for (size_t len = 0; len <= NOISE_FRAME_MAX;
             len += len == 96 ? NOISE_HANDSHAKE_MAX - 96 : 1) {
            uint8_t head[2];
            noise n = p.noise[!from];
            pu_span in = span_of(head, sizeof head);
            store_be16(head, (uint16_t)len);
            bool is_good = len >= least[message - 1] && len <= NOISE_HANDSHAKE_MAX;
            assert_int_equal(noise_read(&n, &in, &p.out[!from]),
                             is_good ? NOISE_MORE : NOISE_FAILED);
            if (len > NOISE_HANDSHAKE_MAX + 4) break;
        }
        assert_true(pair_pass(&p, from) != NOISE_FAILED);
    }
}

static void a_message_recorded_earlier_is_worth_nothing(void **state)
{
    (void)state;
    pair p;
    uint8_t recorded[ROOM];
    pair_finish(&p);
    size_t len = p.out[INITIATOR].len;
    memcpy(recorded, p.said[INITIATOR], len);

    host h;
    noise n;
    uint8_t said[ROOM];
    pu_buf out = buf_of(said, sizeof said);
    host_of(&h, RESPONDER);
    h.script[0] ^= 8; /* a fresh ephemeral key */
    noise_start(&n, &h.table, false, &out);
    pu_span first = noise_libp2p_vectors[1].msg1_framed, last = span_of(recorded, len);
    assert_int_equal(noise_read(&n, &first, &out), NOISE_STEP);
    assert_int_equal(noise_read(&n, &last, &out), NOISE_FAILED);
    assert_int_equal(n.peer.len, 0);
}

/* ---- a peer with its own ideas of payloads ---- */

/* The hostile side: the pattern done right, around whatever payload a test likes. */
typedef struct rogue {
    host host;
    noise_xx xx;
    uint8_t payload[ROOM];
    pu_buf out;
} rogue;

static void rogue_start(rogue *r, int side)
{
    host_of(&r->host, side);
    r->out = buf_of(r->payload, sizeof r->payload);
    noise_xx_start(&r->xx, side == INITIATOR, (pu_span){NULL, 0}, r->host.script,
                   r->host.script + 32);
}

/* Puts a signature over prefix and static key. */
static void rogue_sign(rogue *r, const char *prefix, const uint8_t *static_key)
{
    uint8_t signature[64], text[128];
    pu_buf claim = buf_of(text, sizeof text);
    buf_put(&claim, prefix, strlen(prefix));
    buf_put(&claim, static_key, 32);
    scripted_sign(&r->host, signature, buf_span(&claim));
    pb_put_bytes(&r->out, 2, span_of(signature, 64));
}

static void rogue_put_key(rogue *r)
{
    pb_put_bytes(&r->out, 1, span_of(r->host.key_pb, sizeof r->host.key_pb));
}

#define PREFIX "noise-libp2p-static-key:"

static void put_all(rogue *r)
{
    rogue_put_key(r);
    rogue_sign(r, PREFIX, r->xx.s);
}

static void put_nothing(rogue *r)
{
    (void)r;
}

static void put_no_signature(rogue *r)
{
    rogue_put_key(r);
}

static void put_empty_signature(rogue *r)
{
    rogue_put_key(r);
    pb_put_bytes(&r->out, 2, (pu_span){NULL, 0});
}

static void put_random_signature(rogue *r)
{
    uint8_t random[64];
    rogue_put_key(r);
    for (size_t i = 0; i < 64; i++) random[i] = (uint8_t)(37 * i + 11);
    pb_put_bytes(&r->out, 2, span_of(random, 64));
}

/* Genuine, from a handshake of the same identity with another Noise key. */
static void put_signature_of_another_static_key(rogue *r)
{
    uint8_t other[32];
    memcpy(other, r->xx.s, 32);
    other[5] ^= 1;
    rogue_put_key(r);
    rogue_sign(r, PREFIX, other);
}

/* Over the key that the honest side used. */
static void put_signature_of_the_others_static_key(rogue *r)
{
    host honest;
    noise_xx xx;
    host_of(&honest, r->xx.is_initiator ? RESPONDER : INITIATOR);
    noise_xx_start(&xx, true, (pu_span){NULL, 0}, honest.script, honest.script + 32);
    rogue_put_key(r);
    rogue_sign(r, PREFIX, xx.s);
}

static void put_signature_with_another_prefix(rogue *r)
{
    rogue_put_key(r);
    rogue_sign(r, "libp2p-tls-handshake:", r->xx.s);
}

static void put_no_key(rogue *r)
{
    rogue_sign(r, PREFIX, r->xx.s);
}

/* Somebody else's identity with our own signature. */
static void put_key_of_somebody_else(rogue *r)
{
    uint8_t pb[PU_PUBLIC_KEY_PB_BYTES];
    memcpy(pb, r->host.key_pb, sizeof pb);
    pb[20] ^= 1;
    pb_put_bytes(&r->out, 1, span_of(pb, sizeof pb));
    rogue_sign(r, PREFIX, r->xx.s);
}

/* Two keys: the last one counts, and it is not the signer's. */
static void put_second_key(rogue *r)
{
    put_all(r);
    put_key_of_somebody_else(r);
}

static void put_key_of_unknown_type(rogue *r)
{
    uint8_t pb[PU_PUBLIC_KEY_PB_BYTES];
    memcpy(pb, r->host.key_pb, sizeof pb);
    pb[1] = 9;
    pb_put_bytes(&r->out, 1, span_of(pb, sizeof pb));
    rogue_sign(r, PREFIX, r->xx.s);
}

/* CVE-2023-39533, as large as a handshake message may be. */
static void put_huge_rsa_key(rogue *r)
{
    static uint8_t pb[2100] = {0x08, 0x00, 0x12, 0xb1, 0x10};
    pb_put_bytes(&r->out, 1, span_of(pb, sizeof pb));
    pb_put_bytes(&r->out, 2, span_of(pb, 1024));
}

static void put_group(rogue *r)
{
    put_all(r);
    buf_put(&r->out, "\x2b\x2c", 2); /* field 5, group */
}

static void put_truncated_field(rogue *r)
{
    put_all(r);
    buf_put(&r->out, "\x2a\x05zz", 4);
}

static void put_bad_extensions(rogue *r)
{
    put_all(r);
    buf_put(&r->out, "\x22\x02\x12\x09", 4);
}

static void put_field_zero(rogue *r)
{
    put_all(r);
    buf_put(&r->out, "\x02\x00", 2);
}

/* A removed field, an unknown one and unknown extensions: ignored. */
static void put_extra_fields(rogue *r)
{
    buf_put(&r->out, "\x1a\x03old\x38\x05", 7);
    put_all(r);
    buf_put(&r->out, "\x22\x05\x0a\x03xyz", 7);
}

typedef void put_fn(rogue *r);

/* Runs the rogue on side against us; returns what we made of its payload, and its list of muxers.
 */
static enum noise_result against(int side, put_fn *put, noise *ours)
{
    static uint8_t said[ROOM], plain[ROOM], message[ROOM];
    rogue r;
    host h;
    size_t len;
    pu_buf out = buf_of(said, sizeof said), hers = buf_of(message + 2, sizeof message - 2);
    rogue_start(&r, side);
    host_of(&h, !side);
    noise_start(ours, &h.table, side == RESPONDER, &out);
    if (side == RESPONDER) {
        assert_true(noise_xx_read(&r.xx, plain, &len, span_skip(buf_span(&out), 2)));
    } else {
        assert_true(noise_xx_write(&r.xx, &hers, SPAN_LITERAL("ignored")));
        store_be16(message, (uint16_t)hers.len);
        pu_span in = span_of(message, 2 + hers.len);
        assert_int_equal(noise_read(ours, &in, &out), NOISE_STEP);
        assert_true(noise_xx_read(&r.xx, plain, &len, span_skip(buf_span(&out), 2)));
        hers.len = 0;
    }
    put(&r);
    assert_false(r.out.full);
    assert_true(noise_xx_write(&r.xx, &hers, buf_span(&r.out)));
    store_be16(message, (uint16_t)hers.len);
    pu_span in = span_of(message, 2 + hers.len);
    out.len = 0;
    enum noise_result result = noise_read(ours, &in, &out);
    ours->crypto = NULL; /* it ends with this call */
    return result;
}

/* CVE-2022-24759, litep2p, dotnet-libp2p#192 and their like: no peer without a proof, in either
 * role. */
static void who_proves_nothing_is_refused(void **state)
{
    static put_fn *const puts[] = {put_nothing,
                                   put_no_signature,
                                   put_empty_signature,
                                   put_random_signature,
                                   put_signature_of_another_static_key,
                                   put_signature_of_the_others_static_key,
                                   put_signature_with_another_prefix,
                                   put_no_key,
                                   put_key_of_somebody_else,
                                   put_second_key,
                                   put_key_of_unknown_type,
                                   put_huge_rsa_key,
                                   put_group,
                                   put_truncated_field,
                                   put_bad_extensions,
                                   put_field_zero};
    (void)state;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < sizeof puts / sizeof puts[0]; i++) {
            noise n;
            assert_int_equal(against(side, puts[i], &n), NOISE_FAILED);
            assert_false(n.peer_has_yamux);
            assert_int_equal(n.peer.len, 0);
        }
        static put_fn *const good[] = {put_all, put_extra_fields};
        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
            noise n;
            host h;
            host_of(&h, side);
            assert_int_equal(against(side, good[i], &n), NOISE_DONE);
            assert_true(pu_peer_id_equal(&n.peer, &h.id));
            assert_false(n.peer_has_muxers);
            assert_false(n.peer_has_yamux);
        }
    }
}

static void put_muxers(rogue *r, unsigned others, bool yamux)
{
    put_all(r);
    size_t mark = pb_open(&r->out, 4);
    for (unsigned i = 0; i < others; i++) pb_put_bytes(&r->out, 2, SPAN_LITERAL("/mplex/6.7.0"));
    if (yamux) pb_put_bytes(&r->out, 2, SPAN_LITERAL("/yamux/1.0.0"));
    pb_close(&r->out, mark);
}

static void put_yamux(rogue *r)
{
    put_muxers(r, 0, true);
}

static void put_mplex(rogue *r)
{
    put_muxers(r, 1, false);
}

static void put_mplex_and_yamux(rogue *r)
{
    put_muxers(r, 1, true);
}

static void put_100_muxers(rogue *r)
{
    put_muxers(r, 99, true);
}

static void put_101_muxers(rogue *r)
{
    put_muxers(r, 100, true);
}

static void lists_of_muxers(void **state)
{
    static const struct {
        put_fn *put;
        bool has_muxers, has_yamux;
    } cases[] = {
        {put_all, false, false},           {put_yamux, true, true},      {put_mplex, true, false},
        {put_mplex_and_yamux, true, true}, {put_100_muxers, true, true}, /* as many as go reads */
        {put_101_muxers, false, false},
    };
    (void)state;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            noise n;
            assert_int_equal(against(side, cases[i].put, &n), NOISE_DONE);
            assert_int_equal(n.peer_has_muxers, cases[i].has_muxers);
            assert_int_equal(n.peer_has_yamux, cases[i].has_yamux);
        }
    }
}

/* ---- points of low order ---- */

static void low_order_ephemeral_keys_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOW_ORDER_COUNT; i++) {
        pair p;
        pair_start(&p);
        memcpy(p.said[INITIATOR] + 2, low_order[i], 32);
        assert_int_equal(pair_pass(&p, INITIATOR), NOISE_FAILED);
        pair_start(&p);
        assert_int_equal(pair_pass(&p, INITIATOR), NOISE_STEP);
        memcpy(p.said[RESPONDER] + 2, low_order[i], 32);
        assert_int_equal(pair_pass(&p, RESPONDER), NOISE_FAILED);
    }
}

static const uint8_t *low_order_now;

static void put_low_order_static_key(rogue *r)
{
    memcpy(r->xx.s, low_order_now, 32);
    put_all(r); /* its owner signs it, too */
}

static void low_order_static_keys_are_refused(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < LOW_ORDER_COUNT; i++) {
            noise n;
            low_order_now = low_order[i];
            assert_int_equal(against(side, put_low_order_static_key, &n), NOISE_FAILED);
            assert_int_equal(n.peer.len, 0);
        }
    }
}

static void closing_wipes_everything(void **state)
{
    static const noise wiped = {.crypto = NULL};
    (void)state;
    pair p;
    pair_finish(&p);
    for (int side = 0; side < 2; side++) {
        noise_close(&p.noise[side]);
        assert_memory_equal(&p.noise[side], &wiped, sizeof wiped);
    }
}

int noise_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cacophony_is_reproduced),
        cmocka_unit_test(handshakes_of_libp2p_are_reproduced),
        cmocka_unit_test(we_say_what_js_says),
        cmocka_unit_test(one_byte_a_read),
        cmocka_unit_test(what_follows_the_handshake_is_left),
        cmocka_unit_test(every_flipped_bit_is_caught),
        cmocka_unit_test(lengths_that_cannot_be_fail_at_once),
        cmocka_unit_test(a_message_recorded_earlier_is_worth_nothing),
        cmocka_unit_test(who_proves_nothing_is_refused),
        cmocka_unit_test(lists_of_muxers),
        cmocka_unit_test(low_order_ephemeral_keys_are_refused),
        cmocka_unit_test(low_order_static_keys_are_refused),
        cmocka_unit_test(closing_wipes_everything),
    };
    return cmocka_run_group_tests_name("noise", tests, NULL, NULL);
}
