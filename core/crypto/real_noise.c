/* crypto/real_noise.c - the primitives under Noise, from libsodium; long messages are sealed and
 * opened by libcrypto (real_bulk.h), with the same bytes as a result.
 *
 * libsodium works on states of its own on the stack; those that hold secrets are wiped here.
 */
#include "crypto/noise_prims.h"

#include <sodium.h>

#include "base/bytes.h"
#include "crypto/real_bulk.h"

_Static_assert(CRYPTO_X25519_BYTES == crypto_scalarmult_curve25519_BYTES, "points");
_Static_assert(CRYPTO_X25519_BYTES == crypto_scalarmult_curve25519_SCALARBYTES, "secrets");
_Static_assert(CRYPTO_SHA256_BYTES == crypto_hash_sha256_BYTES, "hashes");
_Static_assert(CRYPTO_SHA256_BYTES == crypto_auth_hmacsha256_BYTES, "codes");
_Static_assert(CRYPTO_KEY_BYTES == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "keys");
_Static_assert(CRYPTO_NONCE_BYTES == crypto_aead_chacha20poly1305_ietf_NPUBBYTES, "nonces");
_Static_assert(CRYPTO_TAG_BYTES == crypto_aead_chacha20poly1305_ietf_ABYTES, "tags");

enum { COUNTER_AT = 4 }; /* the counter's place in a nonce of Noise */

void crypto_x25519_keypair(uint8_t public_key[CRYPTO_X25519_BYTES],
                           uint8_t secret[CRYPTO_X25519_BYTES],
                           const uint8_t seed32[CRYPTO_X25519_BYTES])
{
    PU_ASSERT(public_key != secret);
    memmove(secret, seed32, CRYPTO_X25519_BYTES);
    int failed = crypto_scalarmult_curve25519_base(public_key, secret);
    PU_ASSERT(failed == 0); /* the base point is not of low order */
}

/* libsodium refuses what becomes all zero, some of it before it writes anything. */
bool crypto_x25519(uint8_t shared[CRYPTO_X25519_BYTES], const uint8_t secret[CRYPTO_X25519_BYTES],
                   const uint8_t public_key[CRYPTO_X25519_BYTES])
{
    uint8_t point[CRYPTO_X25519_BYTES];
    PU_ASSERT(shared != NULL);
    bool is_good = crypto_scalarmult_curve25519(point, secret, public_key) == 0;
    if (is_good) memcpy(shared, point, sizeof point);
    else memset(shared, 0, sizeof point);
    crypto_wipe(point, sizeof point);
    return is_good;
}

void crypto_sha256(uint8_t out[CRYPTO_SHA256_BYTES], pu_span a, pu_span b)
{
    crypto_hash_sha256_state state;
    PU_ASSERT(a.base != NULL || a.len == 0);
    PU_ASSERT(b.base != NULL || b.len == 0);
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, a.base, a.len);
    crypto_hash_sha256_update(&state, b.base, b.len);
    crypto_hash_sha256_final(&state, out);
    crypto_wipe(&state, sizeof state);
}

void crypto_hmac_sha256(uint8_t out[CRYPTO_SHA256_BYTES], pu_span key, pu_span a, pu_span b)
{
    crypto_auth_hmacsha256_state state;
    PU_ASSERT(key.base != NULL || key.len == 0);
    PU_ASSERT(a.base != NULL || a.len == 0);
    PU_ASSERT(b.base != NULL || b.len == 0);
    crypto_auth_hmacsha256_init(&state, key.base, key.len);
    crypto_auth_hmacsha256_update(&state, a.base, a.len);
    crypto_auth_hmacsha256_update(&state, b.base, b.len);
    crypto_auth_hmacsha256_final(&state, out);
    crypto_wipe(&state, sizeof state);
}

/* Each block is the code of the block before it, info and the block's number, from 1. HMAC pads its
 * key with zeros, so that no salt and 32 zero bytes are the same key. */
void crypto_hkdf_sha256(uint8_t *out, size_t out_len, pu_span salt, pu_span ikm, pu_span info)
{
    uint8_t key[CRYPTO_SHA256_BYTES], block[CRYPTO_SHA256_BYTES];
    crypto_auth_hmacsha256_state state;
    PU_ASSERT(out != NULL || out_len == 0);
    PU_ASSERT(out_len <= CRYPTO_HKDF_BYTES_MAX);
    PU_ASSERT(info.base != NULL || info.len == 0);
    crypto_hmac_sha256(key, salt, ikm, (pu_span){NULL, 0});
    uint8_t number = 0;
    for (size_t done = 0; done < out_len; done += sizeof block) {
        size_t rest = out_len - done;
        number++;
        crypto_auth_hmacsha256_init(&state, key, sizeof key);
        if (done > 0) crypto_auth_hmacsha256_update(&state, block, sizeof block);
        crypto_auth_hmacsha256_update(&state, info.base, info.len);
        crypto_auth_hmacsha256_update(&state, &number, 1);
        crypto_auth_hmacsha256_final(&state, block);
        memcpy(out + done, block, rest < sizeof block ? rest : sizeof block);
    }
    crypto_wipe(&state, sizeof state);
    crypto_wipe(block, sizeof block);
    crypto_wipe(key, sizeof key);
}

/* The nonce of Noise for counter. */
static void nonce_of(uint8_t nonce[CRYPTO_NONCE_BYTES], uint64_t counter)
{
    PU_ASSERT(counter != UINT64_MAX); /* kept for rekeying */
    memset(nonce, 0, COUNTER_AT);
    store_le64(nonce + COUNTER_AT, counter);
}

void crypto_seal(uint8_t *out, const uint8_t key[CRYPTO_KEY_BYTES], uint64_t counter, pu_span ad,
                 pu_span plain)
{
    uint8_t nonce[CRYPTO_NONCE_BYTES];
    nonce_of(nonce, counter);
    crypto_seal_nonce(out, key, nonce, ad, plain);
}

bool crypto_open(uint8_t *out, const uint8_t key[CRYPTO_KEY_BYTES], uint64_t counter, pu_span ad,
                 pu_span sealed)
{
    uint8_t nonce[CRYPTO_NONCE_BYTES];
    nonce_of(nonce, counter);
    return crypto_open_nonce(out, key, nonce, ad, sealed);
}

/* Whether a message is for real_bulk.c. */
static bool is_bulk(size_t len, pu_span ad)
{
    return len >= BULK_LEAST_BYTES && len <= BULK_MOST_BYTES && ad.len <= BULK_MOST_BYTES;
}

void crypto_seal_nonce(uint8_t *out, const uint8_t key[CRYPTO_KEY_BYTES],
                       const uint8_t nonce[CRYPTO_NONCE_BYTES], pu_span ad, pu_span plain)
{
    PU_ASSERT(plain.base != NULL || plain.len == 0);
    PU_ASSERT(ad.base != NULL || ad.len == 0);
    if (is_bulk(plain.len, ad) && bulk_seal(out, key, nonce, ad, plain) == BULK_DONE) return;
    int failed = crypto_aead_chacha20poly1305_ietf_encrypt_detached(
        out, out + plain.len, NULL, plain.base, plain.len, ad.base, ad.len, NULL, nonce, key);
    PU_ASSERT(failed == 0);
}

/* libsodium compares the tags before it decrypts, in a time that does not depend on them. */
bool crypto_open_nonce(uint8_t *out, const uint8_t key[CRYPTO_KEY_BYTES],
                       const uint8_t nonce[CRYPTO_NONCE_BYTES], pu_span ad, pu_span sealed)
{
    PU_ASSERT(ad.base != NULL || ad.len == 0);
    if (sealed.len < CRYPTO_TAG_BYTES) return false;
    size_t len = sealed.len - CRYPTO_TAG_BYTES;
    if (is_bulk(len, ad)) {
        enum bulk_verdict verdict = bulk_open(out, key, nonce, ad, sealed);
        if (verdict != BULK_UNABLE) return verdict == BULK_DONE;
    }
    return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
               out, NULL, sealed.base, len, sealed.base + len, ad.base, ad.len, nonce, key) == 0;
}

void crypto_wipe(void *p, size_t len)
{
    PU_ASSERT(p != NULL || len == 0);
    sodium_memzero(p, len);
}
