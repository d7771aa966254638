#!/usr/bin/env bash
# Set-up of `make netns` and the like: 0 when the lab can be built here, or 77 after a line that says why not.
# Root is asked for first: without it nothing that could be installed would help.
#
#   tests/netns/ready.sh
#
# What else of the kernel a lab needs, each test asks for itself (place.py).
set -eu -o pipefail
cd "$(dirname "$0")/../.."

skip() {
    echo "netns: skipped: $1"
    exit 77
}

[ "$(id -u)" -eq 0 ] || skip 'namespaces need root'
said=$(mktemp)
trap 'rm -f "$said"' EXIT
if ! .ci/setup netns | tee "$said"; then
    missing=$(sed -n 's/^Packages needed and not found: //p' "$said")
    [ -n "$missing" ] || exit 1 # the set-up itself is broken
    skip "not here and not installed: $missing"
fi
