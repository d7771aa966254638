/* The host: life, the turn, the public calls; see peerup/host.h and host_impl.h. */
#include "net-real/host_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static void *resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    (void)ctx;
    (void)old_len;
    if (new_len > 0) return realloc(old, new_len);
    free(old);
    return NULL;
}

static int failed(char *error, size_t cap, const char *what, int why)
{
    if (error != NULL) snprintf(error, cap, "%s: %s", what, strerror(why));
    return why == ENOMEM ? PU_ENOMEM : PU_ERANGE;
}

/* ---- recordings ---- */

static int record_open(pu_host *h, char *error, size_t cap)
{
    uint8_t key[PU_RECORD_KEY_BYTES];
    if (h->options.record_path == NULL) return PU_OK;
    h->link_crypto.random(h->link_crypto.ctx, key, sizeof key);
    h->recording = tape_open(h->options.record_path, h->options.record_most_bytes, key, error, cap);
    return h->recording != NULL ? PU_OK : PU_ERANGE;
}

/* ---- the clock ---- */

/* Armed for ever; the kernel cancels it when somebody sets the clock. */
static void clock_arm(pu_host *h)
{
    struct itimerspec never = {.it_value = {.tv_sec = (time_t)4102444800}}; /* the year 2100 */
    timerfd_settime(h->clock.fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static bool tell_clock(pu_host *h)
{
    return real_host_input(h, &(pu_in){.kind = PU_IN_CLOCK, .offset = real_host_unix_ns()});
}

static void clock_jumped(void *ctx, uint32_t events)
{
    pu_host *h = ctx;
    uint64_t times;
    (void)events;
    ssize_t got = read(h->clock.fd, &times, sizeof times);
    if (got >= 0 || errno != ECANCELED) return;
    clock_arm(h);
    h->now = loop_now(h->l);
    if (!tell_clock(h)) h->is_stopped = true;
    real_host_link_take(h, &(pu_link_in){.kind = PU_LINK_IN_CLOCK, .offset = real_host_unix_ns()});
}

static int clock_open(pu_host *h, char *error, size_t cap)
{
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0) return failed(error, cap, "clock", errno);
    h->clock = (watch){fd, EPOLLIN, clock_jumped, h};
    clock_arm(h);
    return loop_add(h->l, &h->clock) ? PU_OK : failed(error, cap, "clock", errno);
}

/* ---- life ---- */

/* Loop, sockets, names, clock, disk: what the machine gives. */
static int open_machine(pu_host *h, const pu_host_options *o, char *error, size_t cap)
{
    h->l = loop_new();
    if (h->l == NULL) return failed(error, cap, "event loop", errno);
    tcp_events events = real_host_tcp_events;
    events.ctx = h;
    h->streams = tcp_new(h->l, (uint32_t)h->config.conns_max, PU_LINK_TCP_FIRST_ROOM, &events);
    if (h->streams == NULL) return PU_ENOMEM;
    int result = real_host_names_open(h, error, cap);
    if (result != PU_OK) return result;
    if (o->state_dir != NULL) {
        h->disk = store_open(o->state_dir, error, cap);
        if (h->disk == NULL) return PU_ERANGE;
    }
    result = clock_open(h, error, cap);
    if (result == PU_OK) result = real_host_listen_all(h, o, error, cap);
    return result;
}

static int open_link(pu_host *h, const pu_alloc *alloc)
{
    h->link_env = (pu_link_env){.crypto = &h->link_crypto,
                                .alloc = *alloc,
                                .keylog = h->options.keylog,
                                .keylog_ctx = h->options.ctx};
    h->link_crypto.random(h->link_crypto.ctx, (uint8_t *)&h->link_env.hash_seed,
                          sizeof h->link_env.hash_seed);
    int result = pu_link_out_new(&h->link_out, alloc);
    if (result == PU_OK) result = pu_link_out_new(&h->effect_out, alloc);
    if (result == PU_OK)
        result = pu_link_new(&h->link, &h->config, &h->link_env, h->now, real_host_unix_ns());
    return result;
}

static int open_node(pu_host *h, const pu_alloc *alloc)
{
    uint8_t seed[32];
    h->link_crypto.random(h->link_crypto.ctx, seed, sizeof seed);
    int result = pu_peers_new(&h->peers, HOST_PEERS_MAX, h->link_env.hash_seed, alloc);
    if (result != PU_OK) return result;
    h->env = (pu_env){.peers = h->peers,
                      .crypto = &h->node_crypto,
                      .alloc = *alloc,
                      .hash_seed = h->link_env.hash_seed,
                      .trace = h->options.trace,
                      .trace_ctx = h->options.ctx,
                      .trace_mask = h->options.trace_mask};
    if (h->recording != NULL) {
        pu_record_node began = {.config = h->config, .now = h->now};
        memcpy(began.seed, seed, sizeof seed);
        h->link_crypto.public_key(h->link_crypto.ctx, began.key);
        tape_begin(h->recording, &began, &h->node_crypto);
    }
    result = pu_out_new(&h->out, &h->env);
    if (result != PU_OK) return result;
    h->node_mem = malloc(pu_node_size(&h->config));
    if (h->node_mem == NULL) return PU_ENOMEM;
    return pu_node_init(&h->node, h->node_mem, &h->config, &h->env, seed, h->now);
}

static bool give_kept(void *ctx, pu_span key, pu_span body)
{
    return real_host_input(ctx, &(pu_in){.kind = PU_IN_KEPT, .peer = key, .body = body});
}

/* The order that node.h asks for: KEPT, CLOCK, commands, addresses, the first TICK. */
static int give_start(pu_host *h, const pu_host_options *o, char *error, size_t cap)
{
    if (h->disk != NULL && !store_read(h->disk, give_kept, h))
        return failed(error, cap, o->state_dir, errno);
    if (!tell_clock(h)) return PU_ENOMEM;
    for (size_t i = 0; i < o->start_count; i++) {
        if (pu_host_command(h, &o->start[i]) == 0) return PU_ENOMEM;
    }
    int result = real_host_addresses_open(h, error, cap);
    if (result != PU_OK) return result;
    return real_host_input(h, &(pu_in){.kind = PU_IN_TICK}) ? PU_OK : PU_ENOMEM;
}

int pu_host_new(pu_host **host, const pu_host_options *options, char *error, size_t cap)
{
    pu_host *h = calloc(1, sizeof *h);
    if (h == NULL) return failed(error, cap, "host", ENOMEM);
    if (error != NULL && cap > 0) error[0] = '\0';
    h->options = *options;
    h->clock.fd = -1;
    if (options->config != NULL) h->config = *options->config;
    else pu_config_default(&h->config);
    static const pu_alloc alloc = {resize, NULL}; /* kept by what is made with it */
    int result = pu_crypto_real_init(&h->link_crypto, &h->key, options->key_seed);
    h->node_crypto = h->link_crypto;
    if (result == PU_OK) result = record_open(h, error, cap);
    if (result == PU_OK) result = open_machine(h, options, error, cap);
    if (result == PU_OK) {
        h->now = loop_now(h->l);
        result = open_link(h, &alloc);
    }
    if (result == PU_OK) result = open_node(h, &alloc);
    if (result == PU_OK) {
        real_host_locals_changed(h);
        result = give_start(h, options, error, cap);
    }
    if (result == PU_OK) {
        *host = h;
        return PU_OK;
    }
    if (error != NULL && cap > 0 && error[0] == '\0')
        snprintf(error, cap, "%s",
                 result == PU_ENOMEM ? "out of memory" : "a value is out of range");
    pu_host_free(h);
    return result;
}

static void close_watches(pu_host *h)
{
    while (h->watches != NULL) {
        host_watch *w = h->watches;
        h->watches = w->next;
        loop_del(h->l, &w->w);
        free(w);
    }
}

void pu_host_free(pu_host *h)
{
    if (h == NULL) return;
    PU_ASSERT(!h->is_inside);
    inbox_close(&h->inputs);
    if (h->node != NULL) pu_node_close(h->node);
    if (h->link != NULL) pu_link_free(h->link);
    free(h->node_mem);
    if (h->out != NULL) pu_out_free(h->out);
    if (h->link_out != NULL) pu_link_out_free(h->link_out);
    if (h->effect_out != NULL) pu_link_out_free(h->effect_out);
    if (h->peers != NULL) pu_peers_free(h->peers);
    ifaddr_close(h->addresses);
    real_host_names_close(h);
    tcp_free(h->streams);
    for (uint32_t i = 0; i < HOST_PORTS_MAX; i++) udp_close(h->ports[i].port);
    store_close(h->disk);
    close_watches(h);
    if (h->clock.fd >= 0) close(h->clock.fd);
    loop_free(h->l);
    tape_close(h->recording);
    pu_crypto_real_close(&h->key);
    free(h);
}

/* ---- the turn ---- */

static pu_time earliest(pu_time a, pu_time b)
{
    return a < b ? a : b;
}

/* Ticks of what is due at once. The link may be due again with the same time: it sends in bursts.
 * Returns whether anything was done, which somebody may be waiting for. */
static bool work(pu_host *h)
{
    bool has_worked = false;
    for (unsigned i = 0; i < HOST_PROGRESS_MAX && !h->is_stopped; i++) {
        h->now = loop_now(h->l);
        has_worked = has_worked || !inbox_is_empty(&h->inputs);
        real_host_drain(h);
        bool is_node_due = pu_node_deadline(h->node, NULL) <= h->now;
        bool is_link_due = pu_link_deadline(h->link, NULL) <= h->now;
        if (!is_node_due && !is_link_due) return has_worked;
        has_worked = true;
        if (is_node_due) real_host_step(h, &(pu_in){.kind = PU_IN_TICK});
        real_host_drain(h);
        if (is_link_due) real_host_link_take(h, &(pu_link_in){.kind = PU_LINK_IN_TICK});
    }
    return has_worked;
}

/* The host may wait, or be left, afterwards: the recording says all there is. */
static bool progress(pu_host *h)
{
    bool has_worked = work(h);
    if (h->recording != NULL) tape_flush(h->recording);
    return has_worked;
}

static pu_time next_time(const pu_host *h)
{
    pu_time at = earliest(pu_node_deadline(h->node, NULL), pu_link_deadline(h->link, NULL));
    at = earliest(at, tcp_deadline(h->streams));
    at = earliest(at, real_host_names_deadline(h));
    for (uint32_t i = 1; i < HOST_PORTS_MAX; i++) {
        if (h->ports[i].port != NULL) at = earliest(at, h->ports[i].until);
    }
    return at;
}

bool pu_host_turn(pu_host *h, uint64_t wait_ns)
{
    PU_ASSERT(!h->is_inside);
    h->is_inside = true;
    bool has_worked = progress(h);
    pu_time until = PU_NEVER;
    pu_time now = loop_now(h->l);
    if (has_worked) until = now;
    else if (wait_ns < PU_NEVER - now) until = now + wait_ns;
    if (!h->is_stopped) {
        loop_turn(h->l, earliest(next_time(h), until));
        h->now = loop_now(h->l);
        tcp_tick(h->streams, h->now);
        real_host_names_tick(h);
        real_host_ports_tick(h);
        progress(h);
        if (wait_ns == 0) loop_wake(h->l, next_time(h)); /* another loop does the waiting */
    }
    h->is_inside = false;
    return !h->is_stopped;
}

void pu_host_run(pu_host *h)
{
    while (pu_host_turn(h, PU_NEVER)) {}
}

void pu_host_stop(pu_host *h)
{
    h->is_stopped = true;
}

int pu_host_fd(const pu_host *h)
{
    return loop_fd(h->l);
}

/* ---- calls of the program ---- */

pu_token pu_host_command(pu_host *h, const pu_in *in)
{
    pu_in copy = *in;
    if (copy.token == 0 && (copy.kind == PU_IN_COMMAND || copy.what == PU_APP_OPEN))
        copy.token = ++h->last_token;
    if (!real_host_input(h, &copy)) return 0;
    return copy.token != 0 ? copy.token : 1;
}

void pu_host_app_data(pu_host *h, pu_handle stream, pu_span bytes)
{
    pu_in in = {.kind = PU_IN_APP, .what = PU_APP_DATA, .stream = stream, .body = bytes};
    if (h->is_inside || !inbox_is_empty(&h->inputs)) {
        if (!real_host_input(h, &in)) h->is_stopped = true;
        return;
    }
    h->is_inside = true;
    h->now = loop_now(h->l);
    real_host_step(h, &in);
    real_host_drain(h);
    h->is_inside = false;
}

static void watch_ready(void *ctx, uint32_t events)
{
    host_watch *w = ctx;
    uint32_t bits = 0;
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) bits |= PU_WATCH_READ;
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) bits |= PU_WATCH_WRITE;
    w->ready(w->ctx, w->w.fd, bits);
}

static void unwatch(pu_host *h, int fd)
{
    for (host_watch **p = &h->watches; *p != NULL; p = &(*p)->next) {
        host_watch *w = *p;
        if (w->w.fd != fd) continue;
        *p = w->next;
        loop_del(h->l, &w->w);
        free(w);
        return;
    }
}

int pu_host_watch(pu_host *h, int fd, uint32_t events,
                  void (*ready)(void *ctx, int fd, uint32_t events), void *ctx)
{
    unwatch(h, fd);
    if (events == 0) return PU_OK;
    host_watch *w = malloc(sizeof *w);
    if (w == NULL) return PU_ENOMEM;
    uint32_t bits = ((events & PU_WATCH_READ) != 0 ? EPOLLIN : 0u) |
                    ((events & PU_WATCH_WRITE) != 0 ? EPOLLOUT : 0u);
    *w = (host_watch){h->watches, {fd, bits, watch_ready, w}, ready, ctx};
    if (!loop_add(h->l, &w->w)) {
        free(w);
        return PU_ERANGE;
    }
    h->watches = w;
    return PU_OK;
}

const pu_node *pu_host_node(const pu_host *h)
{
    return h->node;
}

bool pu_host_carried(const pu_host *h, pu_handle conn, uint64_t *received, uint64_t *sent)
{
    return pu_link_carried(h->link, conn, received, sent);
}

pu_time pu_host_now(const pu_host *h)
{
    return loop_now(h->l);
}
