-- The way of every datagram, with names.
CREATE VIEW v_packet AS
SELECT p.at_ns / 1e6 AS at_ms, p.id AS id, f.name AS from_name, t.name AS to_name,
    CASE WHEN b.box IS NOT NULL
        THEN b.owner || ' ' || CASE b.type_name WHEN '' THEN 'box' ELSE b.type_name END
        WHEN p.fate = 'delivered' THEN t.name WHEN p.fate = 'sent' THEN f.name END AS place,
    e.text AS from_endpoint, g.text AS to_endpoint, p.carriage AS carriage, p.kind AS kind, p.fate AS fate,
    p.bytes AS bytes
FROM packet p LEFT JOIN node f ON f.node = p.from_node LEFT JOIN node t ON t.node = p.to_node
LEFT JOIN nat b ON b.box = p.box
JOIN endpoint e ON e.id = p.from_endpoint JOIN endpoint g ON g.id = p.to_endpoint
ORDER BY p.rowid;
INSERT INTO _doc VALUES
('v_packet', '', '', 'packet with names, in milliseconds.'),
('v_packet', 'at_ms', 'ms', 'when'),
('v_packet', 'id', 'index', 'of the datagram'),
('v_packet', 'from_name', 'name', 'who sent it; NULL: a box'),
('v_packet', 'to_name', 'name', 'who got it; NULL unless delivered'),
('v_packet', 'place', '', 'host or box it is at; NULL: on a link'),
('v_packet', 'from_endpoint', 'endpoint', 'source as it is at that place'),
('v_packet', 'to_endpoint', 'endpoint', 'destination as it is at that place'),
('v_packet', 'carriage', '', 'udp, tcp, or tcp-syn, which opens a connection; tcp-reset, tcp-unreachable, udp-unreachable: one was not taken'),
('v_packet', 'kind', '', 'what it carries'),
('v_packet', 'fate', '', 'what became of it there'),
('v_packet', 'bytes', 'bytes', 'payload');
