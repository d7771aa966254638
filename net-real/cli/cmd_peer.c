/* `peerup ping` and `proxy`. */
#include "net-real/cli/cli.h"
#include "net-real/cli/session.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    PING_MS = 30000,
    INTERVAL_MAX_S = 86400,
    OPEN_MS = 30000, /* app_open_ns, unless the configuration says otherwise */
    SLACK_MS = 5000
};

#define PEER_HELP                                                                                 \
    "  PEER is a name under `names:` in the configuration, a peer id, or a multiaddr that ends\n" \
    "  in /p2p/ID.\n"

/* ---- ping ---- */

typedef struct ping_options {
    unsigned long count; /* 0: for ever */
    unsigned long interval_ms;
} ping_options;

static bool read_interval(const char *value, unsigned long *ms)
{
    char *end;
    double seconds = strtod(value, &end);
    bool is_ms = strcmp(end, "ms") == 0;
    if (end == value || !(seconds >= 0)) return false;
    if (!is_ms && strcmp(end, "s") != 0 && *end != '\0') return false;
    if (is_ms) seconds /= 1000;
    if (seconds > INTERVAL_MAX_S) return false;
    *ms = (unsigned long)(seconds * 1000);
    return true;
}

static const char *take_ping(void *ctx, int which, const char *value)
{
    ping_options *o = ctx;
    if (which == 'c')
        return cli_number(value, INT_MAX, &o->count) ? NULL : "a number from 0 to 2147483647";
    return read_interval(value, &o->interval_ms) ? NULL : "a time from 0 to 86400s, as 1s or 200ms";
}

typedef struct tally {
    unsigned long sent, received;
    double least, most, sum;
} tally;

static void tally_add(tally *t, double ms)
{
    if (t->received == 0 || ms < t->least) t->least = ms;
    if (t->received == 0 || ms > t->most) t->most = ms;
    t->sum += ms;
    t->received++;
}

static void print_one(const json_t *answer, unsigned long seq, const char *id, bool is_json)
{
    double ms = json_number_value(json_object_get(answer, "rtt_ms"));
    const char *path = json_string_value(json_object_get(answer, "path"));
    const char *transport = json_string_value(json_object_get(answer, "transport"));
    bool is_good = json_is_true(json_object_get(answer, "ok"));
    if (is_json) {
        json_t *one =
            json_pack("{s:i,s:s,s:o,s:s?,s:s?,s:s?}", "seq", (int)seq, "peer_id", id, "rtt_ms",
                      is_good ? json_real(ms) : json_null(), "path", path, "transport", transport,
                      "error", json_string_value(json_object_get(answer, "error")));
        json_dumpf(one, stdout, JSON_COMPACT | CLI_JSON_REAL);
        putchar('\n');
        json_decref(one);
    } else if (is_good) {
        bool is_direct = path != NULL && strcmp(path, "direct") == 0 && transport != NULL;
        printf("seq=%lu rtt=%.2fms %s%s%s\n", seq, ms, path != NULL ? path : "path unknown",
               is_direct ? " over " : "", is_direct ? transport : "");
    }
    fflush(stdout);
}

static void print_tally(const tally *t, bool is_json)
{
    unsigned long lost = t->sent - t->received;
    double mean = t->received > 0 ? t->sum / (double)t->received : 0;
    double share = t->sent > 0 ? 100.0 * (double)lost / (double)t->sent : 0;
    if (is_json)
        printf("{\"sent\":%lu,\"received\":%lu,\"lost\":%lu,\"loss_pct\":%.1f,\"min_ms\":%.3f,"
               "\"avg_ms\":%.3f,\"max_ms\":%.3f}\n",
               t->sent, t->received, lost, share, t->least, mean, t->most);
    else if (t->received == 0) printf("%lu sent, 0 received\n", t->sent);
    else
        printf("%lu sent, %lu received, %.0f%% lost; min/avg/max %.2f/%.2f/%.2f ms\n", t->sent,
               t->received, share, t->least, mean, t->most);
}

static volatile sig_atomic_t interrupted; /* a signal handler reaches nothing else */

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* What was said of pings without an answer. */
typedef struct ping_said {
    json_t *error; /* owned; of the last one; NULL: the last one was answered, or there was none */
    bool is_alone; /* that there is no daemon */
} ping_said;

/* Says why there was no answer, unless that is what was said last. */
static int say_no_answer(const session *s, const config *c, const json_t *answer, ping_said *said)
{
    json_t *error = json_object_get(answer, "error");
    if (said->error == NULL || !json_equal(said->error, error)) {
        cli_error("%s", session_error(answer));
        if (!said->is_alone && session_is_own(s))
            cli_error("no daemon answers at %s: this command is a node of its own", c->socket);
        said->is_alone = true;
        json_decref(said->error);
        said->error = json_incref(error);
    }
    return session_exit(answer);
}

/* There was one: the next time that there is none is another. */
static void forget_said(ping_said *said)
{
    json_decref(said->error);
    said->error = NULL;
}

static int ping_peer(session *s, const config *c, const pu_peer_id *id, const char *maddr,
                     const ping_options *o, bool is_json)
{
    tally t = {0};
    int code = CLI_DONE;
    ping_said said = {NULL, false};
    const char *text = cli_id_text(id);
    for (unsigned long seq = 1; (o->count == 0 || seq <= o->count) && !interrupted; seq++) {
        if (seq > 1) session_wait(s, o->interval_ms);
        if (interrupted || session_is_interrupted(s)) break;
        json_t *request = json_pack("{s:s,s:s,s:s*,s:i}", "cmd", "ping", "peer", text, "address",
                                    seq == 1 ? maddr : NULL, "timeout_ms", PING_MS);
        json_t *answer = session_ask(s, request, PING_MS + SLACK_MS, &code);
        json_decref(request);
        if (answer == NULL) break;
        t.sent++;
        print_one(answer, seq, text, is_json);
        session_notice(answer);
        if (json_is_true(json_object_get(answer, "ok"))) {
            tally_add(&t, json_number_value(json_object_get(answer, "rtt_ms")));
            forget_said(&said);
        } else {
            code = say_no_answer(s, c, answer, &said);
        }
        json_decref(answer);
        if (code == CLI_USAGE) break; /* it will not be better next time */
    }
    forget_said(&said);
    print_tally(&t, is_json);
    return t.received > 0 ? CLI_DONE : code;
}

static int run_ping(const cli_command *self, int argc, char **argv)
{
    static const struct option own[] = {{"count", required_argument, NULL, 'c'},
                                        {"interval", required_argument, NULL, 'i'},
                                        {NULL, 0, NULL, 0}};
    cli_common common;
    ping_options o = {.count = 4, .interval_ms = 1000};
    pu_peer_id id;
    const char *maddr;
    int code = cli_options(self, argc, argv, own, take_ping, &o, &common);
    if (code >= 0) return code;
    if (optind + 1 != argc)
        return cli_usage(self, "one peer is needed: a name, a peer id or a multiaddr");
    config *c = cli_config_open(&common);
    if (c == NULL) return CLI_CONFIG;
    if (!cli_peer(c, argv[optind], &id, &maddr)) {
        config_free(c);
        return CLI_USAGE;
    }
    session *s = session_open(c, false, &code);
    if (s != NULL) {
        signal(SIGINT, on_interrupt);
        code = ping_peer(s, c, &id, maddr, &o, common.is_json);
        session_close(s);
    }
    config_free(c);
    return code;
}

const cli_command cli_ping = {
    "ping",
    "PEER",
    "round trips to a peer, and whether directly or relayed",
    PEER_HELP "  Two nodes in one network with their relay, or on one machine, stay "
              "relayed until an\n"
              "  address is named once: ping /ip4/A/udp/PORT/quic-v1/p2p/ID "
              "(docs/configuration.md).\n"
              "  It is dialled in place of a relayed connection that carries nothing; where "
              "it is not, ping\n"
              "  says why.\n"
              "  -c, --count N          how many (4; 0: until interrupted)\n"
              "  --interval TIME        between two: 1s, 200ms (1s)\n",
    true,
    run_ping};

/* ---- proxy ---- */

typedef struct proxy_options {
    const char *closed; /* the one to close; NULL: open one */
} proxy_options;

static const char *take_proxy(void *ctx, int which, const char *value)
{
    proxy_options *o = ctx;
    (void)which; /* there is one */
    o->closed = value;
    return NULL;
}

static int open_proxy(session *s, const pu_peer_id *id, const char *maddr, char **operands)
{
    json_t *request = json_pack("{s:s,s:s,s:s*,s:s,s:s}", "cmd", "connect", "peer", cli_id_text(id),
                                "address", maddr, "service", operands[1], "listen", operands[2]);
    int code;
    char limits[LIMITS_TEXT_MAX];
    json_t *answer = session_ask(s, request, OPEN_MS + SLACK_MS, &code);
    json_decref(request);
    if (answer == NULL) return code;
    if (json_is_true(json_object_get(answer, "ok"))) {
        printf("%s\n", json_string_value(json_object_get(answer, "listen_address")));
        fflush(stdout);
        session_notice(answer);
        if (session_limits(answer, limits))
            fprintf(
                stderr,
                "Relayed: the relay ends the connection at its limit of %s for all that goes over "
                "it; a direct one has none (`peerup proxy --help`).\n",
                limits);
        code = CLI_DONE;
    } else {
        code = session_failed(answer);
    }
    json_decref(answer);
    return code;
}

/* Tells the daemon to close one. */
static int close_proxy(const config *c, const char *which)
{
    int code;
    session *s = session_open(c, true, &code);
    if (s == NULL) return code;
    json_t *request = json_pack("{s:s,s:s}", "cmd", "disconnect", "proxy", which);
    json_t *answer = session_ask(s, request, 10000, &code);
    if (json_is_true(json_object_get(answer, "ok"))) code = CLI_DONE;
    else if (answer != NULL) code = session_failed(answer);
    json_decref(request);
    json_decref(answer);
    session_close(s);
    return code;
}

static int serve_proxy(const config *c, char **operands)
{
    pu_peer_id id;
    const char *maddr;
    int code;
    if (!cli_peer(c, operands[0], &id, &maddr)) return CLI_USAGE;
    session *s = session_open(c, false, &code);
    if (s == NULL) return code;
    if (session_is_own(s))
        fprintf(stderr,
                "No daemon answers at %s: this command is the node until it is "
                "interrupted.\n",
                c->socket);
    code = open_proxy(s, &id, maddr, operands);
    if (code == CLI_DONE) session_stay(s);
    session_close(s);
    return code;
}

static int run_proxy(const cli_command *self, int argc, char **argv)
{
    static const struct option own[] = {{"close", required_argument, NULL, 'x'},
                                        {NULL, 0, NULL, 0}};
    cli_common common;
    proxy_options o = {0};
    int code = cli_options(self, argc, argv, own, take_proxy, &o, &common);
    if (code >= 0) return code;
    if (o.closed != NULL && optind < argc)
        return cli_usage(self, "--close takes one proxy, and nothing else is needed");
    if (o.closed == NULL && optind + 3 != argc)
        return cli_usage(self, "a peer, a service and a local port are needed");
    config *c = cli_config_open(&common);
    if (c == NULL) return CLI_CONFIG;
    code = o.closed != NULL ? close_proxy(c, o.closed) : serve_proxy(c, argv + optind);
    config_free(c);
    return code;
}

const cli_command cli_proxy = {
    "proxy",
    "PEER SERVICE [HOST:]PORT",
    "a local port whose connections reach a service of a peer; prints where it listens",
    PEER_HELP
    "  The peer is asked whether it has the service first. When a daemon runs, it keeps the port\n"
    "  until it ends or is told to close it; otherwise this command does, until it is "
    "interrupted.\n"
    "  HOST is 127.0.0.1 when it is left out; port 0: any free one.\n"
    "  A relay carries only so much of a connection, for so long (`status` says what); then it is\n"
    "  cut. The connection becomes direct by itself where it can, or by `peerup ping ADDRESS`;\n"
    "  whoever runs the relay may raise resources.session_data_limit and .session_duration\n"
    "  in its configuration.\n\n"
    "  --close [HOST:]PORT    closes that port of the daemon's, or the one with that id (`status`\n"
    "                         lists them); connections that it took go on\n",
    false,
    run_proxy};
