/* tests/lib/chaos_impl.h - the host of chaos.c, shared with the bodies it sends (chaos_body.c). */
#ifndef TESTS_LIB_CHAOS_IMPL_H
#define TESTS_LIB_CHAOS_IMPL_H

#include "base/bytes.h"
#include "base/rng.h"
#include "peerup/node.h"
#include "tests/lib/chaos.h"
#include "tests/unit/fault_heap.h"

enum {
    CHAOS_CONNS = 12, /* slots, conns_max */
    CHAOS_STREAMS = 40,
    CHAOS_REQUESTS = 64,
    CHAOS_PEERS = 6, /* the first is the node's relay */
    CHAOS_BODY_MAX = 20000,
    CHAOS_LAST_MAX = 64
};

enum chaos_proto {
    CHAOS_NONE = 0,
    CHAOS_ID,
    CHAOS_PING,
    CHAOS_HOP,
    CHAOS_STOP,
    CHAOS_DCUTR,
    CHAOS_PROTOS
};

typedef struct chaos_conn {
    pu_handle handle; /* 0: the slot is free */
    uint32_t peer;    /* index; meaningless before the handshake's end */
    uint32_t flags;
    bool is_up, is_admitted, is_confirmed, is_hung_up;
} chaos_conn;

typedef struct chaos_stream {
    pu_handle handle; /* 0: the slot is free */
    pu_handle conn;
    enum chaos_proto proto;
    bool is_inbound, is_selected, is_ended;
    uint64_t room;
    size_t last_len;
    uint8_t last[CHAOS_LAST_MAX]; /* what the node sent last */
} chaos_stream;

/* What the node asked of the host. */
typedef struct chaos_request {
    enum pu_ef_kind kind; /* 0: none, or answered */
    pu_token token;
    pu_handle conn;
    uint32_t peer, flags, role;
} chaos_request;

typedef struct chaos {
    rng random;
    fault_heap heap;
    pu_node *node;
    pu_out *out;
    pu_in in;
    pu_time now;
    pu_peer_id ids[CHAOS_PEERS];
    chaos_conn conns[CHAOS_CONNS];       /* by slot */
    chaos_stream streams[CHAOS_STREAMS]; /* by slot */
    chaos_request requests[CHAOS_REQUESTS];
    unsigned request_count; /* in all; the newest replace the oldest */
    uint64_t ordinal;
    chaos_result result;
    uint8_t body[CHAOS_BODY_MAX];
} chaos;

static inline uint32_t chaos_pick(chaos *k, uint32_t below)
{
    return (uint32_t)rng_below(&k->random, below);
}

static inline bool chaos_one_in(chaos *k, uint32_t cases)
{
    return chaos_pick(k, cases) == 0;
}

pu_span chaos_id(const chaos *k, uint32_t peer);
pu_endpoint chaos_endpoint(chaos *k);

/* ---- chaos_body.c: bytes in k->body ---- */
const char *chaos_name(enum chaos_proto proto);
/* What a peer might say next on s: selection, then a message of its protocol, more or less. */
pu_span chaos_speech(chaos *k, chaos_stream *s);
/* Anything. */
pu_span chaos_noise(chaos *k);
/* A multiaddr of some peer, as COMMAND ADDRESS has it. */
pu_span chaos_maddr(chaos *k, uint32_t peer);

#endif
