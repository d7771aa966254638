/* tests/lib/mux_peer.h - the other side of a mux_host's connection, with every byte in the hands of
 * the test: multistream-select, Noise with any payload, then Yamux frames one by one, good or bad.
 */
#ifndef TESTS_LIB_MUX_PEER_H
#define TESTS_LIB_MUX_PEER_H

#include "link/noise.h"
#include "link/yamux_frame.h"
#include "tests/lib/mux_host.h"

/* What it says of muxers in Noise. */
enum mux_peer_muxers { MUX_PEER_YAMUX = 0, MUX_PEER_NO_LIST, MUX_PEER_MPLEX };

typedef struct mux_peer {
    mux_host *host;
    bool is_initiator;
    enum mux_peer_muxers muxers;
    bool is_forger;    /* its signature is over another key */
    uint16_t spoil_at; /* of its next Noise message, this byte is changed so; 0: none */
    uint8_t spoil_xor;
    pu_crypto crypto;
    pu_crypto_real key;
    pu_peer_id id;
    noise_xx xx;
    noise_cipher tx, rx;
    size_t segment;  /* of what it sends */
    bool is_holding; /* the wire gets no more room while the host is heard */
    struct mux_peer_bytes {
        uint8_t *at;
        size_t len, cap;
    } out,            /* frames that are not sent yet */
        plain,        /* plain bytes that came and are not read yet */
        log;          /* what mux_peer_hear returns */
    uint64_t answers; /* Ping ACK that came */
} mux_peer;

/* A peer with the seed 32 times 9, for a new host with the seed 32 times 1. */
mux_peer *mux_peer_new(bool is_initiator);
/* Frees it and its host. */
void mux_peer_free(mux_peer *p);

/* ---- the handshake, step by step; each fails the test when the host says something else ---- */

/* The host's connection begins: it dials the peer, or accepts it. */
void mux_peer_begin(mux_peer *p);
/* Both directions of multistream-select for /noise, and Noise. */
void mux_peer_secure(mux_peer *p);
/* The parts of it, for an initiator: header, proposal and first message; third message. */
void mux_peer_say_first(mux_peer *p);
void mux_peer_say_third(mux_peer *p);
/* For a responder: header, echo and second message. */
void mux_peer_say_second(mux_peer *p);
/* multistream-select for the muxer, without the early one. */
void mux_peer_select(mux_peer *p);
/* All of it, until Yamux frames flow; the host's first ping is answered and forgotten. */
void mux_peer_up(mux_peer *p);

/* ---- bytes ---- */

/* These bytes on the wire as they are. */
void mux_peer_raw(mux_peer *p, pu_span bytes);
/* These plain bytes in one Noise frame. */
void mux_peer_sealed(mux_peer *p, pu_span bytes);
/* Queues a Yamux header, or a Data frame of so many pattern bytes from offset on. */
void mux_peer_frame(mux_peer *p, uint32_t type, uint32_t flags, uint32_t id, uint32_t length);
void mux_peer_data(mux_peer *p, uint32_t flags, uint32_t id, uint64_t offset, uint32_t length);
/* Queues bytes as they are. */
void mux_peer_put(mux_peer *p, pu_span bytes);
/* Sends what is queued, in Noise frames as large as can be, and lets the host work. */
void mux_peer_flush(mux_peer *p);

/* Takes what the host sent: one line a Yamux frame, "WND SYN 1 0\n". Forgotten with the next call.
 * Runs the host first. */
const char *mux_peer_hear(mux_peer *p);
/* Fails unless the host said exactly this. */
void mux_peer_expect(mux_peer *p, const char *frames);
/* Takes what the host sent as plain bytes: the muxer's selection. */
pu_span mux_peer_hear_plain(mux_peer *p);

#endif
