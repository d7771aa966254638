/* analysis/plot_matrix.c - the heat map's script: squares in a few classes, the darker the sooner,
 * the time in them; outlined ones where it never came to it. Neighbouring classes are far apart in
 * lightness, so that eyes that see no colours tell them apart too; the ground is the page's, and
 * white where style sheets are not known. */
#include "analysis/plot_matrix.h"

#include "analysis/plot.h"
#include "peerup/base.h"

#include <inttypes.h>

enum { HEIGHT = 680 };

/* On squares, which are the same on dark pages: other than the black that there becomes light. */
#define INK_DARK "#111111"

/* Classes of times: those up to max_s, the last one of all longer ones. */
static const struct {
    uint64_t max_s;
    const char *color, *ink, *title;
} classes[] = {
    {2, "#08519c", "white", "up to 2 s"},
    {5, "#4fa0d0", INK_DARK, "up to 5 s"},
    {15, "#a6d0e8", INK_DARK, "up to 15 s"},
    {UINT64_MAX / PU_S, "#e1eef8", INK_DARK, "longer"},
};
enum { CLASSES = sizeof classes / sizeof classes[0], NEVER = CLASSES };

static unsigned class_of(uint64_t took_ns)
{
    unsigned class = 0;
    if (took_ns == UINT64_MAX) return NEVER;
    while (class < CLASSES - 1 && took_ns > classes[class].max_s * PU_S) class ++;
    return class;
}

/* Writes the cells of a class as a data block. Returns whether there are any. */
static bool write_cells(const matrix_figure *f, unsigned class, FILE *script)
{
    bool has = false;
    fprintf(script, "$class%u << EOD\n", class);
    for (uint32_t row = 0; row < f->size; row++) {
        for (uint32_t column = 0; column < f->size; column++) {
            uint64_t took_ns = f->took_ns[row * f->size + column], took_ms = took_ns / PU_MS;
            if (class_of(took_ns) != class) continue;
            fprintf(script, "%" PRIu32 " %" PRIu32 " %" PRIu64 ".%03" PRIu64 "\n", column, row,
                    took_ms / 1000, took_ms % 1000);
            has = true;
        }
    }
    fputs("EOD\n", script);
    return has;
}

static void write_names(const matrix_figure *f, const char *axis, FILE *script)
{
    fprintf(script, "set %stics (", axis);
    for (uint32_t i = 0; i < f->size; i++) {
        if (i > 0) fputs(", ", script);
        plot_string(script, f->names[i]);
        fprintf(script, " %" PRIu32, i);
    }
    fputs(")\n", script);
}

#define SQUARES "using 1:2:(0.45):(0.45) with boxxyerror "

static void write_plot(const bool has[CLASSES + 1], FILE *script)
{
    const char *before = "plot";
    for (unsigned i = 0; i < CLASSES; i++) {
        if (!has[i]) continue;
        fprintf(script,
                "%s $class%u " SQUARES "fs solid 1 noborder fc rgb '%s' title '%s', "
                "$class%u using 1:2:(sprintf('%%.1f', $3)) with labels tc rgb '%s' notitle",
                before, i, classes[i].color, classes[i].title, i, classes[i].ink);
        before = ",";
    }
    if (has[NEVER])
        fprintf(script,
                "%s $class%u " SQUARES "lc rgb '" COLOR_OTHER
                "' fs empty border title 'never', $class%u using 1:2:('never') "
                "with labels "
                "font ',11' tc rgb '" COLOR_OTHER "' notitle",
                before, (unsigned)NEVER, (unsigned)NEVER);
    fputc('\n', script);
}

static void write_figure(const void *data, FILE *script)
{
    const matrix_figure *f = data;
    bool has[CLASSES + 1];
    for (unsigned i = 0; i <= CLASSES; i++) has[i] = write_cells(f, i, script);
    plot_settings(script, HEIGHT);
    write_names(f, "x", script);
    write_names(f, "y", script);
    fprintf(script,
            "set object rectangle from screen 0,0 to screen 1,1 behind fc rgb 'white' fs solid 1 "
            "noborder\nset xrange [-0.5:%" PRIu32 ".5]\nset yrange [%" PRIu32 ".5:-0.5]\n"
            "set xlabel 'who is asked'\nset ylabel 'who asks'\nunset grid\n"
            "set title 'Seconds until a direct connection, round trip %" PRIu32 " ms'\n",
            f->size - 1, f->size - 1, f->round_trip_ms);
    write_plot(has, script);
}

bool matrix_figure_draw(const matrix_figure *figure, const char *path, FILE *errors)
{
    plots p;
    bool is_drawn = plots_begin(&p, NULL, path) && plots_draw_data(&p, write_figure, figure, path);
    if (!is_drawn) fprintf(errors, "%s\n", p.error);
    plots_end(&p);
    return is_drawn;
}
