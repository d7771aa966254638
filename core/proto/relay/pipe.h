/* proto/relay/pipe.h - circuits: pairs of streams whose bytes a relay passes on. Private to this
 * folder.
 *
 * A circuit begins when a client asks for it, waits until the other client has agreed, and is then
 * up: what comes on one stream leaves on the other. Nothing is kept but what was granted while the
 * other side had room, at most stream_pending_bytes a direction.
 */
#ifndef PROTO_RELAY_PIPE_H
#define PROTO_RELAY_PIPE_H

#include "node/ctx.h"

/* Sides of a circuit, as indices. */
enum { SIDE_HOP = 0, SIDE_STOP = 1, SIDE_COUNT = 2 };

typedef struct circuit {
    uint64_t number;            /* from 1, never reused; in the state of both streams */
    pu_handle side[SIDE_COUNT]; /* streams; SIDE_STOP is 0 until it is open */
    pu_peer peer[SIDE_COUNT]; /* who asked, who is reached; their connections hold the references */
    uint64_t carried[SIDE_COUNT]; /* bytes that came from that side and were passed on */
    pu_time ends_at;              /* once up */
    bool is_up;
} circuit;

typedef struct circuits {
    circuit *at; /* owned */
    uint32_t count, cap;
    uint64_t last; /* number given out */
} circuits;

/* stream->state of a relay's streams: inbound hop and outbound stop. */
typedef struct relay_stream {
    uint64_t circuit; /* its number; 0: none (yet, or any more) */
    bool is_answered; /* hop: a request came and was answered without a circuit */
} relay_stream;

/* Begins a circuit for the client behind hop to `to`. Returns its number; 0: no memory. */
uint64_t pipe_new(pu_node *n, const stream *hop, pu_peer from, pu_peer to);

/* The circuit, or NULL. It moves when a circuit begins or ends. */
circuit *pipe_find(pu_node *n, uint64_t number);

/* How many circuits peer has, at either end, waiting or up. */
uint32_t pipe_count(pu_node *n, pu_peer peer);

/* Forgets a circuit that never was up. Its streams stay as they are. */
void pipe_drop(pu_node *n, uint64_t number);

/* Both sides agreed and are raw: bytes flow from now on, for circuit_ns and circuit_bytes each way.
 */
void pipe_up(pu_node *n, uint64_t number);

/* Frees the table. */
void pipe_free(pu_node *n, circuits *all);

/* Callbacks of both streams once they are raw. Their circuit may be waiting, up or gone. */
enum verdict pipe_data(pu_node *n, stream *s, pu_span bytes, size_t *used);
void pipe_fin(pu_node *n, stream *s);
void pipe_room(pu_node *n, stream *s);
/* For circuits that are up. */
void pipe_ended(pu_node *n, stream *s, uint32_t code);

#endif
