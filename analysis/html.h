/* analysis/html.h - the parts of a report page. Every text from a database goes through html_text.
 */
#ifndef ANALYSIS_HTML_H
#define ANALYSIS_HTML_H

#include "analysis/sql.h"

#include <stdio.h>

/* Writes text with the characters of markup as entities, and what is not printable UTF-8 as U+FFFD
 * (line ends stay). */
void html_text(FILE *out, const char *text);

/* Writes everything before the first section: head, style, heading. */
void html_begin(FILE *out, const char *title, const char *subtitle);
void html_end(FILE *out);

/* Writes the result of query as a table with its column names, at most limit rows and a line that
 * says so when there are more; empty: the sentence to write when there is no row. A long table is
 * folded. The query stands below, ready to copy. */
void html_table(FILE *out, sql *s, const char *query, int64_t limit, const char *empty);

/* Writes a query as a box to copy from, folded under summary. */
void html_query(FILE *out, const char *summary, const char *query);

#endif
