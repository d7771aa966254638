/* sim/nat_names.c - the words for kinds of NAT, the same in scenarios, reports and the database. */
#include "sim/nat.h"

#include <string.h>

/* Each by its enum's value; NULL for the 0 that some do not use. */
static const char *const mapping_words[] = {NULL, "eim", "adm", "apdm"};
static const char *const filtering_words[] = {NULL, "eif", "adf", "apdf"};
static const char *const ports_words[] = {NULL,     "preserve", "sequential",
                                          "random", "parity",   "block"};
static const char *const pooling_words[] = {"paired", "arbitrary"};
static const char *const hairpin_words[] = {"none", "external", "internal"};

#define WORD_OF(words, value) word_of(words, sizeof(words) / sizeof((words)[0]), value)
#define VALUE_OF(words, word) value_of(words, sizeof(words) / sizeof((words)[0]), word)

static const char *word_of(const char *const *words, size_t count, unsigned value)
{
    PU_ASSERT(value < count);
    PU_ASSERT(words[value] != NULL);
    return words[value];
}

static unsigned value_of(const char *const *words, size_t count, const char *word)
{
    for (unsigned i = 1; i < count; i++) {
        if (strcmp(words[i], word) == 0) return i;
    }
    return 0;
}

const char *nat_mapping_name(enum nat_mapping m)
{
    return WORD_OF(mapping_words, m);
}

const char *nat_filtering_name(enum nat_filtering f)
{
    return WORD_OF(filtering_words, f);
}

const char *nat_ports_name(enum nat_ports p)
{
    return WORD_OF(ports_words, p);
}

const char *nat_pooling_name(enum nat_pooling p)
{
    return WORD_OF(pooling_words, p);
}

const char *nat_hairpin_name(enum nat_hairpin h)
{
    return WORD_OF(hairpin_words, h);
}

enum nat_mapping nat_mapping_parse(const char *word)
{
    return (enum nat_mapping)VALUE_OF(mapping_words, word);
}

enum nat_filtering nat_filtering_parse(const char *word)
{
    return (enum nat_filtering)VALUE_OF(filtering_words, word);
}

enum nat_ports nat_ports_parse(const char *word)
{
    return (enum nat_ports)VALUE_OF(ports_words, word);
}
