/* node/recorder.c - writes what a node is given and what came of it, see peerup/record.h. */
#include "peerup/record.h"

static void put(pu_recorder *r, size_t len)
{
    PU_ASSERT(len > 0); /* PU_RECORD_MAX suffices for every record */
    r->write(r->ctx, (pu_span){r->bytes, len});
}

void pu_recorder_start(pu_recorder *r, void (*write)(void *ctx, pu_span bytes), void *ctx)
{
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

void pu_recorder_end(const pu_recorder *r, pu_crypto *crypto)
{
    *crypto = r->inner;
}

/* ---- steps ---- */

void pu_recorder_input(pu_recorder *r, const pu_in *in)
{
    r->step = (pu_record_step){0};
    put(r, pu_record_write_input(r->bytes, sizeof r->bytes, in));
}

void pu_recorder_effect(pu_recorder *r, const pu_ef *effect)
{
    r->step.effects++;
    pu_record_effect_hash(r->step.hash, effect);
}

void pu_recorder_step(pu_recorder *r, int result)
{
    r->step.result = result;
    put(r, pu_record_write_step(r->bytes, sizeof r->bytes, &r->step));
}
