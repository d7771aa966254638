/* sim/host.h - a simulated machine: one node, its transport, its sockets and its one timer.
 *
 * Performing an effect never steps a node: answers go into a FIFO, which the same event empties, in
 * order, before the queue is asked again. Only one host is active at a time, so all hosts share one
 * FIFO and one effect list.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "sim/hash.h"
#include "sim/heap.h"
#include "sim/pcap.h"
#include "sim/recorder.h"
#include "sim/transport.h"

#define HOST_UNIX_START \
    (UINT64_C(1767225600) * PU_S) /* Unix time at the run's start: 2026-01-01T00:00:00Z */

struct host_input; /* one waiting input */

/* A time that a transport asked for and that came while its machine slept. */
typedef struct host_late {
    uint32_t host;
    pu_handle conn;
} host_late;

enum { HOST_AHEAD = 8 }; /* turns that an event is announced before its own */

/* An event whose turn is near, and what is known of it so far. */
typedef struct host_coming {
    sim_event event;
    bool is_there;       /* false: nothing was announced */
    unsigned round;      /* the next one */
    uint32_t host;       /* that it is for; NET_NONE: not known */
    pu_handle conn;      /* that it is about; 0: not known */
    transport_next next; /* what that will do */
} host_coming;

/* What every host of a run shares. */
typedef struct host_world {
    const transport_ops *transport; /* how connections are made */
    void *transport_share;          /* what they share */
    queue *q;
    net *network;
    pu_alloc alloc;       /* a heap's, for what hosts and transports hold */
    transport_host plugs; /* what transports call */
    pu_peers *peers;
    pu_out *out;
    pu_time now;
    mix128 hash;
    bool has_model_crypto;           /* keys of hosts: the model's, which cost nothing to make */
    struct host_input *first, *last; /* the FIFO */
    recorder *tape;                  /* of one host's node; NULL: none */
    pcap *capture;                   /* NULL: none */
    const bool *is_captured;         /* by host; NULL: all are */
    bool answers;                    /* machines whose node is down say that nobody listens */
    bool captures_secrets;           /* TLS secrets too */
    uint64_t hash_seed;              /* of the nodes' tables */
    bool never_reuses;               /* freed memory is kept, so that no address comes twice */
    void *graveyard;                 /* what is kept: blocks chained by their first word */
    size_t live_bytes;               /* what nodes hold by their allocator */
    uint64_t asked;                  /* times that a node has asked for memory */
    uint64_t fail_at;                /* the time that is refused, from 1; 0: none */
    pu_endpoint *sixes;              /* owned; by host: address of IPv6 and port now */
    uint32_t six_cap;                /* 0: none has one */
    host_late *late;                 /* owned: what sleeping machines owe, in its order */
    uint32_t late_count, late_cap;
    uint32_t *touched; /* owned: hosts whose transports are to be flushed at the end of the event */
    uint32_t touched_count, touched_cap;
    host_coming coming[HOST_AHEAD]; /* a ring */
    unsigned coming_at;             /* the earliest, whose place the next one gets */
    uint64_t steps;                 /* taken: inputs, and flushes */
    uint64_t look_at;               /* at so many, may_step is asked; 0: never */
    void *ctx;                      /* handed to the watchers below */
    bool (*may_step)(void *ctx, uint32_t host,
                     const pu_in *in); /* moves look_at on; in NULL: a flush; false: the run ends */
    bool (*bent)(void *ctx, uint32_t host, const pu_in *in,
                 const pu_ef *ef); /* true: the effect is not performed; NULL: all are */
    void (*app)(void *ctx, uint32_t host, const pu_ef *ef);        /* performs an APP effect */
    void (*saw_input)(void *ctx, uint32_t host, const pu_in *in);  /* before the step */
    void (*saw_effect)(void *ctx, uint32_t host, const pu_ef *ef); /* before it is performed */
    void (*saw_trace)(void *ctx, uint32_t host,
                      const pu_trace *event); /* NULL: nodes trace nothing */
} host_world;

/* The node's key: real Ed25519, or the model's; the random stream is the simulation's. */
typedef struct host_key {
    union {
        pu_crypto_real real;
        pu_crypto_model model;
    } of; /* first: the functions of either get a host_key as their context */
    uint8_t seed[32];
    rng random;
} host_key;

/* A record that a node asked its host to keep. */
typedef struct host_record {
    char key[PU_KEEP_KEY_MAX + 1];
    uint32_t len;
    uint8_t *body; /* owned */
} host_record;

/* What every event reads comes first: two cache lines, up to `key`. */
typedef struct host {
    host_world *world;
    pu_node *node;
    void *transport;   /* of the world's sort */
    uint32_t index;    /* in the run, and in the network */
    queue_timer timer; /* of the node */
    bool is_running;
    bool is_asleep;    /* its machine: nothing happens there, but time passes */
    bool is_touched;   /* its transport is to be flushed */
    uint16_t port;     /* UDP and TCP; set before the first start */
    pu_endpoint local; /* address of IPv4 and port now */
    pu_env env;

    host_key key;
    pu_crypto crypto;
    const pu_config *config; /* borrowed; hosts of a run share theirs */
    const uint8_t *run_seed; /* 32 bytes, borrowed */
    uint8_t transport_seed[32];
    void *mem;           /* of the node */
    pu_token last_token; /* of commands */
    pu_peer peer;        /* interned for the run */
    uint32_t lives;      /* how often it was started */
    int64_t clock_ns;    /* how far its clock is ahead */
    host_record *kept;   /* owned; its disk, sorted by key */
    uint32_t kept_count, kept_cap;
} host;

_Static_assert(offsetof(host, key) == 128, "what is asked for ahead of every event");
_Static_assert(sizeof(host) == 384, "no line of one host is another's too");

/* Its node's peer id, in the run's peers. */
static inline const pu_peer_id *host_id(const host *h)
{
    return pu_peers_id(h->world->peers, h->peer);
}

/* Sets up identity and seeds; the node does not exist yet. config and run_seed are kept until
 * host_close. h must not move afterwards. Aborts without memory. */
void host_init(host *h, host_world *world, uint32_t index, const pu_config *config,
               const uint8_t run_seed[32]);
void host_close(host *h);

/* Makes the heap of a world, and what transports call: before the first host. */
void host_world_open(host_world *world);

/* Frees what hosts shared, and the memory that never_reuses has kept: when every host is closed.
 * The heap stays. */
void host_world_close(host_world *world);

/* Makes the node and gives it what it kept in earlier lives: its inputs up to the first ADDR are
 * given with host_command; host_started ends the start order. */
void host_start(host *h);
void host_started(host *h);

/* Ends node and transport at once: nobody is told, nothing that waits is sent. What the node kept
 * stays. */
void host_crash(host *h);

/* Ends the recording of this host, where there is one. */
void host_record_end(host *h);

/* Loses what the node kept. */
void host_forget(host *h);

/* The clock jumps by so much. */
void host_set_clock(host *h, int64_t by_ns);

/* Its address of IPv6 and port, as its node knows it; all zero: none. */
pu_endpoint host_six(const host *h);

/* The same in two steps: it is attached nowhere; it is attached again. */
void host_left(host *h);
void host_arrived(host *h);

/* It is attached elsewhere too: it hears at the new addresses from host_arrived on, and at an old
 * one until host_parted. All zero: it had none of that family. */
void host_parted(host *h, const pu_endpoint *old);

/* Its machine goes to sleep, and wakes up: what was due meanwhile is done then. */
void host_sleep(host *h);
void host_awake(host *h);

/* Puts an input into the FIFO. Spans are copied. */
void host_input(host *h, const pu_in *in);

/* Puts a COMMAND into the FIFO. */
void host_command(host *h, enum pu_command what, pu_span peer, uint32_t flags, pu_span body);

/* The host is attached elsewhere in the network: tells node and transport. */
void host_moved(host *h);

/* Empties the FIFO, flushes transports, and arms timers: at the end of every event. False: may_step
 * has ended that, and the run with it. */
bool host_drain(host_world *world, host *hosts);

/* queue_soon: asks the caches for what events will read that are HOST_AHEAD turns and less away. */
void host_soon(host_world *world, const host *hosts, const sim_event *event);

/* Events of the queue, and datagrams of the network. Each leaves inputs in the FIFO. */
void host_wake(host *h);
void host_conn_timer(host *h, pu_handle conn);
void host_datagram(host *h, enum net_carriage carriage, uint16_t port, const pu_endpoint *remote,
                   pu_span bytes);

/* As net_observer.work. */
uint64_t host_work(const host *h, enum net_carriage carriage, uint16_t port,
                   const pu_endpoint *remote, pu_span bytes);

/* ICMP says that what leaves that port for remote must be mtu bytes at most. */
void host_too_big(host *h, enum net_carriage carriage, uint16_t port, const pu_endpoint *remote,
                  uint32_t mtu);

#endif
