/* analysis/plot_times.c - the figure "time to connect": which share of all connects was usable, and
 * direct, how soon. */
#include "analysis/plot.h"

#include <inttypes.h>

static const char usable_sql[] = "SELECT usable_ns - asked_ns FROM connect "
                                 "WHERE usable_ns IS NOT NULL ORDER BY 1";
static const char direct_sql[] = "SELECT direct_ns - asked_ns FROM connect "
                                 "WHERE direct_ns IS NOT NULL ORDER BY 1";

/* What the axis has to hold, in ns. */
typedef struct range {
    int64_t least, most;
} range;

/* Writes a time in ns as ms. */
static void write_ms(FILE *script, int64_t ns)
{
    fprintf(script, "%" PRId64 ".%06" PRId64, ns / 1000000, ns % 1000000);
}

/* Writes the steps (ms, per cent of all connects). Returns the time in ns by which half of all were
 * there, 0 if never. */
static int64_t write_steps(sql *db, FILE *script, const char *name, const char *query, range *seen)
{
    int64_t all = sql_number(db, "SELECT count(*) FROM connect"), done = 0, median = 0;
    fprintf(script, "$%s << EOD\n", name);
    sqlite3_stmt *q = sql_query(db, query, "");
    while (sql_row(db, q)) {
        int64_t ns = sql_int(q, 0), before = done++ * 1000 / all, after = done * 1000 / all;
        if (median == 0 && done * 2 >= all) median = ns;
        if (seen->most == 0 || ns < seen->least) seen->least = ns;
        if (ns > seen->most) seen->most = ns;
        for (int i = 0; i < 2; i++) {
            write_ms(script, ns);
            int64_t share = i == 0 ? before : after;
            fprintf(script, "\t%" PRId64 ".%" PRId64 "\n", share / 10, share % 10);
        }
    }
    fputs("EOD\n", script);
    return median;
}

/* The curve with its median in the key, as "usable (half within 212.3 ms)". */
static void write_curve(FILE *script, const char *name, const char *color, int64_t median)
{
    int64_t tenths = (median + 50000) / 100000;
    fprintf(script, "$%s using 1:2 with lines lw 2.5 lc rgb '%s' title '%s (", name, color, name);
    if (median > 0) {
        fprintf(script, "half within %" PRId64 ".%" PRId64 " ms)'", tenths / 10, tenths % 10);
    } else {
        fputs("less than half)'", script);
    }
}

/* A dashed line from the axis up to the median. */
static void write_median(FILE *script, const char *color, int64_t median)
{
    if (median == 0) return;
    fputs("set arrow from ", script);
    write_ms(script, median);
    fputs(", graph 0 to ", script);
    write_ms(script, median);
    fprintf(script, ", 50 nohead lw 1.5 dt 2 lc rgb '%s'\n", color);
}

/* A logarithmic axis when linear steps would squeeze the fast ones. */
static void write_axis(FILE *script, const range *seen)
{
    int64_t most = seen->most / 1000000 * 21 / 20 + 1;
    if (seen->most / 20 <= seen->least) {
        fprintf(script, "set xrange [0:%" PRId64 "]\n", most);
        return;
    }
    int64_t least = seen->least / 1000000, bottom = 1, top = 10;
    while (bottom * 10 <= least) bottom *= 10;
    while (top < most) top *= 10;
    if (bottom * 5 <= least) bottom *= 5;
    else if (bottom * 2 <= least) bottom *= 2;
    if (top / 5 >= most) top /= 5;
    else if (top / 2 >= most) top /= 2;
    fprintf(script, "set logscale x 10\nset xrange [%" PRId64 ":%" PRId64 "]\nset xtics (", bottom,
            top);
    for (int64_t tic = 1; tic <= top; tic *= 10) {
        fprintf(script, "%s%" PRId64 ", %" PRId64 ", %" PRId64, tic > 1 ? ", " : "", tic, 2 * tic,
                5 * tic);
    }
    fputs(")\n", script);
}

bool plot_times(sql *db, FILE *script)
{
    range seen = {0, 0};
    int64_t usable = write_steps(db, script, "usable", usable_sql, &seen);
    int64_t direct = write_steps(db, script, "direct", direct_sql, &seen);
    if (seen.most == 0) return false;
    bool has_direct = sql_number(db, "SELECT count(direct_ns) FROM connect") > 0;
    plot_settings(script, 380);
    write_axis(script, &seen);
    write_median(script, "black", usable);
    write_median(script, COLOR_DIRECT, direct);
    fputs("set yrange [0:100]\nset ytics 25\nset grid ytics lc rgb 'gray' lt 1 lw 1\n"
          "set xlabel 'time since asked (ms)'\nset ylabel 'share of all connects (%)'\nplot ",
          script);
    write_curve(script, "usable", "black", usable);
    if (has_direct) {
        fputs(", ", script);
        write_curve(script, "direct", COLOR_DIRECT, direct);
    }
    fputc('\n', script);
    return true;
}
