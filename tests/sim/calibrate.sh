#!/usr/bin/env bash
# `peerup-sim calibrate`: the model of transports agrees with real ones over the first twenty seeds, whoever runs
# them, and the command says so by its exit code.
#
#   tests/sim/calibrate.sh PEERUP-SIM
#
# The last line is "N passed, N failed". docs/calibration.md has the figures of a hundred seeds.
set -u
# shellcheck source=tests/sim/lib.sh
. "$(dirname "$0")/lib.sh" "$1"

# Whether the command $3... ends with exit code $2; $1 says what that shows.
expect() {
    count "$1" gives "${@:2}"
}

expect 'the fidelities agree' 0 "$sim" calibrate fidelity --seeds 1-20 --progress none
cp "$work/said" "$work/table"

small=scenarios/base/both-public.yaml
for jobs in 1 3; do
    expect "a scenario of one's own, $jobs at once" 0 "$sim" calibrate "$small" --seeds 5-16 --jobs $jobs \
        --band 50% --json
    sed 's/"wall_seconds":[0-9.]*//' "$work/said" >"$work/$jobs.json"
done
expect 'it does not matter how many are at work' 0 cmp "$work/1.json" "$work/3.json"
expect 'a band that is left' 10 "$sim" calibrate "$small" --seeds 1-10 --band 0.01%
expect 'too few seeds' 2 "$sim" calibrate --seeds 1-9
expect 'too wide a band' 2 "$sim" calibrate --band 60%
expect 'no such scenario' 2 "$sim" calibrate fidelity "$work/none.yaml"
expect 'a value that is none' 2 "$sim" calibrate "$small" --set duration=soon

grep -v '^#' scenarios/data/nat_profiles.csv | sed -n '1p;3p' >"$work/mix.csv"
for jobs in 1 3; do
    expect "a mix, $jobs at once" 0 "$sim" calibrate mix "$work/mix.csv" --seeds 1-3 --jobs $jobs --json --progress none
    cp "$work/said" "$work/mix-$jobs.json"
done
expect 'nor there how many are at work' 0 cmp "$work/mix-1.json" "$work/mix-3.json"
for what in 'latency --seeds 3-4' 'punch --seeds 1-3' 'mix --seeds 1-3'; do
    # shellcheck disable=SC2086 # words
    expect "$what" 0 "$sim" calibrate $what --progress none
    tail -1 "$work/said" >>"$work/table"
done
# One share of this seed is 1.6 points away, which is chance: two seeds more, and it is within 1.5.
expect 'the ten thousand boxes of one seed' 0 "$sim" calibrate mix --seeds 1-1
cp "$work/said" "$work/one"
expect 'its head names the seeds' 0 grep -q ' seeds=1-1 build=' "$work/one"
expect 'what chance may do is said' 0 grep -q "'hairpin' was first .*: 2 more seeds" "$work/one"
printf '0\t100\n100\t0\n' >"$work/pair.tsv"
expect 'a matrix of two places' 0 "$sim" calibrate latency "$work/pair.tsv" --seeds 1-1
printf '0\n' >"$work/one.tsv"
expect 'nobody to ping' 2 "$sim" calibrate latency "$work/one.tsv" --seeds 1-1
printf '0\t200\t128\n200\t0\t128\n128\t128\t0\n' >"$work/slow.tsv"
sed "s|matrix: .*tsv|matrix: slow.tsv|" scenarios/nat/interop-distances.yaml >"$work/slow.yaml"
expect 'a relay that is 6 ms further away' 10 "$sim" calibrate punch "$work/slow.yaml" --seeds 1-1
expect 'no such table' 2 "$sim" calibrate mix "$work/none.csv"
# table WEIGHTS: a table of one profile, 'p', with those shares of boxes.
table() {
    printf '%s\n' "$(sed -n 1p "$work/mix.csv" | cut -d, -f1-13)" "p,$1,0.5,0.5,0,30,60,180,0.24" >"$work/own.csv"
}
table 0,0,0,0,1
expect 'nobody whom UDP passes' 0 timeout -k 1 120 "$sim" calibrate mix "$work/own.csv" --seeds 1-3 --progress none
cp "$work/said" "$work/nobody"
expect 'that is said' 0 grep -q 'ways to choose ports are left out' "$work/nobody"
expect 'and nothing else of ports' 1 grep -q preserve "$work/nobody"
table 0.001,0,0,0,0.999
expect 'few whom UDP passes' 2 timeout -k 1 60 "$sim" calibrate mix "$work/own.csv" --seeds 1-1
cp "$work/said" "$work/few"
expect 'how many seeds that takes' 0 grep -q "'p' has too few boxes that UDP passes .* takes 2251 seeds" "$work/few"
table 0.024,0,0,0,0.976
expect 'a signal ends it' 130 timeout -k 1 --preserve-status -s TERM 4 "$sim" calibrate mix "$work/own.csv" --seeds 1-1 \
    --jobs 1 --progress none
sed '1s/tcp_crossing/tcp_crosing/' "$work/mix.csv" >"$work/crosing.csv"
expect 'a column that is misspelt' 2 "$sim" calibrate mix "$work/crosing.csv" --seeds 1-1
expect 'discovery has no file' 2 "$sim" calibrate nat "$work/none.csv"

cat "$work/table"
end_counts
