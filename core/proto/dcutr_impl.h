/* proto/dcutr_impl.h - what the files of hole punching share.
 *
 *   dcutr.c         connections and streams: what begins and ends a punch
 *   dcutr_record.c  one record a relayed connection; addresses and messages
 *   dcutr_ask.c     B: attempts, rounds, datagrams
 *   dcutr_answer.c  A: answers and dials
 *   dcutr_near.c    both: private addresses, for a peer behind the same NAT
 */
#ifndef PROTO_DCUTR_IMPL_H
#define PROTO_DCUTR_IMPL_H

#include "proto/dcutr.h"
#include "wire/wire_dcutr.h"

enum { DCUTR_ADDRS_MAX = WIRE_DCUTR_ADDRS_MAX /* a peer's addresses that are used */ };

enum phase {
    PHASE_IDLE = 0,  /* nothing under way (yet) */
    PHASE_DIRECT,    /* B: dialling what identify said */
    PHASE_ASKED,     /* B: CONNECT sent, or its stream being opened */
    PHASE_PAUSE,     /* B: the exchange failed; the next round follows */
    PHASE_SYNCED,    /* B: half a round trip until SYNC arrives */
    PHASE_SENDING,   /* B: datagrams leave */
    PHASE_LISTENING, /* B: they have left; A may still come */
    PHASE_RESTING,   /* B: all rounds of an attempt failed; another attempt follows */
    PHASE_ANSWERED,  /* A: CONNECT answered */
    PHASE_DIALLING,  /* A: SYNC has come */
    PHASE_OVER       /* B: the peer does not speak it after all */
};

/* One relayed connection, from the first that is known about it until it goes down. */
typedef struct punch {
    pu_handle conn;
    pu_peer peer;     /* its connection holds the reference */
    pu_handle stream; /* of the exchange; 0: not open yet */
    enum phase phase;
    uint32_t rounds;   /* begun in this attempt */
    uint32_t failures; /* B: attempts in a row that failed, with nothing new to try between them */
    uint32_t sent;     /* datagrams to each address in this round */
    uint32_t addr_count;
    pu_endpoint *addrs; /* owned; DCUTR_ADDRS_MAX of them: the peer's; NULL: none */
    pu_time begun;      /* the attempt: its first step or CONNECT */
    pu_time asked_at;   /* our CONNECT left */
    pu_time round_end;
    pu_time dial_at;    /* B: dials as well then, if its datagrams are out; PU_NEVER: it has */
    pu_time rests_from; /* B: the attempt failed */
    uint64_t mark;      /* of the addresses that it had to go by */
} punch;

/* State of MODULE_DCUTR. */
typedef struct dcutr {
    punch *punches; /* owned */
    uint32_t count, cap;
    pu_time near_due; /* runs ahead of now by a pause for each private address dialled */
} dcutr;

/* ---- dcutr_record.c ---- */

/* The record of a relayed connection, or NULL. It moves when another one begins or ends. */
punch *punch_find(const pu_node *n, pu_handle handle);

/* The record of relayed connection c, made when there is none; NULL without memory. */
punch *punch_of(pu_node *n, const conn *c);

/* Forgets the peer's addresses. */
void punch_addrs_free(pu_node *n, punch *p);

/* Replaces the peer's addresses by the global ones of its CONNECT that are of a family of ours.
 * False: there are none. */
bool punch_take_addrs(pu_node *n, punch *p, const wire_dcutr *m);

/* The scope of a multiaddr that a punch to peer may use: udp/quic-v1, not through a relay, for peer
 * or for nobody by name; *endpoint is where it leads. PU_SCOPE_NONE: it is no such one. */
enum pu_scope punch_addr_read(const pu_node *n, pu_peer peer, pu_span maddr, pu_endpoint *endpoint);

/* Adds an address to `all`, of which *count are there, unless it is there already, two with its IP
 * are, or max are. */
void punch_addr_add(pu_endpoint *all, uint32_t *count, uint32_t max, const pu_endpoint *one);

/* Where we may be reached from anywhere: as others see us, and our own global addresses. Returns
 * how many. */
uint32_t dcutr_own_addrs(const pu_node *n, pu_endpoint out[CTX_ADDRS_MAX]);

/* Whether there is any address that we could tell. */
bool dcutr_has_own_addr(const pu_node *n);

/* Sums up the addresses that an attempt towards peer goes by, ours and those of the peer, whatever
 * their order: another sum, something new to try. */
uint64_t dcutr_mark(const pu_node *n, pu_peer peer);

/* Sends a message, CONNECT with our addresses. False: we have none, the peer reads no more, or
 * nothing more may wait for it; in the last case s has ended, and so has what it was for. */
bool dcutr_send(pu_node *n, stream *s, enum wire_dcutr_type type);

/* Dials the global addresses that the peer is known by, but for those that are being dialled.
 * Returns how many. */
uint32_t dcutr_dial_known(pu_node *n, pu_peer peer, pu_time until);

/* Whether there is a direct connection that came after relayed connection c. An older one proves
 * nothing: a peer that still had it would not have dialled through a relay. */
bool dcutr_has_newer_direct(pu_node *n, const conn *c);

/* ---- dcutr_near.c ---- */

/* Appends our private addresses to `all`, of which count are there, when p's peer may be told them:
 * an authorized_keys line names it, and its last CONNECT shows it behind our own NAT. Returns how
 * many there are then, at most CTX_ADDRS_MAX. */
uint32_t near_append(const pu_node *n, const punch *p, pu_endpoint all[CTX_ADDRS_MAX],
                     uint32_t count);

/* Dials the private addresses of the peer's CONNECT, whose global ones p has taken, under the same
 * conditions; of all peers together no more than one a second, but for a few. */
void near_dial(pu_node *n, const punch *p, const wire_dcutr *m);

/* ---- dcutr_ask.c ---- */

/* Whether B may begin now: it knows A, has something to tell it, and no direct way yet. */
bool punch_may_begin(pu_node *n, const punch *p, const conn *c);

/* Begins an attempt, if it may. */
void punch_begin(pu_node *n, punch *p);

/* The next attempt follows after a pause that grows with p->failures, counted from now. */
void punch_rest(pu_node *n, punch *p);

/* B's timer, in whatever phase of B's. */
void punch_next(pu_node *n, punch *p);

/* The callbacks of the streams that B opens. */
void asking_opened(pu_node *n, stream *s);
enum verdict asking_message(pu_node *n, stream *s, const wire_dcutr *m);
void asking_fin(pu_node *n, stream *s);
void asking_ended(pu_node *n, stream *s, uint32_t code);

/* ---- dcutr_answer.c ---- */

/* A knows more of its peer than before: what is new is dialled. */
void answering_identified(pu_node *n, const conn *c);

/* The callbacks of the streams that A accepts. */
void answering_opened(pu_node *n, stream *s);
enum verdict answering_message(pu_node *n, stream *s, const wire_dcutr *m);
void answering_ended(pu_node *n, stream *s);

#endif
