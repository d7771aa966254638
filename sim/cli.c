/* sim/cli.c - finds the command, prints help and usage errors. */
#include "sim/cli.h"

#include "sim/quantity.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static const cli_command *const commands[] = {
    &cli_run,        &cli_replay,    &cli_report, &cli_lint,
    &cli_nat_matrix, &cli_calibrate, &cli_bench,  &cli_version,
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void help(FILE *out)
{
    fputs("peerup-sim runs peerup's nodes on a simulated network. Equal seeds give equal runs.\n\n",
          out);
    fputs("usage: peerup-sim COMMAND ...\n\ncommands:\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n'peerup-sim COMMAND --help' says more.\n", out);
    fputs(
        "exit codes: 0 all properties held, 1 unexpected error, 2 usage or scenario wrong,\n"
        "            10 a property was violated, 11 a replay came out otherwise, 130 interrupted\n",
        out);
}

static void command_help(const cli_command *c)
{
    printf("peerup-sim %s: %s\n\n", c->name, c->summary);
    printf("usage: peerup-sim %s%s%s [OPTION]...\n\noptions:\n", c->name,
           c->operands[0] == '\0' ? "" : " ", c->operands);
    options_help(c->options, c->option_count, stdout);
    if (c->more != NULL) printf("\n%s", c->more);
}

options cli_options(const cli_command *self, int argc, char *const *argv)
{
    return (options){
        .table = self->options, .table_count = self->option_count, .argv = argv, .argc = argc};
}

bool cli_next(const cli_command *self, options *o, enum option_kind *kind, int *exit_code)
{
    *exit_code = -1;
    *kind = options_next(o);
    if (*kind == OPTION_WRONG) {
        *exit_code = cli_wrong(self, "%s", o->error);
    } else if (*kind == OPTION_NAMED && strcmp(o->which->name, "help") == 0) {
        command_help(self);
        *exit_code = CLI_DONE;
    }
    return *kind != OPTION_END && *exit_code < 0;
}

int cli_wrong(const cli_command *self, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "peerup-sim %s: ", self->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n'peerup-sim %s --help' says how.\n", self->name);
    return CLI_USAGE;
}

const char *cli_hint(const char *word, const char *const *words, size_t count, const char *such,
                     char out[SUGGEST_HINT_MAX])
{
    suggest near;
    suggest_begin(&near, word);
    for (size_t i = 0; i < count; i++) suggest_offer(&near, words[i]);
    suggest_hint(&near, out);
    if (near.best == NULL) snprintf(out, SUGGEST_HINT_MAX, ", use %s", such);
    return out;
}

/* How the command is told so many seeds, or that one. */
static void one_seed(const cli_command *self, uint64_t seed, char more[128])
{
    int len = snprintf(more, 128, "; the first %" PRIu64 " are 1-%" PRIu64, seed, seed);
    for (size_t i = 0; i < self->option_count; i++) {
        if (strcmp(self->options[i].name, "seed") == 0)
            snprintf(more + len, 128 - (size_t)len, ", one alone is --seed %" PRIu64, seed);
    }
}

bool cli_read_seeds(const cli_command *self, const char *text, uint64_t seeds_max, uint64_t *first,
                    uint64_t *last)
{
    char head[32], why[QUANTITY_WHY_MAX];
    const char *dash = strchr(text, '-');
    size_t len = dash != NULL ? (size_t)(dash - text) : sizeof head;
    if (len < sizeof head) {
        memcpy(head, text, len);
        head[len] = '\0';
        if (quantity_read(QUANTITY_COUNT, head, first, why) &&
            quantity_read(QUANTITY_COUNT, dash + 1, last, why) && *first <= *last &&
            *last - *first < seeds_max)
            return true;
    }
    char more[128] = "";
    if (dash == NULL && quantity_read(QUANTITY_COUNT, text, first, why))
        one_seed(self, *first, more);
    cli_wrong(self, "--seeds: '%s' is not a range A-B such as 1-50 of at most %" PRIu64 " seeds%s",
              text, seeds_max, more);
    return false;
}

void cli_print_quoted(FILE *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-./=:,@%+";
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        fputs(word, out);
        return;
    }
    putc('\'', out);
    for (; *word != '\0'; word++) {
        if (*word == '\'') fputs("'\\''", out);
        else putc(*word, out);
    }
    putc('\'', out);
}

static int unknown(const char *name)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX];
    suggest_begin(&near, name);
    for (size_t i = 0; i < COMMAND_COUNT; i++) suggest_offer(&near, commands[i]->name);
    fprintf(stderr, "peerup-sim: unknown command '%s'%s\n'peerup-sim --help' lists them.\n", name,
            suggest_hint(&near, hint));
    return CLI_USAGE;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

static const char *program = "peerup-sim";

const char *cli_program(void)
{
    return program;
}

int cli_main(int argc, char *const *argv)
{
    if (argc > 0) program = argv[0];
    if (argc < 2) {
        help(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (is_one_of(name, "--help", "-help", "-h")) {
        help(stdout);
        return CLI_DONE;
    }
    if (is_one_of(name, "--version", "-version", "-V")) name = cli_version.name;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const cli_command *c = commands[i];
        if (strcmp(c->name, name) == 0) return c->run(c, argc - 2, argv + 2);
    }
    return unknown(name);
}
