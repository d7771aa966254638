/* analysis/plot_attempt.c - the figure "one connection attempt, packet by packet": a sequence of
 * datagrams between places (relays at the edge, then a host, its boxes, the other's boxes, the
 * other host), time running down.
 */
#include "analysis/attempt.h"
#include "analysis/plot.h"

#include <inttypes.h>
#include <string.h>

enum {
    POINTS_MAX = ATTEMPT_PLACES_MAX + 2,
    DATAGRAMS_MAX = 500 /* of one line */
};

/* Lines of the figure, one data block each. */
enum { LINE_RELAY = 0, LINE_DIRECT, LINE_HELLO, LINE_PUNCH, LINE_COUNT };

/* A datagram's way as read so far. */
typedef struct way {
    struct {
        int half; /* of a column: between two of them something was lost */
        int64_t at;
    } point[POINTS_MAX];
    int count;
    int first, end; /* columns: of its first place, of who it was for or else its last place */
    bool is_punch, is_hello, is_whole,
        is_foreign;   /* is_whole: its end is known; is_foreign: touches a place not shown */
    const char *stop; /* the block for the mark where it was dropped; NULL: delivered */
} way;

/* All rows of each datagram that was anywhere within the window: whence it came tells whose it is,
 * however early that was. Who something lost was for is not known: the last column has who of those
 * shown (?3 to ?6) wrote from its destination. */
static const char row_sql[] =
    "WITH own AS MATERIALIZED (SELECT DISTINCT from_endpoint AS endpoint, from_node AS node "
    "FROM packet WHERE from_node IN (?3, ?4, ?5, ?6)) "
    "SELECT p.id, at_ns, from_node, to_node, box, kind, fate, e.text LIKE '[%', "
    "CASE WHEN box IS NULL AND fate NOT IN ('sent', 'copied', 'delivered') "
    "THEN (SELECT min(node) FROM own WHERE endpoint = to_endpoint AND node IS NOT from_node) END "
    "FROM packet p JOIN endpoint e ON e.id = to_endpoint "
    "WHERE p.id IN (SELECT id FROM packet WHERE at_ns BETWEEN ?1 AND ?2) "
    "ORDER BY p.id, p.rowid";

/* Begins to read the datagrams of the window. */
static sqlite3_stmt *read_rows(sql *db, const attempt *p)
{
    int64_t hosts[ATTEMPT_RELAYS_MAX + 2] = {-1, -1, -1, -1};
    int count = 0;
    for (int x = 0; x < p->count; x++)
        if (!p->places[x].is_box) hosts[count++] = p->places[x].index;
    return sql_query(db, row_sql, "iiiiii", p->from, p->until, hosts[0], hosts[1], hosts[2],
                     hosts[3]);
}

/* The column of the outermost place on the side of column x that a datagram of a family meets. */
static int outermost(const attempt *p, int x, bool is_six)
{
    int side = p->places[x].side, step = side == 1 ? 1 : -1, last = x;
    if (side == 0) return x;
    for (x += step; p->places[x].side == side; x += step)
        if (p->places[x].is_six == is_six) last = x;
    return last;
}

static void add_point(way *w, int x, int64_t at)
{
    if (x < 0) w->is_foreign = true;
    else if (w->count < POINTS_MAX) {
        if (w->count == 0) w->first = x;
        w->end = x;
        w->point[w->count].half = 2 * x;
        w->point[w->count++].at = at;
    }
}

/* It got lost on its way to the place in column x, -1: who that is is not known. */
static void add_loss(way *w, int x, int64_t at)
{
    bool is_known = x >= 0 && x != w->end;
    w->is_whole = is_known;
    if (!is_known || w->count == 0 || w->count == POINTS_MAX) return;
    w->point[w->count].half = 2 * w->end + (x > w->end ? 1 : -1);
    w->point[w->count++].at = at;
    w->end = x;
}

/* Whether a link dropped it. Else nobody was there: no-route, cut, asleep. */
static bool is_of_link(const char *fate)
{
    return strcmp(fate, "lost") == 0 || strcmp(fate, "queue-full") == 0 ||
           strcmp(fate, "too-big") == 0;
}

/* Takes a row of packet into its datagram's way. */
static void add_row(const attempt *p, way *w, sqlite3_stmt *q)
{
    int64_t at = sql_ns(q, 1);
    const char *fate = sql_text(q, 6);
    int from = attempt_column(p, false, sql_null(q, 2) ? -1 : sql_int(q, 2));
    int to = attempt_column(p, false, sql_null(q, 3) ? -1 : sql_int(q, 3));
    int box = attempt_column(p, true, sql_null(q, 4) ? -1 : sql_int(q, 4));
    w->is_punch = strcmp(sql_text(q, 5), "punch") == 0;
    w->is_hello = strcmp(sql_text(q, 5), "hello") == 0;
    if (strcmp(fate, "sent") == 0) {
        add_point(w, sql_null(q, 2) ? box : from, at); /* a box speaks for itself */
    } else if (strcmp(fate, "copied") == 0) {          /* on the link, behind its sender's boxes */
        add_point(w, from < 0 ? -1 : outermost(p, from, sql_int(q, 7) != 0), at);
    } else if (strcmp(fate, "translated") == 0 || strcmp(fate, "passed") == 0) {
        add_point(w, box, at);
    } else if (strcmp(fate, "delivered") == 0) {
        if (to >= 0) add_point(w, outermost(p, to, sql_int(q, 7) != 0), at);
        add_point(w, to, at);
        w->is_whole = true;
    } else if (!sql_null(q, 4)) {
        add_point(w, box, at);
        w->is_whole = true;
        w->stop = "refused";
    } else {
        add_loss(w, attempt_column(p, false, sql_null(q, 8) ? -1 : sql_int(q, 8)), at);
        w->stop = is_of_link(fate) ? "lost" : "nobody";
    }
}

/* Which line a way belongs to, -1: to none. */
static int line_of(const attempt *p, const way *w)
{
    if (w->is_foreign || w->count == 0) return -1;
    if (w->is_punch) return LINE_PUNCH;
    if (!w->is_whole || w->count < 2) return -1;
    bool relayed = p->places[w->first].side == 0 || p->places[w->end].side == 0;
    return relayed ? LINE_RELAY : w->is_hello ? LINE_HELLO : LINE_DIRECT;
}

static void write_point(const attempt *p, FILE *script, int half, int64_t at)
{
    int64_t ns = at - p->asked, size = ns < 0 ? -ns : ns;
    fprintf(script, "%d%s\t%s%" PRId64 ".%06" PRId64 "\n", half / 2, half % 2 ? ".5" : "",
            ns < 0 ? "-" : "", size / 1000000, size % 1000000);
}

/* Whether it was dropped within the window, in the way of the mark. */
static bool is_marked(const attempt *p, const way *w, const char *mark)
{
    return w->stop && strcmp(w->stop, mark) == 0 && w->count > 0 &&
           w->point[w->count - 1].at >= p->from && w->point[w->count - 1].at <= p->until;
}

/* Writes the way if it belongs to the line, or, with a mark, where such a way was dropped. Returns
 * whether it did. */
static bool write_way(const attempt *p, FILE *script, const way *w, int line, const char *mark)
{
    int own = line_of(p, w);
    bool is_meant = mark ? is_marked(p, w, mark) : own == line;
    if (own < 0 || !is_meant) return false;
    for (int i = mark ? w->count - 1 : 0; i < w->count; i++) {
        write_point(p, script, w->point[i].half, w->point[i].at);
    }
    fputc('\n', script);
    return true;
}

/* Writes one data block: the ways of a line, or the places where ways end in mark. Returns whether
 * it has any. */
static bool write_block(sql *db, const attempt *p, FILE *script, int line, const char *mark)
{
    int64_t id = -1;
    int written = 0;
    way w = {0};
    sqlite3_stmt *q = read_rows(db, p);
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
static void close_window(sql *db, attempt *p)
{
    int64_t id = -1, last = p->from;
    way w = {0};
    sqlite3_stmt *q = read_rows(db, p);
    while (sql_row(db, q)) {
        if (sql_int(q, 0) != id) w = (way){0};
        id = sql_int(q, 0);
        add_row(p, &w, q);
        bool is_shown = line_of(p, &w) > LINE_RELAY && sql_ns(q, 1) <= p->until;
        if (is_shown && sql_ns(q, 1) > last) last = sql_ns(q, 1);
    }
    p->until = last + ATTEMPT_AFTER_NS;
}

static bool find(sql *db, attempt *p)
{
    if (!attempt_find(db, p)) return false;
    if (p->is_punch) close_window(db, p);
    return true;
}

static void write_names(sql *db, const attempt *p, FILE *script)
{
    char name[ATTEMPT_NAME_CAP];
    fputs("set x2tics scale 0 (", script);
    for (int x = 0; x < p->count; x++) {
        attempt_name(db, &p->places[x], name, sizeof name);
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
    {"to where nobody is (no route, cut, asleep)", "nobody",
     "with points pt 6 lw 2 ps 1 lc rgb 'black'"},
};
enum { BLOCKS = sizeof blocks / sizeof blocks[0] };

bool plot_attempt(sql *db, FILE *script)
{
    attempt p;
    bool has[BLOCKS], has_any = false;
    if (!find(db, &p)) return false;
    for (int i = 0; i < BLOCKS; i++) {
        fprintf(script, "$block%d << EOD\n", i);
        has[i] = write_block(db, &p, script, i < LINE_COUNT ? i : -1, blocks[i].mark);
        fputs("EOD\n", script);
        has_any = has_any || has[i];
    }
    if (!has_any) return false;
    plot_settings(script, 600);
    write_names(db, &p, script);
    fprintf(script,
            "set border 2\nunset xtics\nset grid x2tics lc rgb 'gray' lt 1 lw 1\nset clip two\n"
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

void plot_attempt_title(sql *db, FILE *out)
{
    attempt p;
    fputs("One connection attempt, packet by packet", out);
    if (find(db, &p) && !p.is_direct) fputs(": it never got direct", out);
}

/* Which one it is, and why this one. */
static void write_choice(const attempt *p, FILE *out)
{
    if (!p->is_direct) fputs("No named pair got a direct connection. ", out);
    fprintf(out, "The first named pair that %s",
            p->is_direct  ? p->is_punch ? "got a direct connection by a hole punch"
                                        : "got a direct connection"
            : p->is_punch ? "tried to punch a hole"
                          : "was asked for");
}

static void write_window(const attempt *p, FILE *out)
{
    int64_t shown_ms = (p->until - p->from) / 1000000;
    const char *end = p->is_punch ? "a direct connection" : "a usable connection";
    if (p->is_direct && p->is_cut) {
        fprintf(out, "in the last %" PRId64 " ms before the direct connection.", shown_ms);
        return;
    }
    fprintf(out, "from %s ",
            p->is_punch ? "the moments before the first punch datagram" : "when it was asked");
    if (p->is_direct) fputs("until the direct connection.", out);
    else if (!p->is_cut) fputs("until the first usable connection.", out);
    else if (!p->is_punch && p->is_usable)
        fprintf(out, "on; the first %" PRId64 " ms are shown, %s came later.", shown_ms, end);
    else
        fprintf(out, "on. It never came to %s: the first attempt is shown, %" PRId64 " ms.", end,
                shown_ms);
}

void plot_attempt_caption(sql *db, FILE *out)
{
    attempt p;
    char a[ATTEMPT_NAME_CAP], b[ATTEMPT_NAME_CAP];
    if (!find(db, &p)) return;
    attempt_name(db, &(attempt_place){.index = p.a}, a, sizeof a);
    attempt_name(db, &(attempt_place){.index = p.b}, b, sizeof b);
    write_choice(&p, out);
    fprintf(out, ", %s and %s: every datagram between the two and their relay, ", a, b);
    write_window(&p, out);
    fputs(" Time runs downwards. A line goes from host to host through the boxes, or "
          "as far as the datagram came.",
          out);
    if (p.is_punch)
        fputs(" Punch datagrams are one half of the punch; the dialling side's half is the first "
              "datagram of its own handshake (INIT, kind hello).",
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

static void write_places(sql *db, const attempt *p, FILE *out, bool with_boxes)
{
    char name[ATTEMPT_NAME_CAP];
    const char *before = "";
    for (int x = 0; x < p->count; x++) {
        if (p->places[x].is_box && !with_boxes) continue;
        attempt_name(db, &p->places[x], name, sizeof name);
        fputs(before, out);
        write_quoted(out, name);
        before = ", ";
    }
}

void plot_attempt_queries(sql *db, FILE *out)
{
    attempt p;
    char window[96];
    if (!find(db, &p)) return;
    snprintf(window, sizeof window,
             "at_ms BETWEEN %" PRId64 ".%06" PRId64 " AND %" PRId64 ".%06" PRId64, p.from / 1000000,
             p.from % 1000000, p.until / 1000000, p.until % 1000000);
    fprintf(out,
            "SELECT at_ms - %" PRId64 ".%06" PRId64
            " AS since_asked_ms, id, kind, fate, from_name, place\nFROM v_packet\n"
            "WHERE id IN (SELECT id FROM v_packet WHERE %s)\n    AND from_name IN (",
            p.asked / 1000000, p.asked % 1000000, window);
    write_places(db, &p, out, false);
    fputs(")\n    AND id NOT IN (SELECT id FROM v_packet WHERE place NOT IN (", out);
    write_places(db, &p, out, true);
    fputs("))\nORDER BY id, at_ms;", out);
}
