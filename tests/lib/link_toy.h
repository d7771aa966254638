/* tests/lib/link_toy.h - carriers without cryptography for tests of the link itself: what happens
 * on their wire is commanded by the bytes that come, and what the link asks of them is written
 * down.
 *
 * Both kinds read the same commands, one after the other: op, id, argument (16 bits, big-endian),
 * and for TOY_DATA so many bytes. A datagram belongs to the connection with its remote port; bytes
 * of TCP or of a pipe to theirs. A command that makes no sense in the connection's state is passed
 * over, so that any bytes may be fed.
 */
#ifndef TESTS_LIB_LINK_TOY_H
#define TESTS_LIB_LINK_TOY_H

#include "link/transports.h"

enum toy_op {
    TOY_CALL = 'H',    /* datagrams: a new connection from outside; asks about accept */
    TOY_PROVE = 'P',   /* the peer is toy_peer(id) */
    TOY_UP = 'U',      /* authenticated and multiplexed */
    TOY_CONFIRM = 'K', /* the other side has accepted us */
    TOY_PATH = 'Y',    /* the round trip takes argument ms; id 1: from another address */
    TOY_OPEN = 'O',    /* the peer opens stream id */
    TOY_OPENED = 'o',  /* the oldest stream of ours that waits exists now, as id */
    TOY_REFUSED = 'r', /* the oldest stream of ours that waits is refused; argument: code */
    TOY_DATA = 'D',    /* bytes of stream id */
    TOY_FIN = 'F',     /* no more bytes of stream id */
    TOY_STOP = 'S',    /* the peer reads no more of stream id; argument: code */
    TOY_RESET = 'R',   /* stream id is reset; argument: code */
    TOY_FINISH = 'f',  /* both sides of stream id are done and acknowledged */
    TOY_HOLD = 'h',    /* argument 1: nothing is sent any more, 0: again */
    TOY_FLOOD = 'n',   /* id times argument datagrams are to be sent */
    TOY_END = 'X'      /* the connection is over; argument: code */
};

enum { TOY_LOG_MAX = 1 << 13, TOY_CONNS_MAX = 16, TOY_HEAD_BYTES = 4 };

extern const struct link_transports toy_transports;

/* The id that TOY_PROVE proves. */
pu_peer_id toy_peer(uint32_t number);

/* What the link asked of its carriers since it was last taken, a line each. */
typedef struct toy_log {
    char text[TOY_LOG_MAX];
    size_t len;
} toy_log;

/* The log of a link made with toy_transports. */
toy_log *toy_log_of(const pu_link *l);

/* Appends one command to out. */
void toy_put(pu_buf *out, enum toy_op op, uint32_t id, uint32_t argument);
void toy_put_data(pu_buf *out, uint32_t id, pu_span bytes);

#endif
