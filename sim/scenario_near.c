/* sim/scenario_near.c - see scenario_near.h. */
#include "sim/scenario_near.h"

#include "base/suggest.h"
#include "sim/file_near.h"
#include "sim/files_under.h"
#include "sim/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENDING ".yaml"

/* /path.yaml, owned by the caller; the ending is not doubled. */
static char *tail_of(const char *path)
{
    size_t len = strlen(path), end = strlen(ENDING);
    bool has_ending = len > end && strcmp(path + len - end, ENDING) == 0;
    char *tail = sim_alloc(len + end + 2);
    snprintf(tail, len + end + 2, "/%s%s", path, has_ending ? "" : ENDING);
    return tail;
}

/* The first of the files that ends with tail. NULL: none does. */
static const char *named(const files_under *all, const char *tail)
{
    size_t more = strlen(tail);
    for (uint32_t i = 0; i < all->count; i++) {
        size_t len = strlen(all->paths[i]);
        if (len > more && strcmp(all->paths[i] + len - more, tail) == 0) return all->paths[i];
    }
    return NULL;
}

/* The file whose name is nearest. NULL: none is near. */
static const char *nearest(const files_under *all, const char *name)
{
    suggest near;
    const char *best = NULL;
    suggest_begin(&near, name);
    for (uint32_t i = 0; i < all->count; i++) {
        const char *last = near.best;
        suggest_offer(&near, strrchr(all->paths[i], '/') + 1);
        if (near.best != last) best = all->paths[i];
    }
    return best;
}

static void hint(const char *file, char *out, size_t cap)
{
    int len = file == NULL ? 0 : snprintf(out, cap, ", did you mean '%s'?", file);
    if (len < 0 || (size_t)len >= cap) out[0] = '\0';
}

const char *scenario_near(const char *path, char *out, size_t cap)
{
    char why[512];
    files_under all = {0};
    out[0] = '\0';
    if (*path == '\0' || access(path, F_OK) == 0 || errno != ENOENT) return out;
    char *tail = tail_of(path);
    /* A folder that is not there has no files. */
    (void)files_under_take(&all, "scenarios", ENDING, why, sizeof why);
    hint(access(tail + 1, F_OK) == 0 ? tail + 1 : named(&all, tail), out, cap);
    if (out[0] == '\0') file_near(path, out, cap);
    if (out[0] == '\0' && strchr(path, '/') == NULL) hint(nearest(&all, tail + 1), out, cap);
    files_under_free(&all);
    free(tail);
    return out;
}
