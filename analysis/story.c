/* analysis/story.c - a run in about a dozen plain lines. Each query below gives lines; the story is
 * the queries in order.
 *
 * Nothing here knows a scenario: named nodes and their pairs are told one by one, groups as a
 * whole.
 */
#include "analysis/report.h"
#include "analysis/sql.h"
#include "analysis/text.h"

#include <string.h>

/* The whole. */
static const char run_sql[] =
    "SELECT about FROM run WHERE about <> '' UNION ALL "
    "SELECT printf('%s: %d nodes for %s s of simulated time, seed %s, %d events.', scenario, "
    "(SELECT count(*) FROM node), round(duration_ns / 1e9, 3), seed, events) FROM run";

/* Named nodes that are public. */
static const char public_sql[] =
    "WITH open AS (SELECT * FROM node WHERE is_public AND group_name IS NULL ORDER BY node) "
    "SELECT 'On public addresses: ' || group_concat(name || "
    "CASE is_relay WHEN 1 THEN ' (a relay)' ELSE '' END, ', ') || "
    "(SELECT CASE WHEN count(*) > 8 THEN printf(' and %d more', count(*) - 8) ELSE '' END "
    "FROM open) || '.' FROM (SELECT * FROM open LIMIT 8) HAVING count(*) > 0";

/* Named nodes behind boxes, which are followed from the innermost of the first network outwards. */
static const char behind_sql[] =
    "WITH RECURSIVE named AS ("
    "SELECT * FROM node WHERE NOT is_public AND group_name IS NULL ORDER BY node LIMIT 4), "
    "chain(name, box) AS ("
    "SELECT n.name, min(b.box) FROM named n JOIN nat b ON b.owner = n.name AND NOT EXISTS ("
    "SELECT 1 FROM nat i WHERE i.parent = b.box AND i.owner = b.owner) GROUP BY n.name "
    "UNION ALL SELECT c.name, b.parent FROM chain c JOIN nat b USING (box) "
    "WHERE b.parent IS NOT NULL), "
    "told AS (SELECT c.name, group_concat(CASE b.type_name WHEN '' THEN 'a drawn box' "
    "ELSE b.type_name END, ', then ') AS words FROM chain c JOIN nat b USING (box) GROUP BY "
    "c.name) "
    "SELECT words FROM (SELECT n.node, printf('%s is behind %s.', n.name, "
    "coalesce(t.words, n.behind)) AS words FROM named n LEFT JOIN told t USING (name) "
    "UNION ALL SELECT 1 + max(node), printf('%d more named nodes are behind boxes.', count(*) - 4) "
    "FROM node WHERE NOT is_public AND group_name IS NULL HAVING count(*) > 4) ORDER BY node";

/* What the boxes of named nodes do, in words. */
static const char box_sql[] =
    "SELECT printf('%s (%s/%s/%s): %s, %s; %s%s; forgets what is unused for %s s.', "
    "CASE type_name WHEN '' THEN 'a drawn box' ELSE type_name END, mapping, filtering, ports, "
    "CASE mapping WHEN 'eim' THEN 'one outer port for all' "
    "WHEN 'adm' THEN 'another outer port for each address' "
    "ELSE 'another outer port for each address and port' END, "
    "CASE ports WHEN 'preserve' THEN 'the inner number where it is free' "
    "WHEN 'sequential' THEN 'numbered in a row' ELSE 'numbered at random' END, "
    "CASE filtering WHEN 'eif' THEN 'lets in anybody' "
    "WHEN 'adf' THEN 'lets in whom it has written to, from any port' "
    "ELSE 'lets in only whom it has written to' END, "
    "CASE blocks_udp WHEN 1 THEN ', lets no UDP out' ELSE '' END, udp_idle_ns / 1000000000) "
    "FROM nat b JOIN node n ON n.name = b.owner WHERE n.group_name IS NULL "
    "GROUP BY type_name, mapping, filtering, ports, blocks_udp, udp_idle_ns "
    "ORDER BY min(n.node), min(b.parent IS NULL), min(b.box) LIMIT 6";

/* Connects between named nodes and changes of network, in the order of time. Seconds have three
 * digits, durations their milliseconds. The relay is read from the circuit that won, the punch from
 * the note of who asked, or else of the other side. A connect that came to nothing tells where its
 * datagrams died, as far as packets were logged: those sent to the addresses that it dialled. */
static const char happened_sql[] =
    "WITH named AS ("
    "SELECT c.*, f.name AS from_name, t.name AS to_name, "
    "lag(c.lost_ns) OVER (PARTITION BY c.from_node, c.to_node ORDER BY c.id) AS before_ns "
    "FROM connect c JOIN node f ON f.node = c.from_node AND f.group_name IS NULL "
    "JOIN node t ON t.node = c.to_node AND t.group_name IS NULL), "
    "dead AS (SELECT c.id, CASE WHEN v.place IS NOT NULL THEN 'dropped at ' || v.place "
    "WHEN v.fate = 'no-route' THEN 'sent to an address that nobody has' "
    "ELSE 'lost on a link' END AS how, count(*) AS n "
    "FROM named c JOIN v_packet v ON v.from_name = c.from_name "
    "AND v.fate NOT IN ('sent', 'translated', 'delivered') "
    "AND v.at_ms >= c.asked_ns / 1e6 WHERE c.usable_ns IS NULL AND EXISTS ("
    "SELECT 1 FROM dial d WHERE d.node = c.from_node AND d.to_name = c.to_name AND d.address = "
    "'/ip4/' || replace(v.to_endpoint, ':', '/udp/') || '/quic-v1') GROUP BY 1, 2), "
    "told AS (SELECT c.*, "
    "(SELECT d.via FROM v_dial d WHERE d.from_name = c.from_name AND d.to_name = c.to_name "
    "AND d.transport = 'circuit' AND d.outcome = 'won' AND d.end_s "
    "BETWEEN c.asked_ns / 1e9 AND c.usable_ns / 1e9 ORDER BY d.end_s DESC LIMIT 1) AS relay, "
    "(SELECT substr(min((n.node <> c.from_node) || substr(n.text, instr(n.text, ': direct after ') "
    "+ 15)), 2) FROM note n "
    "WHERE n.kind = 'punch' AND n.at_ns BETWEEN c.asked_ns AND c.direct_ns + 2000000000 AND ("
    "(n.node = c.from_node AND instr(n.text, c.to_name || ':') = 1) OR "
    "(n.node = c.to_node AND instr(n.text, c.from_name || ':') = 1))) AS punch, "
    "(SELECT group_concat(printf('%d %s', n, how), ', ') FROM (SELECT * FROM dead d "
    "WHERE d.id = c.id ORDER BY n DESC)) AS deaths "
    "FROM named c), "
    "line(at_ns, words) AS (SELECT asked_ns, printf('At %.3f s %s %s %s%s: %s%s.', "
    "asked_ns / 1e9, from_name, CASE WHEN before_ns IS NULL THEN 'asked for' ELSE 'lost' END, "
    "to_name, CASE WHEN before_ns IS NULL THEN '' ELSE ' and asked again' END, "
    "CASE WHEN usable_ns IS NULL THEN 'never connected' || CASE authorized WHEN 1 THEN '' "
    "ELSE ', unauthorized' END || coalesce('; its datagrams: ' || deaths, '') ELSE "
    "printf('usable after %.1f ms%s', (usable_ns - asked_ns) / 1e6, CASE first_path "
    "WHEN 'relay' THEN ' through ' || coalesce(relay, 'a relay') ELSE ' by a direct dial' END) "
    "END, "
    "CASE WHEN direct_ns IS NULL THEN CASE WHEN usable_ns IS NULL THEN '' ELSE ', never direct' "
    "END "
    "WHEN first_path = 'direct' THEN '' ELSE printf(', direct after %.1f ms%s', "
    "(direct_ns - asked_ns) / 1e6, CASE WHEN punch IS NULL THEN '' "
    "WHEN punch LIKE '0 rounds%' THEN ' by dialling an open address, without a punch' "
    "ELSE ' by a hole punch (' || punch || ')' END) END) FROM told "
    "UNION ALL SELECT n.at_ns, printf('At %.3f s %s changed its network%s', n.at_ns / 1e9, w.name, "
    "CASE WHEN o.id IS NULL THEN '.' WHEN o.lost_ns IS NULL OR o.lost_ns > n.next_ns THEN printf("
    "': its connection with %s held.', other) ELSE printf(': %s was lost %s%s.', other, "
    "CASE o.lost_ns - n.at_ns WHEN 0 THEN 'at once' ELSE printf('%.3f s later', "
    "(o.lost_ns - n.at_ns) / 1e9) END, CASE WHEN b.usable_ns IS NULL THEN ' and did not come back' "
    "ELSE printf(', back %.3f s after the change%s', (b.usable_ns - n.at_ns) / 1e9, "
    "CASE WHEN b.direct_ns IS NULL THEN '' ELSE printf(', direct %.3f s after it', "
    "(b.direct_ns - n.at_ns) / 1e9) END) END) END) "
    "FROM (SELECT *, lead(at_ns) OVER (PARTITION BY node ORDER BY at_ns) AS next_ns FROM note "
    "WHERE kind = 'change_network') n JOIN node w ON w.node = n.node AND w.group_name IS NULL "
    "LEFT JOIN (SELECT *, from_name AS other, to_node AS mover FROM named "
    "UNION ALL SELECT *, to_name, from_node FROM named) o ON o.mover = n.node "
    "AND o.usable_ns <= n.at_ns AND coalesce(o.lost_ns, n.at_ns) >= n.at_ns "
    "LEFT JOIN named b ON b.from_node = o.from_node AND b.to_node = o.to_node "
    "AND b.before_ns = o.lost_ns AND b.id > o.id) "
    "SELECT words FROM (SELECT * FROM line ORDER BY at_ns, words LIMIT 10) "
    "UNION ALL SELECT printf('... and %d more connects and changes of network of named nodes.', "
    "count(*) - 10) FROM line HAVING count(*) > 10";

/* Punch datagrams by sender: each named node, and groups as a whole; only where packets were
 * logged. */
static const char punch_sql[] =
    "SELECT CASE WHEN arrived = sent THEN printf('%s: all %d punch datagrams arrived%s.', who, "
    "sent, coalesce(' at ' || only, '')) ELSE printf('%s: of %d punch datagrams %d arrived, "
    "%d were dropped by boxes, %d elsewhere.', who, sent, arrived, dropped, "
    "sent - arrived - dropped) END FROM ("
    "SELECT coalesce(f.group_name, f.name) AS who, f.group_name, min(f.node) AS first, "
    "sum(fate = 'sent') AS sent, sum(fate = 'delivered') AS arrived, "
    "sum(box IS NOT NULL AND fate <> 'translated') AS dropped, "
    "CASE WHEN count(DISTINCT to_node) = 1 THEN max(t.name) END AS only "
    "FROM packet p JOIN node f ON f.node = p.from_node LEFT JOIN node t ON t.node = p.to_node "
    "WHERE kind = 'punch' GROUP BY 1, 2) WHERE sent > 0 ORDER BY group_name IS NOT NULL, first "
    "LIMIT 6";

/* Median round trip of the pings of named pairs, by either end; only where events were logged. All
 * medians: the middle value, or the mean of the two middle ones. */
static const char rtt_sql[] =
    "WITH pair AS (SELECT c.from_node, c.to_node, f.name AS from_name, t.name AS to_name, "
    "min(c.id) AS id FROM connect c "
    "JOIN node f ON f.node = c.from_node AND f.group_name IS NULL "
    "JOIN node t ON t.node = c.to_node AND t.group_name IS NULL GROUP BY 1, 2), "
    "ping AS (SELECT p.id, p.from_name, p.to_name, c.relayed, e.a AS rtt_ns FROM pair p "
    "JOIN event e ON e.name = 'ping-rtt' AND ((e.node = p.from_node AND e.peer = p.to_name) "
    "OR (e.node = p.to_node AND e.peer = p.from_name)) "
    "JOIN conn c ON c.node = e.node AND c.conn = e.conn), "
    "place AS (SELECT *, row_number() OVER (PARTITION BY id, relayed ORDER BY rtt_ns) AS k, "
    "count(*) OVER (PARTITION BY id, relayed) AS n FROM ping) "
    "SELECT printf('Round trip between %s and %s: %s.', from_name, to_name, "
    "group_concat(printf('%.1f ms %s (%s)', rtt_ns / 1e6, CASE relayed WHEN 1 THEN "
    "'through the relay' ELSE 'directly' END, CASE n WHEN 1 THEN 'one ping' "
    "ELSE printf('median of %d pings', n) END), ', ')) "
    "FROM (SELECT id, from_name, to_name, relayed, n, avg(rtt_ns) AS rtt_ns FROM place "
    "WHERE k IN ((n + 1) / 2, (n + 2) / 2) GROUP BY id, relayed ORDER BY id, relayed DESC) "
    "GROUP BY id ORDER BY id LIMIT 3";

/* Who was refused by whom; members of a group count as their group. */
static const char refused_sql[] =
    "WITH said AS (SELECT at_ns, n.node, substr(text, 1, instr(text || ' (', ' (') - 1) AS who, "
    "trim(substr(text, instr(text || ' (', ' (') + 1), ' ()') AS stage "
    "FROM note n WHERE kind = 'refused'), "
    "told AS (SELECT coalesce(w.group_name, s.who) AS who, "
    "coalesce(b.group_name, b.name, 'nobody') AS by, s.stage, count(*) AS times, "
    "min(s.at_ns) AS first_ns FROM said s LEFT JOIN node w ON w.name = s.who "
    "LEFT JOIN node b ON b.node = s.node GROUP BY 1, 2, 3 ORDER BY first_ns, by) "
    "SELECT printf('%s was refused %d time%s: %s.', who, sum(times), "
    "CASE sum(times) WHEN 1 THEN '' ELSE 's' END, "
    "group_concat(printf('%d by %s%s', times, by, CASE stage WHEN '' THEN '' "
    "WHEN 'accept' THEN ' (accept: before any handshake)' "
    "WHEN 'secured' THEN printf(' (secured: %s ended it after the handshake, before any stream "
    "existed)', by) "
    "WHEN 'relay' THEN printf(' (relay: %s did not carry it)', by) "
    "ELSE ' (' || stage || ')' END), ', ')) FROM told GROUP BY who ORDER BY min(first_ns) LIMIT 3";

/* Pairs of groups: the first connect of each pair, medians over those that came. */
static const char group_sql[] =
    "WITH first AS (SELECT min(c.id) AS id FROM connect c GROUP BY c.from_node, c.to_node), "
    "pair AS (SELECT v.* FROM v_connect v JOIN first USING (id) WHERE v.group_name IS NOT NULL), "
    "usable AS (SELECT group_name, time_to_connect_ms AS ms, "
    "row_number() OVER (PARTITION BY group_name ORDER BY time_to_connect_ms) AS k, "
    "count(*) OVER (PARTITION BY group_name) AS n FROM pair WHERE usable_s IS NOT NULL), "
    "direct AS (SELECT group_name, time_to_direct_ms AS ms, "
    "row_number() OVER (PARTITION BY group_name ORDER BY time_to_direct_ms) AS k, "
    "count(*) OVER (PARTITION BY group_name) AS n FROM pair WHERE direct_s IS NOT NULL) "
    "SELECT printf('%s: %d of %d pairs connected%s, %d of them directly%s.', p.group_name, "
    "count(p.usable_s), count(*), coalesce((SELECT printf(' (median %.1f ms)', avg(ms)) "
    "FROM usable u WHERE u.group_name = p.group_name AND k IN ((n + 1) / 2, (n + 2) / 2) "
    "HAVING count(*) > 0), ''), count(p.direct_s), "
    "coalesce((SELECT printf(' (median %.1f ms)', avg(ms)) "
    "FROM direct d WHERE d.group_name = p.group_name AND k IN ((n + 1) / 2, (n + 2) / 2) "
    "HAVING count(*) > 0), '')) "
    "FROM pair p GROUP BY p.group_name ORDER BY min(p.id) LIMIT 4";

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
    static const char *const queries[] = {
        run_sql,   public_sql, behind_sql,  box_sql,   happened_sql,
        punch_sql, rtt_sql,    refused_sql, group_sql, property_sql,
    };
    sql db;
    if (sql_open(&db, db_path)) {
        for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) tell(&db, out, queries[i]);
    }
    bool done = db.error[0] == '\0';
    if (!done) snprintf(error, error_cap, "%s", db.error);
    sql_close(&db);
    return done;
}
