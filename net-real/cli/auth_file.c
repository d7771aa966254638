/* The authorized_keys file, see auth_file.h. The lock is taken on a file of its own beside it,
 * since the file itself is replaced.
 */
#define _GNU_SOURCE
#include "net-real/cli/auth_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 16 << 20, CHUNK_BYTES = 4096, PATH_MAX_BYTES = 4096 };

/* Reads on until the end, or beyond the limit. False: errno. */
static bool read_rest(FILE *in, char **bytes, size_t *len)
{
    size_t cap = 0;
    for (size_t got = 1; got > 0 && *len <= FILE_MAX_BYTES; *len += got) {
        if (cap - *len < CHUNK_BYTES) {
            char *wider = realloc(*bytes, cap + *len + CHUNK_BYTES);
            if (wider == NULL) return false;
            *bytes = wider;
            cap += *len + CHUNK_BYTES;
        }
        got = fread(*bytes + *len, 1, cap - *len, in);
    }
    if (*len > FILE_MAX_BYTES) errno = EFBIG;
    return ferror(in) == 0 && *len <= FILE_MAX_BYTES;
}

/* The file's bytes, the caller's; an empty block when there is no file. NULL: errno. */
static char *read_whole(const char *path, size_t *len)
{
    *len = 0;
    char *bytes = NULL;
    FILE *in = fopen(path, "rb");
    if (in == NULL) return errno == ENOENT ? calloc(1, 1) : NULL;
    bool is_good = read_rest(in, &bytes, len);
    fclose(in);
    if (is_good) return bytes;
    free(bytes);
    return NULL;
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
    char *bytes = read_whole(path, &len);
    if (bytes == NULL) return fail(complaints, path, strerror(errno));
    bool is_good = true;
    pu_span rest = {(const uint8_t *)bytes, len}, line;
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

static bool beside(char out[PATH_MAX_BYTES], const char *path, const char *suffix)
{
    int len = snprintf(out, PATH_MAX_BYTES, "%s%s", path, suffix);
    return len > 0 && len < PATH_MAX_BYTES;
}

static int lock(const char *path)
{
    char name[PATH_MAX_BYTES];
    if (!beside(name, path, ".lock")) return -1;
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool sync_folder(const char *path)
{
    char name[PATH_MAX_BYTES];
    if (!beside(name, path, "")) return false;
    char *slash = strrchr(name, '/');
    if (slash != NULL) slash[slash == name] = '\0';
    int fd = open(slash != NULL ? name : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    return is_good;
}

static bool replace(const char *path, const char *bytes, size_t len)
{
    char name[PATH_MAX_BYTES];
    if (!beside(name, path, ".new")) return false;
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    bool is_good = write(fd, bytes, len) == (ssize_t)len && fsync(fd) == 0;
    close(fd);
    if (is_good && rename(name, path) == 0) return sync_folder(path);
    unlink(name);
    return false;
}

static bool is_of(pu_span line, const pu_peer_id *id)
{
    pu_authorized entry;
    return pu_authorized_parse(&entry, line, NULL) == PU_OK && pu_peer_id_equal(&entry.peer, id);
}

/* The file without the entries of id: *kept bytes of it are left. */
static bool without(char *bytes, size_t len, const pu_peer_id *id, size_t *kept)
{
    pu_span rest = {(const uint8_t *)bytes, len}, line;
    size_t out = 0;
    while (next_line(&rest, &line)) {
        size_t whole = (size_t)((const char *)rest.base - (const char *)line.base);
        if (is_of(line, id)) continue;
        memmove(bytes + out, line.base, whole);
        out += whole;
    }
    *kept = out;
    return out != len;
}

static enum auth_change change(const char *path, const pu_peer_id *id, const char *added,
                               FILE *complaints)
{
    size_t len, kept;
    int locked = lock(path);
    char *bytes = locked >= 0 ? read_whole(path, &len) : NULL;
    enum auth_change result = AUTH_FAILED;
    if (bytes != NULL) {
        char *copy = malloc(len + 1 + strlen(added != NULL ? added : "") + 2);
        if (copy != NULL) {
            memcpy(copy, bytes, len);
            bool is_there = without(bytes, len, id, &kept);
            if (is_there == (added != NULL)) {
                result = AUTH_NOTHING;
            } else if (added != NULL) {
                bool needs_newline = len > 0 && copy[len - 1] != '\n';
                int more = sprintf(copy + len, "%s%s\n", needs_newline ? "\n" : "", added);
                if (replace(path, copy, len + (size_t)more)) result = AUTH_DONE;
            } else if (replace(path, bytes, kept)) {
                result = AUTH_DONE;
            }
            free(copy);
        }
    }
    if (result == AUTH_FAILED) fail(complaints, path, strerror(errno));
    free(bytes);
    if (locked >= 0) close(locked);
    return result;
}

enum auth_change auth_file_add(const char *path, const pu_peer_id *id, const char *comment,
                               FILE *complaints)
{
    char line[1024], text[PU_PEER_ID_TEXT_MAX];
    pu_peer_id_text(id, PU_PEER_BASE58, text);
    int len = comment != NULL ? snprintf(line, sizeof line, "%s  # %s", text, comment)
                              : snprintf(line, sizeof line, "%s", text);
    if (len >= (int)sizeof line) {
        fail(complaints, path, "the comment is too long");
        return AUTH_FAILED;
    }
    for (char *p = line; *p != '\0'; p++) {
        if (*p == '\n' || *p == '\r') *p = ' ';
    }
    return change(path, id, line, complaints);
}

enum auth_change auth_file_remove(const char *path, const pu_peer_id *id, FILE *complaints)
{
    return change(path, id, NULL, complaints);
}
