/* net-real/tape.h - the recording of a host's node (peerup/record.h) in a file.
 *
 * Each input is in the file before the node sees it, so that the one that a process dies of is
 * there. The file (mode 0600: it says whom the node knows, and what it is asked for) holds neither
 * the private key nor an application's bytes. What goes wrong with it ends the recording, not the
 * node.
 */
#ifndef NET_REAL_TAPE_H
#define NET_REAL_TAPE_H

#include "peerup/record.h"

#define TAPE_MOST_BYTES (UINT64_C(256) << 20) /* unless the host was told otherwise */

typedef struct tape tape;

/* Begins the file path, in place of what was there. most_bytes: about where it ends, 0:
 * TAPE_MOST_BYTES. key as in pu_recorder_start. NULL: error has the reason, path named. */
tape *tape_open(const char *path, uint64_t most_bytes, const uint8_t key[PU_RECORD_KEY_BYTES],
                char *error, size_t cap);

/* How the node begins; crypto's functions are recorded from now on. Both must stay. */
void tape_begin(tape *t, const pu_record_node *node, pu_crypto *crypto);

/* One step: its input before it, each effect, and what it returned. */
void tape_input(tape *t, const pu_node *node, const pu_in *in);
void tape_effect(tape *t, const pu_node *node, const pu_in *in, const pu_ef *effect);
void tape_step(tape *t, int result);

/* The host is about to wait: the file is brought up to date. */
void tape_flush(tape *t);

/* Why nothing more can be written, between two steps; NULL: it can. */
const char *tape_trouble(const tape *t);

/* Ends the file, as far as it was whole, and forgets it; crypto is the node's own again. t may be
 * NULL. */
void tape_close(tape *t);

#endif
