/* peerup/link.h - boundary B: the connections and streams of boundary A (peerup/node.h) made of UDP
 * datagrams and TCP bytes. No sockets, clock, threads or globals of its own.
 *
 *   host:  pu_link_step(link, &in, out);                  one input, carries the time
 *          while (pu_link_out_next(out, &ef)) perform(ef);  every effect, in order
 *          pu_link_out_reset(out);
 *          arm(link, pu_link_deadline(link, NULL));       one timer a link
 *
 * Where it stands. A host owns one node and one link. Effects of the node whose kind pu_link_takes
 * go into the link as EFFECT inputs; INPUT effects of the link go into the node's input FIFO, whose
 * order is kept. Performing an effect steps neither: answers wait in the FIFO, which is emptied
 * before the host takes the next datagram, byte or timer. So a CONN_ASK is answered by its
 * CONN_VERDICT before the link hears anything else.
 *
 * Who names what. The link names connections and streams of boundary A (lowest free slot, next
 * ordinal) and tokens of TCP_DIAL; the host names TCP connections (`tcp`, never 0, never used
 * twice).
 *
 * Sending. An input only queues what it causes to be sent; the link then has a deadline of *now*,
 * and the TICK that answers it builds the datagrams of everything queued since the last one. A host
 * that takes a batch of datagrams before it gives the TICK gets full packets and one burst.
 *
 * Credit. TCP both ways in absolute offsets of bytes since TCP_UP, as streams have at boundary A:
 * the host delivers up to the last TCP_ROOM effect (PU_LINK_TCP_FIRST_ROOM before the first), the
 * link sends up to the last TCP_ROOM input (PU_LINK_TCP_FIRST_ROOM before the first).
 *
 * Source: libp2p specs connections, noise, tls, yamux, quic; RFC 9000; docs/link.md.
 */
#ifndef PEERUP_LINK_H
#define PEERUP_LINK_H

#include "peerup/node.h"

enum {
    PU_LINK_UDP_MAX = 65507,        /* bytes of one UDP input or effect */
    PU_LINK_TCP_DATA_MAX = 65536,   /* bytes of one TCP_DATA input or TCP_SEND effect */
    PU_LINK_TCP_FIRST_ROOM = 65536, /* bytes of a TCP connection before the first TCP_ROOM */
    PU_LINK_SEGMENTS_MAX = 60,      /* datagrams of one UDP effect */
    PU_LINK_GRO_MAX = 128,          /* datagrams of one UDP input */
    PU_LINK_OUT_EFFECTS_MAX = 4096, /* effects that one step may emit */
    PU_LINK_CHANNEL_BYTES = 32      /* of a channel id */
};

/* clang-format off */
/* Inputs.
 *
 *   kind      fields
 *   TICK      -                                    pu_link_deadline() has come
 *   UDP       socket local remote ecn segment body datagrams of one remote, each of `segment` bytes, the
 *                                                  last may be shorter (GRO); segment 0: body is one
 *   TCP_UP    tcp token local remote               answers TCP_DIAL; token 0: accepted
 *   TCP_DATA  tcp flags(FIN) body                  bytes in order; FIN: none follow
 *   TCP_ROOM  tcp offset                           may be sent up to this absolute offset
 *   TCP_DOWN  tcp token code                       last word: reset, refused, timed out; tcp 0 and token:
 *                                                  a dial that failed
 *   LOCAL     socket flags(TCP) local              the socket (flag TCP: the TCP listener) has this address
 *                                                  and port now (zero: none); again when it is bound to
 *                                                  all addresses and these have changed
 *   CLOCK     offset                               Unix time in ns at now; at start and when it jumps
 *   EFFECT    effect                               of the node
 */
/* clang-format on */
enum pu_link_in_kind {
    PU_LINK_IN_TICK = 1,
    PU_LINK_IN_UDP,
    PU_LINK_IN_TCP_UP,
    PU_LINK_IN_TCP_DATA,
    PU_LINK_IN_TCP_ROOM,
    PU_LINK_IN_TCP_DOWN,
    PU_LINK_IN_LOCAL,
    PU_LINK_IN_CLOCK,
    PU_LINK_IN_EFFECT
};

/* clang-format off */
/* Effects.
 *
 *   kind      fields
 *   UDP       socket local remote ecn segment not_before body   as the input of that name (GSO); local
 *                                                  zero: the kernel chooses
 *   TCP_DIAL  token local remote not_before deadline   local port not 0: from that port, which may be one
 *                                                  that listens; from another when that cannot be had
 *   TCP_SEND  tcp flags(FIN) body                  FIN: half-close when sent
 *   TCP_ROOM  tcp offset                           may be delivered up to this absolute offset
 *   TCP_CLOSE tcp flags(RESET)                     last word of the link: close when all is sent, or reset
 *                                                  at once; no TCP_DOWN follows
 *   INPUT     input                                for the node; `now` is set
 */
/* clang-format on */
enum pu_link_ef_kind {
    PU_LINK_EF_UDP = 1,
    PU_LINK_EF_TCP_DIAL,
    PU_LINK_EF_TCP_SEND,
    PU_LINK_EF_TCP_ROOM,
    PU_LINK_EF_TCP_CLOSE,
    PU_LINK_EF_INPUT
};

/* Bits of `flags`. */
enum pu_link_flag {
    PU_LINK_FIN = 1 << 0,   /* TCP_DATA, TCP_SEND: no bytes follow */
    PU_LINK_RESET = 1 << 1, /* TCP_CLOSE: by RST, what waits is dropped */
    PU_LINK_TCP = 1 << 2    /* LOCAL: of the port that TCP listens on */
};

/* One input: flat, fields by kind as in the table above, all others zero. Spans are borrowed until
 * pu_link_out_reset. */
typedef struct pu_link_in {
    pu_time now; /* never below the last input's */
    enum pu_link_in_kind kind;
    uint32_t flags;   /* enum pu_link_flag */
    uint32_t code;    /* enum pu_code */
    uint32_t socket;  /* enum pu_socket */
    uint32_t ecn;     /* the two ECN bits of the IP header (RFC 3168) */
    uint32_t segment; /* bytes of each datagram in body but the last; 0: body is one */
    uint64_t tcp;
    pu_token token;
    uint64_t offset;
    pu_endpoint local, remote; /* local: where it arrived; all zero when the host cannot tell */
    pu_span body;
    const pu_ef *effect;
} pu_link_in;

/* One effect. Spans point into the input, the out or the link, and hold until pu_link_out_reset. */
typedef struct pu_link_ef {
    enum pu_link_ef_kind kind;
    uint32_t flags;
    uint32_t socket;
    uint32_t ecn;
    uint32_t segment;
    uint64_t tcp;
    pu_token token;
    uint64_t offset;
    pu_time not_before; /* earliest time to do it; 0: at once */
    pu_time deadline;   /* TCP_DIAL: answered by TCP_DOWN(timed out) then */
    pu_endpoint local, remote;
    pu_span body;
    const pu_in *input;
} pu_link_ef;

/* Everything impure that a link may use. Kept until pu_link_free. */
typedef struct pu_link_env {
    const pu_crypto *crypto; /* the node's: signs with its identity; connection ids and ephemeral
                                keys come from its `random` */
    pu_alloc alloc;
    uint64_t hash_seed; /* lays out hash tables; changes nothing that a link does */
    /* Gets one line of the NSS key log format without its newline (TLS 1.3 secrets of QUIC); NULL:
     * off. For captures on request only: who reads it reads the traffic. */
    void (*keylog)(void *ctx, const char *line);
    void *keylog_ctx;
} pu_link_env;

typedef struct pu_link pu_link;
typedef struct pu_link_out pu_link_out;

/* Makes the link of one node, its TLS certificate included. config and env are kept until free;
 * an effect SET changes the link's own copy of config. unix_ns: the time now, for the certificate's
 * validity; CLOCK corrects it later. PU_ENOMEM; PU_ERANGE: a config value is outside its range, or
 * GnuTLS cannot be set up. */
PU_API PU_MUST_USE int pu_link_new(pu_link **link, const pu_config *config, const pu_link_env *env,
                                   pu_time now, uint64_t unix_ns);

/* Frees what the link holds, silently: no peer is told. */
PU_API void pu_link_free(pu_link *link);

/* Whether an effect of the node is the link's to perform (DIAL, CONN_*, STREAM_*, UPGRADE, HANGUP,
 * PACKET, SET); all others are the host's. */
PU_API bool pu_link_takes(enum pu_ef_kind kind);

/* Takes one input; effects are appended to out, which must have been reset.
 * PU_EHANDLE: unknown tcp. PU_ERANGE: a kind that does not exist, a span outside its limits.
 * Nothing changes in either case. */
PU_API PU_MUST_USE int pu_link_step(pu_link *link, const pu_link_in *in, pu_link_out *out);

/* When the next TICK is due; PU_NEVER: not before another input. why, when not NULL, gets the
 * timer's name. */
PU_API pu_time pu_link_deadline(const pu_link *link, const char **why);

/* A value that both ends of conn derive from their handshake and nobody else knows (Noise: the
 * handshake hash; TLS 1.3: the exporter "EXPORTER-libp2p-channel"): what is bound to it is bound to
 * this one connection. False: conn is gone, or not up yet. */
PU_API bool pu_link_channel_id(const pu_link *link, pu_handle conn,
                               uint8_t id[PU_LINK_CHANNEL_BYTES]);

/* Whether conn's muxer was agreed inside its security handshake, without multistream-select. False,
 * too, for QUIC, which has no muxer, and for a conn that is gone. */
PU_API bool pu_link_is_early(const pu_link *link, pu_handle conn);

/* Bytes that the stream which carries conn, a circuit, has brought (*received) and has taken
 * (*sent) for it: what its relay counts. False: nothing carries conn, or it is gone. */
PU_API bool pu_link_carried(const pu_link *link, pu_handle conn, uint64_t *received,
                            uint64_t *sent);

/* Bytes the link has allocated and holds now, libraries included as far as they use its allocator.
 */
PU_API size_t pu_link_bytes(const pu_link *link);

/* Makes an effect list, one a thread. alloc is kept. PU_ENOMEM. */
PU_API PU_MUST_USE int pu_link_out_new(pu_link_out **out, const pu_alloc *alloc);
PU_API void pu_link_out_free(pu_link_out *out);

/* The next effect of the last step, in order. False: no more. */
PU_API bool pu_link_out_next(pu_link_out *out, pu_link_ef *effect);

/* Forgets the last step's effects; all must have been taken. */
PU_API void pu_link_out_reset(pu_link_out *out);

#endif
