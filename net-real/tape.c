/* A recording in a file, see tape.h. */
#include "net-real/tape.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_BYTES = 2 * PU_RECORD_MAX };

struct tape {
    int fd;
    uint64_t most, written; /* bytes */
    pu_crypto *crypto;      /* the node's; NULL: it has not begun */
    char trouble[128];      /* empty: none */
    size_t len;             /* of buffer: what the file has not got yet */
    pu_recorder recorder;
    uint8_t buffer[BUFFER_BYTES];
};

/* ---- the file ---- */

static bool put_out(tape *t)
{
    for (size_t at = 0; at < t->len && t->trouble[0] == '\0';) {
        ssize_t put = write(t->fd, t->buffer + at, t->len - at);
        if (put > 0) at += (size_t)put;
        else if (put < 0 && errno != EINTR)
            snprintf(t->trouble, sizeof t->trouble, "%s", strerror(errno));
    }
    return t->trouble[0] == '\0';
}

void tape_flush(tape *t)
{
    if (t->len == 0 || !put_out(t)) return;
    t->written += t->len;
    t->len = 0;
}

static void write_record(void *ctx, pu_span bytes)
{
    tape *t = ctx;
    if (bytes.len > sizeof t->buffer - t->len) tape_flush(t);
    if (t->trouble[0] != '\0') return;
    memcpy(t->buffer + t->len, bytes.base, bytes.len);
    t->len += bytes.len;
}

/* The file is the owner's alone, whoever made it before. */
static int open_private(const char *path)
{
    struct stat is;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0) return -1;
    if (fstat(fd, &is) == 0 && (!S_ISREG(is.st_mode) || fchmod(fd, 0600) == 0)) return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

tape *tape_open(const char *path, uint64_t most_bytes, const uint8_t key[PU_RECORD_KEY_BYTES],
                char *error, size_t cap)
{
    int fd = open_private(path);
    tape *t = fd >= 0 ? calloc(1, sizeof *t) : NULL;
    if (t == NULL) {
        if (error != NULL) snprintf(error, cap, "%s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return NULL;
    }
    t->fd = fd;
    t->most = most_bytes != 0 ? most_bytes : TAPE_MOST_BYTES;
    pu_recorder_start(&t->recorder, key, write_record, t);
    return t;
}

/* ---- the node ---- */

void tape_begin(tape *t, const pu_record_node *node, pu_crypto *crypto)
{
    t->crypto = crypto;
    pu_recorder_node(&t->recorder, node, crypto);
    tape_flush(t);
}

void tape_input(tape *t, const pu_node *node, const pu_in *in)
{
    pu_recorder_input(&t->recorder, node, in);
    tape_flush(t);
}

void tape_effect(tape *t, const pu_node *node, const pu_in *in, const pu_ef *effect)
{
    pu_recorder_effect(&t->recorder, node, in, effect);
}

void tape_step(tape *t, int result)
{
    pu_recorder_step(&t->recorder, result);
}

const char *tape_trouble(const tape *t)
{
    if (t->trouble[0] != '\0') return t->trouble;
    return t->written + t->len >= t->most ? "it has reached its limit of size" : NULL;
}

void tape_close(tape *t)
{
    if (t == NULL) return;
    pu_crypto own;
    bool is_full = t->written + t->len >= t->most;
    pu_recorder_end(&t->recorder, is_full ? PU_RECORD_FULL : PU_RECORD_OVER,
                    t->crypto != NULL ? t->crypto : &own);
    tape_flush(t);
    close(t->fd);
    free(t);
}
