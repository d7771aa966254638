#!/usr/bin/env bash
# What stops somebody who uses peerup for the first time, and whether it says so: the limits of a
# relay, an address that is named while a relayed connection is there, a service that is not up,
# slips in commands.
#
#   tests/real/first_day.sh PEERUP
#
# One line a check: "ok ..." or "not ok ..."; the last line is "N passed, N failed".
set -u
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh" "$1"

# ---- slips in commands ----

check 'a port out of range is named with its range' \
    says "--port: '99999' is not a port, a number from 0 to 65535" "$peerup" init --dir slip --port 99999
check 'and ends with 2' exits 2 "$peerup" init --dir slip --port 99999
check 'init does not take --config for the place' \
    says '--config: it makes a configuration; --dir says where' "$peerup" init --config slip
check 'so is a count' says "--count: 'x' is not a number" "$peerup" ping somebody -c x
check 'an option of other commands is no operand' says "there is no option '-n5'" "$peerup" status -n5
check 'nor its value, where that stands alone' says "there is no option '-n'" "$peerup" status -n 5
check 'and an interval' says "--interval: '2d' is not a time" "$peerup" ping somebody --interval 2d
check 'and a size' says "--record-max: 'many' is not a size" "$peerup" daemon --record-max many
check 'what is wrong with an address is said' says "from '/upd/7777" \
    "$peerup" init --dir slip --relay /ip4/127.0.0.1/upd/7777/quic-v1
check 'so is an id that is missing' says 'does not end in /p2p/ID' \
    "$peerup" init --dir slip --relay /ip4/127.0.0.1/udp/7777/quic-v1
says_once() { # WORDS COMMAND...
    [ "$("${@:2}" 2>&1 | grep -cF -- "$1")" -eq 1 ]
}
check 'and once' says_once /ip4/127.0.0.1/udp/7777/quic-v1 \
    "$peerup" init --dir slip --relay /ip4/127.0.0.1/udp/7777/quic-v1
for at in /ip4/127.0.0.1/udp/7777/quic /ip4/127.0.0.1/udp/0/quic-v1 /dns4/relay.example.org/udp/7777/quic \
    /dns4/relay.example.org/tcp/443/wss /dns4/relay.example.org; do
    check "$at: a transport of others is told from ours" \
        says 'no transport that peerup speaks: /udp/PORT/quic-v1 or /tcp/PORT' \
        "$peerup" init --dir slip --relay $at/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN
done
check 'a relay is not reached through one' says 'leads through a relay' \
    "$peerup" init --dir slip --relay /p2p-circuit/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN
check 'and nothing was made' test ! -e slip
nodes relay home laptop
relay=$(cat relay.id) home=$(cat home.id) laptop=$(cat laptop.id)
for words in 'status extra' 'whoami extra' 'version extra' 'config validate extra' 'daemon stop extra' \
    'relay serve extra' 'auth list extra'; do
    # shellcheck disable=SC2086
    check "$words: one word too many" says "'extra' is too much" at home $words
    # shellcheck disable=SC2086
    check "$words: ends with 2" exits 2 at home $words
done
check 'auth ad' says "did you mean 'add'?" at home auth ad
check 'relay sreve' says "did you mean 'serve'?" at home relay sreve
check 'config validat' says "did you mean 'validate'?" at home config validat
check 'a folder is no configuration: the file in it is named' \
    says 'home is a folder, and one file is the configuration: home/config.yaml' "$peerup" whoami --config home
check 'and not one that is not there' tells 'is the configuration$' "$peerup" whoami --config "$work"
check 'and ends with 7' exits 7 "$peerup" whoami --config home
check 'nor is it a list of grants' says 'home: it is a folder, not a file' "$peerup" auth list --file home
check 'auth says which file' says 'home/authorized_keys' at home auth add "$(cat laptop.id)"

# ---- a ping without a daemon ----

nobody=12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB
check 'ping without a daemon ends with 5 where no address is known' \
    exits 5 at home ping $nobody -c 2 --interval 10ms
check 'and says so' says 'no address of the peer is known, and no relay is configured' \
    at home ping $nobody -c 2 --interval 10ms
check 'and that no daemon answers' says 'no daemon answers at' at home ping $nobody -c 2 --interval 10ms
check 'each once' says_once 'peerup: no answer' at home ping $nobody -c 3 --interval 10ms
check 'as JSON has it each time' test \
    "$(at home ping $nobody -c 3 --interval 10ms --json 2>/dev/null | grep -c '"error":"no answer')" -eq 3

# ---- three nodes on one machine: home and laptop stay relayed ----

configure relay 'resources: {session_duration: 8s}'
for node in home laptop; do
    configure $node "relay: {addresses: [/ip4/127.0.0.1/udp/$port/quic-v1/p2p/$relay]}" \
        "names: {home: $home, laptop: $laptop}" 'services:' \
        "  web: {enabled: true, local_address: '127.0.0.1:$((port + 1))'}" \
        "  echo: {enabled: true, local_address: '127.0.0.1:$((port + 4))'}" \
        "  down: {enabled: true, local_address: '127.0.0.1:$((port + 2))'}" \
        "  nowhere: {enabled: true, local_address: 'no-such-host.invalid:80'}"
done
authorize_all
start relay
eventually grep -q listening relay.log
start home
start laptop
eventually grep -q 'relay reserved' laptop.log
eventually grep -q 'relay reserved' home.log
mkdir www
head -c 1000000 /dev/urandom >www/data
serve_www
cat >echo.py <<'PYTHON'
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    s = listener.accept()[0]
    while data := s.recv(65536):
        s.sendall(data)
PYTHON
python3 echo.py $((port + 4)) >/dev/null 2>&1 &
cat >there_and_back.py <<'PYTHON'
import socket, sys
SIZE = 80000
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30)
s.sendall(bytes(SIZE))
got = 0
try:
    while data := s.recv(65536):
        got += len(data)
except OSError:
    pass
sys.exit(got != SIZE)
PYTHON
cat >idle.py <<'PYTHON'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30)
try:
    s.recv(1)
except OSError:
    pass
PYTHON
eventually python3 fetch.py "http://127.0.0.1:$((port + 1))/"

# ---- a relay's limits ----

check 'home is reached through the relay' says 'relayed' at laptop ping home -c 1
check 'status says what the relay allows' says 'limited to 128 KiB each way and 8 s' at laptop status
check 'so does status at the other side' says 'limited to 128 KiB each way and 8 s' at home status
check 'and through whom it goes' tells "\(home\) relayed through $(cat relay.id)( |\$)" at laptop status
check 'which JSON has' says "\"via\": \"$(cat relay.id)\"" at laptop status --json
check 'status as JSON has it in numbers' says '"limit_bytes": 131072' at laptop status --json
check 'and what is left' tells '8 s, of which 1[0-9]+ KiB and [0-9] s are left$' at laptop status
check 'which JSON has, too' tells '"left_bytes": 1[0-9]{5},$' at laptop status --json
at laptop proxy home web $((port + 3)) >listen 2>proxy.said
check 'proxy says what the relay allows' grep -q 'limit of 128 KiB each way and 8 s, of which .* left for all that goes over it' proxy.said
# What is below the limit of bytes each way, but not both ways together, lives as long as the relay lets it.
at laptop proxy home echo $((port + 5)) >/dev/null 2>&1
python3 there_and_back.py $((port + 5)) &
there=$!
check 'what it has carried is not left any more' \
    eventually tells '8 s, of which [1-4]?[0-9] KiB and [0-9] s are left$' at laptop status
python3 idle.py $((port + 5)) &
check 'whoever begins then is told' eventually \
    grep -qE '^a stream with home goes through a relay, .* of which [0-9]+ KiB and [0-9] s are left' laptop.log
check 'and so is the service at home' eventually \
    grep -qE '^a stream with laptop goes through a relay, .* of which [0-9]+ KiB and [0-9] s are left' home.log
check 'what is below the limit each way passes' wait $there
why='the relay ended the connection at its limit of 8 s'
check 'what the limit of time has cut says so' eventually grep -q "^proxy .*$why" laptop.log
check 'and so does the service at home' eventually grep -q "^service echo .*$why" home.log
check 'and what can be done' grep -q 'resources.session_duration can be raised at the relay' laptop.log home.log
check 'the relay says so, too' eventually grep -q "limit (8 s; resources.session_duration)" relay.log
check 'nobody takes it for the limit of bytes' sh -c '! grep session_data_limit relay.log laptop.log home.log'
python3 fetch.py "http://$(cat listen)/data" >got 2>/dev/null
check 'a megabyte does not pass' sh -c '! cmp -s got www/data'
why='the relay ended the connection at its limit of 128 KiB each way'
check 'what the limit of bytes has cut says so' eventually grep -q "^proxy .*$why" laptop.log
check 'and so does the service at home, later' eventually grep -q "^service web .*$why" home.log
check 'and which key of the relay it is' grep -q 'resources.session_data_limit can be raised' laptop.log
check 'and the relay, too' eventually grep -q 'limit (128 KiB each way; resources.session_data_limit)' relay.log

# ---- services that are not up ----

check 'a service that is not up is no proxy' exits 5 at laptop proxy home down 0
check 'and it is said why' says 'service down of home does not answer there (connection refused)' \
    at laptop proxy home down 0
check 'so is one whose host is not known' says 'service nowhere of home does not answer there (its host is not a known name)' \
    at laptop proxy home nowhere 0
check 'home says so as well' grep -q 'service down at .* does not answer: connection refused' home.log

# ---- an address that is named ----

address=$(sed -n 's/^listening //p' home.log | head -1)/p2p/$home
eventually at laptop ping home -c 1
python3 idle.py $((port + 3)) &
idle=$!
eventually sh -c '"$1" status --json --config laptop/config.yaml | grep -q "\"streams\": 1"' sh "$peerup"
check 'an address is not dialled while a relayed connection is used, which is said' \
    says 'the address was not dialled: the relayed connection that is there carries streams' at laptop ping "$address" -c 1
kill $idle
wait $idle 2>/dev/null
eventually sh -c '"$1" status --json --config laptop/config.yaml | grep -q "\"streams\": 0"' sh "$peerup"
check 'a port that is taken is told, and by which proxy' \
    tells 'cannot listen on [0-9]+: proxy-[0-9]+ of this daemon is there, to web of home$' \
    at laptop proxy "$address" web $((port + 3))
check 'so is one that overlaps' says ' of this daemon is there, to web of home' at laptop proxy home web 0.0.0.0:$((port + 3))
check 'and ends with 1' exits 1 at laptop proxy home web $((port + 3))
own=$(sed -n 's|^listening /ip4/127.0.0.1/tcp/||p' laptop.log)
check 'so is one where the node listens itself' \
    says 'this node listens there itself, for its peers' at laptop proxy home web "$own"
check 'so is one where a service of its own is' \
    says 'service web of this node is there' at laptop proxy home echo 0.0.0.0:$((port + 1))
other=$(sed -n 's|^listening /ip4/127.0.0.1/tcp/||p' home.log)
check 'what another program has is told as the system does' says ': Address already in use' \
    at laptop proxy home web "$other"
sleep 1
check 'and has cost no connection' says 'relayed' at laptop ping home -c 1
check 'an address is dialled otherwise' says 'direct over quic' at laptop ping "$address" -c 1
check 'an address beside a direct connection is not, which is said' \
    says 'the address was not dialled: a direct connection with the peer is there already' \
    at laptop ping "/ip4/127.0.0.1/udp/9/quic-v1/p2p/$home" -c 1
check 'a direct connection has no limits' sh -c 'python3 fetch.py "http://$(cat listen)/data" >got && cmp got www/data'
kill "$(pgrep -P $$ -f 'http.server' | head -1)" 2>/dev/null
check 'a service that has gone is told of by the proxy' eventually sh -c '
    python3 fetch.py "http://$(cat listen)/" 2>/dev/null
    grep -q "^proxy .*: the service does not answer there: connection refused" laptop.log'

end_checks
