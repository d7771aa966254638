/* sim/options.c - a cursor over command-line words. */
#include "sim/options.h"

#include "base/suggest.h"

#include <string.h>

enum { HELP_COLUMN = 24, NAME_MAX_BYTES = 64 };

static enum option_kind unknown(options *o, const char *name)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX] = "";
    suggest_begin(&near, name);
    for (size_t i = 0; i < o->table_count; i++) suggest_offer(&near, o->table[i].name);
    if (near.best != NULL) snprintf(hint, sizeof hint, ", did you mean '--%s'?", near.best);
    snprintf(o->error, sizeof o->error, "unknown option '%.64s'%s", o->argv[o->at - 1], hint);
    return OPTION_WRONG;
}

static const option *find(const options *o, const char *name)
{
    for (size_t i = 0; i < o->table_count; i++) {
        const option *known = &o->table[i];
        if (strcmp(known->name, name) == 0) return known;
        if (known->letter != 0 && name[0] == known->letter && name[1] == '\0') return known;
    }
    return NULL;
}

/* An option's word: value is what follows its '=', or NULL. */
static enum option_kind named(options *o, const char *name, const char *value)
{
    o->which = find(o, name);
    o->value = value;
    if (o->which == NULL) return unknown(o, name);
    if (o->which->argument == NULL && value != NULL) {
        snprintf(o->error, sizeof o->error, "--%s takes no value", o->which->name);
        return OPTION_WRONG;
    }
    if (o->which->argument != NULL && value == NULL) {
        if (o->at == o->argc) {
            snprintf(o->error, sizeof o->error, "--%s needs a value: %s", o->which->name,
                     o->which->argument);
            return OPTION_WRONG;
        }
        o->value = o->argv[o->at++];
    }
    return OPTION_NAMED;
}

enum option_kind options_next(options *o)
{
    char name[NAME_MAX_BYTES];
    if (!o->is_operands && o->at < o->argc && strcmp(o->argv[o->at], "--") == 0) {
        o->is_operands = true;
        o->at++;
    }
    if (o->at == o->argc) return OPTION_END;
    const char *word = o->argv[o->at++];
    if (o->is_operands || word[0] != '-' || word[1] == '\0') {
        o->value = word;
        return OPTION_OPERAND;
    }
    word += word[1] == '-' ? 2 : 1;
    size_t len = strcspn(word, "=");
    snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1), word);
    return named(o, name, word[len] == '=' ? word + len + 1 : NULL);
}

/* A help text; its further lines begin under the first. */
static void print_lines(const char *text, FILE *out)
{
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1)
        fprintf(out, "  %.*s\n  %-*s", (int)(end - text), text, HELP_COLUMN, "");
    fprintf(out, "  %s\n", text);
}

void options_help(const option *table, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        char left[NAME_MAX_BYTES];
        const option *o = &table[i];
        const char *argument = o->argument != NULL ? o->argument : "";
        const char *space = o->argument != NULL ? " " : "";
        if (o->letter != 0)
            snprintf(left, sizeof left, "-%c, --%s%s%s", o->letter, o->name, space, argument);
        else snprintf(left, sizeof left, "    --%s%s%s", o->name, space, argument);
        if (strlen(left) > HELP_COLUMN) fprintf(out, "  %s\n  %-*s", left, HELP_COLUMN, "");
        else fprintf(out, "  %-*s", HELP_COLUMN, left);
        print_lines(o->help, out);
    }
}
