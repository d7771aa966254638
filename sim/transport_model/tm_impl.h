/* sim/transport_model/tm_impl.h - what the files of the model transport share. Nobody else includes
 * it.
 *
 * tm.c        the object, its memory, its tables; the public calls, which dispatch
 * conn.c      life of a connection: begin, packets, timers, end
 * handshake.c INIT HELLO FINISH DONE, dials and verdicts
 * recovery.c  packet numbers, acknowledgements, retransmission, round-trip times
 * stream.c    streams: effects in, frames out, and the other way
 * circuit.c   connections carried in a stream
 *
 * Who may end what: a connection is freed only by tm_conn_end, which its own packets, timers and
 * effects call last, and which ends the connections that it carries. Frames never end the
 * connection that they came on: they say "violation". What a connection has to send leaves when the
 * event is over (tm_flush): all effects of its steps share packets, and what it acknowledges rides
 * along. Only then is its timer set.
 */
#ifndef SIM_TRANSPORT_MODEL_TM_IMPL_H
#define SIM_TRANSPORT_MODEL_TM_IMPL_H

#include "base/imap.h"
#include "base/mem.h"
#include "sim/transport_model/frame.h"
#include "sim/transport_model/tm.h"

enum {
    TX_MAX = 65536,         /* bytes that wait in a stream until they are packed */
    CARRIER_WINDOW = 65536, /* room granted ahead on a stream that carries a connection */
    PACKETS_MAX = 256,      /* unacknowledged packet numbers, first to last */
    STREAM_JUMP_MAX =
        4096,          /* streams that one frame may open at once, itself and those before it */
    EARLY_MAX = 16384, /* bytes of packets kept that overtook their FINISH */
    TOMBS_MAX = 64,    /* ended connections whose peers are still answered */
    CIRCUIT_LENGTH_BYTES = 2, /* before each packet in a stream */
    CIRCUIT_INIT_BYTES = 60,
    CIRCUIT_HELLO_BYTES = 250,
    CIRCUIT_FINISH_BYTES = 190 /* length included */
};

#define ACK_DELAY_NS (25 * PU_MS)
#define RTO_FIRST_NS (1 * PU_S) /* before the first sample, and for handshakes */
#define RTO_LEAST_NS (200 * PU_MS)
#define PATH_PAUSE_NS (1 * PU_S) /* between two CONN_PATH of a connection */
#define TOMB_NS (10 * PU_S)

/* ---- memory and tables (tm.c) ---- */

/* Bytes in a row, taken from the front. NULL is an empty one, and an empty one is NULL: almost all
 * are. */
typedef struct fifo {
    uint32_t head, len, cap; /* first waiting byte, waiting bytes, allocated bytes */
    uint8_t bytes[];
} fifo;

/* Objects by handle: the lowest free slot, the next ordinal. */
typedef struct slots {
    struct slot *at;  /* owned; cap of them */
    uint32_t cap;     /* allocated */
    uint32_t low;     /* no slot below is free */
    uint64_t ordinal; /* of the latest object */
} slots;

struct slot {
    pu_handle handle; /* 0: free */
    void *object;
};

/* What is left of a connection that we closed (or a dial that we gave up): enough to say so again.
 */
typedef struct tomb {
    pu_handle handle;
    uint64_t peer_cid;     /* 0: a dial that nobody had answered */
    uint32_t client_nonce; /* of such a dial */
    uint32_t key;
    uint32_t code;
    bool tcp;
    pu_time until;
} tomb;

typedef struct conn conn;
typedef struct stream stream;

/* What most calls read is first, up to `self`. */
struct tm {
    const pu_config *config; /* the host's, until the first SET: then one of its own */
    const transport_host *host;
    void *ctx;      /* of the host's functions */
    pu_alloc alloc; /* counts into bytes, aborts without memory */
    size_t bytes;
    pu_time now; /* of the call under way */
    slots conns, streams;
    conn *touched; /* connections to be looked at, the last that was touched first */
    uint16_t port; /* of the MAIN socket, and that of TCP */
    bool owns_config;
    uint32_t handshakes; /* inbound ones under way */
    const pu_peer_id *self;
    rng nonces;
    imap origins; /* hash of a client's endpoint and cid -> slot of the accepted connection */
    uint32_t tomb_count, tomb_cap;
    tomb *tombs; /* owned; oldest first */
};

_Static_assert(sizeof(tm) > 176 && sizeof(tm) <= 192 && offsetof(tm, self) <= 128,
               "whole cache lines");

void fifo_append(tm *t, fifo **f, pu_span bytes);
void fifo_drop(tm *t, fifo **f, uint32_t count);
void fifo_free(tm *t, fifo **f);
uint32_t fifo_len(const fifo *f);
pu_span fifo_span(const fifo *f);

/* Names object by a new handle; 0: max are named. */
pu_handle slots_add(tm *t, slots *s, uint64_t max, void *object);
void slots_del(slots *s, pu_handle handle);
/* The object called handle, or NULL. */
void *slots_get(const slots *s, pu_handle handle);

/* Remembers that c was closed with code. */
void tomb_add(tm *t, const conn *c, uint32_t code);

/* Gives the node an input. */
void give(tm *t, const pu_in *in);

/* ---- connections ---- */

enum conn_state {
    CONN_EXPECT = 1,  /* a dial with the server's role: the other side calls */
    CONN_SYN,         /* dialler over TCP: SYN sent */
    CONN_INIT,        /* dialler: INIT sent */
    CONN_LISTEN,      /* accepting side of a circuit: waits for INIT */
    CONN_ASK_ACCEPT,  /* the node is asked */
    CONN_HELLO,       /* accepting side: HELLO sent, waits for FINISH */
    CONN_ASK_SECURED, /* the node is asked */
    CONN_LIVE
};

/* A packet that is sent until acknowledged. */
typedef struct sent {
    struct sent *next; /* the next higher number */
    uint64_t number;
    pu_time at;     /* last sent */
    uint32_t tries; /* times sent */
    uint32_t len;
    uint8_t frames[];
} sent;

/* What a connection needs until both sides have accepted, and never again. */
typedef struct greeting {
    pu_token token; /* not answered yet; 0: none */
    uint32_t server_nonce;
    pu_time began_at;  /* our handshake message was sent; PU_NEVER: more than once */
    pu_time hello_at;  /* dialler: the HELLO that our FINISH answers came */
    pu_time resend_at; /* the handshake message again */
    uint8_t resends;   /* of the handshake message under way */
    pu_peer_id peer;
} greeting;

/* Most calls of a connection's timer come for nothing: what they read is first, up to `control`. */
struct conn {
    pu_handle handle; /* also the connection id that the peer sends to */
    uint8_t state;    /* enum conn_state */
    bool dialler, confirmed;
    bool asked;        /* the node knows the handle */
    bool circuit;      /* carried in a stream */
    bool tcp;          /* its datagrams are marked TCP */
    bool closing;      /* hung up: flushes, takes no more data */
    bool bye;          /* CLOSE was sent or has come */
    bool ping;         /* a PING waits to be sent */
    bool waits;        /* something may wait to be sent */
    bool blocked;      /* something waits for packet numbers or for the carrier */
    bool moved;        /* the remote changed and the node does not know yet */
    uint8_t ack_count; /* packets that wait for their acknowledgement */
    uint8_t backoff;   /* time-outs in a row, with nothing acknowledged between them */
    uint16_t in_count; /* streams of the peer's that are open */
    bool touched;      /* it is to be looked at when the event is over */
    queue_timer timer;
    conn *touched_next;
    pu_time heard_at, spoke_at;
    pu_time rto_at;     /* no packet is due before */
    pu_time ack_at;     /* an acknowledgement is due, when ack_count is not 0 */
    pu_time path_at;    /* no CONN_PATH before */
    greeting *greeting; /* owned; NULL: confirmed */
    uint64_t srtt_ns, told_rtt_ns, rttvar_ns; /* 0: no sample */
    uint64_t tx_next;                         /* next packet number */
    sent *unacked, *unacked_last;
    stream *first, *last; /* by ordinal */
    stream *turn;         /* whose turn it is to send; NULL: the first */
    fifo *control;        /* STOP and RESET frames */

    uint64_t peer_cid;                  /* 0: not known yet */
    uint64_t rx_low;                    /* all numbers up to it came */
    pu_time rx_high_at;                 /* the highest number came */
    uint64_t rx_seen[PACKETS_MAX / 64]; /* bit i: rx_low + 1 + i came */
    uint32_t client_nonce, key;
    pu_endpoint remote;
    uint32_t next_out, next_in; /* next stream opened by us, by the peer */
    uint32_t fins;              /* streams whose FIN is sent */
    uint32_t code;              /* closing: what CLOSE will say */
    pu_time deadline;           /* of the handshake, then of the hang-up */
    uint64_t origin;            /* key in tm.origins; 0: not in it */
    stream *outer;              /* circuit: the stream that carries it */
    fifo *rx; /* circuit: bytes not yet a packet. Else: packets that overtook their FINISH, each
                after its length, number and time */
};

_Static_assert(sizeof(conn) == 304, "idle connections are most of a simulation's memory");

conn *tm_conn_new(tm *t, enum conn_state state);
void tm_conn_free(tm *t, conn *c);
conn *tm_conn_of(const tm *t, pu_handle handle);

/* Looks at c when the event is over: what is due, and what its next deadline is. */
void tm_conn_touch(tm *t, conn *c);
/* Lets c send what waits, too. */
void tm_conn_ready(tm *t, conn *c);
/* It is not to be looked at any more. */
void tm_conn_untouch(tm *t, conn *c);
/* Looks at c. It may have ended afterwards. */
void tm_conn_look(tm *t, conn *c);

/* Sends p, padded to size, through c's carrier. */
void tm_conn_send(tm *t, conn *c, const packet *p, size_t size, uint32_t key, enum net_kind kind);
/* Takes a proven packet. c may have ended afterwards. */
void tm_conn_take(tm *t, conn *c, const packet *p);
/* Whether a packet from `remote` is to be taken; follows an accepted connection to a new remote. */
bool tm_conn_follow(tm *t, conn *c, const pu_endpoint *remote, const packet *p);
/* Does what can only be done after frames or acknowledgements: streams and hang-ups that are
 * finished. c may have ended. */
void tm_conn_settle(tm *t, conn *c);
/* Tells the node that the other side has accepted. */
void tm_conn_confirm(tm *t, conn *c);
/* Tells the node rtt and remote, when due. */
void tm_conn_path(tm *t, conn *c);
/* Takes the packets that came before their time. c may have ended afterwards. */
void tm_conn_take_early(tm *t, conn *c);

void tm_conn_hangup(tm *t, conn *c, uint32_t code, pu_time deadline);
/* Tells the peer, then ends c. */
void tm_conn_close(tm *t, conn *c, uint32_t code);
/* Last words: what c carries, its streams, c itself. Frees c. */
void tm_conn_end(tm *t, conn *c, uint32_t code);

/* ---- handshakes ---- */

void handshake_dial(tm *t, const pu_ef *ef);
void handshake_cancel(tm *t, pu_token token);
void handshake_verdict(tm *t, conn *c, uint32_t code);
/* A proven INIT datagram. */
/* quote, sent to remote, was not taken there: a dial whose SYN it is fails. */
void handshake_refused(tm *t, const pu_endpoint *remote, pu_span quote);
void handshake_inbound(tm *t, bool tcp, const pu_endpoint *remote, const packet *p);
/* A proven SYN. */
void handshake_syn(tm *t, const pu_endpoint *remote, const packet *p);
/* A proven message of c's handshake. c may have ended afterwards. */
void handshake_take(tm *t, conn *c, const packet *p);
/* Sends c's handshake message and sets the time of the next attempt. */
void handshake_send(tm *t, conn *c, enum packet_kind kind);
/* What an INIT is known by, or the HELLO that answers one: a host that was started again may use
 * the same endpoint and number for another connection, but not the same nonce. Never 0. */
uint64_t handshake_origin(const pu_endpoint *remote, const packet *p, bool tcp);
/* Sends SYN, INIT or FINISH again when due. */
void handshake_resend(tm *t, conn *c);
void handshake_fail(tm *t, pu_token token, uint32_t code);

/* ---- packets ---- */

/* Notes that number came, at `at`. False: known already, or outside the window. */
bool recovery_note(tm *t, conn *c, uint64_t number, pu_time at);
/* Takes an ACK. False: it names what was never sent. */
bool recovery_acked(tm *t, conn *c, const frame *ack);
void recovery_sample(tm *t, conn *c, uint64_t sample_ns);
/* Sends again what is due. */
void recovery_resend(tm *t, conn *c);
/* Packs and sends what waits. */
void recovery_flush(tm *t, conn *c);
/* The lowest number that is not acknowledged. */
uint64_t recovery_low(const conn *c);
/* The highest number that came. */
uint64_t recovery_high(const conn *c);
void recovery_free(tm *t, conn *c);

/* ---- streams ---- */

/* Bytes that came before those in front of them. */
typedef struct segment {
    struct segment *next; /* by offset; they never overlap */
    uint64_t offset;
    uint32_t len;
    uint8_t bytes[];
} segment;

struct stream {
    pu_handle handle;
    conn *conn;
    stream *prev, *next;
    conn *inner;    /* carrier: the connection in it; NULL: it has ended */
    uint32_t id;    /* on the wire */
    bool carrier;   /* upgraded: not the node's any more */
    bool announced; /* OPEN is sent */
    bool fin_asked, fin_sent;
    bool tx_stopped;   /* the peer reads no more: bytes go nowhere */
    bool rx_stopped;   /* we read no more */
    bool rx_done;      /* everything up to the peer's FIN is delivered */
    fifo *tx;          /* not packed yet */
    uint64_t tx_taken; /* bytes the node has sent */
    uint64_t tx_sent;  /* of these, packed */
    uint64_t tx_told;  /* room the node knows of */
    uint64_t tx_room;  /* the peer's window */
    uint64_t tx_last;  /* the packet number that carried its latest frame */
    uint64_t rx_next;  /* delivered up to */
    uint64_t rx_room;  /* may be delivered up to */
    uint64_t rx_told;  /* the window that the peer knows of */
    uint64_t rx_end;   /* where the FIN is; PU_NEVER: not known */
    segment *held;
};

stream *tm_stream_of(const tm *t, pu_handle handle);
void tm_stream_open(tm *t, const pu_ef *ef);
void tm_stream_send(tm *t, stream *s, pu_span bytes, bool fin);
void tm_stream_room(tm *t, stream *s, uint64_t offset);
void tm_stream_stop(tm *t, stream *s, uint32_t code);
/* Resets s towards the peer, without a word to the node, and frees it. */
void tm_stream_abort(tm *t, stream *s, uint32_t code);
/* A frame that names a stream. False: the peer breaks the rules. */
bool tm_stream_frame(tm *t, conn *c, const frame *f);
/* Packs what waits in s. True: more waits than fits into out. */
bool tm_stream_fill(tm *t, stream *s, pu_buf *out, uint64_t number);
/* Whether nothing waits in s. */
bool tm_stream_is_flushed(const stream *s);
/* Ends the streams of c that are finished. */
void tm_stream_settle(tm *t, conn *c);
void tm_stream_down(tm *t, const stream *s, enum pu_down what, uint32_t code);
void tm_stream_free(tm *t, stream *s);

/* ---- circuits ---- */

void circuit_upgrade(tm *t, const pu_ef *ef);
/* Whether the carrier takes one more packet of frames. */
bool circuit_has_room(const conn *c);
void circuit_send(tm *t, conn *c, pu_span bytes);
/* Bytes for the connection in s came. */
void circuit_data(tm *t, stream *s, pu_span bytes);
/* Takes the packets that have come. False: c has ended. */
bool circuit_read(tm *t, conn *c);
/* Ends the connection in s: its carrier is no more. */
void circuit_lost(tm *t, stream *s);
/* The connection in s has ended: finishes s when it said so, resets it otherwise. */
void circuit_release(tm *t, stream *s, bool bye);

#endif
