/* analysis/plot_timeline.c - the figure "what happened to the named nodes": a lane a node, a
 * labelled mark an occurrence.
 *
 * A mark stands on a row above the lane's line, its words to the right of it. The rightmost mark
 * has the lowest row; one whose words reach over others' places goes one row above all of theirs.
 * So neither marks nor words overlap, and the thin line from a mark down to its time on the lane's
 * line crosses no words.
 */
#include "analysis/plot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    NODES_MAX = 12,  /* lanes */
    MARKS_MAX = 400, /* occurrences that are drawn */
    ROWS_MAX = 12,   /* of labels above a lane; those that would go higher are left out */
    ROW_PX = 16,
    LANE_PX = 26, /* of a lane without labels */
    LEFT_PX = 110,
    RIGHT_PX = 24, /* at least; late marks make room for their words */
    AXIS_PX = 480, /* the axis is at least as long */
    TOP_PX = 58,
    BOTTOM_PX = 64,
    CHAR_PX = 7,   /* width of a character, generously */
    LABEL_MAX = 46 /* characters */
};

/* Sorts of marks, as v_timeline names them. */
static const struct {
    const char *name, *style;
} sorts[] = {
    {"start", "pt 7 ps 0.7 lc rgb '" COLOR_OTHER "'"},
    {"reserved", "pt 13 ps 1 lc rgb '" COLOR_OTHER "'"},
    {"asked", "pt 11 ps 1 lc rgb 'black'"},
    {"relayed", "pt 5 ps 0.8 lc rgb '" COLOR_RELAY "'"},
    {"direct", "pt 7 ps 0.9 lc rgb '" COLOR_DIRECT "'"},
    {"stream", "pt 15 ps 1 lc rgb '" COLOR_DIRECT "'"},
    {"crash", "pt 5 ps 0.9 lc rgb 'black'"},
    {"sleep", "pt 10 lw 1.5 ps 1 lc rgb 'black'"},
    {"wake", "pt 8 lw 1.5 ps 1 lc rgb 'black'"},
    {"clock", "pt 9 ps 1 lc rgb '" COLOR_CHANGE "'"},
    {"link down", "pt 4 lw 1.5 ps 0.8 lc rgb '" COLOR_CHANGE "'"},
    {"link up", "pt 5 ps 0.8 lc rgb '" COLOR_CHANGE "'"},
    {"network changed", "pt 13 ps 1 lc rgb '" COLOR_CHANGE "'"},
    {"box", "pt 15 ps 1 lc rgb '" COLOR_CHANGE "'"},
    {"refused", "pt 2 lw 2 ps 0.9 lc rgb '" COLOR_REFUSED "'"},
    {"lost", "pt 1 lw 2 ps 1.1 lc rgb 'black'"},
    {"no answer", "pt 6 lw 1.5 ps 0.9 lc rgb '" COLOR_OTHER "'"},
};
enum { SORTS = sizeof sorts / sizeof sorts[0] };

/* node, time in ms, sort, words. Refusals of the same, and waits for the same, are one mark at the
 * first of them: the figure of pairs shows each. Whoever loses a peer asks for it again at once:
 * that is no mark of its own. */
static const char mark_sql[] =
    "WITH told AS (SELECT name, min(at_s) AS at_s, min(turn) AS turn, sort, words || "
    "CASE count(*) WHEN 1 THEN '' ELSE printf(', %d times', count(*)) END AS words "
    "FROM v_timeline v WHERE group_name IS NULL AND NOT (sort = 'asked' AND EXISTS (SELECT 1 "
    "FROM v_connect c WHERE c.from_name = v.name AND c.lost_s = v.at_s "
    "AND v.words = 'asks for ' || c.to_name)) GROUP BY name, sort, words, "
    "CASE WHEN sort IN ('refused', 'no answer') THEN 0 ELSE at_s END) "
    "SELECT n.node, CAST(v.at_s * 1000 AS INTEGER), v.sort, printf('%.2f s ', v.at_s) || v.words "
    "FROM told v JOIN (SELECT node, name FROM node WHERE group_name IS NULL ORDER BY node "
    "LIMIT 12) n USING (name) ORDER BY v.at_s, v.turn, n.node, v.words LIMIT 400";

typedef struct mark {
    int64_t node, at_ms;
    int sort, row; /* row of its label; ROWS_MAX: none */
    int x;         /* pixels from the start of the run */
    char label[LABEL_MAX * 4];
} mark;

typedef struct timeline {
    mark marks[MARKS_MAX];
    int count;
    int64_t end_ms;
    int axis; /* length in pixels */
} timeline;

/* Cuts text to LABEL_MAX characters (not bytes). Returns the number of its characters. */
static int cut_label(char *text)
{
    int chars = 0;
    for (char *p = text; *p != '\0'; p++) {
        if (((unsigned char)*p & 0xc0) == 0x80) continue;
        if (chars++ == LABEL_MAX) {
            *p = '\0';
            return LABEL_MAX;
        }
    }
    return chars;
}

static int sort_of(const char *name)
{
    int sort = 0;
    while (sort < SORTS - 1 && strcmp(sorts[sort].name, name) != 0) sort++;
    return sort;
}

/* Pixels that a mark and its words take. */
static int width_of(mark *m)
{
    return CHAR_PX * cut_label(m->label) + 20;
}

/* The longest axis that leaves room for the words of all marks. */
static void choose_axis(timeline *t)
{
    t->axis = PLOT_WIDTH - LEFT_PX - RIGHT_PX;
    for (int i = 0; i < t->count; i++) {
        mark *m = &t->marks[i];
        int64_t room = PLOT_WIDTH - LEFT_PX - width_of(m);
        if (m->at_ms * t->axis > room * t->end_ms) t->axis = (int)(room * t->end_ms / m->at_ms);
    }
    if (t->axis < AXIS_PX) t->axis = AXIS_PX;
    for (int i = 0; i < t->count; i++)
        t->marks[i].x = (int)(t->marks[i].at_ms * t->axis / t->end_ms);
}

static void read_marks(sql *db, timeline *t)
{
    t->end_ms = sql_run_ms(db);
    sqlite3_stmt *q = sql_query(db, mark_sql, "");
    while (sql_row(db, q)) {
        if (t->count == MARKS_MAX) continue;
        mark *m = &t->marks[t->count++];
        m->node = sql_int(q, 0);
        m->at_ms = sql_ns(q, 1);
        if (m->at_ms > t->end_ms) m->at_ms = t->end_ms; /* so the figure has room for it */
        m->sort = sort_of(sql_text(q, 2));
        snprintf(m->label, sizeof m->label, "%s", sql_text(q, 3));
    }
    choose_axis(t);
}

/* Gives every label of node a row. Returns the number of rows. */
static int place_labels(timeline *t, int64_t node)
{
    int rows = 0;
    for (int i = t->count - 1; i >= 0; i--) {
        mark *m = &t->marks[i];
        if (m->node != node) continue;
        int reach = m->x + width_of(m);
        m->row = 0;
        for (int j = i + 1; j < t->count; j++) {
            const mark *other = &t->marks[j];
            bool labelled = other->node == node && other->row < ROWS_MAX;
            if (labelled && other->x <= reach && other->row >= m->row) m->row = other->row + 1;
        }
        if (m->row < ROWS_MAX && m->row >= rows) rows = m->row + 1;
    }
    return rows;
}

/* Writes marks and labels of node, whose line is y pixels below the top. */
static void write_marks(FILE *script, const timeline *t, int64_t node, int y)
{
    for (int i = 0; i < t->count; i++) {
        const mark *m = &t->marks[i];
        if (m->node != node) continue;
        bool labelled = m->row < ROWS_MAX;
        int mark_y = labelled ? y - 14 - ROW_PX * m->row : y;
        fprintf(script, "$marks%d << EOD\n%d\t%d\nEOD\n", i, m->x, -mark_y);
        if (!labelled) continue;
        fprintf(script,
                "set arrow from %d,%d to %d,%d nohead lw 1 lc rgb '" COLOR_OTHER
                "' back\nset label ",
                m->x, -y, m->x, -mark_y);
        plot_string(script, m->label);
        fprintf(script, " at %d,%d left offset character 1.1,0\n", m->x, -mark_y);
    }
}

/* One lane after the other; t has the marks. Returns the height in pixels, 0 without lanes. */
static int write_lanes(sql *db, FILE *script, timeline *t)
{
    int y = 0, lanes = 0;
    sqlite3_stmt *q = sql_query(db,
                                "SELECT node, name FROM node WHERE group_name IS NULL ORDER BY "
                                "node",
                                "");
    while (sql_row(db, q)) {
        int64_t node = sql_int(q, 0);
        if (++lanes > NODES_MAX) continue;
        y += LANE_PX + ROW_PX * place_labels(t, node);
        char name[80];
        snprintf(name, sizeof name, "%.60s", sql_text(q, 1));
        fprintf(script, "set ytics add (");
        plot_string(script, name);
        fprintf(script,
                " %d)\nset arrow from 0,%d to %d,%d nohead lw 1 lc rgb '" COLOR_OTHER "' back\n",
                -y, -y, t->axis, -y);
        write_marks(script, t, node, y);
    }
    if (lanes > NODES_MAX) {
        fprintf(script, "set label 'the first %d of %d named nodes' at 0,%d left offset 0,-3\n",
                (int)NODES_MAX, lanes, -(y + LANE_PX / 2));
    }
    return y > 0 ? y + LANE_PX / 2 : 0;
}

/* Writes tics every so many seconds that about ten fit. */
static void write_tics(FILE *script, const timeline *t)
{
    static const int64_t steps_ms[] = {100,   200,   500,    1000,   2000,   5000,    10000,
                                       20000, 60000, 120000, 300000, 600000, 1200000, 3600000};
    enum { STEPS = sizeof steps_ms / sizeof steps_ms[0] };
    int64_t step = steps_ms[0];
    for (int i = 0; i < STEPS && step * 14 < t->end_ms; i++) step = steps_ms[i];
    while (step * 14 < t->end_ms) step *= 2;
    fputs("set xtics (", script);
    for (int64_t at = 0; at <= t->end_ms; at += step) {
        fprintf(script, "%s'%" PRId64, at > 0 ? ", " : "", at / 1000);
        if (step < 1000) fprintf(script, ".%" PRId64, at / 100 % 10);
        fprintf(script, "' %" PRId64, at * t->axis / t->end_ms);
    }
    fputs(")\n", script);
}

static void write_plot(FILE *script, const timeline *t)
{
    bool has[SORTS] = {false};
    const char *before = "plot";
    for (int i = 0; i < t->count; i++) has[t->marks[i].sort] = true;
    for (int sort = 0; sort < SORTS; sort++) {
        if (!has[sort]) continue;
        fprintf(script, "%s keyentry with points %s title '%s'", before, sorts[sort].style,
                sorts[sort].name);
        before = ",";
    }
    for (int i = 0; i < t->count; i++) {
        fprintf(script, ", $marks%d using 1:2 with points %s notitle", i,
                sorts[t->marks[i].sort].style);
    }
    fputc('\n', script);
}

bool plot_timeline(sql *db, FILE *script)
{
    timeline *t = calloc(1, sizeof *t);
    if (!t) return false;
    read_marks(db, t);
    fputs("set ytics scale 0 ()\n", script);
    int height = write_lanes(db, script, t);
    bool something = height > 0 && t->count > 0;
    if (something) {
        plot_settings(script, height + TOP_PX + BOTTOM_PX);
        fprintf(
            script,
            "set lmargin at screen %d.0/%d\nset rmargin at screen %d.0/%d\n"
            "set tmargin at screen 1 - %d.0/%d\nset bmargin at screen %d.0/%d\n"
            "set border 1\nunset grid\nset key at screen 0.99,screen 0.995 right top maxrows 2\n"
            "set xrange [0:%d]\nset yrange [%d:0]\n"
            "set xlabel 'time of the run (s)' offset 0,0.4\n",
            LEFT_PX, PLOT_WIDTH, LEFT_PX + t->axis, PLOT_WIDTH, TOP_PX, height + TOP_PX + BOTTOM_PX,
            BOTTOM_PX, height + TOP_PX + BOTTOM_PX, t->axis, -height);
        write_tics(script, t);
        write_plot(script, t);
    }
    free(t);
    return something;
}
