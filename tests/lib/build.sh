#!/usr/bin/env bash
# Runs a build whose output nobody wants to read, and shows that it goes on: what it is at, every few seconds.
#
#   tests/lib/build.sh LOG COMMAND...
#
# LOG gets the output, which is shown when the command fails. Ends with the command's exit code.
set -u
log=$1
shift
mkdir -p "$(dirname "$log")"
"$@" >"$log" 2>&1 &
build=$!
trap 'kill "$build" 2>/dev/null; exit 130' INT TERM
began=$SECONDS
next=2 # what has nothing to do is done before that
while kill -0 "$build" 2>/dev/null; do
    sleep 0.2
    ran=$((SECONDS - began))
    [ "$ran" -ge "$next" ] || continue
    if [ "$next" -eq 2 ]; then
        echo "Building; this takes a minute or two the first time. Its log is $log."
        next=10
    else
        echo "  building for $ran s: $(tail -n 1 "$log")"
        next=$((next + 10))
    fi
done
code=0
wait "$build" || code=$?
if [ "$code" -ne 0 ]; then
    cat "$log"
    echo "The build has failed ($log)." >&2
fi
exit "$code"
