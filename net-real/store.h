/* net-real/store.h - what a node keeps across restarts: one file a record in a folder of its own.
 *
 * A record is durable when store_put returns: written beside, synced, renamed. Records are files
 * named by their key, with bytes other than a-z 0-9 . - written as %xx; mode 0600.
 */
#ifndef NET_REAL_STORE_H
#define NET_REAL_STORE_H

#include "peerup/node.h"

enum { STORE_NAME_MAX = PU_KEEP_KEY_MAX * 3 + 1 };

typedef struct store store;

/* Opens folder (made with mode 0700 if missing, its parents too) and locks it: one process at a
 * time. A folder that others may write is refused. NULL: error (cap bytes) names the file and the
 * reason. */
store *store_open(const char *folder, char *error, size_t cap);
void store_close(store *s);

/* Calls each for every record, sorted by key; spans are borrowed. Files that are no records (a bad
 * name, too long) are left alone. False: no memory, or each said false. */
bool store_read(store *s, bool (*each)(void *ctx, pu_span key, pu_span body), void *ctx);

/* Keeps body under key, or forgets key when body is empty. False: errno. */
bool store_put(store *s, pu_span key, pu_span body);

/* The name of the file that keeps key, which is not longer than PU_KEEP_KEY_MAX; and the key that a
 * file of this name keeps. False: none, such a file is not ours. */
void store_name_of(char name[STORE_NAME_MAX], pu_span key);
bool store_key_of(uint8_t key[PU_KEEP_KEY_MAX], size_t *len, const char *name);

#endif
