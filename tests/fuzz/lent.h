/* tests/fuzz/lent.h - an effect list of a link, made once a process: it is two megabytes, and
 * making one for each input costs more than the input. */
#ifndef TESTS_FUZZ_LENT_H
#define TESTS_FUZZ_LENT_H

#include <stdlib.h>

#include "peerup/link.h"
#include "tests/lib/plain_heap.h"

static inline pu_link_out *fuzz_lent_out(void)
{
    static pu_link_out *out;
    if (out == NULL && pu_link_out_new(&out, &plain_heap) != PU_OK) abort();
    return out;
}

#endif
