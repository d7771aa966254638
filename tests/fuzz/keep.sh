#!/usr/bin/env bash
# Brings the corpora that `make test` replays up to date with what fuzzing found: of the inputs that
# together reach everything, the smallest ones.
#
#   tests/fuzz/keep.sh BUILD-FOLDER FILES TARGET...     at most FILES a target; commit what changed
set -eu
cd "$(dirname "$0")/../.."

build=$1
files=$2
shift 2
for target in "$@"; do
    kept=tests/fuzz/corpus/$target
    all=$(mktemp -d)
    mkdir -p "$kept" "$build/corpus/$target"
    "$build/fuzz-$target" -merge=1 -use_counters=0 -max_len=2048 "$all" "$kept" "$build/corpus/$target" >/dev/null 2>&1
    find "$kept" -type f ! -name 'found-*' -delete # inputs that once broke something stay
    find "$all" -type f -printf '%s %p\n' | sort -n | head -n "$files" | while read -r _ path; do
        mv "$path" "$kept/"
    done
    rm -rf "$all"
    printf 'kept: %-16s %d inputs\n' "$target" "$(find "$kept" -type f | wc -l)"
done
