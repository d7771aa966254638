/* sim/app.h - the applications of simulated hosts: one that sends so many bytes to another node,
 * and one that takes them, both through application streams as the applications of a real host do.
 *
 * Every byte that arrives is compared with what was sent, so that a node that loses, doubles or
 * mixes up bytes is found out.
 */
#ifndef SIM_APP_H
#define SIM_APP_H

#include "peerup/node.h"

/* One transfer, of one `stream` event. */
typedef struct app_transfer {
    uint32_t from, to; /* nodes */
    uint64_t bytes;
    pu_time asked;     /* PU_NEVER: the script has not come to it */
    pu_time delivered; /* all bytes had come, and nothing else; PU_NEVER: they have not */
    uint32_t code;     /* why it ended too soon; PU_CODE_OK: it has not */
    /* The sending side. */
    pu_handle stream; /* at `from`; 0: none (yet, or any more) */
    uint64_t sent, room;
    bool is_sent;   /* FIN too */
    uint32_t tries; /* that were refused for want of room */
    pu_span peer;   /* binary id of `to` */
} app_transfer;

/* A stream that a node took from a peer. */
typedef struct app_taken {
    uint32_t node; /* who took it */
    pu_handle stream;
    uint32_t number; /* of the transfer; meaningless before its head has come */
    uint64_t received, room;
    uint8_t head[4];
    bool is_bad; /* something came that was not sent */
} app_taken;

typedef struct apps {
    app_transfer *transfers; /* owned */
    uint32_t transfer_cap, transfer_count;
    app_taken *taken; /* owned; streams that are open */
    uint32_t taken_cap, taken_count;
    void *ctx;
    void (*input)(void *ctx, uint32_t node, const pu_in *in); /* gives a node an input */
} apps;

/* Every node that a transfer goes to exposes this service, once it has started. Returns the length
 * of the body of COMMAND EXPOSE. */
size_t apps_service(uint8_t *out, size_t cap);

/* Begins transfer number now. peer: the binary id of its other node, kept. What is refused for want
 * of room is tried again a few times. */
void apps_begin(apps *a, pu_time now, uint32_t number, pu_span peer);

/* An APP effect of a node. */
void apps_effect(apps *a, pu_time now, uint32_t node, const pu_ef *ef);

/* node has crashed: its streams are gone. */
void apps_crash(apps *a, uint32_t node);

void apps_close(apps *a);

#endif
