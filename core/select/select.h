/* select/select.h - multistream-select 1.0 as a machine over bytes: one side, one negotiation.
 *
 * Source: libp2p specs connections/README.md §multistream-select. Every message is varint(n) ||
 * text || '\n', n at most 1,024. The machine never waits for the other side's header before it
 * writes its own proposal (js and rust listeners wait for ours), accepts header and proposal in any
 * segmentation, and hands over what follows the agreed proposal.
 */
#ifndef SELECT_SELECT_H
#define SELECT_SELECT_H

#include "base/bytes.h"

enum {
    SELECT_MESSAGE_MAX = 1024, /* text and newline, bytes */
    SELECT_PROPOSALS_MAX = 64, /* a listener gives up after so many refused proposals */
};

enum select_result {
    SELECT_MORE = 1, /* wait for more bytes */
    SELECT_AGREED,   /* agreed; what is left in *in belongs to the protocol */
    SELECT_REFUSED,  /* dialer: every proposal was answered `na` */
    SELECT_FAILED    /* malformed, too long, or too many proposals: reset the stream */
};

/* What a listener offers: the index of the protocol with this name, or -1. */
typedef int (*select_find)(const void *ctx, pu_span name);

/* One side of one negotiation. It keeps no bytes: unread input stays with the caller and is shown
 * again, longer. */
typedef struct select_machine {
    uint8_t is_listener;
    uint8_t saw_header; /* the other side's header has been read */
    uint8_t proposals;  /* listener: refused so far */
    int16_t agreed;     /* index agreed, -1 before */
} select_machine;

/* Starts a dialer for one protocol: appends header and proposal to out in one go (lazy form: the
 * protocol may write at once, and must not read before SELECT_AGREED). */
void select_dial(select_machine *m, pu_span name, pu_buf *out);

/* Starts a listener. Nothing is written until the dialer's header has come. */
void select_listen(select_machine *m);

/* Reads from *in, takes what it understood off *in, appends answers to out (which has room for
 * SELECT_MESSAGE_MAX + 64 bytes). find and ctx: what a listener offers; name: what the dialer
 * proposed. On SELECT_AGREED m->agreed is find's index, 0 for a dialer. Answers that outgrow that
 * room (dozens of refusals, then an agreed name of 800 bytes, all in one call) fail. */
enum select_result select_read(select_machine *m, pu_span *in, pu_buf *out, select_find find,
                               const void *ctx, pu_span name);

#endif
