/* proto/relay/relay.c - the tables of hop and stop: which side of them we are on a stream is
 * stream->inbound. */
#include "proto/relay/relay.h"

#include "proto/relay/pipe.h"
#include "proto/relay/relay_client.h"
#include "proto/relay/relay_server.h"
#include "wire/wire_relay.h"

enum {
    HOP_STREAMS_MAX =
        1024, /* circuits_per_peer_max is the limit that counts; this is its greatest value */
    STOP_STREAMS_MAX = 32 /* offers at once: each is answered in the step it comes */
};

static bool hop_served(const pu_node *n)
{
    PU_ASSERT(n != NULL);
    return ctx_config(n)->relay_server != 0;
}

static void hop_opened(pu_node *n, stream *s)
{
    PU_ASSERT(s->proto == PROTO_HOP);
    if (!s->inbound) hop_client_opened(n, s);
}

static enum verdict hop_message(pu_node *n, stream *s, pu_span message)
{
    PU_ASSERT(s->proto == PROTO_HOP);
    return s->inbound ? hop_server_message(n, s, message) : hop_client_message(n, s, message);
}

static void hop_fin(pu_node *n, stream *s)
{
    PU_ASSERT(s->proto == PROTO_HOP);
    if (s->inbound) pipe_fin(n, s);
    else hop_client_fin(n, s);
}

static void hop_room(pu_node *n, stream *s)
{
    PU_ASSERT(s->proto == PROTO_HOP);
    if (s->inbound) pipe_room(n, s);
}

static void hop_ended(pu_node *n, stream *s, uint32_t code)
{
    PU_ASSERT(s->proto == PROTO_HOP);
    if (s->inbound) hop_server_ended(n, s, code);
    else hop_client_ended(n, s, code);
}

static void stop_opened(pu_node *n, stream *s)
{
    PU_ASSERT(s->proto == PROTO_STOP);
    if (!s->inbound) stop_server_opened(n, s);
}

static enum verdict stop_message(pu_node *n, stream *s, pu_span message)
{
    PU_ASSERT(s->proto == PROTO_STOP);
    return s->inbound ? stop_client_message(n, s, message) : stop_server_message(n, s, message);
}

static void stop_fin(pu_node *n, stream *s)
{
    PU_ASSERT(s->proto == PROTO_STOP);
    if (s->inbound) ctx_stream_fin(n, s);
    else pipe_fin(n, s);
}

static void stop_room(pu_node *n, stream *s)
{
    PU_ASSERT(s->proto == PROTO_STOP);
    if (!s->inbound) pipe_room(n, s);
}

static void stop_ended(pu_node *n, stream *s, uint32_t code)
{
    PU_ASSERT(s->proto == PROTO_STOP);
    if (!s->inbound) stop_server_ended(n, s, code);
}

const struct proto proto_hop = {
    .name = "/libp2p/circuit/relay/0.2.0/hop",
    .area = PU_AREA_RELAY,
    .on_limited = true, /* so that a relayed client is told PERMISSION_DENIED */
    .served = hop_served,
    .inbound_max = HOP_STREAMS_MAX,
    .message_max = WIRE_RELAY_MESSAGE_MAX,
    .deadline = offsetof(pu_config, relay_ns),
    .opened = hop_opened,
    .message = hop_message,
    .data = pipe_data,
    .fin = hop_fin,
    .room = hop_room,
    .ended = hop_ended,
};

const struct proto proto_stop = {
    .name = "/libp2p/circuit/relay/0.2.0/stop",
    .area = PU_AREA_RELAY,
    .inbound_max = STOP_STREAMS_MAX,
    .message_max = WIRE_RELAY_MESSAGE_MAX,
    .deadline = offsetof(pu_config, relay_ns),
    .opened = stop_opened,
    .message = stop_message,
    .data = pipe_data,
    .fin = stop_fin,
    .room = stop_room,
    .ended = stop_ended,
};
