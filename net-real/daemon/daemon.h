/* net-real/daemon/daemon.h - a node with its configuration, services, proxies and control requests:
 * what `peerup daemon` and `peerup relay serve` run, and other commands for a moment when no daemon
 * is there.
 */
#ifndef NET_REAL_DAEMON_DAEMON_H
#define NET_REAL_DAEMON_DAEMON_H

#include "net-real/cli/config.h"
#include "net-real/daemon/splice.h"

#include <jansson.h>

typedef struct daemon_options {
    const config *c; /* kept */
    const uint8_t *key_seed;
    const char *record_path;    /* NULL: no recording */
    uint64_t record_most_bytes; /* 0: the host's own limit */
    /* A daemon of its own listens, keeps its records and takes requests at its socket. Otherwise it
     * only dials, under the same identity. */
    bool is_served;
    bool is_loud; /* tells on standard error what happens */
} daemon_options;

typedef struct peerupd peerupd;

/* NULL: error says why, and *is_config whether a file that the configuration names is to blame. */
peerupd *daemon_new(const daemon_options *options, bool *is_config, char *error, size_t cap);
void daemon_free(peerupd *d);

/* Runs until SIGINT, SIGTERM or SIGHUP (unless that is ignored), a request to stop, or, when until
 * is not NULL, until *until. Peers are told of the end. */
void daemon_run(peerupd *d, const bool *until);

/* Runs for so long, or until it is to stop. */
void daemon_wait(peerupd *d, uint64_t wait_ns);

/* Whether a signal or a request has asked for the end. */
bool daemon_is_stopped(const peerupd *d);

/* Takes one request, see control.h. answer is called once, at once or during a later turn, with an
 * object that it borrows. request is borrowed. */
void daemon_request(peerupd *d, const json_t *request, void (*answer)(void *ctx, json_t *response),
                    void *ctx);

#endif
