/* sim/file.h - whole files, folders and paths for the simulator's front end. */
#ifndef SIM_FILE_H
#define SIM_FILE_H

#include "peerup/base.h"

#include <stdio.h>

/* Reads a file of at most max bytes; the block is given to the caller (a NUL follows its *len
 * bytes). NULL: error says why, without the path. */
uint8_t *file_read(const char *path, size_t max, size_t *len, char *error, size_t error_cap);

/* Whether path is a folder, or leads to one. */
bool file_is_folder(const char *path);

/* Makes the folder path and those above it. False: error says which one and why. */
bool file_make_folders(const char *path, char *error, size_t error_cap);

/* The same for the folder that the file path is to be in. */
bool file_make_parents(const char *path, char *error, size_t error_cap);

/* A file that is being written: under another name until it is whole, so that what had its name
 * before stays when something fails. */
typedef struct file_new {
    FILE *out;
    char *path, *partial; /* owned */
} file_new;

/* Begins the file path. False: error says why, path named. */
bool file_new_open(file_new *f, const char *path, char *error, size_t error_cap);

/* Ends it. failed: errno of what went wrong so far, 0 when nothing did; then, and when the rest
 * cannot be written, nothing is left of it. False: error says why, path named. */
bool file_new_close(file_new *f, int failed, char *error, size_t error_cap);

/* Ends it, and nothing is left of it. */
void file_new_drop(file_new *f);

/* Writes name as seen from the folder of the file base: names that begin with '/' stay as they are.
 * False: it does not fit. */
bool file_beside(const char *base, const char *name, char *out, size_t out_cap);

#endif
