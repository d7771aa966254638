/* sim/transport.h - what a host knows of its transport: connections and streams under boundary A
 * (peerup/node.h) as datagrams and TCP segments. Two exist: the model's (transport_model/tm.h), and
 * the production link on real packets (wire/wire.h).
 */
#ifndef SIM_TRANSPORT_H
#define SIM_TRANSPORT_H

#include "peerup/node.h"
#include "sim/net.h"

enum { TRANSPORT_ROUNDS = 4 };

/* The MAIN socket's UDP port, and that of TCP, unless a host has another. */
enum { HOST_PORT = 4001 };

/* What a transport asks of its host, which is the first argument of each. Spans are borrowed during
 * the call. */
typedef struct transport_host {
    const pu_alloc *alloc; /* what the transport holds is allocated there; must not fail */
    void (*input)(void *ctx, const pu_in *in); /* append to the node's input FIFO (never steps);
                                                  `now` is the host's to set */
    /* From a UDP or TCP port; 0: the host's own. */
    void (*send)(void *ctx, uint16_t port, const pu_endpoint *to, pu_span bytes,
                 enum net_carriage carriage, enum net_kind kind);
    /* Call timer(conn) at that time, never before now, and at none that was asked for with *timer
     * before; PU_NEVER: not at all. *timer, 0 at first, is the transport's to keep, and to give
     * back by PU_NEVER. */
    void (*wake)(void *ctx, queue_timer *timer, pu_handle conn, pu_time at);
    void (*touch)(void *ctx); /* call flush at the end of this event */
    /* The MAIN socket's endpoint now, that of remote's family; NULL: of either. All zero: none. */
    pu_endpoint (*local)(void *ctx, const pu_endpoint *remote);
} transport_host;

/* What a connection will do: send there, and set its timer. */
typedef struct transport_next {
    pu_endpoint to;
    queue_timer timer; /* 0: none */
    bool is_known;
} transport_next;

/* What a transport is made of. All is kept until `free`. */
typedef struct transport_setup {
    const pu_config *config;
    const pu_peer_id *self;
    const transport_host *host;
    void *ctx;               /* of what host has */
    const uint8_t *seed;     /* 32 bytes, of this life */
    const pu_crypto *crypto; /* the node's */
    uint64_t hash_seed;
    pu_time now;
    uint64_t unix_ns; /* Unix time at now */
    uint16_t port;    /* of the MAIN socket, and that of TCP */
    void *share;      /* what transports of one run share: `share_new` made it */
    /* Gets a line of the NSS key log for each TLS secret; NULL: nobody wants them. */
    void (*keylog)(void *ctx, const char *line);
    void *keylog_ctx;
} transport_setup;

/* A sort of transport. self is what `make` returned. */
typedef struct transport_ops {
    void *(*share_new)(void); /* NULL: nothing is shared. Both abort without memory */
    void (*share_free)(void *share);
    void *(*make)(const transport_setup *setup);
    void (*free)(void *self); /* silently: the host has crashed, or the run is over */
    /* Performs one effect of the node. False: the kind is not the transport's. */
    bool (*effect)(void *self, pu_time now, const pu_ef *effect);
    /* A datagram or segment came to a port, or the word that one was not taken (net_is_refusal: its
     * bytes are what was sent to remote). False: the node may have it, as a PACKET. */
    bool (*datagram)(void *self, pu_time now, enum net_carriage carriage, uint16_t port,
                     const pu_endpoint *remote, pu_span bytes);
    /* As net_observer.work: with these bytes our work on a handshake begins. */
    uint64_t (*work)(const void *self, enum net_carriage carriage, uint16_t port,
                     const pu_endpoint *remote, pu_span bytes);
    void (*timer)(void *self, pu_time now, pu_handle conn); /* a time asked for by wake has come */
    /* touch was called, and the node has taken its inputs: what waits is to be sent. It may give
     * the node more, and touch again. NULL: touch never is called. */
    void (*flush)(void *self, pu_time now);
    /* ICMP says that what leaves that port for remote must be mtu bytes at most, IP header
     * included. NULL: nobody cares. */
    void (*too_big)(void *self, pu_time now, enum net_carriage carriage, uint16_t port,
                    const pu_endpoint *remote, uint32_t mtu);
    void (*rebound)(void *self, pu_time now);                 /* the host's address changed */
    void (*clock)(void *self, pu_time now, uint64_t unix_ns); /* its clock jumped */
    /* The handle that the peer's transport has for the other end of conn; 0: none (any more). */
    pu_handle (*other_end)(const void *self, pu_handle conn);
    /* A timer of conn will fire soon, or a datagram for it come: asks the caches for what that
     * reads, in TRANSPORT_ROUNDS rounds, of which each reads what the one before has asked for. The
     * first is the same for all of self; the last says in *next what will be done, if it is known.
     * NULL: it costs more than it gives. */
    void (*soon)(const void *self, pu_handle conn, unsigned round, transport_next *next);
    /* The connection that a datagram says it is for; anything when it does not. NULL: no soon. */
    pu_handle (*named)(pu_span bytes);
    size_t (*bytes)(const void *self); /* held, for the memory figure */
} transport_ops;

/* The two sorts. The second is NULL in a program that is linked without real transports. */
extern const transport_ops transport_model;
const transport_ops *transport_wire(void);

#endif
