/* Files whole or not at all, see files.h. */
#define _GNU_SOURCE
#include "net-real/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 4096 };

/* ---- reading ---- */

/* Why a file with these properties is not to be used, or NULL. */
static const char *fault_of(const struct stat *info, size_t max, mode_t forbidden)
{
    if (S_ISDIR(info->st_mode)) return "it is a folder, not a file";
    if (!S_ISREG(info->st_mode)) return "not a regular file";
    bool is_open = (info->st_mode & forbidden) != 0;
    if (is_open && forbidden == FILE_PRIVATE) return "others may read or write it: chmod 600";
    if (is_open) return "others may write it: chmod go-w";
    return info->st_size > 0 && (size_t)info->st_size > max ? "too long" : NULL;
}

/* Reads to the end. False: errno; EFBIG: more than cap bytes. */
static bool read_all(int fd, uint8_t *out, size_t cap, size_t *len)
{
    for (*len = 0; *len < cap;) {
        ssize_t got = read(fd, out + *len, cap - *len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return false;
        if (got == 0) return true;
        *len += (size_t)got;
    }
    errno = EFBIG;
    return false;
}

static uint8_t *read_open(int fd, size_t max, mode_t forbidden, size_t *len, const char **fault)
{
    struct stat info;
    *fault = NULL;
    if (fstat(fd, &info) != 0) return NULL;
    *fault = fault_of(&info, max, forbidden);
    if (*fault != NULL) {
        errno = EPERM;
        return NULL;
    }
    /* Files of /proc have no size, and others may grow meanwhile. */
    size_t cap = (info.st_size > 0 ? (size_t)info.st_size : max) + 2;
    uint8_t *bytes = malloc(cap);
    if (bytes != NULL && read_all(fd, bytes, cap - 1, len)) {
        bytes[*len] = 0;
        return bytes;
    }
    int why = errno;
    free(bytes);
    errno = why;
    return NULL;
}

uint8_t *files_read(const char *path, size_t max, mode_t forbidden, size_t *len, char *error,
                    size_t cap)
{
    const char *fault = NULL;
    *len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    uint8_t *bytes = fd >= 0 ? read_open(fd, max, forbidden, len, &fault) : NULL;
    int why = errno;
    if (fd >= 0) close(fd);
    if (bytes == NULL) {
        bool is_mode = fault != NULL && strstr(fault, "chmod") != NULL;
        snprintf(error, cap, "%s: %s%s%s", path, fault != NULL ? fault : strerror(why),
                 is_mode ? " " : "", is_mode ? path : "");
    }
    errno = why;
    return bytes;
}

/* ---- writing ---- */

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t put = write(fd, bytes + done, len - done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return false;
        done += (size_t)put;
    }
    return fsync(fd) == 0;
}

/* Makes the entries of path's folder durable. */
static bool sync_folder(const char *path)
{
    char folder[PATH_BYTES_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    memcpy(folder, path, len);
    folder[len] = '\0';
    int fd = open(len > 0 ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    return is_good;
}

/* A file with these bytes beside path, whose name is then in `name`. */
static bool write_beside(char name[PATH_BYTES_MAX], const char *path, const void *bytes, size_t len)
{
    int length = snprintf(name, PATH_BYTES_MAX, "%s.XXXXXX", path);
    if (length >= PATH_BYTES_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0) return false;
    bool is_good = write_all(fd, bytes, len);
    int why = errno;
    close(fd);
    if (!is_good) unlink(name);
    errno = why;
    return is_good;
}

bool files_create(const char *path, const void *bytes, size_t len)
{
    char name[PATH_BYTES_MAX];
    if (!write_beside(name, path, bytes, len)) return false;
    bool is_good = link(name, path) == 0; /* never in the place of another */
    int why = errno;
    unlink(name);
    if (is_good) return sync_folder(path);
    errno = why;
    if (why != EPERM && why != EOPNOTSUPP && why != ENOSYS) return false;
    /* A file system without links: whole all the same, but for a crash right now. */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    is_good = write_all(fd, bytes, len);
    why = errno;
    close(fd);
    if (!is_good) unlink(path);
    errno = why;
    return is_good && sync_folder(path);
}

bool files_replace(const char *path, const void *bytes, size_t len)
{
    char name[PATH_BYTES_MAX];
    char *real = realpath(path, NULL);
    const char *at = real != NULL ? real : path;
    bool is_good = write_beside(name, at, bytes, len);
    if (is_good && rename(name, at) != 0) {
        int why = errno;
        unlink(name);
        errno = why;
        is_good = false;
    }
    is_good = is_good && sync_folder(at);
    int why = errno;
    free(real);
    errno = why;
    return is_good;
}

bool files_make_folder(const char *folder)
{
    char path[PATH_BYTES_MAX];
    size_t len = strlen(folder);
    if (len == 0 || len >= sizeof path) {
        errno = len == 0 ? ENOENT : ENAMETOOLONG;
        return false;
    }
    memcpy(path, folder, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        char was = path[i];
        path[i] = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) return false;
        path[i] = was;
    }
    return true;
}
