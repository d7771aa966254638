/* node/impl.h - the node's tables, private to node/. Protocols see ctx.h only.
 *
 * Everything is arrays of plain records: connections and streams by slot (the host names slots),
 * the rest dense and searched linearly or by imap. Nothing is allocated before it is needed and no
 * record points into another.
 */
#ifndef NODE_IMPL_H
#define NODE_IMPL_H

#include "base/imap.h"
#include "node/ctx.h"

/* One armed timer; see ctx_timer. */
typedef struct timer {
    pu_time at;
    uint64_t arg;
    enum timer_kind kind;
    uint32_t order; /* how many were armed before it in this node's life */
} timer;

/* A STREAM_OPEN that has no answer yet. */
typedef struct opening {
    pu_token token;
    pu_handle conn;
    enum proto_id proto;
    uint64_t state[4];
} opening;

enum leg_state {
    LEG_PLANNED = 1, /* starts at start_at */
    LEG_WAITING,     /* a circuit whose relay is not connected yet */
    LEG_NAMING,      /* a name is being looked up; what is found has legs of its own */
    LEG_DIALLING,    /* DIAL, or the relay's CONNECT, is under way */
    LEG_UP           /* the connection is up, not confirmed */
};

/* One address of one peer being dialled. */
typedef struct leg {
    pu_token token;
    pu_peer peer; /* one reference held */
    enum leg_state state;
    bool punch;         /* begun by ctx_dial: outside of a want */
    bool is_started;    /* its start was told, and stays even if it waits and starts again */
    bool is_carried;    /* circuit: the relay has said yes */
    pu_peer via;        /* circuit: the relay (one reference held); 0: direct */
    pu_endpoint remote; /* direct */
    enum pu_transport transport;
    uint32_t name;    /* number of the named_addr to look up; 0: this is an address */
    pu_time start_at; /* planned start, then actual start */
    pu_time deadline; /* of the leg, once started */
    pu_handle conn;   /* LEG_UP */
} leg;

/* A peer that we keep or seek a connection to. */
typedef struct want {
    pu_peer peer;        /* one reference held */
    bool keep;           /* for ever, not for one connection */
    bool is_backing_off; /* TIMER_RETRY is armed */
    bool is_bettering;   /* and that although there is a connection: see dialer_lacks */
    uint32_t failures;   /* rounds in a row in which every leg failed */
    uint32_t last_code;  /* why the last leg failed */
    pu_time begun_at;    /* the latest round */
} want;

/* Something dialable about a peer. */
typedef struct known_addr {
    pu_endpoint endpoint;
    pu_peer
        via; /* the relay of a circuit (one reference held); endpoint is the relay's; 0: direct */
    uint32_t told_s;   /* when it was told last, or its peer's last connection ended: seconds since
                          the run began */
    uint8_t transport; /* enum pu_transport */
    bool pinned;       /* given by COMMAND ADDRESS: never displaced by what peers tell */
    bool proven;       /* it gave a direct connection */
} known_addr;

/* What the book knows of a peer. */
typedef struct known_peer {
    pu_peer peer;    /* one reference held */
    bool is_relay;   /* one of our own relays */
    bool has_record; /* a signed record of its was accepted, with record_seq */
    uint16_t rest_s; /* as a relay: how long it rests, or did the last time; 0: it is good */
    uint64_t record_seq;
    known_addr *addrs; /* owned */
    uint32_t addr_count, addr_cap;
    uint32_t addr_next;     /* where the next learned address displaces another */
    uint32_t rests_until_s; /* seconds since the run began */
} known_peer;

typedef struct authorised {
    pu_peer peer;       /* one reference held */
    uint64_t expires_s; /* Unix time; 0 = never */
} authorised;

/* A command that is not answered yet. */
typedef struct pending_command {
    pu_token token;
    enum pu_command what;
    pu_peer peer; /* one reference held; 0 = none */
} pending_command;

typedef struct local_addr {
    pu_endpoint endpoint;
    enum pu_transport transport;
    uint32_t socket;
    bool listens;
} local_addr;

/* An endpoint that connections hold by its number, which is its place and 1. */
typedef struct shared_endpoint {
    pu_endpoint endpoint;
    uint32_t holders; /* 0: the place is free */
} shared_endpoint;

enum {
    LOCAL_ADDRS_MAX = 16,
    COMMANDS_MAX = 256,
    OPENINGS_MAX = 1024,
    TIMERS_MAX = 1 << 20,
    PUNCH_LEGS_MAX = 128
};

/* Scopes that hold things, see limits.c. */
enum scope {
    SCOPE_SYSTEM = 0,
    SCOPE_TRANSIENT, /* what nobody has agreed to yet */
    SCOPE_PROTOCOL,
    SCOPE_BLOCK,           /* IPv4 /16, IPv6 /32 */
    SCOPE_BLOCK_TRANSIENT, /* of it, what nobody has agreed to yet */
    SCOPE_IP,              /* IPv4 address, IPv6 /64 */
    SCOPE_PEER,
    SCOPE_CONN,
    SCOPE_STREAM,
    SCOPE_COUNT
};

#define IN(scope) (1u << SCOPE_##scope)

enum resource {
    RESOURCE_CONNS = 1, /* circuits that are being upgraded included */
    RESOURCE_STREAMS,   /* in CONN: those that its peer opened; in SYSTEM: openings included */
    RESOURCE_BYTES      /* that wait in streams */
};

/* X(parameter, scope, resource): every limit, by what it limits, the outermost scope first. */
#define LIMIT_LIST(X)                                            \
    X(conns_max, SYSTEM, RESOURCE_CONNS)                         \
    X(handshakes_max, TRANSIENT, RESOURCE_CONNS)                 \
    X(handshakes_per_block_max, BLOCK_TRANSIENT, RESOURCE_CONNS) \
    X(conns_per_block_max, BLOCK, RESOURCE_CONNS)                \
    X(conns_per_ip_max, IP, RESOURCE_CONNS)                      \
    X(conns_per_peer_max, PEER, RESOURCE_CONNS)                  \
    X(streams_max, SYSTEM, RESOURCE_STREAMS)                     \
    X(streams_selecting_max, TRANSIENT, RESOURCE_STREAMS)        \
    X(streams_per_protocol_max, PROTOCOL, RESOURCE_STREAMS)      \
    X(streams_per_peer_max, PEER, RESOURCE_STREAMS)              \
    X(streams_per_conn_max, CONN, RESOURCE_STREAMS)              \
    X(waiting_bytes, SYSTEM, RESOURCE_BYTES)                     \
    X(waiting_selecting_bytes, TRANSIENT, RESOURCE_BYTES)        \
    X(waiting_protocol_bytes, PROTOCOL, RESOURCE_BYTES)          \
    X(waiting_peer_bytes, PEER, RESOURCE_BYTES)                  \
    X(waiting_conn_bytes, CONN, RESOURCE_BYTES)                  \
    X(stream_pending_bytes, STREAM, RESOURCE_BYTES)

enum limit {
#define LIMIT_ENUM(name, scope, what) LIMIT_##name,
    LIMIT_LIST(LIMIT_ENUM)
#undef LIMIT_ENUM
        LIMIT_COUNT
};

/* What is to be charged, as far as the scopes that it enters ask. */
typedef struct charge {
    const conn *conn; /* PEER (of streams and bytes), CONN */
    pu_peer peer;     /* PEER (of connections) */
    const pu_endpoint *from;
    enum proto_id proto;
} charge;

/* Fields are in the order of how often a step reads them: what is up to the first of the random
 * streams is asked for by pu_node_soon. */
struct pu_node {
    const pu_config *config; /* the host's, until COMMAND SET changes a value: then config_own */
    const pu_env *env;
    pu_out *out;     /* the step's list; NULL between steps */
    const pu_in *in; /* the step's input */
    pu_time now;
    pu_time shed_until; /* memory was short: what was shed is begun again then; PU_NEVER: nothing */

    conn *conns;
    uint32_t conn_cap, conn_count; /* by slot */
    stream *streams;
    uint32_t stream_cap, stream_count; /* by slot */
    timer *timers;
    uint32_t timer_cap, timer_count;
    opening *openings;
    uint32_t opening_cap, opening_count;
    shared_endpoint *endpoints;
    uint32_t endpoint_cap, endpoint_count; /* places, free ones included; the last is not free */
    leg *legs;
    uint32_t leg_cap, leg_count;
    want *wants;
    uint32_t want_cap, want_count;
    pending_command *commands;
    uint32_t command_cap, command_count;

    stream *reading;                   /* the stream whose bytes are being consumed */
    pu_span reading_rest;              /* what of them is not consumed yet */
    uint32_t streams_of[PROTO_COUNT];  /* by protocol; PROTO_NONE: in the transient scope */
    uint32_t timers_armed;             /* in this node's life */
    uint32_t waiting;                  /* bytes that wait in streams */
    uint32_t faults;                   /* bit an enum fault: that point is on */
    uint32_t conns_most, streams_most; /* the largest conns_max and streams_max so far: the host may
                                          have given slots below them */
    bool is_started;                   /* the first TICK has come */
    bool is_stopping;                  /* COMMAND STOP */
    bool has_clock;                    /* CLOCK has come */
    pu_token last_token;
    uint32_t asked_count; /* connections that are CONN_ASKED */
    rng rngs[RNG_PURPOSE_COUNT];

    uint8_t seed[32];
    pu_peer_id self;
    pu_time clock_at;       /* when the last CLOCK came */
    uint64_t clock_unix_ns; /* Unix time then */
    pu_config *config_own;  /* owned; NULL: nothing was changed */
    known_peer *known;
    uint32_t known_cap, known_count;
    imap known_index; /* peer -> place in known */
    pu_time book_due; /* TIMER_BOOK; PU_NEVER: nothing grows old */
    authorised *authorised;
    uint32_t authorised_cap, authorised_count;
    imap authorised_index; /* peer -> place in authorised */

    local_addr shed_local; /* the latest address that found no memory; transport NONE: none */
    uint32_t served;       /* bit a proto_id: what we served when we last told others */
    local_addr *locals;
    uint32_t local_cap, local_count;
    pu_token *upgrades; /* inbound ones that the host has not answered */
    uint32_t upgrade_cap, upgrade_count;
    uint32_t *refused; /* owned: how often each limit held; NULL: none ever did */
    void *module_state[MODULE_COUNT];
};

_Static_assert(sizeof(pu_node) % 64 == 0, "nodes of a large simulation lie on whole cache lines");

/* ---- out.c ---- */
pu_ef *out_add(pu_out *out, enum pu_ef_kind kind);
pu_span out_copy(pu_out *out, pu_span bytes);       /* bytes that live until pu_out_reset */
pu_ef *out_last(pu_out *out, enum pu_ef_kind kind); /* the latest effect; NULL: of another kind */
/* Copies more to the end of e's body. False: e's body is not what was copied last. */
bool out_lengthen(pu_out *out, pu_ef *e, pu_span more);
bool out_has_room(const pu_out *out); /* new work may start in this step */
bool out_is_empty(const pu_out *out);
pu_ef *effect(pu_node *n, enum pu_ef_kind kind); /* out_add to this step's list */
pu_token token_next(pu_node *n);

/* ---- protos.c ---- */
const struct proto *proto_of(enum proto_id id);
const struct module *module_of(enum module_id id);
uint32_t protos_served(const pu_node *n); /* bit a proto_id */
void protos_check(pu_node *n); /* what we serve may be another now: who needs to is told */
/* select_find over what this node serves: a proto_id, or PROTO_COUNT and the place of an
 * application's name. */
int proto_find(const void *node, pu_span name);
void timer_dispatch(pu_node *n, enum timer_kind kind, uint64_t arg);

/* ---- timers.c ---- */
void timers_fire(pu_node *n);
const timer *timers_first(const pu_node *n); /* that is due first; NULL: there is none */
pu_time timers_next(const pu_node *n, const char **why);
const char *timer_name(enum timer_kind kind);

/* ---- shed.c ---- */
void shed_again(pu_node *n);

/* ---- conns.c ---- */
conn *conn_find(pu_node *n, pu_handle handle); /* any state but FREE */
void conn_ask(pu_node *n, const pu_in *in);
void conn_up(pu_node *n, const pu_in *in);
void conn_confirmed(pu_node *n, conn *c);
void conn_path(pu_node *n, conn *c, const pu_in *in);
void conn_down(pu_node *n, conn *c, uint32_t code);
void conn_doom(pu_node *n, conn *c,
               uint32_t code); /* hangs up in the next TICK: for many at once */
void conn_end_timer(pu_node *n, uint64_t handle);
void conns_hangup_peer(pu_node *n, pu_peer peer, uint32_t code);
uint32_t conns_of_peer(const pu_node *n, pu_peer peer);
/* Equal IPv4 addresses, or the same IPv6 /56: one place, as far as can be told. */
bool endpoint_same_site(const pu_endpoint *a, const pu_endpoint *b);

/* ---- best.c ---- */
conn *conn_best(pu_node *n, pu_peer peer, uint32_t without); /* without: flags it must not have */
pu_handle conn_best_handle(pu_node *n, pu_peer peer);        /* 0: there is none */
/* Tells the application how peer is reached: by the best connection; NULL: not at all. */
void conn_tell_peer(pu_node *n, pu_peer peer, const conn *best);
/* The same, when the best connection is another than `was` (0: none). */
void conn_tell_best(pu_node *n, pu_peer peer, pu_handle was);
/* fresh is confirmed. If the peer made it, older ones may be lost to the peer, and are doubted; */
void conns_doubt(pu_node *n, const conn *fresh);
void conns_probe(pu_node *n, const conn *fresh); /* and asked. */
/* c is confirmed, or answers: those with its peer that are spare now end after spare_ns. anew: also
 * those that were spare before. */
void conns_spare(pu_node *n, const conn *c, bool anew);
void conn_spare_timer(pu_node *n, conn *c); /* c was spare; is it still, and unused? */

/* ---- rests.c ---- */
bool relay_rests(const pu_node *n, pu_peer relay); /* other relays come first */
/* A circuit of ours came to nothing with code, after the relay's yes. */
void relay_led_nowhere(pu_node *n, pu_peer relay, uint32_t code);
/* c, which was confirmed, is down: if it was a circuit of ours, it speaks for its relay or against.
 */
void relay_circuit_down(pu_node *n, const conn *c, uint32_t code);

/* ---- endpoints.c ---- */
/* Finds or adds an endpoint and holds it once; 0: no memory (traced). */
uint32_t endpoint_hold(pu_node *n, const pu_endpoint *endpoint);
void endpoint_drop(pu_node *n, uint32_t number); /* gives it back; 0: nothing */
/* The endpoint behind a number, until the table changes; all zero for 0. */
const pu_endpoint *endpoint_at(const pu_node *n, uint32_t number);

/* ---- streams.c ---- */
stream *stream_find(pu_node *n, pu_handle handle); /* any phase but FREE */
void stream_up(pu_node *n, conn *c, const pu_in *in);
void stream_open_failed(pu_node *n, const pu_in *in);
void stream_data(pu_node *n, stream *s, const pu_in *in);
void upgrade_answered(pu_node *n, pu_token token); /* by CONN_UP or DIAL_FAIL */
void stream_room(pu_node *n, stream *s, uint64_t offset);
void stream_stop(pu_node *n, stream *s, uint32_t code);
pu_span stream_name(const pu_node *n, const stream *s); /* its protocol; empty: none yet */
void stream_down(pu_node *n, stream *s, const pu_in *in);
void stream_timer(pu_node *n, uint64_t handle);
void stream_open_timer(pu_node *n, uint64_t token);
void streams_drop_openings(pu_node *n, pu_handle carrier);

/* ---- stream_read.c, stream_send.c ---- */
void stream_read(pu_node *n, stream *s, pu_span fresh);
void stream_allow(pu_node *n, stream *s, uint64_t offset); /* the peer may send up to there */
bool is_borrowed(const pu_node *n, pu_span bytes);         /* of the step's input */
void stream_send_bytes(pu_node *n, stream *s,
                       pu_span bytes); /* select messages and all else go through here */
void stream_flush(pu_node *n, stream *s);
void stream_end(pu_node *n, stream *s, uint32_t code); /* calls `ended` once */
void stream_free(pu_node *n, stream *s);

/* ---- gater.c ---- */
int gater_authorise(pu_node *n, pu_span line);
void gater_revoke(pu_node *n, pu_peer peer);
void gater_timer(pu_node *n, uint64_t arg); /* somebody's authorisation ends */
void gater_clock(pu_node *n);               /* Unix time is another: when is the next end? */
void gater_enforce(pu_node *n);             /* dooms inbound connections of who is not authorised */

/* ---- limits.c ---- */
/* Whether the scopes (bits IN(..)) may hold `amount` more of a resource; traced and counted when
 * not. */
bool limits_admit(pu_node *n, enum resource what, uint32_t scopes, const charge *of,
                  uint64_t amount);
/* Whether c, which may have come from outside, may go on from `to`: an address, and the block
 * around it, hold no more for a connection that moves there than for one that begins there. */
bool limits_may_move(pu_node *n, const conn *c, const pu_endpoint *to);
void limits_join(pu_node *n, conn *c);        /* c->peer is known from now on */
void limits_leave(pu_node *n, const conn *c); /* c, whose peer is known, goes */
/* Lets bytes wait in `to`, which is s->in or s->out: at most stream_pending_bytes and `beyond`.
 * False: a limit or no memory, traced; s is reset. */
bool stream_keep(pu_node *n, stream *s, mem_bytes *to, pu_span bytes, uint32_t beyond);
void stream_drop(pu_node *n, mem_bytes *from, uint32_t count); /* its first bytes, of s->in, out */
void stream_is_of(pu_node *n, stream *s, enum proto_id proto); /* s is charged to it from now on */
bool limits_are_true(const pu_node *n); /* whole tables against what is counted: PU_VERIFY */
bool limits_read(const pu_node *n, uint32_t at, pu_limit_row *row);

/* ---- book.c ---- */
known_peer *book_find(const pu_node *n, pu_peer peer);
uint32_t book_add(pu_node *n, pu_span maddr,
                  bool is_relay); /* pu_code; the address names its peer */
void book_forget(pu_node *n, pu_peer peer);
void book_left(pu_node *n, pu_peer peer); /* a connection ended: was it the last? */
void book_timer(pu_node *n, uint64_t arg);
void book_again(pu_node *n); /* TIMER_BOOK may not have been had */
/* Notes that an endpoint gave a direct connection to peer; NULL: nothing is new, or no room. */
known_peer *book_prove(pu_node *n, pu_peer peer, const pu_endpoint *endpoint,
                       enum pu_transport transport);

/* ---- keep.c ---- */
void keep_confirmed(pu_node *n, const conn *c);
int keep_check(const pu_node *n, const pu_in *in); /* of a KEPT */
void keep_kept(pu_node *n, const pu_in *in);
void keep_stored(pu_node *n, const pu_in *in);

/* ---- self.c ---- */
void self_addr(pu_node *n, const pu_in *in);
void self_again(pu_node *n); /* takes shed_local */
void self_announce(pu_node *n);
/* Whether we have an address to dial that one from; NULL: any. */
bool self_can_dial(const pu_node *n, enum pu_transport transport, const pu_endpoint *to);

/* ---- dialer.c, legs.c, rank.c ---- */
want *want_find(const pu_node *n, pu_peer peer);
uint32_t want_add(pu_node *n, pu_peer peer, bool keep); /* pu_code */
void want_drop(pu_node *n, pu_peer peer);
void want_release(pu_node *n, pu_peer peer); /* nobody may be waiting for it any more */
void want_begin(pu_node *n, want *w);
void wants_begin_all(pu_node *n); /* the node has started, or has a new address */
void want_round_failed(pu_node *n, pu_peer peer);
void dialer_confirmed(pu_node *n, conn *c);
/* The connection with a relay of ours that does not tell how our MAIN socket looks from outside, so
 * that another beside it is dialled: over QUIC, or over IPv4. NULL: nothing is lacking. */
const conn *dialer_lacks(pu_node *n, pu_peer peer);
void dialer_down(pu_node *n, conn *c, uint32_t code);
void dialer_identified(pu_node *n, conn *c);
void dialer_retry_timer(pu_node *n, uint64_t peer);

leg *leg_find(pu_node *n, pu_token token);
leg *leg_of_conn(pu_node *n, pu_handle handle);
leg *leg_add(pu_node *n, pu_peer peer);
void leg_failed(pu_node *n, pu_token token, uint32_t code);
void leg_found(pu_node *n, pu_token naming,
               const direct_addr *a);                       /* one more way, if it is sought */
void leg_named(pu_node *n, pu_token naming, uint32_t code); /* all is found that there is */
void leg_up(pu_node *n, leg *l, conn *c);
void legs_start_due(pu_node *n, pu_peer peer);
/* winner: the confirmed direct QUIC connection that ends the race; NULL: nothing is wanted any more
 */
void legs_cancel(pu_node *n, pu_peer peer, bool punches_too, const conn *winner);
void legs_won_second(pu_node *n, pu_peer peer, const conn *winner);
/* Gives up the legs of a round that have not started and would give nothing better than c. */
void legs_drop_worse(pu_node *n, pu_peer peer, const conn *c);
uint32_t legs_of_peer(const pu_node *n, pu_peer peer);
bool legs_await(const pu_node *n, pu_peer relay); /* a circuit waits for a connection with it */
void leg_timer(pu_node *n, uint64_t peer);

/* Orders the legs that want_begin has just planned for peer: sets their start_at. Exchangeable. */
void rank_legs(pu_node *n, pu_peer peer);

/* ---- commands.c ---- */
int command_check(const pu_node *n, const pu_in *in);
void command_run(pu_node *n, const pu_in *in);
void command_timer(pu_node *n, uint64_t token);
void commands_connected(pu_node *n, pu_peer peer); /* a connection to peer is confirmed */
void commands_failed(pu_node *n, pu_peer peer, uint32_t code); /* a want without KEEP gave up */
bool commands_await(const pu_node *n, pu_peer peer); /* one waits for a connection with peer */
void commands_stopped(pu_node *n);                   /* a connection went while stopping */

#endif
