/* analysis/sql.h - reading a run database: a handle with a sticky error, and queries as loops over
 * rows.
 *
 *     sqlite3_stmt *q = sql_query(s, "SELECT name FROM node WHERE site = ?", "i", site);
 *     while (sql_row(s, q)) puts(sql_text(q, 0));
 *
 * After the first error every query has no rows; s->error tells, and is looked at once, at the end.
 */
#ifndef ANALYSIS_SQL_H
#define ANALYSIS_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sql {
    sqlite3 *db;
    const char *path; /* borrowed until sql_close */
    char error[512];  /* empty: none so far */
} sql;

/* Opens the run database at path for reading. False: s->error has the reason (not there, not a run
 * database, another version); sql_close is due in any case. */
bool sql_open(sql *s, const char *path);
void sql_close(sql *s);

/* Begins a query. types has a letter for each '?': i for an int64_t, s for a const char * that
 * outlives the loop. NULL after an error. */
sqlite3_stmt *sql_query(sql *s, const char *text, const char *types, ...);

/* Goes to the next row. False: no more, and q is gone. */
bool sql_row(sql *s, sqlite3_stmt *q);

/* Column of the row, from 0: text never NULL ("" instead), whether it is NULL. Text lives until the
 * next row. */
const char *sql_text(sqlite3_stmt *q, int column);
int64_t sql_int(sqlite3_stmt *q, int column);
bool sql_null(sqlite3_stmt *q, int column);

/* A time or a length of time in ns, from 0 to SQL_NS_MAX: what lies outside is cut, so that sums of
 * a few never overflow, whatever the database says. */
#define SQL_NS_MAX (INT64_C(1) << 60)
int64_t sql_ns(sqlite3_stmt *q, int column);

/* How long the run was, in whole ms, from 1 to SQL_NS_MAX / 1000000. */
int64_t sql_run_ms(sql *s);

/* The first column of the only row of a query without '?'; 0 when there is none. */
int64_t sql_number(sql *s, const char *text);

#endif
