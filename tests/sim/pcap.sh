#!/usr/bin/env bash
# Captures of runs on real packets, read by tshark: QUIC decrypts, TCP is TCP. Without tshark nothing is tried, and that is said.
#
#   tests/sim/pcap.sh PEERUP-SIM
#
# One line a check: "ok ..." or "not ok ..."; the last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/../.."
sim=$1
passed=0
failed=0
if ! command -v tshark >/dev/null; then
    echo 'skipped: captures are not read, since there is no tshark'
    echo '0 passed, 0 failed'
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

capture() { # NAME SCENARIO OPTION...: into $work/NAME.pcapng
    local name=$1 scenario=$2
    shift 2
    "$sim" run "$scenario" --fidelity wire --seed "${SEED:-2}" --log none --progress none --out "$work/$name" "$@" >"$work/said" 2>&1 ||
        cat "$work/said"
    mv "$work/$name/run.pcapng" "$work/$name.pcapng"
}
# Reads a capture once: the fields that are asked for below, one line a packet, into $work/NAME.
read_it() {
    tshark -r "$work/$1.pcapng" -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE -o tcp.check_checksum:TRUE -T fields -E separator=';' \
        -e frame.interface_name -e frame.protocols -e udp.length -e quic.frame_type -e quic.stream.stream_id -e _ws.col.Info \
        -e ip.checksum.status -e udp.checksum.status -e tcp.checksum.status -e tcp.payload -e quic.long.packet_type \
        -e icmpv6.checksum.status -e ipv6.addr -e icmpv6.code -e frame.packet_flags_direction -e ip.src 2>/dev/null >"$work/$1.fields"
}
count() { # NAME CONDITION: packets for which an awk condition over the fields holds
    awk -F';' -v shake=2f6d756c746973747265616d2f -v noise=2f6e6f697365 -v inner=2f697066732f \
        "{bad = 0; for (i = 7; i <= 9; i++) bad += \$i ~ /0/; bad += \$12 ~ /0/} $2 {n++} END {print n + 0}" "$work/$1.fields"
}
sources() { # NAME INTERFACE out|in: how many packets of that direction, and the first part of their addresses
    awk -F';' -v at="$2" -v way="$([ "$3" = in ] && echo 1 || echo 2)" \
        '$1 == at && $15 ~ way "$" {n++; if (split($16, ip, ".") > 1) from[ip[1]] = 1} END {printf "%d", n; for (i in from) printf " %s", i}' "$work/$1.fields"
}
check() { # NAME TEST...
    local name=$1
    shift
    if test "$@"; then
        echo "ok $name"
        passed=$((passed + 1))
    else
        echo "not ok $name: $*"
        failed=$((failed + 1))
    fi
}
# QUIC that stays closed to a reader with the keys; stateless resets and Retry have nothing in them.
closed='$2 ~ /quic/ && $4 == "" && $6 !~ /Stateless Reset/ && $11 !~ /3/'

# Both ends in public: everything is seen twice, with the same addresses.
capture public scenarios/base/both-public.yaml --pcap-keys
read_it public
check 'every node has an interface' "$(cut -d';' -f1 "$work/public.fields" | sort -u | tr '\n' ' ')" = 'a b relay stranger '
check 'no packet is malformed' "$(count public '$2 ~ /malformed/')" -eq 0
check 'no checksum is wrong' "$(count public 'bad > 0')" -eq 0
check 'QUIC and TCP are seen' "$(count public '$2 ~ /quic/')" -gt 200 -a "$(count public '$2 ~ /tcp/')" -gt 50
check 'all of QUIC decrypts' "$(count public "$closed")" -eq 0
check 'its streams are seen' "$(count public '$5 != ""')" -gt 50

capture bare scenarios/base/both-public.yaml --pcap
read_it bare
check 'without --pcap-keys none is' "$(count bare '$5 != ""')" -eq 0

# Behind two NATs: one node alone, whose packets are there once. Those that punch, 64 bytes, are no QUIC. (Not the demo:
# there a dial that was given up says so between the same two endpoints as the connection that stays, and tshark takes
# what follows for that one's. The same with a punch datagram whose first byte looks like a long header, as with seed 2.)
SEED=1 capture home scenarios/nat/double-nat.yaml --pcap-keys --pcap-of home
read_it home
check 'of one node alone' "$(cut -d';' -f1 "$work/home.fields" | sort -u)" = home
check 'all of QUIC decrypts behind NATs' "$(count home "$closed && \$3 != 72")" -eq 0
check 'its streams are seen behind NATs' "$(count home '$5 != ""')" -gt 50

# UDP blocked: Noise and Yamux over TCP, of which only the selection of Noise is to be read.
capture tcp scenarios/nat/udp-blocked.yaml --pcap-keys --pcap-of laptop
read_it tcp
check 'connections over TCP begin with their selection' "$(count tcp 'index($10, shake)')" -ge 4
check 'of Noise' "$(count tcp 'index($10, noise)')" -ge 4
check 'and what follows is sealed' "$(count tcp 'index($10, inner)')" -eq 0
check 'with a dozen segments at least' "$(count tcp '$10 != "" && !index($10, noise)')" -gt 12

# IPv6 beside IPv4, through firewalls that say what they do not let in.
capture six scenarios/nat/ipv6-only-mobile.yaml --pcap-keys --pcap-of home
read_it six
check 'no packet of either family is malformed' "$(count six '$2 ~ /malformed/')" -eq 0
check 'no checksum of IPv6 is wrong' "$(count six 'bad > 0')" -eq 0
check 'QUIC runs over both' "$(count six '$2 ~ /ipv6/ && $2 ~ /quic/')" -gt 50 -a "$(count six '$2 ~ /:ip:/ && $2 ~ /quic/')" -gt 20
check 'all of it decrypts' "$(count six "$closed && \$3 != 72 && \$2 !~ /icmpv6/")" -eq 0
check 'ICMPv6 says that a port cannot be reached' "$(count six '$2 ~ /icmpv6/ && $14 == 4')" -gt 0

# The outer sides of boxes, beside the node behind them; strangers come no further than the carrier's.
SEED=1 capture layers scenarios/base/home-behind-cgnat.yaml --log packets --set groups.bystanders.count=4 \
    --pcap-of home --pcap-of home/router --pcap-of home/carrier --pcap-of laptop/router
read_it layers
ask() {
    sqlite3 "$work/layers/run.db" "$1"
}
home="(SELECT node FROM node WHERE name = 'home')"
carrier="(SELECT box FROM nat WHERE owner = 'home' AND type_name = 'carrier')"
sent=$(ask "SELECT count(*) FROM packet WHERE fate = 'sent' AND from_node = $home")
got=$(ask "SELECT count(*) FROM packet WHERE fate = 'delivered' AND to_node = $home")
refused=$(ask "SELECT count(*) FROM packet WHERE box = $carrier AND fate IN ('filtered', 'no-mapping') AND from_node <> $home")
stranger=$(ask "SELECT address FROM node WHERE name = 'stranger'")
moved=$(ask "SELECT count(*) FROM packet JOIN nat USING (box) WHERE owner = 'laptop' AND fate = 'translated'")
check 'a box has an interface beside the node' "$(cut -d';' -f1 "$work/layers.fields" | sort -u | tr '\n' ' ')" = \
    'home home/carrier home/router laptop/router '
check 'packets leave the node with its address' "$(sources layers home out)" = "$sent 192"
check 'its router with another' "$(sources layers home/router out)" = "$sent 100"
check 'and the carrier with a public one' "$(sources layers home/carrier out)" = "$sent 11"
check 'what the carrier refuses has come to it' "$refused" -gt 10 -a "$(sources layers home/carrier in)" = "$((got + refused)) 11"
check 'and no further' "$(sources layers home/router in)" = "$got 11" -a "$(sources layers home in)" = "$got 11"
check 'so a stranger is seen outside alone' "$(count layers "\$16 == \"$stranger\" && \$1 == \"home/carrier\"")" -gt 10 -a \
    "$(count layers "\$16 == \"$stranger\" && \$1 != \"home/carrier\"")" -eq 0
check 'the boxes of both networks of one that moves are seen' "$(sources layers laptop/router out)" = "$moved 11"
check 'no packet outside is malformed' "$(count layers 'bad > 0 || $2 ~ /malformed/')" -eq 0

# One of them alone: each packet is there once, and decrypts.
SEED=1 capture outside scenarios/nat/double-nat.yaml --pcap-keys --pcap-of home/carrier
read_it outside
check 'of one box alone' "$(cut -d';' -f1 "$work/outside.fields" | sort -u)" = home/carrier
check 'all of QUIC decrypts outside of NATs' "$(count outside "$closed && \$3 != 72")" -eq 0
check 'its streams are seen there' "$(count outside '$5 != ""')" -gt 50

# Two names of one box: the first said has it, whichever node is attached first.
for names in 'laptop/carrier home/carrier' 'home/carrier laptop/2'; do
    SEED=1 capture same scenarios/nat/double-nat.yaml --set 'nodes.home.behind=[router, carrier@isp]' \
        --set 'nodes.laptop.behind=[router, carrier@isp]' --set nats.carrier.hairpin=true --pcap-of "${names% *}" --pcap-of "${names#* }"
    read_it same
    check "of $names the first" "$(cut -d';' -f1 "$work/same.fields" | sort -u)" = "${names% *}"
done

# A home's router and its firewall are one device.
capture device scenarios/nat/ipv6-only-mobile.yaml --pcap-of home/1
read_it device
check 'a device has both families' "$(count device '$2 ~ /ipv6/')" -gt 50 -a "$(sources device home/1 out | cut -d' ' -f2)" = 11
check 'and no packet there is malformed' "$(count device 'bad > 0 || $2 ~ /malformed/')" -eq 0

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
