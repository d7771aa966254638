#!/usr/bin/env bash
# Shows that a run is a function of scenario and seed alone. The trace hashes of the demo must be equal for gcc and clang,
# -O0 and -O3, and then along each other axis alone: a second run, sanitizers, no address randomisation, another layout of
# hash tables, an allocator that gives no address twice, one heap of all events, two processes that share the seeds. Different seeds must differ.
#
#   tests/hash_matrix.sh A-B      seeds A to B
set -eu
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS

seeds=$1
first=${seeds%-*} last=${seeds#*-}
scenario=${SCENARIO:-scenarios/base/home-behind-cgnat.yaml}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[ "$first" -le "$last" ] 2>/dev/null || { echo "hash-matrix: SEEDS=$seeds is not a range such as 1-20"; exit 2; }

build() { # folder, make's variables
    local dir=$1
    shift
    make -j"$(nproc)" B="$dir" "$@" "$dir/peerup-sim" >"$work/make" 2>&1 || { cat "$work/make"; exit 1; }
}

# Writes "seed hash" lines of seeds $2 to $3 into $work/$1; the rest is the command.
hashes() {
    local column=$1 from=$2 to=$3
    shift 3
    "$@" --seeds "$from-$to" --verbose --log none --progress none --out "$work/out-$column" >"$work/$column.out" ||
        { echo "hash-matrix: $column: peerup-sim failed"; tail -3 "$work/$column.out"; return 1; }
    sed -n 's/^seed=\([0-9]*\) hash=\([0-9a-f]*\) .*/\1 \2/p' "$work/$column.out" >"$work/$column"
}

# Runs the columns two at a time and compares each with the first of all.
columns=()
column() {
    local name=$1
    shift
    hashes "$name" "$first" "$last" "$@" || exit 1
    columns+=("$name")
    cmp -s "$work/${columns[0]}" "$work/$name" && { printf '%-14s equal\n' "$name"; return; }
    echo "hash-matrix: $name differs from ${columns[0]}: seed and hash"
    diff "$work/${columns[0]}" "$work/$name" | head -4
    exit 1
}

for build in gcc-O0 gcc-O3 clang-O0 clang-O3; do
    build "build/hm-$build" CC="${build%-*}" OPT="-${build##*-}"
    column "$build" "build/hm-$build/peerup-sim" run "$scenario"
done
sim=build/hm-gcc-O3/peerup-sim
column again "$sim" run "$scenario"
build build/hm-asan BUILD=asan CC=gcc
column asan env ASAN_OPTIONS=detect_leaks=1 build/hm-asan/peerup-sim run "$scenario"
if setarch -R true 2>/dev/null; then column no-aslr setarch -R "$sim" run "$scenario"; else
    echo "no-aslr        skipped: this machine does not let setarch switch it off"
fi
column hash-seed "$sim" run "$scenario" --hash-seed 987654321
column allocator "$sim" run "$scenario" --allocator fresh
column queue-heap "$sim" run "$scenario" --queue heap

middle=$(((first + last) / 2))
hashes workers-1 "$first" "$middle" "$sim" run "$scenario" & other=$!
[ "$middle" -ge "$last" ] || hashes workers-2 $((middle + 1)) "$last" "$sim" run "$scenario"
wait "$other"
cat "$work/workers-1" "$work/workers-2" >"$work/workers" 2>/dev/null || cp "$work/workers-1" "$work/workers"
cmp -s "$work/${columns[0]}" "$work/workers" || { echo "hash-matrix: two workers differ"; exit 1; }
printf '%-14s equal\n' "two workers"

count=$(wc -l <"$work/${columns[0]}")
[ "$count" -eq $((last - first + 1)) ] || { echo "hash-matrix: $count hashes for seeds $seeds"; exit 1; }
same=$(cut -d ' ' -f 2 "$work/${columns[0]}" | sort | uniq -d | head -1)
[ -z "$same" ] || { echo "hash-matrix: two seeds gave the same hash $same"; exit 1; }
echo "hash-matrix: $count seeds, $((${#columns[@]} + 1)) columns, all equal; seed $first is $(head -1 "$work/${columns[0]}" | cut -d ' ' -f 2)"
