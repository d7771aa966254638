/* analysis/partial.h - a file is written under a name of its own beside its place and renamed when
 * it is whole: who looks there sees all of it or the one before, also when two programs write at
 * once. */
#ifndef ANALYSIS_PARTIAL_H
#define ANALYSIS_PARTIAL_H

#include <stdbool.h>
#include <stddef.h>

/* Makes an empty file beside path that nobody else has and puts its name into out. False: errno
 * says why; ENAMETOOLONG when it does not fit into cap bytes. */
bool partial_make(const char *path, char *out, size_t cap);

#endif
