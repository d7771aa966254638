#!/usr/bin/env bash
# Runs scenarios on real packets, each seed twice: all properties hold, and both runs are equal to the last
# datagram.
#
#   tests/sim/wire.sh PEERUP-SIM [A-B]      seeds A to B, 1-2 unless given
#
# Every scenario there is; of the crowd's hour only a part, with one seed.
#
# One line a scenario; the last line counts seeds: "N passed, N failed".
set -u
cd "$(dirname "$0")/../.."
sim=$1
seeds=${2:-1-2}
passed=0
failed=0
scenarios=(scenarios/base/*.yaml scenarios/nat/*.yaml scenarios/life/*.yaml scenarios/links/*.yaml scenarios/calibration/*.yaml)

for scenario in "${scenarios[@]}"; do
    good=0
    last=${seeds#*-}
    sets=()
    case $scenario in
    */crowd.yaml)
        last=${seeds%-*}
        sets=(--set duration=10min --set groups.crowd.pairs.until=4min)
        ;;
    */people.yaml)
        last=${seeds%-*}
        sets=(--set duration=30min)
        ;;
    esac
    for seed in $(seq "${seeds%-*}" "$last"); do
        for run in 1 2; do
            "$sim" run "$scenario" --fidelity wire --seed "$seed" "${sets[@]}" --log none --progress none \
                --out "${TMPDIR:-/tmp}/peerup-wire-$$" 2>&1 | sed 's/ wall=[^ ]*//' >"${TMPDIR:-/tmp}/peerup-wire-$$.$run"
        done
        first=${TMPDIR:-/tmp}/peerup-wire-$$.1 second=${TMPDIR:-/tmp}/peerup-wire-$$.2
        if cmp -s "$first" "$second" && tail -n 1 "$first" | grep -qE 'properties=([0-9]+)/\1$'; then
            good=$((good + 1))
        else
            failed=$((failed + 1))
            cat "$first"
            cmp "$first" "$second"
        fi
    done
    passed=$((passed + good))
    printf '%-40s %d held, and came out equal twice\n' "$scenario" "$good"
done
rm -rf "${TMPDIR:-/tmp}/peerup-wire-$$"*
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
