/* analysis/plot_map.c - the figure "the network": the public network as a bar, boxes beneath it
 * down to the nodes, and under these an arc for each pair that was connected when the run ended.
 *
 * A firewall for IPv6 stands between its nodes and their other boxes, with a broken line around it:
 * it is beside them, and IPv4 does not meet it.
 *
 * A column is a node: named ones first, then those of groups, as far as there is room. Columns are
 * ordered by their boxes from the outermost inwards, so that nodes that share one stand together.
 */
#include "analysis/plot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMNS_MAX = 26,
    DEPTH_MAX = 5,  /* boxes around one node that are drawn */
    WORDS_MAX = 13, /* columns with which words stand upright */
    BOX_CHARS = 7,  /* of a type's name that lies on its side */
    NAME_CHAR_PX = 6,
    ROW_PX = 62,
    ARCS_PX = 230,
    ARC_STEPS = 24
};

#define BOX_HALF 0.32 /* of a box's height, in rows */

typedef struct column {
    int64_t node, boxes[DEPTH_MAX]; /* from the outermost inwards */
    int depth;
    bool has_wall; /* the innermost is a firewall */
    char name[64];
} column;

typedef struct map {
    column columns[COLUMNS_MAX];
    int count, depth; /* depth: of the deepest column */
    double name_room; /* rows between a node and where its arcs begin */
    int64_t nodes;    /* of the run: more may not be shown */
} map;

#define LAST_SQL(column)                                             \
    "(SELECT a." column " FROM attachment a WHERE a.node = n.node\n" \
    "    ORDER BY a.at_ns DESC, a.rowid DESC LIMIT 1)"
static const char node_sql[] = "SELECT n.node, n.name, " LAST_SQL("box") ", " LAST_SQL(
    "box6") "\nFROM node n ORDER BY n.group_name IS NOT NULL, n.node LIMIT ?";

/* Pairs of nodes with a connection at the end, the best of them: direct, by UDP. */
#define PAIR_SQL                                                                          \
    "SELECT min(c.node, p.node) AS one, max(c.node, p.node) AS other, min(c.relayed) AS " \
    "relayed,\n"                                                                          \
    "    max(NOT c.relayed AND c.transport = 'quic') AS quic,\n"                          \
    "    max(NOT c.relayed AND c.remote LIKE '[%') AS six\n"                              \
    "FROM conn c JOIN node p ON p.name = c.peer\n"                                        \
    "WHERE c.confirmed_ns IS NOT NULL AND c.down_ns IS NULL GROUP BY 1, 2"

static int64_t parent_of(sql *db, int64_t box)
{
    int64_t parent = -1;
    sqlite3_stmt *q = sql_query(db, "SELECT coalesce(parent, -1) FROM nat WHERE box = ?", "i", box);
    while (sql_row(db, q)) parent = sql_int(q, 0);
    return parent;
}

/* The boxes around a column, which are found from the inside. */
static void find_boxes(sql *db, column *c, int64_t innermost)
{
    for (int64_t box = innermost; box >= 0 && c->depth < DEPTH_MAX; box = parent_of(db, box)) {
        memmove(c->boxes + 1, c->boxes, (size_t)c->depth * sizeof c->boxes[0]);
        c->boxes[0] = box;
        c->depth++;
    }
}

static int by_boxes(const void *a, const void *b)
{
    const column *x = a, *y = b;
    for (int i = 0; i < x->depth && i < y->depth; i++)
        if (x->boxes[i] != y->boxes[i]) return x->boxes[i] < y->boxes[i] ? -1 : 1;
    if (x->depth != y->depth) return x->depth < y->depth ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

static void find_map(sql *db, map *m)
{
    int64_t boxes[COLUMNS_MAX] = {0}, walls[COLUMNS_MAX] = {0};
    memset(m, 0, sizeof *m);
    m->nodes = sql_number(db, "SELECT count(*) FROM node");
    sqlite3_stmt *q = sql_query(db, node_sql, "i", (int64_t)COLUMNS_MAX);
    while (sql_row(db, q)) {
        if (m->count == COLUMNS_MAX) continue;
        column *c = &m->columns[m->count];
        c->node = sql_int(q, 0);
        snprintf(c->name, sizeof c->name, "%.30s", sql_text(q, 1));
        walls[m->count] = sql_null(q, 3) ? -1 : sql_int(q, 3);
        boxes[m->count++] = sql_null(q, 2) ? -1 : sql_int(q, 2);
    }
    for (int i = 0; i < m->count; i++) {
        column *c = &m->columns[i];
        find_boxes(db, c, boxes[i]);
        c->has_wall = walls[i] >= 0 && c->depth < DEPTH_MAX;
        if (c->has_wall) c->boxes[c->depth++] = walls[i];
        if (m->columns[i].depth > m->depth) m->depth = m->columns[i].depth;
    }
    m->name_room = 0.65;
    for (int i = 0; i < m->count && m->count > WORDS_MAX; i++) {
        double rows = 0.4 + (double)(strlen(m->columns[i].name) * NAME_CHAR_PX) / ROW_PX;
        if (rows > m->name_room) m->name_room = rows;
    }
    qsort(m->columns, (size_t)m->count, sizeof m->columns[0], by_boxes);
}

/* ---- what is drawn ---- */

/* The row of a box that has `around` others around it; nodes are at row 0. */
static int row_of(const map *m, int around)
{
    return m->depth - around;
}

/* Lines from each node up to the public network, from box to box. */
static void write_lines(const map *m, FILE *script)
{
    fputs("$lines << EOD\n", script);
    for (int x = 0; x < m->count; x++) {
        const column *c = &m->columns[x];
        fprintf(script, "%d\t0\n", x);
        for (int i = c->depth; i-- > 0;)
            fprintf(script, "%d\t%g\n\n%d\t%g\n", x, row_of(m, i) - BOX_HALF, x,
                    row_of(m, i) + BOX_HALF);
        fprintf(script, "%d\t%d\n\n", x, m->depth + 1);
    }
    fputs("EOD\n$nodes << EOD\n", script);
    for (int x = 0; x < m->count; x++) fprintf(script, "%d\t0\n", x);
    fputs("EOD\n", script);
}

/* The columns from x on that share box number i with it. */
static int shared_until(const map *m, int x, int i)
{
    int until = x;
    while (until + 1 < m->count && m->columns[until + 1].depth > i &&
           m->columns[until + 1].boxes[i] == m->columns[x].boxes[i])
        until++;
    return until;
}

/* A box says its type, and where there is room what it does. */
static void write_box_words(sql *db, const map *m, FILE *script, int64_t box, double x, int row)
{
    sqlite3_stmt *q = sql_query(db,
                                "SELECT CASE type_name WHEN '' THEN 'box' ELSE type_name END,\n"
                                "    CASE mapping WHEN 'none' THEN 'IPv6, ' || filtering\n"
                                "    ELSE mapping || '/' || filtering END FROM nat WHERE box = ?",
                                "i", box);
    while (sql_row(db, q)) {
        char type[64];
        bool has_room = m->count <= WORDS_MAX;
        snprintf(type, sizeof type, "%.*s", has_room ? 20 : BOX_CHARS, sql_text(q, 0));
        fputs("set label ", script);
        plot_string(script, type);
        if (!has_room) {
            fprintf(script, " at %g,%d center rotate by 90 font ',10' front\n", x, row);
            continue;
        }
        fprintf(script, " at %g,%g center font ',11' front\nset label ", x, row + 0.13);
        plot_string(script, sql_text(q, 1));
        fprintf(script, " at %g,%g center font ',10' tc rgb '" COLOR_OTHER "' front\n", x,
                row - 0.15);
    }
}

static void write_boxes(sql *db, const map *m, FILE *script)
{
    for (int i = 0; i < m->depth; i++)
        for (int x = 0; x < m->count; x++) {
            if (m->columns[x].depth <= i) continue;
            int until = shared_until(m, x, i), row = row_of(m, i);
            bool is_wall = m->columns[x].has_wall && i == m->columns[x].depth - 1;
            fprintf(script,
                    "set object rectangle from %g,%g to %g,%g front fs empty border lc rgb "
                    "'black'%s\n",
                    x - 0.42, row - BOX_HALF, until + 0.42, row + BOX_HALF, is_wall ? " dt 2" : "");
            write_box_words(db, m, script, m->columns[x].boxes[i], (x + until) / 2.0, row);
            x = until;
        }
    fprintf(script,
            "set object rectangle from -0.5,%d.0 to %d.5,%d.0+0.42 front fs empty border lc rgb "
            "'black'\nset label 'the public network' at %g,%d.21 center\n",
            m->depth + 1, m->count - 1, m->depth + 1, (m->count - 1) / 2.0, m->depth + 1);
}

static void write_names(const map *m, FILE *script)
{
    for (int x = 0; x < m->count; x++) {
        fputs("set label ", script);
        plot_string(script, m->columns[x].name);
        if (m->count <= WORDS_MAX) fprintf(script, " at %d,-0.35 center\n", x);
        else fprintf(script, " at %d,-0.2 right rotate by 90 font ',10'\n", x);
    }
}

static int column_of(const map *m, int64_t node)
{
    for (int x = 0; x < m->count; x++)
        if (m->columns[x].node == node) return x;
    return -1;
}

/* One step of the pairs that are shown. */
static bool next_pair(sql *db, const map *m, sqlite3_stmt *q, int *from, int *to)
{
    while (sql_row(db, q)) {
        int x = column_of(m, sql_int(q, 0)), y = column_of(m, sql_int(q, 1));
        if (x < 0 || y < 0 || x == y) continue;
        *from = x < y ? x : y;
        *to = x < y ? y : x;
        return true;
    }
    return false;
}

static int widest(sql *db, const map *m)
{
    int most = 1, from, to;
    sqlite3_stmt *q = sql_query(db, PAIR_SQL, "");
    while (next_pair(db, m, q, &from, &to))
        if (to - from > most) most = to - from;
    return most;
}

/* A parabola below the names, as deep as it is wide. */
static void write_arc(const map *m, FILE *script, int from, int to, double deepest)
{
    for (int i = 0; i <= ARC_STEPS; i++) {
        double t = (double)i / ARC_STEPS, half = 2 * t - 1;
        fprintf(script, "%.3f\t%.4f\n", from + t * (to - from),
                -m->name_room - deepest * (1 - half * half));
    }
    fputc('\n', script);
}

static const struct {
    const char *name, *title, *style;
    bool is_relayed, is_quic, is_six;
} arcs[] = {
    {"quic", "direct, QUIC", "lw 1.6 lc rgb '" COLOR_DIRECT "'", false, true, false},
    {"tcp", "direct, TCP", "lw 1.6 dt 2 lc rgb '" COLOR_DIRECT "'", false, false, false},
    {"six", "direct, QUIC over IPv6", "lw 2.6 lc rgb '" COLOR_DIRECT "'", false, true, true},
    {"six_tcp", "direct, TCP over IPv6", "lw 2.6 dt 2 lc rgb '" COLOR_DIRECT "'", false, false,
     true},
    {"relayed", "through a relay", "lw 1.6 lc rgb '" COLOR_RELAY "'", true, false, false},
};
enum { ARCS = sizeof arcs / sizeof arcs[0] };

/* Writes one block of arcs; whether it has any. */
static bool write_arcs(sql *db, const map *m, FILE *script, int kind)
{
    bool has = false;
    int from, to, most = widest(db, m);
    fprintf(script, "$%s << EOD\n", arcs[kind].name);
    sqlite3_stmt *q = sql_query(db, PAIR_SQL, "");
    while (next_pair(db, m, q, &from, &to)) {
        bool is_relayed = sql_int(q, 2) != 0, is_quic = sql_int(q, 3) != 0;
        bool is_six = sql_int(q, 4) != 0, is_like = is_relayed == arcs[kind].is_relayed;
        if (!is_relayed) is_like &= is_quic == arcs[kind].is_quic && is_six == arcs[kind].is_six;
        if (!is_like) continue;
        write_arc(m, script, from, to, (double)ARCS_PX / ROW_PX * (to - from) / most);
        has = true;
    }
    fputs("EOD\n", script);
    return has;
}

bool plot_map(sql *db, FILE *script)
{
    map *m = malloc(sizeof *m);
    bool has[ARCS];
    const double depth = (double)ARCS_PX / ROW_PX;
    if (m == NULL) return false;
    find_map(db, m);
    bool something = m->count > 0;
    write_lines(m, script);
    for (int i = 0; i < ARCS; i++) has[i] = write_arcs(db, m, script, i);
    plot_settings(script, (m->depth + 3) * ROW_PX + ARCS_PX);
    write_boxes(db, m, script);
    write_names(m, script);
    fprintf(script,
            "unset border\nunset tics\nunset grid\nset xrange [-0.6:%d.6]\n"
            "set yrange [%.3f:%d.6]\nplot $lines with lines lw 1 lc rgb 'gray' notitle, "
            "$nodes with points pt 7 ps 0.9 lc rgb 'black' notitle",
            m->count > 0 ? m->count - 1 : 0, -m->name_room - depth - 0.1, m->depth + 1);
    for (int i = 0; i < ARCS; i++)
        if (has[i])
            fprintf(script, ", $%s with lines %s title '%s'", arcs[i].name, arcs[i].style,
                    arcs[i].title);
    fputc('\n', script);
    free(m);
    return something;
}

void plot_map_caption(sql *db, FILE *out)
{
    int64_t nodes = sql_number(db, "SELECT count(*) FROM node");
    fputs("Boxes as they stand around each node when the run ends, the outermost on top, and where "
          "there is room with what RFC 4787 calls mapping and filtering; a node with a line to the "
          "top is public. A box with a broken line is a firewall, which filters IPv6 and stands "
          "beside the others: IPv4 does not meet it. An arc "
          "joins two nodes that have a connection then: the best one they have.",
          out);
    if (nodes > COLUMNS_MAX)
        fprintf(out, " %d of %" PRId64 " nodes are shown, those with a name of their own first.",
                COLUMNS_MAX, nodes);
}

void plot_map_queries(sql *db, FILE *out)
{
    (void)db;
    fputs("-- who is behind what\n"
          "WITH last AS (SELECT node, max(at_ns) AS at_ns FROM attachment GROUP BY node)\n"
          "SELECT n.name, a.address, a.box, b.type_name, b.mapping, b.filtering, b.parent,\n"
          "    a.address6, a.box6\n"
          "FROM last JOIN attachment a USING (node, at_ns) JOIN node n USING (node)\n"
          "    LEFT JOIN nat b USING (box) ORDER BY n.group_name IS NOT NULL, n.node;\n\n"
          "-- who is connected with whom\n" PAIR_SQL ";",
          out);
}
