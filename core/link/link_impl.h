/* link/link_impl.h - what the files of the link share. Carriers see carrier.h only.
 *
 * link.c     the object, its memory, one step and what ends it
 * slots.c    handles: the lowest free slot, the next ordinal
 * conns.c    connections: states, what the node is asked and told, last words
 * streams.c  streams: what the node is told and when; stream_effects.c: what it does
 * timers.c   which connection is served when
 * dial.c     DIAL, DIAL_CANCEL
 * tcp.c      a TCP connection as a wire
 * pipe.c     a stream of another connection as a wire: UPGRADE
 * packet.c   datagrams: those of connections, and all others
 * out.c      the effect list
 *
 * Order of a step: one input is dispatched; connections that are down are taken apart and say their
 * last words (link_reap); then every connection that was touched is asked for its next deadline
 * (link_timers_settle). Blocks of what is gone are freed at the very end, so that whoever is at
 * work when something ends may look at what is left. Effects point into the input and the out only.
 */
#ifndef LINK_LINK_IMPL_H
#define LINK_LINK_IMPL_H

#include "base/due.h"
#include "base/imap.h"
#include "link/out.h"
#include "link/transports.h"

enum {
    PIPE_WINDOW_BYTES = 65536,  /* what a pipe lets in before its connection says more */
    LINK_PROBES_MAX = 256,      /* PROBE sockets: the node's count */
    LINK_OUT_LAST_WORDS = 3072, /* last words are said up to so many effects of a step */
};

/* Objects by handle. */
typedef struct link_slots {
    struct link_slot *at; /* owned; cap of them */
    uint32_t cap, max;    /* allocated, allowed */
    uint32_t low;         /* no slot below is free */
    uint64_t ordinal;     /* of the latest object */
} link_slots;

struct link_slot {
    pu_handle handle; /* 0: free */
    void *object;
};

typedef struct conn_list {
    conn *first, *last;
} conn_list;

/* Where a socket is bound. */
typedef struct link_socket {
    uint32_t socket;
    pu_endpoint local;
} link_socket;

struct pu_link {
    const struct link_transports *transports;
    const pu_config *config; /* the host's, until the first SET: then own */
    pu_config own;
    const pu_link_env *env;
    pu_alloc alloc; /* counts into bytes */
    size_t bytes;
    pu_time now;      /* of the step under way, or of the last one */
    pu_time unix_at;  /* when the clock was told */
    uint64_t unix_ns; /* what it said */
    pu_link_out *out; /* of the step under way; NULL between steps */
    uint32_t turn;    /* counts steps but for effects: before the next one the node has heard all */
    link_slots conns, streams;
    uint32_t stream_total; /* streams that have a handle, or are to get one */
    uint32_t handshakes;   /* from outside, under way, not counting circuits */
    uint64_t waiting;      /* bytes in rx of all streams */
    conn_list lists[LIST_COUNT];
    conn *grave_conns;     /* chained by in_list[0].next */
    stream *grave_streams; /* chained by next */
    due_heap due;          /* by slot of the connection */
    imap tcp_names;        /* tcp -> slot of its connection */
    imap tcp_dials;        /* token of a TCP_DIAL -> slot of its connection */
    pu_token last_token;   /* of TCP_DIAL */
    pu_endpoint tcp_local; /* where TCP listens */
    link_socket *sockets;  /* owned */
    uint32_t socket_count, socket_cap;
    uint8_t *space; /* open datagram space; NULL: none */
    size_t space_bytes;
    quic_endpoint *quic;
    uint8_t public_key[PU_PUBLIC_KEY_PB_BYTES];
};

/* ---- slots.c ---- */

/* The slot that the next object gets; cap: there is none. */
uint32_t link_slots_lowest(const link_slots *s);
/* Makes sure that `count` objects can have handles at once. False: more than max, or no memory. */
PU_MUST_USE bool link_slots_reserve(link_slots *s, const pu_alloc *alloc, uint32_t count);
/* Names object by a new handle; there is a free slot. */
pu_handle link_slots_add(link_slots *s, void *object);
void link_slots_del(link_slots *s, pu_handle handle);
/* The object called handle, or NULL. */
void *link_slots_get(const link_slots *s, pu_handle handle);
/* The object in slot, or NULL. */
void *link_slots_at(const link_slots *s, uint32_t slot);
void link_slots_close(link_slots *s, const pu_alloc *alloc);

/* ---- conns.c ---- */

/* A connection of any carrier, in state DIALLING; NULL: conns_max, or no memory. */
conn *link_conn_make(pu_link *l, const struct carrier_ops *ops, size_t conn_bytes,
                     enum pu_transport transport);
/* The living connection called handle, or NULL. */
conn *link_conn_of(const pu_link *l, pu_handle handle);
/* Whether c is in a handshake: not READY, not on its way out. */
bool link_conn_is_early(const conn *c);
/* CONN_VERDICT. */
void link_conn_verdict(pu_link *l, const pu_ef *ef);
void link_conn_hangup(pu_link *l, conn *c, uint32_t code, pu_time deadline);
/* Ends c now: code for the node. */
void link_conn_abort(pu_link *l, conn *c, uint32_t code);
/* Answers a DIAL or UPGRADE that never became a connection. */
void link_dial_fail(pu_link *l, pu_token token, uint32_t code);
/* Gives CONN_PATH when it is due. */
void link_conn_tell_path(pu_link *l, conn *c);
/* Takes apart what is down and says its last words, as far as the list has room. */
void link_reap(pu_link *l);
/* Frees the blocks of what is gone. */
void link_bury(pu_link *l);
/* Frees every connection, silently. */
void link_conns_close(pu_link *l);

/* Bytes that wait in streams of c's peer, all its connections. */
uint64_t link_conns_waiting(const pu_link *l, const conn *c);

void link_list_add(pu_link *l, enum conn_list_id id, conn *c);
void link_list_del(pu_link *l, enum conn_list_id id, conn *c);

/* ---- streams.c ---- */

/* A stream of c that neither side knows yet; NULL: streams_max, or no memory. */
stream *link_stream_make(pu_link *l, conn *c);
/* Tells the node what it is to hear of s, as far as the list has room. s may be gone. */
void link_stream_tell(pu_link *l, stream *s);
/* c ends, so that nothing becomes a connection any more: what waits and has room is told before the
 * last words, as far as the list has room. The carrier hears nothing of it: it is over. */
void link_streams_tell_rest(pu_link *l, conn *c);
/* The same for all streams of c; resets those that memory was short for. */
void link_streams_wake(pu_link *l, conn *c);
/* Takes s out and frees it, without a word. */
void link_stream_free(pu_link *l, stream *s);
/* Ends s towards the peer, without a word to the node. s is gone. */
void link_stream_abort(pu_link *l, stream *s, uint32_t code);
/* Puts bytes behind those that wait in s. False: limits or memory. */
PU_MUST_USE bool link_stream_keep(pu_link *l, stream *s, pu_span bytes);
/* The first count bytes that wait in s have been taken, or are dropped. */
void link_stream_drop(pu_link *l, stream *s, uint64_t count);
/* Says the last word of s and frees it. */
void link_stream_last_word(pu_link *l, stream *s, enum pu_down what, uint32_t code);
/* s is a connection's from now on: the node's handle ends. */
void link_stream_give_away(pu_link *l, stream *s, conn *inner);

/* ---- stream_effects.c ---- */

/* The stream that an effect names, of a connection that is READY; NULL: none. */
stream *link_stream_of(const pu_link *l, const pu_ef *ef);
void link_stream_open(pu_link *l, const pu_ef *ef);
/* STREAM_SEND, ROOM, STOP, RESET. */
void link_stream_effect(pu_link *l, const pu_ef *ef);

/* ---- timers.c ---- */

/* Serves the connections that are due, as far as the list has room. */
void link_timers_tick(pu_link *l);
/* Asks every touched connection when it is due next. */
void link_timers_settle(pu_link *l);
void link_timers_forget(pu_link *l, conn *c);

/* ---- dial.c ---- */

void link_dial(pu_link *l, const pu_ef *ef);
void link_dial_cancel(pu_link *l, pu_token token);

/* ---- tcp.c ---- */

/* A connection of ours with a wire that is not connected; NULL: limits or memory. */
conn *link_tcp_conn_new(pu_link *l);
/* Asks the host to connect c to c->remote; from_listening: from the port that TCP listens on. */
void link_tcp_dial(pu_link *l, conn *c, bool from_listening);
int link_tcp_up(pu_link *l, const pu_link_in *in);
int link_tcp_data(pu_link *l, const pu_link_in *in);
int link_tcp_room(pu_link *l, const pu_link_in *in);
int link_tcp_down(pu_link *l, const pu_link_in *in);
/* Whether c has to be served at once. */
bool link_tcp_is_due(const conn *c);
/* c may be down afterwards. */
void link_tcp_tick(pu_link *l, conn *c);
void link_tcp_free(pu_link *l, conn *c);

/* ---- pipe.c ---- */

void link_pipe_upgrade(pu_link *l, const pu_ef *ef);
bool link_pipe_is_due(const conn *c);
/* Passes on what has come and what has room. c may be down afterwards. */
void link_pipe_tick(pu_link *l, conn *c);
/* The stream that carries c is no more. */
void link_pipe_lost(pu_link *l, conn *c);
void link_pipe_free(pu_link *l, conn *c);
/* See pu_link_carried. */
bool link_pipe_carried(const conn *c, uint64_t *received, uint64_t *sent);
/* Resets the streams of outer whose connection has ended long enough ago. */
void link_pipes_linger(pu_link *l, conn *outer);

/* ---- packet.c ---- */

/* Whether the input may be taken. */
bool link_udp_is_sound(const pu_link_in *in);
bool link_local_is_sound(const pu_link_in *in);
void link_udp_take(pu_link *l, const pu_link_in *in);
void link_local_take(pu_link *l, const pu_link_in *in);
void link_packet_send(pu_link *l, const pu_ef *ef);

#endif
