/* base/mix.h - a 128-bit running hash for traces and model signatures: fast, portable, not
 * cryptographic. */
#ifndef BASE_MIX_H
#define BASE_MIX_H

#include "peerup/base.h"

/* A running hash. Equal calls in equal order give equal results on every machine. */
typedef struct mix128 {
    uint64_t a, b;   /* state */
    uint64_t length; /* bytes and words taken */
} mix128;

/* Starts a hash; seed separates uses. */
void mix_init(mix128 *m, uint64_t seed);

/* Adds one number. */
void mix_u64(mix128 *m, uint64_t value);

/* Adds len bytes, without their length: add it first where bytes could run together. */
void mix_bytes(mix128 *m, const void *bytes, size_t len);

/* The result so far, in two words; m is not changed. */
void mix_result(const mix128 *m, uint64_t out[2]);

/* One word from three: for tie-breaks and seeded tables. */
uint64_t mix3(uint64_t a, uint64_t b, uint64_t c);

#endif
