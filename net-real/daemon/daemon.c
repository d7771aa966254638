/* The daemon's life, see daemon.h. */
#define _GNU_SOURCE
#include "net-real/daemon/daemon.h"

#include "net-real/daemon/daemon_impl.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { RELAY_WAIT_S = 10 };

/* ---- what the node says ---- */

static void on_event(void *ctx, const pu_ef *ef)
{
    peerupd *d = ctx;
    if (ef->what != PU_EVENT_DONE) say_event(d, ef);
    else if (ef->token == d->stop_token && ef->token != 0) d->is_stopped = true;
    else if (!requests_done(d, ef)) say_refused(d, ef);
}

static void on_splice(void *ctx, const splice_end *end)
{
    circuits_carried(ctx, end);
    say_splice(ctx, end);
}

static const config_service *service_of(const peerupd *d, pu_span name)
{
    for (size_t i = 0; i < d->c->service_count; i++) {
        const config_service *s = &d->c->services[i];
        if (strlen(s->name) == name.len && memcmp(s->name, name.base, name.len) == 0) return s;
    }
    return NULL;
}

void daemon_reset_stream(peerupd *d, pu_handle stream, uint32_t code)
{
    pu_in in = {.kind = PU_IN_APP, .what = PU_APP_RESET, .stream = stream, .code = code};
    pu_host_command(d->host, &in);
}

static void on_app(void *ctx, const pu_ef *ef)
{
    peerupd *d = ctx;
    bool is_offer = ef->what == PU_APP_OPEN && ef->token == 0;
    const config_service *s = is_offer ? service_of(d, ef->body) : NULL;
    bool is_opened = ef->what == PU_APP_OPEN && ef->stream != 0;
    bool is_trial = s == NULL && trials_take(d, ef);
    if (is_opened && !is_trial) say_low(d, ef);
    if (s != NULL) splice_serve(d->joints, ef, s->local_address, s->label);
    else if (!is_trial && !splice_effect(d->joints, ef) && is_opened)
        daemon_reset_stream(d, ef->stream, PU_CODE_UNSUPPORTED);
}

static void on_record_ended(void *ctx, const char *why)
{
    daemon_say(ctx, "recording ended, and the daemon goes on: %s", why);
}

/* ---- the start ---- */

/* The commands before the first TICK; bytes of their bodies live in `bodies`. */
typedef struct start {
    pu_in *commands;
    size_t count;
    uint8_t (*bodies)[PU_MADDR_MAX];
    uint8_t **services;
    size_t service_count;
} start;

static void add_relay(start *s, size_t i, const char *text)
{
    size_t len;
    pu_span span = {(const uint8_t *)text, strlen(text)};
    if (pu_maddr_parse(s->bodies[i], PU_MADDR_MAX, &len, span, NULL) != PU_OK) return;
    s->commands[s->count++] = (pu_in){.kind = PU_IN_COMMAND,
                                      .what = PU_CMD_ADDRESS,
                                      .token = TOKEN_RELAY | (uint32_t)i,
                                      .flags = PU_RELAY,
                                      .body = {s->bodies[i], len}};
}

/* The allow list as a service wants it: each id after its length. The caller frees it. */
static uint8_t *allow_list(const config_service *c, size_t *len)
{
    uint8_t *bytes = malloc(c->allowed.count * (1 + PU_PEER_ID_MAX) + 1);
    *len = 0;
    for (size_t i = 0; bytes != NULL && i < c->allowed.count; i++) {
        pu_peer_id id;
        pu_span text = {(const uint8_t *)c->allowed.at[i], strlen(c->allowed.at[i])};
        if (pu_peer_id_parse(&id, text) != PU_OK) continue;
        bytes[(*len)++] = id.len;
        memcpy(bytes + *len, id.bytes, id.len);
        *len += id.len;
    }
    return bytes;
}

static void add_service(start *s, size_t index, const config_service *c)
{
    char protocol[128];
    size_t allow_len;
    uint8_t *allow = allow_list(c, &allow_len), *body = malloc(PU_SERVICE_BYTES_MAX);
    snprintf(protocol, sizeof protocol, "/peerup/%s/1.0.0", c->name);
    pu_service service = {.name = {(const uint8_t *)c->name, strlen(c->name)},
                          .protocols = {{(const uint8_t *)protocol, strlen(protocol)}},
                          .protocol_count = 1,
                          .allow_listed = c->has_allowed,
                          .allow = {allow, allow_len},
                          .limited = c->limited};
    size_t len = body != NULL ? pu_service_write(body, PU_SERVICE_BYTES_MAX, &service) : 0;
    free(allow);
    if (len == 0) {
        free(body);
        return;
    }
    s->services[s->service_count++] = body;
    s->commands[s->count++] = (pu_in){.kind = PU_IN_COMMAND,
                                      .what = PU_CMD_EXPOSE,
                                      .token = TOKEN_SERVICE | (uint32_t)index,
                                      .body = {body, len}};
}

static bool start_make(start *s, const peerupd *d, const pu_in *grants, size_t grant_count)
{
    const config *c = d->c;
    *s = (start){.commands =
                     calloc(grant_count + c->relays.count + c->service_count + 1, sizeof(pu_in)),
                 .bodies = calloc(c->relays.count + 1, sizeof *s->bodies),
                 .services = calloc(c->service_count + 1, sizeof *s->services)};
    if (s->commands == NULL || s->bodies == NULL || s->services == NULL) return false;
    for (size_t i = 0; i < grant_count; i++) s->commands[s->count++] = grants[i];
    for (size_t i = 0; i < c->relays.count; i++) add_relay(s, i, c->relays.at[i]);
    for (size_t i = 0; d->is_served && i < c->service_count; i++) {
        if (c->services[i].is_enabled) add_service(s, i, &c->services[i]);
    }
    return true;
}

static void start_free(start *s)
{
    for (size_t i = 0; i < s->service_count; i++) free(s->services[i]);
    free(s->services);
    free(s->bodies);
    free(s->commands);
}

static bool open_host(peerupd *d, const daemon_options *o, bool *is_config, char *error, size_t cap)
{
    const pu_in *grants;
    size_t grant_count;
    d->authorised = grants_open(d->c->authorized_keys_file, &grants, &grant_count);
    *is_config = d->authorised == NULL;
    if (*is_config) {
        snprintf(error, cap, "%s: see above", d->c->authorized_keys_file);
        return false;
    }
    start s;
    bool is_made = start_make(&s, d, grants, grant_count);
    pu_host_options options = {.config = &d->c->node,
                               .key_seed = o->key_seed,
                               .listen = (const char *const *)d->c->listen.at,
                               .listen_count = o->is_served ? d->c->listen.count : 0,
                               .state_dir = o->is_served ? d->c->state_dir : NULL,
                               .record_path = o->record_path,
                               .record_most_bytes = o->record_most_bytes,
                               .record_ended = on_record_ended,
                               .start = s.commands,
                               .start_count = s.count,
                               .ctx = d,
                               .event = on_event,
                               .app = on_app,
                               .trace = circuits_trace,
                               .trace_mask =
                                   (UINT64_C(1) << PU_AREA_CONN) | (UINT64_C(1) << PU_AREA_RELAY)};
    int result = is_made ? pu_host_new(&d->host, &options, error, cap) : PU_ENOMEM;
    start_free(&s);
    return result == PU_OK;
}

/* ---- signals and the end ---- */

void daemon_stop(peerupd *d)
{
    if (d->is_stopping) {
        d->is_stopped = true; /* asked twice: at once */
        return;
    }
    d->is_stopping = true;
    d->stop_token = pu_host_command(d->host, &(pu_in){.kind = PU_IN_COMMAND, .what = PU_CMD_STOP});
}

static void signalled(void *ctx, int fd, uint32_t events)
{
    struct signalfd_siginfo info;
    (void)events;
    if (read(fd, &info, sizeof info) == (ssize_t)sizeof info) daemon_stop(ctx);
}

static bool open_signals(peerupd *d)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN) { /* started by nohup: the terminal may go */
        signal(SIGHUP, SIG_DFL);
        sigaddset(&set, SIGHUP);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return d->signals >= 0 &&
           pu_host_watch(d->host, d->signals, PU_WATCH_READ, signalled, d) == PU_OK;
}

peerupd *daemon_new(const daemon_options *o, bool *is_config, char *error, size_t cap)
{
    peerupd *d = calloc(1, sizeof *d);
    snprintf(error, cap, "out of memory");
    *is_config = false;
    if (d == NULL) return NULL;
    *d = (peerupd){.c = o->c, .is_served = o->is_served, .is_loud = o->is_loud, .signals = -1};
    spare_open(&d->reserve);
    bool is_good = open_host(d, o, is_config, error, cap);
    if (is_good) {
        d->joints = splices_new(d->host, DAEMON_SPLICES_MAX, on_splice, d);
        is_good = d->joints != NULL && open_signals(d);
        if (!is_good) snprintf(error, cap, "signals cannot be watched");
    }
    if (is_good && o->is_served) {
        grants_watch(d->authorised, d);
        d->door = control_open(d, o->c->socket, error, cap);
        is_good = d->door != NULL;
    }
    if (is_good) return d;
    daemon_free(d);
    return NULL;
}

void daemon_free(peerupd *d)
{
    if (d == NULL) return;
    control_close(d->door);
    proxies_close(d);
    splices_free(d->joints);
    grants_close(d->authorised);
    if (d->signals >= 0) close(d->signals);
    spare_close(&d->reserve);
    pu_host_free(d->host);
    while (d->waiting != NULL) {
        pending *p = d->waiting;
        d->waiting = p->next;
        free(p);
    }
    free(d);
}

/* A relay that cannot be reached is tried again in silence; whoever starts a daemon wants to know.
 * For how long the host may wait. */
static uint64_t mind_relay(peerupd *d)
{
    pu_time now = pu_host_now(d->host);
    char id[PU_PEER_ID_TEXT_MAX];
    if (!d->is_loud || d->c->relays.count == 0 || d->is_relay_told || d->is_stopping)
        return PU_NEVER;
    if (now < RELAY_WAIT_S * PU_S) return RELAY_WAIT_S * PU_S - now;
    d->is_relay_told = true;
    pu_peer_id_text(pu_node_id(pu_host_node(d->host)), PU_PEER_BASE58, id);
    daemon_say(d,
               "no relay after %d s, it is tried further: is it up, is its address right, and was "
               "`peerup auth add %s` done there?",
               RELAY_WAIT_S, id);
    return PU_NEVER;
}

/* One turn of the host, and what is due beside it. False: the host has stopped. */
static bool turn(peerupd *d, uint64_t wait_ns)
{
    uint64_t others[] = {mind_relay(d), trials_mind(d)};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i] < wait_ns) wait_ns = others[i];
    return pu_host_turn(d->host, wait_ns);
}

void daemon_run(peerupd *d, const bool *until)
{
    while (!d->is_stopped && (until == NULL || !*until)) {
        if (!turn(d, PU_NEVER)) return;
    }
}

void daemon_wait(peerupd *d, uint64_t wait_ns)
{
    pu_time until = pu_host_now(d->host) + wait_ns;
    for (pu_time now; !d->is_stopped && (now = pu_host_now(d->host)) < until;) {
        if (!turn(d, until - now)) return;
    }
}

bool daemon_is_stopped(const peerupd *d)
{
    return d->is_stopping || d->is_stopped;
}
