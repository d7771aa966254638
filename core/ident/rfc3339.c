/* ident/rfc3339.c - see rfc3339.h. The C library's arithmetic depends on zones and locale. */
#include "ident/rfc3339.h"

enum {
    MINUTE_S = 60,
    HOUR_S = 60 * MINUTE_S,
    DAY_S = 24 * HOUR_S,
    DATE_TIME_BYTES = 19 /* yyyy-mm-ddThh:mm:ss */
};

/* Takes `count` digits off *in. False: they are not there, or mean less than least or more than
 * most. */
static bool take_number(pu_span *in, size_t count, int least, int most, int *number)
{
    PU_ASSERT(count <= 4);
    if (in->len < count) return false;
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        if (in->base[i] < '0' || in->base[i] > '9') return false;
        value = value * 10 + (in->base[i] - '0');
    }
    *in = span_skip(*in, count);
    *number = value;
    return value >= least && value <= most;
}

/* Takes one character off *in if it is `wanted` (letters in either case, as the RFC allows). */
static bool take_char(pu_span *in, uint8_t wanted)
{
    PU_ASSERT(wanted < 'a' || wanted > 'z');
    if (in->len == 0) return false;
    uint8_t c = in->base[0];
    if (c >= 'a' && c <= 'z') c = (uint8_t)(c - 'a' + 'A');
    if (c != wanted) return false;
    *in = span_skip(*in, 1);
    return true;
}

static int days_in_month(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    PU_ASSERT(month >= 1);
    PU_ASSERT(month <= 12);
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* Days from 1 January of the year 0 (Gregorian rules throughout) to the first of a month. */
static int64_t days_before(int year, int month)
{
    PU_ASSERT(year >= 0);
    int64_t days = (int64_t)year * 365;
    if (year > 0) days += (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1;
    for (int m = 1; m < month; m++) days += days_in_month(year, m);
    return days;
}

static bool take_date(pu_span *in, int64_t *days)
{
    PU_ASSERT(days != NULL);
    int year, month, day;
    if (!take_number(in, 4, 0, 9999, &year) || !take_char(in, '-')) return false;
    if (!take_number(in, 2, 1, 12, &month) || !take_char(in, '-')) return false;
    if (!take_number(in, 2, 1, days_in_month(year, month), &day)) return false;
    *days = days_before(year, month) - days_before(1970, 1) + day - 1;
    return true;
}

static bool take_time(pu_span *in, int *seconds, bool *is_leap)
{
    PU_ASSERT(seconds != NULL);
    int hour, minute, second, digit;
    if (!take_number(in, 2, 0, 23, &hour) || !take_char(in, ':')) return false;
    if (!take_number(in, 2, 0, 59, &minute) || !take_char(in, ':')) return false;
    if (!take_number(in, 2, 0, 60, &second)) return false;
    if (take_char(in, '.')) {
        if (!take_number(in, 1, 0, 9, &digit)) return false;
        while (in->len > 0 && in->base[0] >= '0' && in->base[0] <= '9') *in = span_skip(*in, 1);
    }
    *seconds = hour * HOUR_S + minute * MINUTE_S + second;
    *is_leap = second == 60;
    return true;
}

static bool take_offset(pu_span *in, int *seconds)
{
    PU_ASSERT(seconds != NULL);
    int hour, minute;
    *seconds = 0;
    if (take_char(in, 'Z')) return true;
    bool is_west = take_char(in, '-');
    if (!is_west && !take_char(in, '+')) return false;
    if (!take_number(in, 2, 0, 23, &hour) || !take_char(in, ':')) return false;
    if (!take_number(in, 2, 0, 59, &minute)) return false;
    *seconds = (hour * HOUR_S + minute * MINUTE_S) * (is_west ? -1 : 1);
    return true;
}

bool rfc3339_get(pu_span text, int64_t *unix_s)
{
    PU_ASSERT(unix_s != NULL);
    int64_t days;
    int seconds, offset;
    bool is_leap;
    if (text.len <= DATE_TIME_BYTES) return false;
    if (!take_date(&text, &days) || !take_char(&text, 'T')) return false;
    if (!take_time(&text, &seconds, &is_leap) || !take_offset(&text, &offset)) return false;
    if (text.len > 0) return false;
    *unix_s = days * DAY_S + seconds - offset;
    return !is_leap || *unix_s % DAY_S == 0; /* leap seconds end a UTC day */
}
