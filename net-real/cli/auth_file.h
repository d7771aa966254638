/* net-real/cli/auth_file.h - the authorized_keys file: read whole, changed under a lock, replaced
 * at once. A link is followed: what it points to is replaced.
 *
 * Lines keep their order, their comments and attributes that are unknown here.
 */
#ifndef NET_REAL_CLI_AUTH_FILE_H
#define NET_REAL_CLI_AUTH_FILE_H

#include "peerup/ident.h"

#include <stdio.h>

/* Calls each for every entry: its parsed form and the line as it is, without the newline. A file
 * that is missing has none. False: it cannot be read, others may write it, or a line is no entry;
 * complaints says FILE:LINE:COLUMN and goes on with the next line. */
bool auth_file_read(const char *path,
                    void (*each)(void *ctx, const pu_authorized *entry, pu_span line), void *ctx,
                    FILE *complaints);

enum auth_change {
    AUTH_DONE = 1,
    AUTH_NOTHING /* it is there already, or not there */,
    AUTH_FAILED
};

enum { AUTH_COMMENT_MAX = 512 }; /* bytes */

/* Appends an entry; comment may be NULL, and has AUTH_COMMENT_MAX bytes at most. */
enum auth_change auth_file_add(const char *path, const pu_peer_id *id, const char *comment,
                               FILE *complaints);

/* Removes every entry of id. */
enum auth_change auth_file_remove(const char *path, const pu_peer_id *id, FILE *complaints);

#endif
