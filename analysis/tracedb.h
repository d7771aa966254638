/* analysis/tracedb.h - the run database: who writes a run calls these, and SQL is known here only.
 *
 * The file is written as PATH.partial-... and renamed by tracedb_close(true). Times are integer
 * nanoseconds of the run; there is no wall clock in it, so equal runs give equal bytes. Errors are
 * kept: every writer is silent after the first, and tracedb_close tells.
 */
#ifndef ANALYSIS_TRACEDB_H
#define ANALYSIS_TRACEDB_H

#include "peerup/base.h"
#include "peerup/trace.h"

typedef struct tracedb tracedb;

/* Creates PATH.partial-..., which no other program has, with the whole schema. NULL: error has the
 * reason, path named. */
tracedb *tracedb_create(const char *path, char *error, size_t error_cap);

/* Writes what is pending. keep: renames it to PATH; otherwise it is removed. False: error
 * has the reason of the first failure since create. db is gone in any case. */
bool tracedb_close(tracedb *db, bool keep, char *error, size_t error_cap);

typedef struct tracedb_run {
    uint64_t seed;
    const char *scenario, *about, *fidelity, *build, *command_line;
    const char *config_hash, *trace_hash; /* hex */
    uint64_t duration_ns;
    uint64_t events;
    bool is_partial; /* stopped before its end */
} tracedb_run;
void tracedb_put_run(tracedb *db, const tracedb_run *run); /* once, at the end */

typedef struct tracedb_node {
    uint32_t node;           /* index in the run */
    const char *name, *peer; /* peer id in base58 */
    const char *group;       /* NULL: named in the scenario */
    bool is_relay, is_public;
    uint32_t site;
    const char *address;        /* its own, at the start; "" when it has IPv6 alone */
    const char *public_address; /* of the outermost box; its own when public */
    const char *address6;       /* its own of IPv6; "" when it has none */
    const char *behind; /* "router eim/apdf/preserve > carrier eim/apdf/random"; "" when public */
} tracedb_node;
void tracedb_put_node(tracedb *db, const tracedb_node *node);

typedef struct tracedb_nat {
    uint32_t box;
    int64_t parent;        /* box around it; -1: public */
    const char *type_name; /* of the scenario; "" when drawn */
    const char *mapping, *filtering, *ports;
    uint64_t udp_idle_ns, udp_answered_ns, tcp_idle_ns;
    const char *refresh; /* "outbound", "both" */
    const char *hairpin; /* "none", "external", "internal" */
    bool blocks_udp;
    uint32_t addresses;  /* external ones */
    const char *pooling; /* "paired", "arbitrary" */
    const char *address; /* external, the first */
    const char *owner;   /* name of the node it was made for */
} tracedb_nat;
void tracedb_put_nat(tracedb *db, const tracedb_nat *nat);

/* Where node is from then on, in either family: its innermost box (-1: public, or not there) and
 * its own address ("": none). */
typedef struct tracedb_place {
    int64_t box;
    const char *address;
} tracedb_place;
void tracedb_put_attachment(tracedb *db, uint32_t node, pu_time at, const tracedb_place *four,
                            const tracedb_place *six);

/* One trace record of a node (--log events and packets). */
void tracedb_put_event(tracedb *db, uint32_t node, const pu_trace *event, const char *peer_name);

/* What a code says that dials and connections may end with: once for each. */
void tracedb_put_code(tracedb *db, uint32_t code, const char *name, const char *meaning);

typedef struct tracedb_dial {
    uint32_t node;
    const char *to;        /* name of the node meant, or its peer id */
    const char *address;   /* multiaddr text; circuits are written with /p2p-circuit */
    const char *transport; /* "quic", "tcp", "circuit" */
    pu_time start, end;    /* PU_NEVER: still under way at the end */
    const char *outcome;   /* "won", "lost", "failed", "open" */
    uint32_t code;         /* why it failed */
} tracedb_dial;
void tracedb_put_dial(tracedb *db, const tracedb_dial *dial);

typedef struct tracedb_conn {
    uint32_t node;    /* whose end this is */
    uint64_t conn;    /* ordinal there */
    const char *peer; /* name or peer id */
    bool dialled, relayed;
    const char *transport;       /* "quic", "tcp", "circuit" */
    const char *local, *remote;  /* endpoints; "" for circuits */
    pu_time up, confirmed, down; /* PU_NEVER: not so far */
    uint32_t code;               /* of its end */
} tracedb_conn;
void tracedb_put_conn(tracedb *db, const tracedb_conn *conn);

/* An interval in which `from` had a usable connection to `to` of that sort as its best. */
typedef struct tracedb_path {
    uint32_t from, to; /* nodes */
    bool direct;
    pu_time start, end; /* end: of the run when it still held */
} tracedb_path;
void tracedb_put_path(tracedb *db, const tracedb_path *path);

/* One connect of the script, again after each loss; PU_NEVER: did not come. */
typedef struct tracedb_connect {
    uint32_t from, to;
    pu_time asked, usable, direct, lost;
    const char *first_path, *last_path; /* "relay", "direct", "" */
    bool is_authorized;                 /* the keys of `to` name `from` */
} tracedb_connect;
void tracedb_put_connect(tracedb *db, const tracedb_connect *connect);

/* One stream of the script; delivered: all of its bytes had come, PU_NEVER: they did not. */
typedef struct tracedb_stream {
    uint32_t from, to;
    uint64_t bytes;
    pu_time asked, delivered;
} tracedb_stream;
void tracedb_put_stream(tracedb *db, const tracedb_stream *stream);

/* What the script did at a time, or what summaries keep of events; text by kind, as _doc says. */
void tracedb_put_note(tracedb *db, pu_time at, int64_t node, const char *kind, const char *text);

typedef struct tracedb_packet {
    pu_time at;
    uint64_t id;                     /* of the datagram */
    int64_t from_node, to_node, box; /* -1: none */
    const char *from, *to;           /* endpoints as they are at that place */
    const char *carriage, *kind, *fate;
    uint32_t bytes;
} tracedb_packet;
void tracedb_put_packet(tracedb *db, const tracedb_packet *packet);

/* meaning: what exactly was counted. */
void tracedb_put_metric(tracedb *db, const char *name, uint64_t value, const char *unit,
                        const char *meaning);

typedef struct tracedb_property {
    const char *name, *expected; /* what the scenario demands, in words */
    bool held;
    uint64_t took_ns,
        within_ns;   /* how long it took and might; PU_NEVER: never, or it has no time */
    const char *why; /* what was seen */
} tracedb_property;
void tracedb_put_property(tracedb *db, const tracedb_property *property);

#endif
