/* analysis/plot_map.c - the figure "the network": the public network as a bar, boxes beneath it
 * down to the nodes, and under these an arc for each pair that was connected when the run ended.
 *
 * A column is a node: named ones first, then those of groups, as far as there is room. Columns are
 * ordered by their boxes from the outermost inwards, so that nodes that share one stand together.
 * A firewall for IPv6 has a place of its own beside the columns of its nodes, as IPv4 does not meet
 * it; only where a node has IPv6 alone it stands in the node's column.
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

/* Halves of a box's height in rows, and of its width; NO_BOX: there is none. */
#define BOX_HALF 0.38
#define BOX_HALF_WIDTH 0.42
#define NO_BOX INT64_C(-1)

typedef struct column {
    int64_t node, boxes[DEPTH_MAX]; /* from the outermost inwards */
    int depth;
    bool is_walled; /* the innermost box is a firewall: it has IPv6 alone */
    int64_t wall;   /* a firewall beside the boxes, or NO_BOX */
    double x, wall_x;
    char name[64];
} column;

typedef struct map {
    column columns[COLUMNS_MAX];
    int count, depth; /* depth: of the deepest column, a firewall beside it included */
    double width;     /* where the rightmost column or firewall stands */
    bool is_narrow;   /* words stand upright */
    double name_room; /* rows between a node and where its arcs begin */
    int64_t nodes;    /* of the run: more may not be shown */
} map;

#define LAST_SQL(column)                                             \
    "(SELECT a." column " FROM attachment a WHERE a.node = n.node\n" \
    "    ORDER BY a.at_ns DESC, a.rowid DESC LIMIT 1)"
static const char node_sql[] =
    "SELECT n.node, n.name, " LAST_SQL("box") ", " LAST_SQL("box6") ", " LAST_SQL(
        "address") "\nFROM node n ORDER BY n.group_name IS NOT NULL, n.node LIMIT ?";

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

static int order_of(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_boxes(const void *a, const void *b)
{
    const column *x = a, *y = b;
    for (int i = 0; i < x->depth && i < y->depth; i++)
        if (x->boxes[i] != y->boxes[i]) return order_of(x->boxes[i], y->boxes[i]);
    if (x->depth != y->depth) return order_of(x->depth, y->depth);
    if (x->wall != y->wall) return order_of(x->wall, y->wall);
    return order_of(x->node, y->node);
}

/* The last of the columns from i on that share a firewall beside them and all other boxes. */
static int walled_until(const map *m, int i)
{
    const column *c = &m->columns[i];
    int until = i;
    while (until + 1 < m->count && m->columns[until + 1].wall == c->wall &&
           m->columns[until + 1].depth == c->depth &&
           memcmp(m->columns[until + 1].boxes, c->boxes, sizeof c->boxes) == 0)
        until++;
    return until;
}

/* Gives columns their places, and after those that share a firewall one to it. */
static void place_columns(map *m)
{
    const double room = m->is_narrow ? 0.6 : 1;
    double x = 0;
    for (int i = 0; i < m->count; i++) {
        int until = m->columns[i].wall == NO_BOX ? i : walled_until(m, i);
        double wall_x = x + (until - i) + (1 + room) / 2;
        for (; i <= until; i++, x++) {
            m->columns[i].x = x;
            m->columns[i].wall_x = wall_x;
        }
        i--;
        m->width = m->columns[i].wall == NO_BOX ? x - 1 : wall_x;
        x = m->width + 1 - (m->columns[i].wall == NO_BOX ? 0 : (1 - room) / 2);
    }
}

static void read_columns(sql *db, map *m, int64_t boxes[COLUMNS_MAX])
{
    sqlite3_stmt *q = sql_query(db, node_sql, "i", (int64_t)COLUMNS_MAX);
    while (sql_row(db, q)) {
        if (m->count == COLUMNS_MAX) continue;
        column *c = &m->columns[m->count];
        c->node = sql_int(q, 0);
        snprintf(c->name, sizeof c->name, "%.30s", sql_text(q, 1));
        c->wall = sql_null(q, 3) ? NO_BOX : sql_int(q, 3);
        boxes[m->count++] = sql_null(q, 2) ? NO_BOX : sql_int(q, 2);
        c->is_walled = c->wall != NO_BOX && sql_text(q, 4)[0] == '\0';
    }
}

static void find_map(sql *db, map *m)
{
    int64_t boxes[COLUMNS_MAX] = {0};
    int places = 0;
    memset(m, 0, sizeof *m);
    m->nodes = sql_number(db, "SELECT count(*) FROM node");
    read_columns(db, m, boxes);
    for (int i = 0; i < m->count; i++) {
        column *c = &m->columns[i];
        find_boxes(db, c, c->is_walled ? c->wall : boxes[i]);
        if (c->is_walled) c->wall = NO_BOX;
        int depth = c->depth > 0 || c->wall == NO_BOX ? c->depth : 1;
        if (depth > m->depth) m->depth = depth;
        places += c->wall == NO_BOX ? 1 : 2;
    }
    m->is_narrow = places > WORDS_MAX;
    m->name_room = 0.65;
    for (int i = 0; i < m->count && m->is_narrow; i++) {
        double rows = 0.4 + (double)(strlen(m->columns[i].name) * NAME_CHAR_PX) / ROW_PX;
        if (rows > m->name_room) m->name_room = rows;
    }
    qsort(m->columns, (size_t)m->count, sizeof m->columns[0], by_boxes);
    place_columns(m);
}

/* ---- what is drawn ---- */

/* The row of a box that has `around` others around it; nodes are at row 0. */
static int row_of(const map *m, int around)
{
    return m->depth - around;
}

/* The row of the firewall beside a column: that of its innermost box. */
static int wall_row(const map *m, const column *c)
{
    return row_of(m, c->depth > 0 ? c->depth - 1 : 0);
}

/* Lines from each node up to the public network, from box to box, and those of IPv6 by way of a
 * firewall. */
static void write_lines(const map *m, FILE *script)
{
    fputs("$lines << EOD\n", script);
    for (int i = 0; i < m->count; i++) {
        const column *c = &m->columns[i];
        fprintf(script, "%g\t0\n", c->x);
        for (int box = c->depth; box-- > 0;)
            fprintf(script, "%g\t%g\n\n%g\t%g\n", c->x, row_of(m, box) - BOX_HALF, c->x,
                    row_of(m, box) + BOX_HALF);
        fprintf(script, "%g\t%d\n\n", c->x, m->depth + 1);
    }
    fputs("EOD\n$six_lines << EOD\n0\tNaN\n", script);
    for (int i = 0; i < m->count; i++) {
        const column *c = &m->columns[i];
        if (c->wall == NO_BOX) continue;
        fprintf(script, "%g\t0\n%g\t%g\n\n%g\t%g\n%g\t%d\n\n", c->x, c->wall_x,
                wall_row(m, c) - BOX_HALF, c->wall_x, wall_row(m, c) + BOX_HALF, c->wall_x,
                m->depth + 1);
    }
    fputs("EOD\n$nodes << EOD\n", script);
    for (int i = 0; i < m->count; i++) fprintf(script, "%g\t0\n", m->columns[i].x);
    fputs("EOD\n", script);
}

/* The last of the columns from i on that share box number box with it. */
static int shared_until(const map *m, int i, int box)
{
    int until = i;
    while (until + 1 < m->count && m->columns[until + 1].depth > box &&
           m->columns[until + 1].boxes[box] == m->columns[i].boxes[box])
        until++;
    return until;
}

/* What a box is called, and what it does: a drawn one has no type and is called by its class. In a
 * narrow box a type is alone. */
static const char words_sql[] =
    "SELECT CASE WHEN type_name <> '' THEN type_name WHEN ?2 THEN mapping "
    "ELSE mapping || '/' || filtering END, "
    "CASE WHEN mapping = 'none' THEN 'IPv6, ' || filtering WHEN type_name <> '' "
    "THEN mapping || '/' || filtering WHEN ?2 THEN filtering ELSE 'ports: ' || ports END, "
    "type_name = '' FROM nat WHERE box = ?1";

static void write_label(FILE *script, const char *text, int chars, double x, double y,
                        const char *how)
{
    char cut[64];
    snprintf(cut, sizeof cut, "%.*s", chars, text);
    fputs("set label ", script);
    plot_string(script, cut);
    fprintf(script, " at %g,%g center %s front\n", x, y, how);
}

/* A box says its type, and where there is room what it does. */
static void write_box_words(sql *db, const map *m, FILE *script, int64_t box, double x, int row)
{
    sqlite3_stmt *q = sql_query(db, words_sql, "ii", box, (int64_t)m->is_narrow);
    while (sql_row(db, q)) {
        const char *type = sql_text(q, 0), *does = sql_text(q, 1);
        if (!m->is_narrow) {
            write_label(script, type, 20, x, row + 0.13, "font ',11'");
            write_label(script, does, 24, x, row - 0.17, "font ',10' tc rgb '" COLOR_OTHER "'");
        } else if (sql_int(q, 2) != 0) {
            write_label(script, type, BOX_CHARS, x - 0.17, row, "rotate by 90 font ',10'");
            write_label(script, does, BOX_CHARS, x + 0.17, row, "rotate by 90 font ',10'");
        } else write_label(script, type, BOX_CHARS, x, row, "rotate by 90 font ',10'");
    }
}

static void write_box(sql *db, const map *m, FILE *script, int64_t box, double from, double to,
                      int row, bool is_wall)
{
    fprintf(script,
            "set object rectangle from %g,%g to %g,%g front fs empty border lc rgb 'black'%s\n",
            from, row - BOX_HALF, to, row + BOX_HALF, is_wall ? " dt 2" : "");
    write_box_words(db, m, script, box, (from + to) / 2, row);
}

static void write_boxes(sql *db, const map *m, FILE *script)
{
    for (int box = 0; box < m->depth; box++)
        for (int i = 0; i < m->count; i++) {
            const column *c = &m->columns[i];
            if (c->depth <= box) continue;
            i = shared_until(m, i, box);
            write_box(db, m, script, c->boxes[box], c->x - BOX_HALF_WIDTH,
                      m->columns[i].x + BOX_HALF_WIDTH, row_of(m, box),
                      c->is_walled && box == c->depth - 1);
        }
    const double half = m->is_narrow ? 0.25 : BOX_HALF_WIDTH;
    for (int i = 0; i < m->count; i++) {
        const column *c = &m->columns[i];
        if (c->wall == NO_BOX) continue;
        write_box(db, m, script, c->wall, c->wall_x - half, c->wall_x + half, wall_row(m, c), true);
        i = walled_until(m, i);
    }
    fprintf(script,
            "set object rectangle from -0.5,%d.0 to %g,%d.0+0.42 front fs empty border lc rgb "
            "'black'\nset label 'the public network' at %g,%d.21 center\n",
            m->depth + 1, m->width + 0.5, m->depth + 1, m->width / 2, m->depth + 1);
}

static void write_names(const map *m, FILE *script)
{
    for (int i = 0; i < m->count; i++) {
        fputs("set label ", script);
        plot_string(script, m->columns[i].name);
        if (!m->is_narrow) fprintf(script, " at %g,-0.35 center\n", m->columns[i].x);
        else fprintf(script, " at %g,-0.2 right rotate by 90 font ',10'\n", m->columns[i].x);
    }
}

static const column *column_of(const map *m, int64_t node)
{
    for (int i = 0; i < m->count; i++)
        if (m->columns[i].node == node) return &m->columns[i];
    return NULL;
}

/* One step of the pairs that are shown. */
static bool next_pair(sql *db, const map *m, sqlite3_stmt *q, double *from, double *to)
{
    while (sql_row(db, q)) {
        const column *one = column_of(m, sql_int(q, 0)), *other = column_of(m, sql_int(q, 1));
        if (one == NULL || other == NULL || one == other) continue;
        *from = one < other ? one->x : other->x;
        *to = one < other ? other->x : one->x;
        return true;
    }
    return false;
}

static double widest(sql *db, const map *m)
{
    double most = 1, from, to;
    sqlite3_stmt *q = sql_query(db, PAIR_SQL, "");
    while (next_pair(db, m, q, &from, &to))
        if (to - from > most) most = to - from;
    return most;
}

/* A parabola below the names, as deep as it is wide. */
static void write_arc(const map *m, FILE *script, double from, double to, double deepest)
{
    for (int i = 0; i <= ARC_STEPS; i++) {
        double t = (double)i / ARC_STEPS, half = 2 * t - 1;
        fprintf(script, "%.3f\t%.4f\n", from + t * (to - from),
                -m->name_room - deepest * (1 - half * half));
    }
    fputc('\n', script);
}

/* Arcs of IPv6 have beads on them. */
#define ON_LINE "with lines lw 1.6 lc rgb "
#define BEADED "with linespoints lw 1.6 pt 7 ps 0.55 pi 3 lc rgb "
static const struct {
    const char *name, *title, *style;
    bool is_relayed, is_quic, is_six;
} arcs[] = {
    {"quic", "direct, QUIC", ON_LINE "'" COLOR_DIRECT "'", false, true, false},
    {"tcp", "direct, TCP", ON_LINE "'" COLOR_DIRECT "' dt 2", false, false, false},
    {"six", "direct, QUIC over IPv6", BEADED "'" COLOR_DIRECT "'", false, true, true},
    {"six_tcp", "direct, TCP over IPv6", BEADED "'" COLOR_DIRECT "' dt 2", false, false, true},
    {"relayed", "through a relay", ON_LINE "'" COLOR_RELAY "'", true, false, false},
};
enum { ARCS = sizeof arcs / sizeof arcs[0] };

/* Writes one block of arcs; whether it has any. */
static bool write_arcs(sql *db, const map *m, FILE *script, int kind)
{
    bool has = false;
    double from, to, most = widest(db, m);
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
            "unset border\nunset tics\nunset grid\nset xrange [-0.6:%g]\n"
            "set yrange [%.3f:%d.6]\nplot $lines with lines lw 1 lc rgb 'gray' notitle, "
            "$six_lines with lines lw 1 dt 2 lc rgb '" COLOR_OTHER "' notitle, "
            "$nodes with points pt 7 ps 0.9 lc rgb 'black' notitle",
            m->width + 0.6, -m->name_room - depth - 0.1, m->depth + 1);
    for (int i = 0; i < ARCS; i++)
        if (has[i])
            fprintf(script, ", $%s %s title '%s'", arcs[i].name, arcs[i].style, arcs[i].title);
    fputc('\n', script);
    free(m);
    return something;
}

void plot_map_caption(sql *db, FILE *out)
{
    int64_t nodes = sql_number(db, "SELECT count(*) FROM node");
    fputs("Boxes as they stand around each node when the run ends, the outermost on top, and where "
          "there is room with what RFC 4787 calls mapping and filtering; a box that was drawn from "
          "a population has no name and is called by these. A node with a line to the top is "
          "public. A box with a broken line is a firewall, through which IPv6 goes and IPv4 does "
          "not. An arc joins two nodes that have a connection then: the best one they have.",
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
