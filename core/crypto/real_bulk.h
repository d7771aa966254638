/* crypto/real_bulk.h - ChaCha20-Poly1305 of long messages, by libcrypto. Nobody but real_noise.c
 * includes it; why it is here says docs/decisions/006-libcrypto.md.
 */
#ifndef CRYPTO_REAL_BULK_H
#define CRYPTO_REAL_BULK_H

#include "crypto/noise_prims.h"

enum {
    BULK_LEAST_BYTES = 2048,  /* of a message that gains by it: a context costs most of a µs */
    BULK_MOST_BYTES = 1 << 24 /* of one that libcrypto, which counts in int, is given */
};

enum bulk_verdict {
    BULK_UNABLE = 0, /* no memory for a context: nothing was written */
    BULK_DONE,
    BULK_FORGED /* the tag is another one: out is all zero */
};

/* As crypto_seal_nonce, for plain of BULK_LEAST_BYTES to BULK_MOST_BYTES. DONE or UNABLE. */
PU_MUST_USE enum bulk_verdict bulk_seal(uint8_t *out, const uint8_t key[CRYPTO_KEY_BYTES],
                                        const uint8_t nonce[CRYPTO_NONCE_BYTES], pu_span ad,
                                        pu_span plain);

/* As crypto_open_nonce; sealed without its tag is of BULK_LEAST_BYTES to BULK_MOST_BYTES. */
PU_MUST_USE enum bulk_verdict bulk_open(uint8_t *out, const uint8_t key[CRYPTO_KEY_BYTES],
                                        const uint8_t nonce[CRYPTO_NONCE_BYTES], pu_span ad,
                                        pu_span sealed);

#endif
