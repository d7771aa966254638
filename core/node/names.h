/* node/names.h - addresses that begin with a name (/dns, /dns4, /dns6, /dnsaddr), private to node/.
 *
 *   names.c      the table: which peers have such addresses, and what was found for them
 *   resolve.c    looking them up: questions to the host, names behind names, answers
 *
 * To the dialer a name is a leg (LEG_NAMING) that ends when its lookups have; what they find has
 * legs of its own from the moment it is found. Only addresses that a command gave are looked up:
 * no peer makes us ask for a name. What is found is used again until it is old.
 */
#ifndef NODE_NAMES_H
#define NODE_NAMES_H

#include "node/impl.h"

/* An address with a name, of a peer. */
typedef struct named_addr {
    uint32_t number; /* from 1, never reused */
    pu_peer peer;    /* one reference held */
    uint8_t *maddr;  /* owned; without /p2p/ID at its end */
    uint32_t len;
    uint32_t asked;     /* lookups under way */
    uint32_t taken;     /* multiaddrs that they have brought so far */
    uint32_t last_code; /* of the last lookup that failed */
    pu_token leg;       /* that waits for them; it may be gone */
    pu_time until;      /* `found` is good until then */
    direct_addr *found; /* owned */
    uint32_t found_cap, found_count;
} named_addr;

/* A RESOLVE that has no answer. */
typedef struct lookup {
    pu_token token;
    uint32_t name;   /* number of the named_addr that it is for */
    uint32_t depth;  /* names on the way to this one */
    bool is_dnsaddr; /* whole addresses are asked for */
    uint8_t *rest;   /* owned: what follows the name in its address */
    uint32_t rest_len;
} lookup;

/* State of MODULE_NAMES. */
typedef struct names {
    named_addr *at; /* owned */
    uint32_t cap, count, last_number;
    lookup *lookups; /* owned */
    uint32_t lookup_cap, lookup_count;
} names;

extern const struct module module_names;

static inline names *names_peek(const pu_node *n)
{
    return ctx_state_peek(n, MODULE_NAMES);
}

/* ---- names.c ---- */
uint32_t name_add(pu_node *n, pu_peer peer, pu_span maddr); /* pu_code */
void names_forget(pu_node *n, pu_peer peer);
uint32_t names_of_peer(const pu_node *n, pu_peer peer);
named_addr *name_find(const pu_node *n, uint32_t number);
/* Walks the names of a peer; *cursor starts at 0. NULL: no more. */
named_addr *name_next(const pu_node *n, pu_peer peer, uint32_t *cursor);
bool name_is_good(const pu_node *n, const named_addr *name); /* found, and not old */

/* ---- resolve.c ---- */
void name_begin(pu_node *n, uint32_t number, pu_token waits); /* the leg that waits for it */
void name_give_up(pu_node *n, uint32_t number);               /* late answers are ignored */
int resolved_check(const pu_in *in);
void resolved(pu_node *n, const pu_in *in);

#endif
