/* sim/tcp_model/tcp_model.h - the kernel's TCP of one simulated host: what peerup/link.h calls TCP,
 * as segments through the simulated network.
 *
 * Handshake with simultaneous open, resets, cumulative acknowledgements, reordering, flow control,
 * retransmission (RFC 6298), slow start and congestion avoidance with fast retransmit (RFC 5681,
 * 6582), half-close. Segments become shorter when ICMP says so, and when a path swallows long ones
 * without a word (RFC 4821 section 7.7; Linux does that with net.ipv4.tcp_mtu_probing = 1): from
 * the third time-out in a row on, to 1,024 bytes and then by halves. They do not grow again. Left
 * out, because no node can tell: urgent data, TIME-WAIT (a late segment of an ended connection is
 * answered by a reset), selective acknowledgements, keep-alive. Buffers and windows stay as they
 * are, while Linux lets them grow to megabytes: over a long and fast path no more than 256 KiB
 * travel in a round trip (26 Mbit/s at 80 ms).
 *
 * A segment is 12 bytes and its data: flags, window (24 bits), sequence, acknowledgement. Ports are
 * the network's. The network counts 40 bytes more a segment, so that its size is that of a real one
 * with the timestamp option.
 */
#ifndef SIM_TCP_MODEL_TCP_MODEL_H
#define SIM_TCP_MODEL_TCP_MODEL_H

#include "peerup/node.h"
#include "sim/net.h"

enum {
    TCP_HEADER_BYTES = 12,
    TCP_MSS = 1400,               /* bytes of data in one segment */
    TCP_SEND_BUFFER = 256 * 1024, /* bytes that wait to be sent or acknowledged */
    TCP_READ_BUFFER = 256 * 1024, /* bytes received that the owner has not taken: the window */
    TCP_READ_MAX = 65536,         /* bytes of one data event */
    TCP_EPHEMERAL_FIRST = 49152   /* source ports of dials that name none */
};

/* What the owner is told, and asked. Spans are borrowed during the call. At most one event
 * comes of one tcp_model_segment or tcp_model_tick, so that its consequences are over before the
 * next; none comes from inside another call of the owner. */
typedef struct tcp_model_host {
    void *ctx;
    const pu_alloc *alloc; /* must not fail */
    void (*up)(void *ctx, uint64_t handle, uint32_t token, const pu_endpoint *local,
               const pu_endpoint *remote); /* token 0: accepted */
    void (*data)(void *ctx, uint64_t handle, pu_span bytes, bool fin);
    void (*room)(void *ctx, uint64_t handle, uint64_t offset);
    void (*down)(void *ctx, uint64_t handle, uint32_t token, uint32_t code); /* last word */
    void (*send)(void *ctx, uint16_t port, const pu_endpoint *to, pu_span segment,
                 enum net_carriage carriage);
    /* The host's address now, of remote's family; all zero: none. */
    pu_endpoint (*local)(void *ctx, const pu_endpoint *remote);
} tcp_model_host;

/* A dial; see pu_link_ef. */
typedef struct tcp_model_target {
    uint32_t token;
    uint16_t local_port; /* 0: an ephemeral one */
    pu_endpoint remote;
    pu_time not_before, deadline;
} tcp_model_target;

typedef struct tcp_model tcp_model;

/* listen_port: SYNs to it are accepted. first_room: of both directions. host and seed (32 bytes)
 * are kept until free. */
tcp_model *tcp_model_new(uint16_t listen_port, uint64_t first_room, const tcp_model_host *host,
                         const uint8_t seed[32]);
/* Frees everything, silently. */
void tcp_model_free(tcp_model *t);

void tcp_model_dial(tcp_model *t, pu_time now, const tcp_model_target *target);
void tcp_model_send(tcp_model *t, pu_time now, uint64_t handle, pu_span bytes, bool fin);
void tcp_model_room(tcp_model *t, pu_time now, uint64_t handle, uint64_t offset);
void tcp_model_close(tcp_model *t, pu_time now, uint64_t handle, bool reset);

/* A segment came to the host's port. */
void tcp_model_segment(tcp_model *t, pu_time now, uint16_t port, const pu_endpoint *remote,
                       pu_span segment);

/* A number for the connection whose first bytes are in that segment, which has come to the host's
 * port and was not taken yet; 0: there are none. */
uint64_t tcp_model_first(const tcp_model *t, uint16_t port, const pu_endpoint *remote,
                         pu_span segment);

/* The network says that remote took no SYN from the host's port: by a segment, or by an ICMP error.
 * quote begins as the SYN did; one that no dial under way has sent is passed over (RFC 5927 section
 * 4). */
void tcp_model_refused(tcp_model *t, pu_time now, uint16_t port, const pu_endpoint *remote,
                       pu_span quote, bool is_segment);

/* ICMP says that what goes from port to remote must be mtu bytes at most, IP header included: what
 * is not acknowledged is sent again, in segments that fit. Less than 552 is taken for 552, as Linux
 * does, whatever an attacker writes. */
void tcp_model_too_big(tcp_model *t, pu_time now, uint16_t port, const pu_endpoint *remote,
                       uint32_t mtu);

/* When tcp_model_tick is due, and that call: retransmissions, delayed acknowledgements, dials to
 * begin or give up, and events that a call of the owner has caused. */
pu_time tcp_model_deadline(const tcp_model *t);
void tcp_model_tick(tcp_model *t, pu_time now);

/* A segment as it is on the wire, for captures. False: it is none. */
typedef struct tcp_segment {
    uint8_t flags; /* enum tcp_flag */
    uint32_t window, seq, ack;
    pu_span body;
} tcp_segment;
enum tcp_flag { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 }; /* as in RFC 9293 */
bool tcp_segment_read(tcp_segment *s, pu_span bytes);

#endif
