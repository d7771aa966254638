/* sim/replay.h - gives a recorded node its inputs again and compares what it does.
 *
 * The private key is not in a recording: signatures come from it, in order, and secret random bytes
 * are other ones of the same length. Every effect must be the same, step by step.
 */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H

#include "peerup/record.h"

typedef struct replay_result {
    uint64_t steps; /* compared */
    uint64_t effects;
    pu_time from, to; /* time of the first and the last input */
    bool is_equal;
    char why[256]; /* the first difference */
} replay_result;

/* Replays a recording. False: error says why it is none, with the offset at fault. */
bool replay_recording(pu_span bytes, replay_result *result, char *error, size_t error_cap);

#endif
