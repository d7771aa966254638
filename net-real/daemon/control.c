/* The Unix socket of a daemon, see control.h. */
#define _GNU_SOURCE
#include "net-real/daemon/control.h"

#include "net-real/daemon/daemon_impl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS_MAX = 32 };

typedef struct client {
    struct client *next;
    struct control *owner;
    int fd;
    size_t len;
    char line[CONTROL_LINE_MAX];
} client;

struct control {
    peerupd *d;
    int fd;
    char *path;
    client *clients;
    unsigned count;
};

static bool address_of(struct sockaddr_un *out, const char *path)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof out->sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    strcpy(out->sun_path, path);
    return true;
}

/* ---- serving ---- */

static void client_free(client *c)
{
    struct control *o = c->owner;
    client **at = &o->clients;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    o->count--;
    requests_forget(o->d, c);
    int ended = pu_host_watch(o->d->host, c->fd, 0, NULL, NULL);
    (void)ended;
    close(c->fd);
    free(c);
}

/* Answers are short; whoever does not read them is not waited for. */
static void answer(void *ctx, json_t *response)
{
    client *c = ctx;
    char *text = json_dumps(response, JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL) return;
    size_t len = strlen(text);
    text[len] = '\n'; /* in place of the terminator */
    ssize_t sent = send(c->fd, text, len + 1, MSG_NOSIGNAL);
    if (sent != (ssize_t)(len + 1)) shutdown(c->fd, SHUT_RDWR);
    free(text);
}

static void take_line(client *c, const char *line, size_t len)
{
    json_error_t why;
    json_t *request = json_loadb(line, len, 0, &why);
    if (request == NULL) {
        json_t *response = requests_error("usage", "not a JSON object: %s", why.text);
        answer(c, response);
        json_decref(response);
        return;
    }
    daemon_request(c->owner->d, request, answer, c);
    json_decref(request);
}

static void readable(void *ctx, int fd, uint32_t events)
{
    client *c = ctx;
    (void)events;
    ssize_t got = recv(fd, c->line + c->len, sizeof c->line - c->len, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        client_free(c);
        return;
    }
    c->len += (size_t)got;
    for (char *end; (end = memchr(c->line, '\n', c->len)) != NULL;) {
        size_t taken = (size_t)(end - c->line) + 1;
        take_line(c, c->line, taken - 1);
        c->len -= taken;
        memmove(c->line, c->line + taken, c->len);
    }
    if (c->len == sizeof c->line) client_free(c); /* no request is that long */
}

static void arrived(void *ctx, int fd, uint32_t events)
{
    struct control *o = ctx;
    (void)events;
    int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    client *c = client_fd >= 0 && o->count < CLIENTS_MAX ? calloc(1, sizeof *c) : NULL;
    if (c == NULL) {
        if (client_fd >= 0) close(client_fd);
        return;
    }
    c->owner = o;
    c->fd = client_fd;
    c->next = o->clients;
    o->clients = c;
    o->count++;
    if (pu_host_watch(o->d->host, client_fd, PU_WATCH_READ, readable, c) != PU_OK) client_free(c);
}

/* A socket file that nobody listens at is what a crash left. */
static bool is_stale(const char *path)
{
    int fd = control_dial(path);
    if (fd < 0) return true;
    close(fd);
    return false;
}

struct control *control_open(peerupd *d, const char *path, char *error, size_t cap)
{
    struct sockaddr_un at;
    struct control *o = calloc(1, sizeof *o);
    if (o == NULL) return NULL;
    *o = (struct control){.d = d, .fd = -1, .path = strdup(path)};
    const char *why = NULL;
    if (access(path, F_OK) == 0 && !is_stale(path)) why = "another daemon is there";
    else if (!address_of(&at, path)) why = strerror(errno);
    if (why == NULL) {
        unlink(path);
        o->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        mode_t mask = umask(0177);
        bool is_up = o->fd >= 0 && bind(o->fd, (struct sockaddr *)&at, sizeof at) == 0 &&
                     listen(o->fd, CLIENTS_MAX) == 0;
        if (!is_up) why = strerror(errno);
        umask(mask);
    }
    if (why == NULL && pu_host_watch(d->host, o->fd, PU_WATCH_READ, arrived, o) != PU_OK)
        why = "it cannot be watched";
    if (why == NULL) return o;
    snprintf(error, cap, "%s: %s", path, why);
    if (o->fd >= 0) close(o->fd);
    free(o->path);
    free(o);
    return NULL;
}

void control_close(struct control *o)
{
    if (o == NULL) return;
    while (o->clients != NULL) client_free(o->clients);
    int ended = pu_host_watch(o->d->host, o->fd, 0, NULL, NULL);
    (void)ended;
    close(o->fd);
    unlink(o->path);
    free(o->path);
    free(o);
}

/* ---- asking ---- */

int control_dial(const char *path)
{
    struct sockaddr_un at;
    if (!address_of(&at, path)) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

json_t *control_ask(int fd, const json_t *request, int timeout_ms)
{
    char line[CONTROL_LINE_MAX];
    size_t len = json_dumpb(request, line, sizeof line - 1, JSON_COMPACT);
    if (len >= sizeof line - 1) return NULL;
    line[len++] = '\n';
    if (send(fd, line, len, MSG_NOSIGNAL) != (ssize_t)len) return NULL;
    len = 0;
    struct pollfd p = {fd, POLLIN, 0};
    while (len < sizeof line && poll(&p, 1, timeout_ms) > 0) {
        ssize_t got = recv(fd, line + len, sizeof line - len, 0);
        if (got <= 0) return NULL;
        len += (size_t)got;
        if (line[len - 1] == '\n') return json_loadb(line, len, 0, NULL);
    }
    return NULL;
}
