/* base/assert.c - how a failed assertion ends the process, in release builds too.
 *
 * The C library's own report is used: it writes to standard error and aborts, so the core needs no
 * stdio.
 */
#undef NDEBUG
#include <assert.h>

#include "base/assumptions.h"
#include "peerup/base.h"

_Noreturn void pu_assert_failed(const char *what, const char *file, int line)
{
    __assert_fail(what, file, (unsigned)line, "peerup");
}
