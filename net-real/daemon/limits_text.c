/* Limits of a relay in words, see limits_text.h. */
#include "net-real/daemon/limits_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { AMOUNT_MAX = 32, SIZES = 4, TIMES = 3 };

static const uint64_t sizes[SIZES] = {1 << 30, 1 << 20, 1 << 10, 1}, times[TIMES] = {3600, 60, 1};
static const char *const size_units[SIZES] = {"GiB", "MiB", "KiB", "bytes"};
static const char *const time_units[TIMES] = {"h", "min", "s"};

/* Units that value is a whole number of: the largest one. */
static void exactly(char out[AMOUNT_MAX], uint64_t value, const uint64_t *scale,
                    const char *const *units, size_t count)
{
    size_t i = 0;
    while (i + 1 < count && (value < scale[i] || value % scale[i] != 0)) i++;
    snprintf(out, AMOUNT_MAX, "%" PRIu64 " %s", value / scale[i], units[i]);
}

/* In units of which value has at least two, rounded down: who is told has no less. */
static void about(char out[AMOUNT_MAX], uint64_t value, const uint64_t *scale,
                  const char *const *units, size_t count)
{
    size_t i = 0;
    while (i + 1 < count && value / scale[i] < 2) i++;
    snprintf(out, AMOUNT_MAX, "%" PRIu64 " %s", value / scale[i], units[i]);
}

const char *limits_text(uint64_t bytes, uint64_t s, char text[LIMITS_TEXT_MAX])
{
    char most[AMOUNT_MAX] = "", longest[AMOUNT_MAX] = "";
    if (bytes != 0) exactly(most, bytes, sizes, size_units, SIZES);
    if (s != 0) exactly(longest, s, times, time_units, TIMES);
    snprintf(text, LIMITS_TEXT_MAX, "%s%s%s%s", most, bytes != 0 ? " each way" : "",
             bytes != 0 && s != 0 ? " and " : "", longest);
    return text;
}

const char *limits_left_text(const relay_limits *l, char text[LIMITS_TEXT_MAX])
{
    char size[AMOUNT_MAX] = "", time[AMOUNT_MAX] = "";
    bool has_bytes = l->left_bytes != LIMITS_UNKNOWN, has_time = l->left_s != LIMITS_UNKNOWN;
    limits_text(l->bytes, l->s, text);
    if (!has_bytes && !has_time) return text;
    size_t len = strlen(text);
    if (has_bytes) about(size, l->left_bytes, sizes, size_units, SIZES);
    if (has_time) about(time, l->left_s, times, time_units, TIMES);
    if (l->left_bytes == 0 || l->left_s == 0)
        snprintf(text + len, LIMITS_TEXT_MAX - len, ", which is used up");
    else
        snprintf(text + len, LIMITS_TEXT_MAX - len, ", of which %s%s%s are left", size,
                 has_bytes && has_time ? " and " : "", time);
    return text;
}
