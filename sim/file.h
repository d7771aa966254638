/* sim/file.h - whole files, folders and paths for the simulator's front end. */
#ifndef SIM_FILE_H
#define SIM_FILE_H

#include "peerup/base.h"

/* Reads a file of at most max bytes; the block is given to the caller (a NUL follows its *len
 * bytes). NULL: error says why, without the path. */
uint8_t *file_read(const char *path, size_t max, size_t *len, char *error, size_t error_cap);

/* Makes the folder path and those above it. False: error says which one and why. */
bool file_make_folders(const char *path, char *error, size_t error_cap);

/* The same for the folder that the file path is to be in. */
bool file_make_parents(const char *path, char *error, size_t error_cap);

/* Writes name as seen from the folder of the file base: names that begin with '/' stay as they are.
 * False: it does not fit. */
bool file_beside(const char *base, const char *name, char *out, size_t out_cap);

#endif
