/* tests/lib/quic_rig.h - links on a small network in virtual time: what QUIC and what is above it
 * does between hosts, without sockets.
 *
 * Each host has a link and, in place of a node, a stand-in that writes down what the link says,
 * answers CONN_ASK as it is told to, and reads as much as it is told to. Datagrams take delay_ns; a
 * test may spoil, drop or double them. A host may be behind a NAT: `seen_as` is what others see of
 * its socket, and may change at any time.
 */
#ifndef TESTS_LIB_QUIC_RIG_H
#define TESTS_LIB_QUIC_RIG_H

#include "link/transports.h"
#include "tests/unit/fault_heap.h"

enum { RIG_HOSTS_MAX = 8, RIG_STREAMS_MAX = 1024, RIG_CONNS_MAX = 1280, RIG_PACKETS_MAX = 64 };

/* A connection as the stand-in knows it. */
typedef struct rig_conn {
    pu_handle handle;
    pu_token token;
    bool is_asked_accept, is_asked_secured, is_up, is_confirmed, is_down;
    uint32_t code; /* of its end */
    pu_time up_at, confirmed_at, down_at;
    pu_peer_id peer;
    pu_endpoint remote;
    uint64_t rtt_ns;
    uint32_t migrations; /* CONN_PATH with MIGRATED */
} rig_conn;

/* A stream as the stand-in knows it. */
typedef struct rig_stream {
    pu_handle conn, handle;
    pu_token token;
    bool is_up, has_fin, is_stopped, is_down;
    uint32_t what, code; /* of its end */
    uint32_t stop_code;
    uint64_t room;    /* to send */
    uint64_t sent;    /* bytes */
    uint64_t got;     /* bytes */
    uint64_t granted; /* to receive */
    uint64_t to_send; /* bytes that are sent as room allows; the n-th byte is rig_byte(n) */
    bool fin_after;   /* and then FIN */
    bool is_fin_sent;
    bool is_echo;  /* what comes is sent back, FIN included */
    bool is_wrong; /* a byte came that is not rig_byte's */
    bool is_deaf;  /* rig_stop was called */
    pu_time first_at, fin_at;
} rig_stream;

typedef struct rig rig;

typedef struct rig_host {
    rig *rig;
    uint32_t index;
    pu_config config;
    pu_link_env env;
    pu_crypto crypto;
    pu_crypto_real real;
    fault_heap heap;
    pu_peer_id id;
    pu_link *link; /* NULL: off */
    pu_link_out *out;
    uint64_t drawn; /* of its randomness */
    pu_endpoint at; /* where its main socket is */
    pu_endpoint seen_as;
    pu_endpoint probe_seen_as; /* the same of its socket PROBE */
    bool is_deaf;              /* datagrams to it vanish */

    /* how the stand-in behaves */
    uint32_t accept_code, secured_code; /* verdicts */
    uint64_t reads;                     /* bytes that it takes ahead on each stream */
    bool echoes;                        /* streams of peers are echoed */
    bool is_asked_only;                 /* verdicts are not given */

    rig_conn conns[RIG_CONNS_MAX];
    uint32_t conn_count;
    rig_stream streams[RIG_STREAMS_MAX];
    uint32_t stream_count;
    struct {
        pu_endpoint remote;
        size_t len;
    } packets[RIG_PACKETS_MAX]; /* PU_IN_PACKET */
    uint32_t packet_count;
    uint32_t dial_fails, last_fail_code;
    pu_time last_fail_at;
    pu_token last_token;
    uint64_t sent_datagrams, sent_bytes, sent_effects;
    size_t last_len; /* of the last datagram sent */
    struct rig_todo *todo, **todo_end;
} rig_host;

/* A datagram on its way. */
typedef struct rig_datagram {
    struct rig_datagram *next;
    pu_time at;
    uint64_t number;
    uint32_t ecn;
    pu_endpoint from, to;
    size_t len;
    uint8_t bytes[];
} rig_datagram;

/* What becomes of a datagram. */
enum rig_fate { RIG_PASS = 0, RIG_DROP, RIG_DOUBLE };

struct rig {
    pu_time now;
    uint64_t unix_ns; /* at time 0 */
    pu_time delay_ns; /* one way */
    rig_host hosts[RIG_HOSTS_MAX];
    uint32_t host_count;
    rig_datagram *first; /* by time, then number */
    rig_datagram *last;  /* valid unless there is none */
    uint64_t numbers;
    uint64_t hash[2]; /* over every datagram sent */
    /* Asked for each datagram that is sent; may change its bytes. NULL: all pass. */
    enum rig_fate (*fate)(rig *w, rig_datagram *d);
    void *fate_ctx;
    uint64_t lost_in_1024; /* loss by the world's own dice */
    uint64_t dice;
    bool are_batched; /* datagrams of one moment and one way come as one input (GRO) */
    /* Gets what is sent to an address that no host has; NULL: it vanishes. */
    void (*elsewhere)(void *ctx, rig *w, const rig_datagram *d);
    pu_time (*elsewhere_due)(void *ctx); /* when elsewhere_tick is to be called */
    void (*elsewhere_tick)(void *ctx, rig *w);
    void *elsewhere_ctx;
};

rig *rig_new(void);
/* Frees everything; all memory of all links must have been given back. */
void rig_free(rig *w);

/* Adds a host with a link; its identity comes from its index. change, when not NULL, may set its
 * config and env. */
rig_host *rig_add(rig *w, void (*change)(rig_host *h));
/* Another process takes the host's place: its link begins anew. */
void rig_restart(rig_host *h);
void rig_off(rig_host *h);

/* Runs until nothing happens before `until`, which becomes now. */
void rig_run_until(rig *w, pu_time until);
void rig_run(rig *w, uint64_t ns);
/* Runs until *flag, or for at most ns; returns *flag. */
bool rig_run_for(rig *w, const bool *flag, uint64_t ns);

/* Gives the host's link one effect of the node, now. */
void rig_effect(rig_host *h, const pu_ef *ef);
/* Sends a datagram from elsewhere: it arrives, fate is not asked. */
void rig_post(rig *w, const pu_endpoint *from, const pu_endpoint *to, pu_span bytes);
/* The same, and fate is asked, as for what hosts send. */
void rig_pass(rig *w, const pu_endpoint *from, const pu_endpoint *to, pu_span bytes);
/* Gives the host's link one datagram, now. */
void rig_inject(rig_host *h, const pu_endpoint *from, pu_span bytes);

/* DIAL from h to `to`; the token. expected: NULL for to's id. */
pu_token rig_dial(rig_host *h, const rig_host *to, const pu_peer_id *expected);
/* The connection that answers the token, or NULL; with token 0 the last one from outside. */
rig_conn *rig_conn_of(rig_host *h, pu_token token);
/* Dials and runs until both sides are up and confirmed; the dialler's. */
rig_conn *rig_connect(rig_host *a, rig_host *b);

/* Opens a stream and runs until it is up. */
rig_stream *rig_open(rig_host *h, const rig_conn *c);
/* Sends so many more bytes on s, and then FIN if asked. */
void rig_send(rig_host *h, rig_stream *s, uint64_t bytes, bool fin);
/* The n-th stream that a peer opened on the host, from 0; NULL. */
rig_stream *rig_theirs(rig_host *h, uint32_t n);
void rig_reset(rig_host *h, const rig_stream *s, uint32_t code);
void rig_stop(rig_host *h, rig_stream *s, uint32_t code);
void rig_grant(rig_host *h, rig_stream *s, uint64_t offset);
/* The host's main socket has another address now: it, and those who see it, learn of it. */
void rig_move(rig_host *h, const pu_endpoint *at);
void rig_hangup(rig_host *h, const rig_conn *c, uint32_t code, uint64_t wait_ns);

static inline uint8_t rig_byte(uint64_t n)
{
    return (uint8_t)(n * 131 + (n >> 8) * 7);
}

#endif
