# What the tests of tests/real share; sourced with the peerup program as $1. It makes a folder $work, which becomes HOME and
# the working folder, and removes it with every process of the test at the end.
# shellcheck shell=bash

peerup=$(realpath "$1")
work=$(mktemp -d)
# shellcheck source=tests/lib/check.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/check.sh"
unset XDG_CONFIG_HOME XDG_STATE_HOME
export HOME=$work
cd "$work" || exit 1

cleanup() {
    kill_jobs
    rm -rf "$work"
}
trap cleanup EXIT

# exits CODE COMMAND...: whether the command ends with that code.
exits() {
    local want=$1 code=0
    shift
    "$@" || code=$?
    [ "$code" -eq "$want" ] || { echo "exit code $code, not $want"; return 1; }
}

# says WORDS COMMAND...: whether its output, errors included, has the words.
says() {
    local words=$1 output
    shift
    output=$("$@" 2>&1)
    grep -qF -- "$words" <<<"$output" || { printf '%s\n' "$output"; return 1; }
}

# tells PATTERN COMMAND...: the same by a pattern of grep -E.
tells() {
    local pattern=$1 output
    shift
    output=$("$@" 2>&1)
    grep -qE -- "$pattern" <<<"$output" || { printf '%s\n' "$output"; return 1; }
}

at() { # NODE COMMAND...: peerup with that node's configuration
    local node=$1
    shift
    "$peerup" "$@" --config "$node/config.yaml"
}
