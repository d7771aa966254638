#!/usr/bin/env bash
# Two homes behind real Linux NATs and a relay in a public network, as namespaces of this machine.
#
#   tests/netns/punch.sh PEERUP          as root, with iproute2 and nftables
#
#      home 10.1.1.2 - router 11.0.0.2 -+- 11.0.0.1 relay
#    laptop 10.2.1.2 - router 11.0.0.3 -+- 11.0.0.9 probe: authorised at home, with a public address
#
# Both routers masquerade and drop what nobody asked for. What must hold: both reserve a place, the laptop
# reaches home through the relay, a hole is punched over QUIC, and bytes flow on when the relay is killed.
# Nothing is left when it ends, however it ends. The last line is "N passed, N failed"; 77 and a reason when
# it cannot run here.
set -u
skip() {
    echo "netns: skipped: $1"
    exit 77
}
[ "$(id -u)" -eq 0 ] || skip 'namespaces need root'
command -v ip >/dev/null || skip 'the command ip is missing (iproute2)'
command -v nft >/dev/null || skip 'the command nft is missing (nftables)'
peerup=$(realpath "$1")
tag=pu$$
work=$(mktemp -d)
passed=0
failed=0
unset XDG_CONFIG_HOME XDG_STATE_HOME
export HOME=$work
spaces=(pub r1 r2 relay probe home laptop)

cleanup() {
    local pids space
    for space in "${spaces[@]}"; do
        pids=$(ip netns pids "$tag$space" 2>/dev/null)
        [ -z "$pids" ] || kill -9 $pids 2>/dev/null
        ip netns del "$tag$space" 2>/dev/null
    done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
cd "$work" || exit 1

at_space() { # SPACE COMMAND...
    local space=$1
    shift
    ip netns exec "$tag$space" "$@"
}

check() {
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok $name"
        passed=$((passed + 1))
    else
        echo "not ok $name"
        sed 's/^/    /' "$work/said"
        failed=$((failed + 1))
    fi
}

eventually() { # SECONDS COMMAND...
    local i seconds=$1
    shift
    for i in $(seq $((seconds * 5))); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.2
    done
    "$@"
}

# ---- the network ----

# A veth between two spaces: SPACE NAME ADDRESS SPACE NAME ADDRESS.
wire() {
    ip link add "$tag$2" netns "$tag$1" type veth peer name "$tag$5" netns "$tag$4" || return 1
    [ "$3" = - ] || at_space "$1" ip addr add "$3" dev "$tag$2" || return 1
    [ "$6" = - ] || at_space "$4" ip addr add "$6" dev "$tag$5" || return 1
    at_space "$1" ip link set "$tag$2" up && at_space "$4" ip link set "$tag$5" up
}

# Masquerades what comes from inside, and drops what comes from outside unasked: an early datagram of the
# other side must not make an entry of its own.
nat() { # SPACE OUTSIDE-INTERFACE
    at_space "$1" sysctl -qw net.ipv4.ip_forward=1
    at_space "$1" nft -f - <<NFT
table ip nat {
    chain post {
        type nat hook postrouting priority 100; policy accept;
        oifname "$tag$2" masquerade
    }
    chain input {
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        iifname != "$tag$2" accept
    }
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        iifname != "$tag$2" accept
    }
}
NFT
}

build() {
    local space
    for space in "${spaces[@]}"; do
        ip netns add "$tag$space" && at_space "$space" ip link set lo up || return 1
    done
    at_space pub ip link add "${tag}br" type bridge && at_space pub ip link set "${tag}br" up || return 1
    wire relay a 11.0.0.1/24 pub pa - && wire r1 b 11.0.0.2/24 pub pb - &&
        wire r2 c 11.0.0.3/24 pub pc - || return 1
    wire probe h 11.0.0.9/24 pub pd - || return 1
    for space in pa pb pc pd; do at_space pub ip link set "$tag$space" master "${tag}br" || return 1; done
    wire home d 10.1.1.2/24 r1 e 10.1.1.1/24 && wire laptop f 10.2.1.2/24 r2 g 10.2.1.1/24 &&
        at_space home ip route add default via 10.1.1.1 && at_space laptop ip route add default via 10.2.1.1 &&
        nat r1 b && nat r2 c
}
build 2>"$work/build.log" || skip "the kernel does not let the network be built: $(tail -n 1 "$work/build.log")"

# ---- the nodes ----

for node in relay home laptop probe; do at_space "$node" "$peerup" init --dir $node >$node.id 2>/dev/null; done
relay=$(cat relay.id) home=$(cat home.id) laptop=$(cat laptop.id)
cat >relay/config.yaml <<YAML
network: {listen_addresses: [/ip4/0.0.0.0/udp/4001/quic-v1]}
daemon: {state_dir: state}
security: {enable_connection_gating: true}
YAML
for node in home laptop probe; do
    cat >$node/config.yaml <<YAML
network: {listen_addresses: [/ip4/0.0.0.0/udp/4001/quic-v1]}
relay: {addresses: [/ip4/11.0.0.1/udp/4001/quic-v1/p2p/$relay]}
daemon: {state_dir: state}
services: {data: {enabled: true, local_address: "127.0.0.1:8080"}}
names: {home: $home}
YAML
    "$peerup" auth add "$relay" --file $node/authorized_keys 2>/dev/null
done
"$peerup" auth add "$home" --file relay/authorized_keys 2>/dev/null
"$peerup" auth add "$laptop" --file relay/authorized_keys 2>/dev/null
"$peerup" auth add "$laptop" --file home/authorized_keys 2>/dev/null
"$peerup" auth add "$(cat probe.id)" --file home/authorized_keys 2>/dev/null
sed -i "s|addresses: .*|addresses: []}|" probe/config.yaml # it has no relay: the address alone will not do
"$peerup" auth add "$home" --file laptop/authorized_keys 2>/dev/null

at() {
    local node=$1
    shift
    at_space "$node" "$peerup" "$@" --config $node/config.yaml
}

at relay relay serve 2>relay.log &
eventually 5 grep -q listening relay.log
at home daemon 2>home.log &
at laptop daemon 2>laptop.log &
check 'home has a place at the relay' eventually 10 grep -q 'relay reserved' home.log
check 'the laptop has one' eventually 10 grep -q 'relay reserved' laptop.log

# A NAT that lets strangers in would prove nothing.
check 'home is not reached at its public address' sh -c \
    "! timeout 15 ip netns exec ${tag}probe '$peerup' ping /ip4/11.0.0.2/udp/4001/quic-v1/p2p/$home -c 1 --config probe/config.yaml"

began=$(date +%s%N)
check 'the first ping goes through the relay' sh -c "ip netns exec ${tag}laptop '$peerup' ping home -c 1 --config laptop/config.yaml | grep -q relayed"
is_direct() { at laptop ping home -c 1 | grep -q 'direct over quic'; }
check 'a hole is punched over QUIC' eventually 30 is_direct
echo "direct after $((($(date +%s%N) - began) / 1000000)) ms"

mkdir -p www
head -c 4000000 /dev/urandom >www/data
(cd www && exec ip netns exec ${tag}home python3 -m http.server 8080 --bind 127.0.0.1 >/dev/null 2>&1) &
listen=$(at laptop proxy home data 0)
cat >fetch.py <<'PYTHON'
import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=20).read())
PYTHON
fetch() { at_space laptop python3 fetch.py "http://$listen/data" >got && cmp got www/data; }
check 'a service is reached' eventually 10 fetch
kill -9 $(ip netns pids ${tag}relay)
sleep 1
check 'and still when the relay is dead' fetch
check 'ping is still direct' is_direct

[ "$failed" -eq 0 ] || tail -n 20 relay.log home.log laptop.log
exec 2>/dev/null # the shell's words about processes that are killed now
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
