/* node/ctx.h - what a protocol may see and do of its node. The only header of node/ that proto/
 * includes.
 *
 * A protocol is a `struct proto` (what happens on one stream) and, where it keeps state between
 * streams, a `struct module` (what happens on connections and timers). Both are constant tables,
 * listed once in node/protos.c.
 *
 * Inside a callback, `stream *` and `conn *` stay valid until it returns, even after a reset or
 * hang-up; across steps only handles may be kept. Nothing here blocks or fails loudly: what cannot
 * be done is shed and traced.
 */
#ifndef NODE_CTX_H
#define NODE_CTX_H

#include "base/mem.h"
#include "base/rng.h"
#include "peerup/node.h"
#include "select/select.h"

enum proto_id {
    PROTO_NONE = 0,
    PROTO_IDENTIFY,
    PROTO_PING,
    PROTO_HOP,
    PROTO_STOP,
    PROTO_DCUTR,
    PROTO_PUSH,
    PROTO_APP, /* every protocol that applications named: node/apps.h */
    PROTO_COUNT
};
enum module_id {
    MODULE_IDENTIFY = 0,
    MODULE_PING,
    MODULE_RELAY_CLIENT,
    MODULE_RELAY_SERVER,
    MODULE_DCUTR,
    MODULE_APPS,
    MODULE_NAMES,
    MODULE_COUNT
};

/* Streams of random choices, one a purpose. */
enum rng_purpose { RNG_DIAL = 1, RNG_PING, RNG_RELAY, RNG_DCUTR, RNG_FAULT, RNG_PURPOSE_COUNT };

/* X(KIND, "name"): one timer for each (kind, arg). Who owns it handles it: node/protos.c has the
 * table. */
#define TIMER_LIST(X)                                                                             \
    X(STREAM, "stream-deadline") /* arg: stream handle */                                         \
    X(OPEN, "open-deadline")     /* arg: token of a STREAM_OPEN */                                \
    X(CONN, "connection-end")    /* arg: connection handle: it is doomed, or has a better twin */ \
    X(LEG, "dial-next")          /* arg: peer: start the next leg */                              \
    X(RETRY, "dial-backoff")     /* arg: peer: all legs failed, try again */                      \
    X(COMMAND, "command-deadline")  /* arg: command token */                                      \
    X(EXPIRY, "authorisation-ends") /* the next expires= of an authorized_keys line */            \
    X(BOOK, "address-expiry")       /* arg: 0: addresses of somebody who is gone grow old */      \
    X(IDENTIFY, "identify-again")   /* arg: connection handle: ask its peer again */              \
    X(PING, "ping")                 /* arg: connection handle */                                  \
    X(RESERVE, "relay-reserve")     /* arg: relay peer: refresh or retry the reservation */       \
    X(RESERVATION, "relay-expiry")  /* arg: client peer: as relay, a reservation ends */          \
    X(CIRCUIT, "relay-circuit")     /* arg: circuit number: as relay, its life ends */            \
    X(PUNCH, "punch")        /* arg: relayed connection handle: next step of a hole punch */      \
    X(PUSH, "identify-push") /* arg: 1: tell everybody what has changed about us */               \
    X(LOOK, "identify-look") /* arg: 1: ask our relays how they see us, since we have moved */    \
    X(APP_OPEN, "application-open") /* arg: number of an APP OPEN: look again, or give it up */   \
    X(APPS, "applications")         /* arg: 0: reset what nobody may use any more */
enum timer_kind {
#define TIMER_ENUM(kind, name) TIMER_##kind,
    TIMER_LIST(TIMER_ENUM)
#undef TIMER_ENUM
        TIMER_COUNT
};

enum conn_state {
    CONN_FREE = 0,
    CONN_ASKED,  /* inbound, accepted, handshake under way */
    CONN_UP,     /* authenticated and multiplexed */
    CONN_CLOSING /* we hung up; inputs are ignored until CONN_DOWN */
};

/* A connection. Protocols read it; only node/ writes it, but for the fields marked. */
typedef struct conn {
    pu_handle handle;
    pu_handle via;     /* the connection that carries a relayed one; 0 otherwise */
    pu_peer peer;      /* one reference held; 0 while CONN_ASKED */
    uint16_t flags;    /* DIALLER, RELAYED, LIMITED */
    uint8_t state;     /* enum conn_state */
    uint8_t transport; /* enum pu_transport */
    bool confirmed;    /* the other side has accepted us */
    bool identified;   /* identify: its message has come */
    bool doomed : 1;   /* hung up with doom_code in the next TICK: not used for anything new */
    bool doubted : 1;  /* its peer has come anew since it last answered: it may be dead */
    uint8_t asks_failed : 4; /* identify: how often its peer did not answer, counted up to a few */
    uint8_t pushes_failed : 3; /* identify: how often it did not take the last change */
    bool untold : 1;           /* identify: it has not been told of the last change */
    uint16_t doom_code;
    uint16_t speaks;        /* bit a proto_id: what identify said the peer serves */
    uint16_t twin;          /* slot of the next connection with its peer, in a ring */
    uint16_t inbound_count; /* streams that the peer opened */
    uint32_t stream_count;  /* all of them */
    uint32_t local;         /* number of a shared endpoint: our end; 0: not known, or no memory */
    uint32_t observed;      /* the same: how the peer sees our MAIN socket; 0: it has not said */
    pu_endpoint remote;
    pu_time up_at;
    uint64_t rtt_ns;  /* last measured, 0 = unknown */
    pu_time push_due; /* identify: when the peer has used up no part of its share of pushes */
} conn;

_Static_assert(sizeof(conn) <= 96, "a node at rest is mostly connections");

enum stream_phase {
    STREAM_FREE = 0,
    STREAM_SELECTING, /* multistream-select has not agreed; a dialling protocol may write already */
    STREAM_OPEN,
    STREAM_DEAD /* reset by us or given away; inputs are ignored until STREAM_DOWN */
};

/* A stream. Protocols read it and own `state`. */
typedef struct stream {
    pu_handle handle;
    pu_handle conn;
    enum stream_phase phase;
    uint8_t proto; /* enum proto_id; PROTO_NONE while a listener selects */
    bool inbound;  /* the peer opened it */
    bool fin_in;   /* the peer sends no more, and everything was consumed */
    bool fin_seen; /* FIN has come; bytes may still wait in `in` */
    bool fin_out;  /* our FIN was sent, or waits behind `out` */
    bool fin_sent;
    bool is_raw;        /* ctx_stream_raw: bytes are not framed (any more) */
    bool grants_itself; /* ctx_stream_grant was called: the node widens no room by itself */
    bool has_deadline;  /* ctx_stream_deadline was called: agreement sets no other */
    bool is_given_away; /* ctx_upgrade: freed as soon as its bytes are read */
    select_machine select;
    uint64_t sent, room_out;    /* bytes we sent; may send up to */
    uint64_t received, room_in; /* bytes that came; the peer may send up to */
    mem_bytes in,
        out; /* bytes that wait: to be consumed, to be sent; at most stream_pending_bytes each */
    uint64_t state[4]; /* the protocol's own, zero at the start or as given to ctx_stream_open */
} stream;

/* The protocol's view of stream->state. */
#define STREAM_STATE(s, type) ((type *)(void *)(s)->state)

/* What a callback says of the peer's bytes. */
enum verdict {
    VERDICT_OK = 0,
    VERDICT_MALFORMED, /* traced; the stream is reset with PU_CODE_VIOLATION */
    VERDICT_RESET      /* the stream is reset with PU_CODE_VIOLATION, the protocol has traced why */
};

/* What happens on one stream of a protocol. Callbacks that are NULL are not called. */
struct proto {
    const char *name; /* protocol id, "/ipfs/ping/1.0.0" */
    enum pu_trace_area area;
    bool on_limited;                  /* may run on connections that a relay limits */
    bool (*served)(const pu_node *n); /* whether inbound streams are accepted and identify lists it;
                                         NULL: always */
    uint32_t inbound_max; /* inbound streams open at once on one connection, those not counted that
                             both sides have finished; surplus is reset. 0: the protocol sees to
                             that in `opened` */
    uint32_t message_max; /* > 0: bytes are varint-framed messages of at most so many bytes; 0: raw
                             bytes */
    size_t
        deadline; /* offset in pu_config of the stream's absolute life, from its opening; 0: none */

    /* The stream is there: inbound: the protocol was agreed; outbound: it was proposed, and may be
     * written to at once. */
    void (*opened)(pu_node *n, stream *s);
    /* Outbound: the peer speaks the protocol. */
    void (*agreed)(pu_node *n, stream *s);
    /* One whole message (message_max > 0). After ctx_stream_raw the rest comes to `data`. */
    enum verdict (*message)(pu_node *n, stream *s, pu_span message);
    /* Raw bytes; *used is how many were consumed (all, unless less is set); the rest waits in
     * s->in, at most stream_pending_bytes, and comes again, longer, with the next bytes or
     * ctx_stream_again. Only consumed bytes earn the peer new room (unless the protocol grants room
     * itself: ctx_stream_grant). */
    enum verdict (*data)(pu_node *n, stream *s, pu_span bytes, size_t *used);
    /* The peer finished and all its bytes were consumed. */
    void (*fin)(pu_node *n, stream *s);
    /* More may be sent now: `out` is empty and ctx_stream_writable is above 0. Raw streams only. */
    void (*room)(pu_node *n, stream *s);
    /* The peer reads no more: what waited for it is dropped. True: the protocol will finish our
     * direction; otherwise (and when NULL) it is finished at once. Only once s is STREAM_OPEN. */
    bool (*stopped)(pu_node *n, stream *s, uint32_t code);
    /* The stream is over, once, whatever the reason: code PU_CODE_OK (both finished), a reset code,
     * PU_CODE_LOST, PU_CODE_TIMEOUT, PU_CODE_UNSUPPORTED (the peer answered na). Not called after
     * ctx_upgrade. For an open that failed s has handle 0. */
    void (*ended)(pu_node *n, stream *s, uint32_t code);
};

/* What happens beside streams. Callbacks that are NULL are not called. */
struct module {
    size_t state_bytes; /* of ctx_state */
    void (*conn_confirmed)(pu_node *n, conn *c);
    void (*conn_identified)(pu_node *n, conn *c); /* identify's message has come (again) */
    void (*conn_down)(pu_node *n, conn *c,
                      uint32_t code);        /* c is still readable; its streams have ended */
    void (*conn_again)(pu_node *n, conn *c); /* memory was short: c is confirmed; what the module
                                                began on it may be missing */
    void (*addresses_changed)(pu_node *n);   /* ctx_self_changed */
    void (*close)(pu_node *n, void *state);  /* the node closes: free what state owns, not state */
};

/* ---- the node ---- */
pu_time ctx_now(const pu_node *n);
uint64_t ctx_unix_s(const pu_node *n); /* Unix time in seconds, from CLOCK */
const pu_config *ctx_config(const pu_node *n);
const pu_env *ctx_env(const pu_node *n);
const pu_alloc *ctx_alloc(const pu_node *n);
const pu_peer_id *ctx_self(const pu_node *n);
rng *ctx_rng(pu_node *n, enum rng_purpose purpose);

/* The module's state, zeroed at first use; NULL when memory is short (traced). ctx_state_peek does
 * not make it. */
void *ctx_state(pu_node *n, enum module_id module);
void *ctx_state_peek(const pu_node *n, enum module_id module);

/* Sets, moves or (PU_NEVER) cancels the timer (kind, arg). The handler is called once, at `at` or
 * later. */
void ctx_timer(pu_node *n, enum timer_kind kind, uint64_t arg, pu_time at);

/* Whether that timer is set. One for which there was no memory is not: conn_again sets it anew. */
bool ctx_has_timer(const pu_node *n, enum timer_kind kind, uint64_t arg);

/* now + duration, at most PU_NEVER - 1. */
pu_time ctx_after(const pu_node *n, uint64_t duration_ns);

/* Traces one occurrence; c, s and text may be NULL, empty. */
void ctx_trace(pu_node *n, enum pu_trace_code code, const conn *c, const stream *s, pu_peer peer,
               uint64_t a, uint64_t b, pu_span text);

/* Memory for `bytes` could not be had: traces it, and has what was shed begun again a while later.
 * c may be NULL. */
void ctx_no_memory(pu_node *n, const conn *c, size_t bytes);

/* Tells the application (enum pu_event but DONE). */
void ctx_event(pu_node *n, enum pu_event what, pu_peer peer, pu_handle c, uint32_t flags,
               uint32_t code, uint64_t offset, pu_span body);

/* Identify has read the peer's message: calls every module's conn_identified. */
void ctx_identified(pu_node *n, conn *c);

/* The protocol id as text, whether this node serves it or not. */
pu_span ctx_proto_name(enum proto_id id);

/* The protocol ids that applications expose to peer: at most max spans into the node. Returns how
 * many. */
uint32_t ctx_app_protocols(const pu_node *n, pu_peer peer, pu_span *names, uint32_t max);

/* The protocol behind an id; NULL when this node does not serve it. */
const struct proto *ctx_proto(const pu_node *n, enum proto_id id);

/* Answers a command: EVENT DONE. */
void ctx_command_done(pu_node *n, pu_token command, uint32_t code, uint64_t offset);

/* ---- peers ---- */
pu_span ctx_peer_id(const pu_node *n, pu_peer peer); /* binary id */
pu_peer ctx_peer_find(const pu_node *n, pu_span id); /* 0: not known here (no reference is taken) */
pu_peer ctx_peer_hold(pu_node *n,
                      pu_span id); /* takes a reference; 0: not an id, or the table is full */
void ctx_peer_drop(pu_node *n, pu_peer peer); /* gives it back */
bool ctx_is_authorised(
    const pu_node *n,
    pu_peer peer); /* an authorized_keys line names it and has not expired, or gating is off */
bool ctx_is_named(const pu_node *n,
                  pu_peer peer); /* the same, but not for all when gating is off: a line names it */
bool ctx_is_relay(const pu_node *n, pu_peer peer); /* one of our own relays */
void ctx_learn(pu_node *n, pu_peer peer,
               pu_span maddr); /* remembers an address of a peer (bounded; bad ones are dropped) */

/* Tells that a counter is at its limit: traces LIMITED with the parameter's name. Returns true when
 * used >= max. */
bool ctx_at_limit(pu_node *n, const char *parameter, uint64_t used, uint64_t max);

/* Whether seq is greater than that of every earlier record of the peer that was asked about (its
 * first one is). Remembers it as long as anything is known of the peer. False without memory. */
bool ctx_record_is_newer(pu_node *n, pu_peer peer, uint64_t seq);
/* Drops a peer's addresses that peers told; those given by COMMAND ADDRESS stay. */
void ctx_forget_told(pu_node *n, pu_peer peer);
/* Drops those of them that are not among addrs, which the peer's newest record names (binary
 * multiaddrs, borrowed). Addresses that are not global stay: they are told nearby only, and a
 * record that came from afar says nothing of them. */
void ctx_forget_stale(pu_node *n, pu_peer peer, const pu_span *addrs, uint32_t count);

/* ---- our own addresses ---- */
/* What we tell others of ourselves has changed: a local address came or went, a relay keeps a place
 * for us or no longer does, or what we serve is switched. Calls every module's addresses_changed.
 */
void ctx_self_changed(pu_node *n);
enum { CTX_ADDRS_MAX = 16 };
/* Our local endpoints of one transport that listen, in the order they came. Returns how many. */
uint32_t ctx_local_addrs(const pu_node *n, enum pu_transport transport,
                         pu_endpoint out[CTX_ADDRS_MAX]);
/* RELAY-ADDRESS/p2p/RELAY/p2p-circuit of each relay that keeps a place for us, whose address has
 * scope least or wider: at most max spans, their bytes appended to pool. Returns how many. */
uint32_t ctx_circuit_addrs(const pu_node *n, enum pu_scope least, pu_buf *pool, pu_span *addrs,
                           uint32_t max);
/* Somewhere to dial directly. */
typedef struct direct_addr {
    pu_endpoint endpoint;
    enum pu_transport transport; /* QUIC or TCP */
} direct_addr;
/* A peer's direct addresses that we know of, QUIC before TCP. Returns how many were written. */
uint32_t ctx_peer_addrs(const pu_node *n, pu_peer peer, direct_addr out[CTX_ADDRS_MAX]);
/* How others see our MAIN socket: global QUIC addresses that one of our own relays named, or two
 * peers at different sites (IPv4 addresses, IPv6 /56), by the connections that are up. One host
 * alone cannot make us tell an address.
 */
uint32_t ctx_observed_addrs(const pu_node *n, pu_endpoint out[CTX_ADDRS_MAX]);
/* A hole is about to be punched: our own relays are asked again how they see us, unless that was
 * done a moment ago. What they say comes to conn_identified. */
void ctx_look_again(pu_node *n);
/* c's peer says it sees us at this endpoint. */
void ctx_observed(pu_node *n, conn *c, const pu_endpoint *endpoint);

/* ---- connections ---- */
conn *ctx_conn(pu_node *n, pu_handle handle); /* NULL: gone, or not CONN_UP */
conn *ctx_conn_at(
    pu_node *n,
    uint32_t *cursor); /* walks all that are CONN_UP, by slot; cursor starts at 0; NULL: end */
conn *ctx_conn_of(pu_node *n, pu_peer peer);     /* the best confirmed one: see best.c */
conn *ctx_conn_direct(pu_node *n, pu_peer peer); /* the best confirmed one that is not relayed */
void ctx_conn_answers(pu_node *n, conn *c);      /* its peer is alive, and on this one */
/* Our end of c, until the next step; all zero: not known. */
const pu_endpoint *ctx_conn_local(const pu_node *n, const conn *c);
void ctx_hangup(pu_node *n, conn *c, uint32_t code);

/* ---- streams ---- */
/* Opens a stream; `opened` or `ended` follows. state: copied into stream->state (NULL: zeros).
 * False: limits or memory, traced, and nothing follows. */
bool ctx_stream_open(pu_node *n, conn *c, enum proto_id proto, const uint64_t state[4]);
stream *ctx_stream(pu_node *n, pu_handle handle); /* NULL: gone or dead */
/* Sends bytes; what has no room waits (bounded: over stream_pending_bytes the stream is reset). */
void ctx_stream_send(pu_node *n, stream *s, pu_span bytes);
void ctx_stream_fin(pu_node *n, stream *s); /* sends nothing more */
void ctx_stream_reset(pu_node *n, stream *s,
                      uint32_t code); /* `ended` is called with code before this returns, unless
                                         called from `ended` */
void ctx_stream_raw(pu_node *n, stream *s);  /* from now on bytes are raw */
size_t ctx_stream_writable(const stream *s); /* bytes that leave at once if sent now */
void ctx_stream_grant(
    pu_node *n, stream *s,
    uint64_t more); /* the peer may send `more` bytes beyond what we have consumed; never takes room
                       back; from then on the node widens none by itself */
void ctx_stream_again(pu_node *n, stream *s); /* offers what waits in s->in to `data` again */
void ctx_stream_deadline(pu_node *n, stream *s,
                         pu_time at); /* replaces the stream's deadline; PU_NEVER: none */

/* ---- dialling ---- */
/* Gives a stream away as the carrier of a connection: token is a leg's (0: none of ours, inbound),
 * limited: the relay limits it. What waits in s->in goes with it. The handle ends. */
void ctx_upgrade(pu_node *n, stream *s, pu_token leg, enum pu_role role, pu_peer peer,
                 bool limited);
/* Whether one more inbound circuit may be upgraded now; to be asked, in the same step, before
 * ctx_upgrade with leg 0. */
bool ctx_may_upgrade(pu_node *n);
/* A circuit leg failed before its upgrade. */
void ctx_leg_failed(pu_node *n, pu_token token, uint32_t code);
/* Dials one address of a peer beside the dialer's wants: for a hole punch, or to replace a circuit.
 * From the MAIN socket, outside of the ranker; 0: limits. The result shows as a confirmed
 * connection (module.conn_confirmed), or not at all. */
pu_token ctx_dial(pu_node *n, pu_peer peer, const direct_addr *to, pu_time deadline);
/* Whether our MAIN socket can send to that endpoint: we have an address of its family. */
bool ctx_reaches(const pu_node *n, const pu_endpoint *to);
/* Whether that address of the peer is being dialled, for whatever reason. */
bool ctx_is_dialling(const pu_node *n, pu_peer peer, const direct_addr *to);
/* Cancels the direct legs to a peer that ctx_dial began and that have led to no connection yet. */
void ctx_dial_cancel(pu_node *n, pu_peer peer);
/* Sends one datagram from the MAIN socket that belongs to no connection. */
void ctx_packet(pu_node *n, const pu_endpoint *remote, pu_span body);

#endif
