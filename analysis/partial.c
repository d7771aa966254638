/* Files that are being written, see partial.h. */
#include "analysis/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { TRIES = 100 }; /* what crashed programs of the same process id left there is passed over */

bool partial_make(const char *path, char *out, size_t cap)
{
    for (int i = 0; i < TRIES; i++) {
        int len = snprintf(out, cap, "%s.partial-%ld-%d", path, (long)getpid(), i);
        if (len < 0 || (size_t)len >= cap) {
            errno = ENAMETOOLONG;
            return false;
        }
        int file = open(out, O_WRONLY | O_CREAT | O_EXCL, 0666);
        if (file >= 0) return close(file) == 0;
        if (errno != EEXIST) return false;
    }
    return false;
}
