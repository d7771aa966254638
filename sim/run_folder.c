/* sim/run_folder.c - see run_folder.h. */
#include "sim/run_folder.h"

#include "sim/file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { WHY_MAX = 4200 };

/* Adds /name, if there is any. RUN_FOLDER_MAX has left room for it. */
static void add_name(char path[RUN_FILE_MAX], const char *name)
{
    size_t len = strlen(path), more = strlen(name);
    PU_ASSERT(len > 0 && len + 1 + more < RUN_FILE_MAX);
    if (more == 0) return;
    if (len > 1 && path[len - 1] == '/') len--;
    path[len] = '/';
    memcpy(path + len + 1, name, more + 1);
}

void run_folder_top(const run_folder *f, const char *name, char path[RUN_FILE_MAX])
{
    int len = f->out != NULL ? snprintf(path, RUN_FOLDER_MAX, "%s", f->out)
                             : snprintf(path, RUN_FOLDER_MAX, "out/%s", f->name);
    PU_ASSERT(len > 0 && len < RUN_FOLDER_MAX);
    add_name(path, name);
}

void run_folder_path(const run_folder *f, uint64_t seed, const char *name, char path[RUN_FILE_MAX])
{
    char below[32] = "";
    if (f->is_many) snprintf(below, sizeof below, "seed-%" PRIu64, seed);
    run_folder_top(f, below, path);
    add_name(path, name);
}

bool run_folder_make(const run_folder *f, uint64_t seed)
{
    char path[RUN_FILE_MAX], why[WHY_MAX];
    run_folder_path(f, seed, "", path);
    if (file_make_folders(path, why, sizeof why)) return true;
    fprintf(stderr, "peerup-sim run: %s\n", why);
    return false;
}

bool run_folder_has(const run_folder *f, uint64_t seed, const char *name)
{
    char path[RUN_FILE_MAX];
    run_folder_path(f, seed, name, path);
    return access(path, F_OK) == 0;
}

void run_folder_remove(const run_folder *f, uint64_t seed, const char *name)
{
    char path[RUN_FILE_MAX];
    run_folder_path(f, seed, name, path);
    if (unlink(path) != 0 && errno != ENOENT)
        fprintf(stderr, "peerup-sim run: %s is of an older run: %s\n", path, strerror(errno));
}
