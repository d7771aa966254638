# What tests of peerup-sim in bash share; sourced with the program as $1. They run in the repository, with a folder $work that
# is removed at the end.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck disable=SC2034 # whoever sources this calls it
sim=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# gives CODE COMMAND...: whether the command ends with that code; what it said is in $work/said.
gives() {
    local want=$1 got=0
    shift
    "$@" >"$work/said" 2>&1 || got=$?
    [ "$got" -eq "$want" ] || { echo "---- exit code $got instead of $want"; return 1; }
}

# count WHAT COMMAND...: the command must succeed; what was said last is shown when it does not.
count() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "---- $what"
        cat "$work/said"
    fi
}

# end_counts: the last line, and the exit code.
end_counts() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
