/* net-real/cli/cli.h - what the commands of `peerup` share: exit codes, messages, options.
 *
 * Standard output carries data and nothing else; notices and errors go to standard error. Long
 * options are taken with one dash or two, before and after operands.
 */
#ifndef NET_REAL_CLI_CLI_H
#define NET_REAL_CLI_CLI_H

#include "net-real/cli/config.h"

#include <getopt.h>

enum cli_exit {
    CLI_DONE = 0,
    CLI_UNEXPECTED = 1,
    CLI_USAGE = 2,
    CLI_NO_DAEMON = 3,
    CLI_UNAUTHORISED = 4,
    CLI_UNREACHABLE = 5,
    CLI_TIMED_OUT = 6,
    CLI_CONFIG = 7,
    CLI_DEGRADED = 10
};

/* A flag of jansson's writers: fractions without the noise of their binary form (1.161625, not
 * 1.1616249999999999). */
#define CLI_JSON_REAL JSON_REAL_PRECISION(15)

/* One command. help: one line an option, for --help. */
typedef struct cli_command {
    const char *name, *operands, *summary, *help;
    bool has_json; /* it takes --json */
    int (*run)(const struct cli_command *self, int argc, char **argv);
} cli_command;

extern const cli_command cli_init, cli_whoami, cli_daemon, cli_status, cli_ping, cli_relay,
    cli_proxy, cli_auth, cli_config, cli_version;

/* Prints "peerup NAME: ..." and how to get help; returns CLI_USAGE. */
int cli_usage(const cli_command *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints "peerup: ...". */
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints what --help says. */
void cli_help(const cli_command *self);

/* The options that most commands have. */
typedef struct cli_common {
    const char *config_path; /* --config; NULL: the usual places */
    bool is_json;            /* --json */
} cli_common;

/* Takes --config, --json and --help, and, through take, a command's own (NULL: none). take returns
 * NULL, or what the value should have been, as in "a size such as 256MB". Returns -1, the operands
 * from argv[optind] on; or an exit code: 0 after --help, CLI_USAGE. */
int cli_options(const cli_command *self, int argc, char **argv, const struct option *own,
                const char *(*take)(void *ctx, int which, const char *value), void *ctx,
                cli_common *common);

/* Reads a number from 0 to most, in decimal. False: text is none. */
bool cli_number(const char *text, unsigned long most, unsigned long *value);

/* Whether there are more than `most` operands, which was said then. */
bool cli_surplus(const cli_command *self, int argc, char **argv, int most);

/* Whether word is one of words (count of them); otherwise that was said, and which it may have been
 * meant to be. */
bool cli_is_one_of(const cli_command *self, const char *word, const char *const *words,
                   size_t count);

/* Whether text is a multiaddr that ends in /p2p/ID: *id then is that. Otherwise error (cap bytes)
 * says what it should be and, when it is not a multiaddr, from where on not. */
bool cli_address(const char *text, pu_peer_id *id, char *error, size_t cap);

/* Finds and reads the configuration; warnings are printed. NULL: an error was, and the command ends
 * with CLI_CONFIG. */
config *cli_config_open(const cli_common *common);

/* The same for a relay server: ./relay-server.yaml goes before the usual places. */
config *cli_relay_config_open(const cli_common *common);

/* The peer that text names: a name of the configuration, a peer id, or a multiaddr that ends in
 * /p2p/ID, which is then in *maddr (borrowed from text; NULL otherwise). False: none of these,
 * which was said. */
bool cli_peer(const config *c, const char *text, pu_peer_id *id, const char **maddr);

/* The text form of an id, in a buffer that the next four calls leave alone. */
const char *cli_id_text(const pu_peer_id *id);

#endif
