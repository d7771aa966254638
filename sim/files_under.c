/* sim/files_under.c - see files_under.h. Folders that are still to be read wait in a list of their
 * own. */
#include "sim/files_under.h"

#include "sim/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void add(files_under *f, char *path)
{
    f->paths = sim_grow(f->paths, &f->cap, f->count, sizeof *f->paths);
    f->paths[f->count++] = path;
}

/* folder/name, owned by the caller. */
static char *join(const char *folder, const char *name)
{
    size_t len = strlen(folder), more = strlen(name);
    while (len > 1 && folder[len - 1] == '/') len--;
    char *path = sim_alloc(len + more + 2);
    memcpy(path, folder, len);
    path[len] = '/';
    memcpy(path + len + 1, name, more + 1);
    return path;
}

static bool ends_with(const char *name, const char *ending)
{
    size_t len = strlen(name), end = strlen(ending);
    return len > end && strcmp(name + len - end, ending) == 0;
}

static void take_entry(files_under *f, files_under *folders, const char *folder, const char *name,
                       const char *ending)
{
    struct stat at;
    if (name[0] == '.') return;
    char *path = join(folder, name);
    if (lstat(path, &at) == 0 && S_ISDIR(at.st_mode)) add(folders, path);
    else if (ends_with(name, ending)) add(f, path);
    else free(path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void files_under_add(files_under *f, const char *path)
{
    char *copy = sim_alloc(strlen(path) + 1);
    strcpy(copy, path);
    add(f, copy);
}

bool files_under_take(files_under *f, const char *folder, const char *ending, char *error,
                      size_t error_cap)
{
    files_under folders = {0};
    uint32_t before = f->count;
    bool is_good = true;
    files_under_add(&folders, folder);
    for (uint32_t i = 0; i < folders.count && is_good; i++) {
        DIR *dir = opendir(folders.paths[i]);
        is_good = dir != NULL;
        if (!is_good) {
            snprintf(error, error_cap, "%s: %s", folders.paths[i], strerror(errno));
            break;
        }
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
            take_entry(f, &folders, folders.paths[i], entry->d_name, ending);
        closedir(dir);
    }
    files_under_free(&folders);
    if (f->count > before) qsort(f->paths + before, f->count - before, sizeof *f->paths, by_name);
    return is_good;
}

void files_under_free(files_under *f)
{
    for (uint32_t i = 0; i < f->count; i++) free(f->paths[i]);
    free(f->paths);
    *f = (files_under){0};
}
