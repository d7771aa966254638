/* link/carrier.h - the seam inside the link: what link.c knows of every connection and stream, and
 * the two kinds of carriers below it. mux.c (multistream-select, Noise and Yamux over TCP or over a
 * stream of another connection) and quic/quic.c (ngtcp2 over UDP) implement `carrier_ops` and call
 * the link_* functions; neither knows the other, the node or the out list.
 *
 * The link owns handles, announcements to the node, what waits for the node's room, timers, and the
 * order of last words. A carrier owns the bytes on the wire, its windows and what waits to be
 * acknowledged.
 *
 * Who calls whom. The link calls a carrier for one connection at a time, and never from inside a
 * link_* call, but for `consumed`, `free_stream` (within link_stream_down) and wire_ops. A
 * connection that is carried in a stream is served in its own tick: its carrier may call the outer
 * one (by wire_ops), never the reverse.
 *
 * What waits. A step's effect list is bounded, and a peer can cause any number of events with few
 * bytes. So the link keeps what the node is to hear as state of the stream (bytes that wait, FIN,
 * STOP, room, last word) and gives it when the list has room, in this step or in the next TICK.
 * Carriers notice nothing of it.
 */
#ifndef LINK_CARRIER_H
#define LINK_CARRIER_H

#include "base/chunks.h"
#include "peerup/link.h"

typedef struct conn conn;
typedef struct stream stream;

/* Where a connection is. Only the link changes it. */
enum conn_state {
    CONN_DIALLING = 1,  /* we dial; the handshake is under way */
    CONN_ASKED_ACCEPT,  /* from outside: the node is asked, no public-key work was done */
    CONN_HANDSHAKE,     /* from outside: allowed so far */
    CONN_ASKED_SECURED, /* from outside: the peer is proven, the node is asked */
    CONN_READY,         /* CONN_UP was given */
    CONN_CLOSING,       /* hung up: flushes until its deadline */
    CONN_ENDED          /* link_conn_down was called: nothing may be done with it any more */
};

/* Lists of connections that the link keeps; see conns.c. */
enum conn_list_id { LIST_TOUCHED = 0, LIST_READY, LIST_ENDED, LIST_COUNT };

/* One connection, the head of each carrier's own structure. Fields are the link's; carriers read
 * them and write only those marked (carrier). */
struct conn {
    const struct carrier_ops *ops;
    pu_handle handle;            /* of boundary A, from the beginning */
    pu_token token;              /* of the DIAL or UPGRADE that is not answered yet; 0: none */
    uint8_t state;               /* enum conn_state */
    bool is_dialler;             /* our role above the transport: Noise initiator, odd Yamux ids */
    bool is_outside;             /* from outside: the node is asked; an UPGRADE as server too */
    bool is_confirmed;           /* the node knows that the other side accepted us */
    bool is_limited;             /* a relay limits it */
    bool is_early;               /* (carrier) the muxer was agreed inside the security handshake */
    enum pu_transport transport; /* QUIC, TCP or CIRCUIT */
    pu_endpoint local, remote;   /* (carrier); zero on a circuit */
    pu_peer_id expected;         /* a dial's or an upgrade's; empty: any peer will do */
    pu_peer_id peer;             /* (carrier) proven; empty before */
    uint8_t channel_id[PU_LINK_CHANNEL_BYTES]; /* (carrier) before link_conn_up: see
                                                  pu_link_channel_id */
    uint64_t rtt_ns;                           /* (carrier) smoothed; 0: not measured */
    uint64_t windows;    /* (carrier) Yamux: sum of the windows of its streams; QUIC: bytes by which
                            the    connection's window has grown; see link_windows_may_grow */
    uint64_t waiting;    /* bytes in rx of its streams: the link's */
    pu_time deadline;    /* of the handshake, then of the hang-up; absolute; PU_NEVER: none */
    uint32_t close_code; /* CONN_CLOSING: what the peer is told, and the node */
    stream *first, *last;  /* its streams, those that the node knows by ordinal */
    uint32_t stream_count; /* in that list */
    uint32_t in_count;     /* of those, opened by the peer */

    /* ---- the link's own ---- */
    void *wire;     /* TCP: tcp.c's; CIRCUIT: pipe.c's; NULL: none, or gone */
    stream *outer;  /* CIRCUIT: the stream that carries it; NULL: it has let go of it */
    bool is_known;  /* the node knows the handle */
    bool is_asked;  /* the node's verdict is under way: last words wait for it */
    bool is_waking; /* streams have something to tell that found no room in the list */
    bool is_moved;  /* the remote changed and the node was not told yet */
    bool is_freed;  /* ENDED: the carrier's part is freed */
    uint32_t bytes; /* of its block */
    bool counts_as_handshake;
    uint32_t end_code;    /* ENDED: for the node */
    uint64_t told_rtt_ns; /* in the latest CONN_PATH */
    pu_time path_at;      /* no CONN_PATH before */
    pu_time lingers_at;   /* the earliest lingers_until of its streams; PU_NEVER: none */
    struct {
        conn *prev, *next;
        bool is_in;
    } in_list[LIST_COUNT];
};

/* One stream, the head of each carrier's own structure. */
struct stream {
    conn *conn;
    bool is_ours;    /* opened by the node */
    bool rx_fin;     /* the peer sends no more: link_stream_data saw it */
    bool rx_stopped; /* the node reads no more: bytes are dropped, and count as consumed */
    bool tx_fin;     /* the node sends no more */
    bool tx_stopped; /* the peer reads no more */

    /* ---- the link's own ---- */
    pu_handle handle;    /* 0: not announced to the node, or upgraded */
    pu_token token;      /* of a STREAM_OPEN that is not answered yet; 0: none */
    stream *prev, *next; /* of the same connection */
    bool is_up;          /* exists on both sides of the seam: may be announced */
    bool is_carrier;     /* UPGRADE: its bytes are a connection's */
    bool rx_fin_told;    /* the node has it */
    bool is_stop_told;   /* tx_stopped: the node has it */
    bool is_down;        /* the carrier's part is gone; the node is still to hear its end */
    uint8_t down_what;   /* enum pu_down */
    uint32_t down_code;
    uint32_t stop_code;
    uint32_t reset_code;   /* not 0: memory was short; it is to be reset */
    uint64_t rx_told;      /* bytes given to the node */
    uint32_t told_turn;    /* link.turn when bytes were given last */
    uint64_t rx_room;      /* the node takes up to this offset */
    uint64_t tx_taken;     /* bytes taken from the node */
    uint64_t tx_told;      /* the room the node was told */
    uint64_t tx_room;      /* the room the carrier gives */
    chunks rx;             /* bytes that wait for room */
    uint32_t bytes;        /* of its block */
    conn *inner;           /* the connection that it carries; NULL: none (any more) */
    pu_time lingers_until; /* is_carrier without inner: reset then */
};

/* What a carrier can do. Each may emit effects and call the link_* functions; none may use the conn
 * or stream after link_conn_down or link_stream_down. */
struct carrier_ops {
    size_t conn_bytes, stream_bytes; /* of the carrier's structures; both begin with conn, stream */
    /* The node's verdict on what link_conn_ask_accept or link_conn_secured asked. code 0: allowed,
     * go on. Otherwise tell the peer what can be told at once, and link_conn_down(code) before
     * returning. */
    void (*verdict)(pu_link *l, conn *c, uint32_t code);
    /* s is new and ours: answer with link_stream_up now or when the peer's limits let it, or with
     * link_stream_down(RESET, code). */
    void (*open)(pu_link *l, stream *s);
    /* Takes all of bytes (within the room told) and copies what it keeps. tx_stopped: bytes need
     * not be sent, but fin ends the stream's direction. */
    void (*send)(pu_link *l, stream *s, pu_span bytes, bool fin);
    /* So many more bytes of s are with the node (or dropped): widen the peer's window when
     * worthwhile. May come inside link_stream_data. */
    void (*consumed)(pu_link *l, stream *s, uint64_t bytes);
    void (*stop)(pu_link *l, stream *s, uint32_t code); /* we read no more */
    /* Ends both directions. The link frees s when it returns (free_stream), and tells the node. */
    void (*reset)(pu_link *l, stream *s, uint32_t code);
    /* Ends c with c->close_code: tells the peer and calls link_conn_down(c->close_code). Until
     * c->deadline it flushes what was sent before; when that is not after now, and in the states
     * of a handshake, it says what can be said at once and ends before it returns. Called once.
     * Codes above 0x1fff do not travel: 0 does. */
    void (*close)(pu_link *l, conn *c);
    /* The carrier's next deadline: PU_NEVER, or *now* when it has something to send. What cannot
     * be done before something else happens (credit, room of the wire) is no deadline. */
    pu_time (*deadline)(const pu_link *l, const conn *c);
    /* That deadline, or c->deadline of a hang-up (then it ends before it returns), has come: build
     * what waits. */
    void (*tick)(pu_link *l, conn *c);
    /* CONN_SET: keep-alive, weight, migration (QUIC clients only); NULL: nothing of it. */
    void (*set)(pu_link *l, conn *c, const pu_ef *ef);
    /* Frees what the carrier holds beside the structure, and forgets the pointer. Silent. Of a
     * connection that is down: soon after, when no carrier is at work, and before any more bytes or
     * effects are taken; its streams go first. */
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
/* len bytes (at most 131,072) that stay as they are until the host has taken all of this step, even
 * when the connection ends meanwhile; NULL: no memory, or the step has used its share. */
uint8_t *link_step_bytes(pu_link *l, size_t len);
/* Inbound handshakes under way, not counting circuits. */
uint32_t link_handshakes(const pu_link *l);

/* ---- connections ---- */

/* A connection from outside (ops says of which carrier, its structure zeroed behind the head), or
 * NULL: conns_max or handshakes_max is reached, or memory is short. The node does not know it yet.
 * Its deadline is handshake_ns from now: the link keeps it. */
conn *link_conn_new(pu_link *l, const struct carrier_ops *ops, enum pu_transport transport,
                    const pu_endpoint *local, const pu_endpoint *remote);

/* Asks the node before public-key work; the answer is `verdict`, after this step. */
void link_conn_ask_accept(pu_link *l, conn *c);

/* The peer is proven: c->peer is set. From outside: asks the node; the answer is `verdict`, after
 * this step, and nothing of the peer's is believed before. On our own dials: go on at once. False:
 * it is not c->expected; the carrier ends c with PU_CODE_WRONG_PEER as it ends any handshake that
 * fails. */
PU_MUST_USE bool link_conn_secured(pu_link *l, conn *c);

/* Authenticated and multiplexed: gives CONN_UP, with the answer to token; streams may follow.
 * Where we were not the dialler above the transport, it is confirmed with it. */
void link_conn_up(pu_link *l, conn *c);
/* The other side has accepted us; only the first call for c counts. */
void link_conn_confirmed(pu_link *l, conn *c);
/* local, remote or rtt changed; gives at most one CONN_PATH a second. */
void link_conn_path(pu_link *l, conn *c, bool migrated);

/* c is over. Its last words follow: what it carries, its streams by ordinal, itself (DIAL_FAIL when
 * a dial was not answered). The carrier must not use it or its streams any more; they are valid
 * until free_conn. Called once, in any state. */
void link_conn_down(pu_link *l, conn *c, uint32_t code);

/* The carrier's deadline of c may have changed (something waits to be sent, a timer moved): it is
 * asked for at the end of the step. The link does it by itself for the conn of each call that it
 * makes. */
void link_conn_touch(pu_link *l, conn *c);

/* Whether the windows that c's peer may fill may grow by so many bytes more: the sum of `windows`
 * over all connections with that peer stays within link_windows_bytes. The carrier then adds them,
 * and takes them off when their stream is freed. The first window of a Yamux stream counts and is
 * not asked for, since no side can refuse it: when there are many, nothing grows. */
bool link_windows_may_grow(const pu_link *l, const conn *c, uint64_t bytes);

/* ---- streams ---- */

/* A stream that the peer opened, or NULL: limits or memory, or c is closing; the carrier refuses it
 * then. It is announced when c is READY. room: as for link_stream_room. */
stream *link_stream_new(pu_link *l, conn *c, uint64_t room);

/* A stream that we opened exists now: answers STREAM_OPEN. room: as for link_stream_room. */
void link_stream_up(pu_link *l, stream *s, uint64_t room);

/* Bytes in order; fin: none follow. Gives the node what its room allows and keeps the rest, which
 * is at most the window the carrier advertised; when the link may keep no more of that peer, or of
 * all, s is reset soon. Calls ops->consumed, now or later. stable: bytes
 * lie in this step's input or in link_step_bytes, which saves a copy; a carrier's own memory does
 * not last long enough. */
void link_stream_data(pu_link *l, stream *s, pu_span bytes, bool fin, bool stable);

/* The carrier takes bytes of s up to this absolute offset: link_send_bytes above what is sent and
 * acknowledged (what it buffers, not the peer's window). Call it whenever that grows. */
void link_stream_room(pu_link *l, stream *s, uint64_t offset);
void link_stream_stop(pu_link *l, stream *s, uint32_t code); /* the peer reads no more */

/* s is over: finished (both sides, everything acknowledged) or reset (code: the peer's, or why we
 * could not open it). The node hears of it after what waits for its room when finished; what waits
 * is dropped when reset. The carrier's part is freed (free_stream) before this returns. Not for
 * the streams of a connection that ends. */
void link_stream_down(pu_link *l, stream *s, enum pu_down what, uint32_t code);

/* ---- datagrams ---- */

/* Where a datagram goes. */
typedef struct udp_path {
    uint32_t socket;           /* enum pu_socket */
    pu_endpoint local, remote; /* local may be zero */
} udp_path;

/* Room for len bytes of datagrams (at most PU_LINK_UDP_MAX) in the out list, or NULL: it is full
 * for this step; keep what you have and stay due, the link comes again. At most one space is open;
 * link_udp_commit closes it (len 0: nothing is sent) and gives back what was not used. segment and
 * ecn as in pu_link_ef. */
uint8_t *link_udp_space(pu_link *l, size_t len);
void link_udp_commit(pu_link *l, const udp_path *path, size_t len, uint32_t segment, uint32_t ecn);

/* Where a socket is bound now; zero: not known. */
pu_endpoint link_local(const pu_link *l, uint32_t socket);

#endif
