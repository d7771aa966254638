-- Which boxes on both sides let pairs come together.
CREATE VIEW v_nat_matrix AS
WITH pair AS (
    SELECT from_node, to_node, max(usable_ns IS NOT NULL) AS usable,
        max(direct_ns IS NOT NULL) AS direct
    FROM connect GROUP BY from_node, to_node
)
SELECT CASE f.behind WHEN '' THEN 'public' ELSE f.behind END AS from_behind,
    CASE t.behind WHEN '' THEN 'public' ELSE t.behind END AS to_behind,
    count(*) AS pairs, sum(p.usable) AS usable, sum(p.direct) AS direct
FROM pair p JOIN node f ON f.node = p.from_node JOIN node t ON t.node = p.to_node
GROUP BY f.behind, t.behind ORDER BY f.behind, t.behind;
INSERT INTO _doc VALUES
('v_nat_matrix', '', '', 'Asked pairs by the boxes that both sides were behind at the start.'),
('v_nat_matrix', 'from_behind', '', 'boxes of the node that asked; public: none'),
('v_nat_matrix', 'to_behind', '', 'boxes of the node it asked for; public: none'),
('v_nat_matrix', 'pairs', 'count', 'pairs with these boxes'),
('v_nat_matrix', 'usable', 'count', 'of those, pairs that were ever connected'),
('v_nat_matrix', 'direct', 'count', 'of those, pairs that were ever connected directly');
