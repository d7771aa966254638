-- Every address that was tried.
CREATE VIEW v_dial AS
SELECT n.name AS from_name, d.to_name AS to_name, d.transport AS transport, d.address AS address,
    d.start_ns / 1e9 AS start_s, d.end_ns / 1e9 AS end_s,
    (d.end_ns - d.start_ns) / 1e6 AS duration_ms, d.outcome AS outcome, d.code AS code
FROM dial d JOIN node n ON n.node = d.node
ORDER BY d.rowid;
INSERT INTO _doc VALUES
('v_dial', '', '', 'dial with names, in seconds and milliseconds.'),
('v_dial', 'from_name', 'name', 'who dials'),
('v_dial', 'to_name', 'name', 'node meant, or its peer id'),
('v_dial', 'transport', '', 'quic or circuit'),
('v_dial', 'address', 'multiaddr', 'where to'),
('v_dial', 'start_s', 's', 'when it began'),
('v_dial', 'end_s', 's', 'when it ended; NULL: still under way'),
('v_dial', 'duration_ms', 'ms', 'from begin to end'),
('v_dial', 'outcome', '', 'won, lost, failed, open'),
('v_dial', 'code', 'code', 'why it failed, 0 otherwise');
