/* sim/nat_names.c - the words for kinds of NAT, the same in scenarios, reports and the database. */
#include "sim/nat.h"

#include <string.h>

enum { WORDS = 4 }; /* three and the 0 that no enum uses */

static const char *const mapping_words[WORDS] = {NULL, "eim", "adm", "apdm"};
static const char *const filtering_words[WORDS] = {NULL, "eif", "adf", "apdf"};
static const char *const ports_words[WORDS] = {NULL, "preserve", "sequential", "random"};

static const char *word_of(const char *const words[WORDS], unsigned value)
{
    PU_ASSERT(value > 0);
    PU_ASSERT(value < WORDS);
    return words[value];
}

static unsigned value_of(const char *const words[WORDS], const char *word)
{
    for (unsigned i = 1; i < WORDS; i++) {
        if (strcmp(words[i], word) == 0) return i;
    }
    return 0;
}

const char *nat_mapping_name(enum nat_mapping m)
{
    return word_of(mapping_words, m);
}

const char *nat_filtering_name(enum nat_filtering f)
{
    return word_of(filtering_words, f);
}

const char *nat_ports_name(enum nat_ports p)
{
    return word_of(ports_words, p);
}

enum nat_mapping nat_mapping_parse(const char *word)
{
    return (enum nat_mapping)value_of(mapping_words, word);
}

enum nat_filtering nat_filtering_parse(const char *word)
{
    return (enum nat_filtering)value_of(filtering_words, word);
}

enum nat_ports nat_ports_parse(const char *word)
{
    return (enum nat_ports)value_of(ports_words, word);
}
