/* Streams and sockets joined, see splice.h. */
#define _GNU_SOURCE
#include "net-real/daemon/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READS_MAX = 16 /* reads of a socket before others have their turn */ };

typedef struct joint {
    struct joint *next;
    splices *owner;
    int fd;
    pu_handle stream; /* 0: the OPEN is not answered */
    pu_token token;   /* of that OPEN */
    bool is_connecting;
    bool tcp_fin;    /* the socket has no more */
    bool stream_fin; /* nor has the stream */
    bool is_shut;    /* and the socket was told */
    uint32_t watched;
    uint8_t *waiting; /* owned; from the stream, not taken by the socket */
    size_t waiting_len;
    uint64_t room;  /* the stream takes up to this offset */
    uint64_t sent;  /* to the stream */
    uint64_t taken; /* by the socket */
    uint64_t granted;
} joint;

struct splices {
    pu_host *host;
    joint *first;
    uint32_t count, max;
};

splices *splices_new(pu_host *host, uint32_t max)
{
    splices *s = calloc(1, sizeof *s);
    if (s != NULL) *s = (splices){.host = host, .max = max};
    return s;
}

static void tell(joint *p, enum pu_app what, uint64_t offset, uint32_t code)
{
    pu_in in = {
        .kind = PU_IN_APP, .what = what, .stream = p->stream, .offset = offset, .code = code};
    pu_host_command(p->owner->host, &in);
}

static void joint_free(joint *p, bool resets_socket)
{
    splices *s = p->owner;
    joint **at = &s->first;
    while (*at != p) at = &(*at)->next;
    *at = p->next;
    s->count--;
    int gone = pu_host_watch(s->host, p->fd, 0, NULL, NULL);
    (void)gone;
    if (resets_socket) {
        struct linger now = {.l_onoff = 1};
        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(p->fd);
    free(p->waiting);
    free(p);
}

void splices_free(splices *s)
{
    if (s == NULL) return;
    while (s->first != NULL) joint_free(s->first, false);
    free(s);
}

/* ---- the socket ---- */

static void ready(void *ctx, int fd, uint32_t events);

static void watch_what_matters(joint *p)
{
    uint32_t events = 0;
    bool may_read = p->stream != 0 && !p->is_connecting && !p->tcp_fin && p->sent < p->room;
    if (may_read) events |= PU_WATCH_READ;
    if (p->is_connecting || p->waiting_len > 0) events |= PU_WATCH_WRITE;
    if (events == p->watched) return;
    p->watched = events;
    if (pu_host_watch(p->owner->host, p->fd, events, ready, p) == PU_OK) return;
    tell(p, PU_APP_RESET, 0, PU_CODE_NO_MEMORY);
    p->watched = 0;
}

static void broken(joint *p)
{
    if (p->stream != 0) tell(p, PU_APP_RESET, 0, PU_CODE_LOST);
    joint_free(p, true);
}

/* What the socket takes is room for the stream, told when half of the window is free. */
static void grant(joint *p)
{
    uint64_t offset = p->taken + SPLICE_WINDOW;
    if (p->stream_fin || offset - p->granted < SPLICE_WINDOW / 2) return;
    p->granted = offset;
    tell(p, PU_APP_ROOM, offset, 0);
}

static void shut_when_done(joint *p)
{
    if (!p->stream_fin || p->waiting_len > 0 || p->is_connecting || p->is_shut) return;
    p->is_shut = true;
    shutdown(p->fd, SHUT_WR);
}

/* Gives the socket bytes. The number taken, or -1: it is broken. */
static ssize_t give(joint *p, const uint8_t *bytes, size_t len)
{
    if (p->is_connecting || len == 0) return 0;
    ssize_t sent = send(p->fd, bytes, len, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
    p->taken += (uint64_t)sent;
    return sent;
}

static bool flush(joint *p)
{
    ssize_t sent = give(p, p->waiting, p->waiting_len);
    if (sent < 0) return false;
    p->waiting_len -= (size_t)sent;
    if (p->waiting_len > 0) memmove(p->waiting, p->waiting + sent, p->waiting_len);
    grant(p);
    shut_when_done(p);
    return true;
}

static bool keep(joint *p, const uint8_t *bytes, size_t len)
{
    if (p->waiting == NULL) p->waiting = malloc(SPLICE_WINDOW);
    if (p->waiting == NULL || len > SPLICE_WINDOW - p->waiting_len) return false;
    memcpy(p->waiting + p->waiting_len, bytes, len);
    p->waiting_len += len;
    return true;
}

/* One read. False: no more now, or the splice is gone. */
static bool pull(joint *p)
{
    uint8_t bytes[PU_DATA_MAX];
    uint64_t room = p->room - p->sent;
    size_t want = room < sizeof bytes ? (size_t)room : sizeof bytes;
    if (want == 0 || p->tcp_fin) return false;
    ssize_t got = recv(p->fd, bytes, want, 0);
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            broken(p);
            return false;
        }
        return false;
    }
    if (got == 0) {
        p->tcp_fin = true;
        tell(p, PU_APP_FIN, 0, 0);
        watch_what_matters(p);
        return false;
    }
    p->sent += (uint64_t)got;
    pu_host_app_data(p->owner->host, p->stream, (pu_span){bytes, (size_t)got});
    return true;
}

static void connected(joint *p)
{
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    p->is_connecting = false;
    if (error != 0) broken(p);
    else if (!flush(p)) broken(p);
    else watch_what_matters(p);
}

static void ready(void *ctx, int fd, uint32_t events)
{
    joint *p = ctx;
    splices *s = p->owner;
    (void)fd;
    if (p->is_connecting) {
        connected(p);
        return;
    }
    if ((events & PU_WATCH_WRITE) != 0 && p->waiting_len > 0 && !flush(p)) {
        broken(p);
        return;
    }
    uint32_t count = s->count;
    for (unsigned i = 0; (events & PU_WATCH_READ) != 0 && i < READS_MAX; i++) {
        if (!pull(p)) break;
    }
    if (s->count == count) watch_what_matters(p);
}

/* ---- beginnings ---- */

/* A socket on its way to host:port. -1: it cannot be. */
static int connect_to(const char *address)
{
    char host[256];
    const char *colon = strrchr(address, ':');
    if (colon == NULL || (size_t)(colon - address) >= sizeof host) return -1;
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    char *name = host;
    size_t len = strlen(host);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        name++;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found = NULL;
    if (getaddrinfo(name, colon + 1, &hints, &found) != 0) return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;
    if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static joint *joint_new(splices *s, int fd)
{
    joint *p = s->count < s->max ? calloc(1, sizeof *p) : NULL;
    if (p == NULL) return NULL;
    *p = (joint){.next = s->first, .owner = s, .fd = fd, .granted = SPLICE_WINDOW};
    s->first = p;
    s->count++;
    return p;
}

void splice_serve(splices *s, const pu_ef *ef, const char *address)
{
    int fd = connect_to(address);
    joint *p = fd >= 0 ? joint_new(s, fd) : NULL;
    pu_in answer = {.kind = PU_IN_APP, .what = PU_APP_RESET, .stream = ef->stream};
    if (p == NULL) {
        if (fd >= 0) close(fd);
        answer.code = fd >= 0 ? PU_CODE_RESOURCE : PU_CODE_UNREACHABLE;
        pu_host_command(s->host, &answer);
        return;
    }
    p->stream = ef->stream;
    p->room = ef->offset;
    p->is_connecting = true;
    answer.what = PU_APP_OPEN;
    answer.offset = SPLICE_WINDOW;
    pu_host_command(s->host, &answer);
    watch_what_matters(p);
}

pu_token splice_open(splices *s, int fd, pu_span peer, pu_span protocol)
{
    joint *p = joint_new(s, fd);
    if (p == NULL) {
        close(fd);
        return 0;
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    pu_in in = {.kind = PU_IN_APP,
                .what = PU_APP_OPEN,
                .flags = PU_LIMITED,
                .peer = peer,
                .offset = SPLICE_WINDOW,
                .body = protocol};
    p->token = pu_host_command(s->host, &in);
    if (p->token == 0) {
        joint_free(p, true);
        return 0;
    }
    return p->token;
}

/* ---- the stream ---- */

static joint *joint_of(splices *s, const pu_ef *ef)
{
    for (joint *p = s->first; p != NULL; p = p->next) {
        bool is_answer = ef->token != 0 && p->token == ef->token && p->stream == 0;
        if (is_answer || (ef->stream != 0 && p->stream == ef->stream)) return p;
    }
    return NULL;
}

static void take_data(joint *p, pu_span body)
{
    ssize_t sent = p->waiting_len == 0 ? give(p, body.base, body.len) : 0;
    if (sent < 0 || !keep(p, body.base + sent, body.len - (size_t)sent)) {
        broken(p);
        return;
    }
    grant(p);
    watch_what_matters(p);
}

bool splice_effect(splices *s, const pu_ef *ef)
{
    joint *p = joint_of(s, ef);
    if (p == NULL) return false;
    switch ((enum pu_app)ef->what) {
    case PU_APP_OPEN:
        p->stream = ef->stream;
        p->room = ef->offset;
        break;
    case PU_APP_DATA: take_data(p, ef->body); return true;
    case PU_APP_ROOM: p->room = ef->offset; break;
    case PU_APP_FIN:
        p->stream_fin = true;
        shut_when_done(p);
        break;
    case PU_APP_STOP:
        p->tcp_fin = true; /* what the socket says goes nowhere */
        shutdown(p->fd, SHUT_RD);
        break;
    case PU_APP_RESET: joint_free(p, true); return true;
    case PU_APP_END: joint_free(p, false); return true;
    }
    watch_what_matters(p);
    return true;
}

uint32_t splices_count(const splices *s)
{
    return s->count;
}
