/* The daemon's life, see daemon.h. */
#define _GNU_SOURCE
#include "net-real/daemon/daemon.h"

#include "net-real/daemon/daemon_impl.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { REFUSED_MAX = 10, RELAY_WAIT_S = 10 };

void daemon_say(const peerupd *d, const char *format, ...)
{
    va_list args;
    if (!d->is_loud) return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* ---- what the node says ---- */

static const char *short_id(pu_span id, char text[PU_PEER_ID_TEXT_MAX])
{
    pu_peer_id peer;
    if (pu_peer_id_from_bytes(&peer, id) != PU_OK) return "somebody";
    pu_peer_id_text(&peer, PU_PEER_BASE58, text);
    return text;
}

/* The node tells of every new round trip; a person wants to know of another path. */
static void say_path(peerupd *d, const pu_ef *ef, const char *who)
{
    pu_peer_id peer;
    bool is_relayed = (ef->flags & PU_RELAYED) != 0, is_gone = (ef->flags & PU_GONE) != 0;
    if (pu_peer_id_from_bytes(&peer, ef->peer) != PU_OK) return;
    uint32_t i = 0;
    while (i < d->said_count && !pu_peer_id_equal(&d->said[i].peer, &peer)) i++;
    bool is_known = i < d->said_count;
    if (is_gone && is_known) d->said[i] = d->said[--d->said_count];
    if (is_gone) {
        daemon_say(d, "peer gone %s", who);
    } else if (!is_known || d->said[i].is_relayed != is_relayed) {
        daemon_say(d, "peer %s %s", is_relayed ? "relayed" : "direct", who);
        if (!is_known && d->said_count < DAEMON_SAID_MAX) d->said_count++;
        if (i < d->said_count) d->said[i] = (struct said_path){peer, is_relayed};
    }
}

/* Strangers may come as often as they like; the log takes ten of them in a minute. */
static void say_stranger(peerupd *d, const char *who)
{
    pu_time now = pu_host_now(d->host);
    if (now - d->refused_at > 60 * PU_S) {
        if (d->refused_count > REFUSED_MAX)
            daemon_say(d, "refused %u more times", d->refused_count - REFUSED_MAX);
        d->refused_at = now;
        d->refused_count = 0;
    }
    if (d->refused_count++ < REFUSED_MAX) daemon_say(d, "refused %s", who);
}

static void say_event(peerupd *d, const pu_ef *ef)
{
    char id[PU_PEER_ID_TEXT_MAX], address[PU_MADDR_TEXT_MAX];
    const char *who = short_id(ef->peer, id);
    bool is_gone = (ef->flags & PU_GONE) != 0;
    switch ((enum pu_event)ef->what) {
    case PU_EVENT_LISTENING:
        if (pu_maddr_text(ef->body, address, sizeof address) > 0)
            daemon_say(d, "listening %s", address);
        break;
    case PU_EVENT_RELAY:
        daemon_say(d, is_gone ? "relay lost %s" : "relay reserved %s", who);
        d->is_relay_told = true;
        break;
    case PU_EVENT_PEER: say_path(d, ef, who); break;
    case PU_EVENT_REFUSED: say_stranger(d, who); break;
    case PU_EVENT_DONE: break;
    }
}

/* What the configuration asks for and the node does not do. */
static void say_refused(peerupd *d, const pu_ef *done)
{
    uint32_t index = done->token & ~TOKEN_SORT, sort = done->token & TOKEN_SORT;
    const pu_code_info *info = pu_code_describe(done->code);
    const char *why = info != NULL ? info->meaning : "it cannot be";
    if (done->code == PU_CODE_OK) return;
    if (sort == TOKEN_RELAY && index < d->c->relays.count) {
        daemon_say(d, "relay %s is not used: %s", d->c->relays.at[index], why);
    } else if (sort == TOKEN_SERVICE && index < d->c->service_count) {
        daemon_say(d, "service %s is not offered: %s", d->c->services[index].name, why);
    } else if (sort == TOKEN_GRANT && !d->is_short) {
        d->is_short = true;
        daemon_say(d,
                   "authorized_keys: not everybody is authorised: %s (node.authorized_max is %u)",
                   why, (unsigned)d->c->node.authorized_max);
    }
}

static void on_event(void *ctx, const pu_ef *ef)
{
    peerupd *d = ctx;
    if (ef->what != PU_EVENT_DONE) say_event(d, ef);
    else if (ef->token == d->stop_token && ef->token != 0) d->is_stopped = true;
    else if (!requests_done(d, ef)) say_refused(d, ef);
}

/* A stream that did not come about. A command whose own node is quiet otherwise has nobody else to
 * tell it of. */
static void on_splice(void *ctx, const char *label, const char *why)
{
    (void)ctx;
    fprintf(stderr, "%s: %s\n", label, why);
}

static const config_service *service_of(const peerupd *d, pu_span name)
{
    for (size_t i = 0; i < d->c->service_count; i++) {
        const config_service *s = &d->c->services[i];
        if (strlen(s->name) == name.len && memcmp(s->name, name.base, name.len) == 0) return s;
    }
    return NULL;
}

static void reset_stream(peerupd *d, pu_handle stream, uint32_t code)
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
    bool is_trial = ef->token != 0 && requests_done(d, ef); /* the answer was all that it is for */
    if (s != NULL) splice_serve(d->joints, ef, s->local_address, s->label);
    else if (is_trial && is_opened) reset_stream(d, ef->stream, PU_CODE_CANCELLED);
    else if (!is_trial && !splice_effect(d->joints, ef) && is_opened)
        reset_stream(d, ef->stream, PU_CODE_UNSUPPORTED);
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
                               .app = on_app};
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

void daemon_run(peerupd *d, const bool *until)
{
    while (!d->is_stopped && (until == NULL || !*until)) {
        if (!pu_host_turn(d->host, mind_relay(d))) return;
    }
}

void daemon_wait(peerupd *d, uint64_t wait_ns)
{
    pu_time until = pu_host_now(d->host) + wait_ns;
    for (pu_time now; !d->is_stopped && (now = pu_host_now(d->host)) < until;) {
        if (!pu_host_turn(d->host, until - now)) return;
    }
}

bool daemon_is_stopped(const peerupd *d)
{
    return d->is_stopping || d->is_stopped;
}
