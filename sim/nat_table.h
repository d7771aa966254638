/* sim/nat_table.h - the mappings of one NAT box: a dense array, found by key and by outer endpoint.
 *
 * Private to sim/nat*.c. It knows nothing of time-outs and rules: nat.c decides what a key is made
 * of, what is alive and what goes.
 */
#ifndef SIM_NAT_TABLE_H
#define SIM_NAT_TABLE_H

#include "peerup/ident.h"

#define NAT_NOWHERE UINT32_MAX /* no mapping */

/* An address and a port, compared by their bytes. Port 0 where only the address counts, all 0 where
 * nothing does. */
typedef struct nat_remote {
    uint8_t ip[16];
    uint16_t port;
} nat_remote;

_Static_assert(sizeof(nat_remote) == 18, "compared by its bytes: it has no padding");

/* What names a mapping from the inside: who sends, and as much of to whom as the box looks at. */
typedef struct nat_key {
    nat_remote inner, remote;
} nat_key;

_Static_assert(sizeof(nat_key) == 36, "compared by its bytes: it has no padding");

/* An outer endpoint in one word: which of the box's addresses, and the port. */
static inline uint32_t nat_outer(uint32_t address, uint16_t port)
{
    return address << 16 | port;
}

typedef struct nat_mapping_entry {
    nat_key key;
    uint32_t outer; /* external: nat_outer */
    uint16_t allowed_count;
    bool is_answered; /* something came in */
    bool is_asked;    /* made because its host asked for it, and has sent nothing out by it */
    uint32_t allowed_cap;
    nat_remote *allowed; /* owned; who may send in: sent to most recently first */
    pu_time used;        /* refreshed last */
    pu_time held_until;  /* its host has asked for it until then: anybody may send in */
    uint32_t hash[2];    /* of key, of outer */
} nat_mapping_entry;

/* Zero is a valid, empty table. It stays where it is: it may point at itself. */
typedef struct nat_table {
    uint32_t *slots[2]; /* owned; by key, by outer: index + 1, or 0 */
    uint32_t
        slot_count; /* of each, a power of two; 0: few were ever there, and are looked through */
    uint32_t count, cap;     /* of at */
    nat_mapping_entry *at;   /* owned, unless it is &first; dense: count of cap used */
    nat_mapping_entry first; /* where a table of one has it: beside what is read before */
} nat_table;

void nat_table_close(nat_table *t);

/* Index of the mapping of that key, or at that outer endpoint; NAT_NOWHERE when there is none.
 * Indices hold until a removal. */
uint32_t nat_table_by_key(const nat_table *t, const nat_key *key);
uint32_t nat_table_by_outer(const nat_table *t, uint32_t outer);

/* Adds a mapping, nobody allowed yet, and returns its index. Neither key nor outer may be there. */
uint32_t nat_table_add(nat_table *t, const nat_key *key, uint32_t outer);

/* Moves the mapping at index to another outer endpoint, which must be free. */
void nat_table_move(nat_table *t, uint32_t index, uint32_t outer);

/* Removes the mapping at index; the last one takes its place. */
void nat_table_remove(nat_table *t, uint32_t index);

/* Puts remote first among those that may send in to the mapping at index. Of more than most the
 * last goes. */
void nat_table_allow(nat_table *t, uint32_t index, const nat_remote *remote, uint32_t most);

/* Whether remote is among them. */
bool nat_table_allows(const nat_table *t, uint32_t index, const nat_remote *remote);

#endif
