/* node/apps.h - what the files of application streams share, private to node/.
 *
 *   service.c    a service as bytes
 *   services.c   what is exposed, and to whom
 *   app_names.c  protocol ids that applications named
 *   app_open.c   streams that our application wants: connect, open, select, answer
 *   apps.c       open streams: bytes and ends pass between the peer and the host
 *
 * An application stream is a peer stream of protocol PROTO_APP, and the host knows it by the same
 * handle. Nothing is kept of it but the app_stream in stream->state.
 */
#ifndef NODE_APPS_H
#define NODE_APPS_H

#include "node/impl.h"

/* A protocol id, as long as a service, an open or a stream has it. */
typedef struct app_name {
    uint8_t *text;    /* owned; NULL: the place is free */
    uint32_t holders; /* services, opens and streams */
    uint32_t service; /* number of the service that serves it; 0: none */
    uint8_t len;
    uint8_t rank; /* its place in that service's list */
} app_name;

typedef struct app_service {
    uint8_t *definition; /* owned; what `is` points into */
    size_t definition_len;
    pu_service is;
    uint32_t number;  /* from 1, never reused */
    uint32_t streams; /* open to it */
    uint64_t opened, refused;
} app_service;

/* An APP OPEN of the host's that has no answer yet. */
typedef struct app_open {
    uint32_t number; /* from 1: the host may use a token again */
    pu_token token;
    pu_peer peer;     /* one reference held */
    uint32_t name;    /* held */
    bool limited;     /* a connection that a relay limits will do */
    bool has_begun;   /* a stream was asked for; otherwise it waits for a connection */
    pu_handle stream; /* selecting; 0: not up yet */
    uint64_t room;
    pu_time deadline;
} app_open;

/* State of MODULE_APPS: made at first use. */
typedef struct apps {
    app_name *names;               /* by place; held by their place and 1 */
    uint32_t name_cap, name_count; /* places, free ones included */
    app_service *services;
    uint32_t service_cap, service_count, last_number;
    app_open *opens;
    uint32_t open_cap, open_count, last_open;
    uint32_t told;     /* streams that the application knows */
    uint32_t enforced; /* stream slots that apps_timer has seen */
} apps;

/* stream->state of PROTO_APP. */
typedef struct app_stream {
    uint32_t open;    /* ours: number of the OPEN that is not answered yet */
    uint32_t name;    /* its protocol; held */
    uint32_t service; /* number of the service that it was let in to; 0: none, or ours */
    uint32_t select_in, select_out; /* bytes of multistream-select, before the application's */
    uint32_t stop_code;
    bool is_told;       /* the application knows the stream by its handle */
    bool is_accepted;   /* bytes may pass */
    bool is_over;       /* the application has said its last word */
    bool has_finished;  /* it said FIN */
    bool reads_no_more; /* it said STOP */
    bool is_unread;     /* the peer said STOP */
    bool fin_is_told;
} app_stream;

_Static_assert(sizeof(app_stream) <= 4 * sizeof(uint64_t), "it lives in stream->state");

extern const struct proto proto_app;
extern const struct module module_apps;

/* NULL: nothing was exposed or opened yet. */
static inline apps *apps_peek(const pu_node *n)
{
    return ctx_state_peek(n, MODULE_APPS);
}

/* ---- app_names.c ---- */
/* Finds or adds a protocol id and holds it once; 0: too many, or no memory (traced). */
uint32_t app_name_hold(pu_node *n, pu_span text);
void app_name_again(pu_node *n, uint32_t name); /* holds it once more */
void app_name_drop(pu_node *n, uint32_t name);  /* 0: nothing */
pu_span app_name_text(const pu_node *n, uint32_t name);
app_name *app_name_at(const pu_node *n, uint32_t name);
/* The one that a service serves under this id; 0: none does. */
uint32_t app_name_served(const pu_node *n, pu_span text);

/* ---- services.c ---- */
uint32_t service_expose(pu_node *n, pu_span definition);      /* pu_code */
uint32_t service_withdraw(pu_node *n, pu_span name);          /* pu_code */
app_service *service_find(const pu_node *n, uint32_t number); /* NULL: withdrawn */
bool service_admits(const pu_node *n, const app_service *s, pu_peer peer);
uint32_t service_streams_max(const pu_node *n, const app_service *s);
uint32_t service_streams_per_peer_max(const pu_node *n, const app_service *s);
void services_free(pu_node *n, apps *a);
void services_peer_authorised(pu_node *n); /* somebody may use more than before */

/* ---- app_open.c ---- */
void app_open_run(pu_node *n, const pu_in *in);
app_open *app_open_find(const pu_node *n, uint32_t number);
app_open *app_open_of_token(const pu_node *n, pu_token token);
void app_open_fail(pu_node *n, uint32_t number, uint32_t code); /* answers; unknown: nothing */
void app_open_done(pu_node *n, uint32_t number);                /* forgets one that was answered */
void app_open_give_up(pu_node *n, pu_token token);
void app_open_timer(pu_node *n, uint64_t number);
bool app_opens_await(const pu_node *n, pu_peer peer); /* one waits for a connection with peer */
void app_opens_connected(pu_node *n, pu_peer peer);
void app_opens_failed(pu_node *n, pu_peer peer, uint32_t code);
void app_opens_conn_down(pu_node *n, conn *c, uint32_t code);
void app_opens_again(pu_node *n); /* memory was short: their timers may be missing */
void app_opens_free(pu_node *n, apps *a);

/* ---- apps.c ---- */
/* Whether the host may say this now; *found: the stream that it names, NULL for none. */
int app_check(pu_node *n, const pu_in *in, stream **found);
void app_run(pu_node *n, stream *s, const pu_in *in);
/* Selection found this name for an inbound stream. */
void app_named(pu_node *n, stream *s, uint32_t name);
pu_span app_protocol(const pu_node *n, const stream *s);
/* Somebody may use less than before: what he has open is reset in the next TICK. */
void apps_enforce(pu_node *n);
void apps_timer(pu_node *n, uint64_t arg);

#endif
