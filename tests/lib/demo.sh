#!/usr/bin/env bash
# What `make demo` shows once the simulator is built: a run, its story, and where the report is.
#
#   tests/lib/demo.sh PEERUP-SIM
set -eu -o pipefail
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
"$sim" report "$out/run.db" -o "$out/report.html" | sed '$d' # its last line is ours
tail -n 1 "$out/run.log"
echo "Report with plots: $out/report.html (in any browser: xdg-open $out/report.html)"
