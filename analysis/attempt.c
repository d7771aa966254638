/* analysis/attempt.c - which connection attempt the report shows packet by packet, from when until
 * when, and the places between which its datagrams went: see attempt.h. */
#include "analysis/attempt.h"

#include <stdio.h>

#define BEFORE_NS INT64_C(250000000)  /* shown before the first punch datagram */
#define WINDOW_NS INT64_C(3000000000) /* shown at most */

/* The first named pair that punched. */
static const char punch_sql[] =
    "SELECT c.from_node, c.to_node, c.asked_ns, min(p.at_ns), c.direct_ns FROM connect c "
    "JOIN node f ON f.node = c.from_node AND f.group_name IS NULL "
    "JOIN node t ON t.node = c.to_node AND t.group_name IS NULL "
    "JOIN packet p ON p.kind = 'punch' AND p.from_node IN (c.from_node, c.to_node) "
    "AND p.at_ns BETWEEN c.asked_ns AND coalesce(c.direct_ns, c.asked_ns + 30000000000) "
    "GROUP BY c.id ORDER BY c.id LIMIT 1";

/* The first named pair that was asked for, welcome ones before strangers, with anything to see. */
static const char asked_sql[] =
    "SELECT c.from_node, c.to_node, c.asked_ns, c.usable_ns FROM connect c "
    "JOIN node f ON f.node = c.from_node AND f.group_name IS NULL "
    "JOIN node t ON t.node = c.to_node AND t.group_name IS NULL "
    "WHERE EXISTS (SELECT 1 FROM packet p WHERE p.from_node = c.from_node "
    "AND p.at_ns BETWEEN c.asked_ns AND c.asked_ns + 3000000000) "
    "ORDER BY NOT c.authorized, c.id LIMIT 1";

/* Boxes that let datagrams of node ?1 out, innermost first: in the order the first one met them. A
 * firewall stands before them, as it is met by none of theirs. */
static const char box_sql[] =
    "SELECT box, fate = 'passed' AS is_six FROM packet WHERE from_node = ?1 "
    "AND at_ns BETWEEN ?2 AND ?3 AND box IS NOT NULL AND fate IN ('translated', 'passed') "
    "GROUP BY box ORDER BY is_six DESC, min(rowid) LIMIT 4";

static const char relay_sql[] =
    "SELECT node FROM node WHERE is_relay AND node NOT IN (?1, ?2) "
    "AND node IN (SELECT to_node FROM packet WHERE from_node = ?1 AND at_ns BETWEEN ?3 AND ?4) "
    "AND node IN (SELECT to_node FROM packet WHERE from_node = ?2 AND at_ns BETWEEN ?3 AND ?4) "
    "ORDER BY node LIMIT 2";

/* Its window is still open: it has to be cut to what is in it. */
static bool find_punch(sql *db, attempt *p)
{
    bool found = false;
    sqlite3_stmt *q = sql_query(db, punch_sql, "");
    while (sql_row(db, q)) {
        int64_t first = sql_ns(q, 3), direct = sql_ns(q, 4);
        p->a = sql_int(q, 0);
        p->b = sql_int(q, 1);
        p->asked = sql_ns(q, 2);
        p->from = first - BEFORE_NS > p->asked ? first - BEFORE_NS : p->asked;
        p->until = first + WINDOW_NS;
        p->is_done = !sql_null(q, 4);
        p->is_cut = !p->is_done || direct > p->until;
        if (!p->is_cut) p->until = direct;
        p->is_punch = found = true;
    }
    return found;
}

static bool find_asked(sql *db, attempt *p)
{
    bool found = false;
    sqlite3_stmt *q = sql_query(db, asked_sql, "");
    while (sql_row(db, q)) {
        p->a = sql_int(q, 0);
        p->b = sql_int(q, 1);
        p->asked = p->from = sql_ns(q, 2);
        p->is_done = !sql_null(q, 3);
        p->until = p->asked + WINDOW_NS;
        p->is_cut = !p->is_done || sql_ns(q, 3) + ATTEMPT_AFTER_NS > p->until;
        if (!p->is_cut) p->until = sql_ns(q, 3) + ATTEMPT_AFTER_NS;
        found = true;
    }
    return found;
}

static void add_host(attempt *p, int64_t index, int side)
{
    p->places[p->count++] = (attempt_place){.index = index, .side = side};
}

static attempt_place box_place(sqlite3_stmt *q, int side)
{
    return (attempt_place){
        .is_box = true, .index = sql_int(q, 0), .side = side, .is_six = sql_int(q, 1) != 0};
}

/* Boxes of a from the inside out, b's from the outside in. */
static void find_places(sql *db, attempt *p)
{
    attempt_place boxes[ATTEMPT_BOXES_MAX] = {0};
    int count = 0;
    sqlite3_stmt *q = sql_query(db, relay_sql, "iiii", p->a, p->b, p->from, p->until);
    while (sql_row(db, q)) add_host(p, sql_int(q, 0), 0);
    add_host(p, p->a, 1);
    q = sql_query(db, box_sql, "iii", p->a, p->from, p->until);
    while (sql_row(db, q)) p->places[p->count++] = box_place(q, 1);
    q = sql_query(db, box_sql, "iii", p->b, p->from, p->until);
    while (sql_row(db, q)) boxes[count++] = box_place(q, 2);
    while (count > 0) p->places[p->count++] = boxes[--count];
    add_host(p, p->b, 2);
}

bool attempt_find(sql *db, attempt *p)
{
    *p = (attempt){0};
    if (!find_punch(db, p) && !find_asked(db, p)) return false;
    find_places(db, p);
    return true;
}

int attempt_column(const attempt *p, bool is_box, int64_t index)
{
    for (int x = 0; x < p->count; x++) {
        if (p->places[x].is_box == is_box && p->places[x].index == index) return x;
    }
    return -1;
}

void attempt_name(sql *db, const attempt_place *at, char *name, size_t cap)
{
    const char *query =
        at->is_box ? "SELECT owner || ' ' || CASE type_name WHEN '' THEN 'box' ELSE type_name END "
                     "FROM nat WHERE box = ?"
                   : "SELECT name FROM node WHERE node = ?";
    sqlite3_stmt *q = sql_query(db, query, "i", at->index);
    name[0] = '\0';
    while (sql_row(db, q)) snprintf(name, cap, "%s", sql_text(q, 0));
}
