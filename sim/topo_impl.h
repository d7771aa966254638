/* sim/topo_impl.h - what topo.c (matrices) and topo_regions.c (named regions) share: the table, and
 * the text that it is read from.
 */
#ifndef SIM_TOPO_IMPL_H
#define SIM_TOPO_IMPL_H

#include "sim/topo.h"

enum { TOPO_SITES_MAX = 8192, TOPO_FILE_BYTES_MAX = 1 << 30 };

struct topo {
    uint32_t sites;
    uint64_t constant_ns;         /* between any two sites, when rtt_us is NULL */
    uint32_t *rtt_us;             /* row by row; owned */
    char (*names)[TOPO_NAME_MAX]; /* of regions; owned, NULL: sites have numbers only */
    uint32_t *share_ppm;          /* of hosts in each; owned, NULL: as many in one as in another */
};

/* The text being read; line and column count from 1, columns in fields. */
typedef struct cursor {
    const char *name, *at, *end;
    uint32_t line, column;
    char *error;
    size_t error_cap;
    char separator;   /* of fields */
    const char *noun; /* what a number is: "round trip" */
} cursor;

/* Says what is wrong where the cursor is. Always false. */
bool cursor_refuse(const cursor *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether the field is over: at a separator, a line's end, the text's end. */
bool cursor_is_field_end(const cursor *c);

/* One number in milliseconds, up to the end of its field, at most a minute. */
bool cursor_read_ms(cursor *c, uint32_t *us);

/* How many fields the line has that the cursor stands in, from there on. */
uint32_t cursor_fields(const cursor *c);

/* Reads a file and has it parsed. */
topo *topo_read_by(const char *path, char *error, size_t error_cap,
                   topo *(*parse)(const char *name, const char *text, size_t len, char *error,
                                  size_t error_cap));

#endif
