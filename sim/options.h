/* sim/options.h - command-line options from a table that also prints their help.
 *
 * "--name VALUE", "--name=VALUE", the same with one dash, and "-o VALUE" for those that have a
 * letter.
 * "--" ends options; "-" alone is an operand.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { OPTIONS_ERROR_MAX = 256 };

/* One option. */
typedef struct option {
    const char *name;     /* without dashes */
    char letter;          /* its short form; 0: none */
    const char *argument; /* what its value is called in the help; NULL: it has none */
    const char *help;     /* lines */
} option;

/* A command line under way. */
typedef struct options {
    const option *table; /* borrowed */
    size_t table_count;
    char *const *argv;             /* borrowed; argc words */
    int argc, at;                  /* at: the next word */
    bool is_operands;              /* "--" has been seen */
    const option *which;           /* OPTION_NAMED: the option */
    const char *value;             /* its value, NULL when it has none; OPTION_OPERAND: the word */
    char error[OPTIONS_ERROR_MAX]; /* OPTION_WRONG: what is wrong */
} options;

enum option_kind { OPTION_END = 0, OPTION_NAMED, OPTION_OPERAND, OPTION_WRONG };

/* Takes the next option or operand. */
enum option_kind options_next(options *o);

/* Prints one line an option. */
void options_help(const option *table, size_t count, FILE *out);

#endif
