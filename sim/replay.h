/* sim/replay.h - gives a recorded node its inputs again and compares what it does.
 *
 * The private key is not in a recording: signatures come from it, in order; secret random bytes and
 * the bytes of applications are other ones of the same length. Every effect must be the same, step
 * by step.
 */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H

#include "peerup/record.h"

/* How a recording ends. */
enum replay_end {
    REPLAY_OVER = 1, /* with its node's life, or on demand */
    REPLAY_FULL,     /* it had reached its limit */
    REPLAY_CUT,      /* without a word: a crash, or a full disk */
    REPLAY_INSIDE    /* so, within a step: its input may be what the node died of */
};

typedef struct replay_result {
    uint64_t steps; /* compared */
    uint64_t effects;
    pu_time from, to; /* time of the first and the last input */
    bool is_equal;
    char why[256]; /* the first difference */
    enum replay_end end;
    size_t unused; /* bytes of the record that was being written when it was cut off */
} replay_result;

/* Replays a recording: of one that was cut off what is whole, and of its last step, where only the
 * input is there, that input. False: error says why it is none, with the offset at fault; what was
 * read before that is in *result. */
bool replay_recording(pu_span bytes, replay_result *result, char *error, size_t error_cap);

#endif
