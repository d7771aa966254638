-- What happened to whom, as the report's figure tells it.
CREATE VIEW v_timeline AS
WITH failed AS (
    SELECT node, at_ns, substr(text, 1, instr(text, ': ') - 1) AS peer FROM note
    WHERE kind = 'dial-failed'
), round AS (
    SELECT *, lag(at_ns, 1, -1) OVER (PARTITION BY node, peer ORDER BY at_ns) AS before_ns
    FROM failed
), mark(node, at_ns, turn, sort, words) AS (
    SELECT node, at_ns, 0, 'start', 'start' FROM note WHERE kind = 'start'
    UNION ALL SELECT node, at_ns, 0, 'crash', 'crashes' FROM note WHERE kind = 'crash'
    UNION ALL SELECT node, at_ns, 0, 'sleep', 'falls asleep' FROM note WHERE kind = 'sleep'
    UNION ALL SELECT node, at_ns, 0, 'wake', 'wakes' FROM note WHERE kind = 'wake'
    UNION ALL SELECT node, at_ns, 1, 'clock', 'clock jumps ' || text FROM note WHERE kind = 'clock'
    UNION ALL SELECT node, at_ns, 1, 'link down', CASE kind WHEN 'clog' THEN 'link fails'
        ELSE 'leaves its network' END FROM note WHERE kind IN ('clog', 'leave_network')
    UNION ALL SELECT node, at_ns, 1, 'link up', 'link is back' FROM note WHERE kind = 'unclog'
    UNION ALL SELECT node, at_ns, 1, 'box', CASE kind WHEN 'reboot' THEN 'box forgets mappings'
        ELSE 'box moves mappings' END FROM note WHERE kind IN ('reboot', 'rebind')
    UNION ALL SELECT NULL, at_ns, 1, 'cut', CASE kind WHEN 'partition' THEN 'apart: '
        WHEN 'block' THEN 'unheard: ' ELSE 'over: ' END || text
        FROM note WHERE kind IN ('partition', 'block', 'mend')
    UNION ALL SELECT node, at_ns, 1, 'network changed', 'changes network' FROM note
        WHERE kind = 'change_network'
    UNION ALL SELECT s.to_node, s.delivered_ns, 8, 'stream', printf('has %d kB of ',
        (s.bytes + 999) / 1000) || f.name FROM stream s JOIN node f ON f.node = s.from_node
        WHERE s.delivered_ns IS NOT NULL
    UNION SELECT c.from_node, c.lost_ns, 2, 'lost', 'loses ' || t.name FROM connect c
        JOIN node t ON t.node = c.to_node WHERE c.lost_ns IS NOT NULL
    UNION SELECT c.to_node, c.lost_ns, 2, 'lost', 'loses ' || f.name FROM connect c
        JOIN node f ON f.node = c.from_node WHERE c.lost_ns IS NOT NULL
    UNION ALL SELECT node, at_ns, 3, 'lost', 'loses its place at ' || text FROM note
        WHERE kind = 'relay-lost'
    UNION ALL SELECT c.from_node, c.asked_ns, 4, 'asked', 'asks for ' || t.name FROM connect c
        JOIN node t ON t.node = c.to_node
    UNION ALL SELECT node, at_ns, 5, 'reserved', 'reserved at ' || text FROM note
        WHERE kind = 'reserved'
    UNION SELECT c.from_node, c.usable_ns, 6, 'relayed', 'relayed to ' || t.name FROM connect c
        JOIN node t ON t.node = c.to_node WHERE c.first_path = 'relay'
    UNION SELECT c.to_node, c.usable_ns, 6, 'relayed', 'relayed to ' || f.name FROM connect c
        JOIN node f ON f.node = c.from_node WHERE c.first_path = 'relay'
    UNION SELECT c.from_node, c.direct_ns, 7, 'direct', 'direct to ' || t.name FROM connect c
        JOIN node t ON t.node = c.to_node WHERE c.direct_ns IS NOT NULL
    UNION SELECT c.to_node, c.direct_ns, 7, 'direct', 'direct to ' || f.name FROM connect c
        JOIN node f ON f.node = c.from_node WHERE c.direct_ns IS NOT NULL
    UNION ALL SELECT node, at_ns, 8, 'refused', 'refuses ' || text FROM note
        WHERE kind = 'refused'
    UNION ALL SELECT r.node, r.at_ns, 9, 'no answer', 'no answer from ' || r.peer FROM round r
        JOIN dial d ON d.node = r.node AND d.to_name = r.peer AND d.end_ns > r.before_ns
            AND d.end_ns <= r.at_ns JOIN code c USING (code)
        GROUP BY r.node, r.peer, r.at_ns HAVING sum(c.name NOT IN ('ok', 'timed-out')) = 0
            AND sum(d.end_ns = r.at_ns AND c.name = 'timed-out') > 0
)
SELECT m.at_ns / 1e9 AS at_s, n.name AS name, n.group_name AS group_name, m.sort AS sort,
    m.words AS words, m.turn AS turn
FROM mark m LEFT JOIN node n USING (node) ORDER BY m.at_ns, m.turn, m.node, m.words;
INSERT INTO _doc VALUES
('v_timeline', '', '', 'What happened to whom, in the order of time, causes first.'),
('v_timeline', 'at_s', 's', 'when'),
('v_timeline', 'name', 'name', 'whom; NULL: the network'),
('v_timeline', 'group_name', 'name', 'group it belongs to; NULL: named in the scenario'),
('v_timeline', 'sort', '', 'start, crash, sleep, wake, clock, cut, link down, link up, box, network changed, lost, asked, reserved, relayed, direct, stream, refused, no answer'),
('v_timeline', 'words', '', 'what happened'),
('v_timeline', 'turn', '', 'order of what happened at the same time: causes first');
