/* crypto/noise_prims.h - the primitives under Noise and TLS records: X25519, ChaCha20-Poly1305,
 * SHA-256, HMAC-SHA256, HKDF-SHA256, and wiping.
 *
 * These are the suite 25519_ChaChaPoly_SHA256 of the Noise specification, section 12, from
 * libsodium. They keep no state and draw no randomness: equal arguments give equal bytes on every
 * machine. pu_crypto (peerup/crypto.h) is for what is different from node to node, keys and
 * randomness.
 *
 * Outputs come first. An output may be the same memory as an input only where it is said.
 * Nothing here fails but crypto_x25519 and the two functions that open: those judge what a peer
 * sent.
 */
#ifndef CRYPTO_NOISE_PRIMS_H
#define CRYPTO_NOISE_PRIMS_H

#include "peerup/base.h"

enum {
    CRYPTO_X25519_BYTES = 32,                          /* a secret, a public key, a shared secret */
    CRYPTO_SHA256_BYTES = 32,                          /* a SHA-256 hash, an HMAC over it */
    CRYPTO_KEY_BYTES = 32,                             /* a key of ChaCha20-Poly1305 */
    CRYPTO_NONCE_BYTES = 12,                           /* a nonce of ChaCha20-Poly1305, RFC 8439 */
    CRYPTO_TAG_BYTES = 16,                             /* what sealing adds */
    CRYPTO_HKDF_BYTES_MAX = 255 * CRYPTO_SHA256_BYTES, /* RFC 5869 section 2.3 */
};

/* Makes an X25519 key pair of 32 secret random bytes: secret is a copy of seed32, clamped only when
 * it is used (RFC 7748 section 5), and public_key is its point. secret may be seed32. */
void crypto_x25519_keypair(uint8_t public_key[CRYPTO_X25519_BYTES],
                           uint8_t secret[CRYPTO_X25519_BYTES],
                           const uint8_t seed32[CRYPTO_X25519_BYTES]);

/* The X25519 function: what the owners of secret and of public_key share. Keys that are not
 * canonical and points of the twist count as RFC 7748 says, section 5. False for a point of low
 * order, whose shared secret would be all zero for everybody (section 6.1); shared is all zero
 * then. shared may be either input. */
PU_MUST_USE bool crypto_x25519(uint8_t shared[CRYPTO_X25519_BYTES],
                               const uint8_t secret[CRYPTO_X25519_BYTES],
                               const uint8_t public_key[CRYPTO_X25519_BYTES]);

/* The SHA-256 hash (FIPS 180-4) of a followed by b; either may be empty. out may lie in a or b. */
void crypto_sha256(uint8_t out[CRYPTO_SHA256_BYTES], pu_span a, pu_span b);

/* HMAC-SHA256 (RFC 2104) of a followed by b under a key of any length. out may lie in an input. */
void crypto_hmac_sha256(uint8_t out[CRYPTO_SHA256_BYTES], pu_span key, pu_span a, pu_span b);

/* HKDF-SHA256 (RFC 5869): out_len bytes, at most CRYPTO_HKDF_BYTES_MAX, derived of the key material
 * ikm; an empty salt counts as 32 zero bytes. out may lie in salt or ikm, not in info.
 *
 * Noise's HKDF(chaining_key, input_key_material, n), section 4.3, is this function with
 * chaining_key as salt and no info: n = 2 or 3 outputs are the 64 or 96 bytes, one after the other.
 */
void crypto_hkdf_sha256(uint8_t *out, size_t out_len, pu_span salt, pu_span ikm, pu_span info);

/* Encrypts plain and authenticates it with ad (ChaCha20-Poly1305, RFC 8439 section 2.8): writes
 * plain.len bytes and then the tag of CRYPTO_TAG_BYTES. The nonce is Noise's, section 12.3: four
 * zero bytes and counter, little-endian. A counter serves once under a key; UINT64_MAX is Noise's
 * own, for rekeying, and never given. out is plain.base or does not touch it. */
void crypto_seal(uint8_t *out, const uint8_t key[CRYPTO_KEY_BYTES], uint64_t counter, pu_span ad,
                 pu_span plain);

/* Opens what crypto_seal made: writes sealed.len - CRYPTO_TAG_BYTES bytes. False when sealed is
 * shorter than a tag or is not what the owner of key sealed with this counter and ad; then out
 * holds nothing of the plain text. out is sealed.base or does not touch it. */
PU_MUST_USE bool crypto_open(uint8_t *out, const uint8_t key[CRYPTO_KEY_BYTES], uint64_t counter,
                             pu_span ad, pu_span sealed);

/* crypto_seal with any nonce: rekeying, and protocols that make it differently. */
void crypto_seal_nonce(uint8_t *out, const uint8_t key[CRYPTO_KEY_BYTES],
                       const uint8_t nonce[CRYPTO_NONCE_BYTES], pu_span ad, pu_span plain);

/* crypto_open with any nonce. */
PU_MUST_USE bool crypto_open_nonce(uint8_t *out, const uint8_t key[CRYPTO_KEY_BYTES],
                                   const uint8_t nonce[CRYPTO_NONCE_BYTES], pu_span ad,
                                   pu_span sealed);

/* Overwrites len bytes with zeros, even where nobody reads them again. */
void crypto_wipe(void *p, size_t len);

#endif
