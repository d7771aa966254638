/* sim/diag.h - what is wrong with texts: complaints with their places, kept until all are known,
 * then sorted. */
#ifndef SIM_DIAG_H
#define SIM_DIAG_H

#include "peerup/base.h"

#include <stdio.h>

enum {
    DIAG_ENTRIES_MAX = 200 /* complaints kept; further ones are counted */
};

/* A place in one of the texts. */
typedef struct diag_place {
    uint32_t source;       /* from diag_source */
    uint32_t line, column; /* from 1; line 0: the text as a whole */
} diag_place;

/* One complaint. */
typedef struct diag_entry {
    diag_place place;
    uint32_t order; /* in which they came */
    char *text;     /* owned */
} diag_entry;

/* A list of complaints; all zero is an empty one. */
typedef struct diag {
    char **sources; /* names of the texts, owned */
    uint32_t source_count, source_cap;
    diag_entry *entries; /* owned; DIAG_ENTRIES_MAX at most */
    uint32_t count;
    uint32_t dropped; /* beyond what is kept */
} diag;

/* Names a text (copied) and returns its number; complaints are sorted by it first. */
uint32_t diag_source(diag *d, const char *name);

/* Adds a complaint. Control bytes in it are shown as '?', so that a file cannot steer a terminal.
 */
void diag_add(diag *d, diag_place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sorts by source, line, column, and then as they came. */
void diag_sort(diag *d);

/* Writes one line a complaint: "NAME:LINE:COLUMN: text", or "NAME: text" for the text as a whole.
 */
void diag_print(const diag *d, FILE *out);

/* The same with a word before each text: "NAME:LINE:COLUMN: warning: text". */
void diag_print_as(const diag *d, const char *word, FILE *out);

/* Frees the list; it is empty again. */
void diag_free(diag *d);

#endif
