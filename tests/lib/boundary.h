/* tests/lib/boundary.h - the law of boundary A (peerup/node.h) as a judge between a node and its
 * host: every input and effect is shown to it, and it aborts on the first that breaks a promise.
 *
 * Handles begin and end once; tokens are answered once; credit is kept in both directions; nothing
 * is said of what has ended; last words come in order. It stands at the host's side: an input is
 * shown when the host emits it, an effect when the host performs it, so what the node still has in
 * its FIFO does not matter.
 */
#ifndef TESTS_LIB_BOUNDARY_H
#define TESTS_LIB_BOUNDARY_H

#include "peerup/node.h"

enum boundary_phase {
    BOUNDARY_ASKED_ACCEPT = 1,
    BOUNDARY_ACCEPTED,
    BOUNDARY_ASKED_SECURED,
    BOUNDARY_SECURED,
    BOUNDARY_UP,
    BOUNDARY_HUNG_UP
};

typedef struct boundary_conn {
    pu_handle handle, via;
    enum boundary_phase phase;
    bool is_confirmed;
    pu_time path_at; /* of the latest CONN_PATH */
    bool has_path;
} boundary_conn;

typedef struct boundary_stream {
    pu_handle handle, conn;
    uint64_t rx_got, rx_room, tx_sent, tx_room;
    bool rx_fin, tx_fin, is_stopped;
    bool is_reset; /* by the node: inputs are ignored until DOWN */
    bool is_deaf;  /* the node said STOP */
} boundary_stream;

typedef struct boundary_token {
    pu_token token;
    enum pu_ef_kind kind; /* DIAL, UPGRADE, STREAM_OPEN */
    pu_handle conn;       /* STREAM_OPEN: on which */
    bool is_cancelled;
} boundary_token;

typedef struct boundary {
    const pu_config *config;
    boundary_conn *conns; /* owned */
    boundary_stream *streams;
    boundary_token *tokens;
    uint32_t conn_count, conn_cap, stream_count, stream_cap, token_count, token_cap;
    uint64_t stream_ordinal; /* the latest that was named */
} boundary;

void boundary_close(boundary *b);

/* An input that the host gives the node. */
void boundary_in(boundary *b, const pu_in *in);

/* An effect that the node gives the host. */
void boundary_ef(boundary *b, const pu_ef *ef);

/* NULL: not known (any more). */
boundary_conn *boundary_conn_of(boundary *b, pu_handle handle);
boundary_stream *boundary_stream_of(boundary *b, pu_handle handle);

#endif
