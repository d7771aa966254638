/* peerup/crypto.h - the primitives a host plugs into a node.
 *
 * A node never sees a private key: it asks this table. Two tables exist: the real one (libsodium)
 * and the model one, whose sizes are right and whose secrets are not, for simulations of many
 * nodes.
 */
#ifndef PEERUP_CRYPTO_H
#define PEERUP_CRYPTO_H

#include "peerup/base.h"

enum {
    PU_ED25519_SEED_BYTES = 32,
    PU_ED25519_KEY_BYTES = 32, /* public key */
    PU_ED25519_SIGNATURE_BYTES = 64,
};

/* Functions and their context; one context a node, since it holds the private key. */
typedef struct pu_crypto {
    void *ctx; /* kept until the node closes */
    /* Writes this node's raw Ed25519 public key. */
    void (*public_key)(void *ctx, uint8_t key[PU_ED25519_KEY_BYTES]);
    /* Signs message with this node's private key (RFC 8032 Ed25519). */
    void (*sign)(void *ctx, uint8_t signature[PU_ED25519_SIGNATURE_BYTES], pu_span message);
    /* Whether signature over message was made by the owner of key. Small-order keys and
     * non-canonical S are refused. */
    bool (*verify)(void *ctx, const uint8_t key[PU_ED25519_KEY_BYTES], pu_span message,
                   const uint8_t signature[PU_ED25519_SIGNATURE_BYTES]);
    /* Fills out with len secret random bytes: libsodium on a real host, a seeded stream in a
     * simulation. */
    void (*random)(void *ctx, uint8_t *out, size_t len);
} pu_crypto;

/* Context of the real table. Hold it in locked or ordinary memory; wipe it with
 * pu_crypto_real_close. */
typedef struct pu_crypto_real {
    uint8_t secret[64]; /* libsodium's secret key: seed then public key */
} pu_crypto_real;

/* Makes the real table for the Ed25519 key that seed derives. ctx is kept until the table is no
 * longer used. PU_ERANGE: libsodium could not be initialised. */
PU_API PU_MUST_USE int pu_crypto_real_init(pu_crypto *crypto, pu_crypto_real *ctx,
                                           const uint8_t seed[PU_ED25519_SEED_BYTES]);

/* Wipes the private key. */
PU_API void pu_crypto_real_close(pu_crypto_real *ctx);

/* Context of the model table: a key that is a function of the seed, and the stream behind `random`.
 */
typedef struct pu_crypto_model {
    uint8_t key[PU_ED25519_KEY_BYTES];   /* the public key, a hash of the seed */
    uint8_t seed[PU_ED25519_SEED_BYTES]; /* seeds the stream of random */
    uint64_t drawn;                      /* blocks taken from that stream */
} pu_crypto_model;

/* Makes the model table: deterministic, every mutation of key, message or signature is caught by
 * verify, and anybody could forge. Simulations only. ctx is kept until the table is no longer used.
 */
PU_API void pu_crypto_model_init(pu_crypto *crypto, pu_crypto_model *ctx,
                                 const uint8_t seed[PU_ED25519_SEED_BYTES]);

#endif
