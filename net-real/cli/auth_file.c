/* The authorized_keys file, see auth_file.h. The lock is taken on a file of its own beside it,
 * since the file itself is replaced.
 */
#define _GNU_SOURCE
#include "net-real/cli/auth_file.h"

#include "net-real/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 16 << 20, PATH_MAX_BYTES = 4096 };

/* The file's bytes, the caller's; an empty block when there is no file. NULL: it was said why. */
static uint8_t *read_whole(const char *path, size_t *len, FILE *complaints)
{
    char error[512];
    uint8_t *bytes = files_read(path, FILE_MAX_BYTES, FILE_OWNED, len, error, sizeof error);
    if (bytes == NULL && errno == ENOENT) return calloc(1, 1);
    if (bytes == NULL) fprintf(complaints, "%s\n", error);
    return bytes;
}

/* The next line of *rest without its newline. */
static bool next_line(pu_span *rest, pu_span *line)
{
    if (rest->len == 0) return false;
    const uint8_t *end = memchr(rest->base, '\n', rest->len);
    line->base = rest->base;
    line->len = end != NULL ? (size_t)(end - rest->base) : rest->len;
    size_t taken = line->len + (end != NULL ? 1 : 0);
    rest->base += taken;
    rest->len -= taken;
    return true;
}

static bool fail(FILE *complaints, const char *path, const char *why)
{
    fprintf(complaints, "%s: %s\n", path, why);
    return false;
}

bool auth_file_read(const char *path,
                    void (*each)(void *ctx, const pu_authorized *entry, pu_span line), void *ctx,
                    FILE *complaints)
{
    size_t len, number = 0;
    uint8_t *bytes = read_whole(path, &len, complaints);
    if (bytes == NULL) return false;
    bool is_good = true;
    pu_span rest = {bytes, len}, line;
    while (next_line(&rest, &line)) {
        pu_authorized entry;
        size_t bad = 0;
        number++;
        if (pu_authorized_parse(&entry, line, &bad) != PU_OK) {
            fprintf(complaints, "%s:%zu:%zu: neither a peer id with attributes nor a comment\n",
                    path, number, bad + 1);
            is_good = false;
        } else if (entry.peer.len > 0) {
            each(ctx, &entry, line);
        }
    }
    free(bytes);
    return is_good;
}

/* ---- changes ---- */

/* The lock is on a file of its own beside what path is, or is a link to. */
static int lock(const char *path)
{
    char name[PATH_MAX_BYTES];
    char *real = realpath(path, NULL);
    int len = snprintf(name, sizeof name, "%s.lock", real != NULL ? real : path);
    free(real);
    if (len >= (int)sizeof name) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool is_of(pu_span line, const pu_peer_id *id)
{
    pu_authorized entry;
    return pu_authorized_parse(&entry, line, NULL) == PU_OK && pu_peer_id_equal(&entry.peer, id);
}

/* The file without the entries of id: *kept bytes of it are left. */
static bool without(uint8_t *bytes, size_t len, const pu_peer_id *id, size_t *kept)
{
    pu_span rest = {bytes, len}, line;
    size_t out = 0;
    while (next_line(&rest, &line)) {
        size_t whole = (size_t)(rest.base - line.base);
        if (is_of(line, id)) continue;
        memmove(bytes + out, line.base, whole);
        out += whole;
    }
    *kept = out;
    return out != len;
}

/* bytes (len of them) and then added as a line. NULL: no memory. */
static char *with(const uint8_t *bytes, size_t len, const char *added, size_t *grown)
{
    size_t more = strlen(added);
    bool needs_newline = len > 0 && bytes[len - 1] != '\n';
    char *out = malloc(len + more + 2);
    if (out == NULL) return NULL;
    memcpy(out, bytes, len);
    if (needs_newline) out[len++] = '\n';
    memcpy(out + len, added, more);
    out[len + more] = '\n';
    *grown = len + more + 1;
    return out;
}

static enum auth_change change_locked(const char *path, const pu_peer_id *id, const char *added,
                                      FILE *complaints)
{
    size_t len, kept, grown;
    uint8_t *bytes = read_whole(path, &len, complaints);
    if (bytes == NULL) return AUTH_FAILED;
    char *more = added != NULL ? with(bytes, len, added, &grown) : NULL;
    bool is_there = without(bytes, len, id, &kept);
    enum auth_change result = AUTH_DONE;
    if (is_there == (added != NULL)) {
        result = AUTH_NOTHING;
    } else if (added != NULL ? more == NULL || !files_replace(path, more, grown)
                             : !files_replace(path, bytes, kept)) {
        fail(complaints, path, strerror(errno));
        result = AUTH_FAILED;
    }
    free(more);
    free(bytes);
    return result;
}

static enum auth_change change(const char *path, const pu_peer_id *id, const char *added,
                               FILE *complaints)
{
    int locked = lock(path);
    if (locked < 0) {
        fail(complaints, path, strerror(errno));
        return AUTH_FAILED;
    }
    enum auth_change result = change_locked(path, id, added, complaints);
    close(locked);
    return result;
}

enum auth_change auth_file_add(const char *path, const pu_peer_id *id, const char *comment,
                               FILE *complaints)
{
    char line[PU_PEER_ID_TEXT_MAX + AUTH_COMMENT_MAX + 8], text[PU_PEER_ID_TEXT_MAX];
    pu_peer_id_text(id, PU_PEER_BASE58, text);
    snprintf(line, sizeof line, "%s%s%.*s", text, comment != NULL ? "  # " : "", AUTH_COMMENT_MAX,
             comment != NULL ? comment : "");
    for (char *p = line; *p != '\0'; p++) {
        if (*p == '\n' || *p == '\r') *p = ' ';
    }
    return change(path, id, line, complaints);
}

enum auth_change auth_file_remove(const char *path, const pu_peer_id *id, FILE *complaints)
{
    return change(path, id, NULL, complaints);
}
