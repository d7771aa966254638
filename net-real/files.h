/* net-real/files.h - files that a node depends on: read whole, written whole or not at all.
 *
 * Reading never waits, whatever the path names; what is written is on disk when the call returns.
 */
#ifndef NET_REAL_FILES_H
#define NET_REAL_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    FILE_PRIVATE = 077, /* `forbidden`: others may neither read nor write it */
    FILE_OWNED = 022    /* others may not write it */
};

/* The bytes of a regular file of at most `max`, with a zero after them; the caller frees them.
 * forbidden: permissions it must not have. NULL: errno (ENOENT: it is missing), and error (cap
 * bytes) says PATH and why. */
uint8_t *files_read(const char *path, size_t max, mode_t forbidden, size_t *len, char *error,
                    size_t cap);

/* Makes path, mode 0600. False: errno; EEXIST: it is there and stays as it is. */
bool files_create(const char *path, const void *bytes, size_t len);

/* Puts another file, mode 0600, in the place of path, or of what path is a link to. False: errno,
 * and path is as it was. */
bool files_replace(const char *path, const void *bytes, size_t len);

/* Makes a folder and what is missing above it, mode 0700. False: errno. */
bool files_make_folder(const char *folder);

#endif
