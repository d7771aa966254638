/* link/noise_xx.h - the XX pattern of Noise_XX_25519_ChaChaPoly_SHA256 with any prologue and any
 * payloads (Noise protocol framework revision 34, sections 5 and 7.5). noise.c puts libp2p's
 * payloads in.
 *
 *   1  ->  e
 *   2  <-  e, ee, s, es
 *   3  ->  s, se
 */
#ifndef LINK_NOISE_XX_H
#define LINK_NOISE_XX_H

#include "base/bytes.h"
#include "crypto/noise_prims.h"

enum { NOISE_XX_MESSAGES = 3 };

/* One side. Wipe it when done: e_secret, s_secret, ck and k are secret. */
typedef struct noise_xx {
    bool is_initiator;
    uint8_t next;  /* the message that is read or written next, from 1; 4: all are through */
    bool has_k;    /* a key was mixed: what follows is encrypted */
    uint64_t n;    /* counter of the next encryption under k */
    uint8_t h[32]; /* hash of everything said so far */
    uint8_t ck[32], k[32];
    uint8_t e[32], e_secret[32], s[32], s_secret[32]; /* ours */
    uint8_t re[32], rs[32];                           /* theirs, once read */
} noise_xx;

/* Starts one side. e_seed and s_seed: 32 secret random bytes each, for the ephemeral and the static
 * key; they are not kept. */
void noise_xx_start(noise_xx *x, bool is_initiator, pu_span prologue, const uint8_t e_seed[32],
                    const uint8_t s_seed[32]);

/* Appends the next message, which must be ours to say, to out: without a length in front. False: a
 * key of theirs is a point of low order, or out is full; x is of no more use. */
PU_MUST_USE bool noise_xx_write(noise_xx *x, pu_buf *out, pu_span payload);

/* Reads a whole message, which must be theirs to say, and writes its payload (at most message.len
 * bytes) to payload. False: too short, forged, or a key of low order; x is of no more use. */
PU_MUST_USE bool noise_xx_read(noise_xx *x, uint8_t *payload, size_t *payload_len, pu_span message);

/* Bytes of message number `message` with an empty payload. */
size_t noise_xx_least(unsigned message);

/* After the last message: the keys of both directions. */
void noise_xx_split(const noise_xx *x, uint8_t from_initiator[32], uint8_t from_responder[32]);

#endif
