/* tests/fuzz/written.h - what a function has written to a FILE, as a text that can be looked at. */
#ifndef TESTS_FUZZ_WRITTEN_H
#define TESTS_FUZZ_WRITTEN_H

#include "analysis/text.h"
#include "peerup/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was written, until the next write_begin. */
typedef struct writing {
    char *text;
    size_t len;
    FILE *out;
} writing;

static inline FILE *write_begin(writing *w)
{
    free(w->text);
    w->text = NULL;
    w->out = open_memstream(&w->text, &w->len);
    PU_ASSERT(w->out != NULL);
    return w->out;
}

static inline void write_end(writing *w)
{
    int failed = fclose(w->out);
    PU_ASSERT(failed == 0);
    PU_ASSERT(strlen(w->text) == w->len);
}

/* Whether text is printable UTF-8, and ends of lines where they may be. */
static inline bool is_printable(const char *text, bool has_lines)
{
    size_t len = strlen(text);
    for (size_t size; len > 0; text += size, len -= size) {
        size = text_char((const uint8_t *)text, len);
        if (size == 0 && has_lines && *text == '\n') size = 1;
        if (size == 0) return false;
    }
    return true;
}

#endif
