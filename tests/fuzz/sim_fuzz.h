/* tests/fuzz/sim_fuzz.h - what the targets of the simulator's files share. */
#ifndef TESTS_FUZZ_SIM_FUZZ_H
#define TESTS_FUZZ_SIM_FUZZ_H

#include "base/bytes.h"
#include "sim/diag.h"

/* Every complaint has words and no control bytes. Frees them. */
void fuzz_check_diag(diag *errors);

/* The path of a file with these bytes, and tail after it. One file, until the next call. */
const char *fuzz_file_with(pu_span bytes, const char *tail);

#endif
