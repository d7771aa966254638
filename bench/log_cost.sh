#!/usr/bin/env bash
# What `run --log summary` and `--log events` cost more than `--log none`, with the machine. Ends with
# the rows of the event table a thousand queue events.
#
#   bench/log_cost.sh [SCENARIO] [ROUNDS]     processor time (user and system), medians of ROUNDS runs of each in turn
#   bench/log_cost.sh --count [SCENARIO]      instructions of the program, by valgrind: one run of each, and always the same
set -eu -o pipefail
cd "$(dirname "$0")/.."
sim=build/release/peerup-sim-model
unit=ms rounds=5
if [ "${1:-}" = --count ]; then
    unit='thousand instructions' rounds=1
    command -v valgrind >/dev/null || { echo "log_cost: --count needs valgrind" >&2; exit 1; }
    shift
fi
scenario=${1:-scenarios/life/crowd.yaml}
rounds=${2:-$rounds}
[ -x $sim ] || { echo "log_cost: $sim is not there: make" >&2; exit 1; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# A run with that level of log, after the words before it.
run() {
    "${@:2}" $sim run "$scenario" --log "$1" --progress none --out "$out/$1" >"$out/said" 2>&1
}

# Processor time of one run, in ms.
time_of() {
    local user sys
    TIMEFORMAT='%U %S'
    { time run "$1"; } 2>"$out/time"
    read -r user sys <"$out/time"
    awk -v u="$user" -v s="$sys" 'BEGIN { printf "%d\n", (u + s) * 1000 }'
}

count_of() {
    run "$1" valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null
    awk '/I +refs:/ { gsub(",", "", $NF); printf "%d\n", $NF / 1000 }' "$out/said"
}

one() {
    if [ "$unit" = ms ]; then time_of "$1"; else count_of "$1"; fi
}

median() {
    sort -n "$out/$1.all" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

[ "$unit" != ms ] || one none >"$out/warm"
for _ in $(seq "$rounds"); do
    for level in none summary events; do one $level >>"$out/$level.all"; done
done
none=$(median none)
[ "$none" -gt 0 ] || { echo "log_cost: $scenario is over too soon to be measured" >&2; exit 1; }
awk -F: '/model name/ { print "machine:" $2; exit }' /proc/cpuinfo
echo "$scenario, runs of each: $rounds; none $none $unit"
for level in summary events; do
    awk -v l=$level -v m="$(median $level)" -v n="$none" -v u="$unit" \
        'BEGIN { printf "  --log %-8s %d %s: %+.1f %%\n", l, m, u, (m - n) * 100 / n }'
done
sqlite3 "$out/events/run.db" 'SELECT (SELECT count(*) FROM event) * 1000 / events FROM run' |
    awk '{ print "  " $1 " event rows a thousand queue events" }'
