#!/usr/bin/env bash
# Makes the go-libp2p and the js-libp2p program into build/interop. Downloads stay there. A toolchain
# that is missing or too old is named, and its program is not made.
#
#   tests/interop/build.sh
set -eu -o pipefail
cd "$(dirname "$0")/../.."

out=build/interop
go_least=1.26
node_least=20
mkdir -p "$out"

# Whether a version is at least another.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# Says why a program cannot be made, and takes away one of an earlier time.
missing() {
    echo "interop: missing: $2; $out/$1 is not made"
    rm -rf "${out:?}/$1"
}

make_go() {
    local version
    version=$(go env GOVERSION 2>/dev/null | sed 's/^go//') || version=
    at_least "${version:-0}" $go_least || { missing peer-go "Go $go_least or later (found: ${version:-none})"; return; }
    [ -e "$out/peer-go" ] || echo 'interop: go build; the first time takes minutes'
    if ! (
        cd tests/interop/go
        GOMODCACHE="$PWD/../../../$out/gomod" GOFLAGS='-mod=readonly -modcacherw -trimpath -buildvcs=false' \
            go build -ldflags '-s -w' -o "../../../$out/peer-go" .
    ) >"$out/go.log" 2>&1; then
        cat "$out/go.log"
        return 1
    fi
}

make_js() {
    local version
    version=$(node --version 2>/dev/null | sed 's/^v//') || version=
    at_least "${version:-0}" $node_least || { missing js "Node $node_least or later (found: ${version:-none})"; return; }
    command -v npm >/dev/null || { missing js npm; return; }
    mkdir -p "$out/js"
    cp tests/interop/js/*.mjs "$out/js/"
    cmp -s tests/interop/js/package-lock.json "$out/js/installed.json" && return
    echo "interop: npm install"
    rm -rf "$out/js/node_modules"
    cp tests/interop/js/{package.json,package-lock.json,.npmrc} "$out/js/"
    # Not `npm ci`: it wants the binaries of every system in the lock file, and not every registry
    # has them. What the lock file has is what is installed, by its hashes.
    (
        cd "$out/js"
        npm install --no-save --cache ../npm --prefer-offline --loglevel=error
    )
    cp tests/interop/js/package-lock.json "$out/js/installed.json"
}

make_go
make_js
