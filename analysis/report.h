/* analysis/report.h - a run database as one self-contained HTML file with SVG plots, and as a story
 * in plain words. */
#ifndef ANALYSIS_REPORT_H
#define ANALYSIS_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Reads the database, plots with gnuplot and writes html_path (under a name of its own beside it,
 * then renamed). False: error has the reason: not a run database, another version, no gnuplot,
 * unwritable folder.
 */
bool report_write(const char *db_path, const char *html_path, char *error, size_t error_cap);

/* Whether db_path is a run database that can be told of. False: error has the reason. */
bool report_is_run(const char *db_path, char *error, size_t error_cap);

/* Prints what happened in about a dozen plain lines, every number from the database. False: error
 * has the reason. */
bool report_story(const char *db_path, FILE *out, char *error, size_t error_cap);

#endif
