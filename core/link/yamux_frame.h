/* link/yamux_frame.h - the header of a Yamux frame: 12 bytes, big-endian (hashicorp/yamux spec.md).
 *
 *   version(1) = 0 | type(1) | flags(2) | stream id(4) | length(4)
 *
 * Only Data is followed by bytes, `length` of them.
 */
#ifndef LINK_YAMUX_FRAME_H
#define LINK_YAMUX_FRAME_H

#include "base/bytes.h"

enum {
    YAMUX_HEADER_BYTES = 12,
    YAMUX_FIRST_WINDOW = 262144, /* bytes of each direction of each stream; cannot be negotiated */
};

enum yamux_type {
    YAMUX_DATA = 0,   /* length: bytes that follow */
    YAMUX_WINDOW = 1, /* length: bytes more that the other side may send; with RST: why */
    YAMUX_PING = 2,   /* length: a value that the answer repeats */
    YAMUX_GOAWAY = 3  /* length: enum yamux_goaway, or a libp2p code from 0x1000 */
};

enum yamux_flag {
    YAMUX_SYN = 1, /* begins a stream; Ping: a request */
    YAMUX_ACK = 2, /* accepts a stream; Ping: an answer */
    YAMUX_FIN = 4, /* the sender sends no more */
    YAMUX_RST = 8  /* both directions end at once */
};

enum yamux_goaway { YAMUX_NORMAL = 0, YAMUX_PROTOCOL_ERROR = 1, YAMUX_INTERNAL_ERROR = 2 };

typedef struct yamux_frame {
    enum yamux_type type;
    uint32_t flags; /* enum yamux_flag; unknown bits are kept and mean nothing */
    uint32_t id;    /* stream; 0: the connection */
    uint32_t length;
} yamux_frame;

/* Reads a header. False: a version or type that does not exist, Data or a window of stream 0, Ping
 * or GoAway of another. */
PU_MUST_USE bool yamux_frame_read(yamux_frame *f, const uint8_t bytes[YAMUX_HEADER_BYTES]);

void yamux_frame_write(uint8_t bytes[YAMUX_HEADER_BYTES], const yamux_frame *f);

#endif
