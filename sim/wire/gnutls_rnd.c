/* Replaces GnuTLS's random bytes, which are the only thing in it that differs between two runs.
 *
 * A symbol of the program goes before that of a shared library, as long as it is visible; a static
 * libgnutls would define it twice.
 */
#define _GNU_SOURCE
#include "sim/wire/wire.h"

#include <dlfcn.h>
#include <gnutls/crypto.h>

typedef int random_bytes(gnutls_rnd_level_t level, void *out, size_t len);

static _Thread_local const pu_crypto *drawn_from;

void wire_random_of(const pu_crypto *crypto)
{
    drawn_from = crypto;
}

/* The library's own, for everything that is no simulation: tests of the link, replays. */
static int system_bytes(gnutls_rnd_level_t level, void *out, size_t len)
{
    static random_bytes *real;
    if (real == NULL) {
        void *symbol = dlsym(RTLD_NEXT, "gnutls_rnd");
        PU_ASSERT(symbol != NULL);
        *(void **)&real = symbol;
    }
    return real(level, out, len);
}

PU_API int gnutls_rnd(gnutls_rnd_level_t level, void *out, size_t len)
{
    if (drawn_from == NULL) return system_bytes(level, out, len);
    drawn_from->random(drawn_from->ctx, out, len);
    return 0;
}
