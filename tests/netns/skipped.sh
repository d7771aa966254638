#!/usr/bin/env bash
# What `make netns` says, and that it is no failure, where the lab cannot be: on machines made up of a PATH with
# an id, dpkg-query and apt-get that answer what the test wants. Nothing is built or installed.
#
#   tests/netns/skipped.sh
#
# One line a check: "ok ..." or "not ok ..."; the last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL PEERUP_NO_INSTALL
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/lib/check.sh
. tests/lib/check.sh

# A tree that has the Makefile and no source: a build that is begun fails.
mkdir -p "$work/tree/tests/netns" "$work/bin"
cp -r Makefile .ci "$work/tree/"
cp tests/netns/ready.sh "$work/tree/tests/netns/"

# All commands but those that the tests take away.
IFS=: read -ra folders <<<"$PATH"
for folder in "${folders[@]}"; do ln -s "$folder"/* "$work/bin/" 2>/dev/null; done
(cd "$work/bin" && rm -f '*' nft sudo)
fake() { # COMMAND: what it does is read from standard input
    rm -f "$work/bin/$1" # not through a link
    { echo '#!/bin/sh'; cat; } >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}
# shellcheck disable=SC2016 # it is the fakes that ask for variables
fake id <<<'echo "$USER_ID"'
# shellcheck disable=SC2016
fake dpkg-query <<<'for package; do [ "$package" = "$ABSENT" ] || printf "%s=installed " "$package"; done'
fake apt-get <<<'echo "E: no network"; exit 100'

# machine USER-ID ABSENT-PACKAGE COMMAND...: runs it in the tree, there.
machine() {
    (cd "$work/tree" && env PATH="$work/bin" USER_ID="$1" ABSENT="$2" "${@:3}")
}
# skips WORDS USER-ID ABSENT-PACKAGE COMMAND...: it succeeds, and one line of it says so.
skips() {
    local output code=0
    output=$(machine "${@:2}" 2>&1) || code=$?
    printf 'exit code %s\n%s\n' "$code" "$output"
    [ "$code" -eq 0 ] && [ "$(grep -cxF -- "netns: skipped: $1" <<<"$output")" -eq 1 ]
}

absent='not here and not installed: nftables'
for target in netns netns-matrix netns-scenarios; do
    check "make $target, nobody's root: it is skipped for that" \
        skips 'namespaces need root' 1000 nftables make "$target"
    check "make $target, nothing may be installed: it says what is missing" \
        skips "$absent" 0 nftables env PEERUP_NO_INSTALL=1 make "$target"
    check "make $target, no network: it says what is missing" skips "$absent" 0 nftables make "$target"
done
without_apt() {
    rm "$work/bin/apt-get"
    skips "$absent" 0 nftables make netns
}
check 'no apt-get: it says what is missing' without_apt
check 'root and all packages: it goes on' machine 0 none tests/netns/ready.sh
begins_to_build() {
    ! machine 0 none make netns && grep -q 'No rule to make target' "$work/said"
}
check 'and builds, which fails where there is no source' begins_to_build

end_checks
