/* analysis/plot_matrix.c - the heat map's script: coloured squares where it came to it, the time in
 * them, the paler the longer; empty ones elsewhere. */
#include "analysis/plot_matrix.h"

#include "analysis/plot.h"

#include <inttypes.h>

enum { HEIGHT = 640 };

/* A second and less, and a minute: what is longer is no direct connection in the matrix. */
#define COLOR_FAST "#80b9dc"
#define COLOR_SLOW "#e3eff7"

static void write_cells(const matrix_figure *f, FILE *script)
{
    fputs("$cells << EOD\n", script);
    for (uint32_t row = 0; row < f->size; row++) {
        for (uint32_t column = 0; column < f->size; column++) {
            uint64_t took_ms = f->took_ns[row * f->size + column] / 1000000;
            if (f->took_ns[row * f->size + column] != UINT64_MAX)
                fprintf(script, "%" PRIu32 " %" PRIu32 " %" PRIu64 ".%03" PRIu64 "\n", column, row,
                        took_ms / 1000, took_ms % 1000);
        }
    }
    fputs("EOD\n", script);
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

static void write_figure(const void *data, FILE *script)
{
    const matrix_figure *f = data;
    write_cells(f, script);
    plot_settings(script, HEIGHT);
    write_names(f, "x", script);
    write_names(f, "y", script);
    fprintf(script,
            "set xrange [-0.5:%" PRIu32 ".5]\nset yrange [%" PRIu32 ".5:-0.5]\n"
            "set xlabel 'who is asked'\nset ylabel 'who asks'\nunset grid\nunset key\n"
            "set style fill solid 1 noborder\nset boxwidth 0.9\n"
            "set palette defined (0 '" COLOR_FAST "', 1 '" COLOR_SLOW "')\n"
            "set logscale cb\nset cbrange [1:60]\nunset colorbox\n"
            "set title 'Seconds until a direct connection, the paler the longer; white: none, "
            "the relay stays'\n"
            "plot $cells using 1:2:(0.45):(0.45):3 with boxxyerror lc palette, "
            "$cells using 1:2:(sprintf('%%.1f', $3)) with labels tc rgb 'black'\n",
            f->size - 1, f->size - 1);
}

bool matrix_figure_draw(const matrix_figure *figure, const char *path, FILE *errors)
{
    plots p;
    bool is_drawn = plots_begin(&p, NULL, path) && plots_draw_data(&p, write_figure, figure, path);
    if (!is_drawn) fprintf(errors, "%s\n", p.error);
    plots_end(&p);
    return is_drawn;
}
