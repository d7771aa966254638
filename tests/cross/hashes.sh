#!/usr/bin/env bash
# Shows that a run is the same on other processors: the simulator is built for aarch64 and for s390x, which is big-endian,
# and under qemu its trace hashes must be those of this machine.
#
#   tests/cross/hashes.sh A-B     seeds A to B at model fidelity; seeds 1 to 3 with real bytes (--fidelity wire)
set -eu
cd "$(dirname "$0")/../.."
unset MAKEFLAGS MFLAGS

seeds=$1
[[ $seeds =~ ^[0-9]+-[0-9]+$ ]] && [ "${seeds%-*}" -le "${seeds#*-}" ] ||
    { echo "hash-cross: SEEDS=$seeds is not a range such as 1-20"; exit 2; }
scenario=${SCENARIO:-scenarios/base/home-behind-cgnat.yaml}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() { # folder, make's variables
    local dir=$1
    shift
    make -j"$(nproc)" B="$dir" "$@" "$dir/peerup-sim" >"$work/make" 2>&1 || { cat "$work/make"; exit 1; }
}

# Writes "seed hash" lines of both fidelities into $work/$1; the rest is the command.
hashes() {
    local name=$1
    shift
    for of in "$seeds model" '1-3 wire'; do
        "$@" run "$scenario" --seeds "${of% *}" --verbose --fidelity "${of#* }" --log none --progress none --out "$work/out" \
            >"$work/said" || { echo "hash-cross: $name: peerup-sim failed"; tail -3 "$work/said"; exit 1; }
        sed -n "s/^seed=\([0-9]*\) hash=\([0-9a-f]*\) .*/${of#* } \1 \2/p" "$work/said"
    done >"$work/$name"
}

# Builds for a processor and compares: Debian's name of it, GNU's, qemu's.
column() {
    local arch=$1 gnu=$2 qemu=$3 root=$PWD/build/cross/$1
    tests/cross/sysroot.sh "$arch" "$root"
    PKG_CONFIG_LIBDIR=$root/usr/lib/$gnu/pkgconfig:$root/usr/share/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root \
        build "build/cross-$arch" CC="${CROSS_WRAP-} $gnu-gcc --sysroot=$root"
    hashes "$arch" "$qemu" -L "$root" "build/cross-$arch/peerup-sim"
    cmp -s "$work/here" "$work/$arch" && { printf '%-8s equal\n' "$arch"; return; }
    echo "hash-cross: $arch differs: fidelity, seed and hash, here and there"
    diff "$work/here" "$work/$arch" | head -4
    exit 1
}

build build/cross-here CC="${CROSS_WRAP-} gcc"
hashes here build/cross-here/peerup-sim
count=$(wc -l <"$work/here")
[ "$count" -eq $((${seeds#*-} - ${seeds%-*} + 4)) ] || { echo "hash-cross: $count hashes for seeds $seeds"; exit 1; }
distinct=$(awk '{print $NF}' "$work/here" | sort -u | wc -l)
[ "$distinct" -eq "$count" ] || { echo "hash-cross: $count runs, but only $distinct different hashes"; exit 1; }
column arm64 aarch64-linux-gnu qemu-aarch64-static
column s390x s390x-linux-gnu qemu-s390x-static
echo "hash-cross: $count hashes on three processors, all equal"
