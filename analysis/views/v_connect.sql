-- Who asked for whom, and how soon and by which path it came.
CREATE VIEW v_connect AS
SELECT c.id AS id, f.name AS from_name, t.name AS to_name,
    coalesce(f.group_name, t.group_name) AS group_name, c.authorized AS authorized,
    c.asked_ns / 1e9 AS asked_s, c.usable_ns / 1e9 AS usable_s, c.first_path AS first_path,
    c.direct_ns / 1e9 AS direct_s, c.lost_ns / 1e9 AS lost_s, c.last_path AS last_path,
    (c.usable_ns - c.asked_ns) / 1e6 AS time_to_connect_ms,
    (c.direct_ns - c.asked_ns) / 1e6 AS time_to_direct_ms
FROM connect c JOIN node f ON f.node = c.from_node JOIN node t ON t.node = c.to_node
ORDER BY c.id;
INSERT INTO _doc VALUES
('v_connect', '', '', 'connect with names, in seconds and milliseconds.'),
('v_connect', 'id', 'index', 'connect.id'),
('v_connect', 'from_name', 'name', 'who asked'),
('v_connect', 'to_name', 'name', 'for whom'),
('v_connect', 'group_name', 'name', 'group they belong to; NULL: both are named in the scenario'),
('v_connect', 'authorized', 'bool', '0: a stranger asks'),
('v_connect', 'asked_s', 's', 'when it was asked'),
('v_connect', 'usable_s', 's', 'first usable connection; NULL: never'),
('v_connect', 'first_path', '', 'relay, direct, or empty'),
('v_connect', 'direct_s', 's', 'first direct connection; NULL: never'),
('v_connect', 'lost_s', 's', 'when it was lost; NULL: not lost'),
('v_connect', 'last_path', '', 'at the end, or when it was lost'),
('v_connect', 'time_to_connect_ms', 'ms', 'from asked to usable'),
('v_connect', 'time_to_direct_ms', 'ms', 'from asked to direct');
