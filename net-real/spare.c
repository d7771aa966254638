/* The descriptor kept back, see spare.h. */
#define _GNU_SOURCE
#include "net-real/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

void spare_open(spare *s)
{
    s->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void spare_close(spare *s)
{
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
}

int spare_accept(spare *s, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 || (errno != EMFILE && errno != ENFILE)) return fd;
    int why = errno;
    if (s->fd < 0) spare_open(s); /* somebody may have closed one meanwhile */
    if (s->fd < 0) {
        errno = why;
        return -1;
    }
    spare_close(s);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    why = errno;
    if (fd >= 0) close(fd);
    spare_open(s);
    errno = fd >= 0 ? ECONNABORTED : why;
    return -1;
}
