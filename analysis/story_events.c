/* The middle of a story, see story_events.h: views that build on each other, and one query of the
 * last.
 *
 * Times have a digit, durations two, short ones milliseconds. The relay is read from the circuit
 * that won, the punch from the note of who asked, or else of the other side. A loss at the moment
 * of a crash or a change of network is told together with it; another one with what the ends of the
 * connection say.
 */
#include "analysis/story_events.h"

/* Connects between named nodes, with what led to them: lost_ns of the one before. */
static const char ask_view[] =
    "CREATE TEMP VIEW story_ask AS WITH named AS (SELECT c.*, f.name AS from_name, "
    "t.name AS to_name, "
    "lag(c.lost_ns) OVER (PARTITION BY c.from_node, c.to_node ORDER BY c.id) AS before_ns "
    "FROM connect c JOIN node f ON f.node = c.from_node AND f.group_name IS NULL "
    "JOIN node t ON t.node = c.to_node AND t.group_name IS NULL) "
    "SELECT c.*, "
    "(SELECT d.via FROM v_dial d WHERE d.from_name = c.from_name AND d.to_name = c.to_name "
    "AND d.transport = 'circuit' AND d.outcome = 'won' AND d.end_s "
    "BETWEEN c.asked_ns / 1e9 AND c.usable_ns / 1e9 ORDER BY d.end_s DESC LIMIT 1) AS relay, "
    "(SELECT substr(min((n.node <> c.from_node) || substr(n.text, instr(n.text, ': direct after ') "
    "+ 15)), 2) FROM note n "
    "WHERE n.kind = 'punch' AND n.at_ns BETWEEN c.asked_ns AND c.direct_ns + 2000000000 AND ("
    "(n.node = c.from_node AND instr(n.text, c.to_name || ':') = 1) OR "
    "(n.node = c.to_node AND instr(n.text, c.from_name || ':') = 1))) AS punch "
    "FROM named c";

/* How long a connect took until a column's time, in words. */
#define TOOK(column)                                    \
    "CASE WHEN " column " - asked_ns < 100000000 THEN " \
    "printf('%.3g ms', (" column " - asked_ns) / 1e6) " \
    "ELSE printf('%.2f s', (" column " - asked_ns) / 1e9) END"
static const char took_view[] = "CREATE TEMP VIEW story_took AS SELECT *, " TOOK(
    "usable_ns") " AS usable, " TOOK("direct_ns") " AS direct FROM story_ask";

/* How each came, in words. */
static const char came_view[] =
    "CREATE TEMP VIEW story_came AS SELECT *, CASE "
    "WHEN usable_ns IS NULL AND before_ns IS NULL THEN 'never connected' "
    "WHEN usable_ns IS NULL THEN 'never back' "
    "ELSE CASE WHEN before_ns IS NULL THEN 'connected' ELSE 'back' END || "
    "CASE first_path WHEN 'relay' THEN ' after ' || usable || ' through ' || "
    "coalesce(relay, 'a relay') ELSE ' directly after ' || usable END || "
    "CASE WHEN first_path = 'direct' THEN '' WHEN direct_ns IS NULL THEN ', never directly' "
    "ELSE ', directly after ' || direct || "
    "CASE WHEN punch IS NULL THEN '' WHEN punch LIKE '0 rounds%' THEN "
    "' by plain dialling' ELSE ' by a hole punch' END END END AS came "
    "FROM story_took";

/* Where the datagrams of a connect that came to nothing died most, as far as packets were logged:
 * those sent to the addresses that it dialled. */
static const char death_view[] =
    "CREATE TEMP VIEW story_death AS SELECT id, from_node, max(n) AS n, "
    "printf('; %d of its datagrams %s %s', max(n), CASE max(n) WHEN 1 THEN 'was' ELSE 'were' END, "
    "how) AS words FROM ("
    "SELECT c.id, c.from_node, CASE WHEN v.place IS NOT NULL THEN 'dropped at ' || v.place "
    "WHEN v.fate = 'no-route' THEN 'sent to an address that nobody has' "
    "ELSE 'lost on a link' END AS how, count(*) AS n "
    "FROM story_ask c JOIN v_packet v ON v.from_name = c.from_name "
    "AND v.fate NOT IN ('sent', 'translated', 'passed', 'delivered') "
    "AND v.at_ms >= c.asked_ns / 1e6 WHERE c.usable_ns IS NULL AND EXISTS ("
    "SELECT 1 FROM dial d WHERE d.node = c.from_node AND d.to_name = c.to_name AND d.address = "
    "CASE WHEN v.to_endpoint LIKE '[%' THEN "
    "'/ip6/' || replace(substr(v.to_endpoint, 2), ']:', '/udp/') "
    "ELSE '/ip4/' || replace(v.to_endpoint, ':', '/udp/') END || '/quic-v1') GROUP BY c.id, how) "
    "GROUP BY id";

/* By whom the named nodes that asked where they are not authorized were refused. */
static const char refusal_view[] =
    "CREATE TEMP VIEW story_refusal AS WITH said AS ("
    "SELECT substr(text, 1, instr(text || ' (', ' (') - 1) AS who, "
    "trim(substr(text, instr(text || ' (', ' (') + 1), ' ()') AS stage, b.name AS by, "
    "count(*) AS times, min(n.at_ns) AS first_ns FROM note n JOIN node b ON b.node = n.node "
    "WHERE kind = 'refused' GROUP BY 1, 2, 3 ORDER BY first_ns, by) "
    "SELECT who, printf('; refused %d time%s by %s%s', sum(times), "
    "CASE sum(times) WHEN 1 THEN '' ELSE 's' END, replace(group_concat(DISTINCT by), ',', ' and "
    "'), "
    "CASE WHEN min(stage) <> max(stage) THEN '' WHEN min(stage) = 'secured' "
    "THEN ' after the handshake, before any stream' "
    "WHEN min(stage) = 'accept' THEN ' before any handshake' "
    "WHEN min(stage) = 'relay' THEN ', who did not carry it' ELSE '' END) AS words "
    "FROM said GROUP BY who";

/* Where a named node was from then on, by the kind of its innermost box, and where before. */
static const char move_view[] =
    "CREATE TEMP VIEW story_move AS WITH place AS (SELECT a.node, a.at_ns, CASE "
    "WHEN b.box IS NOT NULL THEN 'behind ' || CASE b.type_name WHEN '' THEN 'a drawn box' ELSE "
    "b.type_name END WHEN a.address <> '' THEN 'public' ELSE 'with IPv6 alone' || "
    "coalesce(', behind ' || w.type_name, '') END AS words "
    "FROM attachment a JOIN node n ON n.node = a.node AND n.group_name IS NULL "
    "LEFT JOIN nat b ON b.box = a.box LEFT JOIN nat w ON w.box = a.box6) "
    "SELECT *, lag(words) OVER (PARTITION BY node ORDER BY at_ns) AS before FROM place";

/* Crashes, sleeps and changes of network, each with the connects that were lost with it. */
static const char blow_view[] =
    "CREATE TEMP VIEW story_blow AS SELECT n.at_ns, n.node, w.name, n.kind, "
    "CASE n.kind WHEN 'crash' THEN 'crashed' WHEN 'leave_network' THEN 'left its network' "
    "WHEN 'sleep' THEN coalesce((SELECT printf('fell asleep for %.0f s', (min(u.at_ns) - n.at_ns) "
    "/ 1e9) "
    "FROM note u WHERE u.kind = 'wake' AND u.node = n.node AND u.at_ns > n.at_ns "
    "HAVING count(*) > 0), 'fell asleep for good') "
    "ELSE 'changed its network' || coalesce((SELECT printf(' (now %s)', words) FROM story_move m "
    "WHERE m.node = n.node AND m.at_ns = n.at_ns AND m.words <> m.before LIMIT 1), '') END AS did, "
    "(SELECT count(*) FROM story_ask a WHERE a.before_ns = n.at_ns "
    "AND n.node IN (a.from_node, a.to_node)) AS lost "
    "FROM note n JOIN node w ON w.node = n.node AND w.group_name IS NULL "
    "WHERE n.kind IN ('crash', 'change_network', 'leave_network', 'sleep')";

/* What ended a connection that was lost, in words: what a relay noted of its circuit; the
 * connection to a relay that ended with it; or what an end of it says. "key" orders them: the first
 * is told. A relay knows of its circuit's end before those who lose it. */
static const char cause_view[] =
    "CREATE TEMP VIEW story_cause AS WITH lost AS (SELECT c.id, c.before_ns, n.node, w.name, "
    "n.peer, n.relayed, n.up_ns, n.code, n.node = c.from_node AS is_asker FROM story_ask c "
    "JOIN conn n ON n.down_ns = c.before_ns AND ((n.node = c.from_node AND n.peer = c.to_name) "
    "OR (n.node = c.to_node AND n.peer = c.from_name)) JOIN node w ON w.node = n.node), "
    "cause(id, key, words) AS ("
    "SELECT l.id, 1, CASE WHEN EXISTS (SELECT 1 FROM note x WHERE x.kind = 'circuit_cut' "
    "AND x.node = n.node AND x.at_ns BETWEEN n.at_ns - 2000000000 AND n.at_ns) "
    "THEN printf('as %s ended their circuit early', r.name) "
    "ELSE printf('as their circuit reached the limit of %s (%.0f s, %s)', r.name, "
    "(l.before_ns - l.up_ns) / 1e9, substr(n.text, instr(n.text, ': ') + 2)) END "
    "FROM lost l JOIN note n ON n.kind = 'circuit-limit' AND l.relayed "
    "AND n.at_ns BETWEEN l.before_ns - 2000000000 AND l.before_ns "
    "AND (instr(n.text, l.name || ': ') = 1 OR instr(n.text, l.peer || ': ') = 1) "
    "JOIN node r ON r.node = n.node "
    "UNION ALL SELECT l.id, 2, printf('as %s heard nothing from %s any more', l.name, r.name) "
    "FROM lost l JOIN conn c ON l.relayed AND c.node = l.node AND NOT c.relayed "
    "AND c.down_ns BETWEEN l.before_ns - 1000000000 AND l.before_ns "
    "JOIN code k ON k.code = c.code AND k.name = 'lost' JOIN node r ON r.name = c.peer "
    "AND r.is_relay "
    "UNION ALL SELECT l.id, 3, CASE k.name WHEN 'lost' THEN CASE WHEN l.relayed "
    "THEN 'as their circuit carried nothing any more' "
    "WHEN l.is_asker THEN 'hearing nothing from it any more' ELSE printf('as %s heard nothing from "
    "it any more', l.name) END "
    "WHEN 'address-gone' THEN printf('as the old address of %s was gone', l.name) "
    "ELSE printf('as %s says: %s', l.name, k.meaning) END "
    "FROM lost l JOIN code k ON k.code = l.code AND k.code <> 0) "
    "SELECT id, substr(min(key || words), 2) AS words FROM cause GROUP BY id";

static const char line_view[] =
    "CREATE TEMP VIEW story_line AS "
    "SELECT asked_ns AS at_ns, 4 AS turn, printf('%s asked for %s: %s%s', from_name, to_name, "
    "came, "
    "coalesce((SELECT words FROM story_death d WHERE d.id = c.id), '')) AS words "
    "FROM story_came c WHERE before_ns IS NULL AND (authorized OR usable_ns IS NOT NULL) "
    "UNION ALL SELECT min(asked_ns), 4, printf("
    "'%s, who is not authorized there, asked for %s: never connected%s%s', from_name, "
    "group_concat(to_name, ' and '), coalesce((SELECT words FROM story_refusal WHERE who = "
    "from_name), ''), coalesce((SELECT words FROM story_death d WHERE d.from_node = c.from_node "
    "ORDER BY n DESC LIMIT 1), '')) FROM (SELECT * FROM story_came ORDER BY id) c "
    "WHERE before_ns IS NULL AND NOT authorized AND usable_ns IS NULL GROUP BY from_node "
    "UNION ALL SELECT before_ns, 2, CASE WHEN b.node IS NULL THEN printf('%s lost %s%s', "
    "from_name, to_name, coalesce((SELECT ', ' || words FROM story_cause k WHERE k.id = c.id), "
    "'')) WHEN b.node = from_node THEN printf('%s %s and lost %s', from_name, b.did, to_name) "
    "ELSE printf('%s %s and %s lost it', to_name, b.did, from_name) END || ': ' || came "
    "FROM story_came c LEFT JOIN story_blow b ON b.at_ns = c.before_ns "
    "AND b.node IN (c.from_node, c.to_node) WHERE before_ns IS NOT NULL "
    "UNION ALL SELECT at_ns, 1, name || ' ' || did || coalesce((SELECT ' and kept its connection "
    "with ' || group_concat(CASE node WHEN from_node THEN to_name ELSE from_name END, ', ') "
    "FROM story_ask a WHERE kind = 'change_network' AND node IN (a.from_node, a.to_node) "
    "AND a.usable_ns <= at_ns AND coalesce(a.lost_ns, at_ns + 1) > at_ns "
    "HAVING count(*) > 0), '') FROM story_blow WHERE lost = 0 "
    "UNION ALL SELECT at_ns, 1, w.name || ' started again' FROM note n JOIN node w "
    "ON w.node = n.node AND w.group_name IS NULL WHERE kind = 'start' AND at_ns > 0 "
    "UNION ALL SELECT at_ns, 1, printf('%s around %s %s', CASE text "
    "WHEN w.name THEN 'a box' ELSE 'box ' || substr(text, length(w.name) + 2) END, w.name, CASE "
    "kind WHEN 'reboot' "
    "THEN 'started again and knew no mapping any more' ELSE 'moved all mappings to other ports' "
    "END) FROM note n JOIN node w ON w.node = n.node WHERE kind IN ('reboot', 'rebind') "
    "UNION ALL SELECT at_ns, 0, printf('links began to fail, one after the other, of %s%s', text, "
    "(SELECT printf('; %d did, and all were back at %.1f s', count(DISTINCT u.node), "
    "max(u.at_ns) / 1e9) FROM note u WHERE u.kind = 'unclog' AND u.at_ns >= n.at_ns AND u.at_ns < "
    "(SELECT coalesce(min(at_ns), 9223372036854775807) FROM note s WHERE s.kind = 'swizzle' "
    "AND s.at_ns > n.at_ns) HAVING count(*) > 0)) FROM note n WHERE kind = 'swizzle' "
    "UNION ALL SELECT at_ns, 1, printf('the clock of %s jumped %s', w.name, text) FROM note n "
    "JOIN node w ON w.node = n.node WHERE kind = 'clock' "
    "UNION ALL SELECT at_ns, 0, CASE kind WHEN 'partition' THEN 'nothing got across any more: ' "
    "WHEN 'block' THEN 'nothing got through any more: ' ELSE 'this was over: ' END || text "
    "FROM note WHERE kind IN ('partition', 'block', 'mend')";

/* A hole punch is explained where it is named first. */
static const char line_sql[] =
    "WITH told AS (SELECT *, row_number() OVER seen AS k, "
    "sum(instr(words, 'by a hole punch') > 0) OVER seen AS punches FROM story_line "
    "WINDOW seen AS (ORDER BY at_ns, turn, words)) "
    "SELECT words FROM (SELECT printf('At %.1f s %s%s', at_ns / 1e9, CASE punches WHEN 1 THEN "
    "replace(words, 'by a hole punch', 'by a hole punch (both send at the same time, so that each "
    "box takes what comes for an answer)') ELSE words END, "
    "CASE WHEN words LIKE '%...' THEN '' ELSE '.' END) AS words FROM told "
    "WHERE k <= 10 ORDER BY k) "
    "UNION ALL SELECT printf('... and %d more that happened to named nodes.', count(*) - 10) "
    "FROM told HAVING count(*) > 10";

const char *story_events(sql *db)
{
    static const char *const views[] = {ask_view,  took_view, came_view,  death_view, refusal_view,
                                        move_view, blow_view, cause_view, line_view};
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        sqlite3_stmt *q = sql_query(db, views[i], "");
        while (sql_row(db, q)) {}
    }
    return line_sql;
}
