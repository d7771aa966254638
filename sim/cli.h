/* sim/cli.h - the command line of peerup-sim: its commands, and what they have in common. */
#ifndef SIM_CLI_H
#define SIM_CLI_H

#include "base/suggest.h"
#include "peerup/base.h"
#include "sim/options.h"

#define SIM_VERSION "0.1.0"

/* Exit codes that scripts may rely on. */
enum cli_exit {
    CLI_DONE = 0,               /* all properties held */
    CLI_UNEXPECTED = 1,         /* an error that is nobody's wish: a disk, a folder */
    CLI_USAGE = 2,              /* the command line or a scenario is wrong */
    CLI_VIOLATED = 10,          /* a property was violated */
    CLI_NOT_DETERMINISTIC = 11, /* a replay gave something else */
    CLI_INTERRUPTED = 130       /* Ctrl-C: what was simulated so far is kept */
};

/* A command. */
typedef struct cli_command {
    const char *name, *operands, *summary;
    const option *options; /* --help is among them */
    size_t option_count;
    int (*run)(const struct cli_command *self, int argc,
               char *const *argv); /* words after its name */
    const char *more;              /* ends the help, lines; NULL: nothing */
} cli_command;

/* One a file: sim/cmd_*.c and bench/cmd_bench.c. */
extern const cli_command cli_run, cli_replay, cli_report, cli_lint, cli_nat_matrix, cli_calibrate,
    cli_bench, cli_version;

/* Runs the command that argv names and returns the exit code. */
int cli_main(int argc, char *const *argv);

/* What the program was called as: so it is called again. */
const char *cli_program(void);

/* Starts over the words of a command. */
options cli_options(const cli_command *self, int argc, char *const *argv);

/* The next option or operand. False: there is none, or *exit_code is what the command ends with:
 * help was asked for and printed, or an error was. *exit_code is -1 while nothing speaks against
 * going on. */
bool cli_next(const cli_command *self, options *o, enum option_kind *kind, int *exit_code);

/* Prints a usage error and where help is; returns CLI_USAGE. */
int cli_wrong(const cli_command *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The end of a complaint about word: the nearest of the words that would have been right, ", did
 * you mean 'WORD'?", or ", use SUCH" when none is near. Returns out. */
const char *cli_hint(const char *word, const char *const *words, size_t count, const char *such,
                     char out[SUGGEST_HINT_MAX]);

/* Reads the value of --seeds, "A-B" of at most seeds_max seeds. False: it is wrong, which has been
 * said. */
bool cli_read_seeds(const cli_command *self, const char *text, uint64_t seeds_max, uint64_t *first,
                    uint64_t *last);

/* Prints word as a POSIX shell would have to be given it. */
void cli_print_quoted(FILE *out, const char *word);

#endif
