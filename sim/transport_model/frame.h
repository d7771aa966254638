/* sim/transport_model/frame.h - the bytes of the model transport: packets, and the frames inside
 * them.
 *
 * A packet is
 *     magic u32 | kind u8 | to u64 | tag u32 | what the kind says | padding
 * in network byte order. The tag is a keyed hash of all other bytes: like the tag of authenticated
 * encryption it catches every change, and only who knows the key can make one. Keys: KEY_PUBLIC for
 * SYN and INIT, the client's nonce for what answers them, both nonces for everything later.
 */
#ifndef SIM_TRANSPORT_MODEL_FRAME_H
#define SIM_TRANSPORT_MODEL_FRAME_H

#include "base/bytes.h"
#include "peerup/ident.h"

enum {
    PACKET_MAX = 1200,      /* bytes of the longest packet */
    PACKET_HEAD_BYTES = 17, /* magic, kind, to, tag */
    PACKET_TO_AT = 5,       /* where the receiver's connection id begins */
    PACKET_TAG_AT = 13,     /* where the tag begins */

    FRAME_OPEN_BYTES = 5,
    FRAME_CODE_BYTES = 9, /* STOP, RESET */
    FRAME_ROOM_BYTES = 13,
    FRAME_DATA_HEAD = 15, /* DATA without its bytes */
    FRAME_ACK_BITS = 256, /* packets above the cumulative number that an ACK can speak of */
    FRAME_ACK_MAX = 14 + FRAME_ACK_BITS / 8,
    FRAMES_MAX = PACKET_MAX - PACKET_HEAD_BYTES - 8 - FRAME_ACK_MAX /* beside one ACK */
};

#define KEY_PUBLIC 0u /* of an INIT: everybody knows it */
#define FRAME_OFFSET_MAX \
    (UINT64_C(1) << 62) /* offsets and packet numbers stay below: sums do not wrap */

enum packet_kind {
    PACKET_INIT = 1, /* from, nonce */
    PACKET_HELLO,    /* from, nonce, peer */
    PACKET_FINISH,   /* peer, delay_us */
    PACKET_DONE,     /* - */
    PACKET_FRAMES,   /* number, frames */
    PACKET_CLOSE,    /* code */
    PACKET_SYN,      /* TCP only: from, nonce */
    PACKET_SYNACK    /* TCP only: - */
};

/* A packet's fields; those that its kind does not carry are 0. */
typedef struct packet {
    enum packet_kind kind;
    uint64_t to;       /* the receiver's connection id; 0 in an INIT */
    uint64_t from;     /* the sender's connection id, never 0 */
    uint32_t nonce;    /* the sender's share of the key */
    uint32_t code;     /* enum pu_code */
    uint32_t delay_us; /* how long the HELLO that it answers has waited for it */
    uint64_t number;   /* packet number, from 1; 0: nobody acknowledges it */
    pu_peer_id peer;   /* who the sender is */
    pu_span frames;    /* borrowed; not looked into yet */
} packet;

/* Writes p, padded with zeros to at least size bytes, with the tag that key makes. Returns its
 * length. */
size_t packet_write(uint8_t out[PACKET_MAX], const packet *p, size_t size, uint32_t key);

/* Reads a packet; frames points into bytes. False: not a packet of ours. Proves nothing. */
bool packet_read(packet *p, pu_span bytes);

/* The connection that bytes say they are for; 0 when they are too short to. */
uint64_t packet_to(pu_span bytes);

/* Whether the tag of bytes, which packet_read took, was made with key. */
bool packet_is_proven(pu_span bytes, uint32_t key);

/* The key of a connection, from both nonces. */
uint32_t packet_session_key(uint32_t client_nonce, uint32_t server_nonce);

enum frame_kind {
    FRAME_ACK = 1, /* offset: all numbers up to it came; bytes: bit i says that number offset + 1 +
                      i came; delay_us */
    FRAME_PING,    /* - */
    FRAME_OPEN,    /* stream */
    FRAME_DATA,    /* stream, offset, bytes */
    FRAME_FIN,     /* as DATA, and no bytes follow */
    FRAME_ROOM,    /* stream, offset: may be sent up to it */
    FRAME_STOP,    /* stream, code */
    FRAME_RESET    /* stream, code */
};

/* A frame's fields; those that its kind does not carry are 0. */
typedef struct frame {
    enum frame_kind kind;
    uint32_t stream; /* number of the stream among its opener's, twice, plus 1 when the accepting
                        side opened it */
    uint32_t code;
    uint32_t delay_us; /* how long the newest number that the ACK names has waited for it */
    uint64_t offset;
    pu_span bytes; /* borrowed */
} frame;

/* Appends f. */
void frame_put(pu_buf *out, const frame *f);

/* Takes the next frame off *rest. False: nothing is left, or it is malformed; then *rest is not
 * empty. */
bool frame_next(pu_span *rest, frame *f);

/* Whether an ACK names number. */
bool frame_acks(const frame *ack, uint64_t number);

/* The highest number that an ACK names. */
uint64_t frame_acks_highest(const frame *ack);

#endif
