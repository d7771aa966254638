/* net-real/daemon/daemon_impl.h - what the files of the daemon share. Nobody else includes it.
 *
 * daemon.c    life: start, signals, the end
 * say.c       what people are told on standard error
 * circuits.c  what relays allow, and why relayed connections ended
 * grants.c    the authorized_keys file, read again whenever it changes
 * requests.c  what control requests do
 * proxies.c   local ports whose connections become streams
 * trials.c    requests for a proxy, until it is clear whether the service answers
 * control.c   requests over the Unix socket
 * splice.c    streams and sockets joined; reach.c: sockets on their way
 */
#ifndef NET_REAL_DAEMON_DAEMON_IMPL_H
#define NET_REAL_DAEMON_DAEMON_IMPL_H

#include "net-real/daemon/daemon.h"
#include "net-real/daemon/limits_text.h"
#include "net-real/spare.h"

enum {
    DAEMON_PENDING_MAX = 256,
    DAEMON_PROXIES_MAX = 64,
    DAEMON_SPLICES_MAX = 1024,
    DAEMON_SAID_MAX = 256,
    DAEMON_CIRCUITS_MAX = 256, /* a power of two */
    CIRCUIT_WHY_MAX = 384,
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
    uint32_t proxy;          /* number of the one that waits for this; 0: none */
    pu_handle stream, conn;  /* proxy: the stream that tries the service; 0: none yet */
    pu_time until;           /* proxy: for so long is waited for the service to answer */
    bool is_relayed;         /* proxy: that stream */
    const char *not_dialled; /* why the address that came with it is not; NULL: it is, or none */
    bool has_direct_address; /* one came with it, and it is no circuit's */
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
    char service[64]; /* cut, when it is longer; then no peer has it */
    char protocol[128];
    char listen[PROXY_LISTEN_MAX];
    char label[256]; /* for people */
} proxy;

/* A relayed connection that its relay limits, or a circuit that none has come of yet. */
typedef struct circuit {
    pu_handle conn;   /* 0: none */
    uint64_t carrier; /* ordinal of the connection to the relay; 0: the entry is free */
    pu_peer_id peer;
    uint64_t limit_bytes, limit_s; /* each way; 0: no such limit */
    pu_time since;                 /* when the relay said so */
    uint64_t received, sent;       /* of streams that are over */
    pu_time up_at;
    uint64_t life_ns; /* 0: it is still up */
    bool is_lost;     /* it ended without a word */
    bool is_told;     /* people know why */
} circuit;

/* How often something was told of in this minute. */
typedef struct said_often {
    pu_time since;
    unsigned count;
} said_often;

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
    said_often refused, full, low;
    bool is_short; /* it was told that not everybody could be authorised */
    struct said_path {
        pu_peer_id peer;
        pu_handle conn;
        bool is_relayed;
    } said[DAEMON_SAID_MAX]; /* the paths that were told last */
    uint32_t said_count;
    circuit circuits[DAEMON_CIRCUITS_MAX]; /* a ring */
    uint32_t circuit_next;
    pu_token stop_token;
    bool is_relay_told; /* a relay gave us a place, or it was told that none did */
};

/* Begins the end: peers are told, then daemon_run returns. */
void daemon_stop(peerupd *d);
/* Ends an application stream. */
void daemon_reset_stream(peerupd *d, pu_handle stream, uint32_t code);

/* ---- say.c ---- */
/* Tells on standard error, when it is to. */
void daemon_say(const peerupd *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Whether it is told once more: ten times a minute; of the others it is told how many they were,
 * "WHAT N more times". */
bool daemon_may_say(peerupd *d, said_often *often, const char *what);
/* The name of a peer in the configuration. NULL: it has none. */
const char *daemon_peer_name(const peerupd *d, pu_span id);
/* The same, else its id; the next three calls leave it alone. */
const char *daemon_peer_text(const peerupd *d, pu_span id);
/* An event of the node, but for DONE. */
void say_event(peerupd *d, const pu_ef *ef);
/* A DONE of the start: what the configuration asks for and the node does not do. */
void say_refused(peerupd *d, const pu_ef *done);
/* APP OPEN: the connection that carries the stream may soon be at its relay's limit. */
void say_low(peerupd *d, const pu_ef *open);
/* A proxied connection that did not come about, or was cut. */
void say_splice(peerupd *d, const splice_end *end);

/* ---- circuits.c ---- */
/* The host's trace. ctx: the daemon. */
void circuits_trace(void *ctx, const pu_trace *t);
/* The circuit of a connection. NULL: it has none, or no limits are known. */
circuit *circuits_find(peerupd *d, pu_handle conn);
/* What conn's relay allows it, and what is left: all that goes over the connection counts, with
 * what is not an application's. No limits: none are known. */
relay_limits circuits_limits(peerupd *d, pu_handle conn);
/* A stream is over: what it carried is counted for its circuit. */
void circuits_carried(peerupd *d, const splice_end *end);
/* Which limit has ended a connection that is lost, and what can be done. NULL: none, it seems. */
const char *circuit_why(const peerupd *d, const circuit *c, char text[CIRCUIT_WHY_MAX]);

/* ---- grants.c ---- */
/* The commands that authorise who is in the file, for the start; *count of them, kept with the
 * result. NULL: complaints were printed. */
struct grants *grants_open(const char *path, const pu_in **commands, size_t *count);
/* From now on changes of the file are given to d's host. */
void grants_watch(struct grants *g, peerupd *d);
void grants_close(struct grants *g);

/* ---- requests.c ---- */
/* EVENT DONE with the token of a request. False: it is none's. */
bool requests_done(peerupd *d, const pu_ef *done);
/* Nobody waits for them any more. */
void requests_forget(peerupd *d, void *ctx);
json_t *requests_error(const char *code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Waits for the answer to what->token; what is copied. False: too many, or no token. */
bool requests_wait(peerupd *d, const pending *what);
/* Answers *at, which is on the list of those that wait, and forgets it. */
void requests_answer(peerupd *d, pending **at, const pu_ef *done);
/* Tells the node the address that came with a request about p->peer, if any, and makes the node
 * dial it where that can be. False: it is none, or no memory. */
bool requests_give_address(peerupd *d, const json_t *request, pending *p);
/* Adds what whoever named an address should know: "notice". */
void requests_notice(json_t *answer, const pending *p, bool is_relayed);
/* Adds what a relay allows conn: "limit_bytes" each way and "limit_seconds"; and of those
 * "left_bytes" and "left_seconds". null: no such limit is known. */
void requests_put_limits(peerupd *d, pu_handle conn, json_t *object);
/* The peer that a request is about. */
bool requests_peer(const json_t *request, pu_peer_id *peer);
bool requests_is_self(const peerupd *d, const pu_peer_id *peer);
/* The name of a code, and the code in words for whoever wants to reach a peer. */
const char *requests_code_word(uint32_t code);
const char *requests_why_not(const peerupd *d, uint32_t code);

/* ---- trials.c ---- */
/* The requests "connect" and "disconnect"; the answer, or NULL: it will come. */
json_t *trials_connect(peerupd *d, const json_t *request, void (*answer)(void *, json_t *),
                       void *ctx);
json_t *trials_disconnect(peerupd *d, const json_t *request);
/* Takes an APP effect of a stream that tries a service. False: it is another's. */
bool trials_take(peerupd *d, const pu_ef *ef);
/* Ends those that have waited long enough. For how long the host may wait. */
uint64_t trials_mind(peerupd *d);

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
