/* page_fuzz.c - texts that others chose, in pages, figures and lines: they stay texts. */
#include "analysis/html.h"
#include "analysis/plot.h"
#include "analysis/text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/written.h"

static int hex_of(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The text back from what text_escape made of its beginning. */
static void check_escaped(const char *line, pu_span bytes)
{
    size_t at = 0;
    PU_ASSERT(is_printable(line, false));
    for (; *line != '\0'; at++) {
        PU_ASSERT(at < bytes.len);
        uint8_t is = (uint8_t)*line++;
        if (is == '\\' && *line == 'x') {
            is = (uint8_t)(hex_of(line[1]) << 4 | hex_of(line[2]));
            line += 3;
        } else if (is == '\\') {
            PU_ASSERT(*line == '\\');
            line++;
        }
        PU_ASSERT(is == bytes.base[at]);
    }
}

static writing written;

static void check_html(const char *text)
{
    FILE *out = write_begin(&written);
    html_text(out, text);
    write_end(&written);
    PU_ASSERT(is_printable(written.text, true));
    PU_ASSERT(strpbrk(written.text, "<>\"'") == NULL);
    for (const char *at = written.text; (at = strchr(at, '&')) != NULL; at++) {
        static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
        size_t i = 0;
        while (i < 5 && strncmp(at, known[i], strlen(known[i])) != 0) i++;
        PU_ASSERT(i < 5);
    }
}

/* A quoted string of gnuplot: only a doubled quote is inside, and no line ends. */
static void check_plot(const char *text)
{
    FILE *out = write_begin(&written);
    plot_string(out, text);
    write_end(&written);
    PU_ASSERT(is_printable(written.text, false));
    PU_ASSERT(written.len >= 2 && written.text[0] == '\'' && written.text[written.len - 1] == '\'');
    for (size_t i = 1; i + 1 < written.len; i++) {
        if (written.text[i] != '\'') continue;
        PU_ASSERT(i + 2 < written.len && written.text[i + 1] == '\'');
        i++;
    }
}

void fuzz_page(pu_span bytes)
{
    static char line[8192], text[4096];
    size_t cap = 1 + fuzz_u16(&bytes) % sizeof line;
    size_t len = bytes.len < sizeof text ? bytes.len : sizeof text - 1;
    PU_ASSERT(text_escape(line, cap, bytes.base, bytes.len) < cap);
    check_escaped(line, bytes);
    if (len > 0) memcpy(text, bytes.base, len);
    text[len] = '\0';
    check_html(text);
    check_plot(text);
}
