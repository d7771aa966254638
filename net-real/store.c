/* Records as files, see store.h. */
#define _GNU_SOURCE
#include "net-real/store.h"

#include "net-real/files.h"
#include "peerup/node.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORDS_MAX = 4096 /* of one node; more files than that are not read */ };

struct store {
    int dir, lock;
};

/* ---- names ---- */

static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

void store_name_of(char out[STORE_NAME_MAX], pu_span key)
{
    size_t at = 0;
    for (size_t i = 0; i < key.len; i++) {
        uint8_t c = key.base[i];
        bool is_leading_dot = c == '.' && i == 0;
        if (is_plain(c) && !is_leading_dot) out[at++] = (char)c;
        else at += (size_t)snprintf(out + at, 4, "%%%02x", c);
    }
    out[at] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads a name. False: it is none. */
static bool read_name(uint8_t out[PU_KEEP_KEY_MAX], size_t *len, const char *name)
{
    *len = 0;
    if (name[0] == '.' || name[0] == '\0') return false;
    for (const char *p = name; *p != '\0'; (*len)++) {
        if (*len == PU_KEEP_KEY_MAX) return false;
        if (*p != '%') {
            if (!is_plain((uint8_t)*p)) return false;
            out[*len] = (uint8_t)*p++;
            continue;
        }
        int high = hex_digit(p[1]);
        int low = high < 0 ? -1 : hex_digit(p[2]);
        if (low < 0) return false;
        out[*len] = (uint8_t)(high << 4 | low);
        p += 3;
    }
    return true;
}

bool store_key_of(uint8_t key[PU_KEEP_KEY_MAX], size_t *len, const char *name)
{
    char again[STORE_NAME_MAX];
    if (!read_name(key, len, name)) return false;
    store_name_of(again, (pu_span){key, *len}); /* one name a key, or there would be two records */
    return strcmp(again, name) == 0;
}

/* ---- life ---- */

static store *fail(store *s, const char *folder, const char *what, char *error, size_t cap)
{
    const char *why = strerror(errno);
    if (errno == EWOULDBLOCK)
        why = "another process uses it, probably a daemon that runs already; a second node needs a "
              "daemon.state_dir of its own";
    if (error != NULL) snprintf(error, cap, "%s: %s%s", folder, what, why);
    store_close(s);
    return NULL;
}

store *store_open(const char *folder, char *error, size_t cap)
{
    struct stat info;
    store *s = malloc(sizeof *s);
    if (s == NULL) return fail(s, folder, "", error, cap);
    *s = (store){-1, -1};
    if (!files_make_folder(folder)) return fail(s, folder, "", error, cap);
    s->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir < 0 || fstat(s->dir, &info) != 0) return fail(s, folder, "", error, cap);
    if ((info.st_mode & FILE_OWNED) != 0) {
        errno = EPERM;
        return fail(s, folder, "others may write there (chmod go-w): ", error, cap);
    }
    s->lock = openat(s->dir, ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock < 0) return fail(s, folder, ".lock: ", error, cap);
    if (flock(s->lock, LOCK_EX | LOCK_NB) != 0) return fail(s, folder, "", error, cap);
    return s;
}

void store_close(store *s)
{
    if (s == NULL) return;
    if (s->lock >= 0) close(s->lock);
    if (s->dir >= 0) close(s->dir);
    free(s);
}

/* ---- reading ---- */

static int is_record(const struct dirent *e)
{
    uint8_t key[PU_KEEP_KEY_MAX];
    size_t len;
    return store_key_of(key, &len, e->d_name);
}

struct named {
    uint8_t key[PU_KEEP_KEY_MAX];
    size_t len;
    const char *file;
};

static int by_key(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = memcmp(x->key, y->key, x->len < y->len ? x->len : y->len);
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* One file, or -1: it is none of ours. */
static ssize_t read_file(const store *s, const char *name, uint8_t *out, size_t cap)
{
    struct stat info;
    int fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return -1;
    size_t len = 0;
    ssize_t got;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) len = cap;
    while (len < cap && (got = read(fd, out + len, cap - len)) > 0) len += (size_t)got;
    close(fd);
    return len < cap ? (ssize_t)len : -1;
}

static bool read_all(const store *s, const struct named *names, size_t count,
                     bool (*each)(void *ctx, pu_span key, pu_span body), void *ctx)
{
    uint8_t *body = malloc(PU_KEEP_BODY_MAX + 1);
    bool is_good = body != NULL;
    for (size_t i = 0; is_good && i < count; i++) {
        ssize_t len = read_file(s, names[i].file, body, PU_KEEP_BODY_MAX + 1);
        if (len <= 0) continue;
        is_good = each(ctx, (pu_span){names[i].key, names[i].len}, (pu_span){body, (size_t)len});
    }
    free(body);
    return is_good;
}

bool store_read(store *s, bool (*each)(void *ctx, pu_span key, pu_span body), void *ctx)
{
    struct dirent **files = NULL;
    int found = scandirat(s->dir, ".", &files, is_record, NULL);
    if (found < 0) return false;
    size_t count = (size_t)found < RECORDS_MAX ? (size_t)found : RECORDS_MAX;
    struct named *names = calloc(count + 1, sizeof *names);
    bool is_good = names != NULL;
    for (size_t i = 0; is_good && i < count; i++) {
        store_key_of(names[i].key, &names[i].len, files[i]->d_name);
        names[i].file = files[i]->d_name;
    }
    if (is_good) {
        qsort(names, count, sizeof *names, by_key);
        is_good = read_all(s, names, count, each, ctx);
    }
    for (int i = 0; i < found; i++) free(files[i]);
    free(files);
    free(names);
    return is_good;
}

/* ---- writing ---- */

static bool write_file(int fd, pu_span body)
{
    for (size_t done = 0; done < body.len;) {
        ssize_t put = write(fd, body.base + done, body.len - done);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        done += (size_t)put;
    }
    return fsync(fd) == 0;
}

bool store_put(store *s, pu_span key, pu_span body)
{
    char name[STORE_NAME_MAX];
    if (key.len == 0 || key.len > PU_KEEP_KEY_MAX || body.len > PU_KEEP_BODY_MAX) {
        errno = EINVAL;
        return false;
    }
    store_name_of(name, key);
    if (body.len == 0)
        return (unlinkat(s->dir, name, 0) == 0 || errno == ENOENT) && fsync(s->dir) == 0;
    int fd = openat(s->dir, ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return false;
    bool is_good = write_file(fd, body);
    int why = errno;
    close(fd);
    if (is_good) return renameat(s->dir, ".new", s->dir, name) == 0 && fsync(s->dir) == 0;
    unlinkat(s->dir, ".new", 0);
    errno = why;
    return false;
}
