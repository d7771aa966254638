/* The authorized_keys file as it changes, see daemon_impl.h. */
#include "net-real/cli/auth_file.h"
#include "net-real/daemon/daemon_impl.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
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
    int notify; /* inotify on the folder: the file is replaced, not written */
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
                   .body = {(const uint8_t *)g->line, g->len}};
}

struct grants *grants_open(const char *path, const pu_in **commands, size_t *count)
{
    struct grants *g = calloc(1, sizeof *g);
    if (g == NULL) return NULL;
    g->notify = -1;
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
        daemon_say(g->d, "authorized_keys: kept as it was");
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
    daemon_say(g->d, "authorized_keys: %zu peers", fresh.count);
    list_free(&g->list);
    g->list = fresh;
}

static void changed(void *ctx, int fd, uint32_t events)
{
    struct grants *g = ctx;
    _Alignas(struct inotify_event) char bytes[4096];
    char *copy = strdup(g->path), *name = basename(copy);
    bool is_ours = false;
    ssize_t len;
    (void)events;
    while ((len = read(fd, bytes, sizeof bytes)) > 0) {
        for (ssize_t at = 0; at < len;) {
            const struct inotify_event *e = (const void *)(bytes + at);
            is_ours = is_ours || (e->len > 0 && strcmp(e->name, name) == 0);
            at += (ssize_t)(sizeof *e + e->len);
        }
    }
    free(copy);
    if (is_ours) read_again(g);
}

void grants_watch(struct grants *g, peerupd *d)
{
    char *copy = strdup(g->path);
    g->d = d;
    g->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    bool is_watched = g->notify >= 0 && copy != NULL &&
                      inotify_add_watch(g->notify, dirname(copy),
                                        IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE) >= 0 &&
                      pu_host_watch(d->host, g->notify, PU_WATCH_READ, changed, g) == PU_OK;
    if (!is_watched) daemon_say(d, "authorized_keys: changes are not seen until a restart");
    free(copy);
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
