/* analysis/intern.h - texts that come again and again, numbered from 1 in the order seen. */
#ifndef ANALYSIS_INTERN_H
#define ANALYSIS_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Valid when all zero. */
typedef struct intern {
    char *text;      /* the texts one after the other, zero-terminated */
    size_t len, cap; /* bytes of text used and there */
    size_t *start;   /* where text id - 1 begins */
    uint32_t *slot;  /* open addressing: ids, 0 = free; slots is a power of two */
    uint32_t count, slots;
} intern;

/* The number of text, which becomes known by this; *fresh: it was not before. 0: no memory. */
uint32_t intern_id(intern *t, const char *text, bool *fresh);

/* Gives the memory back; t may be used again. */
void intern_close(intern *t);

#endif
