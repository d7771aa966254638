/* analysis/attempt.c - which connection attempt the report shows packet by packet, from when until
 * when, and the places between which its datagrams went: see attempt.h. */
#include "analysis/attempt.h"

#include <stdio.h>

#define BEFORE_NS INT64_C(250000000)  /* shown before the first punch datagram */
#define WINDOW_NS INT64_C(3000000000) /* shown at most */

/* The connect that tells most, if there is anything to see of it. Punch datagrams are read from
 * what their sender tells, which names the peer that they are for. */
static const char ask_sql[] =
    "WITH sent AS MATERIALIZED (SELECT node, peer, at_ns FROM event WHERE name = 'punch-send'), "
    "ask AS (SELECT c.*, (SELECT min(s.at_ns) FROM sent s WHERE "
    "((s.node = c.from_node AND s.peer = t.name) OR (s.node = c.to_node AND s.peer = f.name)) "
    "AND s.at_ns BETWEEN c.asked_ns AND coalesce(c.direct_ns, c.asked_ns + 30000000000)) "
    "AS punch_ns FROM connect c "
    "JOIN node f ON f.node = c.from_node AND f.group_name IS NULL "
    "JOIN node t ON t.node = c.to_node AND t.group_name IS NULL) "
    "SELECT from_node, to_node, asked_ns, usable_ns, direct_ns, punch_ns FROM ask a "
    "WHERE EXISTS (SELECT 1 FROM packet p WHERE p.from_node IN (a.from_node, a.to_node) "
    "AND p.at_ns BETWEEN a.asked_ns AND coalesce(a.direct_ns, a.punch_ns, a.asked_ns + "
    "3000000000)) "
    "ORDER BY direct_ns IS NULL, punch_ns IS NULL, first_path = 'direct', NOT authorized, id "
    "LIMIT 1";

/* Boxes that let datagrams of the window out for node ?1, innermost first: in the order the first
 * one met them. A firewall stands before them, as it is met by none of theirs. */
static const char box_sql[] =
    "SELECT box, fate = 'passed' AS is_six FROM packet WHERE from_node = ?1 "
    "AND id IN (SELECT id FROM packet WHERE at_ns BETWEEN ?2 AND ?3) "
    "AND box IS NOT NULL AND fate IN ('translated', 'passed') "
    "GROUP BY box ORDER BY is_six DESC, min(rowid) LIMIT 4";

static const char relay_sql[] =
    "SELECT node FROM node WHERE is_relay AND node NOT IN (?1, ?2) "
    "AND node IN (SELECT to_node FROM packet WHERE from_node = ?1 AND at_ns BETWEEN ?3 AND ?4) "
    "AND node IN (SELECT to_node FROM packet WHERE from_node = ?2 AND at_ns BETWEEN ?3 AND ?4) "
    "ORDER BY node LIMIT 2";

/* The window: up to the direct connection; else from the first punch datagram on, or from when it
 * was asked until it was usable. */
static void choose_window(attempt *p, int64_t usable, int64_t direct, int64_t punch)
{
    p->from = p->asked;
    if (p->is_punch && punch - BEFORE_NS > p->asked) p->from = punch - BEFORE_NS;
    if (p->is_direct) {
        p->until = direct + (p->is_punch ? 0 : ATTEMPT_AFTER_NS);
        p->is_cut = p->until - p->from > WINDOW_NS;
        if (p->is_cut) p->from = p->until - WINDOW_NS;
        return;
    }
    p->until = (p->is_punch ? punch : p->asked) + WINDOW_NS;
    p->is_cut = p->is_punch || !p->is_usable || usable + ATTEMPT_AFTER_NS > p->until;
    if (!p->is_cut) p->until = usable + ATTEMPT_AFTER_NS;
}

static bool find_ask(sql *db, attempt *p)
{
    bool found = false;
    sqlite3_stmt *q = sql_query(db, ask_sql, "");
    while (sql_row(db, q)) {
        p->a = sql_int(q, 0);
        p->b = sql_int(q, 1);
        p->asked = sql_ns(q, 2);
        p->is_usable = !sql_null(q, 3);
        p->is_direct = !sql_null(q, 4);
        p->is_punch = !sql_null(q, 5);
        choose_window(p, sql_ns(q, 3), sql_ns(q, 4), sql_ns(q, 5));
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
    if (!find_ask(db, p)) return false;
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
