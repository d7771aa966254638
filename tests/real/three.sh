#!/usr/bin/env bash
# A relay, a home node and a laptop as three processes on loopback, used as their owner would.
#
#   tests/real/three.sh PEERUP
#
# One line a check: "ok ..." or "not ok ..."; the last line is "N passed, N failed".
set -u
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh" "$1"

# ---- identities ----

nodes relay home laptop stranger
relay=$(cat relay.id) home=$(cat home.id) laptop=$(cat laptop.id) stranger=$(cat stranger.id)
check 'init prints a peer id' grep -q '^12D3KooW' home.id
check 'and says what that is' says "The line that was printed is this node's id" "$peerup" init --dir new
check 'whoami is the same' says "$home" at home whoami
check 'init changes nothing that is there' exits 7 "$peerup" init --dir home
check 'a key is never overwritten' says "$home" at home whoami
chmod 644 home/identity.key
check 'a key that others may read is refused' exits 7 at home whoami
chmod 600 home/identity.key

# ---- configurations ----

configure relay 'security: {enable_connection_gating: true}' 'resources: {session_data_limit: 64MB}'
for node in home laptop stranger; do
    configure $node "relay: {addresses: [/ip4/127.0.0.1/tcp/$port/p2p/$relay]}" "names: {home: $home}" \
        "services: {web: {enabled: true, local_address: '127.0.0.1:$((port + 1))'}}"
done
check 'config validate' at home config validate
check 'init listens at the port it is given' says '/ip6/::/tcp/7777' \
    sh -c '"$1" init --dir at7777 --port 7777 && cat at7777/config.yaml' sh "$peerup"
check 'a command that was nearly right' says "did you mean 'status'?" "$peerup" statsu
check 'an option that was nearly right' says "did you mean 'json'?" "$peerup" status --jsno
sed 's/enabled: true/enabled: maybe/' home/config.yaml >bad.yaml
echo 'colour: blue' >>bad.yaml
chmod 600 bad.yaml
check 'a bad configuration ends with 7' exits 7 "$peerup" config validate --config bad.yaml
check 'and says where' says 'bad.yaml:4:' "$peerup" config validate --config bad.yaml
check 'unknown keys are told' says "'colour'" "$peerup" config validate --config bad.yaml

check 'a name that was nearly right' says "did you mean 'home'?" at laptop ping hoem
check 'the node itself is no peer' exits 2 at laptop ping "$laptop"

# ---- authorisation ----

"$peerup" auth add "$home" --file relay/authorized_keys 2>/dev/null
"$peerup" auth add "$laptop" --file relay/authorized_keys 2>/dev/null
for node in home laptop stranger; do
    "$peerup" auth add "$relay" --file $node/authorized_keys --comment relay 2>/dev/null
done
check 'auth add' at home auth add "$laptop" --comment 'my laptop'
check 'auth add, twice: it is there' at home auth add "$laptop"
check 'auth remove of nobody ends with 5' exits 5 at home auth remove "$stranger"
check 'a comment without end is refused' exits 2 at home auth add "$stranger" --comment "$(printf %600s)"
check 'auth list' says '# my laptop' at home auth list
check 'auth list as JSON' says '"comment": "my laptop"' at home auth list --json
at laptop auth add "$home" 2>/dev/null
at stranger auth add "$home" 2>/dev/null

# ---- three processes ----

check 'status without a daemon ends with 3' exits 3 at home status
check 'so does closing a proxy' exits 3 at home proxy --close 1
check 'a proxy needs all three' exits 2 at home proxy home web
check 'a proxy is opened or closed, not both' exits 2 at home proxy --close 1 home web 0
"$peerup" init --dir alone --relay "/ip4/127.0.0.1/udp/9/quic-v1/p2p/$home" >/dev/null 2>&1
"$peerup" daemon --config alone/config.yaml >/dev/null 2>alone.log &
start relay
eventually grep -q listening relay.log
start home
start laptop
check 'both reserve a place at the relay' eventually grep -q 'relay reserved' home.log laptop.log
eventually grep -q 'relay reserved' laptop.log >/dev/null 2>&1
eventually grep -q 'relay reserved' home.log >/dev/null 2>&1
check 'ping by name' at laptop ping home -c 2
check 'ping tells path and transport' tells 'direct over (quic|tcp)|relayed$' at laptop ping home -c 1
check 'ping as JSON' says '"received":1' at laptop ping home -c 1 -json
check 'status' says 'relay: connected' at laptop status
check 'status names the relay' says "$relay direct" at laptop status
check 'status names home as the configuration does' says "$home (home) " at laptop status
check 'and so does JSON' says '"name": "home"' at laptop status --json
check 'status of a relay' says 'relay: this node is one' at relay status
check 'status as JSON' says '"schema": "peerup.status/1"' at laptop status --json
check 'ping of a stranger to everybody fails' exits 5 at laptop ping 12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB -c 1
check 'whoever is not authorised gets nothing' exits 6 at stranger ping "/ip4/127.0.0.1/tcp/$port/p2p/$relay/p2p-circuit/p2p/$home" -c 1
check 'one daemon a node' exits 1 at home daemon
check 'and says why' says 'probably a daemon that runs already' at home daemon
check 'whoever misses its relay is told' eventually grep -q 'no relay after 10 s' alone.log
check 'and status says so' says 'relay: not reached' at alone status
at alone daemon stop

# ---- IPv6, where there is any ----

if grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null; then
    "$peerup" init --dir six >six.id 2>/dev/null
    cat >six/config.yaml <<YAML
network: {listen_addresses: [/ip6/::1/udp/0/quic-v1, /ip6/::1/tcp/0]}
daemon: {state_dir: state}
YAML
    at six auth add "$stranger" 2>/dev/null
    at stranger auth add "$(cat six.id)" 2>/dev/null
    "$peerup" daemon --config six/config.yaml >/dev/null 2>six.log &
    for transport in udp tcp; do
        eventually grep -q "listening /ip6/::1/$transport/" six.log
        address=$(sed -n "s|^listening \(/ip6/::1/$transport/.*\)|\1|p" six.log)/p2p/$(cat six.id)
        check "ping over IPv6 and $transport" tells "direct over ${transport/udp/quic}\\b" at stranger ping "$address" -c 1
    done
    at six daemon stop
fi

# ---- a service ----

mkdir www
head -c 3000000 /dev/urandom >www/data
serve_www
eventually python3 fetch.py "http://127.0.0.1:$((port + 1))/data"
listen=$(at laptop proxy home web 0)
check 'proxy prints where it listens' test -n "$listen"
for i in 1 2 3; do python3 fetch.py "http://$listen/data" >got.$i & fetches="${fetches-} $!"; done
wait $fetches
check 'status says its id' tells "^proxy: proxy-[0-9]+ at $listen " at laptop status
check 'a service is reached through it, three times at once' sh -c 'cmp got.1 www/data && cmp got.2 www/data && cmp got.3 www/data'

# ---- changes while it runs ----

at home auth remove "$laptop" 2>/dev/null
check 'whoever is removed is out at once' eventually exits 5 at laptop ping home -c 1
at home auth add "$laptop" 2>/dev/null
check 'whoever is added is in at once' eventually at laptop ping home -c 1
check 'daemon stop' at home daemon stop
check 'and it is gone' eventually exits 3 at home status

end_checks
