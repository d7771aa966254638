/* tests/fuzz/lent.h - an effect list of a link, made once a process: it is two megabytes, and
 * making one for each input costs more than the input. */
#ifndef TESTS_FUZZ_LENT_H
#define TESTS_FUZZ_LENT_H

#include <stdlib.h>

#include "peerup/link.h"

static inline void *fuzz_plain_resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    (void)ctx;
    (void)old_len;
    if (new_len > 0) return realloc(old, new_len);
    free(old);
    return NULL;
}

static inline pu_link_out *fuzz_lent_out(void)
{
    static const pu_alloc plain = {fuzz_plain_resize, NULL};
    static pu_link_out *out;
    if (out == NULL && pu_link_out_new(&out, &plain) != PU_OK) abort();
    return out;
}

#endif
