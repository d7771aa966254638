/* The authorized_keys file as it changes, see daemon_impl.h. */
#define _GNU_SOURCE
#include "net-real/cli/auth_file.h"
#include "net-real/daemon/daemon_impl.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* One entry: the peer and its whole line, which the node reads itself. */
typedef struct grant {
    pu_peer_id peer;
    char *line;
    size_t len;
} grant;

typedef struct grant_list {
    grant *at;
    size_t count;
} grant_list;

struct grants {
    char *path;
    grant_list list;
    pu_in *commands;
    peerupd *d;
    int notify;     /* inotify on the folder: the file is replaced, not written */
    int folders[2]; /* that are watched: of the path, and of what it is a link to; -1: not */
};

static void list_free(grant_list *l)
{
    for (size_t i = 0; i < l->count; i++) free(l->at[i].line);
    free(l->at);
    *l = (grant_list){0};
}

static void add(void *ctx, const pu_authorized *entry, pu_span line)
{
    grant_list *l = ctx;
    grant *grown = realloc(l->at, (l->count + 1) * sizeof *grown);
    if (grown == NULL) return;
    l->at = grown;
    grant *g = &grown[l->count];
    *g = (grant){.peer = entry->peer, .line = malloc(line.len + 1), .len = line.len};
    if (g->line == NULL) return;
    memcpy(g->line, line.base, line.len);
    l->count++;
}

static const grant *find(const grant_list *l, const pu_peer_id *peer)
{
    for (size_t i = 0; i < l->count; i++) {
        if (pu_peer_id_equal(&l->at[i].peer, peer)) return &l->at[i];
    }
    return NULL;
}

static pu_in authorise(const grant *g)
{
    return (pu_in){.kind = PU_IN_COMMAND,
                   .what = PU_CMD_AUTHORISE,
                   .token = TOKEN_GRANT,
                   .body = {(const uint8_t *)g->line, g->len}};
}

struct grants *grants_open(const char *path, const pu_in **commands, size_t *count)
{
    struct grants *g = calloc(1, sizeof *g);
    if (g == NULL) return NULL;
    g->notify = g->folders[0] = g->folders[1] = -1;
    g->path = strdup(path);
    bool is_good = auth_file_read(path, add, &g->list, stderr);
    g->commands = calloc(g->list.count + 1, sizeof *g->commands);
    if (!is_good || g->commands == NULL) {
        grants_close(g);
        return NULL;
    }
    for (size_t i = 0; i < g->list.count; i++) g->commands[i] = authorise(&g->list.at[i]);
    *commands = g->commands;
    *count = g->list.count;
    return g;
}

/* Tells the node what differs. A file with a bad line changes nothing: half of it may be missing.
 */
static void read_again(struct grants *g)
{
    grant_list fresh = {0};
    if (!auth_file_read(g->path, add, &fresh, stderr)) {
        daemon_say(g->d, "%s: kept as it was", g->path);
        list_free(&fresh);
        return;
    }
    for (size_t i = 0; i < g->list.count; i++) {
        const pu_peer_id *peer = &g->list.at[i].peer;
        if (find(&fresh, peer) != NULL) continue;
        pu_in revoke = {
            .kind = PU_IN_COMMAND, .what = PU_CMD_REVOKE, .peer = {peer->bytes, peer->len}};
        pu_host_command(g->d->host, &revoke);
    }
    for (size_t i = 0; i < fresh.count; i++) {
        const grant *old = find(&g->list, &fresh.at[i].peer);
        bool is_same = old != NULL && old->len == fresh.at[i].len &&
                       memcmp(old->line, fresh.at[i].line, old->len) == 0;
        pu_in in = authorise(&fresh.at[i]);
        if (!is_same) pu_host_command(g->d->host, &in);
    }
    daemon_say(g->d, "%s: %zu peers", g->path, fresh.count);
    list_free(&g->list);
    g->list = fresh;
}

/* Whether path is called name in its folder. */
static bool is_called(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash != NULL ? slash + 1 : path, name) == 0;
}

static bool is_link(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

/* Watches the folder of path. -1: it cannot be. */
static int watch_folder(int notify, const char *path)
{
    char *copy = strdup(path);
    int folder = copy != NULL ? inotify_add_watch(notify, dirname(copy),
                                                  IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE |
                                                      IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF)
                              : -1;
    free(copy);
    return folder;
}

/* Watches where the file is and, when it is a link, where that leads. False: not all of it. */
static bool watch_folders(struct grants *g)
{
    char *real = realpath(g->path, NULL);
    int before = g->folders[1];
    g->folders[0] = watch_folder(g->notify, g->path);
    g->folders[1] = real != NULL ? watch_folder(g->notify, real) : -1;
    bool is_left = before >= 0 && before != g->folders[0] && before != g->folders[1];
    if (is_left) inotify_rm_watch(g->notify, before);
    bool is_good = g->folders[0] >= 0 && (real == NULL || g->folders[1] >= 0);
    free(real);
    return is_good;
}

static void not_seen(const struct grants *g)
{
    daemon_say(g->d, "%s: changes are not seen until a restart", g->path);
}

static void changed(void *ctx, int fd, uint32_t events)
{
    struct grants *g = ctx;
    _Alignas(struct inotify_event) char bytes[4096];
    char *real = realpath(g->path, NULL);
    bool is_ours = false;
    ssize_t len;
    (void)events;
    while ((len = read(fd, bytes, sizeof bytes)) > 0) {
        for (ssize_t at = 0; at < len;) {
            const struct inotify_event *e = (const void *)(bytes + at);
            bool is_other = (e->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF)) != 0;
            bool is_named = e->len > 0 && (is_called(g->path, e->name) ||
                                           (real != NULL && is_called(real, e->name)));
            /* A file that was only made is not written yet; a link is whole. */
            bool is_whole = (e->mask & IN_CREATE) == 0 || is_link(g->path);
            is_ours = is_ours || is_other || (is_named && is_whole);
            at += (ssize_t)(sizeof *e + e->len);
        }
    }
    free(real);
    if (!is_ours) return;
    if (!watch_folders(g)) not_seen(g);
    read_again(g);
}

void grants_watch(struct grants *g, peerupd *d)
{
    g->d = d;
    g->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    bool is_watched = g->notify >= 0 && watch_folders(g) &&
                      pu_host_watch(d->host, g->notify, PU_WATCH_READ, changed, g) == PU_OK;
    if (!is_watched) not_seen(g);
}

void grants_close(struct grants *g)
{
    if (g == NULL) return;
    if (g->notify >= 0) {
        int ended = g->d != NULL ? pu_host_watch(g->d->host, g->notify, 0, NULL, NULL) : 0;
        (void)ended;
        close(g->notify);
    }
    list_free(&g->list);
    free(g->commands);
    free(g->path);
    free(g);
}
