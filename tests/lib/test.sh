#!/usr/bin/env bash
# Runs every test that needs no network outside the machine and adds up what they counted.
#
#   tests/lib/test.sh BUILD-FOLDER REPLAY-FOLDER
#
# with `make all unit` done in the first, e.g. build/release, and `make replay` in the second.
#
# Each part ends with a line "N passed, N failed", and so does the whole.
set -eu -o pipefail
cd "$(dirname "$0")/../.."

build=$1
replay=$2
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs one part and adds its last line. A part that fails without counting a failure, or that ends
# without such a line, counts as one failure.
part() {
    local status=0 last
    "$@" 2>&1 | tee "$log" || status=$?
    last=$(tail -n 1 "$log")
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        [ "$status" -eq 0 ] || [ "${BASH_REMATCH[2]}" -gt 0 ] || failed=$((failed + 1))
    else
        echo "$1 ended without its totals (status $status)"
        failed=$((failed + 1))
    fi
}

part "$build/unit" --jobs 2
part "$replay/replay" tests/fuzz/corpus
part tests/sim/properties.sh "$build/peerup-sim"
part tests/sim/nat_matrix.py "$build/peerup-sim"
part tests/sim/nat_matrix.py "$build/peerup-sim" --fidelity wire
part tests/sim/wire.sh "$build/peerup-sim"
part tests/sim/pcap.sh "$build/peerup-sim"
part tests/sim/calibrate.sh "$build/peerup-sim"
part tests/real/three.sh "$build/peerup"
part tests/real/hostile.py "$build/peerup"
part tests/real/install.sh "$build"
part tests/real/record.sh "$build/peerup" "$build/peerup-sim"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
