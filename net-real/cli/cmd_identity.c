/* `peerup init`, `whoami` and `version`. */
#include "net-real/cli/cli.h"
#include "net-real/cli/key_file.h"
#include "net-real/daemon/control.h"
#include "net-real/files.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- init ---- */

typedef struct init_options {
    const char *folder, *relay;
    unsigned long port;
} init_options;

static const char *take_init(void *ctx, int which, const char *value)
{
    init_options *o = ctx;
    if (which == 'd') o->folder = value;
    else if (which == 'r') o->relay = value;
    else if (!cli_number(value, UINT16_MAX, &o->port)) return "a port, a number from 0 to 65535";
    return NULL;
}

static bool write_config(const char *path, const char *relay, unsigned long port)
{
    char text[4096];
    int len = snprintf(text, sizeof text,
                       "version: 1\n"
                       "identity:\n"
                       "  key_file: identity.key\n"
                       "network:\n"
                       "  listen_addresses:\n"
                       "    - /ip4/0.0.0.0/udp/%lu/quic-v1\n"
                       "    - /ip6/::/udp/%lu/quic-v1\n"
                       "    - /ip4/0.0.0.0/tcp/%lu\n"
                       "    - /ip6/::/tcp/%lu\n"
                       "relay:\n"
                       "  addresses:%s%s\n"
                       "security:\n"
                       "  authorized_keys_file: authorized_keys\n"
                       "  enable_connection_gating: true\n"
                       "# services:\n"
                       "#   ssh: {enabled: true, local_address: \"localhost:22\"}\n"
                       "# names:\n"
                       "#   home: PEER-ID\n",
                       port, port, port, port, relay != NULL ? "\n    - " : " []",
                       relay != NULL ? relay : "");
    return len < (int)sizeof text && files_create(path, text, (size_t)len);
}

/* What is there already stays: a key is never overwritten, nor a configuration. */
static int init_in(const char *folder, const char *relay, unsigned long port)
{
    static const char first_line[] = "# One peer a line: PEER-ID  # comment\n";
    char error[512];
    uint8_t seed[PU_ED25519_SEED_BYTES];
    bool is_missing;
    pu_peer_id id;
    char *key = config_beside(folder, "identity.key"), *path = config_beside(folder, "config.yaml");
    char *grants = config_beside(folder, "authorized_keys");
    int code = CLI_UNEXPECTED;
    if (!files_make_folder(folder)) {
        cli_error("%s: %s", folder, strerror(errno));
    } else if (access(path, F_OK) == 0) {
        cli_error("%s is there already and stays as it is", path);
        code = CLI_CONFIG;
    } else if (!key_file_read(key, seed, &is_missing, error, sizeof error) &&
               (!is_missing || !key_file_make(key, seed, error, sizeof error))) {
        cli_error("%s", error);
        if (!is_missing) code = CLI_CONFIG;
    } else if (!write_config(path, relay, port) ||
               (!files_create(grants, first_line, sizeof first_line - 1) && errno != EEXIST)) {
        cli_error("%s: %s", folder, strerror(errno));
    } else {
        key_file_id(&id, seed);
        printf("%s\n", cli_id_text(&id));
        fprintf(stderr,
                "Made %s. The line that was printed is this node's id: its relay and its peers "
                "let it in by `peerup auth add` and that.\n"
                "`peerup auth add PEER-ID` lets a peer in here; `peerup daemon` runs the node, "
                "`peerup relay serve` a relay.\n",
                path);
        code = CLI_DONE;
    }
    sodium_memzero(seed, sizeof seed);
    free(key);
    free(path);
    free(grants);
    return code;
}

static int run_init(const cli_command *self, int argc, char **argv)
{
    static const struct option own[] = {{"dir", required_argument, NULL, 'd'},
                                        {"port", required_argument, NULL, 'p'},
                                        {"relay", required_argument, NULL, 'r'},
                                        {NULL, 0, NULL, 0}};
    cli_common common;
    init_options o = {0};
    int code = cli_options(self, argc, argv, own, take_init, &o, &common);
    if (code >= 0) return code;
    if (cli_surplus(self, argc, argv, 0)) return CLI_USAGE;
    if (common.config_path != NULL)
        return cli_usage(self, "--config: it makes a configuration; --dir says where");
    pu_peer_id id;
    char error[512];
    if (o.relay != NULL && !cli_address(o.relay, &id, error, sizeof error))
        return cli_usage(self, "--relay: %s", error);
    if (o.relay != NULL && !config_is_relay_address(o.relay))
        return cli_usage(self, "--relay: '%s' leads through a relay, and none is reached so",
                         o.relay);
    char *home = config_home();
    if (o.folder == NULL && home == NULL)
        return cli_usage(self, "there is no home folder: use --dir");
    code = init_in(o.folder != NULL ? o.folder : home, o.relay, o.port);
    free(home);
    return code;
}

const cli_command cli_init = {
    "init",
    "[--port N] [--relay MULTIADDR]",
    "makes an identity and a configuration; prints the peer id",
    "  --dir DIR              where (~/.config/peerup)\n"
    "  --port N               UDP and TCP port to listen at (0: any free one, at each start)\n"
    "  --relay MULTIADDR      a relay that this node reserves a place at\n",
    false,
    run_init};

/* ---- whoami ---- */

static int run_whoami(const cli_command *self, int argc, char **argv)
{
    cli_common common;
    char error[512];
    uint8_t seed[PU_ED25519_SEED_BYTES];
    bool is_missing;
    pu_peer_id id;
    int code = cli_options(self, argc, argv, NULL, NULL, NULL, &common);
    if (code >= 0) return code;
    if (cli_surplus(self, argc, argv, 0)) return CLI_USAGE;
    config *c = cli_config_open(&common);
    if (c == NULL) return CLI_CONFIG;
    bool is_read = key_file_read(c->key_file, seed, &is_missing, error, sizeof error);
    config_free(c);
    if (!is_read) {
        cli_error("%s", error);
        return CLI_CONFIG;
    }
    key_file_id(&id, seed);
    sodium_memzero(seed, sizeof seed);
    if (common.is_json)
        printf("{\"schema\":\"peerup.whoami/1\",\"peer_id\":\"%s\"}\n", cli_id_text(&id));
    else printf("%s\n", cli_id_text(&id));
    return CLI_DONE;
}

const cli_command cli_whoami = {"whoami", "", "prints this node's peer id", "", true, run_whoami};

/* ---- version ---- */

static int run_version(const cli_command *self, int argc, char **argv)
{
    cli_common common;
    int code = cli_options(self, argc, argv, NULL, NULL, NULL, &common);
    if (code >= 0) return code;
    if (cli_surplus(self, argc, argv, 0)) return CLI_USAGE;
    if (common.is_json)
        printf("{\"schema\":\"peerup.version/1\",\"version\":\"%s\"}\n", PEERUP_VERSION);
    else printf("peerup %s\n", PEERUP_VERSION);
    return CLI_DONE;
}

const cli_command cli_version = {"version", "", "prints the version", "", true, run_version};

/* ---- config ---- */

static int run_config(const cli_command *self, int argc, char **argv)
{
    cli_common common;
    int code = cli_options(self, argc, argv, NULL, NULL, NULL, &common);
    if (code >= 0) return code;
    static const char *const words[] = {"validate"};
    if (optind >= argc) return cli_usage(self, "`config validate` is what there is");
    if (!cli_is_one_of(self, argv[optind], words, 1) || cli_surplus(self, argc, argv, 1))
        return CLI_USAGE;
    config *c = cli_config_open(&common);
    if (c == NULL) return CLI_CONFIG;
    printf("%s: ok\n", c->path);
    config_free(c);
    return CLI_DONE;
}

const cli_command cli_config = {"config", "validate", "checks the configuration",
                                "",       false,      run_config};
