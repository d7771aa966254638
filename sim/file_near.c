/* sim/file_near.c - see file_near.h. The folder's names are sorted: the file system's order says
 * nothing. */
#include "sim/file_near.h"

#include "base/suggest.h"
#include "sim/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BEGINNING_MIN = 2 }; /* letters that a name must have in common to be meant */

/* ".yaml" of a name; "" when it has none. */
static const char *ending_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && dot != name ? dot : "";
}

/* The nearest of count names, or the only one with wanted's ending that begins as wanted does.
 * NULL: there is none. */
static const char *choose(struct dirent *const *names, int count, const char *wanted)
{
    const char *ending = ending_of(wanted), *beginning = NULL;
    size_t len = strlen(wanted) - strlen(ending);
    unsigned beginnings = 0;
    suggest near;
    suggest_begin(&near, wanted);
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        if (name[0] == '.' || strcmp(name, wanted) == 0) continue; /* a link to nothing is there */
        suggest_offer(&near, name);
        bool begins = len >= BEGINNING_MIN && strncmp(name, wanted, len) == 0;
        if (!begins || strcmp(ending_of(name), ending) != 0) continue;
        beginning = name;
        beginnings++;
    }
    if (near.best != NULL) return near.best;
    return beginnings == 1 ? beginning : NULL;
}

const char *file_near(const char *path, char *out, size_t cap)
{
    const char *slash = strrchr(path, '/');
    size_t folder_len = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    const char *wanted = path + folder_len;
    struct dirent **names;
    out[0] = '\0';
    if (*wanted == '\0' || access(path, F_OK) == 0 || errno != ENOENT) return out;
    char *folder = sim_alloc(folder_len + 2);
    memcpy(folder, path, folder_len);
    strcpy(folder + folder_len, folder_len == 0 ? "." : "");
    int count = scandir(folder, &names, NULL, alphasort);
    free(folder);
    if (count < 0) return out;
    const char *best = choose(names, count, wanted);
    int len = best == NULL
                  ? 0
                  : snprintf(out, cap, ", did you mean '%.*s%s'?", (int)folder_len, path, best);
    if (len < 0 || (size_t)len >= cap) out[0] = '\0';
    for (int i = 0; i < count; i++) free(names[i]);
    free(names);
    return out;
}
