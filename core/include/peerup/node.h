/* peerup/node.h - boundary A: one peer as a state machine over streams. No sockets, clock, threads,
 * globals or libc I/O.
 *
 *   host:  pu_node_step(n, &in, out);                 one input, carries the time
 *          while (pu_out_next(out, &ef)) perform(ef); every effect, in order, before the next step
 *          pu_out_reset(out);
 *          arm(n, pu_node_deadline(n, NULL));         one timer a node
 *
 * Handles. The host names connections and streams: the lowest free slot below conns_max and
 * streams_max, and the next ordinal. The node names tokens. A handle begins in CONN_ASK, CONN_UP or
 * STREAM_UP and ends with CONN_DOWN, STREAM_DOWN, a refusing verdict or an UPGRADE. An unknown
 * handle in an input is PU_EHANDLE and changes nothing; in an effect the host ignores it: it
 * crossed a DOWN.
 *
 * Start. After init the host gives, in order: KEPT (each record of an earlier run), CLOCK, COMMAND
 * AUTHORISE (one authorized_keys line each), COMMAND ADDRESS, ADDR (each local endpoint), one TICK.
 * Before that TICK the node emits only answers to these commands, and SET.
 *
 * Credit. Each direction of a stream counts bytes from 0, multistream-select included; FIN counts
 * none; offsets never fall. The node sends up to the last room it was given; the host delivers up
 * to the last room it was given (PU_FIRST_ROOM before the first), at most PU_DATA_MAX bytes an
 * input.
 *
 * Application streams. A proxied service, a file or a program's own protocol is a stream that the
 * node names: slot below streams_max, ordinal never used again. The node selects the protocol and
 * decides who may use it; then bytes pass, as they came. Offsets count application bytes alone,
 * from 0 in each direction. Each side sends up to the last room it was given, at most PU_DATA_MAX
 * bytes a DATA; whoever opens or accepts gives PU_FIRST_ROOM at least, and the peer gets no more
 * room than the application gave. One that is open ends once: by APP RESET of either side, or by
 * APP END. An unknown one in an input is PU_EHANDLE, and to be ignored: it crossed its end.
 *
 * Ends. Each token is answered once: after DIAL_CANCEL by DIAL_FAIL(cancelled), never by CONN_UP; a
 * STREAM_OPEN whose connection dies by STREAM_DOWN. Last words: first connections carried in a
 * stream, then streams by ordinal, then CONN_DOWN. After RESET or HANGUP the node ignores that
 * handle's inputs until DOWN.
 */
#ifndef PEERUP_NODE_H
#define PEERUP_NODE_H

#include "peerup/base.h"
#include "peerup/config.h"
#include "peerup/crypto.h"
#include "peerup/ident.h"
#include "peerup/trace.h"

enum {
    PU_OUT_EFFECTS_MAX = 1024,     /* effects one step may emit */
    PU_OUT_BYTES_MAX = 128 * 1024, /* new bytes one step may emit */
    PU_FIRST_ROOM =
        4096, /* bytes of a stream that may be delivered before the node's first STREAM_ROOM */
    PU_DATA_MAX = 16384,          /* bytes of one STREAM_DATA or STREAM_SEND */
    PU_PACKET_MAX = 1500,         /* bytes of one PACKET */
    PU_KEEP_KEY_MAX = 64,         /* bytes of a record's key: ASCII, PROTOCOL/NAME */
    PU_KEEP_BODY_MAX = 64 * 1024, /* bytes of a record's body */
    PU_RESOLVED_MAX = 100,        /* multiaddrs taken of all answers for one address with a name */
    PU_RESOLVED_BYTES_MAX = 64 * 1024 /* bytes of one answer */
};

/* clang-format off */
/* Inputs. Beside `now`, a kind carries these fields; all others are zero. A kind in [ ] is not
 * built yet and is refused with PU_ERANGE.
 *
 *   kind            fields
 *   TICK            -                               pu_node_deadline() has come
 *   CONN_ASK        conn what(enum pu_ask) ..       from outside; answered by CONN_VERDICT at once
 *     .. ACCEPT     local remote transport          before any public-key work; not for a circuit
 *     .. SECURED    peer flags(RELAYED) via         the proven id; via: what carries the circuit
 *   CONN_UP         conn token peer local remote transport flags(DIALLER RELAYED LIMITED) via
 *                                                   answers DIAL or UPGRADE; token 0: from outside
 *   CONN_CONFIRMED  conn                            the other side accepted us: once a connection
 *   CONN_PATH       conn offset(rtt, ns) flags(MIGRATED: local remote); at most one a second each
 *   CONN_DOWN       conn code                       last word on this connection
 *   DIAL_FAIL       token code                      answers DIAL or UPGRADE
 *   STREAM_UP       conn stream token offset(room)  answers STREAM_OPEN; token 0: by the peer
 *   STREAM_DATA     conn stream flags(FIN) body     bytes in order
 *   STREAM_ROOM     conn stream offset              may be sent up to this absolute offset
 *   STREAM_STOP     conn stream code                the peer will read no more
 *   STREAM_DOWN     conn stream token what(enum pu_down) code
 *                                                   last word; stream 0: STREAM_OPEN failed
 *   PACKET          socket local remote body        a datagram that is no connection's
 *   ADDR            local transport socket flags(GONE LISTEN)
 *                                                   a local endpoint came, or went
 *   RESOLVED        token code deadline body        answers RESOLVE; body: binary multiaddrs, each after
 *                                                   its length as a varint: of an ADDRESS name /ip4/A
 *                                                   or /ip6/A alone; deadline: when to ask again (0:
 *                                                   resolve_keep_ns)
 *   [MAPPED]        token code remote               answers MAP
 *   KEPT            peer(the key) body              stored by an earlier run; before the first TICK
 *   STORED          token code                      answers KEEP: durable now, or (code) not
 *   CLOCK           offset(ns)                      Unix time at now; at start and when it jumps
 *   APP             what(enum pu_app) ..            application streams
 *     .. OPEN       token peer flags(LIMITED) offset(room) deadline body(protocol id)
 *                                                   a stream to peer is wanted, by then (0:
 *                                                   app_open_ns); answered by APP OPEN or APP RESET
 *     .. OPEN       stream offset(room)             accepts what APP OPEN offered
 *     .. DATA       stream body                     bytes in order
 *     .. ROOM       stream offset                   may be delivered up to this absolute offset
 *     .. FIN        stream                          no bytes follow
 *     .. STOP       stream code                     reads no more; nothing more is delivered
 *     .. RESET      stream code                     ends it, both directions; refuses an offer
 *     .. RESET      token                           gives up an OPEN, which is answered CANCELLED
 *   COMMAND         what(enum pu_command) token peer flags(RELAY KEEP) deadline body
 *                                                   answered by one EVENT DONE with that token
 */
/* clang-format on */
enum pu_in_kind {
    PU_IN_TICK = 1,
    PU_IN_CONN_ASK,
    PU_IN_CONN_UP,
    PU_IN_CONN_CONFIRMED,
    PU_IN_CONN_PATH,
    PU_IN_CONN_DOWN,
    PU_IN_DIAL_FAIL,
    PU_IN_STREAM_UP,
    PU_IN_STREAM_DATA,
    PU_IN_STREAM_ROOM,
    PU_IN_STREAM_STOP,
    PU_IN_STREAM_DOWN,
    PU_IN_PACKET,
    PU_IN_ADDR,
    PU_IN_RESOLVED,
    PU_IN_MAPPED,
    PU_IN_KEPT,
    PU_IN_STORED,
    PU_IN_CLOCK,
    PU_IN_APP,
    PU_IN_COMMAND
};

/* clang-format off */
/* Effects. A kind carries these fields; all others are zero. A kind in [ ] is never emitted yet.
 *
 *   kind           fields
 *   DIAL           token peer remote transport what(enum pu_role) socket deadline
 *                                                  one address; answered by CONN_UP or DIAL_FAIL
 *   DIAL_CANCEL    token                           of a DIAL or an UPGRADE; unknown: ignored
 *   CONN_VERDICT   conn code(0: allow)             answers CONN_ASK in the same step
 *   [CONN_SET]     conn flags(KEEP MIGRATED) offset socket
 *                                                  QUIC. KEEP: keep-alive after so many ns of silence,
 *                                                  0 none; MIGRATED: our own dial goes on from socket
 *   HANGUP         conn code deadline              until then what was sent before is flushed
 *   STREAM_OPEN    conn token                      answered by STREAM_UP or STREAM_DOWN
 *   STREAM_SEND    conn stream flags(FIN) body     never beyond the last room
 *   STREAM_ROOM    conn stream offset              may be delivered up to this absolute offset
 *   STREAM_STOP    conn stream code                nothing more will be read
 *   STREAM_RESET   conn stream code                both directions end; STREAM_DOWN follows
 *   UPGRADE        token conn stream what(enum pu_role) flags(LIMITED) peer deadline body(what was
 *                                                  read too far): the stream ends, and carries a
 *                                                  connection; answered by CONN_UP or DIAL_FAIL
 *   PACKET         socket remote body              a datagram that is no connection's
 *   RESOLVE        token what(enum pu_name) deadline body(the name, ASCII)
 *                                                  a name to look up; answered by RESOLVED
 *   [MAP]          token                           a port to map at the gateway
 *   KEEP           token peer(the key) body        to be stored across runs; answered by STORED
 *   APP            what(enum pu_app) ..            application streams
 *     .. OPEN      stream peer conn flags(RELAYED LIMITED) offset(room) deadline code body(service)
 *                                                  offers one that a peer opened; code: which of the
 *                                                  service's protocols, from 0; to be answered by
 *                                                  APP OPEN or RESET before the deadline
 *     .. OPEN      token stream peer conn flags(RELAYED LIMITED) offset(room)
 *                                                  answers APP OPEN: the peer speaks the protocol
 *     .. DATA      stream body                     bytes in order
 *     .. ROOM      stream offset                   may be sent up to this absolute offset
 *     .. FIN       stream                          the peer sends no more
 *     .. STOP      stream code                     the peer reads no more; what is sent goes nowhere
 *     .. RESET     stream code                     both directions ended; last word
 *     .. RESET     token code                      answers APP OPEN: there is no stream
 *     .. END       stream                          both sides said FIN, all is acknowledged; last word
 *   SET            offset body(name)               COMMAND SET gave this parameter of
 *                                                  peerup/config.h a new value, in the list's unit:
 *                                                  whoever below reads it goes by it from now on
 *   EVENT          what(enum pu_event) token code peer conn flags(RELAYED LIMITED GONE) transport
 *                  remote offset body
 */
/* clang-format on */
enum pu_ef_kind {
    PU_EF_DIAL = 1,
    PU_EF_DIAL_CANCEL,
    PU_EF_CONN_VERDICT,
    PU_EF_CONN_SET,
    PU_EF_HANGUP,
    PU_EF_STREAM_OPEN,
    PU_EF_STREAM_SEND,
    PU_EF_STREAM_ROOM,
    PU_EF_STREAM_STOP,
    PU_EF_STREAM_RESET,
    PU_EF_UPGRADE,
    PU_EF_PACKET,
    PU_EF_RESOLVE,
    PU_EF_MAP,
    PU_EF_KEEP,
    PU_EF_APP,
    PU_EF_EVENT,
    PU_EF_SET
};

/* Bits of `flags`. */
enum pu_flag {
    PU_FIN = 1 << 0,     /* STREAM_DATA, STREAM_SEND: no bytes follow */
    PU_DIALLER = 1 << 1, /* CONN_UP: we dialled */
    PU_RELAYED = 1 << 2, /* CONN_UP, CONN_ASK, EVENT PEER: carried in a stream through a relay */
    PU_LIMITED = 1 << 3, /* CONN_UP, EF APP OPEN, EVENT PEER: the relay limits bytes or time; IN APP
                            OPEN: such a connection will do */
    PU_PROVISIONAL = 1 << 4, /* CONN_UP: the other side may still refuse us; CONFIRMED follows */
    PU_RELAY = 1 << 5,       /* COMMAND ADDRESS: one of our own relays */
    PU_KEEP = 1 << 6,        /* COMMAND CONNECT: connect again whenever the connection is lost */
    PU_GONE = 1 << 7,        /* ADDR: this address went; EVENT PEER, RELAY: down, lost */
    PU_LISTEN = 1 << 8,      /* ADDR: inbound connections are accepted on this endpoint */
    PU_MIGRATED = 1 << 9     /* CONN_PATH: the remote endpoint changed */
};

/* `what` of CONN_ASK. */
enum pu_ask {
    PU_ASK_ACCEPT = 1, /* remote is known, no public-key work is done */
    PU_ASK_SECURED,    /* peer is proven; no muxer, stream or CONN_UP exists */
    PU_ASK_SERVICE     /* EVENT REFUSED only: a connected peer asked for a service */
};

/* `what` of DIAL and UPGRADE: the role above the transport. */
enum pu_role { PU_ROLE_CLIENT = 1, PU_ROLE_SERVER };

/* `socket`: which one. PU_SOCKET_PROBE + n is the n-th probe socket, n below 256. */
enum pu_socket {
    PU_SOCKET_MAIN =
        1, /* the UDP port that listens: observed addresses and hole punching hold for it */
    PU_SOCKET_FRESH, /* a new port for this dial */
    PU_SOCKET_MDNS,
    PU_SOCKET_GATEWAY,
    PU_SOCKET_PROBE
};

/* `what` of STREAM_DOWN. */
enum pu_down {
    PU_DOWN_FINISHED = 1, /* both sides finished, everything we sent is acknowledged */
    PU_DOWN_RESET,        /* by the peer or by us; code */
    PU_DOWN_LOST          /* with its connection */
};

/* `what` of APP. */
enum pu_app {
    PU_APP_OPEN = 1,
    PU_APP_DATA,
    PU_APP_ROOM,
    PU_APP_FIN,
    PU_APP_STOP,
    PU_APP_RESET,
    PU_APP_END /* effect only */
};

/* `what` of RESOLVE: which records of the name are wanted. */
enum pu_name {
    PU_NAME_ADDRESS = 1, /* A and AAAA */
    PU_NAME_ADDRESS4,    /* A */
    PU_NAME_ADDRESS6,    /* AAAA */
    PU_NAME_DNSADDR /* TXT of _dnsaddr.NAME: the multiaddr after "dnsaddr=" in each that has one */
};

/* `code`: why something was refused, ended or failed. Those from 0x1000 to 0x1fff are the libp2p
 * connection and stream error codes and travel, as do those below, which are an application's own;
 * the others are ours and stay here.
 *
 * X(code, value, name, meaning) */
#define PU_CODE_LIST(X)                                                           \
    X(OK, 0, "ok", "no error")                                                    \
    X(NEGOTIATION, 0x1000, "negotiation", "protocol negotiation failed")          \
    X(RESOURCE, 0x1001, "resource", "a resource limit was exceeded")              \
    X(RATE, 0x1002, "rate", "rate limited")                                       \
    X(VIOLATION, 0x1003, "violation", "the peer broke the protocol")              \
    X(SUPPLANTED, 0x1004, "supplanted", "a better connection took over")          \
    X(COLLECTED, 0x1005, "collected", "nobody needed it")                         \
    X(SHUTDOWN, 0x1006, "shutdown", "the node that ended it shuts down")          \
    X(GATED, 0x1007, "unauthorized", "the peer is not authorized")                \
    X(TIMEOUT, 0x2000, "timed-out", "a deadline passed")                          \
    X(CANCELLED, 0x2001, "cancelled", "given up by the node itself")              \
    X(UNREACHABLE, 0x2002, "unreachable", "no route, or the transport gave up")   \
    X(WRONG_PEER, 0x2003, "wrong-peer", "somebody else answered")                 \
    X(LOST, 0x2004, "lost", "silent for idle_ns, or its carrier ended")           \
    X(ADDRESS_GONE, 0x2005, "address-gone", "the local address it used is gone")  \
    X(NO_ADDRESS, 0x2006, "no-address", "nothing to dial")                        \
    X(REFUSED, 0x2007, "refused", "the other side, or the relay, refused")        \
    X(UNSUPPORTED, 0x2008, "unsupported", "the peer does not speak the protocol") \
    X(NO_MEMORY, 0x2009, "no-memory", "memory is short")                          \
    X(INVALID, 0x200a, "invalid", "the fields of the command make no sense")      \
    X(LIMITED, 0x200b, "limited", "only a connection that a relay limits exists")

enum pu_code {
#define PU_CODE_VALUE(code, value, name, meaning) PU_CODE_##code = (value),
    PU_CODE_LIST(PU_CODE_VALUE)
#undef PU_CODE_VALUE
};

/* What the list says of one code. */
typedef struct pu_code_info {
    const char *name, *meaning;
} pu_code_info;

/* Describes code. NULL: it is not in the list, so it is a code of the peer's. */
PU_API const pu_code_info *pu_code_describe(uint32_t code);

/* `what` of COMMAND. */
enum pu_command {
    PU_CMD_AUTHORISE = 1, /* body: an authorized_keys line */
    PU_CMD_REVOKE,        /* peer: no longer authorised; its connections are hung up */
    PU_CMD_ADDRESS, /* body: a binary multiaddr that ends in /p2p/ID; it may begin with a name, of
                       /dns, /dns4, /dns6 or /dnsaddr. Flag RELAY: one of our relays */
    PU_CMD_FORGET,  /* peer: drop its addresses */
    PU_CMD_CONNECT, /* peer, deadline (point in time; 0: default), flag KEEP; DONE comes when a
                       connection is confirmed */
    PU_CMD_DISCONNECT, /* peer: stop wanting it and hang up */
    PU_CMD_PING,       /* peer, deadline (of connecting, where that comes first): DONE carries the
                          round trip in offset, ns */
    PU_CMD_EXPOSE,     /* body: a pu_service, as pu_service_write writes it: peers may open streams
                          to it; replaces one of the same name, whose streams stay as far as its
                          peers are still allowed. INVALID: not a service, or another one, or the
                          node itself, has one of its protocols. RESOURCE: services_max, or more
                          protocol ids than identify can tell, 2 KiB */
    PU_CMD_WITHDRAW,   /* body: a service's name; its streams are reset. INVALID: there is no such
                          service */
    PU_CMD_SET,        /* body: name=value of peerup/config.h; value a number in the list's unit. It
                          holds for what begins afterwards, in the node and (effect SET) below it;
                          nothing that is there ends because a limit is lower now */
    PU_CMD_STOP        /* hang up everything; DONE when all is down */
};

/* `what` of EVENT. Those with token 0 come by themselves. */
enum pu_event {
    PU_EVENT_DONE = 1,  /* token; code; offset: a command's one answer */
    PU_EVENT_LISTENING, /* body: a binary multiaddr that reaches us */
    PU_EVENT_RELAY, /* peer: the relay; offset: Unix time in s when the reservation ends; flag GONE:
                       lost */
    PU_EVENT_PEER,  /* peer; of the best connection: conn, transport, remote, flags RELAYED and
                       LIMITED, offset: rtt in ns, 0 unknown. Flag GONE: there is none any more */
    PU_EVENT_REFUSED /* peer (empty at accept); code: enum pu_ask stage; body: the service, at
                        stage SERVICE */
};

/* One input: flat, fields by kind as in the table above, all others zero. Spans are borrowed until
 * pu_out_reset. */
typedef struct pu_in {
    pu_time now; /* never below the last input's */
    enum pu_in_kind kind;
    uint32_t flags; /* enum pu_flag */
    uint32_t what;  /* stage, way of ending, command */
    uint32_t code;  /* enum pu_code, or a code of the peer's */
    pu_handle conn;
    pu_handle stream;
    pu_handle via; /* the connection that carries a relayed one */
    pu_token token;
    enum pu_transport transport;
    uint32_t socket; /* enum pu_socket */
    uint64_t offset; /* absolute stream offset; or what the table says */
    pu_time deadline;
    pu_span peer; /* binary peer id */
    pu_endpoint local, remote;
    pu_span body;
} pu_in;

/* One effect. Spans point into the input, into pu_out or into the node, and hold until
 * pu_out_reset. */
typedef struct pu_ef {
    enum pu_ef_kind kind;
    uint32_t flags;
    uint32_t what;
    uint32_t code;
    pu_handle conn;
    pu_handle stream;
    pu_token token;
    enum pu_transport transport;
    uint32_t socket;
    uint64_t offset;
    pu_time deadline;
    pu_span peer;
    pu_endpoint remote;
    pu_span body;
} pu_ef;

typedef struct pu_node pu_node;
typedef struct pu_out pu_out;

/* Everything impure that a node may use. Kept until pu_node_close. */
typedef struct pu_env {
    pu_peers *peers;         /* may be shared between nodes of one thread */
    const pu_crypto *crypto; /* this node's */
    pu_alloc alloc;
    uint64_t hash_seed; /* lays out hash tables; changes nothing that a node does */
    void (*trace)(void *ctx, const pu_trace *event); /* must not call the node; NULL: off */
    void *trace_ctx;
    uint64_t trace_mask; /* bits of enum pu_trace_area */
} pu_env;

/* Bytes that pu_node_init needs. */
PU_API size_t pu_node_size(const pu_config *config);

/* Makes a node in mem (pu_node_size bytes, aligned for any object; given to the node until close).
 * config and env are kept; seed serves choices only, never secrets. PU_ENOMEM; PU_ERANGE: a config
 * value is outside its range. */
PU_API PU_MUST_USE int pu_node_init(pu_node **node, void *mem, const pu_config *config,
                                    const pu_env *env, const uint8_t seed[32], pu_time now);

/* Takes one input; the effects are appended to out, which must have been reset.
 * PU_EHANDLE: unknown connection or stream. PU_ERANGE: a kind or command that is not built, a span
 * or offset outside its limits. Nothing changes in either case. */
PU_API PU_MUST_USE int pu_node_step(pu_node *node, const pu_in *in, pu_out *out);

/* Frees what the node holds, silently. mem is the caller's again. */
PU_API void pu_node_close(pu_node *node);

/* When the next TICK is due; PU_NEVER: not before another input. why, when not NULL, gets the
 * timer's name. */
PU_API pu_time pu_node_deadline(const pu_node *node, const char **why);

/* For a host of very many nodes: asks the caches for what a step reads, in two rounds, 0 and 1;
 * what was asked for in the first is read in the second. conn: the connection that the input will
 * name; 0: none, or not known. Changes nothing. */
PU_API void pu_node_soon(const pu_node *node, pu_handle conn, unsigned round);

/* The connection that the next TICK is about, as far as its timer tells; 0: not known, or so many
 * timers that round 1 of pu_node_soon did not ask for all. Reads what that asks for. */
PU_API pu_handle pu_node_soon_conn(const pu_node *node);

/* This node's own id. */
PU_API const pu_peer_id *pu_node_id(const pu_node *node);

/* Makes an effect list, one a thread. env's allocator is kept. PU_ENOMEM. */
PU_API PU_MUST_USE int pu_out_new(pu_out **out, const pu_env *env);
PU_API void pu_out_free(pu_out *out);

/* The next effect of the last step, in order. False: no more. */
PU_API bool pu_out_next(pu_out *out, pu_ef *effect);

/* Forgets the last step's effects; all must have been taken. */
PU_API void pu_out_reset(pu_out *out);

/* ---- services ---- */

enum {
    PU_SERVICE_NAME_MAX = 63,     /* bytes of a service's name */
    PU_SERVICE_PROTOCOLS_MAX = 8, /* protocol ids of one service */
    PU_PROTOCOL_MAX = 255,        /* bytes of a protocol id that an application names */
    PU_SERVICE_BYTES_MAX = 65536  /* bytes of a service as pu_service_write writes it */
};

/* What COMMAND EXPOSE offers to peers. */
typedef struct pu_service {
    pu_span name; /* 1 to PU_SERVICE_NAME_MAX bytes of printable ASCII */
    pu_span protocols[PU_SERVICE_PROTOCOLS_MAX]; /* their ids, 1 to PU_PROTOCOL_MAX bytes of
                                                    printable ASCII each, as "/peerup/ssh/1.0.0" */
    uint32_t protocol_count;                     /* at least 1 */
    bool allow_listed; /* only the peers of `allow`; otherwise every authorised peer */
    pu_span allow; /* binary peer ids, each after one byte with its length. Who is not authorised
                      is not let in by this */
    uint32_t streams_max;          /* open at once; 0: service_streams_max */
    uint32_t streams_per_peer_max; /* of one peer; 0: service_streams_per_peer_max */
    bool limited;                  /* also over connections that a relay limits */
} pu_service;

/* Writes service into out (cap bytes, PU_SERVICE_BYTES_MAX always suffices) as the body of COMMAND
 * EXPOSE; returns its length. 0: it is not a service as described, or does not fit. */
PU_API size_t pu_service_write(uint8_t *out, size_t cap, const pu_service *service);

/* Reads what pu_service_write wrote; spans point into body. PU_ERANGE: it is not that. */
PU_API PU_MUST_USE int pu_service_read(pu_service *service, pu_span body);

/* Takes the next peer off *allow, the list of a service that was read. False: no more. */
PU_API bool pu_service_next_peer(pu_span *allow, pu_span *peer);

/* ---- readers: between steps only, not recorded ---- */

typedef struct pu_conn_row {
    pu_handle conn;
    pu_handle via;  /* the connection that carries a relayed one; 0: none */
    pu_span peer;   /* binary id */
    uint32_t flags; /* DIALLER, RELAYED, LIMITED */
    bool confirmed;
    enum pu_transport transport;
    pu_endpoint local, remote;
    pu_time up_at;
    uint64_t rtt_ns;  /* 0 = not measured */
    uint32_t streams; /* open on it */
} pu_conn_row;

typedef struct pu_peer_row {
    pu_span peer; /* binary id */
    bool authorised, wanted, relay;
    uint32_t addrs; /* known */
    uint32_t conns; /* up */
} pu_peer_row;

/* A limit, and how much of it is used: where it holds for each peer, connection or address, by the
 * one that uses most. */
typedef struct pu_limit_row {
    const char *name; /* of the parameter in peerup/config.h */
    uint64_t used; /* per address: 0, not looked for, where there are more than 2,048 connections */
    uint64_t max;
    uint64_t refused; /* how often it has held; not counted for tables of names */
} pu_limit_row;

/* A service that is exposed. Spans point into the node, until the next step. */
typedef struct pu_service_row {
    pu_span name;
    pu_span definition; /* for pu_service_read */
    uint32_t streams;   /* open to it */
    uint32_t streams_max, streams_per_peer_max;
    uint64_t opened, refused; /* streams since it was exposed */
} pu_service_row;

/* An application stream. Spans point into the node, until the next step. */
typedef struct pu_app_row {
    pu_handle stream;        /* its name in APP; 0: an OPEN that is not answered yet */
    pu_handle conn;          /* what carries it; 0: nothing yet */
    pu_token token;          /* of an OPEN that is not answered yet */
    pu_span peer;            /* binary id */
    pu_span protocol;        /* its id */
    pu_span service;         /* its name; empty: we opened it */
    bool accepted;           /* bytes may pass */
    uint64_t received, sent; /* application bytes */
} pu_app_row;

/* Each takes the next row; *cursor starts at 0. False: no more. Rows come in a fixed order (slots;
 * first seen; the list's). */
PU_API bool pu_node_read_conns(const pu_node *node, uint32_t *cursor, pu_conn_row *row);
PU_API bool pu_node_read_peers(const pu_node *node, uint32_t *cursor, pu_peer_row *row);
PU_API bool pu_node_read_limits(const pu_node *node, uint32_t *cursor, pu_limit_row *row);
PU_API bool pu_node_read_services(const pu_node *node, uint32_t *cursor, pu_service_row *row);
PU_API bool pu_node_read_apps(const pu_node *node, uint32_t *cursor, pu_app_row *row);

#endif
