/* sim/transport_model/tm.h - the cheap transport under boundary A: connections and streams of one
 * host, as datagrams.
 *
 * It takes the node's effects (DIAL, DIAL_CANCEL, CONN_VERDICT, HANGUP, STREAM_*, UPGRADE) and
 * gives it inputs (CONN_*, DIAL_FAIL, STREAM_*), like the real link does: same handles, same
 * credit, same round trips, same ends; no cryptography and no congestion control. Carriers:
 * datagrams through the simulated network, or an upgraded stream (a relay's circuit).
 *
 * Round trips without loss, QUIC-like:  client INIT ->  <- HELLO (CONN_UP at the dialler,
 * provisional: 1 RTT) FINISH ->  (server: CONN_ASK secured, CONN_UP, CONFIRMED)  <- DONE (CONFIRMED
 * at the dialler: 2 RTT). The server gives CONN_ASK accept at INIT. Sizes: INIT and HELLO 1,200
 * bytes, so that nobody amplifies. On an upgraded stream and over TCP the same messages are as
 * large as multistream-select + Noise XX (INIT 60, HELLO 250, FINISH 190).
 *
 * TCP-like: one more round trip before, SYN -> <- SYN-ACK, and everything is marked TCP, the SYN as
 * such, so that boxes treat it apart. The answer to a SYN costs no state. A connection keeps to its
 * two endpoints: it does not follow a peer to another address.
 *
 * Frames: OPEN, DATA, ACK, ROOM, STOP, RESET, CLOSE, PING. An acknowledgement after 25 ms or two
 * packets; retransmission after max(200 ms, srtt + 4 rttvar), 1 s before the first sample, twice as
 * long after each time-out in a row until something is acknowledged; keep-alive and idle time-out
 * from the config. FINISH and ACK say how long what they answer has waited for them.
 */
#ifndef SIM_TRANSPORT_MODEL_TM_H
#define SIM_TRANSPORT_MODEL_TM_H

#include "base/rng.h"
#include "sim/transport.h"

typedef struct tm tm;

/* Makes the transport of the node with peer id `self`; ctx is for the functions of host. All
 * arguments (seed: 32 bytes) are kept until tm_free. Aborts without memory. */
tm *tm_new(const pu_config *config, const pu_peer_id *self, const transport_host *host, void *ctx,
           const uint8_t seed[32]);

/* Frees everything, silently: the host has crashed, or the run is over. */
void tm_free(tm *t);

/* Performs one effect of the node. Kinds that are not the transport's are refused: false. Unknown
 * handles are ignored. */
bool tm_effect(tm *t, pu_time now, const pu_ef *effect);

/* A datagram came to the MAIN socket, or a segment to the port of TCP. False: it is neither a known
 * connection's nor a valid INIT or SYN. */
bool tm_datagram(tm *t, pu_time now, enum net_carriage carriage, const pu_endpoint *remote,
                 pu_span bytes);

/* A time asked for by wake has come. */
void tm_timer(tm *t, pu_time now, pu_handle conn);

/* The node has taken its inputs: sends what waits, and sets timers. */
void tm_flush(tm *t, pu_time now);

/* The host's local address changed: connections keep their remote; what they send leaves from the
 * new one. */
void tm_rebound(tm *t, pu_time now);

/* The handle that the peer's transport has for the other end of conn; 0: not known (any more). */
pu_handle tm_other_end(const tm *t, pu_handle conn);

/* transport_ops.soon. */
void tm_soon(const tm *t, pu_handle conn, unsigned round, transport_next *next);

/* The connection that a datagram says it is for. */
pu_handle tm_named(pu_span bytes);

/* Bytes the transport holds, for the memory figure. */
size_t tm_bytes(const tm *t);

#endif
