/* net-real/tcp_impl.h - what tcp.c (the table, dials, listeners) and tcp_conn.c (bytes of one
 * connection) share. Nobody else includes it.
 */
#ifndef NET_REAL_TCP_IMPL_H
#define NET_REAL_TCP_IMPL_H

#include "net-real/sockaddr.h"
#include "net-real/spare.h"
#include "net-real/tcp.h"

enum {
    TCP_LISTENERS_MAX = 16,
    TCP_SEND_BUFFER = 256 * 1024, /* bytes that wait for the kernel, a connection */
    TCP_READ_MAX = 65536,         /* bytes of one data event */
    TCP_READS_MAX = 4,            /* such events before others have their turn */
    TCP_ACCEPTS_MAX = 16          /* the same for new connections */
};

#define TCP_LINGER_NS (10 * PU_S) /* a closed connection may take so long to send what waits */

enum tcp_state {
    TCP_IS_NONE = 0,
    TCP_IS_WAITING, /* a dial whose time has not come */
    TCP_IS_DIALLING,
    TCP_IS_UP,
    TCP_IS_CLOSING /* the owner has forgotten it; it sends what waits */
};

typedef struct tcp_conn {
    tcp *owner;
    watch w;
    uint8_t state; /* enum tcp_state */
    bool fin_asked, fin_sent, fin_seen;
    bool failed; /* a reset was seen: told at the next tick */
    int error;   /* why */
    uint64_t handle;
    tcp_target target; /* of a dial */
    pu_time deadline;  /* of a dial, or of closing; tcp_conn_due sets it */
    uint8_t *tx;       /* owned; what waits */
    size_t tx_head, tx_len, tx_cap;
    uint64_t tx_sent, tx_told; /* offsets: gone to the kernel; room given to the owner */
    uint64_t rx_given, rx_room;
} tcp_conn;

typedef struct tcp_listener {
    tcp *owner;
    watch w;
} tcp_listener;

struct tcp {
    loop *l;
    tcp_events events;
    uint64_t first_room;
    uint32_t max, count; /* of conns: allowed, in use */
    uint32_t cap;        /* of conns: allocated */
    tcp_conn **conns;    /* owned; at most max, with gaps */
    uint64_t serial;     /* of the last handle */
    pu_time due;         /* no deadline of a connection is earlier */
    tcp_listener listeners[TCP_LISTENERS_MAX];
    uint32_t listener_count;
    spare reserve;
    uint8_t *arena; /* TCP_READ_MAX bytes to read into */
};

/* Sets c's deadline. */
void tcp_conn_due(tcp_conn *c, pu_time at);
/* Frees c and closes its socket. */
void tcp_conn_free(tcp_conn *c);
/* The connection, which is not closing, or NULL. */
tcp_conn *tcp_conn_of(tcp *t, uint64_t handle);
/* The socket is connected: watches it and says so. */
void tcp_conn_up(tcp_conn *c, uint32_t token);
/* Ends c with an event. */
void tcp_conn_fail(tcp_conn *c, int error);
/* An event of a connected socket. */
void tcp_conn_ready(void *ctx, uint32_t events);
/* Gives the kernel what waits. False: the connection is broken. */
bool tcp_conn_flush(tcp_conn *c);

#endif
