/* link/noise.h - Noise_XX_25519_ChaChaPoly_SHA256 as libp2p uses it (specs noise/README.md): one
 * side of one handshake, then two cipher states. Bytes in, bytes out; nothing allocates.
 *
 * Every message is a big-endian 16-bit length and so many bytes. The second and the third carry
 * NoiseHandshakePayload { identity_key = 1; identity_sig = 2; extensions = 4 { stream_muxers = 2 }
 * }, whose signature binds the sender's static Noise key to its libp2p identity. Our prologue is
 * empty, our list of muxers is /yamux/1.0.0.
 */
#ifndef LINK_NOISE_H
#define LINK_NOISE_H

#include "link/noise_xx.h"
#include "peerup/crypto.h"
#include "peerup/ident.h"

enum {
    NOISE_LENGTH_BYTES = 2,
    NOISE_TAG_BYTES = CRYPTO_TAG_BYTES,
    NOISE_FRAME_MAX = 65535,                               /* bytes after the length */
    NOISE_PLAIN_MAX = NOISE_FRAME_MAX - NOISE_TAG_BYTES,   /* 65,519 */
    NOISE_OVERHEAD = NOISE_LENGTH_BYTES + NOISE_TAG_BYTES, /* what a frame adds to its plain text */
    NOISE_HANDSHAKE_MAX = 4096, /* longest handshake message accepted: ours have at most 216 */
    NOISE_MUXERS_MAX = 100,     /* entries of a list of muxers; a longer one counts as none */
};

enum noise_result {
    NOISE_MORE = 1, /* wait for more bytes */
    NOISE_STEP,     /* a message was read, its answer is in out; more follow */
    NOISE_DONE,     /* the handshake is over, or the frame is open */
    NOISE_FAILED    /* terminal: close without a word */
};

/* One direction after the handshake. */
typedef struct noise_cipher {
    uint8_t key[32];
    uint64_t counter; /* of the next frame; UINT64_MAX is never used */
    bool is_dead;     /* a frame failed, or the counter ran out */
} noise_cipher;

/* A handshake. Wipe it with noise_close. */
typedef struct noise {
    const pu_crypto *crypto; /* borrowed until the handshake is over */
    noise_xx xx;
    pu_peer_id peer;      /* proven: set together with the two below by STEP or DONE, else empty */
    bool peer_has_muxers; /* the peer sent a list of stream_muxers */
    bool peer_has_yamux;  /* and /yamux/1.0.0 is in it: no multistream-select for the muxer */
} noise;

/* Starts one side; the initiator's first message is appended to out, the responder's out is
 * untouched. Draws 64 bytes from crypto->random: 32 for the ephemeral key, then 32 for the static
 * one. */
void noise_start(noise *n, const pu_crypto *crypto, bool is_initiator, pu_buf *out);

/* Reads at most one message off *in and appends the answer, if there is one, to out (room for
 * NOISE_HANDSHAKE_MAX). The peer's identity signature is verified over the static key of the
 * handshake before DONE is said. The initiator gets its last message together with DONE and should
 * look at n->peer before it sends it: nothing was said yet that only that peer may hear.
 * FAILED: malformed, forged, a key of low order, no identity, or a length that cannot be; whatever
 * was appended to out is not to be sent. */
enum noise_result noise_read(noise *n, pu_span *in, pu_buf *out);

/* After NOISE_DONE: the ciphers of both directions. */
void noise_split(const noise *n, noise_cipher *tx, noise_cipher *rx);

void noise_close(noise *n); /* wipes secrets */

/* Writes length, ciphertext and tag of plain (at most NOISE_PLAIN_MAX) to out, which has room for
 * plain.len + NOISE_OVERHEAD bytes. plain may lie at out + NOISE_LENGTH_BYTES, and not otherwise
 * overlap. False: the cipher is dead. */
PU_MUST_USE bool noise_seal(noise_cipher *c, uint8_t *out, pu_span plain);

/* Opens the first whole frame of *in into plain (room for NOISE_PLAIN_MAX; may be the frame's own
 * bytes from NOISE_LENGTH_BYTES on), sets *len and takes the frame off *in. MORE: no whole frame.
 * DONE: opened, *len may be 0. FAILED: forged or shorter than a tag, or the counter ran out; the
 * cipher is dead. */
enum noise_result noise_open(noise_cipher *c, pu_span *in, uint8_t *plain, size_t *len);

#endif
