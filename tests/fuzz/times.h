/* tests/fuzz/times.h - points in time out of their digits, by another way than the code under test
 * goes. */
#ifndef TESTS_FUZZ_TIMES_H
#define TESTS_FUZZ_TIMES_H

#include "base/bytes.h"

/* Two digits of text as a number; they must be digits. */
static inline int64_t times_two_digits(pu_span text, size_t at)
{
    return (text.base[at] - '0') * 10 + (text.base[at + 1] - '0');
}

/* Days from 1970 by eras of 400 years, counted from March. */
static inline int64_t times_days(int64_t year, int64_t month, int64_t day)
{
    if (month <= 2) year--;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

#endif
