/* analysis/sql.c - see sql.h. */
#include "analysis/sql.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

/* As set by schema.sql. */
enum { APPLICATION_ID = 1886745198, USER_VERSION = 6 };

static void fail(sql *s, const char *reason)
{
    if (s->error[0] == '\0') snprintf(s->error, sizeof s->error, "%s: %s", s->path, reason);
}

static void fail_sqlite(sql *s)
{
    fail(s, s->db ? sqlite3_errmsg(s->db) : "out of memory");
}

/* What SQLite would only call a disk I/O error. */
static bool is_folder(sql *s, const char *path)
{
    struct stat info;
    char inside[1024];
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) return false;
    int len = snprintf(inside, sizeof inside, "%s/run.db", path);
    bool has_run = len < (int)sizeof inside && stat(inside, &info) == 0;
    fail(s, has_run ? "it is a folder; the database is run.db in it" : "it is a folder");
    return true;
}

bool sql_open(sql *s, const char *path)
{
    *s = (sql){.path = path};
    if (is_folder(s, path)) return false;
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK) {
        fail_sqlite(s);
        return false;
    }
    if (sql_number(s, "PRAGMA application_id") != APPLICATION_ID) {
        fail(s, "is not a run database of peerup-sim");
    } else if (sql_number(s, "PRAGMA user_version") != USER_VERSION) {
        fail(s, "is a run database of another version of peerup-sim");
    } else if (sql_number(s, "SELECT count(*) FROM run") != 1) {
        fail(s, "is a run database without its run");
    }
    return s->error[0] == '\0';
}

void sql_close(sql *s)
{
    sqlite3_close(s->db);
    s->db = NULL;
}

sqlite3_stmt *sql_query(sql *s, const char *text, const char *types, ...)
{
    sqlite3_stmt *q = NULL;
    if (s->error[0] != '\0') return NULL;
    if (sqlite3_prepare_v2(s->db, text, -1, &q, NULL) != SQLITE_OK) {
        fail_sqlite(s);
        return NULL;
    }
    va_list values;
    va_start(values, types);
    for (int i = 0; types[i] != '\0'; i++) {
        if (types[i] == 'i') sqlite3_bind_int64(q, i + 1, va_arg(values, int64_t));
        else sqlite3_bind_text(q, i + 1, va_arg(values, const char *), -1, SQLITE_STATIC);
    }
    va_end(values);
    return q;
}

bool sql_row(sql *s, sqlite3_stmt *q)
{
    if (!q) return false;
    int result = sqlite3_step(q);
    if (result == SQLITE_ROW) return true;
    if (result != SQLITE_DONE) fail_sqlite(s);
    sqlite3_finalize(q);
    return false;
}

const char *sql_text(sqlite3_stmt *q, int column)
{
    const char *text = (const char *)sqlite3_column_text(q, column);
    return text ? text : "";
}

int64_t sql_int(sqlite3_stmt *q, int column)
{
    return sqlite3_column_int64(q, column);
}

int64_t sql_ns(sqlite3_stmt *q, int column)
{
    int64_t ns = sql_int(q, column);
    return ns < 0 ? 0 : ns > SQL_NS_MAX ? SQL_NS_MAX : ns;
}

int64_t sql_run_ms(sql *s)
{
    int64_t ns = 0;
    sqlite3_stmt *q = sql_query(s, "SELECT duration_ns FROM run", "");
    while (sql_row(s, q)) ns = sql_ns(q, 0);
    return ns < 1000000 ? 1 : ns / 1000000;
}

bool sql_null(sqlite3_stmt *q, int column)
{
    return sqlite3_column_type(q, column) == SQLITE_NULL;
}

int64_t sql_number(sql *s, const char *text)
{
    int64_t number = 0;
    sqlite3_stmt *q = sql_query(s, text, "");
    while (sql_row(s, q)) number = sql_int(q, 0);
    return number;
}
