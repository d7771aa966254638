#!/usr/bin/env bash
# What peerup-sim says to those who call it otherwise than it expects, and of many seeds and many files.
#
#   tests/sim/cli.sh PEERUP-SIM
#
# The last line is "N passed, N failed".
set -u
# shellcheck source=tests/sim/lib.sh
. "$(dirname "$0")/lib.sh" "$1"

# Whether the command $3... ends with exit code $1 and says what the pattern $2 finds.
expect() {
    count "${*:3}: not $1 and '$2'" says "$@"
}
says() {
    gives "$1" "${@:3}" && grep -q -- "$2" "$work/said"
}

# Whether what was said last has so many lines that the pattern finds.
lines() {
    count "not $1 lines of '$2'" test "$(grep -c -- "$2" "$work/said")" -eq "$1"
}

expect 2 "bench: unknown word 'nodess', did you mean 'nodes'?" "$sim" bench nodess
expect 2 "unknown word 'x', use queue, nodes, datagrams or streams" "$sim" bench x
expect 2 'say what to measure' "$sim" bench
expect 2 "'latenci' is neither a subject nor a file, did you mean 'latency'?" "$sim" calibrate latenci
expect 2 'use fidelity, nat, mix, latency or punch' "$sim" calibrate foo
expect 2 'none.yaml: cannot be read' "$sim" calibrate none.yaml
expect 2 "latency is one process: --jobs is of 'fidelity' and 'mix'" "$sim" calibrate latency --jobs 2
expect 2 "mix has no --band: that is of 'fidelity'" "$sim" calibrate mix --band 3%
expect 0 'ports: random; round trip 120 ms between all$' "$sim" nat-matrix
expect 0 '"round_trip_s":0.12,' "$sim" nat-matrix --json
expect 0 '^agree: ' "$sim" calibrate nat --seeds 1-2 --progress none

expect 2 'scenarios: it is a folder' "$sim" report scenarios
expect 2 'scenarios: it is a folder' "$sim" report scenarios -o "$work/x.html"
expect 2 'none.db' "$sim" report "$work/none.db" -o "$work/x.html"
expect 2 'which database' "$sim" report

small=scenarios/base/both-public.yaml
expect 0 '^db=' "$sim" run "$small" --progress none --out "$work/run"
expect 2 '-o FILE.html is missing' "$sim" report "$work/run/run.db"
near="did you mean 'scenarios/nat/symmetric-both.yaml'?"
expect 2 "No such file or directory, $near" "$sim" run symmetric-both
expect 2 "$near" "$sim" run nat/symmetric-both.yaml
expect 2 "$near" "$sim" run scenarios/nat/symmetric-both
expect 2 "$near" "$sim" run symetric-both
expect 2 "$near" "$sim" run scenarios/nat/symetric-both.yaml
expect 2 'No such file or directory$' "$sim" run no-scenario-has-this-name
expect 2 "'5' is not a range A-B such as 1-50.*; the first 5 are 1-5, one alone is --seed 5$" "$sim" run "$small" --seeds 5
expect 2 'is a folder, and one scenario runs at a time' "$sim" run scenarios/base
double=scenarios/nat/double-nat.yaml
expect 2 "pcap-of: no node is called 'hom', did you mean 'home'?$" "$sim" run "$double" --pcap-of hom/router
expect 2 "pcap-of: no box around 'home' is called 'routr', did you mean 'router'? There are router (1), carrier (2)$" \
    "$sim" run "$double" --pcap-of home/router --pcap-of home/routr
expect 2 "no box around 'home' is called '3'; there are router (1), carrier (2)$" "$sim" run "$double" --pcap-of home/3
expect 2 "pcap-of: there is no box around 'relay'$" "$sim" run "$double" --pcap-of relay/router
expect 2 "pcap-of: two boxes around 'home' are called 'router', say home/1 or home/2$" \
    "$sim" run "$double" --set 'nodes.home.behind=[router, router]' --pcap-of home/router
expect 2 "no box around 'bystanders-3' is called 'router'; there is 1, which is drawn$" \
    "$sim" run scenarios/base/home-behind-cgnat.yaml --pcap-of bystanders-3/router
expect 0 "^pcap=$work/taken/run.pcapng$" "$sim" run "$small" --log none --progress none --pcap --record a --out "$work/taken"
lines 1 "^record=$work/taken/a.rec$"
lines 0 'note:'
expect 0 "^pcap=$work/many/seed-N/run.pcapng$" "$sim" run "$small" --seeds 1-2 --progress none --pcap-keys --record a --out "$work/many"
lines 1 "^record=$work/many/seed-N/a.rec$"
lines 1 "^db=$work/many/seed-N/run.db log=summary$"
lines 1 'note: --pcap-keys does nothing at fidelity model'
expect 0 "\"pcap\":\"$work/taken/run.pcapng\",\"record\":null" "$sim" run "$small" --progress none --pcap --json --out "$work/taken"
expect 0 '^seed=' "$sim" run "$small" --fidelity wire --progress none --log none --pcap-keys --out "$work/taken"
lines 0 'note:'
expect 0 '^12 seeds: 12 held$' "$sim" run "$small" --seeds 1-12 --log none --progress none
lines 0 '^seed='
expect 0 '^12 seeds: 12 held$' "$sim" run "$small" --seeds 1-12 --verbose --log none --progress none
lines 12 '^seed=[0-9]* hash='
sed 's/within: .*}/within: 10ms}/' "$small" >"$work/hasty.yaml"
expect 10 '^3 seeds: 0 held, 3 failed: 1 2 3$' "$sim" run "$work/hasty.yaml" --seeds 1-3 --log none --progress none \
    --out "$work/hasty"
lines 3 '^seed='
lines 3 '^seed=[0-9]* violated: reached: '
lines 1 '^replay: .* --seed 1$'
lines 1 '^repro: .*peerup-sim replay .*/hasty/seed-1/run.repro$'
# What is said is a command.
read -ra repro < <(sed -n 's/^repro: //p' "$work/said")
expect 10 '^equal: the same run' "${repro[@]}"
expect 0 'repro' ls "$work/hasty/seed-3"
expect 10 '^repro: .* replay .*/hasty/run.repro$' "$sim" run "$work/hasty.yaml" --progress none --out "$work/hasty"
expect 0 '^db=' "$sim" run "$small" --progress none --out "$work/hasty"
# What a run left is not beside the files of the next one.
expect 2 'No such file' ls "$work/hasty/run.repro"
# What stays there of an older run is said to be that.
expect 0 '^older: .*/hasty/run.db is of another run, this one left none$' "$sim" run "$small" --log none --progress none \
    --out "$work/hasty"
lines 1 '^older: '
expect 0 '^older: .*/hasty/seed-N/run.repro of 2 seeds is of another run' "$sim" run "$small" --seeds 2-3 --progress none \
    --log none --out "$work/hasty"
lines 1 '^older: .*/hasty/run.db is of a run without --seeds$'
expect 0 '"held"' "$sim" run "$small" --log none --json --progress none --out "$work/hasty"
lines 1 '^older: '
expect 0 '2 held' "$sim" run "$small" --seeds 2-3 --progress none --out "$work/hasty"
lines 0 'run.repro'

expect 0 'scenarios: [0-9]* ok, 0 wrong$' "$sim" lint scenarios
lines "$(find scenarios -name '*.yaml' | wc -l)" ': ok$'
lines 0 'warning: '
mkdir -p "$work/many/below/empty"
cp "$small" "$work/many/a.yaml"
sed 's/duration:/duratoin:/' "$small" >"$work/many/below/b.yaml"
echo 'no scenario' >"$work/many/readme.txt"
printf 'scenario: t\nduration: 9s\nnetwork: {latency: {rtt: 80ms}}\nfirewalls: {w: {filtering: apdf}}\nnodes: {a: {ipv6: w}}\n' \
    >"$work/firewalls.yaml"
expect 2 '^2 scenarios: 1 ok, 1 wrong$' "$sim" lint "$work/many"
lines 1 "b.yaml:[0-9]*:[0-9]*: unknown key 'duratoin', did you mean 'duration'?"
expect 2 '"ok":false' "$sim" lint "$work/many/" --json
cp "$work/many/below/b.yaml" "$work/many/below/c.yml"
expect 2 '^3 scenarios: 1 ok, 2 wrong$' "$sim" lint "$work/many"
expect 2 'there is no scenario' "$sim" lint "$work/many/below/empty"
expect 0 'a.yaml: ok' "$sim" lint "$work/many/a.yaml"
lines 0 'scenarios\?: '

# What is refused is told with its place; what is hardly meant, a latency file's halves among it, is told of and passes.
write() {
    printf 'scenario: t\nduration: 60s\nnetwork: {latency: {%s}}\nnodes: {%s}\n' "$1" "$2" >"$work/t.yaml"
}
write 'rtt: 0ms' 'a: {roles: [relay]}, b: {relays: [a]}'
expect 0 "t.yaml:4:30: warning: no time passes between 'a' and 'b': a stream of a gigabyte" "$sim" lint "$work/t.yaml"
expect 0 'seed=1' "$sim" run "$work/t.yaml" --out "$work/timeless"
write 'rtt: 80ms' 'a: {at: Mars}, b: {}'
expect 2 "t.yaml:4:17: nodes.a.at: 'Mars' is no site: they are numbers from 0 to 99999" "$sim" lint "$work/t.yaml"
write 'matrix: m.tsv' 'a: {at: 0}, b: {at: 1}'
printf '0\t9\t1\n9\t0\t60000\n1\t1\t0\n' >"$work/m.tsv"
expect 0 'm.tsv:2:3: warning: this round trip is 1min here and 1ms in line 3, column 2' "$sim" lint "$work/t.yaml"
expect 0 '"file":"[^"]*/m.tsv","line":2,"column":3' "$sim" lint "$work/t.yaml" --json
expect 0 'firewalls.yaml: ok' "$sim" lint "$work/firewalls.yaml"

end_counts
