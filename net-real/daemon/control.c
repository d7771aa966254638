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
#include <time.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 32,
    ANSWERS_MAX = 4 << 20, /* bytes that wait for a client; one that lets more wait is hung up on */
    ANSWER_MAX = 16 << 20, /* bytes of an answer that whoever asked takes */
    SEND_MS = 5000         /* how long a daemon may take to take a request */
};

typedef struct client {
    struct client *next;
    struct control *owner;
    int fd;
    bool is_broken; /* freed in its next turn */
    bool is_ended;  /* asks no more, and still gets its answers */
    unsigned asked; /* requests that the node has not answered */
    size_t len;
    char line[CONTROL_LINE_MAX];
    char *waiting; /* owned; answers that the socket did not take */
    size_t waiting_len;
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
    free(c->waiting);
    free(c);
}

static void ready(void *ctx, int fd, uint32_t events);

static void watch_what_matters(client *c)
{
    bool is_done = c->is_broken || (c->is_ended && c->asked == 0); /* to be freed in its turn */
    uint32_t events = c->is_ended ? 0u : PU_WATCH_READ;
    if (c->waiting_len > 0 || is_done) events |= PU_WATCH_WRITE;
    if (pu_host_watch(c->owner->d->host, c->fd, events, ready, c) != PU_OK) c->is_broken = true;
}

/* Gives the socket what waits, as far as it takes it. */
static void flush(client *c)
{
    ssize_t sent = c->waiting_len > 0 ? send(c->fd, c->waiting, c->waiting_len, MSG_NOSIGNAL) : 0;
    if (sent < 0 && errno != EAGAIN && errno != EINTR) c->is_broken = true;
    if (sent <= 0) return;
    c->waiting_len -= (size_t)sent;
    memmove(c->waiting, c->waiting + sent, c->waiting_len);
}

static bool keep(client *c, const char *text, size_t len)
{
    char *grown =
        len <= ANSWERS_MAX - c->waiting_len ? realloc(c->waiting, c->waiting_len + len) : NULL;
    if (grown == NULL) return false;
    memcpy(grown + c->waiting_len, text, len);
    c->waiting = grown;
    c->waiting_len += len;
    return true;
}

/* Never frees c: it may be called from within its turn. */
static void give_answer(void *ctx, json_t *response)
{
    client *c = ctx;
    char *text = json_dumps(response, JSON_COMPACT | JSON_SORT_KEYS);
    size_t len = text != NULL ? strlen(text) : 0;
    if (text != NULL) text[len] = '\n'; /* in place of the terminator */
    if (c->asked > 0) c->asked--;
    if (text == NULL || !keep(c, text, len + 1)) c->is_broken = true;
    free(text);
    if (!c->is_broken) flush(c);
    watch_what_matters(c);
}

void control_take(peerupd *d, const char *line, size_t len,
                  void (*answer)(void *ctx, json_t *response), void *ctx)
{
    json_error_t why;
    json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
    if (request != NULL) {
        daemon_request(d, request, answer, ctx);
        json_decref(request);
        return;
    }
    json_t *response = requests_error("usage", "not a JSON object: %s", why.text);
    answer(ctx, response);
    json_decref(response);
}

/* The lines that are whole. */
static void take_lines(client *c)
{
    size_t taken = 0;
    const char *end;
    while (!c->is_broken && (end = memchr(c->line + taken, '\n', c->len - taken)) != NULL) {
        const char *line = c->line + taken;
        c->asked++;
        control_take(c->owner->d, line, (size_t)(end - line), give_answer, c);
        taken += (size_t)(end - line) + 1;
    }
    c->len -= taken;
    memmove(c->line, c->line + taken, c->len);
}

static void read_requests(client *c)
{
    ssize_t got = recv(c->fd, c->line + c->len, sizeof c->line - c->len, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < 0) c->is_broken = true;
    if (got == 0) c->is_ended = true;
    if (got <= 0) return;
    c->len += (size_t)got;
    take_lines(c);
    if (c->len == sizeof c->line) c->is_broken = true; /* no request is that long */
}

static void ready(void *ctx, int fd, uint32_t events)
{
    client *c = ctx;
    (void)fd;
    if ((events & PU_WATCH_READ) != 0 && !c->is_ended && !c->is_broken) read_requests(c);
    if (!c->is_broken) flush(c);
    bool is_done = c->is_ended && c->waiting_len == 0 && c->asked == 0;
    if (c->is_broken || is_done) client_free(c);
    else watch_what_matters(c);
}

static void arrived(void *ctx, int fd, uint32_t events)
{
    struct control *o = ctx;
    (void)events;
    int client_fd = spare_accept(&o->d->reserve, fd);
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
    if (pu_host_watch(o->d->host, client_fd, PU_WATCH_READ, ready, c) != PU_OK) client_free(c);
}

/* Why path cannot be had, or NULL: nothing is there, or a socket that nobody listens at, which is
 * what a crash leaves and is removed. */
static const char *clear_way(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0) return errno == ENOENT ? NULL : strerror(errno);
    if (!S_ISSOCK(info.st_mode)) return "something else than a socket is there";
    int fd = control_dial(path);
    if (fd < 0 && errno != ECONNREFUSED) return strerror(errno);
    if (fd >= 0) close(fd);
    if (fd >= 0) return "another daemon is there";
    return unlink(path) == 0 ? NULL : strerror(errno);
}

/* Binds and listens; the file is its owner's alone from the first moment. -1: errno. */
static int listen_at(const char *path)
{
    struct sockaddr_un at;
    if (!address_of(&at, path)) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    mode_t mask = umask(0177);
    bool is_bound = bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
    int why = errno;
    umask(mask);
    if (is_bound && listen(fd, CLIENTS_MAX) == 0) return fd;
    if (is_bound) unlink(path);
    close(fd);
    errno = why;
    return -1;
}

struct control *control_open(peerupd *d, const char *path, char *error, size_t cap)
{
    struct control *o = calloc(1, sizeof *o);
    if (o == NULL) return NULL;
    *o = (struct control){.d = d, .fd = -1, .path = strdup(path)};
    const char *why = clear_way(path);
    if (why == NULL) {
        o->fd = listen_at(path);
        if (o->fd < 0) why = strerror(errno);
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
    struct timeval limit = {.tv_sec = SEND_MS / 1000}; /* of connecting, too: unix(7) */
    if (!address_of(&at, path)) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Sends all of bytes. False: the daemon is gone, or does not take them. */
static bool send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

/* One more part of a line; *line is grown. False: none comes, or no memory. */
static bool read_part(int fd, char **line, size_t *len, size_t *cap, int wait_ms)
{
    struct pollfd p = {fd, POLLIN, 0};
    if (*len == *cap) {
        size_t more = *cap == 0 ? CONTROL_LINE_MAX : *cap * 2;
        char *grown = more <= ANSWER_MAX ? realloc(*line, more) : NULL;
        if (grown == NULL) return false;
        *line = grown;
        *cap = more;
    }
    int ready_count = poll(&p, 1, wait_ms);
    if (ready_count < 0 && errno == EINTR) return true;
    ssize_t got = ready_count > 0 ? recv(fd, *line + *len, *cap - *len, 0) : 0;
    if (got <= 0) return got < 0 && errno == EINTR;
    *len += (size_t)got;
    return true;
}

json_t *control_ask(int fd, const json_t *request, int timeout_ms, bool *is_gone)
{
    int64_t until = now_ms() + timeout_ms;
    char *line = json_dumps(request, JSON_COMPACT);
    size_t len = line != NULL ? strlen(line) : 0, cap = 0;
    bool is_sent = line != NULL && len + 1 < CONTROL_LINE_MAX && send_all(fd, line, len) &&
                   send_all(fd, "\n", 1);
    free(line);
    line = NULL;
    len = 0;
    json_t *answered = NULL;
    while (is_sent && answered == NULL) {
        int64_t left = until - now_ms();
        if (left <= 0 || !read_part(fd, &line, &len, &cap, (int)left)) break;
        if (len > 0 && line[len - 1] == '\n') answered = json_loadb(line, len, 0, NULL);
        if (len > 0 && line[len - 1] == '\n') break;
    }
    *is_gone = answered == NULL && now_ms() < until;
    free(line);
    return answered;
}
