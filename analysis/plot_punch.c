/* analysis/plot_punch.c - the figure "the hole punch, packet by packet": the first named pair that
 * punched, as a sequence of datagrams between places (relays at the edge, then a host, its boxes,
 * the other's boxes, the other host), time running down.
 */
#include "analysis/plot.h"

#include <inttypes.h>
#include <string.h>

enum {
    BOXES_MAX = 4, /* of one side */
    RELAYS_MAX = 2,
    PLACES_MAX = 2 + 2 * BOXES_MAX + RELAYS_MAX,
    POINTS_MAX = PLACES_MAX + 2,
    DATAGRAMS_MAX = 500, /* of one line */
    NAME_CAP = 160
};

#define BEFORE_NS INT64_C(250000000)  /* shown before the first punch datagram */
#define AFTER_NS INT64_C(100000000)   /* shown after the last datagram between the two */
#define WINDOW_NS INT64_C(3000000000) /* shown at most */

/* Lines of the figure, one data block each. */
enum { LINE_RELAY = 0, LINE_DIRECT, LINE_HELLO, LINE_PUNCH, LINE_COUNT };

typedef struct place {
    bool is_box;
    int64_t index; /* of the node or box */
    int side;      /* 1 and 2: the pair's; 0: relay */
} place;

typedef struct punch {
    int64_t a, b, asked, from, until; /* nodes; times in ns: window */
    bool is_direct, is_cut;           /* it became direct; later datagrams are not shown */
    place places[PLACES_MAX];         /* from left to right */
    int count;
} punch;

/* A datagram's way as read so far. */
typedef struct way {
    struct {
        int x;
        int64_t at;
    } point[POINTS_MAX];
    int count;
    bool is_punch, is_hello, is_whole,
        is_foreign;   /* is_whole: its end is known; is_foreign: touches a place not shown */
    const char *stop; /* the block for the mark where it was dropped; NULL: delivered */
} way;

static const char pair_sql[] =
    "SELECT c.from_node, c.to_node, c.asked_ns, min(p.at_ns), c.direct_ns FROM connect c "
    "JOIN node f ON f.node = c.from_node AND f.group_name IS NULL "
    "JOIN node t ON t.node = c.to_node AND t.group_name IS NULL "
    "JOIN packet p ON p.kind = 'punch' AND p.from_node IN (c.from_node, c.to_node) "
    "AND p.at_ns BETWEEN c.asked_ns AND coalesce(c.direct_ns, c.asked_ns + 30000000000) "
    "GROUP BY c.id ORDER BY c.id LIMIT 1";

/* Boxes that let datagrams of node ?1 out, innermost first: in the order the first one met them. */
static const char box_sql[] =
    "SELECT box FROM packet WHERE from_node = ?1 AND at_ns BETWEEN ?2 AND ?3 AND box IS NOT NULL "
    "AND fate = 'translated' GROUP BY box ORDER BY min(rowid) LIMIT 4";

static const char relay_sql[] =
    "SELECT node FROM node WHERE is_relay AND node NOT IN (?1, ?2) "
    "AND node IN (SELECT to_node FROM packet WHERE from_node = ?1 AND at_ns BETWEEN ?3 AND ?4) "
    "AND node IN (SELECT to_node FROM packet WHERE from_node = ?2 AND at_ns BETWEEN ?3 AND ?4) "
    "ORDER BY node LIMIT 2";

static const char row_sql[] = "SELECT id, at_ns, from_node, to_node, box, kind, fate FROM packet "
                              "WHERE at_ns BETWEEN ?1 AND ?2 ORDER BY id, rowid";

/* The pair that is shown; its window is still open: it has to be cut to what is in it. */
static bool find_pair(sql *db, punch *p)
{
    bool found = false;
    sqlite3_stmt *q = sql_query(db, pair_sql, "");
    while (sql_row(db, q)) {
        int64_t first = sql_ns(q, 3), direct = sql_ns(q, 4);
        p->a = sql_int(q, 0);
        p->b = sql_int(q, 1);
        p->asked = sql_ns(q, 2);
        p->from = first - BEFORE_NS > p->asked ? first - BEFORE_NS : p->asked;
        p->until = first + WINDOW_NS;
        p->is_direct = !sql_null(q, 4);
        p->is_cut = !p->is_direct || direct > p->until;
        if (!p->is_cut) p->until = direct;
        found = true;
    }
    return found;
}

static void add_place(punch *p, bool is_box, int64_t index, int side)
{
    p->places[p->count++] = (place){is_box, index, side};
}

/* Lines up the places: relays, a, its boxes from the inside out, b's boxes from the outside in, b.
 */
static void find_places(sql *db, punch *p)
{
    int64_t boxes[BOXES_MAX];
    int count = 0;
    sqlite3_stmt *q = sql_query(db, relay_sql, "iiii", p->a, p->b, p->from, p->until);
    while (sql_row(db, q)) add_place(p, false, sql_int(q, 0), 0);
    add_place(p, false, p->a, 1);
    q = sql_query(db, box_sql, "iii", p->a, p->from, p->until);
    while (sql_row(db, q)) add_place(p, true, sql_int(q, 0), 1);
    q = sql_query(db, box_sql, "iii", p->b, p->from, p->until);
    while (sql_row(db, q)) boxes[count++] = sql_int(q, 0);
    while (count > 0) add_place(p, true, boxes[--count], 2);
    add_place(p, false, p->b, 2);
}

/* The column of a node or box, -1: not shown. */
static int place_of(const punch *p, bool is_box, int64_t index)
{
    for (int x = 0; x < p->count; x++) {
        if (p->places[x].is_box == is_box && p->places[x].index == index) return x;
    }
    return -1;
}

/* The column of the outermost place on the side of column x. */
static int outermost(const punch *p, int x)
{
    while (p->places[x].side == 1 && p->places[x + 1].side == 1) x++;
    while (p->places[x].side == 2 && p->places[x - 1].side == 2) x--;
    return x;
}

static void add_point(way *w, int x, int64_t at)
{
    if (x < 0) w->is_foreign = true;
    else if (w->count < POINTS_MAX) {
        w->point[w->count].x = x;
        w->point[w->count++].at = at;
    }
}

/* Takes a row of packet into its datagram's way. */
static void add_row(const punch *p, way *w, sqlite3_stmt *q)
{
    int64_t at = sql_ns(q, 1);
    const char *fate = sql_text(q, 6);
    int from = place_of(p, false, sql_int(q, 2));
    int to = place_of(p, false, sql_null(q, 3) ? -1 : sql_int(q, 3));
    int box = place_of(p, true, sql_null(q, 4) ? -1 : sql_int(q, 4));
    w->is_punch = strcmp(sql_text(q, 5), "punch") == 0;
    w->is_hello = strcmp(sql_text(q, 5), "hello") == 0;
    if (strcmp(fate, "sent") == 0) {
        add_point(w, from, at);
    } else if (strcmp(fate, "translated") == 0) {
        add_point(w, box, at);
    } else if (strcmp(fate, "delivered") == 0) {
        if (to >= 0) add_point(w, outermost(p, to), at);
        add_point(w, to, at);
        w->is_whole = true;
    } else {
        if (!sql_null(q, 4)) add_point(w, box, at);
        w->is_whole = !sql_null(q, 4);
        w->stop = sql_null(q, 4) ? "lost" : "refused";
    }
}

/* Which line a way belongs to, -1: to none. */
static int line_of(const punch *p, const way *w)
{
    if (w->is_foreign || w->count == 0) return -1;
    if (w->is_punch) return LINE_PUNCH;
    if (!w->is_whole || w->count < 2) return -1;
    bool relayed =
        p->places[w->point[0].x].side == 0 || p->places[w->point[w->count - 1].x].side == 0;
    return relayed ? LINE_RELAY : w->is_hello ? LINE_HELLO : LINE_DIRECT;
}

static void write_point(const punch *p, FILE *script, int x, int64_t at)
{
    int64_t ns = at - p->asked;
    fprintf(script, "%d\t%" PRId64 ".%06" PRId64 "\n", x, ns / 1000000, ns % 1000000);
}

/* Writes the way if it belongs to the line, or, with a mark, where such a way was dropped. Returns
 * whether it did. */
static bool write_way(const punch *p, FILE *script, const way *w, int line, const char *mark)
{
    int own = line_of(p, w);
    bool is_meant = mark ? w->stop && strcmp(w->stop, mark) == 0 : own == line;
    if (own < 0 || !is_meant) return false;
    for (int i = mark ? w->count - 1 : 0; i < w->count; i++) {
        write_point(p, script, w->point[i].x, w->point[i].at);
    }
    fputc('\n', script);
    return true;
}

/* Writes one data block: the ways of a line, or the places where ways end in mark. Returns whether
 * it has any. */
static bool write_block(sql *db, const punch *p, FILE *script, int line, const char *mark)
{
    int64_t id = -1;
    int written = 0;
    way w = {0};
    sqlite3_stmt *q = sql_query(db, row_sql, "ii", p->from, p->until);
    while (sql_row(db, q)) {
        if (sql_int(q, 0) != id) {
            if (written < DATAGRAMS_MAX) written += write_way(p, script, &w, line, mark);
            w = (way){0};
            id = sql_int(q, 0);
        }
        add_row(p, &w, q);
    }
    written += write_way(p, script, &w, line, mark);
    return written > 0;
}

/* Ends the window after the last datagram between the two themselves: what goes through the relay
 * never ends. */
static void close_window(sql *db, punch *p)
{
    int64_t id = -1, last = p->from;
    way w = {0};
    sqlite3_stmt *q = sql_query(db, row_sql, "ii", p->from, p->until);
    while (sql_row(db, q)) {
        if (sql_int(q, 0) != id) w = (way){0};
        id = sql_int(q, 0);
        add_row(p, &w, q);
        bool is_shown = line_of(p, &w) > LINE_RELAY;
        if (is_shown && sql_ns(q, 1) > last) last = sql_ns(q, 1);
    }
    p->until = last + AFTER_NS;
}

/* Finds what the figure shows. False: nothing. */
static bool find_punch(sql *db, punch *p)
{
    *p = (punch){0};
    if (!find_pair(db, p)) return false;
    find_places(db, p);
    close_window(db, p);
    return true;
}

/* Writes the name of a place, as v_packet calls it. */
static void place_name(sql *db, const place *at, char *name, size_t cap)
{
    const char *query =
        at->is_box ? "SELECT owner || ' ' || CASE type_name WHEN '' THEN 'box' ELSE type_name END "
                     "FROM nat WHERE box = ?"
                   : "SELECT name FROM node WHERE node = ?";
    sqlite3_stmt *q = sql_query(db, query, "i", at->index);
    name[0] = '\0';
    while (sql_row(db, q)) snprintf(name, cap, "%s", sql_text(q, 0));
}

static void write_names(sql *db, const punch *p, FILE *script)
{
    char name[NAME_CAP];
    fputs("set x2tics scale 0 (", script);
    for (int x = 0; x < p->count; x++) {
        place_name(db, &p->places[x], name, sizeof name);
        if (x > 0) fputs(", ", script);
        plot_string(script, name);
        fprintf(script, " %d", x);
    }
    fputs(")\n", script);
}

/* What is drawn: a block of data each, in the key only when it has any. */
static const struct {
    const char *name, *mark, *style;
} blocks[] = {
    {"through a relay", NULL, "with lines lw 1 lc rgb '" COLOR_RELAY "'"},
    {"direct", NULL, "with lines lw 1.5 lc rgb '" COLOR_DIRECT "'"},
    {"handshake, direct (hello)", NULL, "with lines lw 1.5 dt 2 lc rgb '" COLOR_DIRECT "'"},
    {"punch", NULL, "with lines lw 1.5 dt 2 lc rgb 'black'"},
    {"dropped by a box", "refused", "with points pt 2 lw 2 ps 1 lc rgb '" COLOR_REFUSED "'"},
    {"lost on a link", "lost", "with points pt 1 lw 2 ps 1.2 lc rgb 'black'"},
};
enum { BLOCKS = sizeof blocks / sizeof blocks[0] };

bool plot_punch(sql *db, FILE *script)
{
    punch p;
    bool has[BLOCKS];
    if (!find_punch(db, &p)) return false;
    for (int i = 0; i < BLOCKS; i++) {
        fprintf(script, "$block%d << EOD\n", i);
        has[i] = write_block(db, &p, script, i < LINE_COUNT ? i : -1, blocks[i].mark);
        fputs("EOD\n", script);
    }
    plot_settings(script, 600);
    write_names(db, &p, script);
    fprintf(script,
            "set border 2\nunset xtics\nset grid x2tics lc rgb 'gray' lt 1 lw 1\n"
            "set xrange [-0.3:%d.3]\nset x2range [-0.3:%d.3]\n"
            "set key outside bottom center horizontal\nset yrange [%" PRId64 ":%" PRId64 "]\n"
            "set ylabel 'time since asked (ms), downwards'\n",
            p.count - 1, p.count - 1, (p.until - p.asked) / 1000000, (p.from - p.asked) / 1000000);
    const char *before = "plot";
    for (int i = 0; i < BLOCKS; i++) {
        if (!has[i]) continue;
        fprintf(script, "%s $block%d using 1:2 %s title '%s'", before, i, blocks[i].style,
                blocks[i].name);
        before = ",";
    }
    fputc('\n', script);
    return true;
}

void plot_punch_caption(sql *db, FILE *out)
{
    punch p;
    char a[NAME_CAP], b[NAME_CAP];
    if (!find_punch(db, &p)) return;
    place_name(db, &(place){.index = p.a}, a, sizeof a);
    place_name(db, &(place){.index = p.b}, b, sizeof b);
    fprintf(out,
            "The first named pair that punched, %s and %s: every datagram between the two and "
            "their relay, from the moments before the first punch datagram ",
            a, b);
    int64_t shown_ms = (p.until - p.from) / 1000000;
    if (!p.is_cut) fputs("until the direct connection.", out);
    else if (p.is_direct)
        fprintf(out, "on; the first %" PRId64 " ms are shown, the direct connection came later.",
                shown_ms);
    else
        fprintf(out, "on. It never became direct: the first attempt is shown, %" PRId64 " ms.",
                shown_ms);
    fputs(" Time runs downwards. A line goes from host to host through the boxes. Punch datagrams "
          "are one half of the punch; the dialling side's half is the first datagram of its own "
          "handshake (INIT, kind hello).",
          out);
}

/* Writes a name as an SQL string. */
static void write_quoted(FILE *out, const char *name)
{
    fputc('\'', out);
    for (; *name != '\0'; name++) {
        if (*name == '\'') fputc('\'', out);
        fputc(*name, out);
    }
    fputc('\'', out);
}

static void write_places(sql *db, const punch *p, FILE *out, bool with_boxes)
{
    char name[NAME_CAP];
    const char *before = "";
    for (int x = 0; x < p->count; x++) {
        if (p->places[x].is_box && !with_boxes) continue;
        place_name(db, &p->places[x], name, sizeof name);
        fputs(before, out);
        write_quoted(out, name);
        before = ", ";
    }
}

void plot_punch_queries(sql *db, FILE *out)
{
    punch p;
    char window[96];
    if (!find_punch(db, &p)) return;
    snprintf(window, sizeof window,
             "at_ms BETWEEN %" PRId64 ".%06" PRId64 " AND %" PRId64 ".%06" PRId64, p.from / 1000000,
             p.from % 1000000, p.until / 1000000, p.until % 1000000);
    fprintf(out,
            "SELECT at_ms - %" PRId64 ".%06" PRId64
            " AS since_asked_ms, id, kind, fate, from_name, place\nFROM v_packet\nWHERE %s\n"
            "    AND from_name IN (",
            p.asked / 1000000, p.asked % 1000000, window);
    write_places(db, &p, out, false);
    fprintf(out,
            ")\n    AND id NOT IN (SELECT id FROM v_packet WHERE %s\n        AND place NOT IN (",
            window);
    write_places(db, &p, out, true);
    fputs("))\nORDER BY id, at_ms;", out);
}
