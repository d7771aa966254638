/* sim/names.h - numbers by name: for texts that stay where they are as long as the table. */
#ifndef SIM_NAMES_H
#define SIM_NAMES_H

#include "base/imap.h"

#define NAMES_NONE UINT32_MAX

typedef struct names_entry {
    const char *name; /* the caller's */
    uint32_t number;
    uint32_t next; /* entry whose name has the same hash; NAMES_NONE: none */
} names_entry;

typedef struct names {
    pu_alloc alloc;
    imap first; /* hash -> entry */
    names_entry *entries;
    uint32_t count, cap;
} names;

/* n must not move afterwards. */
void names_init(names *n);
void names_close(names *n);

/* The number of name; NAMES_NONE: it has none. */
uint32_t names_find(const names *n, const char *name);

/* Gives name a number, unless it has one. Returns its number. */
uint32_t names_add(names *n, const char *name, uint32_t number);

#endif
