/* Streams and sockets joined, see splice.h. */
#define _GNU_SOURCE
#include "net-real/daemon/splice.h"

#include "net-real/cli/host_port.h"
#include "net-real/daemon/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LABEL_MAX = 256, /* bytes of a label, its end included; longer ones are cut */
    READS_MAX = 16,  /* reads of a socket before others have their turn */
    REST_MS = 60000, /* a socket whose stream is over has so long to take each part of the rest */
};

typedef struct joint {
    struct joint *next;
    splices *owner;
    char label[LABEL_MAX]; /* what it is, for people */
    int fd;                /* -1: on its way */
    reach *way;            /* NULL: it is there */
    pu_handle stream;      /* 0: the OPEN is not answered, or the stream is over */
    pu_token token;        /* of that OPEN */
    pu_handle conn;        /* that carries the stream, or carried it */
    bool is_over;          /* the stream has ended well: what waits is still the socket's */
    bool tcp_fin;          /* the socket has no more */
    bool stream_fin;       /* nor has the stream */
    bool is_shut;          /* and the socket was told */
    uint32_t watched;
    uint8_t *waiting; /* owned; from the stream, not taken by the socket: */
    size_t waiting_at, waiting_len;
    uint64_t room; /* the stream takes up to this offset */
    uint64_t sent; /* to the stream */
    uint64_t received;
    uint64_t taken; /* by the socket */
    uint64_t granted;
} joint;

struct splices {
    pu_host *host;
    void (*ended)(void *ctx, const splice_end *end);
    void *ctx;
    joint *first;
    uint32_t count, max;
};

const char *splice_code_text(uint32_t code)
{
    switch (code) {
#define SPLICE_CODE_TEXT(name, value, meaning) \
    case (value): return (meaning);
        SPLICE_CODE_LIST(SPLICE_CODE_TEXT)
#undef SPLICE_CODE_TEXT
    default: return NULL;
    }
}

splices *splices_new(pu_host *host, uint32_t max, void (*ended)(void *ctx, const splice_end *end),
                     void *ctx)
{
    splices *s = calloc(1, sizeof *s);
    if (s != NULL) *s = (splices){.host = host, .ended = ended, .ctx = ctx, .max = max};
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
    if (p->way != NULL) reach_cancel(p->way);
    if (p->fd >= 0) {
        int gone = pu_host_watch(s->host, p->fd, 0, NULL, NULL);
        (void)gone;
        struct linger now = {.l_onoff = 1};
        if (resets_socket) setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(p->fd);
    }
    free(p->waiting);
    free(p);
}

static void joint_end(joint *p, enum splice_way way, uint32_t code, bool resets_socket)
{
    const splices *s = p->owner;
    splice_end end = {.label = p->label,
                      .way = way,
                      .code = code,
                      .conn = p->conn,
                      .received = p->received,
                      .sent = p->sent};
    s->ended(s->ctx, &end);
    joint_free(p, resets_socket);
}

void splices_free(splices *s)
{
    if (s == NULL) return;
    while (s->first != NULL) joint_free(s->first, false);
    free(s);
}

/* ---- the socket ---- */

static void ready(void *ctx, int fd, uint32_t events);

/* The socket has failed. */
static void broken(joint *p)
{
    if (p->stream != 0) tell(p, PU_APP_RESET, 0, PU_CODE_LOST);
    joint_end(p, SPLICE_OVER, PU_CODE_LOST, true);
}

/* Afterwards p may be gone. */
static void watch_what_matters(joint *p)
{
    uint32_t events = 0;
    bool may_read = p->stream != 0 && !p->tcp_fin && p->sent < p->room;
    if (p->fd < 0) return;
    if (may_read) events |= PU_WATCH_READ;
    if (p->waiting_len > 0) events |= PU_WATCH_WRITE;
    if (events == p->watched) return;
    p->watched = events;
    if (pu_host_watch(p->owner->host, p->fd, events, ready, p) != PU_OK) broken(p);
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
    if (!p->stream_fin || p->waiting_len > 0 || p->fd < 0 || p->is_shut) return;
    p->is_shut = true;
    shutdown(p->fd, SHUT_WR);
}

/* Gives the socket bytes. The number taken, or -1: it is broken. */
static ssize_t give(joint *p, const uint8_t *bytes, size_t len)
{
    if (p->fd < 0 || len == 0) return 0;
    ssize_t sent = send(p->fd, bytes, len, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
    p->taken += (uint64_t)sent;
    return sent;
}

/* Gives the socket what waits. False: it is broken. */
static bool flush(joint *p)
{
    ssize_t sent = p->waiting_len > 0 ? give(p, p->waiting + p->waiting_at, p->waiting_len) : 0;
    if (sent < 0) return false;
    p->waiting_at += (size_t)sent;
    p->waiting_len -= (size_t)sent;
    if (p->waiting_len == 0) p->waiting_at = 0;
    if (p->stream != 0) grant(p);
    shut_when_done(p);
    return true;
}

static bool keep(joint *p, const uint8_t *bytes, size_t len)
{
    if (len == 0) return true;
    if (p->waiting == NULL) p->waiting = malloc(SPLICE_WINDOW);
    if (p->waiting == NULL || len > SPLICE_WINDOW - p->waiting_len) return false;
    if (p->waiting_at + p->waiting_len + len > SPLICE_WINDOW) {
        memmove(p->waiting, p->waiting + p->waiting_at, p->waiting_len);
        p->waiting_at = 0;
    }
    memcpy(p->waiting + p->waiting_at + p->waiting_len, bytes, len);
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

static void ready(void *ctx, int fd, uint32_t events)
{
    joint *p = ctx;
    splices *s = p->owner;
    (void)fd;
    bool is_broken = (events & PU_WATCH_WRITE) != 0 && p->waiting_len > 0 && !flush(p);
    if (is_broken) {
        broken(p);
        return;
    }
    if (p->is_over) { /* only the rest was still to be given */
        if (p->waiting_len == 0) joint_end(p, SPLICE_OVER, PU_CODE_OK, false);
        return;
    }
    uint32_t count = s->count;
    for (unsigned i = 0; (events & PU_WATCH_READ) != 0 && i < READS_MAX; i++) {
        if (!pull(p)) break;
    }
    if (s->count == count) watch_what_matters(p);
}

/* ---- beginnings ---- */

static joint *joint_new(splices *s, int fd, const char *label)
{
    joint *p = s->count < s->max ? calloc(1, sizeof *p) : NULL;
    if (p == NULL) return NULL;
    *p = (joint){.next = s->first, .owner = s, .fd = fd, .granted = SPLICE_WINDOW};
    snprintf(p->label, sizeof p->label, "%s", label);
    s->first = p;
    s->count++;
    return p;
}

static uint32_t code_of(int error)
{
    if (error == 0) return SPLICE_NO_NAME;
    if (error == ECONNREFUSED) return SPLICE_REFUSED;
    return error == ETIMEDOUT ? SPLICE_SILENT : SPLICE_UNREACHABLE;
}

/* The service answers, or does not. */
static void reached(void *ctx, int fd, int error)
{
    joint *p = ctx;
    p->way = NULL;
    p->fd = fd;
    if (fd < 0) {
        uint32_t code = code_of(error);
        if (p->stream != 0) tell(p, PU_APP_RESET, 0, code);
        joint_end(p, SPLICE_NO_ANSWER, code, true);
    } else if (!flush(p)) {
        broken(p);
    } else if (p->is_over && p->waiting_len == 0) {
        joint_end(p, SPLICE_OVER, PU_CODE_OK, false);
    } else {
        watch_what_matters(p);
    }
}

void splice_serve(splices *s, const pu_ef *ef, const char *address, const char *label)
{
    char host[HOST_NAME_MAX_BYTES];
    uint16_t port;
    pu_in answer = {.kind = PU_IN_APP, .what = PU_APP_RESET, .stream = ef->stream};
    joint *p = host_port_read(address, NULL, host, &port) ? joint_new(s, -1, label) : NULL;
    if (p != NULL) p->way = reach_begin(s->host, host, port, reached, p);
    if (p == NULL || p->way == NULL) {
        if (p != NULL) joint_free(p, false);
        answer.code = PU_CODE_RESOURCE;
        pu_host_command(s->host, &answer);
        return;
    }
    p->stream = ef->stream;
    p->conn = ef->conn;
    p->room = ef->offset;
    answer.what = PU_APP_OPEN;
    answer.offset = SPLICE_WINDOW;
    pu_host_command(s->host, &answer);
}

pu_token splice_open(splices *s, int fd, pu_span peer, pu_span protocol, const char *label)
{
    joint *p = joint_new(s, fd, label);
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

/* The stream is over, and everything of it has arrived here: the socket gets the rest. The kernel
 * gives up on a socket that takes nothing of it for REST_MS. */
static void stream_over(joint *p)
{
    int rest_ms = REST_MS;
    p->stream = 0;
    p->token = 0;
    p->is_over = true;
    if (p->waiting_len == 0) {
        joint_end(p, SPLICE_OVER, PU_CODE_OK, false);
    } else if (p->fd >= 0) {
        setsockopt(p->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &rest_ms, sizeof rest_ms);
        watch_what_matters(p);
    }
}

static void take_data(joint *p, pu_span body)
{
    p->received += body.len;
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
        p->conn = ef->conn;
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
        if (p->fd >= 0) shutdown(p->fd, SHUT_RD);
        break;
    case PU_APP_RESET:
        joint_end(p, p->stream == 0 ? SPLICE_NO_STREAM : SPLICE_CUT, ef->code, true);
        return true;
    case PU_APP_END: stream_over(p); return true;
    }
    watch_what_matters(p);
    return true;
}

uint32_t splices_count(const splices *s)
{
    return s->count;
}
