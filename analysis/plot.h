/* analysis/plot.h - figures: rows of the database into a gnuplot script, gnuplot's SVG into the
 * page.
 *
 * A figure writes one script: its data as data blocks ("$name << EOD"), then settings and a plot
 * command. The script and the SVG live in a temporary folder beside the report, which plots_end
 * removes.
 */
#ifndef ANALYSIS_PLOT_H
#define ANALYSIS_PLOT_H

#include "analysis/sql.h"

#include <stdio.h>

/* The same thing has the same colour in every figure; told apart by colour-blind eyes, on light and
 * dark pages. */
#define COLOR_DIRECT "#2b8cc4"
#define COLOR_RELAY "#e69f00"
#define COLOR_REFUSED "#c8468c"
#define COLOR_CHANGE "#0f9d77"
#define COLOR_OTHER "#808890"

/* The colours of a page, light or dark by the reader's choice, and how figures on it take its ink:
 * gnuplot draws axes and words in black, grids in one grey. */
#define PLOT_COLORS                                                                          \
    ":root{color-scheme:light dark;--ink:#1c2026;--soft:#5c6570;--page:#fff;--card:#f5f6f8;" \
    "--line:#d5d9df;--good:#0b7a5a;--bad:#b3165f}\n"                                         \
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#a2abb5;--page:#14171b;"   \
    "--card:#1d2127;--line:#3a414a;--good:#4cc9a0;--bad:#ff7db8}}\n"
#define PLOT_INKS                                                          \
    "svg [color=black]{color:var(--ink)}svg [fill=black]{fill:var(--ink)}" \
    "svg [stroke='rgb(  0,   0,   0)']{stroke:var(--ink)}"                 \
    "svg [stroke='rgb(190, 190, 190)']{stroke:var(--line)}"                \
    "svg [color='rgb(  0,   0,   0)']{color:var(--ink)}"                   \
    "svg [fill='rgb(0,0,0)']{fill:var(--ink)}"                             \
    "[id$=gpPt0],[id$=gpPt1]{stroke-width:.42}\n"

enum { PLOT_WIDTH = 1080 }; /* pixels of every figure at its natural size */

typedef struct plots {
    sql *db;
    char folder[1024]; /* temporary; empty: none */
    char error[1536];  /* of the first failure; empty: none */
    unsigned count;    /* figures so far: part of their ids in the page */
} plots;

/* Writes the script of a figure. False: there is nothing to draw. */
typedef bool plot_draw(sql *db, FILE *script);

/* Makes the temporary folder beside html_path. False: p->error has the reason. plots_end is due in
 * any case. */
bool plots_begin(plots *p, sql *db, const char *html_path);
void plots_end(plots *p);

/* Draws a figure with gnuplot and writes its SVG to out. False: nothing to draw, or p->error has
 * the reason, and which figure by its title. */
bool plots_draw(plots *p, plot_draw *draw, const char *title, FILE *out);

/* The same for a figure whose data does not come from a database, into a file of its own at path,
 * which takes a page's colours with it; a white rectangle in it is the page. False: p->error has
 * the reason. */
typedef void plot_write(const void *data, FILE *script);
bool plots_draw_data(plots *p, plot_write *write, const void *data, const char *path);

/* For draw functions: the settings that all figures share, at a height in pixels; a text as a
 * quoted gnuplot string. */
void plot_settings(FILE *script, int height);
void plot_string(FILE *script, const char *text);

/* The figures. */
plot_draw plot_map, plot_lanes, plot_timeline, plot_times, plot_attempt;

/* Writes a title, a caption, or the queries that give a figure's numbers, as plain text: they
 * depend on what the figure shows. */
typedef void plot_words(sql *db, FILE *out);
plot_words plot_map_caption, plot_map_queries, plot_lanes_caption, plot_times_caption,
    plot_attempt_title, plot_attempt_caption, plot_attempt_queries;

#endif
