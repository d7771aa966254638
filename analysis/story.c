/* analysis/story.c - a run in about a dozen plain lines. Each query below gives lines; the story is
 * the queries in order, with what happened in the middle (story_events.c).
 *
 * Nothing here knows a scenario: named nodes and their pairs are told one by one, groups as a
 * whole.
 */
#include "analysis/report.h"
#include "analysis/sql.h"
#include "analysis/story_events.h"
#include "analysis/text.h"

#include <string.h>

/* The whole, and where the named nodes are: behind boxes, which are followed from the innermost of
 * the first network outwards, or public. */
static const char run_sql[] =
    "WITH RECURSIVE named AS ("
    "SELECT * FROM node WHERE NOT is_public AND group_name IS NULL ORDER BY node LIMIT 4), "
    "first AS (SELECT * FROM attachment a WHERE rowid = (SELECT rowid FROM attachment "
    "WHERE node = a.node ORDER BY at_ns, rowid LIMIT 1)), "
    "chain(node, box, depth) AS (SELECT node, box, 0 FROM first JOIN named USING (node) "
    "WHERE box IS NOT NULL UNION ALL SELECT c.node, b.parent, depth + 1 "
    "FROM chain c JOIN nat b USING (box) WHERE b.parent IS NOT NULL AND depth < 8), "
    "boxes AS (SELECT node, group_concat(name, ', then ') AS names FROM (SELECT c.node, "
    "CASE type_name WHEN '' THEN 'a drawn box' ELSE type_name END AS name "
    "FROM chain c JOIN nat USING (box) ORDER BY c.node, depth) GROUP BY node), "
    "open AS (SELECT * FROM node WHERE is_public AND group_name IS NULL ORDER BY node), "
    "place(turn, words) AS ("
    "SELECT n.node, n.name || CASE WHEN b.names IS NULL AND w.box IS NULL "
    "THEN ' is behind ' || n.behind WHEN b.names IS NULL AND a.address = '' "
    "THEN ' has IPv6 alone, behind ' || w.type_name "
    "WHEN b.names IS NULL THEN ' is public, with its IPv6 behind ' || w.type_name "
    "ELSE ' is behind ' || b.names || CASE WHEN w.box IS NOT NULL "
    "THEN ', with its IPv6 behind ' || w.type_name "
    "WHEN a.address6 <> '' THEN ', with its IPv6 public' ELSE '' END END "
    "FROM named n LEFT JOIN first a USING (node) LEFT JOIN boxes b USING (node) "
    "LEFT JOIN nat w ON w.box = a.box6 "
    "UNION ALL SELECT 1000001, printf('%d more named %s behind boxes', count(*) - 4, "
    "CASE count(*) WHEN 5 THEN 'node is' ELSE 'nodes are' END) "
    "FROM node WHERE NOT is_public AND group_name IS NULL HAVING count(*) > 4 "
    "UNION ALL SELECT 1000002, 'public: ' || group_concat(name || "
    "CASE is_relay WHEN 1 THEN ' (a relay)' ELSE '' END, ', ') || "
    "(SELECT CASE WHEN count(*) > 8 THEN printf(' and %d more', count(*) - 8) ELSE '' END "
    "FROM open) FROM (SELECT * FROM open LIMIT 8) HAVING count(*) > 0) "
    "SELECT about FROM run WHERE about <> '' UNION ALL "
    "SELECT printf('%s, seed %s: %d nodes for %g s of simulated time.%s%s', scenario, seed, "
    "(SELECT count(*) FROM node), duration_ns / 1e9, "
    "CASE partial WHEN 1 THEN ' It was stopped before its end.' ELSE '' END, "
    "coalesce((SELECT ' ' || group_concat(words, '; ') || '.' FROM "
    "(SELECT words FROM place ORDER BY turn)), '')) FROM run";

/* What the boxes of named nodes do, in words; those that differ only in their memory together. */
static const char box_sql[] =
    "WITH kind AS (SELECT CASE type_name WHEN '' THEN 'a drawn box' ELSE type_name END AS name, "
    "mapping, filtering, blocks_udp, udp_idle_ns / 1000000000 AS idle_s, "
    "min(n.node) AS node, min(b.parent IS NULL) AS is_inside, min(b.box) AS box "
    "FROM nat b JOIN node n ON n.name = b.owner WHERE n.group_name IS NULL "
    "GROUP BY type_name, mapping, filtering, blocks_udp, udp_idle_ns "
    "ORDER BY min(n.node), min(b.parent IS NULL), min(b.box)) "
    "SELECT printf('%s (%s): %s%s%s.', group_concat(name, ', '), "
    "CASE mapping WHEN 'none' THEN 'firewall for IPv6' ELSE 'NAT' END, "
    "CASE mapping WHEN 'eim' THEN 'one outer port for all; ' "
    "WHEN 'adm' THEN 'another outer port for each address; ' WHEN 'none' THEN '' "
    "ELSE 'another outer port for each address and port; ' END, "
    "CASE filtering WHEN 'eif' THEN 'anybody gets in, until nothing has gone out for ' "
    "WHEN 'adf' THEN 'only who was written to gets in, from any port, for ' "
    "ELSE 'only who was written to gets in, for ' END || CASE min(idle_s) WHEN max(idle_s) "
    "THEN min(idle_s) || ' s' ELSE group_concat(printf('%d s (%s)', idle_s, name), ', ') END, "
    "CASE blocks_udp WHEN 1 THEN '; no UDP gets out' ELSE '' END) "
    "FROM kind GROUP BY mapping, filtering, blocks_udp "
    "ORDER BY min(node), min(is_inside), min(box) LIMIT 4";

/* Median round trips of the pings of named pairs, by either end; only where events were logged. A
 * move of either is another distance: each stay in a network is told with when it began, the first
 * three. All medians: the middle value, or the mean of the two middle ones. */
static const char rtt_sql[] =
    "WITH pair AS (SELECT c.from_node, c.to_node, f.name AS from_name, t.name AS to_name, "
    "min(c.id) AS id FROM connect c "
    "JOIN node f ON f.node = c.from_node AND f.group_name IS NULL "
    "JOIN node t ON t.node = c.to_node AND t.group_name IS NULL GROUP BY 1, 2), "
    "ping AS (SELECT p.id, p.from_name, p.to_name, c.relayed, e.a AS rtt_ns, coalesce(("
    "SELECT max(at_ns) FROM attachment m WHERE m.node IN (p.from_node, p.to_node) "
    "AND m.at_ns <= e.at_ns), 0) AS since_ns FROM pair p "
    "JOIN event e ON e.name = 'ping-rtt' AND ((e.node = p.from_node AND e.peer = p.to_name) "
    "OR (e.node = p.to_node AND e.peer = p.from_name)) "
    "JOIN conn c ON c.node = e.node AND c.conn = e.conn), "
    "place AS (SELECT *, row_number() OVER same AS k, count(*) OVER "
    "(PARTITION BY id, since_ns, relayed) AS n FROM ping "
    "WINDOW same AS (PARTITION BY id, since_ns, relayed ORDER BY rtt_ns)), "
    "middle AS (SELECT id, from_name, to_name, since_ns, relayed, avg(rtt_ns) / 1e6 AS rtt_ms "
    "FROM place WHERE k IN ((n + 1) / 2, (n + 2) / 2) GROUP BY id, since_ns, relayed), "
    "stay AS (SELECT id, from_name, to_name, since_ns, group_concat(printf('%.1f ms %s', rtt_ms, "
    "CASE relayed WHEN 1 THEN 'through the relay' ELSE 'directly' END), ', ') AS words, "
    "row_number() OVER (PARTITION BY id ORDER BY since_ns) AS k FROM "
    "(SELECT * FROM middle ORDER BY id, since_ns, relayed DESC) GROUP BY id, since_ns) "
    "SELECT printf('Median round trip between %s and %s: %s%s.', from_name, to_name, "
    "group_concat(CASE WHEN k > 3 THEN NULL WHEN since_ns > 0 THEN "
    "printf('from %.1f s on ', since_ns / 1e9) || words ELSE words END, '; '), "
    "CASE WHEN count(*) > 3 THEN printf('; and %d more move%s', count(*) - 3, "
    "CASE count(*) WHEN 4 THEN '' ELSE 's' END) ELSE '' END) "
    "FROM (SELECT * FROM stay ORDER BY id, since_ns) GROUP BY id ORDER BY id LIMIT 3";

/* Who else was refused by whom: those that did not ask, as far as the lines above tell. Members of
 * a group count as their group. */
static const char refused_sql[] =
    "WITH said AS (SELECT at_ns, n.node, substr(text, 1, instr(text || ' (', ' (') - 1) AS who "
    "FROM note n WHERE kind = 'refused'), "
    "told AS (SELECT coalesce(w.group_name, s.who) AS who, "
    "coalesce(b.group_name, b.name, 'nobody') AS by, count(*) AS times, min(s.at_ns) AS first_ns "
    "FROM said s LEFT JOIN node w ON w.name = s.who LEFT JOIN node b ON b.node = s.node "
    "WHERE NOT EXISTS (SELECT 1 FROM connect c WHERE c.from_node = w.node AND NOT c.authorized "
    "AND w.group_name IS NULL) GROUP BY 1, 2 ORDER BY first_ns, by) "
    "SELECT printf('%s was refused %d time%s: %s.', who, sum(times), "
    "CASE sum(times) WHEN 1 THEN '' ELSE 's' END, "
    "group_concat(printf('%d by %s', times, by), ', ')) "
    "FROM told GROUP BY who ORDER BY min(first_ns) LIMIT 3";

/* Pairs of groups: the first connect of each pair, medians over those that came. */
static const char group_sql[] =
    "WITH first AS (SELECT min(c.id) AS id FROM connect c GROUP BY c.from_node, c.to_node), "
    "pair AS (SELECT v.* FROM v_connect v JOIN first USING (id) WHERE v.group_name IS NOT NULL), "
    "usable AS (SELECT group_name, time_to_connect_ms / 1e3 AS took_s, "
    "row_number() OVER (PARTITION BY group_name ORDER BY time_to_connect_ms) AS k, "
    "count(*) OVER (PARTITION BY group_name) AS n FROM pair WHERE usable_s IS NOT NULL), "
    "direct AS (SELECT group_name, time_to_direct_ms / 1e3 AS took_s, "
    "row_number() OVER (PARTITION BY group_name ORDER BY time_to_direct_ms) AS k, "
    "count(*) OVER (PARTITION BY group_name) AS n FROM pair WHERE direct_s IS NOT NULL) "
    "SELECT printf('%s: %d of %d pairs connected%s, %d of them directly%s.', p.group_name, "
    "count(p.usable_s), count(*), coalesce((SELECT printf(' (median %.2f s)', avg(took_s)) "
    "FROM usable u WHERE u.group_name = p.group_name AND k IN ((n + 1) / 2, (n + 2) / 2) "
    "HAVING count(*) > 0), ''), count(p.direct_s), "
    "coalesce((SELECT printf(' (median %.2f s)', avg(took_s)) "
    "FROM direct d WHERE d.group_name = p.group_name AND k IN ((n + 1) / 2, (n + 2) / 2) "
    "HAVING count(*) > 0), '')) "
    "FROM pair p GROUP BY p.group_name ORDER BY min(p.id) LIMIT 4";

/* What applications sent, a line for each sender and taker, the first three in full. */
static const char stream_sql[] =
    "WITH told AS (SELECT s.id, from_node, to_node, f.name AS from_name, t.name AS to_name, "
    "(delivered_ns - asked_ns) / 1e9 AS took_s, CASE WHEN bytes < 1000 THEN printf('%d B', bytes) "
    "WHEN bytes < 1000000 THEN printf('%.3g kB', bytes / 1e3) "
    "ELSE printf('%.3g MB', bytes / 1e6) END AS size, "
    "row_number() OVER (PARTITION BY from_node, to_node, delivered_ns IS NULL ORDER BY s.id) AS k "
    "FROM stream s JOIN node f ON f.node = from_node JOIN node t ON t.node = to_node) "
    "SELECT printf('%s sent %s%s%s%s.', from_name, to_name, coalesce(' ' || group_concat("
    "CASE WHEN k <= 3 AND took_s IS NOT NULL THEN printf('%s in %.2f s', size, took_s) END, ', '), "
    "''), CASE WHEN count(took_s) > 3 THEN printf(' and %d more', count(took_s) - 3) ELSE '' END, "
    "CASE WHEN count(took_s) = count(*) THEN '' WHEN count(took_s) > 0 "
    "THEN printf('; %d of %d never came whole', count(*) - count(took_s), count(*)) "
    "ELSE printf(' %s that never came whole', CASE count(*) WHEN 1 THEN size ELSE "
    "count(*) || ' streams' END) END) "
    "FROM told GROUP BY from_node, to_node ORDER BY min(id) LIMIT 4";

/* The verdict, with what was seen where a property was violated. */
static const char property_sql[] =
    "SELECT printf('%d of %d properties held%s', sum(held), count(*), "
    "CASE WHEN sum(held) = count(*) THEN '.' ELSE ', violated: ' || "
    "group_concat(CASE held WHEN 0 THEN name || ' (' || why || ')' END, '; ') || '.' END) "
    "FROM property HAVING count(*) > 0";

/* Prints the lines of a query; what others chose in them is escaped, a line stays a line. */
static void tell(sql *db, FILE *out, const char *query)
{
    sqlite3_stmt *q = sql_query(db, query, "");
    while (sql_row(db, q)) {
        char line[2048];
        const char *words = sql_text(q, 0);
        text_escape(line, sizeof line, (const uint8_t *)words, strlen(words));
        fprintf(out, "%s\n", line);
    }
}

bool report_story(const char *db_path, FILE *out, char *error, size_t error_cap)
{
    static const char *const before[] = {run_sql, box_sql};
    static const char *const after[] = {stream_sql, rtt_sql, refused_sql, group_sql, property_sql};
    sql db;
    if (sql_open(&db, db_path)) {
        for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) tell(&db, out, before[i]);
        tell(&db, out, story_events(&db));
        for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) tell(&db, out, after[i]);
    }
    bool done = db.error[0] == '\0';
    if (!done) snprintf(error, error_cap, "%s", db.error);
    sql_close(&db);
    return done;
}
