-- Every address that was tried.
CREATE VIEW v_dial AS
SELECT n.name AS from_name, d.to_name AS to_name, n.group_name AS group_name,
    d.transport AS transport, d.address AS address,
    CASE d.transport WHEN 'circuit' THEN (SELECT r.name FROM node r WHERE r.is_relay
        AND r.name <> d.to_name AND instr(d.address, r.peer) > 0 LIMIT 1) END AS via,
    d.start_ns / 1e9 AS start_s, d.end_ns / 1e9 AS end_s,
    (d.end_ns - d.start_ns) / 1e6 AS duration_ms, d.outcome AS outcome, d.code AS code,
    CASE d.code WHEN 0 THEN '' ELSE coalesce(c.name, 'code ' || d.code) END AS reason
FROM dial d JOIN node n ON n.node = d.node LEFT JOIN code c ON c.code = d.code
ORDER BY d.start_ns, d.rowid;
INSERT INTO _doc VALUES
('v_dial', '', '', 'dial with names, in seconds and milliseconds, in the order of time.'),
('v_dial', 'from_name', 'name', 'who dials'),
('v_dial', 'to_name', 'name', 'node meant, or its peer id'),
('v_dial', 'group_name', 'name', 'group of who dials; NULL: named in the scenario'),
('v_dial', 'transport', '', 'dial.transport'),
('v_dial', 'address', 'multiaddr', 'where to'),
('v_dial', 'via', 'name', 'relay of a circuit; NULL: not a circuit, or of no node of the run'),
('v_dial', 'start_s', 's', 'when it began'),
('v_dial', 'end_s', 's', 'when it ended; NULL: still under way'),
('v_dial', 'duration_ms', 'ms', 'from begin to end'),
('v_dial', 'outcome', '', 'won, lost, failed, open'),
('v_dial', 'code', 'code', 'why it failed, 0 otherwise'),
('v_dial', 'reason', 'name', 'code in words; empty: it did not fail');
