/* sim/files_under.h - a list of files, and of those that folders hold, in the order of their names.
 */
#ifndef SIM_FILES_UNDER_H
#define SIM_FILES_UNDER_H

#include "peerup/base.h"

/* All zero is an empty one. */
typedef struct files_under {
    char **paths; /* owned */
    uint32_t count, cap;
} files_under;

/* Adds a path (copied), whatever is there. */
void files_under_add(files_under *f, const char *path);

/* Adds the files whose name ends so in a folder and in those below it, sorted by path. Names that
 * begin with '.' and folders that are symbolic links are passed over. False: a folder cannot be
 * read, error says which and why. */
bool files_under_take(files_under *f, const char *folder, const char *ending, char *error,
                      size_t error_cap);

/* Frees the list; it is empty again. */
void files_under_free(files_under *f);

#endif
