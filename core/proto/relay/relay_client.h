/* proto/relay/relay_client.h - streams that we have as a relay's client: hop that we open, stop
 * that a relay opens. Private to this folder; relay.h has what others need. */
#ifndef PROTO_RELAY_RELAY_CLIENT_H
#define PROTO_RELAY_RELAY_CLIENT_H

#include "proto/relay/relay.h"

/* The callbacks of proto_hop where we opened the stream. */
void hop_client_opened(pu_node *n, stream *s);
enum verdict hop_client_message(pu_node *n, stream *s, pu_span message);
void hop_client_fin(pu_node *n, stream *s);
void hop_client_ended(pu_node *n, stream *s, uint32_t code);

/* The callback of proto_stop where the relay opened the stream. */
enum verdict stop_client_message(pu_node *n, stream *s, pu_span message);

#endif
