/* What the commands share, see cli.h. */
#include "net-real/cli/cli.h"

#include "base/suggest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPTIONS_MAX = 24, IDS = 4 };

void cli_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("peerup: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

int cli_usage(const cli_command *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "peerup %s: ", self->name);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n`peerup %s --help` says how.\n", self->name);
    va_end(args);
    return CLI_USAGE;
}

void cli_help(const cli_command *self)
{
    bool makes_config = self == &cli_init;
    printf("usage: peerup %s%s%s\n%s\n\n%s%s%s"
           "  --help                 this text\n",
           self->name, self->operands[0] != '\0' ? " " : "", self->operands, self->summary,
           self->help, makes_config ? "" : "  --config FILE          instead of the usual places\n",
           self->has_json ? "  --json                 data as JSON\n" : "");
}

static int no_option(const cli_command *self, const struct option *all, const char *word)
{
    suggest s;
    char hint[SUGGEST_HINT_MAX];
    suggest_begin(&s, word + strspn(word, "-"));
    for (; all->name != NULL; all++) suggest_offer(&s, all->name);
    return cli_usage(self, "there is no option '%s'%s", word, suggest_hint(&s, hint));
}

/* The word that getopt took last: one before the last where a value followed by itself. */
static const char *last_word(char **argv)
{
    return argv[optind - (optarg != NULL && optarg == argv[optind - 1] ? 2 : 1)];
}

static const struct option *option_of(const struct option *all, int which)
{
    while (all->name != NULL && all->val != which) all++;
    return all->name != NULL ? all : NULL;
}

int cli_options(const cli_command *self, int argc, char **argv, const struct option *own,
                const char *(*take)(void *ctx, int which, const char *value), void *ctx,
                cli_common *common)
{
    struct option all[OPTIONS_MAX] = {{"config", required_argument, NULL, 'C'},
                                      {"help", no_argument, NULL, 'H'},
                                      {"json", no_argument, NULL, 'J'}};
    size_t count = self->has_json ? 3 : 2;
    if (!self->has_json) all[count] = (struct option){0};
    *common = (cli_common){0};
    for (; own != NULL && own->name != NULL && count < OPTIONS_MAX - 1; own++) all[count++] = *own;
    optind = 1;
    opterr = 0;
    for (int which; (which = getopt_long_only(argc, argv, ":hc:n:", all, NULL)) != -1;) {
        if (which == 'H' || which == 'h') {
            cli_help(self);
            return CLI_DONE;
        }
        if (which == 'n') which = 'c'; /* as other pings have it */
        if (which == '?') return no_option(self, all, argv[optind - 1]);
        if (which == ':') return cli_usage(self, "'%s' needs a value", argv[optind - 1]);
        const struct option *o = option_of(all, which);
        if (o == NULL) return no_option(self, all, last_word(argv));
        if (which == 'C') common->config_path = optarg;
        if (which == 'J') common->is_json = true;
        bool is_own = which != 'C' && which != 'J';
        const char *needed = is_own ? take(ctx, which, optarg) : NULL;
        if (needed != NULL) return cli_usage(self, "--%s: '%s' is not %s", o->name, optarg, needed);
    }
    return -1;
}

bool cli_number(const char *text, unsigned long most, unsigned long *value)
{
    size_t len = strspn(text, "0123456789");
    if (len == 0 || text[len] != '\0') return false;
    errno = 0;
    *value = strtoul(text, NULL, 10);
    return errno == 0 && *value <= most;
}

bool cli_surplus(const cli_command *self, int argc, char **argv, int most)
{
    if (argc - optind <= most) return false;
    cli_usage(self, "'%s' is too much", argv[optind + most]);
    return true;
}

bool cli_is_one_of(const cli_command *self, const char *word, const char *const *words,
                   size_t count)
{
    suggest s;
    char hint[SUGGEST_HINT_MAX], all[128] = "";
    suggest_begin(&s, word);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0) return true;
        suggest_offer(&s, words[i]);
        size_t len = strlen(all);
        snprintf(all + len, sizeof all - len, "%s%s",
                 i == 0          ? ""
                 : i + 1 < count ? ", "
                                 : " or ",
                 words[i]);
    }
    cli_usage(self, "'%s' is not %s%s", word, all, suggest_hint(&s, hint));
    return false;
}

/* Says which file of the folder is the configuration. */
static void say_folder(const char *folder, bool is_given, bool for_relay)
{
    const char *name = for_relay ? "relay-server.yaml" : "config.yaml";
    char *file = config_beside(folder, name);
    bool is_there = file != NULL && access(file, F_OK) == 0;
    if (!is_there && for_relay) {
        free(file);
        file = config_beside(folder, "config.yaml");
        is_there = file != NULL && access(file, F_OK) == 0;
    }
    cli_error("%s%s is a folder, and one file is the configuration%s%s",
              is_given ? "--config: " : "", folder, is_there ? ": " : "", is_there ? file : "");
    free(file);
}

static config *open_config(const cli_common *common, bool for_relay)
{
    char error[512];
    char *path = config_find(common->config_path, for_relay, error, sizeof error);
    if (path == NULL) {
        cli_error("%s", error);
        return NULL;
    }
    struct stat at;
    bool is_folder = stat(path, &at) == 0 && S_ISDIR(at.st_mode);
    if (is_folder) say_folder(path, common->config_path != NULL, for_relay);
    config *c = is_folder ? NULL : config_read(path, stderr);
    free(path);
    return c;
}

config *cli_config_open(const cli_common *common)
{
    return open_config(common, false);
}

config *cli_relay_config_open(const cli_common *common)
{
    config *c = open_config(common, true);
    if (c == NULL) return NULL;
    c->is_relay = true;
    c->node.relay_server = 1;
    return c;
}

bool cli_address(const char *text, pu_peer_id *id, char *error, size_t cap)
{
    uint8_t bytes[PU_MADDR_MAX];
    size_t len, bad = 0;
    pu_addr a;
    pu_span span = {(const uint8_t *)text, strlen(text)};
    if (text[0] != '/') {
        snprintf(error, cap, "'%.200s' is not a multiaddr, which begins with /ip4/, /ip6/ or /dns/",
                 text);
    } else if (pu_maddr_parse(bytes, sizeof bytes, &len, span, &bad) != PU_OK) {
        snprintf(error, cap, "'%.200s' is not a multiaddr from '%.60s' on", text,
                 bad < span.len ? text + bad : "");
    } else if (pu_addr_read(&a, (pu_span){bytes, len}) != PU_OK) {
        snprintf(error, cap, "'%.200s' is no address that can be dialled", text);
    } else if (!config_can_dial(&a, (pu_span){bytes, len})) {
        snprintf(error, cap,
                 "'%.200s' has no transport that peerup speaks: /udp/PORT/quic-v1 or /tcp/PORT",
                 text);
    } else if (a.peer.len == 0) {
        snprintf(error, cap, "'%.200s' does not end in /p2p/ID", text);
    } else {
        *id = a.peer;
        return true;
    }
    return false;
}

bool cli_peer(const config *c, const char *text, pu_peer_id *id, const char **maddr)
{
    char error[512];
    pu_span span = {(const uint8_t *)text, strlen(text)};
    const pu_peer_id *named = config_name_find(c, text);
    suggest s;
    char hint[SUGGEST_HINT_MAX];
    *maddr = NULL;
    if (named != NULL) {
        *id = *named;
        return true;
    }
    if (text[0] == '/') {
        if (cli_address(text, id, error, sizeof error)) *maddr = text;
        else cli_error("%s", error);
        return *maddr != NULL;
    }
    if (pu_peer_id_parse(id, span) == PU_OK) return true;
    suggest_begin(&s, text);
    for (size_t i = 0; i < c->name_count; i++) suggest_offer(&s, c->names[i].name);
    cli_error("'%s' is neither a name in the configuration (`names:`) nor a peer id%s", text,
              suggest_hint(&s, hint));
    return false;
}

const char *cli_id_text(const pu_peer_id *id)
{
    static char texts[IDS][PU_PEER_ID_TEXT_MAX];
    static unsigned next;
    char *text = texts[next++ % IDS];
    pu_peer_id_text(id, PU_PEER_BASE58, text);
    return text;
}
