#!/usr/bin/env bash
# Measures what of the core the tests reach, and holds it to tests/lint/coverage.floor.
#
#   tests/lint/coverage.sh BUILD-FOLDER      e.g. build/cov, with `make BUILD=cov all unit replay` done
#
# Branches of wire/ and ident/ that cannot be taken are listed in tests/lint/coverage.justified.
# Runs unit tests, corpora and one seed of each scenario. Assertions are no code to be reached: a line
# that holds one counts neither as a line nor as a branch.
set -eu
cd "$(dirname "$0")/../.."

build=$1
floor=tests/lint/coverage.floor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
find "$build" -name '*.gcda' -delete
"$build/unit" --jobs 2 >"$work/log" || { tail -n 20 "$work/log"; exit 1; }
"$build/replay" tests/fuzz/corpus >"$work/log" || { tail -n 20 "$work/log"; exit 1; }
tests/sim/properties.sh "$build/peerup-sim" 1-2 >"$work/log" || { tail -n 20 "$work/log"; exit 1; }

asserted='.*PU_(ASSERT|VERIFY|NEVER_HERE)\(.*'
justified=$(sed '/^#/d; /^ *$/d' tests/lint/coverage.justified | paste -sd '|')
measure() { # NAME FILTER
    gcovr --root . --object-directory "$build" --filter "$2" --exclude-lines-by-pattern "$asserted" \
        --exclude-branches-by-pattern "$asserted|$justified" --exclude-unreachable-branches \
        --json-summary "$work/$1.json" --txt "$work/$1.txt" >"$work/log" 2>&1 ||
        { tail -n 20 "$work/log"; exit 1; }
    cp "$work/$1.txt" "$build/coverage-$1.txt"
}
percent() { # NAME line|branch
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2] + "_percent"])' \
        "$work/$1.json" "$2"
}

# The transports, which came later, are held by floors of their own: together, the one would hide the
# other.
measure core 'core/(base|crypto|ident|node|proto|select|wire)/'
measure transports 'core/(link|quic|tls)/'
measure wire 'core/wire/'
measure ident 'core/ident/'
failed=0
hold() { # WHAT SEEN
    least=$(awk -v what="$1" '$1 == what { print $2 }' $floor)
    printf 'cov: %-16s %6s %%, floor %s %%\n' "$1" "$2" "$least"
    if awk -v seen="$2" -v least="$least" 'BEGIN { exit !(seen < least) }'; then
        echo "cov: $1 fell below its floor"
        failed=1
    fi
}
hold core-lines "$(percent core line)"
hold core-branches "$(percent core branch)"
hold transports-lines "$(percent transports line)"
hold transports-branches "$(percent transports branch)"
hold wire-branches "$(percent wire branch)"
hold ident-branches "$(percent ident branch)"
[ "$failed" -eq 0 ]
