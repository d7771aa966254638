/* tests/lib/mux_host.h - one link with one TCP connection, for tests of the carrier over a byte
 * stream: the test is the network, and the node is as simple as can be. Everything that goes over
 * boundary A is judged (boundary.h).
 *
 * The node allows or refuses as `secured_code` says, keeps every stream's count of bytes, checks
 * that they are the pattern that mux_host_send writes (unless `is_raw`), grants `window` bytes
 * ahead and sends what it was told to as far as it has room.
 */
#ifndef TESTS_LIB_MUX_HOST_H
#define TESTS_LIB_MUX_HOST_H

#include "link/transports.h"
#include "tests/lib/boundary.h"
#include "tests/unit/fault_heap.h"

enum { MUX_HOST_STREAMS_MAX = 1400, MUX_HOST_HEAD_BYTES = 64, MUX_HOST_TCP = 7 };

typedef struct mux_host_stream {
    pu_handle handle; /* 0: not up yet */
    pu_token token;   /* ours */
    uint64_t got, granted;
    uint64_t tx_room, tx_sent, tx_wanted;
    bool is_ours, wants_fin, rx_fin, tx_fin, is_down;
    uint32_t down_what, down_code;
    uint8_t head[MUX_HOST_HEAD_BYTES]; /* the first bytes that came */
} mux_host_stream;

enum mux_host_closed { MUX_HOST_OPEN = 0, MUX_HOST_CLOSED, MUX_HOST_RESET };

typedef struct mux_host {
    fault_heap heap;
    pu_alloc alloc;
    pu_config config;
    pu_crypto crypto, identity; /* of the link; the real one below it */
    pu_crypto_real key;
    pu_crypto_model dice; /* random bytes, by the seed */
    pu_peer_id id;
    pu_link_env env;
    pu_link *link;
    pu_link_out *out;
    bool has_lent_out; /* out is the test's */
    pu_time now;

    boundary law;

    /* the wire */
    uint8_t *sent; /* what the link sent and nobody has taken */
    size_t sent_len, sent_cap;
    uint64_t sent_total, tx_room; /* bytes since the beginning; up to where it may send */
    uint64_t rx_total, rx_room;
    enum mux_host_closed closed; /* by the link */
    uint32_t ticks;

    /* the node */
    uint64_t window; /* granted ahead on each stream */
    bool is_raw, is_accept_refused;
    uint32_t secured_code;
    uint32_t ask_count;
    pu_handle conn;
    pu_peer_id peer;
    bool is_up, is_provisional, is_confirmed, is_down, has_failed, is_hung_up;
    uint32_t down_code; /* of CONN_DOWN or DIAL_FAIL */
    pu_time up_at, confirmed_at, down_at;
    uint64_t rtt_ns;
    mux_host_stream streams[MUX_HOST_STREAMS_MAX];
    uint32_t stream_count;
    pu_token last_token;
    pu_handle outer_conn; /* mux_host_upgrade: what carries the connection that the rest tells of */
    bool is_outer_down;
} mux_host;

/* Makes the link of the node whose seed is 32 times this byte; h->config has its defaults and may
 * be changed before. On the heap; ends the test when it cannot. */
mux_host *mux_host_new(uint8_t seed);
/* Opens the link; called by dial and accept when it was not before. False: no memory. */
bool mux_host_open(mux_host *h);
/* Frees everything; fails when the link has kept memory. */
void mux_host_free(mux_host *h);

/* A TCP connection: dialled by the link, for this peer (NULL: any), or accepted. */
void mux_host_dial(mux_host *h, const pu_peer_id *expected);
void mux_host_accept(mux_host *h);

/* Bytes come, at most `segment` in one input and never beyond the room granted. */
void mux_host_deliver(mux_host *h, pu_span bytes, size_t segment);
void mux_host_deliver_fin(mux_host *h);
/* The wire takes so many more bytes. */
void mux_host_room(mux_host *h, uint64_t offset);
/* The wire is gone. */
void mux_host_lose(mux_host *h);
/* Drops the first count bytes that the link sent. */
void mux_host_taken(mux_host *h, size_t count);

/* TICKs until nothing is due now; then with the clock moving on until `until`. */
void mux_host_settle(mux_host *h);
void mux_host_run(mux_host *h, pu_time until);
pu_time mux_host_deadline(const mux_host *h);

/* ---- the node's side ---- */

mux_host_stream *mux_host_stream_open(mux_host *h);
/* The n-th stream that came up or was asked for, from 0. */
mux_host_stream *mux_host_stream_at(mux_host *h, uint32_t n);
/* Sends so many more bytes of the pattern as room comes; fin: none follow. */
void mux_host_send(mux_host *h, mux_host_stream *s, uint64_t bytes, bool fin);
void mux_host_grant(mux_host *h, mux_host_stream *s, uint64_t offset);
void mux_host_reset(mux_host *h, mux_host_stream *s, uint32_t code);
void mux_host_stop(mux_host *h, mux_host_stream *s);
/* s becomes a connection of its own, of which is_up and the others tell from now on. */
void mux_host_upgrade(mux_host *h, mux_host_stream *s, enum pu_role role,
                      const pu_peer_id *expected);
void mux_host_hangup(mux_host *h, uint32_t code, pu_time deadline);
/* One effect of the node. */
void mux_host_effect(mux_host *h, pu_ef ef);

/* Byte number `offset` of the pattern. */
static inline uint8_t mux_pattern(uint64_t offset)
{
    return (uint8_t)(offset * 167 + (offset >> 8) * 13 + (offset >> 16));
}

#endif
