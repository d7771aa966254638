/* `peerup auth`: who may connect. A running daemon sees the change by itself. */
#include "net-real/cli/auth_file.h"
#include "net-real/cli/cli.h"

#include <jansson.h>
#include <string.h>

typedef struct auth_options {
    const char *comment, *file;
} auth_options;

static const char *take(void *ctx, int which, const char *value)
{
    auth_options *o = ctx;
    if (which == 'm') o->comment = value;
    else o->file = value;
    return NULL;
}

static void list_text(void *ctx, const pu_authorized *entry, pu_span line)
{
    (void)ctx;
    (void)line;
    printf("%s", cli_id_text(&entry->peer));
    if (entry->expires.len > 0)
        printf("  expires=%.*s", (int)entry->expires.len, entry->expires.base);
    if (entry->comment.len > 0) printf("\t# %.*s", (int)entry->comment.len, entry->comment.base);
    putchar('\n');
}

static void list_json(void *ctx, const pu_authorized *entry, pu_span line)
{
    json_t *one = json_pack("{s:s}", "peer_id", cli_id_text(&entry->peer));
    (void)line;
    if (entry->comment.len > 0)
        json_object_set_new(one, "comment",
                            json_stringn((const char *)entry->comment.base, entry->comment.len));
    if (entry->expires.len > 0)
        json_object_set_new(one, "expires_at",
                            json_stringn((const char *)entry->expires.base, entry->expires.len));
    json_array_append_new(ctx, one);
}

static int list(const char *file, bool is_json)
{
    json_t *all = json_array();
    bool is_good = auth_file_read(file, is_json ? list_json : list_text, all, stderr);
    if (is_json) {
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(all);
    return is_good ? CLI_DONE : CLI_CONFIG;
}

static int change(const char *what, const char *file, const char *peer, const char *comment)
{
    pu_peer_id id;
    bool adds = strcmp(what, "add") == 0;
    if (pu_peer_id_parse(&id, (pu_span){(const uint8_t *)peer, strlen(peer)}) != PU_OK) {
        cli_error("'%s' is not a peer id", peer);
        return CLI_USAGE;
    }
    enum auth_change result =
        adds ? auth_file_add(file, &id, comment, stderr) : auth_file_remove(file, &id, stderr);
    if (result == AUTH_FAILED) return CLI_CONFIG;
    if (result == AUTH_NOTHING && !adds) { /* a slip in an id must not look like a peer shut out */
        cli_error("%s: %s is not in it", file, cli_id_text(&id));
        return CLI_UNREACHABLE;
    }
    const char *done = result == AUTH_NOTHING ? "Authorized already, left as it is:"
                       : adds                 ? "Authorized"
                                              : "Removed";
    fprintf(stderr, "%s %s (%s)\n", done, cli_id_text(&id), file);
    return CLI_DONE;
}

static int run(const cli_command *self, int argc, char **argv)
{
    static const struct option own[] = {{"comment", required_argument, NULL, 'm'},
                                        {"file", required_argument, NULL, 'f'},
                                        {NULL, 0, NULL, 0}};
    cli_common common;
    auth_options o = {0};
    int code = cli_options(self, argc, argv, own, take, &o, &common);
    if (code >= 0) return code;
    const char *what = optind < argc ? argv[optind] : "",
               *peer = optind + 1 < argc ? argv[optind + 1] : NULL;
    static const char *const words[] = {"add", "list", "remove"};
    if (optind == argc) return cli_usage(self, "add, list or remove is needed");
    if (!cli_is_one_of(self, what, words, 3)) return CLI_USAGE;
    bool is_list = strcmp(what, "list") == 0;
    if (!is_list && peer == NULL) return cli_usage(self, "%s: a peer id is needed", what);
    if (o.comment != NULL && strlen(o.comment) > AUTH_COMMENT_MAX)
        return cli_usage(self, "a comment has %d bytes at most", AUTH_COMMENT_MAX);
    if (cli_surplus(self, argc, argv, is_list ? 1 : 2)) return CLI_USAGE;
    config *c = o.file == NULL ? cli_config_open(&common) : NULL;
    if (o.file == NULL && c == NULL) return CLI_CONFIG;
    const char *file = o.file != NULL ? o.file : c->authorized_keys_file;
    code = is_list ? list(file, common.is_json) : change(what, file, peer, o.comment);
    config_free(c);
    return code;
}

const cli_command cli_auth = {"auth",
                              "add PEER-ID | list | remove PEER-ID",
                              "who may connect",
                              "  --comment TEXT         with add: what the line says after #\n"
                              "  --file FILE            another file than the configuration's\n",
                              true,
                              run};
