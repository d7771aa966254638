/* analysis/report.c - the report page: sections in order, each a question that a reader has. */
#include "analysis/report.h"

#include "analysis/html.h"
#include "analysis/partial.h"
#include "analysis/plot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS_MAX = 500 }; /* of a table in the page */

static void heading(FILE *out, const char *id, const char *title)
{
    fprintf(out, "<h2 id=\"%s\">%s</h2>\n", id, title);
}

static void write_head(sql *db, FILE *out)
{
    sqlite3_stmt *q = sql_query(db, "SELECT scenario, about FROM run", "");
    while (sql_row(db, q)) {
        char title[256];
        snprintf(title, sizeof title, "peerup-sim: %s", sql_text(q, 0));
        html_begin(out, title, sql_text(q, 1));
    }
    fputs("<nav><a href=\"#verdict\">Verdict</a><a href=\"#story\">Story</a>"
          "<a href=\"#figures\">Figures</a><a href=\"#tables\">Tables</a>"
          "<a href=\"#run\">This run</a><a href=\"#query\">Query</a></nav>\n",
          out);
}

static void write_verdict(sql *db, FILE *out)
{
    int64_t all = sql_number(db, "SELECT count(*) FROM property");
    int64_t held = sql_number(db, "SELECT coalesce(sum(held), 0) FROM property");
    heading(out, "verdict", "Verdict");
    if (sql_number(db, "SELECT partial FROM run") != 0) {
        fputs("<p class=\"verdict bad\">Stopped before its end: what is here was simulated, and no "
              "property is judged.</p>\n",
              out);
        return;
    }
    if (all > 0) {
        fprintf(out, "<p class=\"verdict %s\">%" PRId64 " of %" PRId64 " properties held.</p>\n",
                held == all ? "good" : "bad", held, all);
    }
    html_table(
        out, db,
        "SELECT name AS property, CASE held WHEN 1 THEN 'held' ELSE 'violated' END AS verdict,\n"
        "    expected, why AS \"what was seen\"\nFROM property ORDER BY held, id",
        ROWS_MAX, "The scenario expects nothing.");
}

/* The story, a list item a line. */
static bool write_story(sql *db, FILE *out)
{
    char *text = NULL, *rest = NULL;
    size_t len = 0;
    char error[sizeof db->error] = "";
    FILE *memory = open_memstream(&text, &len);
    if (!memory) return false;
    bool done = report_story(db->path, memory, error, sizeof error);
    if (fclose(memory) != 0 || !done) {
        if (db->error[0] == '\0') snprintf(db->error, sizeof db->error, "%s", error);
        free(text);
        return false;
    }
    heading(out, "story", "What happened");
    fputs("<ul class=\"story\">\n", out);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        fputs("<li>", out);
        html_text(out, line);
        fputs("</li>\n", out);
    }
    fputs("</ul>\n", out);
    free(text);
    return true;
}

/* A figure with its caption, the numbers behind it and what to say when there is nothing to draw.
 * Titles, captions and queries that depend on the run are written by a function. */
static const struct {
    plot_draw *draw;
    const char *title, *empty, *caption, *query;
    plot_words *write_caption, *write_query, *write_title;
} figures[] = {
    {plot_map, "The network", "There is no node.", NULL, NULL, plot_map_caption, plot_map_queries,
     NULL},
    {plot_lanes, "Who reached whom, when and over which path", "No connect was asked for.", NULL,
     "-- the bars\n"
     "SELECT f.name AS from_name, t.name AS to_name,\n"
     "    CASE direct WHEN 1 THEN 'direct' ELSE 'relayed' END AS path,\n"
     "    start_ns / 1e9 AS start_s, end_ns / 1e9 AS end_s\n"
     "FROM path p JOIN node f ON f.node = p.from_node JOIN node t ON t.node = p.to_node\n"
     "WHERE (from_node, to_node) IN (SELECT from_node, to_node FROM connect)\n"
     "    OR (to_node, from_node) IN (SELECT from_node, to_node FROM connect)\n"
     "ORDER BY coalesce(f.group_name, t.group_name) IS NOT NULL, from_node, start_ns;\n\n"
     "-- asked and lost\n"
     "SELECT from_name, to_name, asked_s, lost_s FROM v_connect;\n\n"
     "-- refused and no answer\n"
     "SELECT at_s, name, words FROM v_timeline WHERE sort IN ('refused', 'no answer');",
     plot_lanes_caption, NULL, NULL},
    {plot_timeline, "What happened to the named nodes", "Nothing was noted about a named node.",
     "A mark at each occurrence; its words begin with the time. What happened at the same time "
     "stands from top to bottom, causes first. Refusals of the same node, and waits for the same "
     "node, are one mark at the first of them; the figure above has each. Who loses a peer "
     "asks for it again at once. A connection is lost here "
     "when its path was cut, which nodes notice later.",
     "SELECT at_s, name, words FROM v_timeline WHERE group_name IS NULL ORDER BY at_s, turn;", NULL,
     NULL, NULL},
    {plot_times, "Time to connect", "No connect came to a connection.", NULL,
     "SELECT from_name, to_name, time_to_connect_ms, time_to_direct_ms FROM v_connect\n"
     "WHERE authorized ORDER BY time_to_connect_ms;",
     plot_times_caption, NULL, NULL},
    {plot_attempt, "One connection attempt, packet by packet",
     "No named pair was asked for, packets were not logged (--log packets), or none of them passed "
     "between the two in the time that would be shown.",
     NULL, NULL, plot_attempt_caption, plot_attempt_queries, plot_attempt_title},
};

/* Text as it is, or as write writes it. */
static char *words_of(sql *db, const char *text, plot_words *write)
{
    char *words = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&words, &len);
    if (!memory) return NULL;
    if (write) write(db, memory);
    else fputs(text, memory);
    if (fclose(memory) == 0) return words;
    free(words);
    return NULL;
}

static void write_figure(plots *p, size_t figure, FILE *out)
{
    char *title = words_of(p->db, figures[figure].title, figures[figure].write_title);
    fputs("<h3>", out);
    html_text(out, title ? title : "");
    fputs("</h3>\n<figure>\n", out);
    bool drawn = plots_draw(p, figures[figure].draw, figures[figure].title, out);
    char *caption = drawn ? words_of(p->db, figures[figure].caption, figures[figure].write_caption)
                          : words_of(p->db, figures[figure].empty, NULL);
    char *query =
        drawn ? words_of(p->db, figures[figure].query, figures[figure].write_query) : NULL;
    fputs("<figcaption>", out);
    html_text(out, caption ? caption : "");
    fputs("</figcaption>\n</figure>\n", out);
    if (query) html_query(out, "SQL of its numbers", query);
    free(title);
    free(caption);
    free(query);
}

static void write_figures(plots *p, FILE *out)
{
    heading(out, "figures", "Figures");
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) write_figure(p, i, out);
}

static const struct {
    const char *title, *empty, *query;
} tables[] = {
    {"Connects", "No connect was asked for.",
     "SELECT from_name AS \"from\", to_name AS \"to\",\n"
     "    CASE authorized WHEN 1 THEN 'yes' ELSE '-' END AS authorized, asked_s AS \"asked (s)\",\n"
     "    first_path AS \"first path\", time_to_connect_ms AS \"usable after (ms)\",\n"
     "    time_to_direct_ms AS \"direct after (ms)\",\n"
     "    lost_s AS \"lost (s)\", last_path AS \"last path\"\n"
     "FROM v_connect ORDER BY group_name IS NOT NULL, id"},
    {"Time on each path", "No connect was asked for.",
     "SELECT from_name AS \"from\", to_name AS \"to\", relayed_s AS \"relayed (s)\",\n"
     "    direct_s AS \"direct (s)\", none_s AS \"none (s)\"\n"
     "FROM v_path_time ORDER BY group_name IS NOT NULL"},
    {"Dials", "Nobody dialled.",
     "SELECT from_name AS \"from\", to_name AS \"to\", start_s AS \"start (s)\",\n"
     "    duration_ms AS \"took (ms)\", outcome, reason, transport,\n"
     "    coalesce('via ' || via, address) AS address\n"
     "FROM v_dial ORDER BY group_name IS NOT NULL, start_s"},
    {"Refused", "Nobody was refused.",
     "SELECT n.name AS \"refused by\", text AS \"who (stage)\", count(*) AS times,\n"
     "    min(at_ns) / 1e9 AS \"first (s)\", max(at_ns) / 1e9 AS \"last (s)\"\n"
     "FROM note LEFT JOIN node n USING (node) WHERE kind = 'refused'\n"
     "GROUP BY node, text ORDER BY min(at_ns)"},
    {"Nodes", "There is no node.",
     "SELECT name, coalesce(group_name, '') AS \"group\",\n"
     "    CASE is_relay WHEN 1 THEN 'relay' ELSE '' END AS role, site, address,\n"
     "    address6 AS \"IPv6 address\", public_address AS \"public address\", behind\n"
     "FROM node ORDER BY group_name IS NOT NULL, node"},
    {"NAT boxes and firewalls", "Every node is public.",
     "SELECT box, owner, CASE type_name WHEN '' THEN 'drawn' ELSE type_name END AS type,\n"
     "    mapping, filtering, ports, udp_idle_ns / 1000000000 AS \"idle (s)\",\n"
     "    CASE hairpin WHEN 'none' THEN '-' ELSE hairpin END AS hairpin,\n"
     "    CASE blocks_udp WHEN 1 THEN 'yes' ELSE '-' END AS \"blocks UDP\",\n"
     "    coalesce('box ' || parent, 'public') AS inside, b.address AS address\n"
     "FROM nat b JOIN node n ON n.name = b.owner ORDER BY n.group_name IS NOT NULL, box"},
    {"Pairs by NAT", "No connect was asked for.",
     "SELECT from_behind AS \"from behind\", to_behind AS \"to behind\", pairs, usable, direct\n"
     "FROM v_nat_matrix"},
    {"Codes that occurred", "Nothing failed or ended.",
     "SELECT code, name, meaning,\n"
     "    (SELECT count(*) FROM dial d WHERE d.code = c.code) AS dials,\n"
     "    (SELECT count(*) FROM conn n WHERE n.code = c.code) AS \"ends of connections\"\n"
     "FROM code c WHERE code > 0 AND (code IN (SELECT code FROM dial)\n"
     "    OR code IN (SELECT code FROM conn)) ORDER BY code"},
    {"Counts", "Nothing was counted.", "SELECT name, value, unit, meaning FROM metric"},
};

static void write_tables(sql *db, FILE *out)
{
    heading(out, "tables", "Tables");
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        fprintf(out, "<h3>%s</h3>\n", tables[i].title);
        html_table(out, db, tables[i].query, ROWS_MAX, tables[i].empty);
    }
}

static void write_run(sql *db, FILE *out)
{
    heading(out, "run", "This run");
    fputs("<p>The same build with this line makes the same run, bit for bit:</p>\n<pre>", out);
    sqlite3_stmt *q = sql_query(db, "SELECT command_line FROM run", "");
    while (sql_row(db, q)) html_text(out, sql_text(q, 0));
    fputs("</pre>\n", out);
    html_table(out, db,
               "SELECT scenario, seed, fidelity, build, duration_ns / 1e9 AS \"simulated (s)\",\n"
               "    events FROM run",
               1, "");
    html_table(
        out, db,
        "SELECT config_hash AS \"configuration hash\", trace_hash AS \"trace hash\" FROM run", 1,
        "");
}

/* A few questions to begin with, and how to find the others. */
static void write_query(sql *db, FILE *out)
{
    static const char *const queries[] = {
        "sqlite3 -box run.db \"SELECT * FROM v_connect ORDER BY time_to_connect_ms DESC LIMIT 10\"",
        "sqlite3 -box run.db \"SELECT * FROM v_path_time ORDER BY none_s DESC LIMIT 10\"",
        "sqlite3 -box run.db \"SELECT * FROM v_dial WHERE outcome = 'failed'\"",
        "sqlite3 -box run.db \"SELECT fate, kind, count(*), sum(bytes) FROM packet GROUP BY 1, 2\"",
        "sqlite3 -box run.db \"SELECT * FROM code\"",
        "sqlite3 -box run.db \"SELECT * FROM _doc WHERE table_name = 'v_packet'\"",
    };
    heading(out, "query", "Ask the database");
    fputs("<p>Every number of this page is in the run database, which any SQLite opens. The table "
          "_doc says what each column means. Lines to copy (a click selects one):</p>\n",
          out);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        fputs("<pre>", out);
        html_text(out, queries[i]);
        fputs("</pre>\n", out);
    }
    fputs("<h3>Columns</h3>\n<details><summary>All tables and views</summary>\n", out);
    html_table(out, db,
               "SELECT table_name AS \"table\", column_name AS \"column\", unit, meaning FROM _doc",
               ROWS_MAX, "");
    fputs("</details>\n", out);
}

static bool write_page(sql *db, plots *p, FILE *out)
{
    write_head(db, out);
    write_verdict(db, out);
    bool told = write_story(db, out);
    write_figures(p, out);
    write_tables(db, out);
    write_run(db, out);
    write_query(db, out);
    html_end(out);
    return told;
}

/* Writes the page to partial. False: error has the reason. */
static bool write_partial(sql *db, const char *html_path, const char *partial, char *error,
                          size_t error_cap)
{
    plots p;
    if (!plots_begin(&p, db, html_path)) {
        snprintf(error, error_cap, "%s", p.error);
        return false;
    }
    FILE *out = fopen(partial, "w");
    bool told = out && write_page(db, &p, out);
    plots_end(&p);
    if (!out) {
        snprintf(error, error_cap, "%s: %s", html_path, strerror(errno));
        return false;
    }
    errno = 0;
    int bad = fflush(out) != 0 || ferror(out) ? (errno != 0 ? errno : EIO) : 0;
    if (fclose(out) != 0 && bad == 0) bad = errno;
    if (bad != 0) snprintf(error, error_cap, "%s: cannot write: %s", html_path, strerror(bad));
    else if (p.error[0] != '\0') snprintf(error, error_cap, "%s", p.error);
    else if (db->error[0] != '\0') snprintf(error, error_cap, "%s", db->error);
    else if (!told) snprintf(error, error_cap, "%s: the story cannot be told", db->path);
    else return true;
    return false;
}

/* Whether html_path may be replaced: it is not there, or an ordinary file but the database. */
static bool may_replace(const char *db_path, const char *html_path, char *error, size_t error_cap)
{
    struct stat db, html;
    const char *wrong = NULL;
    if (stat(html_path, &html) != 0) return true; /* whoever writes there will say what is wrong */
    bool is_db = stat(db_path, &db) == 0 && db.st_dev == html.st_dev && db.st_ino == html.st_ino;
    if (is_db) wrong = "it is the run database itself";
    else if (!S_ISREG(html.st_mode)) wrong = "it is no ordinary file";
    if (wrong) snprintf(error, error_cap, "%s: %s", html_path, wrong);
    return wrong == NULL;
}

bool report_is_run(const char *db_path, char *error, size_t error_cap)
{
    sql db;
    bool is_run = sql_open(&db, db_path);
    if (!is_run) snprintf(error, error_cap, "%s", db.error);
    sql_close(&db);
    return is_run;
}

bool report_write(const char *db_path, const char *html_path, char *error, size_t error_cap)
{
    sql db;
    char partial[1024];
    if (!may_replace(db_path, html_path, error, error_cap)) return false;
    if (!sql_open(&db, db_path)) {
        snprintf(error, error_cap, "%s", db.error);
        sql_close(&db);
        return false;
    }
    if (!partial_make(html_path, partial, sizeof partial)) {
        snprintf(error, error_cap, "%s: %s", html_path, strerror(errno));
        sql_close(&db);
        return false;
    }
    bool done = write_partial(&db, html_path, partial, error, error_cap);
    sql_close(&db);
    if (done && rename(partial, html_path) != 0) {
        snprintf(error, error_cap, "%s: %s", html_path, strerror(errno));
        done = false;
    }
    if (!done) unlink(partial);
    return done;
}
