/* sim/recorder.h - writes one node's recording (peerup/record.h) into a file while a run goes on.
 *
 * Errors of the file are kept: every call is silent after the first, and recorder_close tells.
 */
#ifndef SIM_RECORDER_H
#define SIM_RECORDER_H

#include "peerup/record.h"

typedef struct recorder recorder;

/* Begins the recording of node `node` (index in the run), which will be the file path; key as in
 * pu_recorder_start. NULL: error has the reason, path named. */
recorder *recorder_open(const char *path, uint32_t node, const uint8_t key[PU_RECORD_KEY_BYTES],
                        char *error, size_t error_cap);

/* Ends it. keep: it becomes the file path; otherwise nothing is left of it. False: error has the
 * reason of the first failure, and what was at path is still there. r is gone in any case. */
bool recorder_close(recorder *r, bool keep, char *error, size_t error_cap);

/* Whether node is the one that is recorded, and still is; false when r is NULL. */
bool recorder_is_of(const recorder *r, uint32_t node);

/* How the node begins. Returns what it is to use for crypto, which must stay: the same, recorded.
 */
const pu_crypto *recorder_begin(recorder *r, const pu_record_node *node, const pu_crypto *crypto);

/* The recorded life is over, or the run is; later lives are not recorded. */
void recorder_end(recorder *r);

/* One step of node: its input before, each effect, and what it returned. */
void recorder_input(recorder *r, const pu_node *node, const pu_in *in);
void recorder_effect(recorder *r, const pu_node *node, const pu_in *in, const pu_ef *effect);
void recorder_step(recorder *r, int result);

#endif
