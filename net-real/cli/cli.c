/* What the commands share, see cli.h. */
#include "net-real/cli/cli.h"

#include "base/suggest.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
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
    printf("usage: peerup %s%s%s\n%s\n\n%s"
           "  --config FILE          instead of the usual places\n"
           "%s"
           "  --help                 this text\n",
           self->name, self->operands[0] != '\0' ? " " : "", self->operands, self->summary,
           self->help, self->has_json ? "  --json                 data as JSON\n" : "");
}

static int no_option(const cli_command *self, const struct option *all, const char *word)
{
    suggest s;
    char hint[SUGGEST_HINT_MAX];
    suggest_begin(&s, word + strspn(word, "-"));
    for (; all->name != NULL; all++) suggest_offer(&s, all->name);
    return cli_usage(self, "there is no option '%s'%s", word, suggest_hint(&s, hint));
}

int cli_options(const cli_command *self, int argc, char **argv, const struct option *own,
                bool (*take)(void *ctx, int which, const char *value), void *ctx,
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
        if (which == '?') return no_option(self, all, argv[optind - 1]);
        if (which == ':') return cli_usage(self, "'%s' needs a value", argv[optind - 1]);
        if (which == 'C') common->config_path = optarg;
        else if (which == 'J') common->is_json = true;
        else if (take == NULL || !take(ctx, which, optarg))
            return cli_usage(self, "'%s' is not understood", argv[optind - 1]);
    }
    return -1;
}

static config *open_config(const cli_common *common, bool for_relay)
{
    char error[512];
    char *path = config_find(common->config_path, for_relay, error, sizeof error);
    if (path == NULL) {
        cli_error("%s", error);
        return NULL;
    }
    config *c = config_read(path, stderr);
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

bool cli_peer(const config *c, const char *text, pu_peer_id *id, const char **maddr)
{
    uint8_t bytes[PU_MADDR_MAX];
    size_t len;
    pu_addr a;
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
        if (pu_maddr_parse(bytes, sizeof bytes, &len, span, NULL) == PU_OK &&
            pu_addr_read(&a, (pu_span){bytes, len}) == PU_OK && a.peer.len > 0) {
            *id = a.peer;
            *maddr = text;
            return true;
        }
        cli_error("'%s' is not a multiaddr that ends in /p2p/ID", text);
        return false;
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
