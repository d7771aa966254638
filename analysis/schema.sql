-- analysis/schema.sql - the run database. analysis/embed.sh puts this file and views/*.sql into the
-- program; one statement ends with each ';' at the end of a line and is at most 4,095 bytes long.
--
-- Times are integer nanoseconds since the run began, NULL when it never came to that. Every column
-- of every table and view has a line in _doc: docs/database.md is the page to read first.

PRAGMA application_id = 1886745198;
PRAGMA user_version = 6;

CREATE TABLE _doc (
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    unit TEXT NOT NULL,
    meaning TEXT NOT NULL,
    PRIMARY KEY (table_name, column_name)
) STRICT, WITHOUT ROWID;
INSERT INTO _doc VALUES
('_doc', '', '', 'What every table, view and column means.'),
('_doc', 'table_name', '', 'table or view'),
('_doc', 'column_name', '', 'its column; empty: the table or view as a whole'),
('_doc', 'unit', '', 'ns, ms, s, bytes, bool (0 or 1), name, ...; empty: plain text'),
('_doc', 'meaning', '', 'what it says');

CREATE TABLE run (
    seed TEXT NOT NULL,
    scenario TEXT NOT NULL,
    about TEXT NOT NULL,
    fidelity TEXT NOT NULL,
    build TEXT NOT NULL,
    command_line TEXT NOT NULL,
    config_hash TEXT NOT NULL,
    trace_hash TEXT NOT NULL,
    duration_ns INTEGER NOT NULL,
    events INTEGER NOT NULL,
    partial INTEGER NOT NULL
) STRICT;
INSERT INTO _doc VALUES
('run', 'partial', '0 or 1', '1: stopped before its end; what is here was simulated, no property is judged'),
('run', '', '', 'The run as a whole: one row.'),
('run', 'seed', 'decimal', 'all chance comes from it; text, because it has 64 bits and no sign'),
('run', 'scenario', 'name', 'of the scenario'),
('run', 'about', '', 'what the scenario says about itself'),
('run', 'fidelity', '', 'model: the transport is modelled'),
('run', 'build', '', 'revision of the program; + means changed since'),
('run', 'command_line', '', 'as typed: the same line gives the same run'),
('run', 'config_hash', 'hex', 'hash of all that the scenario sets'),
('run', 'trace_hash', 'hex', 'hash of all that happened; equal runs have equal ones'),
('run', 'duration_ns', 'ns', 'simulated time'),
('run', 'events', 'count', 'events taken from the queue');

CREATE TABLE node (
    node INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    peer TEXT NOT NULL,
    group_name TEXT,
    is_relay INTEGER NOT NULL CHECK (is_relay IN (0, 1)),
    is_public INTEGER NOT NULL CHECK (is_public IN (0, 1)),
    site INTEGER NOT NULL,
    address TEXT NOT NULL,
    public_address TEXT NOT NULL,
    address6 TEXT NOT NULL,
    behind TEXT NOT NULL
) STRICT;
INSERT INTO _doc VALUES
('node', '', '', 'The nodes, as they were at the start.'),
('node', 'node', 'index', 'of the node; all other tables name nodes so'),
('node', 'name', 'name', 'in the scenario, or GROUP-NUMBER'),
('node', 'peer', 'base58', 'peer id'),
('node', 'group_name', 'name', 'group of the scenario it belongs to; NULL: named on its own'),
('node', 'is_relay', 'bool', 'serves as a relay'),
('node', 'is_public', 'bool', 'behind no box'),
('node', 'site', 'index', 'place in the latency matrix'),
('node', 'address', 'IP', 'its own address; empty: it has IPv6 alone'),
('node', 'public_address', 'IP', 'address of its outermost box; its own when public'),
('node', 'address6', 'IP', 'its own address of IPv6; empty: none'),
('node', 'behind', '', 'boxes from the inside out with mapping/filtering/ports; empty when public; then, if it has IPv6, its firewall and the filtering of that');

CREATE TABLE nat (
    box INTEGER PRIMARY KEY,
    parent INTEGER,
    type_name TEXT NOT NULL,
    mapping TEXT NOT NULL,
    filtering TEXT NOT NULL,
    ports TEXT NOT NULL,
    udp_idle_ns INTEGER NOT NULL,
    udp_answered_ns INTEGER NOT NULL,
    tcp_idle_ns INTEGER NOT NULL,
    refresh TEXT NOT NULL,
    hairpin TEXT NOT NULL,
    addresses INTEGER NOT NULL,
    pooling TEXT NOT NULL,
    blocks_udp INTEGER NOT NULL CHECK (blocks_udp IN (0, 1)),
    address TEXT NOT NULL,
    owner TEXT NOT NULL
) STRICT;
INSERT INTO _doc VALUES
('nat', '', '', 'The NAT boxes (terms of RFC 4787) and firewalls, those of changed networks too.'),
('nat', 'box', 'index', 'of the box'),
('nat', 'parent', 'index', 'box around it; NULL: the public network'),
('nat', 'type_name', 'name', 'type in the scenario; empty: drawn from a population'),
('nat', 'mapping', '', 'eim, adm, apdm: endpoint-independent, address(-and-port)-dependent; none: a firewall for IPv6, which translates nothing'),
('nat', 'filtering', '', 'eif, adf or apdf: the same for what it lets in'),
('nat', 'ports', '', 'preserve, parity, sequential, random or block: how an outer port is chosen; none: a firewall'),
('nat', 'udp_idle_ns', 'ns', 'a mapping of UDP that is not refreshed so long is gone'),
('nat', 'udp_answered_ns', 'ns', 'the same once something came in'),
('nat', 'tcp_idle_ns', 'ns', 'the same for an open connection of TCP'),
('nat', 'refresh', '', 'what refreshes a mapping: outbound, or both directions'),
('nat', 'hairpin', '', 'forwards between its own inner hosts: none; or the receiver sees the external or internal endpoint'),
('nat', 'addresses', '', 'how many outer addresses it has'),
('nat', 'pooling', '', 'paired: an inner host has one of them; arbitrary: each mapping draws'),
('nat', 'blocks_udp', 'bool', 'lets no UDP out'),
('nat', 'address', 'IP', 'outer address, the first one; of a firewall its own'),
('nat', 'owner', 'name', 'node it was made for');

CREATE TABLE attachment (
    node INTEGER NOT NULL,
    at_ns INTEGER NOT NULL,
    box INTEGER,
    address TEXT NOT NULL,
    box6 INTEGER,
    address6 TEXT NOT NULL
) STRICT;
INSERT INTO _doc VALUES
('attachment', '', '', 'Where nodes are in the network: at the start, and after each change of network.'),
('attachment', 'node', 'index', 'who'),
('attachment', 'at_ns', 'ns', 'since when'),
('attachment', 'box', 'index', 'innermost box it is behind; NULL: public'),
('attachment', 'address', 'IP', 'its own address there; empty: it has IPv6 alone'),
('attachment', 'box6', 'index', 'firewall around its address of IPv6; NULL: none'),
('attachment', 'address6', 'IP', 'its own address of IPv6 there; empty: none');

CREATE TABLE event (
    at_ns INTEGER NOT NULL,
    node INTEGER NOT NULL,
    area TEXT NOT NULL,
    name TEXT NOT NULL,
    conn INTEGER,
    stream INTEGER,
    peer TEXT NOT NULL,
    a INTEGER NOT NULL,
    b INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
INSERT INTO _doc VALUES
('event', '', '', 'What nodes tell about themselves; with --log events or packets.'),
('event', 'at_ns', 'ns', 'when'),
('event', 'node', 'index', 'who'),
('event', 'area', '', 'part of the node that speaks: conn, dial, relay, dcutr, ...'),
('event', 'name', '', 'what happened; peerup/trace.h lists the names with their meaning'),
('event', 'conn', 'ordinal', 'connection of that node, see conn.conn; NULL: none'),
('event', 'stream', 'ordinal', 'stream of that node; NULL: none'),
('event', 'peer', 'name', 'the other node, or its peer id; empty: none'),
('event', 'a', 'by name', 'first argument; above 2^63-1 it is written as 2^63-1'),
('event', 'b', 'by name', 'second argument, in the same way'),
('event', 'text', '', 'third argument, cut after 512 bytes; not printable ones are \xNN, \ is \\');

CREATE TABLE code (
    code INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    meaning TEXT NOT NULL
) STRICT;
INSERT INTO _doc VALUES
('code', '', '', 'Why something was refused, ended or failed: what dial.code and conn.code say.'),
('code', 'code', 'code', 'the number; 4096 to 8191 (0x1000 to 0x1fff) are those of libp2p'),
('code', 'name', 'name', 'short, as views and reports show it'),
('code', 'meaning', '', 'what it says');

CREATE TABLE dial (
    node INTEGER NOT NULL,
    to_name TEXT NOT NULL,
    address TEXT NOT NULL,
    transport TEXT NOT NULL,
    start_ns INTEGER,
    end_ns INTEGER,
    outcome TEXT NOT NULL,
    code INTEGER NOT NULL
) STRICT;
INSERT INTO _doc VALUES
('dial', '', '', 'The legs of dials: one row an address tried.'),
('dial', 'node', 'index', 'who dials'),
('dial', 'to_name', 'name', 'node meant, or its peer id'),
('dial', 'address', 'multiaddr', 'where to'),
('dial', 'transport', '', 'quic, tcp, or circuit: through a relay'),
('dial', 'start_ns', 'ns', 'when it began'),
('dial', 'end_ns', 'ns', 'when it ended; NULL: still under way at the end'),
('dial', 'outcome', '', 'won, lost (another leg was first), failed, open'),
('dial', 'code', 'code', 'why it failed, 0 otherwise; code has names and meanings');

CREATE TABLE conn (
    node INTEGER NOT NULL,
    conn INTEGER NOT NULL,
    peer TEXT NOT NULL,
    dialled INTEGER NOT NULL CHECK (dialled IN (0, 1)),
    relayed INTEGER NOT NULL CHECK (relayed IN (0, 1)),
    transport TEXT NOT NULL,
    local TEXT NOT NULL,
    remote TEXT NOT NULL,
    up_ns INTEGER,
    confirmed_ns INTEGER,
    down_ns INTEGER,
    code INTEGER NOT NULL
) STRICT;
INSERT INTO _doc VALUES
('conn', '', '', 'Connections, one row for each end.'),
('conn', 'node', 'index', 'whose end this is'),
('conn', 'conn', 'ordinal', 'counts the connections of that node from 1'),
('conn', 'peer', 'name', 'the other node, or its peer id'),
('conn', 'dialled', 'bool', 'this end dialled'),
('conn', 'relayed', 'bool', 'goes through a relay'),
('conn', 'transport', '', 'quic, tcp, or circuit: through a relay'),
('conn', 'local', 'endpoint', 'its own; empty for circuits'),
('conn', 'remote', 'endpoint', 'of the other end as seen here; empty for circuits'),
('conn', 'up_ns', 'ns', 'the handshake was through'),
('conn', 'confirmed_ns', 'ns', 'the other side accepted it: usable'),
('conn', 'down_ns', 'ns', 'when it ended; NULL: still up at the end'),
('conn', 'code', 'code', 'why it ended, 0 while it is up; code has names and meanings');

CREATE TABLE path (
    from_node INTEGER NOT NULL,
    to_node INTEGER NOT NULL,
    direct INTEGER NOT NULL CHECK (direct IN (0, 1)),
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL
) STRICT;
INSERT INTO _doc VALUES
('path', '', '', 'Intervals in which a node had a usable connection of one sort as its best.'),
('path', 'from_node', 'index', 'who'),
('path', 'to_node', 'index', 'to whom'),
('path', 'direct', 'bool', '1: direct; 0: through a relay'),
('path', 'start_ns', 'ns', 'since when'),
('path', 'end_ns', 'ns', 'until when; end of the run when it still held');

CREATE TABLE connect (
    id INTEGER PRIMARY KEY,
    from_node INTEGER NOT NULL,
    to_node INTEGER NOT NULL,
    authorized INTEGER NOT NULL CHECK (authorized IN (0, 1)),
    asked_ns INTEGER NOT NULL,
    usable_ns INTEGER,
    direct_ns INTEGER,
    lost_ns INTEGER,
    first_path TEXT NOT NULL,
    last_path TEXT NOT NULL
) STRICT;
INSERT INTO _doc VALUES
('connect', '', '', 'The connects that the scenario asked for, again after each loss.'),
('connect', 'id', 'index', 'from 1, in the order written'),
('connect', 'from_node', 'index', 'who asks'),
('connect', 'to_node', 'index', 'for whom'),
('connect', 'authorized', 'bool', '0: a stranger asks; the keys of to_node do not name from_node'),
('connect', 'asked_ns', 'ns', 'when it was asked, or when the one before was lost'),
('connect', 'usable_ns', 'ns', 'first usable connection; NULL: never'),
('connect', 'direct_ns', 'ns', 'first direct connection; NULL: never'),
('connect', 'lost_ns', 'ns', 'last usable connection gone; NULL: not lost'),
('connect', 'first_path', '', 'relay, direct, or empty'),
('connect', 'last_path', '', 'at the end, or when it was lost: relay, direct, or empty');

CREATE TABLE stream (
    id INTEGER PRIMARY KEY,
    from_node INTEGER NOT NULL,
    to_node INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    asked_ns INTEGER NOT NULL,
    delivered_ns INTEGER
) STRICT;
INSERT INTO _doc VALUES
('stream', '', '', 'The streams that the scenario asked for, as far as it came to them.'),
('stream', 'id', 'index', 'from 1, in the order written'),
('stream', 'from_node', 'index', 'who sends'),
('stream', 'to_node', 'index', 'to whom'),
('stream', 'bytes', 'bytes', 'how many are to be sent'),
('stream', 'asked_ns', 'ns', 'when it was asked for'),
('stream', 'delivered_ns', 'ns', 'all of its bytes had come, unspoilt, and its end; NULL: never');

CREATE TABLE note (
    at_ns INTEGER NOT NULL,
    node INTEGER,
    kind TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
INSERT INTO _doc VALUES
('note', '', '', 'What the script did, and the few things that every log level keeps.'),
('note', 'at_ns', 'ns', 'when'),
('note', 'node', 'index', 'who; NULL: nobody in particular'),
('note', 'kind', '', 'of the script: start, connect, stream, leave_network, change_network, sleep, wake, crash, clock, partition, block, mend, swizzle, clog, unclog (a link fails, is back), reboot, rebind, circuit_cut; of nodes: reserved, relay-lost, refused, dial-failed, punch, punch-failed, circuit-limit (of a relay)'),
('note', 'text', '', 'by kind: the NODE itself; a PEER; reboot, rebind: "NODE/BOX", counted from inside; clock: ahead or back; partition: "SIDE | SIDE"; block: "SIDE > SIDE"; mend: what ends; swizzle: of whom; refused: "PEER (STAGE)"; dial-failed: "PEER: every address failed, ..."; punch: "PEER: direct after 1 round, 768.771 ms"; punch-failed: "PEER: failed after 3 rounds"; circuit-limit: "PEER: 6498 bytes", who opened it and what went through');

CREATE TABLE endpoint (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO _doc VALUES
('endpoint', '', '', 'Endpoints that packet names by number; v_packet shows their text.'),
('endpoint', 'id', 'index', 'from 1, in the order seen'),
('endpoint', 'text', 'endpoint', 'address and port');

CREATE TABLE packet (
    at_ns INTEGER NOT NULL,
    id INTEGER NOT NULL,
    from_node INTEGER,
    to_node INTEGER,
    box INTEGER,
    from_endpoint INTEGER NOT NULL,
    to_endpoint INTEGER NOT NULL,
    carriage TEXT NOT NULL,
    kind TEXT NOT NULL,
    fate TEXT NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
INSERT INTO _doc VALUES
('packet', '', '', 'Every place that a datagram passed; with --log packets.'),
('packet', 'at_ns', 'ns', 'when'),
('packet', 'id', 'index', 'of the datagram: its rows in order are its way'),
('packet', 'from_node', 'index', 'who sent it; NULL: a box, in the name of its inside'),
('packet', 'to_node', 'index', 'who got it; NULL unless delivered'),
('packet', 'box', 'index', 'NAT box it is at; NULL: at a host or on a link'),
('packet', 'from_endpoint', 'index', 'source as it is at that place, see endpoint'),
('packet', 'to_endpoint', 'index', 'destination as it is at that place, see endpoint'),
('packet', 'carriage', '', 'how boxes see it: udp, tcp, or tcp-syn, which opens a connection; tcp-reset, tcp-unreachable, udp-unreachable: one of them was not taken'),
('packet', 'kind', '', 'what it carries: hello (first flight of a handshake), data, ack, keep-alive, close, punch, other'),
('packet', 'fate', '', 'what became of it there: sent, translated (by a box on its way out) or passed (by a firewall), delivered; on a link: lost, queue-full, too-big, copied (the datagram begins here); between two sides of a cut: cut; its host sleeps: asleep; nobody has the address: no-route; at a box: no-mapping, filtered, blocked, no-hairpin'),
('packet', 'bytes', 'bytes', 'payload of the datagram or segment');

CREATE TABLE metric (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL,
    unit TEXT NOT NULL,
    meaning TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO _doc VALUES
('metric', '', '', 'Counts over the whole run.'),
('metric', 'name', 'name', 'what was counted'),
('metric', 'value', 'by row', 'the count'),
('metric', 'unit', '', 'its unit'),
('metric', 'meaning', '', 'what exactly was counted');

CREATE TABLE property (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    expected TEXT NOT NULL,
    held INTEGER NOT NULL CHECK (held IN (0, 1)),
    took_ns INTEGER,
    within_ns INTEGER,
    why TEXT NOT NULL
) STRICT;
INSERT INTO _doc VALUES
('property', '', '', 'What the scenario expects, and whether it held.'),
('property', 'id', 'index', 'from 1, in the order of the scenario'),
('property', 'name', 'name', 'of the property'),
('property', 'expected', '', 'what the scenario demands, in words'),
('property', 'held', 'bool', 'whether it held'),
('property', 'took_ns', 'ns', 'until it came to that, for a group until the last pair did; together: the longest time apart; NULL: never, or nothing that has a time'),
('property', 'within_ns', 'ns', 'what took_ns may be at most; NULL: nothing that has a time'),
('property', 'why', '', 'what was seen, with times');
