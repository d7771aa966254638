#!/usr/bin/env bash
# Shows that the properties catch bugs: builds peerup-sim once for each bug of core/base/planted.h, runs every scenario and
# writes docs/planted-bugs.md: bug, the first property that said no, how many seeds it took.
#
#   tests/planted.sh [SEEDS]      at most so many seeds a scenario (500)
set -eu
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS

seeds=${1:-500}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mapfile -t bugs < <(sed -n 's|^ *PLANTED_\([A-Z_]*\)\( = 1\)\{0,1\}, */\* \(.*\) \*/$|\1 \3|p' core/base/planted.h)
mapfile -t scenarios < <(find scenarios -name '*.yaml' | sort)
missed=0 number=0

{
    echo "# Planted bugs"
    echo
    echo "\`make planted\` builds the core once for each bug of \`core/base/planted.h\`, runs every scenario seed by seed, and writes"
    echo "this page. A property that no bug can violate proves nothing."
    echo
    echo "| bug | what is wrong | scenario | property | seeds needed |"
    echo "|---|---|---|---|---|"
} >"$work/page"

# The fewest seeds after which scenario $2 of build $1 is violated: "seeds property".
caught() {
    local seed
    for ((seed = 1; seed <= seeds; seed++)); do
        if ! "$1" run "$2" --seed "$seed" --log none --progress none --out "$work/out" >"$work/run" 2>&1; then
            echo "$seed $(sed -n 's/^violated: \([^:]*\):.*/\1/p' "$work/run" | head -1)"
            return
        fi
    done
}

for line in "${bugs[@]}"; do
    number=$((number + 1))
    name=${line%% *} what=${line#* }
    dir=build/planted-$number
    make -j"$(nproc)" B="$dir" CFLAGS="-DPU_PLANTED_BUG=$number" "$dir/peerup-sim" >"$work/make" 2>&1 ||
        { cat "$work/make"; exit 1; }
    found="" where="" fewest=$((seeds + 1))
    for scenario in "${scenarios[@]}"; do
        result=$(seeds=$((fewest - 1)); caught "$dir/peerup-sim" "$scenario")
        [ -n "$result" ] || continue
        fewest=${result%% *} found=${result#* } where=$scenario
        [ "$fewest" -gt 1 ] || break
    done
    if [ -n "$where" ]; then
        row="$where | $found | $fewest"
    else
        row="- | not caught | more than $seeds"
        missed=$((missed + 1))
    fi
    printf '%-20s %s\n' "$name" "$row"
    echo "| $name | $what | $row |" >>"$work/page"
    rm -rf "$dir"
done

cp "$work/page" docs/planted-bugs.md
echo "planted: $number bugs, $((number - missed)) caught, $missed missed"
[ "$missed" -eq 0 ] && [ "$number" -ge 10 ]
