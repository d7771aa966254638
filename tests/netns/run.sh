#!/usr/bin/env bash
# The real-kernel lab: every test of this folder that ends within a minute.
#
#   tests/netns/run.sh BUILD-FOLDER        as root, e.g. build/release
#
# The last line is "N passed, N failed"; 77 and a reason when the lab cannot be here.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
build=$1
/usr/bin/python3 tests/netns/needs.py || exit $?
# shellcheck source=tests/lib/totals.sh
. tests/lib/totals.sh

work=$(mktemp -d)
trap 'rm -rf "$log" "$work"' EXIT
begin() { # NAME COMMAND...: a test that runs beside the others
    local name=$1
    shift
    { "$@" && echo 0 >"$work/$name.code" || echo $? >"$work/$name.code"; } >"$work/$name" 2>&1 &
}
tell() { # NAME: what it said and how it ended
    cat "$work/$1"
    return "$(cat "$work/$1.code")"
}

begin punch tests/netns/punch.py "$build"
begin classes tests/netns/classes.py "$build"
begin matrix tests/netns/matrix.py "$build" --runs 2 --wait 12 --band 0.2 --cells "$(paste -sd, <<'CELLS'
port-restricted:port-restricted
full-cone:double
symmetric:restricted
symmetric:port-restricted
udp-blocked:full-cone
CELLS
)"
begin scenarios tests/netns/scenarios.py "$build" --until 25 scenarios/nat/*.yaml scenarios/base/*.yaml
begin gateway tests/netns/gateway.py "$build"
begin too_big tests/netns/too_big.py "$build"
begin ipv6_alone tests/netns/ipv6_alone.py "$build"
begin replugged tests/netns/replugged.py "$build"
begin killed tests/netns/killed.py "$build"
wait
for name in punch classes matrix scenarios gateway too_big ipv6_alone replugged killed; do part tell "$name"; done

end_parts
