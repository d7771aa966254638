/* link/carrier.h - the seam inside the link: what link.c knows of every connection and stream, and
 * the two kinds of carriers below it. mux.c (multistream-select, Noise and Yamux over TCP or over a
 * stream of another connection) and quic/quic.c (ngtcp2 over UDP) implement `carrier_ops` and call
 * the link_* functions; neither knows the other, the node or the out list.
 *
 * link.c owns handles, announcements to the node, what waits for the node's room, timers, and the
 * order of last words. A carrier owns the bytes on the wire, its windows and what waits to be
 * acknowledged.
 */
#ifndef LINK_CARRIER_H
#define LINK_CARRIER_H

#include "base/bytes.h"
#include "peerup/link.h"

typedef struct conn conn;
typedef struct stream stream;

/* Why a connection is where it is. One function changes it: link_conn_set in link.c. */
enum conn_state {
    CONN_DIALLING = 1,  /* we dial; the handshake is under way */
    CONN_ASKED_ACCEPT,  /* from outside: the node is asked, no public-key work was done */
    CONN_HANDSHAKE,     /* from outside: allowed so far */
    CONN_ASKED_SECURED, /* from outside: the peer is proven, the node is asked */
    CONN_READY,         /* CONN_UP was given */
    CONN_CLOSING        /* hung up: flushes until its deadline */
};

/* One connection, the head of each carrier's own structure. Fields are the link's; carriers read
 * them and write only those marked (carrier). */
struct conn {
    const struct carrier_ops *ops;
    pu_handle handle; /* of boundary A; 0: a dial that the node knows by its token only */
    pu_token token;   /* of the DIAL or UPGRADE that is not answered yet; 0: none */
    uint8_t state;    /* enum conn_state */
    bool is_dialler;  /* our role above the transport: Noise initiator, TLS client, odd Yamux ids */
    bool is_confirmed;
    bool is_limited;             /* a relay limits it */
    enum pu_transport transport; /* QUIC, TCP or CIRCUIT */
    pu_endpoint local, remote;   /* (carrier) */
    pu_peer_id peer;      /* (carrier) proven id; before: the id expected of a dial, may be empty */
    stream *outer;        /* CIRCUIT: the stream that carries it; NULL elsewhere */
    uint64_t rtt_ns;      /* (carrier) smoothed; 0: not measured */
    pu_time deadline;     /* of the handshake, then of the hang-up; absolute; PU_NEVER: none */
    uint32_t close_code;  /* CONN_CLOSING: what the peer is told */
    stream *first, *last; /* its streams by ordinal */
    uint32_t stream_count; /* open streams, both directions */
    uint32_t in_count;     /* of those, opened by the peer */
    uint32_t timer;        /* the link's */
    uint32_t slot_index;   /* the link's */
};

/* One stream, the head of each carrier's own structure. */
struct stream {
    conn *conn;
    pu_handle handle;      /* 0: not announced (opening, or the peer's, before the verdict) */
    pu_token token;        /* of a STREAM_OPEN that is not answered yet; 0: none */
    stream *prev, *next;   /* of the same connection */
    bool is_ours;          /* opened by the node */
    bool rx_fin;           /* (link_stream_data saw it) the peer sends no more */
    bool rx_fin_told;      /* the node has it */
    bool rx_stopped;       /* the node reads no more: bytes are dropped, and count as consumed */
    bool tx_fin;           /* the node sends no more */
    bool is_over;          /* reset by the node: frames are ignored, STREAM_DOWN follows */
    uint64_t rx_told;      /* bytes given to the node */
    uint64_t rx_room;      /* the node takes up to this offset */
    uint64_t tx_taken;     /* bytes taken from the node */
    uint64_t tx_told;      /* the room the node was told */
    struct mem_chunks *rx; /* the link's: bytes that wait for room; NULL: none */
    conn *inner; /* UPGRADE: the connection that this stream carries; its bytes go there */
};

/* What a carrier can do. Each may emit effects and call the link_* functions; none may free the
 * conn that it was called for, except by link_conn_down as its last act. */
struct carrier_ops {
    size_t conn_bytes, stream_bytes; /* of the carrier's structures; both begin with conn, stream */
    /* The node's verdict about a connection from outside; code 0: allowed, go on. Otherwise tell
     * the peer as far as possible and end with link_conn_down. */
    void (*verdict)(pu_link *l, conn *c, uint32_t code);
    /* s is new and ours: answer with link_stream_up now or when the peer's limits let it, or with
     * link_stream_down. */
    void (*open)(pu_link *l, stream *s);
    /* Takes all of bytes (within the room told) and copies what it keeps. */
    void (*send)(pu_link *l, stream *s, pu_span bytes, bool fin);
    /* The node has taken so many more bytes of s: widen the peer's window when worthwhile. */
    void (*consumed)(pu_link *l, stream *s, uint64_t bytes);
    void (*stop)(pu_link *l, stream *s, uint32_t code);  /* we read no more */
    void (*reset)(pu_link *l, stream *s, uint32_t code); /* both directions; link_stream_down(RESET)
                                                            follows at once */
    /* Flushes what was sent, tells the peer c->close_code, ends with link_conn_down: at c->deadline
     * at the latest. Called once. */
    void (*close)(pu_link *l, conn *c);
    /* The carrier's next deadline: PU_NEVER, or *now* when it has something to send. */
    pu_time (*deadline)(const pu_link *l, const conn *c);
    /* That deadline, or c->deadline, has come: build what waits. */
    void (*tick)(pu_link *l, conn *c);
    /* CONN_SET: keep-alive, weight, migration (QUIC clients only); NULL: nothing of it. */
    void (*set)(pu_link *l, conn *c, const pu_ef *ef);
    /* Frees what the carrier holds beside the structure. Silent. */
    void (*free_conn)(pu_link *l, conn *c);
    void (*free_stream)(pu_link *l, stream *s);
};

/* ---- what carriers may ask of the link ---- */

pu_time link_now(const pu_link *l);
uint64_t link_unix_ns(const pu_link *l); /* Unix time now */
const pu_config *link_config(const pu_link *l);
const pu_alloc *link_alloc(const pu_link *l); /* counts into pu_link_bytes */
const pu_link_env *link_env(const pu_link *l);
pu_span link_public_key(const pu_link *l); /* our identity as a protobuf PublicKey */
void link_random(const pu_link *l, void *out, size_t len); /* secret */

/* A connection from outside (ops says of which carrier, its structure zeroed behind the head), or
 * NULL: the table is full or memory is short. The node does not know it yet. */
conn *link_conn_new(pu_link *l, const struct carrier_ops *ops, enum pu_transport transport,
                    const pu_endpoint *local, const pu_endpoint *remote);

/* Asks the node before public-key work; state becomes CONN_ASKED_ACCEPT. */
void link_conn_ask_accept(pu_link *l, conn *c);

/* The peer is proven (c->peer is set). From outside: asks the node, state CONN_ASKED_SECURED. On
 * our own dials: an id that differs from the expected one ends the dial as WRONG_PEER, and false is
 * returned: c is gone. */
bool link_conn_secured(pu_link *l, conn *c);

/* Authenticated and multiplexed: gives CONN_UP, with the answer to token; streams may follow.
 * Accepted connections are confirmed with it; dialled ones by link_conn_confirmed. */
void link_conn_up(pu_link *l, conn *c);
void link_conn_confirmed(pu_link *l, conn *c); /* the other side has accepted us; once, later calls
                                                  are ignored */
void link_conn_path(pu_link *l, conn *c, bool migrated); /* local, remote or rtt changed; gives at
                                                            most one CONN_PATH a second */

/* Last words: what c carries, its streams by ordinal, c itself (DIAL_FAIL when it was never up).
 * Frees c: the caller must not touch it any more. */
void link_conn_down(pu_link *l, conn *c, uint32_t code);

/* The carrier's deadline of c may have changed (something waits to be sent, a timer moved). */
void link_conn_touch(pu_link *l, conn *c);

/* A stream that the peer opened, or NULL: limits or memory; the carrier refuses it then. Announced
 * to the node when c is READY. */
stream *link_stream_new(pu_link *l, conn *c);

/* A stream that we opened exists now: answers STREAM_OPEN. room: as for link_stream_room. */
void link_stream_up(pu_link *l, stream *s, uint64_t room);

/* Bytes in order; fin: none follow. Gives the node what its room allows and keeps the rest, which
 * is at most the window the carrier advertised. Calls ops->consumed, now or later. bytes may lie in
 * a buffer of the carrier's that changes before the out is reset: stable tells that it does not,
 * and saves a copy. */
void link_stream_data(pu_link *l, stream *s, pu_span bytes, bool fin, bool stable);

/* The carrier takes bytes of s up to this absolute offset (what it buffers, not the peer's window).
 */
void link_stream_room(pu_link *l, stream *s, uint64_t offset);
void link_stream_stop(pu_link *l, stream *s, uint32_t code); /* the peer reads no more */

/* Last word on s: finished (both sides, everything acknowledged), reset (code) or refused. What
 * waits for the node's room is delivered first when finished, dropped when reset. Frees s. */
void link_stream_down(pu_link *l, stream *s, enum pu_down what, uint32_t code);

/* ---- datagrams and TCP ---- */

/* Where a datagram goes. */
typedef struct udp_path {
    uint32_t socket;           /* enum pu_socket */
    pu_endpoint local, remote; /* local may be zero */
} udp_path;

/* Room for len bytes of datagrams in the out list, or NULL: it is full for this step; keep what you
 * have and stay due, the host comes again. At most one space is open; link_udp_commit closes it
 * (len 0: nothing is sent). segment as in pu_link_ef. */
uint8_t *link_udp_space(pu_link *l, size_t len);
void link_udp_commit(pu_link *l, const udp_path *path, size_t len, uint32_t segment, uint32_t ecn);

/* Where the MAIN socket is bound now. */
pu_endpoint link_local(const pu_link *l, uint32_t socket);

#endif
