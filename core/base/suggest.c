/* Edit distance with swaps (optimal string alignment), by three rows of the table.
 */
#include "base/suggest.h"

#include "peerup/base.h"

#include <string.h>

enum { EDITS_MAX = 2, SHORT_WORD = 3, LETTER = 1 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned suggest_distance(const char *a, const char *b, unsigned limit)
{
    unsigned rows[3][SUGGEST_WORD_MAX + 1];
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > SUGGEST_WORD_MAX || b_len > SUGGEST_WORD_MAX) return limit + 1;

    for (unsigned j = 0; j <= b_len; j++) rows[0][j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned change = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(change, 1 + least(above[j], row[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return least(rows[a_len % 3][b_len], limit + 1);
}

void suggest_begin(suggest *s, const char *wanted)
{
    PU_ASSERT(wanted != NULL);
    /* Two edits turn any short word into any other, and one edit any letter. */
    size_t len = strlen(wanted);
    unsigned limit = len <= LETTER ? 0 : len <= SHORT_WORD ? 1 : EDITS_MAX;
    *s = (suggest){.wanted = wanted, .best = NULL, .distance = limit + 1};
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_same_but_case(const char *a, const char *b)
{
    for (; *a != '\0' && lower(*a) == lower(*b); a++) b++;
    return *a == '\0' && *b == '\0';
}

/* Whether wanted is how word begins: somebody left the end out, or did not know it. */
static bool is_beginning(const char *wanted, const char *word)
{
    size_t len = strlen(wanted);
    return len > SHORT_WORD && strlen(word) >= len && memcmp(wanted, word, len) == 0;
}

void suggest_offer(suggest *s, const char *word)
{
    PU_ASSERT(word != NULL);
    unsigned distance =
        is_same_but_case(s->wanted, word) ? 0 : suggest_distance(s->wanted, word, s->distance);
    if (distance > EDITS_MAX && is_beginning(s->wanted, word)) distance = EDITS_MAX;
    if (distance >= s->distance) return;
    s->best = word;
    s->distance = distance;
}

const char *suggest_hint(const suggest *s, char out[SUGGEST_HINT_MAX])
{
    static const char before[] = ", did you mean '", after[] = "'?";
    size_t len = s->best != NULL ? strlen(s->best) : 0;
    out[0] = '\0';
    if (len == 0 || sizeof before + len + sizeof after > SUGGEST_HINT_MAX) return out;
    memcpy(out, before, sizeof before - 1);
    memcpy(out + sizeof before - 1, s->best, len);
    memcpy(out + sizeof before - 1 + len, after, sizeof after);
    return out;
}
