/* crypto/model.c - the model table of primitives: the real one's sizes at a fraction of its cost.
 *
 * A signature is a running hash of the public key and the message, so that verify can recompute it
 * from public things: it catches every mutation and proves nothing. Simulations of many nodes need
 * the bytes, not the proof. What the real table refuses by its form is refused here too, even when
 * the hash is right: small-order and non-canonical keys, and an S that is not below the order.
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

/* Keys are points by their y, little-endian, with the sign of x in the last bit. */
enum { LAST = 31, SIGN_BIT = 0x80 };

/* y of the points whose order divides eight and whose encoding is canonical: order four, the
 * neutral element, the two pairs of order eight, order two. */
static const uint8_t small_order[][32] = {
    {0},
    {1},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

/* Whether y is 2^255 - 19 or above: another name for a smaller y. */
static bool is_above_field(const uint8_t y[32])
{
    PU_ASSERT((y[LAST] & SIGN_BIT) == 0);
    if (y[LAST] != 0x7f || y[0] < 0xed) return false;
    for (size_t i = 1; i < LAST; i++)
        if (y[i] != 0xff) return false;
    return true;
}

/* Whether the real table would look at a signature of this key at all. */
static bool is_key(const uint8_t key[32])
{
    uint8_t y[32];
    PU_ASSERT(key != NULL);
    memcpy(y, key, sizeof y);
    y[LAST] = (uint8_t)(y[LAST] & ~SIGN_BIT);
    for (size_t i = 0; i < sizeof small_order / sizeof small_order[0]; i++)
        if (memcmp(y, small_order[i], sizeof y) == 0) return false;
    return !is_above_field(y);
}

static void model_public_key(void *ctx, uint8_t key[PU_ED25519_KEY_BYTES])
{
    const pu_crypto_model *model = ctx;
    PU_ASSERT(model != NULL);
    memcpy(key, model->key, sizeof model->key);
}

/* R and S; S is below 2^252, and so below the group's order, as every S must be. */
static void signature_of(uint8_t signature[PU_ED25519_SIGNATURE_BYTES], const uint8_t key[32],
                         pu_span message)
{
    PU_ASSERT(message.base != NULL || message.len == 0);
    hash_to(signature, PU_ED25519_SIGNATURE_BYTES, use_sign, key, message);
    signature[PU_ED25519_SIGNATURE_BYTES - 1] &= 0x0f;
}

static void model_sign(void *ctx, uint8_t signature[PU_ED25519_SIGNATURE_BYTES], pu_span message)
{
    const pu_crypto_model *model = ctx;
    PU_ASSERT(model != NULL);
    signature_of(signature, model->key, message);
}

static bool model_verify(void *ctx, const uint8_t key[PU_ED25519_KEY_BYTES], pu_span message,
                         const uint8_t signature[PU_ED25519_SIGNATURE_BYTES])
{
    (void)ctx; /* anybody can verify, and here also forge */
    uint8_t wanted[PU_ED25519_SIGNATURE_BYTES];
    if (!is_key(key)) return false;
    signature_of(wanted, key, message);
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
    PU_ASSERT(is_key(ctx->key)); /* a hash that is not one is as likely as a collision */
    *crypto = (pu_crypto){.ctx = ctx,
                          .public_key = model_public_key,
                          .sign = model_sign,
                          .verify = model_verify,
                          .random = model_random};
}
