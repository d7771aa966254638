#!/usr/bin/env bash
# The long campaign: many seeds of every scenario, every property. Prints the time and appends a line a scenario to
# docs/soak-ledger.md.
#
#   tests/soak.sh [SEEDS]         1 to SEEDS (1000)
set -eu
cd "$(dirname "$0")/.."

seeds=${1:-1000}
sim=build/release/peerup-sim
ledger=docs/soak-ledger.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=$("$sim" version --json | sed -n 's/.*"build": *"\([^"]*\)".*/\1/p')
machine="$(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
failed=0

[ -e "$ledger" ] || printf '# Soak ledger\n\nEach line: `make soak` on that day. A campaign with a violation stays here.\n\n%s\n%s\n' \
    '| day | build | machine | scenario | seeds | violated | seconds |' '|---|---|---|---|---|---|---|' >"$ledger"

# Runs seeds $3 to $4 of scenario $2 and writes the lines of those that failed into $work/$1.
part() {
    "$sim" run "$2" --seeds "$3-$4" --log none --progress none --out "$work/out-$1" >"$work/$1" 2>&1 || true
}

while read -r scenario; do
    began=$(date +%s%N)
    half=$((seeds / 2))
    part one "$scenario" 1 "$half" & other=$!
    part two "$scenario" $((half + 1)) "$seeds"
    wait "$other"
    ran=$(cat "$work/one" "$work/two" | grep -c '^seed=[0-9]* hash=' || true)
    bad=$(cat "$work/one" "$work/two" | grep -c '^replay: ' || true)
    [ "$ran" -eq "$seeds" ] || bad=$((bad + seeds - ran))
    seconds=$((($(date +%s%N) - began) / 10000000))
    took="$((seconds / 100)).$(printf %02d $((seconds % 100)))"
    printf '%-45s %s seeds, %s violated, %s s\n' "$scenario" "$ran" "$bad" "$took"
    grep -h '^violated\|^replay' "$work/one" "$work/two" | head -6 || true
    echo "| $(date -u +%F) | $build | $machine | $scenario | $ran | $bad | $took |" >>"$ledger"
    failed=$((failed + bad))
done < <(find scenarios -name '*.yaml' | sort)

echo "soak: $failed violated"
[ "$failed" -eq 0 ]
