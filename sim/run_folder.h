/* sim/run_folder.h - the folder that the files of a run go to, and what an older run has left
 * there: it tells of another run than the one that has just ended. */
#ifndef SIM_RUN_FOLDER_H
#define SIM_RUN_FOLDER_H

#include "peerup/base.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    RUN_FOLDER_MAX = 3800, /* bytes of --out, with its NUL */
    RUN_FILE_MAX = 4096    /* bytes of a path, with its NUL */
};

/* Where the runs of one command go. */
typedef struct run_folder {
    const char *out;  /* --out; NULL: out/NAME */
    const char *name; /* of the scenario */
    bool is_many;     /* --seeds: each run in seed-N below it */
} run_folder;

/* The file name of the run with that seed; "": its folder. */
void run_folder_path(const run_folder *f, uint64_t seed, const char *name, char path[RUN_FILE_MAX]);

/* The file name in the folder of the command itself; "": that folder. */
void run_folder_top(const run_folder *f, const char *name, char path[RUN_FILE_MAX]);

/* Makes the folder of the run with that seed. False: why has been said. */
bool run_folder_make(const run_folder *f, uint64_t seed);

/* Whether the run with that seed, or one before it, has left the file name. */
bool run_folder_has(const run_folder *f, uint64_t seed, const char *name);

/* Removes that file, as it is an older run's; what speaks against it is said. */
void run_folder_remove(const run_folder *f, uint64_t seed, const char *name);

#endif
