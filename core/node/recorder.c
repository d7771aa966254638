/* node/recorder.c - writes what a node is given and what came of it, see peerup/record.h. */
#include "base/mix.h"
#include "base/rng.h"
#include "peerup/record.h"

static void put(pu_recorder *r, size_t len)
{
    PU_ASSERT(len > 0); /* PU_RECORD_MAX suffices for every record */
    r->write(r->ctx, (pu_span){r->bytes, len});
}

void pu_recorder_start(pu_recorder *r, const uint8_t key[PU_RECORD_KEY_BYTES],
                       void (*write)(void *ctx, pu_span bytes), void *ctx)
{
    memcpy(r->key, key, sizeof r->key);
    r->write = write;
    r->ctx = ctx;
    put(r, pu_record_write_magic(r->bytes, sizeof r->bytes));
}

/* ---- private-key operations ---- */

static void public_key(void *ctx, uint8_t key[PU_ED25519_KEY_BYTES])
{
    pu_recorder *r = ctx;
    r->inner.public_key(r->inner.ctx, key);
}

static void sign(void *ctx, uint8_t signature[PU_ED25519_SIGNATURE_BYTES], pu_span message)
{
    pu_recorder *r = ctx;
    r->inner.sign(r->inner.ctx, signature, message);
    put(r, pu_record_write_sign(r->bytes, sizeof r->bytes, signature));
}

static bool verify(void *ctx, const uint8_t key[PU_ED25519_KEY_BYTES], pu_span message,
                   const uint8_t signature[PU_ED25519_SIGNATURE_BYTES])
{
    pu_recorder *r = ctx;
    bool is_genuine = r->inner.verify(r->inner.ctx, key, message, signature);
    put(r, pu_record_write_verify(r->bytes, sizeof r->bytes, is_genuine));
    return is_genuine;
}

static void draw(void *ctx, uint8_t *out, size_t len)
{
    pu_recorder *r = ctx;
    r->inner.random(r->inner.ctx, out, len);
    put(r, pu_record_write_random(r->bytes, sizeof r->bytes, len));
}

void pu_recorder_node(pu_recorder *r, const pu_record_node *node, pu_crypto *crypto)
{
    r->inner = *crypto;
    *crypto = (pu_crypto){r, public_key, sign, verify, draw};
    put(r, pu_record_write_node(r->bytes, sizeof r->bytes, node));
}

void pu_recorder_end(pu_recorder *r, enum pu_record_why why, pu_crypto *crypto)
{
    put(r, pu_record_write_end(r->bytes, sizeof r->bytes, why));
    *crypto = r->inner;
}

/* ---- steps ---- */

/* The fast hash is no secret-keeper, so what is written is a ChaCha20 block that it selects:
 * whoever has no key learns which bytes are equal, and that only of one length. */
static pu_record_opaque opaque_of(const pu_recorder *r, pu_span bytes)
{
    pu_record_opaque opaque = {.len = (uint32_t)bytes.len};
    uint8_t block[32];
    uint64_t sum[2];
    mix128 m;
    if (bytes.len == 0) return opaque;
    mix_init(&m, load_le64(r->key));
    mix_u64(&m, bytes.len);
    mix_bytes(&m, bytes.base, bytes.len);
    mix_result(&m, sum);
    rng_derive(block, r->key, sum[0], sum[1]);
    opaque.hash[0] = load_le64(block);
    opaque.hash[1] = load_le64(block + 8);
    return opaque;
}

void pu_recorder_input(pu_recorder *r, const pu_node *node, const pu_in *in)
{
    pu_in read = *in;
    size_t unread = pu_record_opaque_bytes(node, in);
    PU_ASSERT(unread <= in->body.len);
    read.body.len -= unread;
    pu_record_opaque opaque = opaque_of(r, span_skip(in->body, read.body.len));
    r->step = (pu_record_step){0};
    put(r, pu_record_write_input(r->bytes, sizeof r->bytes, &read, &opaque));
}

void pu_recorder_effect(pu_recorder *r, const pu_node *node, const pu_in *in, const pu_ef *effect)
{
    r->step.effects++;
    pu_record_effect_hash(r->step.hash, node, in, effect);
}

void pu_recorder_step(pu_recorder *r, int result)
{
    r->step.result = result;
    put(r, pu_record_write_step(r->bytes, sizeof r->bytes, &r->step));
}
