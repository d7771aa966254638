/* net-real/cli/main.c - peerup: finds the command and runs it. */
#include "base/suggest.h"
#include "net-real/cli/cli.h"

#include <stdio.h>
#include <string.h>

static const cli_command *const commands[] = {&cli_init,   &cli_whoami, &cli_daemon, &cli_status,
                                              &cli_ping,   &cli_proxy,  &cli_relay,  &cli_auth,
                                              &cli_config, &cli_version};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_commands(FILE *out)
{
    fputs("peerup reaches your own machines through NATs and firewalls.\n\nusage: peerup COMMAND "
          "...\n\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", commands[i]->name, commands[i]->operands);
        fprintf(out, "  %-41s %s\n", left, commands[i]->summary);
    }
    fputs("\n`peerup COMMAND --help` says more.\n", out);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    if (name != NULL && strcmp(name, "--version") == 0) name = "version";
    bool wants_help = name != NULL && (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
                                       strcmp(name, "help") == 0);
    if (name == NULL || wants_help) {
        print_commands(wants_help ? stdout : stderr);
        return wants_help ? CLI_DONE : CLI_USAGE;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) != 0) continue;
        int code = commands[i]->run(commands[i], argc - 1, argv + 1);
        if (fflush(stdout) == 0 && ferror(stdout) == 0) return code;
        cli_error("standard output cannot be written");
        return code == CLI_DONE ? CLI_UNEXPECTED : code;
    }
    suggest s;
    char hint[SUGGEST_HINT_MAX];
    suggest_begin(&s, name);
    for (size_t i = 0; i < COMMANDS; i++) suggest_offer(&s, commands[i]->name);
    cli_error("there is no command '%s'%s", name, suggest_hint(&s, hint));
    fputs("`peerup --help` lists the commands.\n", stderr);
    return CLI_USAGE;
}
