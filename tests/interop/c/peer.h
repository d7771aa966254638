/* tests/interop/c/peer.h - our side of the interop conversations (README.md): one host and the
 * streams of one command at a time.
 *
 * peer.c      start, flags, the lines
 * commands.c  what each command does
 * streams.c   application streams: what is sent, what is made of what comes
 * crowd.c     connections of many identities
 */
#ifndef TESTS_INTEROP_C_PEER_H
#define TESTS_INTEROP_C_PEER_H

#include "net-real/host_impl.h"

#include <jansson.h>

#define PROTO_ECHO "/peerup/interop/echo/1.0.0"
#define PROTO_SINK "/peerup/interop/sink/1.0.0"
#define PROTO_RESET "/peerup/interop/reset/1.0.0"
#define PROTO_PERF "/perf/1.0.0"
#define PROTO_IDENTIFY "/ipfs/id/1.0.0"

enum { WINDOW = 1 << 20, COLLECT_MAX = 65536, SERVICES_MAX = 32, HEAD_MAX = 16 };

/* What becomes of a stream's bytes. */
enum stm_role {
    ROLE_COLLECT = 1, /* ours: what comes is kept; `echo` and the like check it */
    ROLE_CHECK,       /* ours: what comes is the pattern */
    ROLE_COUNT,       /* ours: what comes is counted */
    ROLE_ECHO,        /* a peer's: back */
    ROLE_SINK,
    ROLE_RESET,
    ROLE_PERF
};

typedef struct stm {
    struct stm *next;
    struct peer *owner;
    pu_token token; /* of an OPEN that is not answered */
    pu_handle handle;
    enum stm_role role;
    bool is_open, is_over, was_reset, is_wrong;
    uint32_t code; /* of the reset, or why it could not be opened */

    uint8_t prefix[HEAD_MAX]; /* sent first */
    size_t prefix_len;
    uint64_t tx_room, tx_sent; /* offsets, prefix included */
    uint64_t tx_total;         /* data bytes to send; for a peer's stream it grows */
    bool fin_wanted, fin_sent;
    bool resets_at_end; /* after tx_total: RESET 42 */

    uint8_t head[HEAD_MAX]; /* received first: of peers' streams */
    size_t head_len, head_want;
    uint64_t rx_got;     /* data bytes, head not counted */
    uint64_t rx_granted; /* offset */
    bool rx_fin;
    pu_time first_at; /* the first data byte came */
    uint8_t *kept;    /* ROLE_COLLECT */
    size_t kept_len;
    uint64_t stop_at; /* sink: reads no more from here .. */
    pu_time stop_until;
    bool has_stopped;
} stm;

typedef struct served {
    char name[64], protocol[256];
    enum stm_role role;
    uint64_t count;
} served;

typedef struct member member;

typedef struct peer {
    pu_host *host;
    member *crowd; /* owned */
    stm *streams;
    served services[SERVICES_MAX];
    size_t service_count;
    uint64_t conns_in, conns_out, pings_in, resets_seen, identified;
    uint32_t reset_code;
    pu_token waits_for; /* a command of the node */
    bool is_done;
    uint32_t done_code;
    uint64_t done_offset;
    bool is_dialling;
    uint32_t dial_failed; /* code of the last leg that failed; 0: none */
    bool is_reserved;
    uint64_t reserved_until_s;
    bool quits;
} peer;

/* ---- streams.c ---- */

/* Opens a stream; NULL: no memory. prefix is sent first, then total bytes of the pattern, then FIN.
 */
stm *stm_open(peer *p, const pu_peer_id *to, const char *protocol, enum stm_role role);
void stm_start(stm *s, const uint64_t *prefix, size_t prefix_count, uint64_t total, bool fin);
void stm_free(stm *s);
void stm_effect(peer *p, const pu_ef *ef);
/* Sends what room allows. */
void stm_pump(stm *s);
/* Sinks whose pause is over read on. */
void stm_tick(peer *p);
pu_time stm_deadline(const peer *p);
void stm_reset(stm *s, uint32_t code);
uint8_t pattern_at(uint64_t offset);

/* ---- crowd.c ---- */

/* One more identity that connects to the address, and stays. Returns a code; OK: it is connected.
 */
uint32_t crowd_add(peer *p, const pu_peer_id *to, pu_span maddr, uint64_t limit_ns);
/* How many are connected. */
uint64_t crowd_count(const peer *p);
void crowd_free(peer *p);

/* ---- commands.c ---- */
/* The answer to one line. */
json_t *peer_command(peer *p, char **words, size_t count);
/* Turns the host until *flag or the deadline; tells which. */
bool turn_until(peer *p, const bool *flag, uint64_t limit_ns);
bool serve(peer *p, const char *protocol, enum stm_role role);

#endif
