/* sim/file.c - reads whole files, writes them whole, makes folders. */
#include "sim/file.h"

#include "analysis/partial.h"
#include "sim/mem.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { CHUNK_BYTES = 65536, PATH_BYTES_MAX = 4096, PARTIAL_MORE_BYTES = 64 };

uint8_t *file_read(const char *path, size_t max, size_t *len, char *error, size_t error_cap)
{
    size_t cap = CHUNK_BYTES, used = 0;
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        snprintf(error, error_cap, "cannot be read: %s", strerror(errno));
        return NULL;
    }
    uint8_t *bytes = sim_alloc(cap + 1);
    for (size_t got = 1; got > 0 && used <= max;) {
        if (used == cap) {
            uint8_t *wider = sim_alloc(2 * cap + 1);
            memcpy(wider, bytes, used);
            free(bytes);
            bytes = wider;
            cap *= 2;
        }
        got = fread(bytes + used, 1, cap - used, in);
        used += got;
    }
    if (ferror(in)) snprintf(error, error_cap, "cannot be read: %s", strerror(errno));
    else if (used > max) snprintf(error, error_cap, "is larger than %zu bytes", max);
    bool is_good = !ferror(in) && used <= max;
    fclose(in);
    if (!is_good) {
        free(bytes);
        return NULL;
    }
    bytes[used] = 0;
    *len = used;
    return bytes;
}

/* Makes one folder; one that exists is fine. */
static bool make_folder(const char *path, char *error, size_t error_cap)
{
    struct stat there;
    if (mkdir(path, 0777) == 0) return true;
    int why = errno;
    if (stat(path, &there) == 0 && S_ISDIR(there.st_mode)) return true;
    snprintf(error, error_cap, "cannot make the folder %s: %s", path, strerror(why));
    return false;
}

bool file_is_folder(const char *path)
{
    struct stat at;
    return stat(path, &at) == 0 && S_ISDIR(at.st_mode);
}

bool file_make_folders(const char *path, char *error, size_t error_cap)
{
    char part[PATH_BYTES_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof part) {
        snprintf(error, error_cap, "cannot make the folder %s: its name has no proper length",
                 path);
        return false;
    }
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (!make_folder(part, error, error_cap)) return false;
    }
    return true;
}

bool file_make_parents(const char *path, char *error, size_t error_cap)
{
    char folder[PATH_BYTES_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) return true;
    int len = snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    if (len < 0 || (size_t)len >= sizeof folder) {
        snprintf(error, error_cap, "the path %.64s... is too long", path);
        return false;
    }
    return file_make_folders(folder, error, error_cap);
}

/* ---- files in the making ---- */

static void file_new_free(file_new *f)
{
    free(f->path);
    free(f->partial);
    *f = (file_new){0};
}

bool file_new_open(file_new *f, const char *path, char *error, size_t error_cap)
{
    size_t len = strlen(path) + 1;
    *f = (file_new){.path = sim_alloc(len), .partial = sim_alloc(len + PARTIAL_MORE_BYTES)};
    memcpy(f->path, path, len);
    bool is_made = partial_make(path, f->partial, len + PARTIAL_MORE_BYTES);
    if (is_made) f->out = fopen(f->partial, "wb");
    if (f->out != NULL) return true;
    snprintf(error, error_cap, "%s: %s", path, strerror(errno));
    if (is_made) unlink(f->partial);
    file_new_free(f);
    return false;
}

bool file_new_close(file_new *f, int failed, char *error, size_t error_cap)
{
    errno = 0;
    if (fclose(f->out) != 0 && failed == 0) failed = errno != 0 ? errno : EIO;
    if (failed == 0 && rename(f->partial, f->path) != 0) failed = errno;
    if (failed != 0) {
        snprintf(error, error_cap, "%s: %s", f->path, strerror(failed));
        unlink(f->partial);
    }
    file_new_free(f);
    return failed == 0;
}

void file_new_drop(file_new *f)
{
    fclose(f->out);
    unlink(f->partial);
    file_new_free(f);
}

bool file_beside(const char *base, const char *name, char *out, size_t out_cap)
{
    const char *slash = strrchr(base, '/');
    int folder = slash == NULL || name[0] == '/' ? 0 : (int)(slash - base) + 1;
    int len = snprintf(out, out_cap, "%.*s%s", folder, base, name);
    return len >= 0 && (size_t)len < out_cap;
}
