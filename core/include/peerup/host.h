/* peerup/host.h - a peer ready to run on Linux: node, link, sockets and event loop behind one
 * object of one thread. For C programs that want a peer and not its parts; the `peerup` daemon is
 * one.
 *
 *   pu_host_new(&host, &options, error, sizeof error);
 *   pu_host_command(host, &command);             commands and application streams, as peerup/node.h
 *   pu_host_run(host);                           until pu_host_stop; or pu_host_turn in a loop of
 * one's own
 *
 * What the node says comes back through options.event and options.app, called inside
 * pu_host_turn; from there everything may be called but pu_host_turn, pu_host_run and pu_host_free.
 */
#ifndef PEERUP_HOST_H
#define PEERUP_HOST_H

#include "peerup/node.h"

typedef struct pu_host pu_host;

/* How a host begins. Spans and texts are borrowed during pu_host_new, functions and ctx are kept.
 */
typedef struct pu_host_options {
    const pu_config *config; /* NULL: defaults; copied */
    const uint8_t
        *key_seed; /* PU_ED25519_SEED_BYTES: the identity; copied, wiped by pu_host_free */
    /* Where to listen: text multiaddrs such as /ip4/0.0.0.0/udp/4001/quic-v1, /ip6/::/tcp/0. UDP
     * port 0 and TCP port 0: any free one. None: only dialling, from a free UDP port. */
    const char *const *listen;
    size_t listen_count;
    /* A folder for what the node keeps across restarts (mode 0700, made if missing); NULL: it keeps
     * nothing. One host at a time uses it. */
    const char *state_dir;
    /* A file (made with mode 0600) that gets a recording of everything the node is given
     * (peerup/record.h), for `peerup-sim replay`; NULL: none. An existing file is replaced. */
    const char *record_path;
    uint64_t record_most_bytes; /* about where the recording ends; 0: 256 MiB */
    /* Commands given before the first TICK, in order: AUTHORISE, ADDRESS, EXPOSE. Tokens are as in
     * pu_host_command. */
    const pu_in *start;
    size_t start_count;

    void *ctx;
    void (*event)(void *ctx, const pu_ef *event);    /* EVENT effects; NULL: dropped */
    void (*app)(void *ctx, const pu_ef *app);        /* APP effects; NULL: offers are refused */
    void (*trace)(void *ctx, const pu_trace *event); /* NULL: off */
    uint64_t trace_mask;                             /* bits of enum pu_trace_area */
    /* The recording has ended before the node: its limit of size was reached, or the disk is full.
     * NULL: nobody wants to know. */
    void (*record_ended)(void *ctx, const char *why);
    /* Gets TLS secrets of QUIC connections, a line each (NSS key log); NULL: off. */
    void (*keylog)(void *ctx, const char *line);
} pu_host_options;

/* Makes a host: opens its sockets, reads what an earlier one kept, gives the node its start.
 * PU_ENOMEM; PU_ERANGE: error (cap bytes, may be NULL) says which option is at fault, and why. */
PU_API PU_MUST_USE int pu_host_new(pu_host **host, const pu_host_options *options, char *error,
                                   size_t cap);

/* Closes everything at once; peers are not told: give COMMAND STOP first and wait for its DONE. */
PU_API void pu_host_free(pu_host *host);

/* Queues a COMMAND or an APP input; spans are copied. `now` is set by the host; a token of 0 is
 * replaced by a new one. Returns the token. What the node refuses (PU_ERANGE, PU_EHANDLE) comes
 * back as EVENT DONE with code INVALID, or as APP RESET. 0: no memory. */
PU_API pu_token pu_host_command(pu_host *host, const pu_in *in);

/* Bytes of an application stream, within its room: as an APP DATA input, but without a copy when
 * the host is not inside a call of pu_host_turn. */
PU_API void pu_host_app_data(pu_host *host, pu_handle stream, pu_span bytes);

/* Does what is due once; waits for at most wait_ns (PU_NEVER: until something happens). False:
 * pu_host_stop was called. */
PU_API bool pu_host_turn(pu_host *host, uint64_t wait_ns);

/* Turns until pu_host_stop. */
PU_API void pu_host_run(pu_host *host);

/* Makes the turn under way the last one. */
PU_API void pu_host_stop(pu_host *host);

/* A descriptor that is readable when pu_host_turn(host, 0) has something to do: to nest the host in
 * another event loop. */
PU_API int pu_host_fd(const pu_host *host);

/* What a descriptor is watched for, and what it is ready for. */
enum pu_watch { PU_WATCH_READ = 1 << 0, PU_WATCH_WRITE = 1 << 1 };

/* Watches a descriptor of the program's own in the host's loop, level-triggered: events are bits of
 * enum pu_watch. A second call for the same descriptor replaces the first; 0 ends it, before the
 * descriptor is closed. An error or hang-up counts as ready for both. PU_ERANGE: it cannot be
 * watched. PU_ENOMEM. */
PU_API PU_MUST_USE int pu_host_watch(pu_host *host, int fd, uint32_t events,
                                     void (*ready)(void *ctx, int fd, uint32_t events), void *ctx);

/* Looks up the IP addresses of a name, or of a number, without waiting: found is called once,
 * inside a turn, with at most 16 of them, port 0; none when there is no such name. PU_ENOMEM;
 * PU_ERANGE: too many at once. */
PU_API PU_MUST_USE int pu_host_lookup(pu_host *host, const char *name,
                                      void (*found)(void *ctx, const pu_endpoint *at,
                                                    uint32_t count),
                                      void *ctx);

/* From now on found is not called for lookups with this ctx. */
PU_API void pu_host_lookup_cancel(pu_host *host, void *ctx);

/* The node, for its readers (pu_node_read_*, pu_node_id) between turns. */
PU_API const pu_node *pu_host_node(const pu_host *host);

/* Bytes that a relayed connection has received and sent, as its relay counts them: what is carried
 * for applications, and all around it. False: conn is direct, or gone. */
PU_API bool pu_host_carried(const pu_host *host, pu_handle conn, uint64_t *received,
                            uint64_t *sent);

/* Where others can come in: the next of what options.listen asked for, with the port that it got;
 * 0.0.0.0 and :: are every address of their family alone. *cursor begins with 0. False: no more. */
PU_API bool pu_host_read_listens(const pu_host *host, uint32_t *cursor, pu_endpoint *at,
                                 enum pu_transport *transport);

/* Time of the host's clock, as in every input. */
PU_API pu_time pu_host_now(const pu_host *host);

#endif
