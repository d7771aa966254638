/* `peerup daemon`, `relay serve` and `status`. */
#include "net-real/cli/cli.h"
#include "net-real/cli/config_yaml.h"
#include "net-real/cli/key_file.h"
#include "net-real/cli/session.h"
#include "net-real/daemon/daemon.h"

#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/resource.h>

/* What the options say of a recording. */
typedef struct recording {
    const char *path;    /* NULL: none */
    uint64_t most_bytes; /* 0: the host's own limit */
} recording;

static const char *take_record(void *ctx, int which, const char *value)
{
    recording *r = ctx;
    if (which == 'R') r->path = value;
    else if (!size_read(value, &r->most_bytes)) return "a size such as 256MB";
    return NULL;
}

/* As many descriptors as may be: each TCP connection is one. And a log that nobody reads any more
 * is no reason to end. */
static void prepare_process(void)
{
    struct rlimit files;
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

/* Runs a node until a signal. Takes c over. */
static int serve(config *c, recording r)
{
    char error[512];
    uint8_t seed[PU_ED25519_SEED_BYTES];
    bool is_missing;
    pu_peer_id id;
    int code = CLI_CONFIG;
    if (!key_file_read(c->key_file, seed, &is_missing, error, sizeof error)) {
        cli_error("%s%s", error, is_missing ? "; `peerup init` makes one" : "");
    } else {
        key_file_id(&id, seed);
        daemon_options options = {.c = c,
                                  .key_seed = seed,
                                  .record_path = r.path,
                                  .record_most_bytes = r.most_bytes,
                                  .is_served = true,
                                  .is_loud = true};
        prepare_process();
        bool is_config;
        peerupd *d = daemon_new(&options, &is_config, error, sizeof error);
        sodium_memzero(seed, sizeof seed);
        if (d == NULL) {
            cli_error("%s", error);
            code = is_config ? CLI_CONFIG : CLI_UNEXPECTED;
        } else {
            fprintf(stderr, "peerup %s is %s\n", PEERUP_VERSION, cli_id_text(&id));
            daemon_run(d, NULL);
            daemon_free(d);
            code = CLI_DONE;
        }
    }
    config_free(c);
    return code;
}

static const struct option record_option[] = {{"record", required_argument, NULL, 'R'},
                                              {"record-max", required_argument, NULL, 'M'},
                                              {NULL, 0, NULL, 0}};

static int stop(const cli_common *common)
{
    int code;
    config *c = cli_config_open(common);
    if (c == NULL) return CLI_CONFIG;
    session *s = session_open(c, true, &code);
    if (s != NULL) {
        json_t *request = json_pack("{s:s}", "cmd", "stop");
        json_t *answer = session_ask(s, request, 10000, &code);
        if (answer != NULL) code = CLI_DONE;
        json_decref(request);
        json_decref(answer);
        session_close(s);
    }
    config_free(c);
    return code;
}

static int run_daemon(const cli_command *self, int argc, char **argv)
{
    cli_common common;
    recording r = {.path = NULL};
    int code = cli_options(self, argc, argv, record_option, take_record, &r, &common);
    if (code >= 0) return code;
    static const char *const words[] = {"start", "stop"};
    const char *what = optind < argc ? argv[optind] : "start";
    if (!cli_is_one_of(self, what, words, 2) || cli_surplus(self, argc, argv, 1)) return CLI_USAGE;
    if (strcmp(what, "stop") == 0) return stop(&common);
    config *c = cli_config_open(&common);
    return c != NULL ? serve(c, r) : CLI_CONFIG;
}

const cli_command cli_daemon = {
    "daemon",
    "[start | stop]",
    "runs this node, in the foreground, until it is stopped",
    "  --record FILE          writes everything the node is given, for `peerup-sim replay`: "
    "neither\n"
    "                         its key nor what is carried for applications, but whom it knows\n"
    "  --record-max SIZE      where the recording ends (256MB); the daemon goes on\n",
    false,
    run_daemon};

static int run_relay(const cli_command *self, int argc, char **argv)
{
    cli_common common;
    recording r = {.path = NULL};
    int code = cli_options(self, argc, argv, record_option, take_record, &r, &common);
    if (code >= 0) return code;
    static const char *const words[] = {"serve"};
    if (optind >= argc) return cli_usage(self, "`relay serve` is what there is");
    if (!cli_is_one_of(self, argv[optind], words, 1) || cli_surplus(self, argc, argv, 1))
        return CLI_USAGE;
    config *c = cli_relay_config_open(&common);
    return c != NULL ? serve(c, r) : CLI_CONFIG;
}

const cli_command cli_relay = {
    "relay",
    "serve",
    "runs a relay: authorized peers may reserve a place and meet through it",
    "  --record FILE, --record-max SIZE\n"
    "                         as for `daemon`\n",
    false,
    run_relay};

/* ---- status ---- */

static const char *text_in(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* The id, and the name where the configuration has one. */
static void print_who(const char *id, const char *name)
{
    printf(" %s", id);
    if (name[0] != '\0') printf(" (%s)", name);
}

static void print_conn(const json_t *c)
{
    char limits[LIMITS_TEXT_MAX];
    const json_t *rtt = json_object_get(c, "rtt_ms");
    bool is_direct = strcmp(text_in(c, "path"), "direct") == 0;
    putchar(' ');
    print_who(text_in(c, "peer"), text_in(c, "name"));
    printf(" %s", text_in(c, "path"));
    if (is_direct) printf(" %s %s", text_in(c, "transport"), text_in(c, "address"));
    if (text_in(c, "via")[0] != '\0') {
        fputs(" through", stdout);
        print_who(text_in(c, "via"), text_in(c, "via_name"));
    }
    if (json_is_real(rtt)) printf(" %.1fms", json_real_value(rtt));
    if (session_limits(c, limits)) printf(", limited to %s", limits);
    putchar('\n');
}

static void print_service(const json_t *s)
{
    bool is_on = json_is_true(json_object_get(s, "enabled"));
    printf("service: %s at %s%s\n", text_in(s, "name"), text_in(s, "local_address"),
           is_on ? "" : " (disabled)");
}

static void print_proxy(const json_t *p)
{
    printf("proxy: %s at %s to %s of %s\n", text_in(p, "id"), text_in(p, "listen"),
           text_in(p, "protocol"), text_in(p, "peer"));
}

static void print_each(const json_t *list, void (*print)(const json_t *one))
{
    for (size_t i = 0; i < json_array_size(list); i++) print(json_array_get(list, i));
}

/* In a word or two, how it stands with relays. */
static const char *relay_text(const json_t *s, bool is_configured)
{
    if (json_is_true(json_object_get(s, "relay_connected"))) return "connected";
    if (is_configured) return "not reached";
    return json_is_true(json_object_get(s, "relay_server")) ? "this node is one"
                                                            : "none configured";
}

static void print_status(const json_t *s, bool has_relays)
{
    const json_t *list = json_object_get(s, "connections");
    printf("peer_id: %s\n", text_in(s, "peer_id"));
    printf("uptime: %.0fs\n", json_number_value(json_object_get(s, "uptime_seconds")));
    printf("relay: %s\n", relay_text(s, has_relays));
    printf("connections: %zu\n", json_array_size(list));
    print_each(list, print_conn);
    print_each(json_object_get(s, "services"), print_service);
    print_each(json_object_get(s, "proxies"), print_proxy);
}

static int run_status(const cli_command *self, int argc, char **argv)
{
    cli_common common;
    int code = cli_options(self, argc, argv, NULL, NULL, NULL, &common);
    if (code >= 0) return code;
    if (cli_surplus(self, argc, argv, 0)) return CLI_USAGE;
    config *c = cli_config_open(&common);
    if (c == NULL) return CLI_CONFIG;
    session *s = session_open(c, true, &code);
    if (s != NULL) {
        json_t *request = json_pack("{s:s}", "cmd", "status");
        json_t *answer = session_ask(s, request, 10000, &code);
        if (answer != NULL) {
            bool is_degraded =
                c->relays.count > 0 && !json_is_true(json_object_get(answer, "relay_connected"));
            code = is_degraded ? CLI_DEGRADED : CLI_DONE;
            json_object_del(answer, "ok");
            if (common.is_json) {
                json_dumpf(answer, stdout, JSON_INDENT(2) | CLI_JSON_REAL);
                putchar('\n');
            } else {
                print_status(answer, c->relays.count > 0);
            }
        }
        json_decref(request);
        json_decref(answer);
        session_close(s);
    }
    config_free(c);
    return code;
}

const cli_command cli_status = {
    "status", "",   "what the daemon does; exit 10 when a relay is configured and none is reached",
    "",       true, run_status};
