/* Names by c-ares, see dns.h.
 *
 * c-ares may answer inside ares_getaddrinfo and ares_query: numbers, /etc/hosts, names that cannot
 * be. The owner is then in the middle of something, so such answers wait for the next tick.
 */
#define _GNU_SOURCE
#include "net-real/dns.h"

#include "net-real/sockaddr.h"

#include <sys/select.h>
/* ares.h needs fd_set */
#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    SOCKETS_MAX = 16,
    QUESTIONS_MAX = 64,     /* open at once; more are refused */
    ANSWER_MAX = 32 * 1024, /* bytes of multiaddrs in one answer */
    ADDRESSES_MAX = 100,    /* of one answer */
    TRY_MS = 2000,          /* of one server, at first */
    TRIES = 3
};

static const char dnsaddr_key[] = "dnsaddr=";
static const char servers_file[] = "/etc/resolv.conf";

typedef struct question {
    dns *owner;
    bool is_open;      /* c-ares has it */
    bool is_cancelled; /* answered already: c-ares must not answer again */
    bool is_answered;  /* and the owner is told at the next tick: */
    uint32_t code;
    uint8_t *body; /* owned */
    size_t body_len;
    pu_token token;
    pu_time deadline;
} question;

typedef struct socket_watch {
    dns *owner;
    watch w; /* fd -1: free */
} socket_watch;

struct dns {
    loop *l;
    ares_channel channel;
    void (*answered)(void *ctx, pu_token token, uint32_t code, pu_span multiaddrs);
    void *ctx;
    socket_watch sockets[SOCKETS_MAX];
    question questions[QUESTIONS_MAX];
    struct refusal {
        pu_token token;
        uint32_t code;
    } refusals[QUESTIONS_MAX]; /* answered at the next tick */
    uint32_t refusal_count;
    uint32_t answered_count; /* of questions: is_answered */
    bool is_asking;          /* inside a call of dns_ask */
    bool is_closing;
    bool has_own_servers;       /* not those of servers_file */
    struct timespec servers_at; /* when that file was written, as it was read */
    ino_t servers_inode;
};

/* ---- answers ---- */

/* The body of RESOLVED as it grows. */
typedef struct found {
    uint8_t bytes[ANSWER_MAX];
    size_t len;
    uint32_t count;
} found;

/* Appends one multiaddr after its length as a varint; drops it when the answer is full. */
static void found_add(found *f, const uint8_t *maddr, size_t len)
{
    size_t head = len < 128 ? 1 : 2;
    if (len > PU_MADDR_MAX || f->count == ADDRESSES_MAX || f->len + head + len > sizeof f->bytes)
        return;
    uint8_t *at = f->bytes + f->len;
    at[0] = (uint8_t)(len & 0x7f);
    if (head == 2) {
        at[0] |= 0x80;
        at[1] = (uint8_t)(len >> 7);
    }
    memcpy(at + head, maddr, len);
    f->len += head + len;
    f->count++;
}

static uint32_t code_of(int status)
{
    switch (status) {
    case ARES_SUCCESS: return PU_CODE_OK;
    case ARES_ETIMEOUT: return PU_CODE_TIMEOUT;
    case ARES_ENOMEM: return PU_CODE_NO_MEMORY;
    case ARES_ENODATA:
    case ARES_ENOTFOUND: return PU_CODE_NO_ADDRESS;
    default: return PU_CODE_UNREACHABLE;
    }
}

/* Keeps an answer for the next tick. */
static void answer_later(question *q, uint32_t code, pu_span body)
{
    q->is_answered = true;
    q->code = code;
    q->owner->answered_count++;
    if (body.len == 0) return;
    q->body = malloc(body.len);
    if (q->body == NULL) {
        q->code = PU_CODE_NO_MEMORY;
        return;
    }
    memcpy(q->body, body.base, body.len);
    q->body_len = body.len;
}

static void answer(question *q, uint32_t code, const found *f)
{
    dns *d = q->owner;
    bool is_told = !q->is_cancelled && !d->is_closing;
    q->is_open = false;
    if (code == PU_CODE_OK && f->count == 0) code = PU_CODE_NO_ADDRESS;
    pu_span body = {f->bytes, code == PU_CODE_OK ? f->len : 0};
    if (is_told && d->is_asking) answer_later(q, code, body);
    else if (is_told) d->answered(d->ctx, q->token, code, body);
}

static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    found f = {.len = 0};
    (void)timeouts;
    for (const struct ares_addrinfo_node *n = info != NULL ? info->nodes : NULL; n != NULL;
         n = n->ai_next) {
        uint8_t maddr[17];
        sockaddr_any a = {0};
        if (n->ai_addrlen > sizeof a) continue;
        memcpy(&a, n->ai_addr, n->ai_addrlen);
        bool is_v4 = a.any.sa_family == AF_INET;
        maddr[0] = is_v4 ? PU_MA_IP4 : PU_MA_IP6;
        if (is_v4) memcpy(maddr + 1, &a.v4.sin_addr, 4);
        else memcpy(maddr + 1, &a.v6.sin6_addr, 16);
        found_add(&f, maddr, is_v4 ? 5 : 17);
    }
    if (info != NULL) ares_freeaddrinfo(info);
    answer(arg, code_of(status), &f);
}

/* One TXT record, whose strings are joined. */
static void take_text(found *f, const char *text, size_t len)
{
    size_t skip = sizeof dnsaddr_key - 1;
    uint8_t maddr[PU_MADDR_MAX];
    size_t maddr_len;
    if (len <= skip || memcmp(text, dnsaddr_key, skip) != 0) return;
    pu_span value = {(const uint8_t *)text + skip, len - skip};
    if (pu_maddr_parse(maddr, sizeof maddr, &maddr_len, value, NULL) == PU_OK)
        found_add(f, maddr, maddr_len);
}

static void on_text(void *arg, int status, int timeouts, unsigned char *reply, int reply_len)
{
    found f = {.len = 0};
    struct ares_txt_ext *texts = NULL;
    char joined[PU_MADDR_TEXT_MAX];
    size_t len = 0;
    (void)timeouts;
    if (status == ARES_SUCCESS) status = ares_parse_txt_reply_ext(reply, reply_len, &texts);
    for (const struct ares_txt_ext *t = texts; t != NULL; t = t->next) {
        if (t->record_start) len = 0;
        if (t->length > sizeof joined - len) len = sizeof joined; /* too long for any address */
        else memcpy(joined + len, t->txt, t->length);
        if (len < sizeof joined) len += t->length;
        bool is_whole = t->next == NULL || t->next->record_start;
        if (is_whole && len < sizeof joined) take_text(&f, joined, len);
    }
    if (texts != NULL) ares_free_data(texts);
    answer(arg, code_of(status), &f);
}

/* ---- questions ---- */

static void refuse(dns *d, pu_token token, uint32_t code)
{
    if (d->refusal_count < QUESTIONS_MAX)
        d->refusals[d->refusal_count++] = (struct refusal){token, code};
}

static question *question_new(dns *d)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        if (!d->questions[i].is_open && !d->questions[i].is_answered) return &d->questions[i];
    }
    return NULL;
}

/* A name that is a number needs no server: c-ares would ask one for an IPv4 address in digits when
 * both families will do. False: it is none. */
static bool answer_number(question *q, enum pu_name what, const char *name)
{
    found f = {.len = 0};
    uint8_t maddr[17];
    if (what != PU_NAME_ADDRESS6 && inet_pton(AF_INET, name, maddr + 1) == 1) {
        maddr[0] = PU_MA_IP4;
        found_add(&f, maddr, 5);
    } else if (what != PU_NAME_ADDRESS4 && inet_pton(AF_INET6, name, maddr + 1) == 1) {
        maddr[0] = PU_MA_IP6;
        found_add(&f, maddr, 17);
    }
    if (f.count > 0) answer(q, PU_CODE_OK, &f);
    return f.count > 0;
}

static void renew_servers(dns *d);

void dns_ask(dns *d, pu_token token, enum pu_name what, pu_span name, pu_time deadline)
{
    char host[300];
    bool is_dnsaddr = what == PU_NAME_DNSADDR;
    bool is_name = name.len > 0 && name.len <= 253 && memchr(name.base, 0, name.len) == NULL;
    renew_servers(d);
    question *q = question_new(d);
    if (q == NULL || !is_name) {
        refuse(d, token, !is_name ? PU_CODE_INVALID : PU_CODE_RESOURCE);
        return;
    }
    *q = (question){.owner = d, .is_open = true, .token = token, .deadline = deadline};
    snprintf(host, sizeof host, "%s%.*s", is_dnsaddr ? "_dnsaddr." : "", (int)name.len,
             (const char *)name.base);
    int family = what == PU_NAME_ADDRESS    ? AF_UNSPEC
                 : what == PU_NAME_ADDRESS4 ? AF_INET
                                            : AF_INET6;
    struct ares_addrinfo_hints hints = {.ai_family = family, .ai_socktype = SOCK_DGRAM};
    d->is_asking = true;
    if (is_dnsaddr) ares_query(d->channel, host, ns_c_in, ns_t_txt, on_text, q);
    else if (!answer_number(q, what, host))
        ares_getaddrinfo(d->channel, host, NULL, &hints, on_addresses, q);
    d->is_asking = false;
}

/* ---- the loop ---- */

static void ready(void *ctx, uint32_t events)
{
    socket_watch *s = ctx;
    ares_socket_t fd = s->w.fd;
    bool can_read = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
    ares_process_fd(s->owner->channel, can_read ? fd : ARES_SOCKET_BAD,
                    (events & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
}

static socket_watch *socket_of(dns *d, int fd)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (d->sockets[i].w.fd == fd) return &d->sockets[i];
    }
    return NULL;
}

static void on_socket(void *ctx, ares_socket_t fd, int readable, int writable)
{
    dns *d = ctx;
    uint32_t events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
    socket_watch *s = socket_of(d, fd);
    if (s != NULL && events == 0) {
        loop_del(d->l, &s->w);
        s->w.fd = -1;
    } else if (s != NULL) {
        loop_change(d->l, &s->w, events);
    } else if (events != 0 && (s = socket_of(d, -1)) != NULL) {
        *s = (socket_watch){d, {fd, events, ready, s}};
        if (!loop_add(d->l, &s->w)) s->w.fd = -1; /* then the question times out */
    }
}

pu_time dns_deadline(const dns *d)
{
    pu_time first = d->refusal_count > 0 || d->answered_count > 0 ? 0 : PU_NEVER;
    bool is_open = false;
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        const question *q = &d->questions[i];
        is_open = is_open || q->is_open;
        if (q->is_open && !q->is_cancelled && q->deadline < first) first = q->deadline;
    }
    struct timeval wait;
    if (!is_open || ares_timeout(d->channel, NULL, &wait) == NULL) return first;
    pu_time at = loop_now(d->l) + (uint64_t)wait.tv_sec * PU_S + (uint64_t)wait.tv_usec * PU_US;
    return at < first ? at : first;
}

/* What waited. An answer may ask anew. */
static void tell_answers(dns *d)
{
    struct refusal refused[QUESTIONS_MAX];
    uint32_t count = d->refusal_count;
    memcpy(refused, d->refusals, count * sizeof refused[0]);
    d->refusal_count = 0;
    for (uint32_t i = 0; i < count; i++)
        d->answered(d->ctx, refused[i].token, refused[i].code, (pu_span){NULL, 0});
    for (size_t i = 0; i < QUESTIONS_MAX && d->answered_count > 0; i++) {
        question q = d->questions[i];
        if (!q.is_answered) continue;
        d->questions[i] = (question){.owner = d};
        d->answered_count--;
        d->answered(d->ctx, q.token, q.code, (pu_span){q.body, q.body_len});
        free(q.body);
    }
}

void dns_tick(dns *d, pu_time now)
{
    tell_answers(d);
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        question *q = &d->questions[i];
        if (!q->is_open || q->is_cancelled || q->deadline > now) continue;
        q->is_cancelled = true; /* c-ares gives up by itself, later */
        d->answered(d->ctx, q->token, PU_CODE_TIMEOUT, (pu_span){NULL, 0});
    }
    ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* ---- sockets ---- */

/* As c-ares has them, but a name server that hangs up is no SIGPIPE for the program. */

static ares_socket_t open_socket(int domain, int type, int protocol, void *ctx)
{
    (void)ctx;
    return socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

static int close_socket(ares_socket_t fd, void *ctx)
{
    (void)ctx;
    return close(fd);
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t len,
                          void *ctx)
{
    (void)ctx;
    return connect(fd, to, len);
}

static ares_ssize_t receive(ares_socket_t fd, void *out, size_t cap, int flags,
                            struct sockaddr *from, ares_socklen_t *len, void *ctx)
{
    (void)ctx;
    return recvfrom(fd, out, cap, flags, from, len);
}

static ares_ssize_t send_parts(ares_socket_t fd, const struct iovec *parts, int count, void *ctx)
{
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count};
    (void)ctx;
    return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static const struct ares_socket_functions socket_functions = {open_socket, close_socket,
                                                              connect_socket, receive, send_parts};

/* ---- servers ---- */

static int channel_open(dns *d, const char *servers)
{
    struct ares_options options = {
        .timeout = TRY_MS, .tries = TRIES, .sock_state_cb = on_socket, .sock_state_cb_data = d};
    int status = ares_init_options(&d->channel, &options,
                                   ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS) return status;
    ares_set_socket_functions(d->channel, &socket_functions, NULL);
    if (servers != NULL) status = ares_set_servers_ports_csv(d->channel, servers);
    if (status != ARES_SUCCESS) ares_destroy(d->channel);
    return status;
}

/* Whether the file of servers is another one than before. */
static bool servers_changed(dns *d)
{
    struct stat info;
    if (d->has_own_servers || stat(servers_file, &info) != 0) return false;
    bool is_same = info.st_ino == d->servers_inode && info.st_mtim.tv_sec == d->servers_at.tv_sec &&
                   info.st_mtim.tv_nsec == d->servers_at.tv_nsec;
    d->servers_inode = info.st_ino;
    d->servers_at = info.st_mtim;
    return !is_same;
}

/* A machine that has come to another network has other name servers; c-ares reads of them once. */
static void renew_servers(dns *d)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        if (d->questions[i].is_open) return; /* its channel must stay */
    }
    if (!servers_changed(d)) return;
    ares_channel old = d->channel;
    if (channel_open(d, NULL) == ARES_SUCCESS) ares_destroy(old);
    else d->channel = old;
}

/* ---- life ---- */

dns *dns_open(loop *l, const char *servers,
              void (*answered)(void *ctx, pu_token token, uint32_t code, pu_span multiaddrs),
              void *ctx, char *error, size_t cap)
{
    dns *d = calloc(1, sizeof *d);
    int status = d == NULL ? ARES_ENOMEM : ares_library_init(ARES_LIB_INIT_ALL);
    if (d != NULL && status == ARES_SUCCESS) {
        *d = (dns){.l = l, .answered = answered, .ctx = ctx, .has_own_servers = servers != NULL};
        for (size_t i = 0; i < SOCKETS_MAX; i++) d->sockets[i].w.fd = -1;
        servers_changed(d);
        status = channel_open(d, servers);
        if (status == ARES_SUCCESS) return d;
        ares_library_cleanup();
    }
    if (error != NULL) snprintf(error, cap, "c-ares: %s", ares_strerror(status));
    free(d);
    return NULL;
}

void dns_close(dns *d)
{
    if (d == NULL) return;
    d->is_closing = true;
    ares_destroy(d->channel);
    ares_library_cleanup();
    for (size_t i = 0; i < QUESTIONS_MAX; i++) free(d->questions[i].body);
    free(d);
}
