/* analysis/tracedb_impl.h - what the two halves of the database writer share: the open file
 * (tracedb.c) and one row at a time (tracedb_rows.c). */
#ifndef ANALYSIS_TRACEDB_IMPL_H
#define ANALYSIS_TRACEDB_IMPL_H

#include "analysis/intern.h"
#include "analysis/tracedb.h"

#include <sqlite3.h>

/* The tables that are written, in the order of insert_sql. */
enum table {
    TABLE_RUN = 0,
    TABLE_NODE,
    TABLE_NAT,
    TABLE_ATTACHMENT,
    TABLE_EVENT,
    TABLE_CODE,
    TABLE_DIAL,
    TABLE_CONN,
    TABLE_PATH,
    TABLE_CONNECT,
    TABLE_STREAM,
    TABLE_NOTE,
    TABLE_ENDPOINT,
    TABLE_PACKET,
    TABLE_METRIC,
    TABLE_PROPERTY,
    TABLE_COUNT
};

struct tracedb {
    sqlite3 *db;
    sqlite3_stmt *insert[TABLE_COUNT]; /* prepared when first used */
    intern endpoints;
    char *path, *partial; /* owned */
    char error[512];      /* of the first failure */
    bool failed;
};

/* A row under construction: columns are bound from the left. */
typedef struct row {
    tracedb *db;
    sqlite3_stmt *stmt; /* NULL after a failure */
    int column;
} row;

/* Keeps what failed ("doing: reason") unless something failed before. */
void tracedb_fail(tracedb *db, const char *doing, const char *reason);

/* The same with the reason from SQLite and the operating system. */
void tracedb_fail_sqlite(tracedb *db, const char *doing);

/* Begins a row of table; columns follow in the order of schema.sql, then row_end. Each is silent
 * after a failure. */
row row_begin(tracedb *db, enum table table);
void row_int(row *r, int64_t value);
void row_count(row *r, uint64_t value);  /* above INT64_MAX: INT64_MAX */
void row_time(row *r, pu_time at);       /* PU_NEVER: NULL */
void row_index(row *r, int64_t value);   /* negative: NULL */
void row_text(row *r, const char *text); /* NULL: NULL */
void row_end(row *r);

#endif
