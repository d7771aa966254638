/* net-real/daemon/daemon_impl.h - what the files of the daemon share. Nobody else includes it.
 *
 * daemon.c    life: start, signals, the end
 * grants.c    the authorized_keys file, read again whenever it changes
 * requests.c  what control requests do
 * proxies.c   local ports whose connections become streams
 * control.c   requests over the Unix socket
 * splice.c    streams and sockets joined; reach.c: sockets on their way
 */
#ifndef NET_REAL_DAEMON_DAEMON_IMPL_H
#define NET_REAL_DAEMON_DAEMON_IMPL_H

#include "net-real/daemon/daemon.h"
#include "net-real/spare.h"

enum {
    DAEMON_PENDING_MAX = 256,
    DAEMON_PROXIES_MAX = 64,
    DAEMON_SPLICES_MAX = 1024,
    DAEMON_SAID_MAX = 256,
    PROXY_LISTEN_MAX = 80,
    PROXY_ID_MAX = 24
};

/* Tokens of commands that no request waits for, and whose refusal people must hear of; the rest of
 * such a token is an index into the configuration. */
#define TOKEN_GRANT 0x41000000u
#define TOKEN_RELAY 0x42000000u
#define TOKEN_SERVICE 0x43000000u
#define TOKEN_SORT 0xff000000u

/* A request whose command or OPEN the node has not answered. */
typedef struct pending {
    struct pending *next;
    pu_token token;
    pu_peer_id peer;
    uint32_t proxy; /* number of the one that waits for this; 0: none */
    json_t *(*describe)(peerupd *d, const struct pending *p, const pu_ef *done);
    void (*answer)(void *ctx, json_t *response);
    void *ctx;
} pending;

typedef struct proxy {
    struct proxy *next;
    peerupd *owner;
    uint32_t number; /* from 1; its id is "proxy-NUMBER", which no other gets later */
    int fd;
    pu_peer_id peer;
    char protocol[128];
    char listen[PROXY_LISTEN_MAX];
    char label[160]; /* for people */
} proxy;

/* What became of a request for a proxy. */
enum proxy_result {
    PROXY_OPEN = 1,
    PROXY_USAGE, /* what was asked for makes no sense */
    PROXY_FAILED /* the machine does not give it */
};

struct grants;
struct control;

struct peerupd {
    const config *c;
    bool is_served, is_loud;
    pu_host *host;
    splices *joints;
    spare reserve; /* of every listener of the daemon's own */
    pending *waiting;
    uint32_t waiting_count;
    proxy *proxies;
    uint32_t proxy_count, proxy_last; /* how many there are; the last number given */
    struct grants *authorised;
    struct control *door; /* NULL: no socket */
    int signals;          /* signalfd; -1: none */
    bool is_stopping, is_stopped;
    pu_time refused_at; /* since when these were told: */
    unsigned refused_count;
    bool is_short; /* it was told that not everybody could be authorised */
    struct said_path {
        pu_peer_id peer;
        bool is_relayed;
    } said[DAEMON_SAID_MAX]; /* the paths that were told last */
    uint32_t said_count;
    pu_token stop_token;
    bool is_relay_told; /* a relay gave us a place, or it was told that none did */
};

/* Tells on standard error, when it is to. */
void daemon_say(const peerupd *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Begins the end: peers are told, then daemon_run returns. */
void daemon_stop(peerupd *d);

/* ---- grants.c ---- */
/* The commands that authorise who is in the file, for the start; *count of them, kept with the
 * result. NULL: complaints were printed. */
struct grants *grants_open(const char *path, const pu_in **commands, size_t *count);
/* From now on changes of the file are given to d's host. */
void grants_watch(struct grants *g, peerupd *d);
void grants_close(struct grants *g);

/* ---- requests.c ---- */
/* EVENT DONE, APP OPEN or APP RESET with the token of a request. False: it is none's. */
bool requests_done(peerupd *d, const pu_ef *done);
/* Nobody waits for them any more. */
void requests_forget(peerupd *d, void *ctx);
json_t *requests_error(const char *code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- proxies.c ---- */
/* Listens at host:port ("" host: loopback; port 0: any) for the service of a peer. *out is valid
 * with PROXY_OPEN, error otherwise. */
enum proxy_result proxy_open(peerupd *d, proxy **out, const pu_peer_id *peer, const char *service,
                             const char *listen, char *error, size_t cap);
/* Asks the peer for one stream, to hear whether it has the service; the answer comes with the token
 * that this returns (0: no memory), and the stream is the caller's to reset. */
pu_token proxy_try(const proxy *p);
/* Writes its id into id, and returns that. */
const char *proxy_id(const proxy *p, char id[PROXY_ID_MAX]);
/* The proxy with that number, or that text: its id, or where it listens. NULL: there is none. */
proxy *proxy_of_number(const peerupd *d, uint32_t number);
proxy *proxy_of_text(const peerupd *d, const char *text);
/* Listens no more. Connections that it took go on. */
void proxy_close(proxy *p);
void proxies_close(peerupd *d);

/* ---- control.c ---- */
/* Takes requests at path. NULL: error. */
struct control *control_open(peerupd *d, const char *path, char *error, size_t cap);
void control_close(struct control *c);
/* One line of a client, without its end: a request, or what is told to be none. answer as for
 * daemon_request. */
void control_take(peerupd *d, const char *line, size_t len,
                  void (*answer)(void *ctx, json_t *response), void *ctx);

#endif
