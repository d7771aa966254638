#!/usr/bin/env bash
# Runs every fuzz target for a while, one after the other: `make fuzz T=60`.
#
#   tests/fuzz/run.sh BUILD-FOLDER SECONDS TARGET...
#
# Each begins with its corpus and what earlier runs found (BUILD-FOLDER/corpus); inputs that break it
# are kept in BUILD-FOLDER/found. One line a target: executions, edges covered, what broke.
set -u
cd "$(dirname "$0")/../.."

build=$1
seconds=$2
shift 2
failed=0
mkdir -p "$build/found"
for target in "$@"; do
    grown=$build/corpus/$target
    log=$build/found/$target.log
    mkdir -p "$grown"
    status=0
    "$build/fuzz-$target" -max_total_time="$seconds" -max_len=2048 -rss_limit_mb=2500 -timeout=20 \
        -artifact_prefix="$build/found/$target-" "$grown" "tests/fuzz/corpus/$target" \
        >"$log" 2>&1 || status=$?
    runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    if [ "$status" -eq 0 ]; then
        printf 'fuzz: %-16s %9s runs, %5s edges, clean\n' "$target" "$runs" "$edges"
    else
        printf 'fuzz: %-16s BROKE (status %d), see %s\n' "$target" "$status" "$log"
        grep -E 'SUMMARY|runtime error|Assertion|Test unit written' "$log" | head -n 5
        failed=$((failed + 1))
    fi
done
[ "$failed" -eq 0 ] || { echo "fuzz: $failed of $# targets broke"; exit 1; }
