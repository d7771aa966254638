/* crypto/model.c - the model table of primitives: the real one's sizes at a fraction of its cost.
 *
 * A signature is a running hash of the public key and the message, so that verify can recompute it
 * from public things: it catches every mutation and proves nothing. Simulations of many nodes need
 * the bytes, not the proof.
 */
#include "base/bytes.h"
#include "base/mix.h"
#include "base/rng.h"
#include "peerup/crypto.h"

enum {
    RESULT_BYTES = 16,       /* one mix_result */
    RANDOM_BLOCK_BYTES = 32, /* one rng_derive */
};

/* Separate the uses of the hash and of the seed from each other. */
static const uint64_t use_key = 0x6b6579;
static const uint64_t use_sign = 0x7369676e;
static const uint64_t use_random = 0x72616e64;

_Static_assert(PU_ED25519_KEY_BYTES % RESULT_BYTES == 0, "keys are whole results");
_Static_assert(PU_ED25519_SIGNATURE_BYTES % RESULT_BYTES == 0, "signatures are whole results");

/* Fills out (len bytes, whole results) with hashes of key and message, each with its own seed. */
static void hash_to(uint8_t *out, size_t len, uint64_t use, const uint8_t key[32], pu_span message)
{
    PU_ASSERT(len % RESULT_BYTES == 0);
    for (size_t lane = 0; lane < len / RESULT_BYTES; lane++) {
        mix128 m;
        uint64_t result[2];
        mix_init(&m, mix3(use, lane, 0));
        mix_bytes(&m, key, 32);
        mix_u64(&m, message.len);
        mix_bytes(&m, message.base, message.len);
        mix_result(&m, result);
        store_le64(out + RESULT_BYTES * lane, result[0]);
        store_le64(out + RESULT_BYTES * lane + 8, result[1]);
    }
}

static void model_public_key(void *ctx, uint8_t key[PU_ED25519_KEY_BYTES])
{
    const pu_crypto_model *model = ctx;
    PU_ASSERT(model != NULL);
    memcpy(key, model->key, sizeof model->key);
}

static void model_sign(void *ctx, uint8_t signature[PU_ED25519_SIGNATURE_BYTES], pu_span message)
{
    const pu_crypto_model *model = ctx;
    PU_ASSERT(message.base != NULL || message.len == 0);
    hash_to(signature, PU_ED25519_SIGNATURE_BYTES, use_sign, model->key, message);
}

static bool model_verify(void *ctx, const uint8_t key[PU_ED25519_KEY_BYTES], pu_span message,
                         const uint8_t signature[PU_ED25519_SIGNATURE_BYTES])
{
    (void)ctx; /* anybody can verify, and here also forge */
    PU_ASSERT(message.base != NULL || message.len == 0);
    uint8_t wanted[PU_ED25519_SIGNATURE_BYTES];
    hash_to(wanted, sizeof wanted, use_sign, key, message);
    return memcmp(wanted, signature, sizeof wanted) == 0;
}

/* The rest of a block is dropped: what a call returns depends on the seed and on how many blocks
 * went before. */
static void model_random(void *ctx, uint8_t *out, size_t len)
{
    pu_crypto_model *model = ctx;
    PU_ASSERT(out != NULL || len == 0);
    for (size_t done = 0; done < len; done += RANDOM_BLOCK_BYTES) {
        uint8_t block[RANDOM_BLOCK_BYTES];
        rng_derive(block, model->seed, use_random, model->drawn++);
        memcpy(out + done, block, len - done < sizeof block ? len - done : sizeof block);
    }
}

void pu_crypto_model_init(pu_crypto *crypto, pu_crypto_model *ctx,
                          const uint8_t seed[PU_ED25519_SEED_BYTES])
{
    PU_ASSERT(crypto != NULL);
    PU_ASSERT(ctx != NULL);
    *ctx = (pu_crypto_model){.drawn = 0};
    memcpy(ctx->seed, seed, sizeof ctx->seed);
    hash_to(ctx->key, sizeof ctx->key, use_key, seed, (pu_span){NULL, 0});
    *crypto = (pu_crypto){.ctx = ctx,
                          .public_key = model_public_key,
                          .sign = model_sign,
                          .verify = model_verify,
                          .random = model_random};
}
