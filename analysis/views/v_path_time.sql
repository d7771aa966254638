-- How long each asked pair was connected, from its first connect to the end of the run. A path is of
-- two nodes, whoever asked.
CREATE VIEW v_path_time AS
WITH asked AS (
    SELECT from_node, to_node, min(id) AS id, min(asked_ns) AS asked_ns
    FROM connect GROUP BY from_node, to_node
), turned AS (
    SELECT from_node, to_node, direct, start_ns, end_ns FROM path
    UNION SELECT to_node, from_node, direct, start_ns, end_ns FROM path
), spent AS (
    SELECT p.from_node AS from_node, p.to_node AS to_node,
        sum((1 - p.direct) * max(0, p.end_ns - max(p.start_ns, a.asked_ns))) AS relayed_ns,
        sum(p.direct * max(0, p.end_ns - max(p.start_ns, a.asked_ns))) AS direct_ns
    FROM turned p JOIN asked a ON a.from_node = p.from_node AND a.to_node = p.to_node
    GROUP BY p.from_node, p.to_node
)
SELECT f.name AS from_name, t.name AS to_name,
    coalesce(f.group_name, t.group_name) AS group_name,
    coalesce(s.relayed_ns, 0) / 1e9 AS relayed_s, coalesce(s.direct_ns, 0) / 1e9 AS direct_s,
    (r.duration_ns - a.asked_ns - coalesce(s.relayed_ns + s.direct_ns, 0)) / 1e9 AS none_s
FROM asked a JOIN run r
JOIN node f ON f.node = a.from_node JOIN node t ON t.node = a.to_node
LEFT JOIN spent s ON s.from_node = a.from_node AND s.to_node = a.to_node
ORDER BY a.id;
INSERT INTO _doc VALUES
('v_path_time', '', '', 'Per asked pair, the time on each sort of path since its first connect.'),
('v_path_time', 'from_name', 'name', 'who asked'),
('v_path_time', 'to_name', 'name', 'for whom'),
('v_path_time', 'group_name', 'name', 'group they belong to; NULL: both are named'),
('v_path_time', 'relayed_s', 's', 'time with a relayed connection as the best'),
('v_path_time', 'direct_s', 's', 'time with a direct connection'),
('v_path_time', 'none_s', 's', 'time without any');
