# Adds up tests whose last line is "N passed, N failed"; sourced.
# shellcheck shell=bash

passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# part COMMAND...: runs one test and adds its last line. One that fails without counting a failure, or that
# ends without such a line, counts as one failure; one that says 77 has told why it was skipped.
part() {
    local status=0 last
    "$@" 2>&1 | tee "$log" || status=$?
    last=$(tail -n 1 "$log")
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        [ "$status" -eq 0 ] || [ "${BASH_REMATCH[2]}" -gt 0 ] || failed=$((failed + 1))
    elif [ "$status" -ne 77 ]; then
        echo "$1 ended without its totals (status $status)"
        failed=$((failed + 1))
    fi
    return 0
}

# end_parts: the last line, and the exit code.
end_parts() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
