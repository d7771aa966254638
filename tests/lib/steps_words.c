/* Words, numbers and times of a step's line. */
#include "tests/lib/steps_impl.h"

void words_split(step_words *words, char *text, char at)
{
    unsigned depth = 0;
    *words = (step_words){.count = 0};
    bool is_inside = false;
    for (char *c = text; *c != 0; c++) {
        if (*c == '(') depth++;
        if (*c == ')' && depth > 0) depth--;
        if (*c == at && depth == 0) {
            *c = 0;
            is_inside = false;
        } else if (!is_inside) {
            PU_ASSERT(words->count < STEPS_WORDS_MAX);
            words->at[words->count++] = c;
            is_inside = true;
        }
    }
}

char *words_option(step_words *words, const char *name)
{
    size_t len = strlen(name);
    for (unsigned i = 0; i < words->count; i++) {
        if (words->used[i] || strncmp(words->at[i], name, len) != 0) continue;
        if (words->at[i][len] != '=') continue;
        words->used[i] = true;
        return words->at[i] + len + 1;
    }
    return NULL;
}

bool words_flag(step_words *words, const char *name)
{
    for (unsigned i = 0; i < words->count; i++) {
        if (words->used[i] || strcmp(words->at[i], name) != 0) continue;
        words->used[i] = true;
        return true;
    }
    return false;
}

char *words_next(step_words *words)
{
    for (unsigned i = 0; i < words->count; i++) {
        if (words->used[i]) continue;
        words->used[i] = true;
        return words->at[i];
    }
    return NULL;
}

/* Digits at *text, which moves behind them. False: none, or too many. */
static bool digits_read(const char **text, uint64_t *value)
{
    const char *from = *text;
    *value = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        uint64_t digit = (uint64_t)(**text - '0');
        if (*value > (UINT64_MAX - digit) / 10) return false;
        *value = *value * 10 + digit;
    }
    return *text > from;
}

bool number_read(const char *text, uint64_t *value)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {{"", 1}, {"ns", 1}, {"us", PU_US}, {"ms", PU_MS}, {"s", PU_S}};
    if (text == NULL || !digits_read(&text, value)) return false;
    for (unsigned i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text, units[i].unit) != 0) continue;
        *value *= units[i].ns;
        return true;
    }
    return false;
}

bool time_read(const char *text, pu_time *at)
{
    uint64_t value;
    if (text == NULL || !digits_read(&text, &value)) return false;
    *at = value * PU_MS;
    uint64_t unit = PU_MS / 10;
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
            *at += (uint64_t)(*text - '0') * unit;
    return *text == 0;
}
