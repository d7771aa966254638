#!/usr/bin/env bash
# The long campaign: many seeds of every scenario, every property. Prints the time, appends a line a scenario to
# docs/soak-ledger.md, and writes docs/scenario-bounds.md: how long everything took that has a bound.
#
#   tests/soak.sh [SEEDS]         1 to SEEDS (1000)
set -eu
cd "$(dirname "$0")/.."

seeds=${1:-1000}
sim=build/release/peerup-sim
ledger=docs/soak-ledger.md
bounds=docs/scenario-bounds.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=$("$sim" version --json | sed -n 's/.*"build": *"\([^"]*\)".*/\1/p')
machine="$(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
failed=0

[ -e "$ledger" ] || printf '# Soak ledger\n\nEach line: `make soak` on that day. A campaign with a violation stays here.\n\n%s\n%s\n' \
    '| day | build | machine | scenario | seeds | violated | seconds |' '|---|---|---|---|---|---|---|' >"$ledger"
cat >"$work/page" <<END
# How long it takes, and what is allowed

Written by \`make soak\` with $seeds seeds of every scenario, build $build. Half and 99 of a hundred seeds came to it within the
times given; behind the slowest stands its seed. For \`together\` it is the longest time apart, for \`pairs\` the last pair's.
[Scenarios](scenarios.md#bounds) says where the bounds come from.

| scenario | property | held | half | 99 % | slowest (seed) | allowed |
|---|---|---|---|---|---|---|
END

# Runs seeds $3 to $4 of scenario $2: results go to $work/$1, what is said to $work/$1.said.
part() {
    "$sim" run "$2" --seeds "$3-$4" --log none --progress none --json --out "$work/out-$1" >"$work/$1" 2>"$work/$1.said" || true
}

while read -r scenario; do
    began=$(date +%s%N)
    half=$((seeds / 2))
    : >"$work/one"
    if [ "$half" -gt 0 ]; then part one "$scenario" 1 "$half" & fi
    part two "$scenario" $((half + 1)) "$seeds"
    wait
    results=()
    for name in one two; do [ ! -s "$work/$name" ] || results+=("$work/$name"); done
    tests/sim/bounds.py "$scenario" "${results[@]}" >"$work/rows"
    read -r ran bad <"$work/rows"
    tail -n +2 "$work/rows" >>"$work/page"
    bad=$((bad + seeds - ran)) # a part that crashed gave no results
    seconds=$((($(date +%s%N) - began) / 10000000))
    took="$((seconds / 100)).$(printf %02d $((seconds % 100)))"
    printf '%-45s %s seeds, %s violated, %s s\n' "$scenario" "$ran" "$bad" "$took"
    if [ "$bad" -gt 0 ]; then cat "$work"/*.said | head -12; fi
    echo "| $(date -u +%F) | $build | $machine | $scenario | $ran | $bad | $took |" >>"$ledger"
    failed=$((failed + bad))
done < <(find scenarios -name '*.yaml' | sort)

cp "$work/page" "$bounds"
echo "soak: $failed violated"
[ "$failed" -eq 0 ]
