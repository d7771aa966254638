/* net-real/host_impl.h - what the files of the host share. Nobody else includes it.
 *
 * host.c       life, the turn, the public calls
 * host_node.c  steps of the node, and its effects that are the host's own: KEEP, RESOLVE, APP,
 * EVENT host_link.c  steps of the link, and its effects: datagrams, TCP, inputs for the node
 * host_addr.c  where we listen, and which addresses that makes
 * host_names.c names: the node's RESOLVE, the program's lookups
 *
 * The order that node.h and link.h ask for: an input of the outside goes into the link, its effects
 * are performed, those for the node wait in the inbox, which is emptied before the loop goes on.
 */
#ifndef NET_REAL_HOST_IMPL_H
#define NET_REAL_HOST_IMPL_H

#include "net-real/dns.h"
#include "net-real/ifaddr.h"
#include "net-real/inbox.h"
#include "net-real/store.h"
#include "net-real/tape.h"
#include "net-real/tcp.h"
#include "net-real/udp.h"
#include "peerup/host.h"
#include "peerup/link.h"

#include <stdio.h>

enum {
    HOST_PORTS_MAX = 257,     /* UDP ports: MAIN and the probes */
    HOST_LISTENS_MAX = 16,    /* listening endpoints */
    HOST_ADDRESSES_MAX = 256, /* of the machine */
    HOST_PEERS_MAX = 65536,   /* peer ids a process knows */
    HOST_PROGRESS_MAX = 64    /* ticks in a turn before descriptors have theirs */
};

#define HOST_PROBE_NS (60 * PU_S) /* a probe socket that nobody uses is closed */

/* A UDP port and its number at the boundaries. */
typedef struct host_port {
    struct pu_host *owner;
    uint32_t socket; /* enum pu_socket */
    udp *port;       /* NULL: closed */
    pu_time until;   /* PU_NEVER: it stays */
} host_port;

/* One endpoint that listens. ip all zero: every address of the family. */
typedef struct host_listen {
    pu_endpoint at; /* with the port that was bound */
    enum pu_transport transport;
} host_listen;

/* A descriptor of the program's own. */
typedef struct host_watch {
    struct host_watch *next;
    watch w;
    void (*ready)(void *ctx, int fd, uint32_t events);
    void *ctx;
} host_watch;

/* A lookup of the program's own. */
typedef struct host_lookup {
    struct host_lookup *next;
    pu_token token;
    void (*found)(void *ctx, const pu_endpoint *at, uint32_t count); /* NULL: cancelled */
    void *ctx;
} host_lookup;

struct pu_host {
    pu_host_options options; /* ctx and functions; the rest is not used after pu_host_new */
    pu_config config;
    loop *l;
    pu_time now;
    bool is_inside; /* a turn, or a step, is under way */
    bool is_stopped;

    pu_crypto_real key;
    pu_crypto link_crypto, node_crypto; /* the same key; the node's may be recorded */
    pu_peers *peers;
    pu_env env;
    pu_node *node;
    void *node_mem;
    pu_out *out;
    pu_link_env link_env;
    pu_link *link;
    pu_link_out *link_out;   /* of inputs from outside: its spans hold until the inbox is empty */
    pu_link_out *effect_out; /* of the node's effects */
    inbox inputs;
    pu_token last_token;

    tcp *streams;
    host_port ports[HOST_PORTS_MAX]; /* the first is MAIN */
    pu_endpoint main_local;          /* where MAIN is bound; address zero: everywhere */
    ifaddr *addresses;
    pu_endpoint local[HOST_ADDRESSES_MAX]; /* the machine's, port 0 */
    uint32_t local_count;
    host_listen listens[HOST_LISTENS_MAX];
    uint32_t listen_count;
    dns *names;
    dns *own_names;       /* of the program's lookups; NULL: there was none yet */
    host_lookup *lookups; /* owned */
    uint32_t lookup_count;
    pu_token last_lookup;
    store *disk; /* NULL: nothing is kept */
    watch clock; /* a timer that is cancelled when the clock is set */
    host_watch *watches;

    tape *recording; /* NULL: none */
};

/* ---- host_node.c ---- */

/* Queues an input for the node; spans are copied. False: no memory. */
bool real_host_input(pu_host *h, const pu_in *in);
/* Gives the node what waits, until nothing does. */
void real_host_drain(pu_host *h);
/* Steps the node at once with an input whose spans hold; nothing may wait. */
void real_host_step(pu_host *h, const pu_in *in);
/* Unix time now, in ns. */
uint64_t real_host_unix_ns(void);

/* ---- host_names.c ---- */

/* Opens the node's. PU_ERANGE: error says what is wrong. */
PU_MUST_USE int real_host_names_open(pu_host *h, char *error, size_t cap);
void real_host_names_close(pu_host *h);
/* When the next tick is due, and that call. */
pu_time real_host_names_deadline(const pu_host *h);
void real_host_names_tick(pu_host *h);

/* ---- host_link.c ---- */

/* Gives the link an input from outside and performs what comes of it, the node's part included. */
void real_host_link_take(pu_host *h, pu_link_in *in);
/* Gives the link an effect of the node. */
void real_host_link_effect(pu_host *h, const pu_ef *ef);
/* Events of UDP ports and TCP connections. */
void real_host_on_udp(void *ctx, const udp_burst *burst);
extern const tcp_events real_host_tcp_events; /* without ctx */
/* The port with this number, opened when it is a probe's. NULL: it cannot be. */
host_port *real_host_port_of(pu_host *h, uint32_t socket);
/* Closes probes that nobody has used. */
void real_host_ports_tick(pu_host *h);

/* ---- host_addr.c ---- */

/* Opens what options.listen asks for and MAIN. PU_ERANGE: error says what is wrong. */
PU_MUST_USE int real_host_listen_all(pu_host *h, const pu_host_options *options, char *error,
                                     size_t cap);
/* Tells the link where its sockets are, or that they may be elsewhere. */
void real_host_locals_changed(pu_host *h);
/* Begins to tell the node of addresses: those that are there first. */
PU_MUST_USE int real_host_addresses_open(pu_host *h, char *error, size_t cap);

#endif
