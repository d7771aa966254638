#!/usr/bin/env bash
# Runs every scenario of scenarios/base, nat, life, links and calibration with many seeds: all properties must hold.
#
#   tests/sim/properties.sh PEERUP-SIM [A-B]      seeds A to B, 1-50 unless given
#
# A scenario that takes long says how many of the seeds it gets here, in a line of its own:
# "# seeds in make test: N"; the first N then. make soak gives it all.
#
# Two processes run side by side, each with half of the seeds. One line a scenario; below it what
# peerup-sim says of each seed that failed. The last line counts seeds: "N passed, N failed".
set -eu
cd "$(dirname "$0")/../.."

sim=$1
seeds=${2:-1-50}
first=${seeds%-*}
everything=${seeds#*-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The seeds in file $1 whose last line says that every property held.
held() {
    sed -n 's|^seed=\([0-9]*\) .*properties=\([0-9]*\)/\2$|\1|p' "$1"
}

# Runs scenario $1 with seeds $2; what it says goes to file $3.
run() {
    "$sim" run "$1" --seeds "$2" --verbose --log none --progress none --out "$3.out" >"$3" 2>&1
}

# Shows seed $2 of scenario $1 as a person would run it.
show() {
    echo "---- peerup-sim run $1 --seed $2"
    "$sim" run "$1" --seed "$2" --log none --progress none --out "$work/show" 2>&1 || true
}

passed=0
failed=0
for scenario in scenarios/base/*.yaml scenarios/nat/*.yaml scenarios/life/*.yaml scenarios/links/*.yaml scenarios/calibration/*.yaml; do
    [ -e "$scenario" ] || continue
    share=$(sed -n 's/^# seeds in make test: //p' "$scenario")
    last=$everything
    if [ -n "$share" ] && [ "$((first + share - 1))" -lt "$last" ] && [ $# -lt 2 ]; then
        last=$((first + share - 1))
    fi
    middle=$(((first + last) / 2))
    status=0
    run "$scenario" "$first-$middle" "$work/a" & other=$!
    if [ "$middle" -lt "$last" ]; then
        run "$scenario" "$((middle + 1))-$last" "$work/b" || status=$?
    else
        : >"$work/b"
    fi
    wait "$other" || status=$?

    held "$work/a" >"$work/held"
    held "$work/b" >>"$work/held"
    missing=$(seq "$first" "$last" | grep -vxFf "$work/held" || true)
    bad=$(printf '%s' "$missing" | grep -c . || true)
    good=$((last - first + 1 - bad))
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    printf '%-44s %d held, %d failed\n' "${scenario#scenarios/}" "$good" "$bad"
    for seed in $missing; do show "$scenario" "$seed"; done
    if [ "$status" -ne 0 ] && [ -z "$missing" ]; then
        echo "---- every seed held, and yet exit status $status:"
        tail -n 20 "$work/a" "$work/b"
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
