#!/usr/bin/env bash
# Runs every fuzz target, one after the other: `make fuzz T=60`, `make fuzz RUNS=1000000`.
#
#   tests/fuzz/run.sh BUILD-FOLDER SECONDS TARGET...      so long each
#   tests/fuzz/run.sh BUILD-FOLDER runs=N TARGET...       N executions each, noted in docs/fuzz-ledger.md
#
# Each begins with its corpus and what earlier runs found (BUILD-FOLDER/corpus); inputs that break it
# are kept in BUILD-FOLDER/found. One line a target: executions, edges covered, what broke.
set -u
cd "$(dirname "$0")/../.."

build=$1
case $2 in
    runs=*) limit=-runs=${2#runs=} ledger=docs/fuzz-ledger.md ;;
    *) limit=-max_total_time=$2 ledger= ;;
esac
shift 2
commit=$(git describe --always --exclude='*' --dirty=+ 2>/dev/null || echo unknown)
machine="$(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
failed=0
interrupted=72 # libFuzzer's status after SIGINT; what was asked for later is left out

# Where a life costs time, inputs stay short and libFuzzer does not weigh them; a few frames of each
# allocation are enough to know it by.
options_of() {
    case $1 in
        nodes) echo -max_len=160 -entropic=0 ;;
        links) echo -max_len=48 -entropic=0 ;;
        replay) echo -max_len=8192 -entropic=0 ;;
        node | datagram | database | link | mux_shake | yamux | noise) echo -max_len=2048 -entropic=0 ;;
        *) echo -max_len=2048 ;;
    esac
}
asan_of() {
    case $1 in
        nodes | node | datagram | replay | database | link | links | mux_shake | yamux | noise | quic_*)
            echo malloc_context_size=1:quarantine_size_mb=4:allocator_release_to_os_interval_ms=-1:thread_local_quarantine_size_kb=64
            ;;
    esac
}

note() {
    [ -n "$ledger" ] || return 0
    [ -e "$ledger" ] || printf '# Fuzz ledger\n\nEach line: one target of `make fuzz RUNS=N`. %s\n\n%s\n%s\n' \
        'A line that broke stays; what broke was mended, and the target ran again.' \
        '| day | commit | machine | target | executions | seconds of one core | inputs kept | result |' \
        '|---|---|---|---|---|---|---|---|' >"$ledger"
    echo "| $(date -u +%F) | $commit | $machine | $1 | $2 | $3 | $4 | $5 |" >>"$ledger"
}

mkdir -p "$build/found"
for target in "$@"; do
    grown=$build/corpus/$target
    log=$build/found/$target.log
    mkdir -p "$grown"
    status=0
    # shellcheck disable=SC2046 # options are words
    {
        TIMEFORMAT='%U %S'
        time ASAN_OPTIONS=$(asan_of "$target") "$build/fuzz-$target" "$limit" $(options_of "$target") \
            -rss_limit_mb=2500 -timeout=120 -artifact_prefix="$build/found/$target-" "$grown" \
            "tests/fuzz/corpus/$target" >"$log" 2>&1 || status=$?
    } 2>"$build/found/$target.time"
    read -r user system <"$build/found/$target.time"
    seconds=$(awk "BEGIN {print int($user + $system + 0.5)}")
    runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log")
    last=$(sed -n 's/^#\([0-9]*\).*/\1/p' "$log" | tail -n 1)
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    inputs=$(find "tests/fuzz/corpus/$target" -type f | wc -l)
    if [ "$status" -eq 0 ]; then
        printf 'fuzz: %-16s %9s runs, %5s edges, %5s s, clean\n' "$target" "$runs" "$edges" "$seconds"
        note "$target" "$runs" "$seconds" "$inputs" clean
    elif [ "$status" -eq "$interrupted" ]; then
        printf 'fuzz: %-16s %9s runs, %5s edges, %5s s, clean when interrupted\n' "$target" "$last" "$edges" "$seconds"
        note "$target" "$last" "$seconds" "$inputs" 'clean, interrupted'
        break
    else
        printf 'fuzz: %-16s BROKE (status %d), see %s\n' "$target" "$status" "$log"
        grep -E 'SUMMARY|runtime error|Assertion|Test unit written' "$log" | head -n 5
        note "$target" "$last" "$seconds" "$inputs" broke
        failed=$((failed + 1))
    fi
done
[ "$failed" -eq 0 ] || { echo "fuzz: $failed of $# targets broke"; exit 1; }
