#!/usr/bin/env bash
# Shows that a run is a function of scenario and seed alone: four builds (gcc and clang, -O0 and
# -O3) and a second run of one of them must give the same trace hash, and different seeds must give
# different ones.
#
#   tests/hash_matrix.sh A-B      seeds A to B
set -eu
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS

seeds=$1
scenario=scenarios/base/home-behind-cgnat.yaml
builds=(gcc-O0 gcc-O3 clang-O0 clang-O3)
columns=("${builds[@]}" gcc-O3-again)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for build in "${builds[@]}"; do
    dir=build/hm-$build
    make -j"$(nproc)" B="$dir" CC="${build%-*}" OPT="-${build##*-}" "$dir/peerup-sim" >"$work/make" 2>&1 ||
        { cat "$work/make"; exit 1; }
done

# Writes the trace hash of seed $2 run by the build of column $1 into a file of that name.
hash_of() {
    local json
    json=$("build/hm-${1%-again}/peerup-sim" run "$scenario" --seed "$2" --log none --json \
        --progress none --out "$work/out-$1-$2") ||
        { echo "hash-matrix: $1, seed $2: peerup-sim failed" >&2; return 1; }
    grep -o '"trace_hash": *"[^"]*"' <<<"$json" | cut -d '"' -f 4 >"$work/$1-$2"
    rm -rf "$work/out-$1-$2"
}

count=0
: >"$work/all"
printf '%-6s %-34s %s\n' seed 'trace hash' "${columns[*]}"
for seed in $(seq "${seeds%-*}" "${seeds#*-}"); do
    for ((i = 0; i < ${#columns[@]}; i += 2)); do # two at a time
        hash_of "${columns[i]}" "$seed" & other=$!
        if [ $((i + 1)) -lt ${#columns[@]} ]; then hash_of "${columns[i + 1]}" "$seed"; fi
        wait "$other"
    done
    first=$(cat "$work/${columns[0]}-$seed")
    [ -n "$first" ] || { echo "hash-matrix: seed $seed: no trace_hash in the output"; exit 1; }
    for column in "${columns[@]}"; do
        this=$(cat "$work/$column-$seed")
        [ "$this" = "$first" ] && continue
        echo "hash-matrix: seed $seed: ${columns[0]} gives $first, $column gives ${this:-nothing}"
        exit 1
    done
    if grep -qxF "$first" "$work/all"; then
        echo "hash-matrix: seed $seed: another seed gave the same hash $first"
        exit 1
    fi
    echo "$first" >>"$work/all"
    printf '%-6s %-34s equal\n' "$seed" "$first"
    count=$((count + 1))
done

[ "$count" -gt 0 ] || { echo "hash-matrix: $seeds holds no seed"; exit 2; }
echo "hash-matrix: $count seeds x ${#builds[@]} builds x 2 runs of gcc-O3, all equal"
