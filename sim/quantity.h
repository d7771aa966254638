/* sim/quantity.h - numbers with units, as people write them, read exactly with integers. */
#ifndef SIM_QUANTITY_H
#define SIM_QUANTITY_H

#include "peerup/base.h"

enum {
    QUANTITY_WHY_MAX = 256, /* bytes of a reason, terminator included */
    QUANTITY_PRINT_MAX = 32 /* bytes of a printed quantity, terminator included */
};

/* Longest duration, so that sums of times never overflow: 366 days. */
#define QUANTITY_DURATION_MAX (UINT64_C(366) * 86400 * PU_S)

/* What a text is read as; decimals are allowed where the result is whole. */
enum quantity_kind {
    QUANTITY_DURATION = 1, /* ns: "120s" "35ms" "1h30m" "116min" */
    QUANTITY_RATE,         /* bits a second: "20Mbit" */
    QUANTITY_SHARE,        /* parts per million, at most all of them: "0.5%" */
    QUANTITY_SIZE,         /* bytes: "10KiB" "64kB" */
    QUANTITY_COUNT,        /* a whole number, at most INT64_MAX: "50" */
    QUANTITY_FRACTION,     /* parts per million, written from 0 to 1: "0.5715" */
    QUANTITY_SECONDS,      /* ns, written as seconds without a unit: "65" */
    QUANTITY_FACTOR,       /* parts per million, at most a thousand: "0.518" */
    QUANTITY_JUMP          /* ns, at most a hundred years: "2years" "90min" */
};

/* Reads text. False: *value is untouched and why is a phrase such as
 * "'20mbit' is not a rate: unknown unit 'mbit', did you mean 'Mbit'?". */
bool quantity_read(enum quantity_kind kind, const char *text, uint64_t *value,
                   char why[QUANTITY_WHY_MAX]);

/* Writes a duration, rate, size or count (no share) as text, exactly, in the coarsest unit that
 * divides it, and returns out. */
const char *quantity_print(enum quantity_kind kind, uint64_t value, char out[QUANTITY_PRINT_MAX]);

#endif
