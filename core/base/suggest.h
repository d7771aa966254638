/* base/suggest.h - "did you mean": the nearest of the words that would have been right. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

enum {
    SUGGEST_WORD_MAX = 64, /* longer words are not compared */
    SUGGEST_HINT_MAX = 96  /* bytes of a hint, terminator included */
};

/* A search among words that are offered one after another. */
typedef struct suggest {
    const char *wanted; /* what was written; borrowed */
    const char *best;   /* the nearest so far, borrowed; NULL: none is near enough */
    unsigned distance;  /* edits between the two; a nearer word needs fewer */
} suggest;

/* Starts a search for the word that was meant by wanted. */
void suggest_begin(suggest *s, const char *wanted);

/* Offers a word, not the wanted one itself. The first of several equally near ones wins; one that
 * differs in upper and lower case only is the nearest. */
void suggest_offer(suggest *s, const char *word);

/* Writes ", did you mean 'WORD'?" into out, or nothing when no word is near (or the
 * nearest is longer than SUGGEST_WORD_MAX), and returns out. */
const char *suggest_hint(const suggest *s, char out[SUGGEST_HINT_MAX]);

/* Insertions, deletions, changes and swaps of neighbours between two words, counted up to limit +
 * 1; also limit + 1 when a word is longer than SUGGEST_WORD_MAX. */
unsigned suggest_distance(const char *a, const char *b, unsigned limit);

#endif
