/* base/chacha20.h - the ChaCha20 block function (RFC 8439 section 2.3): the source of every choice
 * a node makes. For choices only: no secret goes through it.
 */
#ifndef BASE_CHACHA20_H
#define BASE_CHACHA20_H

#include <stdint.h>

/* Writes block number `counter` of the stream that key and nonce name. Equal arguments give equal
 * blocks on every machine. */
void chacha20_block(const uint8_t key[32], uint32_t counter, const uint8_t nonce[12],
                    uint8_t out[64]);

#endif
