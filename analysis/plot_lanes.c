/* analysis/plot_lanes.c - the figure "who reached whom, when and over which path": a lane for each
 * asked pair. */
#include "analysis/plot.h"

#include <inttypes.h>

enum { LANES_MAX = 80, LANE_HEIGHT = 21, FRAME_HEIGHT = 110, CHAR_PX = 7 };

/* The pairs with their lanes: those of named nodes first, each half in the order in which they
 * asked. */
#define LANES                                                                                  \
    "WITH pair AS (SELECT from_node, to_node, min(id) AS id FROM connect GROUP BY 1, 2), "     \
    "lane AS (SELECT row_number() OVER (ORDER BY coalesce(f.group_name, t.group_name) IS NOT " \
    "NULL, p.id) AS y, p.from_node, p.to_node, f.name AS from_name, t.name AS to_name "        \
    "FROM pair p JOIN node f ON f.node = p.from_node JOIN node t ON t.node = p.to_node) "

static const char lane_sql[] = LANES "SELECT y, from_name, to_name FROM lane ORDER BY y";

/* Bars of one sort of path. A path is of two nodes, whoever asked. */
#define BAR_SQL(direct)                                                                 \
    LANES                                                                               \
    ", turned AS (SELECT from_node, to_node, direct, start_ns, end_ns FROM path UNION " \
    "SELECT to_node, from_node, direct, start_ns, end_ns FROM path) "                   \
    "SELECT y, printf('%.6f', p.start_ns / 1e9), printf('%.6f', p.end_ns / 1e9) "       \
    "FROM turned p JOIN lane l ON l.from_node = p.from_node AND l.to_node = p.to_node " \
    "WHERE p.direct = " direct " AND y <= ? ORDER BY y, p.start_ns"
#define BARS "2:1:2:3:($1-0.2):($1+0.32) with boxxyerror fs solid 1 noborder "

static const char relayed_sql[] = BAR_SQL("0"), direct_sql[] = BAR_SQL("1");

static const char asked_sql[] =
    LANES "SELECT y, printf('%.6f', c.asked_ns / 1e9) FROM connect c "
          "JOIN lane l ON l.from_node = c.from_node AND l.to_node = c.to_node "
          "WHERE y <= ? ORDER BY y, c.asked_ns";

static const char lost_sql[] =
    LANES "SELECT y, printf('%.6f', c.lost_ns / 1e9) FROM connect c "
          "JOIN lane l ON l.from_node = c.from_node AND l.to_node = c.to_node "
          "WHERE c.lost_ns IS NOT NULL AND y <= ? ORDER BY y, c.lost_ns";

/* A refusal is noted at the node that refused: "PEER (STAGE)". */
static const char refused_sql[] =
    LANES "SELECT DISTINCT y, printf('%.6f', n.at_ns / 1e9) FROM note n JOIN lane l ON "
          "l.to_node = n.node AND substr(n.text, 1, length(l.from_name) + 2) = l.from_name || ' (' "
          "WHERE n.kind = 'refused' AND y <= ? ORDER BY y, n.at_ns";

static const char silent_sql[] =
    LANES "SELECT y, printf('%.6f', v.at_s) FROM v_timeline v JOIN lane l ON "
          "v.name = l.from_name AND v.words = 'no answer from ' || l.to_name "
          "WHERE v.sort = 'no answer' AND y <= ? ORDER BY y, v.at_s";

/* Writes the rows of q, numbers only, as a data block. Returns whether there are any. */
static bool data_block(sql *db, FILE *script, const char *name, sqlite3_stmt *q)
{
    fprintf(script, "$%s << EOD\n", name);
    int rows = 0;
    for (; sql_row(db, q); rows++) {
        for (int i = 0; i < sqlite3_column_count(q); i++) fprintf(script, "%s\t", sql_text(q, i));
        fputc('\n', script);
    }
    fputs("EOD\n", script);
    return rows > 0;
}

/* Names the lanes at the left axis. Returns their number, all counted; *width: room for the names
 * in pixels. */
static int64_t name_lanes(sql *db, FILE *script, int *width)
{
    int64_t lanes = 0;
    *width = 0;
    fputs("set ytics scale 0 (", script);
    sqlite3_stmt *q = sql_query(db, lane_sql, "");
    while (sql_row(db, q)) {
        char name[64];
        if (++lanes > LANES_MAX) continue;
        int len =
            snprintf(name, sizeof name, "%.28s \xe2\x86\x92 %.28s", sql_text(q, 1), sql_text(q, 2));
        if (len * CHAR_PX + 16 > *width) *width = len * CHAR_PX + 16;
        if (lanes > 1) fputs(", ", script);
        plot_string(script, name);
        fprintf(script, " %" PRId64, lanes);
    }
    fputs(")\n", script);
    return lanes;
}

/* What lanes show: a block of data each, in the key only when it has any. */
static const struct {
    const char *name, *query, *style, *title;
} blocks[] = {
    {"relayed", relayed_sql, BARS "lc rgb '" COLOR_RELAY "'", "relayed"},
    {"direct", direct_sql, BARS "lc rgb '" COLOR_DIRECT "'", "direct"},
    {"asked", asked_sql, "2:($1-0.36) with points pt 11 ps 0.65 lc rgb 'black'", "asked"},
    {"refused", refused_sql, "2:1 with points pt 2 lw 2 ps 0.9 lc rgb '" COLOR_REFUSED "'",
     "refused"},
    {"silent", silent_sql, "2:1 with points pt 6 lw 1.5 ps 0.8 lc rgb '" COLOR_OTHER "'",
     "no answer"},
    {"lost", lost_sql, "2:1 with points pt 1 lw 2 ps 1.1 lc rgb 'black'", "lost"},
};
enum { BLOCKS = sizeof blocks / sizeof blocks[0] };

bool plot_lanes(sql *db, FILE *script)
{
    int64_t max = LANES_MAX;
    bool has[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        has[i] = data_block(db, script, blocks[i].name, sql_query(db, blocks[i].query, "i", max));
    int width;
    int64_t all = name_lanes(db, script, &width), lanes = all < max ? all : max;
    if (lanes == 0) return false;
    int64_t end = sql_run_ms(db);
    plot_settings(script, (int)(FRAME_HEIGHT + LANE_HEIGHT * lanes));
    if (all > lanes) {
        fprintf(script,
                "set label 1 'the first %" PRId64 " of %" PRId64 " pairs' at graph 0, "
                "screen 0.98 left offset 0,-0.5\n",
                lanes, all);
    }
    fprintf(script,
            "set lmargin at screen %d.0/%d\nset yrange [%" PRId64 ".7:0.3]\nset xrange [0:%" PRId64
            ".%03" PRId64 "]\n"
            "set xlabel 'time of the run (s)'\n",
            width, (int)PLOT_WIDTH, lanes, end / 1000, end % 1000);
    const char *before = "plot";
    for (int i = 0; i < BLOCKS; i++) {
        if (!has[i]) continue;
        fprintf(script, "%s $%s using %s title '%s'", before, blocks[i].name, blocks[i].style,
                blocks[i].title);
        before = ",";
    }
    fputc('\n', script);
    return true;
}

void plot_lanes_caption(sql *db, FILE *out)
{
    fputs("A lane for each pair that was asked for, named nodes first. A bar is the time in which "
          "the best usable connection went through a relay, or directly.",
          out);
    if (sql_number(db, "SELECT EXISTS (SELECT 1 FROM v_timeline v JOIN v_connect c ON "
                       "v.name = c.from_name AND v.words = 'no answer from ' || c.to_name "
                       "WHERE v.sort = 'no answer')") != 0)
        fputs(" No answer: every address was tried, and none answered in time.", out);
}
