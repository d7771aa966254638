/* analysis/html.c - see html.h. One file, no scripts, nothing from the network; light and dark by
 * the reader's choice. */
#include "analysis/html.h"

#include "analysis/plot.h"
#include "analysis/text.h"

#include <inttypes.h>
#include <string.h>

enum { FOLD_ROWS = 15 }; /* a table with more is folded */

static const char *const style[] = {
    PLOT_COLORS
    "@media print{:root{--ink:#000;--soft:#444;--page:#fff;--card:#fff;--line:#bbb;--good:#000;"
    "--bad:#000}nav{display:none}figure,tr,section.keep{break-inside:avoid}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:1120px;padding:1.5rem 1.25rem 4rem;background:var(--page);"
    "color:var(--ink);font:16px/1.5 system-ui,sans-serif}\n"
    "h1{margin:0;font-size:1.7rem;line-height:1.2}h2{margin:2.5rem 0 .6rem;font-size:1.25rem}"
    "h3{margin:1.6rem 0 .4rem;font-size:1rem}p{margin:.4rem 0}\n"
    ".soft,figcaption{color:var(--soft)}figcaption{font-size:.9rem;margin:.2rem 0 .4rem}\n"
    "nav{margin:1rem 0 0}nav a{margin-right:1.1rem;color:inherit}\n",
    ".verdict{font-size:1.1rem;font-weight:600;padding:.6rem .9rem;border-left:.35rem solid;"
    "background:var(--card)}.good{color:var(--good)}.bad{color:var(--bad)}\n"
    "ul.story{padding-left:1.2rem}ul.story li{margin:.25rem 0}\n"
    "figure{margin:1.2rem 0 .4rem;padding:0;overflow-x:auto}"
    "figure svg{display:block;width:100%;min-width:45rem;height:auto;background:var(--card);"
    "border:1px solid var(--line);border-radius:6px}\n" PLOT_INKS ".scroll{overflow-x:auto}"
    "table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}\n"
    "th,td{text-align:left;padding:.2rem .7rem;border-bottom:1px solid var(--line);"
    "white-space:nowrap;vertical-align:top}td.wrap{white-space:normal;min-width:14rem}"
    "td.number{text-align:right}th{position:sticky;top:0;background:var(--page)}\n"
    "details{margin:.4rem 0 1rem}summary{cursor:pointer;color:var(--soft);font-size:.9rem}\n"
    "pre{margin:.4rem 0;padding:.6rem .8rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:6px;font:.8rem/1.45 ui-monospace,monospace;white-space:pre-wrap;"
    "overflow-wrap:anywhere;user-select:all}\n",
};

static const char *entity_of(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

void html_text(FILE *out, const char *text)
{
    size_t len = strlen(text);
    while (len > 0) {
        const char *entity = entity_of(*text);
        size_t size = text_char((const uint8_t *)text, len);
        if (entity) fputs(entity, out);
        else if (size > 0) fwrite(text, 1, size, out);
        else fputs(*text == '\n' ? "\n" : "\xef\xbf\xbd", out);
        if (size == 0) size = 1;
        text += size;
        len -= size;
    }
}

void html_begin(FILE *out, const char *title, const char *subtitle)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
          out);
    html_text(out, title);
    fputs("</title>\n<style>\n", out);
    for (size_t i = 0; i < sizeof style / sizeof style[0]; i++) fputs(style[i], out);
    fputs("</style>\n</head>\n<body>\n<header>\n<h1>", out);
    html_text(out, title);
    fputs("</h1>\n<p class=\"soft\">", out);
    html_text(out, subtitle);
    fputs("</p>\n</header>\n", out);
}

void html_end(FILE *out)
{
    fputs("</body>\n</html>\n", out);
}

void html_query(FILE *out, const char *summary, const char *query)
{
    fputs("<details><summary>", out);
    html_text(out, summary);
    fputs("</summary><pre>", out);
    html_text(out, query);
    fputs("</pre></details>\n", out);
}

/* Rows of a query. */
static int64_t rows_of(sql *s, const char *query)
{
    char text[4096];
    int len = snprintf(text, sizeof text, "SELECT count(*) FROM (%s)", query);
    return len > 0 && (size_t)len < sizeof text ? sql_number(s, text) : 0;
}

static void table_head(FILE *out, sqlite3_stmt *q)
{
    fputs("<div class=\"scroll\"><table>\n<thead><tr>", out);
    for (int i = 0; i < sqlite3_column_count(q); i++) {
        fputs("<th scope=\"col\">", out);
        html_text(out, sqlite3_column_name(q, i));
        fputs("</th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
}

/* Writes a value: numbers at the right, those with a fraction to three digits so that their points
 * line up. */
static void table_cell(FILE *out, sqlite3_stmt *q, int column)
{
    const char *text = sql_text(q, column);
    switch (sqlite3_column_type(q, column)) {
    case SQLITE_NULL: fputs("<td class=\"number\">\xe2\x80\x93</td>", out); break;
    case SQLITE_INTEGER: fprintf(out, "<td class=\"number\">%s</td>", text); break;
    case SQLITE_FLOAT:
        fprintf(out, "<td class=\"number\">%.3f</td>", sqlite3_column_double(q, column));
        break;
    default:
        fputs(strlen(text) > 60 ? "<td class=\"wrap\">" : "<td>", out);
        html_text(out, text);
        fputs("</td>", out);
    }
}

void html_table(FILE *out, sql *s, const char *query, int64_t limit, const char *empty)
{
    int64_t rows = 0, all = rows_of(s, query);
    if (all > FOLD_ROWS) fprintf(out, "<details><summary>%" PRId64 " rows</summary>\n", all);
    sqlite3_stmt *q = sql_query(s, query, "");
    for (; sql_row(s, q); rows++) {
        if (rows == 0) table_head(out, q);
        if (rows >= limit) continue;
        fputs("<tr>", out);
        for (int i = 0; i < sqlite3_column_count(q); i++) table_cell(out, q, i);
        fputs("</tr>\n", out);
    }
    if (rows == 0) {
        fputs("<p>", out);
        html_text(out, empty);
        fputs("</p>\n", out);
    } else {
        fputs("</tbody></table></div>\n", out);
    }
    if (rows > limit) {
        fprintf(out, "<p class=\"soft\">The first %" PRId64 " of %" PRId64 " rows.</p>\n", limit,
                rows);
    }
    if (all > FOLD_ROWS) fputs("</details>\n", out);
    html_query(out, "SQL of this table", query);
}
