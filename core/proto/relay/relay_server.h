/* proto/relay/relay_server.h - streams that we have as a relay: hop that a client opens, stop that
 * we open to the client it wants. Private to this folder; relay.h has what others need. */
#ifndef PROTO_RELAY_RELAY_SERVER_H
#define PROTO_RELAY_RELAY_SERVER_H

#include "proto/relay/pipe.h"
#include "proto/relay/relay.h"

/* A place that we keep for a client; it ends with its connection. */
typedef struct reservation {
    pu_peer peer; /* the client; its connection holds the reference */
    pu_handle conn;
    pu_time ends_at;
} reservation;

/* State of MODULE_RELAY_SERVER. */
typedef struct relay_server {
    reservation *reservations; /* owned */
    uint32_t reservation_count, reservation_cap;
    circuits circuits;
} relay_server;

/* The callbacks of proto_hop where the client opened the stream. */
enum verdict hop_server_message(pu_node *n, stream *s, pu_span message);
void hop_server_ended(pu_node *n, stream *s, uint32_t code);

/* The callbacks of proto_stop where we opened the stream. */
void stop_server_opened(pu_node *n, stream *s);
enum verdict stop_server_message(pu_node *n, stream *s, pu_span message);
void stop_server_ended(pu_node *n, stream *s, uint32_t code);

#endif
