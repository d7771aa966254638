# What tests in bash count and say; sourced with $work set to a folder of theirs.
# shellcheck shell=bash

passed=0
failed=0

# check NAME COMMAND...: the command must succeed; what it said is shown when it does not.
check() {
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok $name"
        passed=$((passed + 1))
    else
        echo "not ok $name"
        sed 's/^/    /' "$work/said"
        failed=$((failed + 1))
    fi
}

# eventually COMMAND...: within ten seconds.
eventually() {
    local i
    for i in $(seq 50); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.2
    done
    "$@"
}

# kill_jobs: ends what the test left in the background, and waits for it.
kill_jobs() {
    local pids
    pids=$(jobs -p)
    [ -z "$pids" ] || kill $pids 2>/dev/null
    wait 2>/dev/null
}

# end_checks: the last line, and the exit code.
end_checks() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
