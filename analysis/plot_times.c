/* analysis/plot_times.c - the figure "time to connect": which share of the connects of authorized
 * pairs was usable, and direct, how soon. */
#include "analysis/plot.h"

#include <inttypes.h>

static const char usable_sql[] = "SELECT usable_ns - asked_ns FROM connect "
                                 "WHERE authorized AND usable_ns IS NOT NULL ORDER BY 1";
static const char direct_sql[] = "SELECT direct_ns - asked_ns FROM connect "
                                 "WHERE authorized AND direct_ns IS NOT NULL ORDER BY 1";
static const char all_sql[] = "SELECT count(*) FROM connect WHERE authorized";

/* One curve: what came, how soon. */
typedef struct curve {
    const char *name, *query, *color;
    int64_t all, came;   /* connects, of them those that came to it */
    int64_t least, most; /* in ns, of those that came */
    int64_t quarter;     /* in ns: a quarter of those that came was there sooner */
    int64_t median;      /* in ns; the mean of the two middle ones when came is even */
} curve;

enum { USABLE = 0, DIRECT, CURVES };

/* Writes a time in ns as ms. */
static void write_ms(FILE *script, int64_t ns)
{
    fprintf(script, "%" PRId64 ".%06" PRId64, ns / 1000000, ns % 1000000);
}

static void read_curve(sql *db, curve *c)
{
    int64_t place = 0;
    c->all = sql_number(db, all_sql);
    sqlite3_stmt *q = sql_query(db, c->query, "");
    while (sql_row(db, q)) c->came++;
    if (c->all < c->came) c->all = c->came;
    q = sql_query(db, c->query, "");
    while (sql_row(db, q)) {
        int64_t ns = sql_ns(q, 0);
        if (place == 0) c->least = ns;
        c->most = ns;
        if (place == c->came / 4) c->quarter = ns;
        if (place == (c->came - 1) / 2) c->median += ns / 2;
        if (place == c->came / 2) c->median += ns - ns / 2;
        place++;
    }
}

/* Writes the steps (ms, per cent of all connects), from the left edge of the figure, where those
 * stand that were faster, to the right one. */
static void write_steps(sql *db, FILE *script, const curve *c, int64_t left_ms, int64_t edge_ms)
{
    int64_t done = 0;
    fprintf(script, "$%s << EOD\n", c->name);
    sqlite3_stmt *q = sql_query(db, c->query, "");
    while (sql_row(db, q)) {
        int64_t shares[] = {done * 1000 / c->all, (done + 1) * 1000 / c->all};
        for (int i = 0; i < 2; i++) {
            int64_t ns = sql_ns(q, 0);
            write_ms(script, ns / 1000000 < left_ms ? left_ms * 1000000 : ns);
            fprintf(script, "\t%" PRId64 ".%" PRId64 "\n", shares[i] / 10, shares[i] % 10);
        }
        done++;
    }
    fprintf(script, "%" PRId64 "\t%" PRId64 ".%" PRId64 "\nEOD\n", edge_ms,
            done * 1000 / c->all / 10, done * 1000 / c->all % 10);
}

/* A dashed line from the axis up to the curve at the median of those that came. */
static void write_median(FILE *script, const curve *c)
{
    if (c->came == 0) return;
    int64_t share = c->came * 500 / c->all;
    fputs("set arrow from ", script);
    write_ms(script, c->median);
    fputs(", graph 0 to ", script);
    write_ms(script, c->median);
    fprintf(script, ", %" PRId64 ".%" PRId64 " nohead lw 1.5 dt 2 lc rgb '%s'\n", share / 10,
            share % 10, c->color);
}

/* The curve with its median in the key, as "usable: 27 of 27, median 1065.6 ms". */
static void write_curve(FILE *script, const curve *c)
{
    int64_t tenths = (c->median + 50000) / 100000;
    fprintf(script,
            "$%s using 1:2 with lines lw 2.5 lc rgb '%s' title '%s: %" PRId64 " of %" PRId64
            ", median %" PRId64 ".%" PRId64 " ms'",
            c->name, c->color, c->name, c->came, c->all, tenths / 10, tenths % 10);
}

static void read_curves(sql *db, curve curves[CURVES])
{
    curves[USABLE] = (curve){.name = "usable", .query = usable_sql, .color = "black"};
    curves[DIRECT] = (curve){.name = "direct", .query = direct_sql, .color = COLOR_DIRECT};
    for (int i = 0; i < CURVES; i++) read_curve(db, &curves[i]);
}

static int64_t most_ns(const curve curves[CURVES])
{
    return curves[DIRECT].most > curves[USABLE].most ? curves[DIRECT].most : curves[USABLE].most;
}

/* Whether linear steps would squeeze more than a few. */
static bool is_logarithmic(const curve curves[CURVES])
{
    return most_ns(curves) / 20 > curves[USABLE].quarter;
}

/* Where a logarithmic axis begins, in ms: at the fastest one, unless that is far from most of the
 * others, as one that was connected already is. */
static int64_t bottom_ms(const curve curves[CURVES])
{
    int64_t least = curves[USABLE].least / 1000000, near = curves[USABLE].quarter / 1000000 / 20;
    int64_t first = least > near ? least : near, bottom = 1;
    while (bottom * 10 <= first) bottom *= 10;
    return bottom * 5 <= first ? bottom * 5 : bottom * 2 <= first ? bottom * 2 : bottom;
}

/* A label of a time, in its largest unit of ms and s. */
static void write_label(FILE *script, int64_t ms)
{
    if (ms < 1000) fprintf(script, "'%" PRId64 " ms'", ms);
    else fprintf(script, "'%" PRId64 " s'", ms / 1000);
}

/* Tics at 1, 2 and 5 of each power of ten; where there are many powers only the first has a label,
 * and so that labels never touch, not even each of these. */
static void write_tics(FILE *script, int64_t bottom, int64_t top)
{
    static const int64_t steps[] = {1, 2, 5};
    int powers = 0, power = 0;
    const char *before = "";
    for (int64_t tic = bottom; tic < top; tic *= 10) powers++;
    fputs("set xtics (", script);
    for (int64_t ten = 1; ten <= top; ten *= 10, power++) {
        for (int i = 0; i < 3; i++) {
            int64_t tic = ten * steps[i];
            bool is_labelled = powers <= 4 || (i == 0 && (powers <= 12 || power % 3 == 0));
            if (tic < bottom || tic > top) continue;
            fputs(before, script);
            if (is_labelled) write_label(script, tic);
            else fputs("''", script);
            fprintf(script, " %" PRId64, tic);
            before = ", ";
        }
    }
    fputs(")\n", script);
}

/* Writes the axis. *left is its left edge in ms. Returns its right edge in ms. */
static int64_t write_axis(FILE *script, const curve curves[CURVES], int64_t *left)
{
    int64_t most = most_ns(curves) / 1000000 * 21 / 20 + 1;
    *left = 0;
    if (!is_logarithmic(curves)) {
        fprintf(script, "set xrange [0:%" PRId64 "]\nset xlabel 'time since asked (ms)'\n", most);
        return most;
    }
    int64_t top = 10;
    *left = bottom_ms(curves);
    while (top < most) top *= 10;
    if (top / 5 >= most) top /= 5;
    else if (top / 2 >= most) top /= 2;
    fprintf(script,
            "set logscale x 10\nset xrange [%" PRId64 ":%" PRId64
            "]\nset xlabel 'time since asked (logarithmic)'\n",
            *left, top);
    write_tics(script, *left, top);
    return top;
}

bool plot_times(sql *db, FILE *script)
{
    curve curves[CURVES];
    read_curves(db, curves);
    if (curves[USABLE].came == 0) return false;
    plot_settings(script, 380);
    int64_t left_ms, edge_ms = write_axis(script, curves, &left_ms);
    for (int i = 0; i < CURVES; i++) {
        if (curves[i].came > 0) write_steps(db, script, &curves[i], left_ms, edge_ms);
        write_median(script, &curves[i]);
    }
    fputs("set yrange [0:104]\nset ytics 0,25,100\nset grid ytics lc rgb 'gray' lt 1 lw 1\n"
          "set ylabel 'share of authorized connects (%)'\nplot ",
          script);
    for (int i = 0; i < CURVES; i++) {
        if (curves[i].came == 0) continue;
        if (i > 0) fputs(", ", script);
        write_curve(script, &curves[i]);
    }
    fputc('\n', script);
    return true;
}

void plot_times_caption(sql *db, FILE *out)
{
    curve curves[CURVES];
    int64_t strangers = sql_number(db, "SELECT count(*) FROM connect WHERE NOT authorized");
    read_curves(db, curves);
    fputs("Share of all connects between authorized pairs, those of groups and those after a loss "
          "included, that were usable and direct within a time",
          out);
    if (strangers > 0) fprintf(out, " (%" PRId64 " by strangers left out)", strangers);
    fputs(
        ". Dashed: the median of those that came to it, which is the mean of the two middle ones "
        "when their number is even. After a loss time counts from the loss: that the peer was down "
        "or asleep is in it.",
        out);
    if (is_logarithmic(curves)) {
        fputs(" The axis of time is logarithmic", out);
        bool is_cut = curves[USABLE].least / 1000000 < bottom_ms(curves);
        fputs(is_cut ? "; what was faster stands at its left edge." : ".", out);
    }
    if (curves[DIRECT].came == 0) fputs(" None became direct.", out);
}
