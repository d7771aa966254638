/* sim/repro.h - the file that a failing run leaves: what to run again, and what must come out
 * (JSON, peerup.repro/1). */
#ifndef SIM_REPRO_H
#define SIM_REPRO_H

#include "sim/run.h"

enum { REPRO_SETS_MAX = 256 };

typedef struct repro {
    const char *scenario; /* path as it was given */
    uint64_t seed;
    const char *sets[REPRO_SETS_MAX]; /* --set texts, in order */
    uint32_t set_count;
    char build[64];
    uint64_t config_hash[2], trace_hash[2];
    void *json; /* holds the texts of a repro that was read */
} repro;

/* Writes path. result gives the names of violated properties. False: error has the reason. */
bool repro_write(const char *path, const repro *r, const run_result *result, char *error,
                 size_t error_cap);

/* Reads the bytes of a file. False: error says what is wrong. */
bool repro_read(repro *r, pu_span bytes, char *error, size_t error_cap);

/* Frees what repro_read has made. */
void repro_free(repro *r);

#endif
