/* sim/diag.c - a bounded list of complaints. */
#include "sim/diag.h"

#include "sim/mem.h"

#include <stdarg.h>

enum { TEXT_MAX = 512 };

static char *copy_of(const char *text)
{
    size_t bytes = strlen(text) + 1;
    return memcpy(sim_alloc(bytes), text, bytes);
}

uint32_t diag_source(diag *d, const char *name)
{
    PU_ASSERT(name != NULL);
    d->sources = sim_grow(d->sources, &d->source_cap, d->source_count, sizeof *d->sources);
    d->sources[d->source_count] = copy_of(name);
    return d->source_count++;
}

/* What steers a terminal becomes question marks: ASCII's control characters, and those that begin
 * with U+0080, which are C2 80 to C2 9F. */
static void make_harmless(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)c[0], next = (unsigned char)c[1];
        bool is_late = byte == 0xc2 && next >= 0x80 && next < 0xa0;
        if (byte < ' ' || byte == 0x7f || is_late) *c = '?';
        if (is_late) c[1] = '?';
    }
}

void diag_add(diag *d, diag_place at, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    PU_ASSERT(at.source < d->source_count);
    if (d->count == DIAG_ENTRIES_MAX) {
        d->dropped++;
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    make_harmless(text);
    if (d->entries == NULL) d->entries = sim_alloc(DIAG_ENTRIES_MAX * sizeof *d->entries);
    d->entries[d->count] = (diag_entry){.place = at, .order = d->count, .text = copy_of(text)};
    d->count++;
}

static int compare_u32(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare(const void *left, const void *right)
{
    const diag_entry *a = left, *b = right;
    int by = compare_u32(a->place.source, b->place.source);
    if (by == 0) by = compare_u32(a->place.line, b->place.line);
    if (by == 0) by = compare_u32(a->place.column, b->place.column);
    return by != 0 ? by : compare_u32(a->order, b->order);
}

void diag_sort(diag *d)
{
    if (d->count > 0) qsort(d->entries, d->count, sizeof *d->entries, compare);
}

void diag_print(const diag *d, FILE *out)
{
    diag_print_as(d, "", out);
}

void diag_print_as(const diag *d, const char *word, FILE *out)
{
    const char *colon = word[0] == '\0' ? "" : ": ";
    for (uint32_t i = 0; i < d->count; i++) {
        const diag_entry *e = &d->entries[i];
        fputs(d->sources[e->place.source], out);
        if (e->place.line > 0) fprintf(out, ":%u:%u", e->place.line, e->place.column);
        fprintf(out, ": %s%s%s\n", word, colon, e->text);
    }
    if (d->dropped > 0)
        fprintf(out, "%s: %s%sand %u more\n", d->sources[0], word, colon, d->dropped);
}

void diag_free(diag *d)
{
    for (uint32_t i = 0; i < d->source_count; i++) free(d->sources[i]);
    for (uint32_t i = 0; i < d->count; i++) free(d->entries[i].text);
    free(d->sources);
    free(d->entries);
    *d = (diag){0};
}
