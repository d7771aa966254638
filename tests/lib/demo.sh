#!/usr/bin/env bash
# What `make demo` shows once the simulator is built: the story of one run, and its last line.
#
#   tests/lib/demo.sh PEERUP-SIM
set -eu
cd "$(dirname "$0")/../.."

sim=$1
scenario=scenarios/base/home-behind-cgnat.yaml
out=out/home-behind-cgnat
mkdir -p "$out"

echo "Running $scenario"
if ! "$sim" run "$scenario" --log packets --progress none >"$out/run.log" 2>&1; then
    cat "$out/run.log"
    exit 1
fi
"$sim" report "$out/run.db" -o "$out/report.html"
tail -n 1 "$out/run.log"
echo "Report: $out/report.html"
