/* Limits of a relay in words, see limits_text.h. */
#include "net-real/daemon/limits_text.h"

#include <inttypes.h>
#include <stdio.h>

/* Units that value is a whole number of: the largest one. */
static void amount(char *out, size_t cap, uint64_t value, const uint64_t *sizes,
                   const char *const *units, size_t count)
{
    size_t i = 0;
    while (i + 1 < count && (value < sizes[i] || value % sizes[i] != 0)) i++;
    snprintf(out, cap, "%" PRIu64 " %s", value / sizes[i], units[i]);
}

const char *limits_text(uint64_t bytes, uint64_t s, char text[LIMITS_TEXT_MAX])
{
    static const uint64_t byte_sizes[] = {1 << 30, 1 << 20, 1 << 10, 1}, times[] = {3600, 60, 1};
    static const char *const byte_units[] = {"GiB", "MiB", "KiB", "bytes"}, *const time_units[] = {
                                                                                "h", "min", "s"};
    char most[32] = "", longest[32] = "";
    if (bytes != 0) amount(most, sizeof most, bytes, byte_sizes, byte_units, 4);
    if (s != 0) amount(longest, sizeof longest, s, times, time_units, 3);
    snprintf(text, LIMITS_TEXT_MAX, "%s%s%s%s", most, bytes != 0 ? " each way" : "",
             bytes != 0 && s != 0 ? " and " : "", longest);
    return text;
}
