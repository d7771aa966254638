/* quic/quic_impl.h - what the files of QUIC share.
 *
 * endpoint.c   one a link: credentials, connections, the way of a datagram to its connection
 * stateless.c  what is said without a connection: Retry, Version Negotiation, resets, refusals
 * frames.c     what ngtcp2 is not shown of a packet
 * ids.c        connection ids and reset tokens, and which connection they mean
 * memory.c     ngtcp2's memory, and that it had none
 * begin.c      how a connection begins, on either side
 * conn.c       one connection: its datagrams, the progress of its handshake
 * end.c        how it ends: what is told to whom
 * closed.c     what is told to who has not heard it
 * callbacks.c  what ngtcp2 asks and tells
 * streams.c    streams: opening, room, windows, ends
 * backlog.c    bytes of a stream that are not sent, or not acknowledged
 * send.c       building datagrams
 * migrate.c    paths, and going on from another address
 *
 * Inside a callback of ngtcp2 its connection must neither read, write nor be freed: callbacks leave
 * marks (quic_conn.news), and quic_conn_settle acts on them afterwards.
 */
#ifndef QUIC_QUIC_IMPL_H
#define QUIC_QUIC_IMPL_H

#include "base/imap.h"
#include "quic/quic.h"
#include "tls/session.h"

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

enum {
    QUIC_CID_BYTES = 8,          /* of every connection id that is ours */
    QUIC_CIDS_MAX = 4,           /* ids of the peer's that we keep: active_connection_id_limit */
    QUIC_STREAMS_MAX = 256,      /* that the peer may have open: initial_max_streams_bidi */
    QUIC_KEPT_BYTES_MAX = 8192,  /* of datagrams that wait for the verdict `accept` */
    QUIC_DATAGRAM_MAX = 1500,    /* bytes of a datagram that we send */
    QUIC_BURST_BYTES = 60000,    /* of datagrams that are sent in one effect */
    QUIC_UNPACED_BYTES = 14520,  /* that a quiet connection may send at once: ten datagrams */
    QUIC_INITIAL_LEAST = 1200,   /* bytes of a datagram that carries an Initial (RFC 9000 14.1) */
    QUIC_RESET_LEAST = 30,       /* bytes of a datagram that is answered by a stateless reset */
    QUIC_RESET_MOST = 43,        /* bytes of a stateless reset */
    QUIC_REPLIES_A_SECOND = 100, /* resets and refusals, at most */
    QUIC_REPLIES_BURST = 20,     /* of them at once */
    QUIC_CLOSED_MAX = 64,        /* connections that are over and not forgotten yet */
    QUIC_QUESTIONS_MAX = 2,      /* of a client that hears nothing in the middle of something */
    QUIC_HEARD_LEAST = 16384     /* bytes of streams that came: silence after them is looked into */
};
#define QUIC_HEARD_SILENCE_NS (1 * PU_S)    /* how long that silence is */
#define QUIC_TOKEN_NS (10 * PU_S)           /* that the token of a Retry is good for */
#define QUIC_CLOSED_BIT ((uint32_t)1 << 31) /* of what an id means: a place in `closed` */

/* Transport error codes (RFC 9000 20.1). */
enum { QUIC_NO_ERROR = 0, QUIC_CONNECTION_REFUSED = 2, QUIC_INVALID_TOKEN = 0xb };

/* What callbacks have seen, bits of quic_conn.news. */
enum quic_news {
    NEWS_COMPLETED = 1 << 0, /* our side of the handshake is done: the peer is proven */
    NEWS_CONFIRMED = 1 << 1, /* so is the peer's */
    NEWS_STREAMS = 1 << 2,   /* more streams may be opened */
    NEWS_PATH = 1 << 3,      /* a path was validated, or failed */
    NEWS_RESET = 1 << 4,     /* the peer has forgotten the connection: stateless reset */
    NEWS_PROVEN = 1 << 5     /* a path was validated */
};

/* ---- backlog.c ---- */

/* The bytes of one stream from the first that is not acknowledged. They stay where they are until
 * they are: ngtcp2 keeps pointers. Zero is a valid, empty one. */
typedef struct backlog {
    struct backlog_block *first, *last; /* owned */
    struct backlog_block *at;           /* holds the next byte to send; NULL: all is sent */
    uint32_t at_offset;                 /* of that byte in it */
    uint64_t acked, sent, end;          /* absolute offsets: acked <= sent <= end */
} backlog;

/* Appends a copy. False: no memory, nothing changed. */
PU_MUST_USE bool quic_backlog_append(backlog *b, const pu_alloc *alloc, pu_span bytes);
/* The next bytes to send, at most max pieces, and no more once they have `enough` bytes; returns
 * how many pieces. */
size_t quic_backlog_next(const backlog *b, ngtcp2_vec *pieces, size_t max, size_t enough);
/* So many more bytes were sent. */
void quic_backlog_sent(backlog *b, uint64_t count);
/* Everything up to this absolute offset is acknowledged: frees what it can. */
void quic_backlog_acked(backlog *b, const pu_alloc *alloc, uint64_t offset);
void quic_backlog_free(backlog *b, const pu_alloc *alloc);

/* ---- streams ---- */

typedef struct quic_conn quic_conn;
typedef struct quic_closed quic_closed;
typedef struct quic_stream quic_stream;

/* What ngtcp2 knows a stream by, and what it may still read: it lives as long as ngtcp2's stream,
 * which after a reset is longer than ours. */
typedef struct quic_flight {
    quic_stream *stream; /* NULL: freed */
    int64_t id;          /* negative: ours, and nothing of it was sent yet */
    bool is_gone;        /* ngtcp2 has closed it */
    backlog out;
    struct quic_flight *prev, *next; /* of the same connection */
} quic_flight;

enum quic_list { LIST_NONE = 0, LIST_SENDING, LIST_OPENING, LIST_ENDING };

struct quic_stream {
    stream head;
    quic_flight *flight; /* NULL: not open yet */
    uint8_t list;        /* enum quic_list: which of the connection's it is in */
    bool is_fin_sent;
    bool is_write_dead;                 /* the peer does not want what we send */
    bool is_over;                       /* finished, once the node has everything */
    quic_stream *list_prev, *list_next; /* of that list */
    uint64_t room;                      /* that the link was told: absolute */
    uint64_t waiting;                   /* bytes with the link and not with the node */
    uint64_t window;                    /* bytes that the peer may be ahead of the node */
    uint64_t eaten;                     /* consumed since eaten_at */
    pu_time eaten_at;
    uint64_t heard; /* of a client: its share of the connection's, if heard_round is that one's */
    uint32_t heard_round;
};

typedef struct quic_queue {
    quic_stream *first, *last;
} quic_queue;

/* ---- connections ---- */

/* A datagram that came before the node's verdict. */
typedef struct quic_kept {
    struct quic_kept *next;
    uint32_t ecn, len;
    uint8_t bytes[];
} quic_kept;

/* A key of the maps that names a connection. */
typedef struct quic_key {
    uint64_t key;
    bool is_token;
} quic_key;

struct quic_conn {
    conn head;
    pu_link *link;
    quic_endpoint *endpoint;
    ngtcp2_conn *qc;      /* NULL: before the verdict `accept` */
    gnutls_session_t tls; /* NULL: freed after the handshake */
    ngtcp2_mem memory;    /* of qc */
    bool is_short;        /* there was none once: qc may only be freed */
    ngtcp2_crypto_conn_ref ref;
    uint32_t index; /* in the endpoint's table */
    uint32_t socket;
    uint32_t generation;     /* of our address on that socket: a change is another path for QUIC */
    uint32_t news;           /* enum quic_news */
    bool is_due;             /* something may have to be sent */
    bool is_wrong_peer;      /* somebody else answered our dial */
    bool is_proven;          /* link_conn_secured was called */
    bool is_up;              /* link_conn_up was called */
    bool is_past_handshake;  /* ngtcp2 is: see frames.c */
    bool has_sent_handshake; /* a packet of that sort */
    ngtcp2_cid first_dcid;   /* from outside: what the peer called us at first; mapped to the end */
    quic_kept *kept;         /* owned */
    uint32_t kept_bytes;
    uint64_t ids_highest; /* of the numbers of the peer's connection ids that frames told */
    uint64_t ids_told;    /* bit i: number ids_highest - i was */
    uint64_t ids_count;   /* of them all */
    uint64_t numbers_end; /* above the numbers of all packets that were read; not the handshake's */
    bool is_elsewhere;    /* a server reads a datagram that came by another path */
    bool is_spent;        /* ngtcp2 might not bear it: see frames.c */
    quic_key *keys;       /* owned */
    uint32_t key_count, key_cap;
    quic_flight *flights; /* owned, all of them */
    uint64_t unsent;      /* of them, streams that ngtcp2 does not know yet */
    quic_queue sending;   /* streams that have something to send, in turn */
    quic_queue opening;   /* streams that wait for the peer's limit */
    quic_queue ending;    /* streams that are finished, and the node has everything */
    uint64_t promised;    /* sum of room over what is acknowledged, all streams */
    uint64_t cwnd;        /* bytes, at least one; as of the last datagram */
    uint64_t pace_rtt_ns; /* round trip by which sending is paced: smoothed, or a guess */
    pu_time paced_at;     /* when what was sent should have been sent at an even pace */
    uint64_t uncounted;   /* bytes sent that ngtcp2's pace does not know yet */
    uint64_t window;      /* the peer's, all streams */
    uint64_t eaten;       /* consumed since eaten_at, all streams */
    pu_time eaten_at;
    pu_time moved_at;      /* of a server: what may_move counts from; 0: it never moved */
    uint64_t move_ns;      /* for how long it may not move on */
    pu_time challenged_at; /* a PATH_CHALLENGE was made last */
    pu_time written_at;    /* ngtcp2 could write last: it begins and ends validations by that */
    udp_path home;         /* where it was before it moved */
    bool is_home_open;     /* and where it may go back to */
    uint64_t silence_ns;   /* keep-alive that was asked for; 0: none */
    uint64_t heard; /* of a client: bytes of streams that have not ended, since it last asked */
    uint32_t heard_round; /* how often it was counted from 0 */
    pu_time heard_at;     /* when anything came last */
    bool is_listening;    /* the next silence is short */
    uint8_t asked;        /* questions since bytes of a stream came last */
    quic_closed *closed;  /* owned: what stays of it when it is over; NULL: nothing */
    pu_time ticked_at;
};

struct quic_endpoint {
    pu_link *link;
    tls_keys *keys;
    uint8_t reset_secret[PU_ED25519_SIGNATURE_BYTES]; /* the same after a restart */
    uint8_t token_secret[32];
    imap cids, tokens; /* first 8 bytes -> index in conns, or QUIC_CLOSED_BIT and in closed */
    quic_conn **conns; /* owned; NULL where free */
    uint32_t conn_cap, conn_count;
    pu_time replies_at;                   /* when the allowance of replies is full again */
    quic_closed *closed[QUIC_CLOSED_MAX]; /* owned; NULL where free */
    pu_time closed_until;                 /* when the first of them is forgotten */
};

static inline quic_conn *quic_of(conn *c)
{
    return (quic_conn *)(void *)c;
}

static inline quic_stream *quic_stream_of(stream *s)
{
    return (quic_stream *)(void *)s;
}

/* ---- endpoint.c ---- */

/* Gives c a place in the endpoint. False: no memory. */
PU_MUST_USE bool quic_endpoint_add(quic_endpoint *q, quic_conn *c);
void quic_endpoint_del(quic_conn *c);

/* ---- ids.c ---- */

/* The connection that a destination connection id means, or NULL. */
quic_conn *quic_ids_find(const quic_endpoint *q, pu_span dcid);
/* The connection whose peer would end a stateless reset with this token, or NULL. */
quic_conn *quic_ids_find_token(const quic_endpoint *q, pu_span token);
/* Whether an id is one that this identity has given out, in this process or an earlier one. */
bool quic_ids_was_ours(const quic_endpoint *q, pu_span cid);
/* Whether a connection whose key dcid has is called so: by an id of ours, or by first, what its
 * client chose at first (empty: we are the client). */
bool quic_ids_is_name(const ngtcp2_cid *first, pu_span dcid);
/* Makes an id of ours that nobody has. */
void quic_ids_make(const quic_endpoint *q, ngtcp2_cid *cid);
/* Whether the id's key means no connection, nor one that is over. */
bool quic_ids_is_free(const quic_endpoint *q, pu_span cid);
PU_MUST_USE bool quic_ids_add(quic_conn *c, pu_span cid);
void quic_ids_del(quic_conn *c, pu_span cid);
PU_MUST_USE bool quic_ids_add_token(quic_conn *c, pu_span token);
void quic_ids_del_token(quic_conn *c, pu_span token);
void quic_ids_clear(quic_conn *c);

/* ---- frames.c ---- */

/* Until the next call, what ngtcp2 decrypts in this thread is c's. NULL: nothing is decrypted. */
void quic_frames_of(quic_conn *c);
/* Callbacks. The first replaces frames that ngtcp2 is not to see, or drops the packet; the other
 * notes what is sent. */
int quic_frames_decrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                        const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *ciphertext,
                        size_t ciphertext_len, const uint8_t *nonce, size_t nonce_len,
                        const uint8_t *header, size_t header_len);

int quic_frames_encrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                        const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *plain,
                        size_t plain_len, const uint8_t *nonce, size_t nonce_len,
                        const uint8_t *header, size_t header_len);

/* ---- memory.c ---- */

/* Sets c->memory. */
void quic_memory_begin(quic_conn *c);
/* What ngtcp2 has returned for c, or that it got no memory meanwhile. */
static inline int quic_memory_result(const quic_conn *c, int result)
{
    return c->is_short ? NGTCP2_ERR_NOMEM : result;
}

/* ---- stateless.c ---- */

void quic_stateless_retry(quic_endpoint *q, const udp_path *path, const ngtcp2_pkt_hd *hd);
void quic_stateless_versions(quic_endpoint *q, const udp_path *path, const ngtcp2_version_cid *vc);
/* May be too many, or the trigger too short: then nothing is sent. */
void quic_stateless_reset(quic_endpoint *q, const udp_path *path, pu_span trigger);
void quic_stateless_refuse(quic_endpoint *q, const udp_path *path, const ngtcp2_pkt_hd *hd,
                           uint64_t error);
/* Whether the Initial's token proves its source address; then *odcid is the id that the client
 * chose at first. */
bool quic_stateless_token(const quic_endpoint *q, const udp_path *path, const ngtcp2_pkt_hd *hd,
                          ngtcp2_cid *odcid);

/* ---- begin.c ---- */

/* Keeps a datagram for the time after the verdict; one too many is dropped. */
void quic_conn_keep(quic_conn *c, uint32_t ecn, pu_span bytes);
/* The node allows a connection from outside: what was kept is read. c may be down afterwards. */
void quic_begin_accept(quic_conn *c);
/* The node does not: the peer is told so. */
void quic_begin_refuse(quic_conn *c);
/* Frees what was kept. */
void quic_begin_forget(quic_conn *c);

/* ---- conn.c ---- */

/* Something may have to be sent. */
void quic_conn_due(quic_conn *c);
/* Takes one datagram. c may be down afterwards. */
void quic_conn_read(quic_conn *c, const udp_path *path, uint32_t ecn, pu_span bytes);
/* Acts on what callbacks have seen. False: c is down. */
bool quic_conn_settle(quic_conn *c);
/* Both sides' idle time-outs, the shorter one. */
uint64_t quic_conn_idle_ns(const quic_conn *c);
/* Learns round trip and congestion window from ngtcp2. */
void quic_conn_measure(quic_conn *c);
/* Sets the keep-alive of c->silence_ns, as far as both idle time-outs let; a shorter one for a
 * client in the middle of something that it reads. */
void quic_conn_keep_alive(quic_conn *c);
/* Bytes of s came. */
void quic_conn_heard(quic_conn *c, quic_stream *s, size_t bytes);
/* No more of s will come, or nobody wants it: there is nothing of it to wait for. */
void quic_conn_unheard(quic_conn *c, quic_stream *s);
/* So many bytes were sent: after a silence, they were the question. */
void quic_conn_asked(quic_conn *c, size_t sent);
void quic_verdict(pu_link *l, conn *head, uint32_t code);

/* ---- end.c ---- */

/* ngtcp2 has returned an error: tells the peer what is to be told, and ends c. */
void quic_conn_fail(quic_conn *c, int error);
/* Tells the peer code and ends c with it. */
void quic_conn_end(quic_conn *c, uint32_t code);
/* Whether everything that was sent has arrived. */
bool quic_conn_is_flushed(const quic_conn *c);
void quic_close(pu_link *l, conn *head);
void quic_free_conn(pu_link *l, conn *head);

/* ---- closed.c ---- */

/* c is about to be down: `answer` is the datagram that its peer was told so by, on path; empty when
 * the peer told us. Without memory nothing is noted. At most once for c. */
void quic_closed_note(quic_conn *c, const udp_path *path, pu_span answer);
/* c is freed: its connection ids mean what was noted. */
void quic_closed_take(quic_conn *c);
/* What a destination connection id means, or NULL. */
quic_closed *quic_closed_find(const quic_endpoint *q, pu_span dcid);
/* A datagram of so many bytes came for z: says again what was said, unless that was done a moment
 * ago or would be too much for an address that nobody has proven. */
void quic_closed_answer(quic_endpoint *q, quic_closed *z, const udp_path *path, size_t len);
/* Forgets those whose time is over. */
void quic_closed_sweep(quic_endpoint *q);
/* Forgets all. */
void quic_closed_free(quic_endpoint *q);

/* ---- callbacks.c ---- */

extern const pu_span quic_alpn;
extern const ngtcp2_callbacks quic_callbacks_client, quic_callbacks_server;
int quic_callbacks_verify(gnutls_session_t session);
int quic_callbacks_keylog(gnutls_session_t session, const char *label,
                          const gnutls_datum_t *secret);
void quic_callbacks_rand(uint8_t *out, size_t len, const ngtcp2_rand_ctx *ctx);

/* ---- streams.c ---- */

void quic_open(pu_link *l, stream *head);
void quic_send(pu_link *l, stream *head, pu_span bytes, bool fin);
void quic_consumed(pu_link *l, stream *head, uint64_t bytes);
void quic_stop(pu_link *l, stream *head, uint32_t code);
void quic_reset(pu_link *l, stream *head, uint32_t code);
void quic_free_stream(pu_link *l, stream *head);
/* The code that the peer is told. */
uint64_t quic_wire_code(uint32_t code);
/* Lets s send when it has something to send. */
void quic_streams_ready(quic_conn *c, quic_stream *s);
/* Says the last words of LIST_ENDING. */
void quic_streams_end(quic_conn *c);
/* Opens what waits, as far as the peer's limit lets. */
void quic_streams_open(quic_conn *c);
/* ngtcp2 gets to know s, of which something is to be sent. False: no memory. */
PU_MUST_USE bool quic_streams_name(quic_conn *c, quic_stream *s);
/* A stream of the peer's began. False: no memory at all. */
PU_MUST_USE bool quic_streams_begin(quic_conn *c, int64_t id);
/* Everything up to offset has arrived. */
void quic_streams_acked(quic_conn *c, quic_flight *f, uint64_t offset);
/* Something came: the window is wide enough for what waits and for the other streams. */
void quic_streams_wait(quic_conn *c);
/* The peer has reset its side. */
void quic_streams_reset_by_peer(quic_conn *c, quic_flight *f, uint64_t code);
/* The peer does not want what we send. */
void quic_streams_stopped(quic_conn *c, quic_stream *s);
/* ngtcp2 has closed the stream. */
void quic_streams_gone(quic_conn *c, quic_flight *f);
void quic_flights_free(quic_conn *c);
void quic_queue_add(quic_conn *c, quic_stream *s, enum quic_list list);
void quic_queue_del(quic_conn *c, quic_stream *s);

/* ---- send.c ---- */

pu_time quic_deadline(const pu_link *l, const conn *head);
void quic_tick(pu_link *l, conn *head);

/* ---- migrate.c ---- */

/* A path as ngtcp2 has it: addresses in memory of its own. Our side stands for a socket and the
 * generation of its address. */
typedef struct quic_path {
    ngtcp2_sockaddr_in6 local, remote;
    ngtcp2_path path;
} quic_path;

void quic_path_make(quic_path *p, const quic_conn *c, uint32_t socket, const pu_endpoint *remote);
/* Where ngtcp2 wants a datagram to go. */
void quic_path_read(udp_path *out, const quic_conn *c, const ngtcp2_path *path);
/* Whether a datagram that came on path may be read: whether ngtcp2 can bear it if the peer moves.
 */
bool quic_path_may_move(const quic_conn *c, const udp_path *path);
/* When a tick is to show that it may move again; PU_NEVER: none is. */
pu_time quic_path_due(const quic_conn *c);
/* The connection moves, or a path was validated, or failed: what may_move says begins anew. */
void quic_path_hold(quic_conn *c);
/* Follows a path that ngtcp2 has changed. */
void quic_path_follow(quic_conn *c);
void quic_set(pu_link *l, conn *head, const pu_ef *ef);

#endif
