/* sim/tcp_model/tcp_impl.h - what tcp_model.c (the table, the owner's calls), tcp_in.c (segments)
 * and tcp_out.c (sending, timers) share. Nobody else includes it.
 */
#ifndef SIM_TCP_MODEL_TCP_IMPL_H
#define SIM_TCP_MODEL_TCP_IMPL_H

#include "base/bytes.h"
#include "base/mem.h"
#include "base/rng.h"
#include "sim/tcp_model/tcp_model.h"

enum {
    FIRST_CWND = 10 * TCP_MSS,
    DUPLICATES = 3,  /* acknowledgements that make a segment lost */
    RETRIES_MAX = 8, /* time-outs in a row, then the connection is lost */
    SYN_RETRIES_MAX = 6,
    HELD_MAX = 512,       /* segments that came out of order */
    MTU_LEAST = 552,      /* that ICMP is believed */
    HOLE_RETRIES = 3,     /* time-outs in a row that are blamed on the length of segments */
    HOLE_MSS = 1024 - 12, /* tried first: a base of 1,024 with the timestamp option */
    HOLE_MSS_LEAST = 48
};

#define RTO_FIRST_NS (1 * PU_S)
#define RTO_LEAST_NS (200 * PU_MS)
#define RTO_MOST_NS (60 * PU_S)
#define ACK_DELAY_NS (40 * PU_MS)
#define LINGER_NS (60 * PU_S) /* a closed connection may take so long to send what waits */

enum state {
    STATE_WAITING = 1, /* a dial whose time has not come */
    STATE_SYN_SENT,
    STATE_SYN_RECEIVED,
    STATE_OPEN
};

/* Data that came before its turn. */
typedef struct held {
    struct held *next; /* by seq */
    uint64_t seq;
    uint32_t len;
    bool fin;
    uint8_t bytes[];
} held;

/* Sequence numbers are 64 bits wide here, from an initial one of 32 bits, and never wrap. */
typedef struct conn {
    struct conn *next;
    tcp_model *owner;
    uint64_t handle;
    uint8_t state; /* enum state */
    bool is_accepted;
    bool is_told;    /* the owner has heard `up` */
    bool is_closing; /* the owner has forgotten it */
    bool fin_asked, fin_sent, fin_acked;
    bool fin_came; /* all of the peer's bytes and its FIN are in order */
    bool fin_told;
    bool is_dead;  /* down is to be told */
    bool is_gone;  /* nobody is told anything: freed at the end of the call */
    uint32_t code; /* why */
    pu_endpoint local, remote;
    tcp_model_target target;
    pu_time deadline; /* of the dial, or of closing */

    mem_bytes tx;            /* from una on */
    uint64_t una, nxt, high; /* unacknowledged from, next to send, highest sent */
    uint64_t fin_seq;        /* of our FIN, when fin_asked and all is sent */
    uint32_t peer_window;
    uint32_t mss; /* bytes of data in a segment, at most */
    uint32_t cwnd, ssthresh;
    uint32_t duplicates;
    bool is_recovering;
    uint64_t recover;           /* fast recovery ends when all below is acknowledged */
    uint64_t tx_taken, tx_told; /* the owner's offsets */
    uint64_t first_seq;         /* of data */

    mem_bytes rx; /* in order, not taken */
    held *early;
    uint32_t early_count;
    uint64_t rcv; /* next expected */
    uint64_t rx_given, rx_room;
    uint32_t window_told; /* last sent */

    pu_time rto_at, ack_at; /* PU_NEVER: not armed */
    uint64_t srtt_ns, rttvar_ns, rto_ns;
    uint64_t timed_seq; /* a segment under measurement ends here; 0: none */
    pu_time timed_at;
    uint32_t retries;
    uint32_t unacked_segments; /* that came and were not acknowledged */
} conn;

struct tcp_model {
    const tcp_model_host *host;
    pu_alloc alloc;
    rng random;
    uint16_t listen_port, next_port;
    uint64_t first_room;
    uint64_t serial;
    conn *conns;    /* by handle, oldest first */
    bool has_told;  /* the owner has heard something in this call: one event a call, the rest is due
                     */
    unsigned depth; /* calls under way that look at connections: nothing is freed */
    pu_time now;
};

conn *conn_new(tcp_model *t, uint8_t state);
/* Ends it without a word: it is freed when the call under way is over. */
void conn_drop(conn *c);
/* The connection is lost: the next tick tells. */
void conn_dies(conn *c, uint32_t code);

/* Sends what windows allow; a bare acknowledgement when force. */
void conn_push(conn *c, bool force_ack);
/* SYN, or SYN with ACK. */
void conn_send_syn(conn *c);
/* Segments of c have at most so many bytes of data from now on. */
void conn_shorten(conn *c, uint32_t mss);
/* A time-out of the retransmission timer. */
void conn_timeout(conn *c);
/* Arms or disarms the retransmission timer. */
void conn_arm(conn *c);
/* A reset that answers s. */
void send_reset(tcp_model *t, uint16_t port, const pu_endpoint *to, const tcp_segment *s);
void conn_reset(conn *c);
uint32_t conn_window(const conn *c);
/* A round trip was measured. */
void conn_sample(conn *c, uint64_t rtt_ns);

/* A segment of c. */
void conn_take(conn *c, const tcp_segment *s);
/* Gives the owner what its room allows. c may be gone. */
void conn_deliver(conn *c);

#endif
