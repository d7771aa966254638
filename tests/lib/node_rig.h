/* tests/lib/node_rig.h - whole hosts on a small network in virtual time: real nodes over real
 * links, and between them datagrams, TCP and routers that are kept simple.
 *
 * Every host has one address and one port for UDP and TCP. A host behind a router is seen at the
 * router's address, with the same port, by those it has sent to before (an endpoint-independent
 * mapping with a filter on address and port); TCP goes out through it, and in only where it goes
 * out at the same time. Delay is the same between all. Runs are a function of the seed.
 */
#ifndef TESTS_LIB_NODE_RIG_H
#define TESTS_LIB_NODE_RIG_H

#include "peerup/link.h"
#include "tests/lib/boundary.h"
#include "tests/unit/fault_heap.h"

enum {
    NODE_RIG_HOSTS_MAX = 4,
    NODE_RIG_TCPS_MAX = 64,
    NODE_RIG_FILTER_MAX = 64,
    NODE_RIG_CONNS_MAX = 256,
    NODE_RIG_TOKENS_MAX = 64,
    NODE_RIG_APPS_MAX = 512,
    NODE_RIG_PORT = 4001
};

/* One end of a TCP connection. */
typedef struct node_rig_tcp {
    uint64_t name;           /* the host's; 0: free */
    uint32_t host;           /* whose end it is */
    uint32_t peer;           /* index of the other end */
    bool is_up;              /* the link knows it */
    bool is_closed;          /* by the link */
    bool has_fin;            /* the other side closed in order, and that is delivered */
    uint64_t got, room;      /* bytes delivered; up to where they may be */
    uint64_t sent, sendable; /* bytes the link sent; up to where it may */
    uint8_t *rx;             /* owned; what came and has no room */
    size_t rx_len;
    bool rx_fin; /* a FIN is behind it */
} node_rig_tcp;

/* A TCP_DIAL that is not answered. */
typedef struct node_rig_tcp_dial {
    pu_token token; /* 0: free */
    pu_endpoint remote;
} node_rig_tcp_dial;

/* A connection as a host's link told of it, by ordinal. */
typedef struct node_rig_conn {
    pu_handle handle;
    uint32_t flags; /* of CONN_UP */
    enum pu_transport transport;
    pu_endpoint remote;
    pu_time up_at, confirmed_at, first_data_at, down_at; /* 0: not so */
    uint32_t code;
} node_rig_conn;

/* An application stream. */
typedef struct node_rig_app {
    pu_handle stream;   /* 0: not open */
    pu_token token;     /* of an OPEN of ours */
    uint64_t got, sent; /* bytes */
    uint64_t room;      /* may be sent up to */
    uint64_t want;      /* bytes to send, then FIN */
    bool is_echo;       /* what comes is sent back */
    bool fin_sent, fin_got, is_over, is_wrong;
    uint32_t code; /* of its reset */
    pu_time opened_at, over_at;
} node_rig_app;

typedef struct node_rig node_rig;

/* What becomes of a datagram, or of a piece of TCP: dropped is cut off there, and doubled passes.
 */
enum node_rig_fate {
    NODE_RIG_PASS = 0,
    NODE_RIG_DROP,
    NODE_RIG_DOUBLE,
    NODE_RIG_SPOIL, /* one byte is changed */
    NODE_RIG_LATE   /* a datagram takes another delay; TCP does not */
};

typedef struct node_rig_host {
    node_rig *rig;
    bool may_forget; /* its memory is short: the node may not know what the link tells of */
    uint32_t index;
    bool is_on;
    fault_heap heap;
    pu_alloc alloc;
    pu_config config;
    pu_crypto crypto, identity;
    pu_crypto_real key;
    uint64_t drawn;
    pu_peers *peers;
    pu_env env;
    pu_link_env link_env;
    void *mem;
    pu_node *node;
    pu_out *out;
    pu_link *link;
    pu_link_out *link_out, *effect_out;
    boundary law;
    struct node_rig_input *first, *last; /* the node's FIFO */
    pu_endpoint at;                      /* where its socket is */
    pu_endpoint outside;                 /* as others see it */
    bool is_behind;                      /* a router is in between */
    pu_endpoint filter[NODE_RIG_FILTER_MAX];
    uint32_t filter_count;
    uint64_t tcp_last;
    node_rig_tcp_dial dials[NODE_RIG_TOKENS_MAX];
    pu_token token_last;
    uint32_t done[NODE_RIG_TOKENS_MAX]; /* code of each command's DONE; UINT32_MAX: none yet */
    uint64_t done_offset[NODE_RIG_TOKENS_MAX];
    node_rig_conn conns[NODE_RIG_CONNS_MAX]; /* by ordinal */
    uint32_t traced[PU_TR_COUNT];
    node_rig_app apps[NODE_RIG_APPS_MAX];
    uint32_t app_count;
    uint64_t ticks;
} node_rig_host;

struct node_rig {
    pu_time now;
    pu_time delay_ns;      /* one way */
    uint32_t lost_in_1024; /* datagrams */
    size_t tcp_segment;    /* bytes of one TCP_DATA; 0: as they come */
    bool udp_is_blocked;
    /* Asked for everything that is sent; NULL: it passes. spoil_at says which byte changes. */
    enum node_rig_fate (*fate)(void *ctx, node_rig *w, bool is_tcp);
    void *fate_ctx;
    uint32_t spoil_at;
    uint64_t dice;
    uint64_t hash[2]; /* over everything that was sent */
    uint64_t datagrams;
    struct node_rig_event *events; /* by time and order */
    uint64_t orders;
    node_rig_tcp tcps[NODE_RIG_TCPS_MAX];
    node_rig_host hosts[NODE_RIG_HOSTS_MAX];
    uint32_t host_count;
};

node_rig *node_rig_new(uint64_t dice, uint64_t delay_ns);
void node_rig_free(node_rig *w);

/* Adds a host; change, when not NULL, may set its config. It is not started. */
node_rig_host *node_rig_add(node_rig *w, bool is_behind, void (*change)(pu_config *config));
/* Two hosts know of each other what an owner would have told them. */
void node_rig_authorise(node_rig_host *h, const node_rig_host *other);
/* h knows other's address over that transport; relay: as a relay of its own. */
void node_rig_address(node_rig_host *h, const node_rig_host *other, enum pu_transport transport,
                      bool relay);
/* The last part of a host's start. Give authorisations and addresses before. */
void node_rig_start(node_rig_host *h);

/* One effect as if the node had it. */
void node_rig_effect(node_rig_host *h, const pu_ef *ef);

/* A command about a peer; its token. */
pu_token node_rig_command(node_rig_host *h, enum pu_command what, const node_rig_host *peer);
bool node_rig_is_done(const node_rig_host *h, pu_token token);
/* COMMAND SET, "name=value"; fails when it is refused. */
void node_rig_set(node_rig_host *h, const char *text);

void node_rig_run_until(node_rig *w, pu_time until);
void node_rig_run(node_rig *w, uint64_t ns);
/* Runs until the command is done, at most ns; whether it was done with code OK. */
bool node_rig_run_for(node_rig *w, const node_rig_host *h, pu_token token, uint64_t ns);

/* The connections of h that are up, newest first: the index-th of that transport, or NULL. */
node_rig_conn *node_rig_conn_of(node_rig_host *h, enum pu_transport transport, uint32_t index);

/* Exposes an echo at h; peers open it with node_rig_open. */
void node_rig_expose(node_rig_host *h);
/* Opens a stream to peer's echo that sends so many bytes, then FIN, and reads them back. */
node_rig_app *node_rig_open(node_rig_host *h, const node_rig_host *peer, uint64_t bytes);
/* Forgets application streams that are over. */
void node_rig_apps_forget(node_rig_host *h);

/* ---- between node_rig.c and node_rig_net.c ---- */

void node_rig_link_effect(node_rig_host *h, const pu_link_ef *ef);
/* Gives the link an input now, and the node what comes of it. */
void node_rig_step(node_rig_host *h, pu_link_in *in);
/* Calls the network's events up to now. False: there was none. */
bool node_rig_net_event(node_rig *w);
pu_time node_rig_net_due(const node_rig *w);
void node_rig_net_free(node_rig *w);

#endif
