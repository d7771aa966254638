/* base/rng.h - ChaCha20 streams (RFC 8439 block function), one a purpose: one more draw for gossip
 * does not shift the DHT's.
 *
 * A stream is a position, not a buffer: 16 bytes at rest beside the shared seed. Choices only;
 * secrets come from pu_crypto.random.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include "peerup/base.h"

typedef struct rng {
    const uint8_t *seed; /* 32 bytes, kept while the stream is used */
    uint32_t purpose;    /* which stream of that seed */
    uint32_t drawn;      /* 64-bit words taken so far; wraps after 32 GiB of words */
} rng;

/* Starts stream `purpose` of the 32-byte seed. */
void rng_init(rng *r, const uint8_t seed[32], uint32_t purpose);

/* The next 64 bits. */
uint64_t rng_u64(rng *r);

/* Passes over one draw: 64 bits that nobody needs and nobody computes. */
void rng_skip(rng *r);

/* A whole number in [0, below), without bias; below must not be 0. */
uint64_t rng_below(rng *r, uint64_t below);

/* True in `hits` of `of` cases; of must not be 0. */
bool rng_chance(rng *r, uint64_t hits, uint64_t of);

/* A duration in [from_ns, to_ns]; from_ns must not be above to_ns. */
uint64_t rng_between(rng *r, uint64_t from_ns, uint64_t to_ns);

/* Fills out with len bytes. */
void rng_bytes(rng *r, uint8_t *out, size_t len);

/* Derives a 32-byte seed from a parent seed and two numbers, by the same block function. */
void rng_derive(uint8_t out[32], const uint8_t parent[32], uint64_t a, uint64_t b);

#endif
