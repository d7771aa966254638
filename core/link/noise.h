/* link/noise.h - Noise_XX_25519_ChaChaPoly_SHA256 as libp2p uses it (specs noise/README.md): one
 * side of one handshake, then two cipher states. Bytes in, bytes out; nothing allocates.
 *
 * Every message is a big-endian 16-bit length and so many bytes.
 */
#ifndef LINK_NOISE_H
#define LINK_NOISE_H

#include "base/bytes.h"
#include "peerup/crypto.h"
#include "peerup/ident.h"

enum {
    NOISE_LENGTH_BYTES = 2,
    NOISE_TAG_BYTES = 16,
    NOISE_FRAME_MAX = 65535,                             /* bytes after the length */
    NOISE_PLAIN_MAX = NOISE_FRAME_MAX - NOISE_TAG_BYTES, /* 65,519 */
    NOISE_HANDSHAKE_MAX = 4096, /* longest handshake message accepted: ours have at most 250 */
};

enum noise_result {
    NOISE_MORE = 1, /* wait for more bytes */
    NOISE_STEP,     /* a message was read, its answer is in out; more follow */
    NOISE_DONE,     /* the handshake is over: peer and ciphers hold */
    NOISE_FAILED    /* terminal: close without a word */
};

/* One direction after the handshake. */
typedef struct noise_cipher {
    uint8_t key[32];
    uint64_t counter; /* of the next frame; the last value is never used */
    bool is_dead;     /* a frame failed, or the counter ran out */
} noise_cipher;

/* A handshake. Wipe it with noise_close. */
typedef struct noise {
    const pu_crypto *crypto; /* borrowed */
    bool is_initiator;
    uint8_t next; /* message that is read or written next, 1 to 3 */
    uint8_t h[32], ck[32], k[32];
    bool has_k;
    uint64_t n;
    uint8_t s[32], s_secret[32], e[32], e_secret[32]; /* ours, X25519 */
    uint8_t rs[32], re[32];                           /* theirs */
    pu_peer_id peer;      /* proven; valid once the message that carries it was read */
    bool peer_has_muxers; /* the peer sent a list of stream_muxers */
    bool peer_has_yamux;  /* and /yamux/1.0.0 is in it: no multistream-select for the muxer */
} noise;

/* Starts one side; the initiator's first message is appended to out. Ephemeral and static keys are
 * drawn from crypto->random. */
void noise_start(noise *n, const pu_crypto *crypto, bool is_initiator, pu_buf *out);

/* Reads at most one message off *in and appends the answer to out (room for NOISE_HANDSHAKE_MAX).
 * Verifies the peer's identity signature over its static key before it says STEP or DONE. */
enum noise_result noise_read(noise *n, pu_span *in, pu_buf *out);

/* After NOISE_DONE: the ciphers of both directions. */
void noise_split(const noise *n, noise_cipher *tx, noise_cipher *rx);

void noise_close(noise *n); /* wipes secrets */

/* Writes length, ciphertext and tag of plain (at most NOISE_PLAIN_MAX) to out, which has room for
 * plain.len + 18 bytes and may not overlap. False: the cipher is dead. */
PU_MUST_USE bool noise_seal(noise_cipher *c, uint8_t *out, pu_span plain);

/* Opens the first whole frame of *in into plain (room for NOISE_PLAIN_MAX; may be the frame's own
 * bytes), sets *len and takes the frame off *in. MORE: no whole frame. DONE: opened, *len may be 0.
 * FAILED: forged or too short; the cipher is dead. */
enum noise_result noise_open(noise_cipher *c, pu_span *in, uint8_t *plain, size_t *len);

#endif
