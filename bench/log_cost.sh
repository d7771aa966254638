#!/usr/bin/env bash
# bench/log_cost.sh [SCENARIO] [ROUNDS]: what `run --log summary` and `--log events` cost more than
# `--log none`, in processor time (user and system), medians of ROUNDS runs of each in turn, with
# the machine. Ends with the rows of the event table a thousand queue events.
set -eu -o pipefail
cd "$(dirname "$0")/.."
sim=build/release/peerup-sim
scenario=${1:-scenarios/life/crowd.yaml}
rounds=${2:-5}
[ -x $sim ] || { echo "log_cost: $sim is not there: make" >&2; exit 1; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# Processor time of one run, in ms, at the end of the file of that level.
one() {
    local level=$1 user sys
    TIMEFORMAT='%U %S'
    { time $sim run "$scenario" --log "$level" --progress none --out "$out/$level" >"$out/said" 2>&1; } 2>"$out/time"
    read -r user sys <"$out/time"
    awk -v u="$user" -v s="$sys" 'BEGIN { printf "%d\n", (u + s) * 1000 }' >>"$out/$level.ms"
}

median() {
    sort -n "$out/$1.ms" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

one none # the first one warms up
rm "$out/none.ms"
for _ in $(seq "$rounds"); do
    for level in none summary events; do one $level; done
done
none=$(median none)
[ "$none" -gt 0 ] || { echo "log_cost: $scenario is over too soon to be measured" >&2; exit 1; }
awk -F: '/model name/ { print "machine:" $2; exit }' /proc/cpuinfo
echo "$scenario, $rounds runs of each: none $none ms of processor time"
for level in summary events; do
    ms=$(median $level)
    awk -v l=$level -v m="$ms" -v n="$none" \
        'BEGIN { printf "  --log %-8s %6d ms: %+.1f %%\n", l, m, (m - n) * 100 / n }'
done
sqlite3 "$out/events/run.db" 'SELECT (SELECT count(*) FROM event) * 1000 / events FROM run' |
    awk '{ print "  " $1 " event rows a thousand queue events" }'
