/* crypto/real_ed25519.c - the real table of primitives: Ed25519 and randomness from libsodium.
 *
 * libsodium's verification already refuses small-order keys and non-canonical S, which is what
 * pu_crypto promises.
 */
#include "peerup/crypto.h"

#include <sodium.h>
#include <string.h>

_Static_assert(PU_ED25519_SEED_BYTES == crypto_sign_SEEDBYTES, "seeds are libsodium's");
_Static_assert(PU_ED25519_KEY_BYTES == crypto_sign_PUBLICKEYBYTES, "keys are libsodium's");
_Static_assert(PU_ED25519_SIGNATURE_BYTES == crypto_sign_BYTES, "signatures are libsodium's");
_Static_assert(sizeof((pu_crypto_real *)0)->secret == crypto_sign_SECRETKEYBYTES,
               "secret keys are libsodium's");

static void real_public_key(void *ctx, uint8_t key[PU_ED25519_KEY_BYTES])
{
    const pu_crypto_real *real = ctx;
    PU_ASSERT(real != NULL);
    memcpy(key, real->secret + PU_ED25519_SEED_BYTES, PU_ED25519_KEY_BYTES);
}

static void real_sign(void *ctx, uint8_t signature[PU_ED25519_SIGNATURE_BYTES], pu_span message)
{
    const pu_crypto_real *real = ctx;
    PU_ASSERT(message.base != NULL || message.len == 0);
    int failed = crypto_sign_detached(signature, NULL, message.base, message.len, real->secret);
    PU_ASSERT(failed == 0);
}

static bool real_verify(void *ctx, const uint8_t key[PU_ED25519_KEY_BYTES], pu_span message,
                        const uint8_t signature[PU_ED25519_SIGNATURE_BYTES])
{
    (void)ctx; /* anybody can verify */
    PU_ASSERT(message.base != NULL || message.len == 0);
    return crypto_sign_verify_detached(signature, message.base, message.len, key) == 0;
}

static void real_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx; /* the operating system's generator, shared by the process */
    PU_ASSERT(out != NULL || len == 0);
    if (len > 0) randombytes_buf(out, len);
}

int pu_crypto_real_init(pu_crypto *crypto, pu_crypto_real *ctx,
                        const uint8_t seed[PU_ED25519_SEED_BYTES])
{
    PU_ASSERT(crypto != NULL);
    PU_ASSERT(ctx != NULL);
    if (sodium_init() < 0) return PU_ERANGE;

    uint8_t key[PU_ED25519_KEY_BYTES]; /* libsodium keeps a copy inside the secret key */
    int failed = crypto_sign_seed_keypair(key, ctx->secret, seed);
    PU_ASSERT(failed == 0);
    *crypto = (pu_crypto){.ctx = ctx,
                          .public_key = real_public_key,
                          .sign = real_sign,
                          .verify = real_verify,
                          .random = real_random};
    return PU_OK;
}

void pu_crypto_real_close(pu_crypto_real *ctx)
{
    PU_ASSERT(ctx != NULL);
    sodium_memzero(ctx->secret, sizeof ctx->secret);
}
