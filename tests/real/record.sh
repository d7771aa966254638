#!/usr/bin/env bash
# Recordings of real daemons: what `--record` has written, `peerup-sim replay` lives again, step by step.
#
#   tests/real/record.sh PEERUP PEERUP-SIM
#
# One line a check: "ok ..." or "not ok ..."; the last line is "N passed, N failed".
set -u
sim=$(realpath "$2")
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh" "$1"

nodes relay home laptop
relay=$(cat relay.id) home=$(cat home.id) laptop=$(cat laptop.id)
configure relay 'security: {enable_connection_gating: true}' 'resources: {session_data_limit: 64MB}'
for node in home laptop; do
    configure $node "relay: {addresses: [/ip4/127.0.0.1/tcp/$port/p2p/$relay]}" "names: {home: $home}" \
        "services: {web: {enabled: true, local_address: '127.0.0.1:$((port + 1))'}}"
done
authorize_all

# ---- three recorded lives ----

echo 'others may read this' >laptop.rec
chmod 644 laptop.rec
start relay --record relay.rec
eventually grep -q listening relay.log
start home --record home.rec
start laptop --record laptop.rec
eventually grep -q 'relay reserved' home.log
eventually grep -q 'relay reserved' laptop.log
check 'ping' at laptop ping home -c 2

mkdir www
secret=the-password-is-4711
{ for _ in $(seq 200); do echo "$secret"; done; head -c 1000000 /dev/urandom; } >www/data
serve_www
eventually python3 fetch.py "http://127.0.0.1:$((port + 1))/data" "Authorization: $secret"
listen=$(at laptop proxy home web 0)
python3 fetch.py "http://$listen/data" "Authorization: $secret" >got
check 'a service through the proxy' cmp got www/data
at home auth remove "$laptop" 2>/dev/null
at home auth add "$laptop" 2>/dev/null
check 'ping again' eventually at laptop ping home -c 1

# ---- one end each: killed in the middle of a transfer, asked to stop, by a signal ----

head -c 30000000 /dev/zero >www/more
python3 fetch.py "http://$listen/more" "Authorization: $secret" >/dev/null 2>&1 &
fetch=$!
sleep 0.1
kill -9 "$laptop_pid"
wait "$laptop_pid" "$fetch" 2>/dev/null
at home daemon stop
wait "$home_pid"
kill -TERM "$relay_pid"
wait "$relay_pid"

replays() { # FILE WORDS: whether it lives again with equal effects, and the last line of that has the words
    local output
    output=$("$sim" replay "$1") || { printf '%s\n' "$output"; return 1; }
    grep -qE ' steps, .*: equal$' <<<"$output" && grep -qF -- "$2" <<<"$(tail -n 1 <<<"$output")" ||
        { printf '%s\n' "$output"; return 1; }
}
is_private() { [ "$(stat -c %a "$1")" = 600 ] || { stat -c '%a %n' "$1"; return 1; }; }
lacks() { ! grep -qaF -- "$1" "$2"; }
lacks_key() { # NODE: whether no 16 bytes of its private key are in its recording; the public half may be
    python3 - "$1/identity.key" "$1.rec" <<'PYTHON'
import sys
key, tape = (open(name, "rb").read() for name in sys.argv[1:])
private = key[-64:-32]
sys.exit(len(private) != 32 or any(private[i:i + 16] in tape for i in range(len(private) - 15)))
PYTHON
}
ends() { "$sim" replay --json "$1" | grep -q "\"end\": *\"$2\""; }

check 'a home that was asked to stop lives again' replays home.rec ': equal'
check 'a relay that got a signal lives again' replays relay.rec ': equal'
check 'a laptop that was killed lives again, and that is said' replays laptop.rec 'was cut off'
check 'as JSON' ends home.rec over
for node in relay home laptop; do
    check "the recording of $node is its owner's alone" is_private $node.rec
    check "and holds no key" lacks_key $node
    check "nor bytes of applications" lacks "$secret" $node.rec
done
check 'a megabyte through the proxy takes little room' test "$(stat -c %s home.rec)" -lt 600000

# ---- files that are not whole ----

size=$(stat -c %s home.rec)
for cut in $((size / 3)) $((size / 2)) $((size - 1)); do
    head -c "$cut" home.rec >cut.rec
    check "cut off after $cut bytes: what is there lives again" replays cut.rec 'was cut off'
done
{ head -c $((size / 2)) home.rec; head -c 4096 /dev/zero; } >damaged.rec
# 2: it does not read; 11: it does, and the node did otherwise. Which, is up to where the half ends.
check 'a damaged recording is an error' \
    sh -c '"$1" replay damaged.rec; code=$?; [ $code -eq 2 ] || [ $code -eq 11 ]' sh "$sim"

# ---- limits ----

start relay --record relay.rec --record-max 2KB
check 'a limit of size is told' eventually grep -q 'recording ended, and the daemon goes on: it has reached' relay.log
check 'what is there lives again' replays relay.rec 'ends at its limit'
check 'and is not much longer' test "$(stat -c %s relay.rec)" -lt 8000
start home --record /dev/full
check 'a full disk is told' eventually grep -q 'recording ended, and the daemon goes on: No space left' home.log
eventually grep -q 'relay reserved' home.log
check 'and the daemon goes on' at home status
check 'a folder that is not there is an error' exits 1 at laptop daemon --record nowhere/laptop.rec
check 'a size that is none is an error' exits 2 at laptop daemon --record laptop.rec --record-max much

end_checks
