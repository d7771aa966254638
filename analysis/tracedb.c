/* analysis/tracedb.c - the run database as a file: created as PATH.partial-..., one transaction,
 * renamed at the end.
 *
 * Equal rows give equal bytes: the page size is fixed, freed bytes inside pages are zeroed
 * (secure_delete), and nothing in the file depends on time or memory. A crash leaves only the
 * .partial, so no journal and no fsync are needed.
 */
#include "analysis/tracedb_impl.h"

#include "analysis/partial.h"
#include "analysis/schema_sql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PARTIAL_MORE = 64 }; /* bytes that the .partial's name is longer */

static const char *const settings[] = {
    "PRAGMA page_size = 4096",         "PRAGMA encoding = 'UTF-8'",
    "PRAGMA journal_mode = OFF",       "PRAGMA synchronous = OFF",
    "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",      "BEGIN",
};

static const char *const insert_sql[] = {
    "INSERT INTO run VALUES (?,?,?,?,?,?,?,?,?,?,?)",
    "INSERT INTO node VALUES (?,?,?,?,?,?,?,?,?,?,?)",
    "INSERT INTO nat VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    "INSERT INTO attachment VALUES (?,?,?,?,?,?)",
    "INSERT INTO event VALUES (?,?,?,?,?,?,?,?,?,?)",
    "INSERT INTO code VALUES (?,?,?)",
    "INSERT INTO dial VALUES (?,?,?,?,?,?,?,?)",
    "INSERT INTO conn VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
    "INSERT INTO path VALUES (?,?,?,?,?)",
    "INSERT INTO connect VALUES (NULL,?,?,?,?,?,?,?,?,?)",
    "INSERT INTO stream VALUES (NULL,?,?,?,?,?)",
    "INSERT INTO note VALUES (?,?,?,?)",
    "INSERT INTO endpoint VALUES (?,?)",
    "INSERT INTO packet VALUES (?,?,?,?,?,?,?,?,?,?,?)",
    "INSERT INTO metric VALUES (?,?,?,?)",
    "INSERT INTO property VALUES (NULL,?,?,?,?,?,?)",
};
_Static_assert(sizeof insert_sql / sizeof insert_sql[0] == TABLE_COUNT, "one for every table");

void tracedb_fail(tracedb *db, const char *doing, const char *reason)
{
    if (db->failed) return;
    db->failed = true;
    snprintf(db->error, sizeof db->error, "%s: %s: %s", db->path, doing, reason);
}

void tracedb_fail_sqlite(tracedb *db, const char *doing)
{
    char reason[256];
    int number = db->db ? sqlite3_system_errno(db->db) : 0;
    const char *what = db->db ? sqlite3_errmsg(db->db) : "out of memory";
    if (number != 0) snprintf(reason, sizeof reason, "%s (%s)", what, strerror(number));
    else snprintf(reason, sizeof reason, "%s", what);
    tracedb_fail(db, doing, reason);
}

static void execute(tracedb *db, const char *sql)
{
    if (db->failed) return;
    if (sqlite3_exec(db->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        tracedb_fail_sqlite(db, "cannot write");
    }
}

static void release(tracedb *db)
{
    intern_close(&db->endpoints);
    free(db->path);
    free(db->partial);
    free(db);
}

static void open_partial(tracedb *db, size_t cap)
{
    if (!partial_make(db->path, db->partial, cap)) {
        db->partial[0] = '\0';
        tracedb_fail(db, "cannot create", strerror(errno));
        return;
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(db->partial, &db->db, flags, NULL) != SQLITE_OK) {
        tracedb_fail_sqlite(db, "cannot create");
    }
}

tracedb *tracedb_create(const char *path, char *error, size_t error_cap)
{
    tracedb *db = calloc(1, sizeof *db);
    size_t cap = strlen(path) + PARTIAL_MORE;
    if (db) db->path = strdup(path);
    if (db) db->partial = malloc(cap);
    if (!db || !db->path || !db->partial) {
        snprintf(error, error_cap, "%s: out of memory", path);
        if (db) release(db);
        return NULL;
    }
    open_partial(db, cap);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) execute(db, settings[i]);
    for (size_t i = 0; i < sizeof schema_sql / sizeof schema_sql[0]; i++) {
        execute(db, schema_sql[i]);
    }
    if (!db->failed) return db;
    tracedb_close(db, false, error, error_cap);
    return NULL;
}

bool tracedb_close(tracedb *db, bool keep, char *error, size_t error_cap)
{
    execute(db, "COMMIT");
    for (int i = 0; i < TABLE_COUNT; i++) sqlite3_finalize(db->insert[i]);
    if (sqlite3_close(db->db) != SQLITE_OK) tracedb_fail_sqlite(db, "cannot close");
    if (keep && !db->failed && rename(db->partial, db->path) != 0) {
        tracedb_fail(db, "cannot rename .partial", strerror(errno));
    }
    if ((!keep || db->failed) && db->partial[0] != '\0') unlink(db->partial);
    bool done = !db->failed;
    if (!done) snprintf(error, error_cap, "%s", db->error);
    release(db);
    return done;
}

row row_begin(tracedb *db, enum table table)
{
    row r = {db, NULL, 0};
    if (db->failed) return r;
    sqlite3_stmt **insert = &db->insert[table];
    if (!*insert && sqlite3_prepare_v2(db->db, insert_sql[table], -1, insert, NULL) != SQLITE_OK) {
        tracedb_fail_sqlite(db, "cannot prepare");
    }
    r.stmt = *insert;
    return r;
}

void row_int(row *r, int64_t value)
{
    if (r->stmt) sqlite3_bind_int64(r->stmt, ++r->column, value);
}

void row_count(row *r, uint64_t value)
{
    row_int(r, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void row_null(row *r)
{
    if (r->stmt) sqlite3_bind_null(r->stmt, ++r->column);
}

void row_time(row *r, pu_time at)
{
    if (at == PU_NEVER) row_null(r);
    else row_count(r, at);
}

void row_index(row *r, int64_t value)
{
    if (value < 0) row_null(r);
    else row_int(r, value);
}

void row_text(row *r, const char *text)
{
    if (!text) row_null(r);
    else if (r->stmt) sqlite3_bind_text(r->stmt, ++r->column, text, -1, SQLITE_STATIC);
}

void row_end(row *r)
{
    if (!r->stmt) return;
    if (sqlite3_step(r->stmt) != SQLITE_DONE) tracedb_fail_sqlite(r->db, "cannot write");
    sqlite3_reset(r->stmt);
    sqlite3_clear_bindings(r->stmt);
}
