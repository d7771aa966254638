/* tests/unit/vector_flags.h - counts what published cases came to, flag by flag, so that no kind of
 * case is left out unseen. */
#ifndef TESTS_UNIT_VECTOR_FLAGS_H
#define TESTS_UNIT_VECTOR_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

/* What the cases of a file with one flag must come to. */
typedef struct flag_expected {
    unsigned flag;     /* one bit */
    unsigned accepted; /* cases */
    unsigned refused;  /* cases; those that the interface keeps from being handed over, too */
} flag_expected;

enum { FLAGS_MAX = 16 };

/* Cases seen, by the number of the flag's bit. */
typedef struct flag_tally {
    unsigned accepted[FLAGS_MAX], refused[FLAGS_MAX];
} flag_tally;

static inline void flag_tally_add(flag_tally *t, unsigned flags, bool is_accepted)
{
    for (unsigned bit = 0; bit < FLAGS_MAX; bit++)
        if (flags >> bit & 1) (is_accepted ? t->accepted : t->refused)[bit]++;
}

/* Compares with one row for each of the flag_count flags that the file has. */
static inline void flag_tally_check(const flag_tally *t, const flag_expected *rows, size_t count,
                                    size_t flag_count)
{
    unsigned all = 0;
    assert_int_equal(count, flag_count);
    for (size_t i = 0; i < count; i++) {
        unsigned bit = 0;
        while (rows[i].flag >> bit != 1) bit++;
        all |= rows[i].flag;
        if (t->accepted[bit] != rows[i].accepted || t->refused[bit] != rows[i].refused)
            fail_msg("flag bit %u: %u accepted and %u refused", bit, t->accepted[bit],
                     t->refused[bit]);
    }
    assert_int_equal(all, (1u << flag_count) - 1);
}

#endif
