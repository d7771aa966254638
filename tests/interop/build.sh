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
    echo "interop: missing: $2; $1 is not made"
    rm -rf "${out:?}/$1"
}

make_go() {
    local version
    version=$(go env GOVERSION 2>/dev/null | sed 's/^go//')
    at_least "${version:-0}" $go_least || { missing peer-go "Go $go_least or later (found: ${version:-none})"; return; }
    echo "interop: go build (the first time takes minutes)"
    (
        cd tests/interop/go
        GOMODCACHE="$PWD/../../../$out/gomod" GOFLAGS='-mod=readonly -modcacherw -trimpath -buildvcs=false' \
            go build -ldflags '-s -w' -o "../../../$out/peer-go" . 2>&1 | grep -v '^go: downloading' || true
        [ "${PIPESTATUS[0]}" -eq 0 ]
    )
}

make_js() {
    local version
    version=$(node --version 2>/dev/null | sed 's/^v//')
    at_least "${version:-0}" $node_least || { missing js "Node $node_least or later (found: ${version:-none})"; return; }
    command -v npm >/dev/null || { missing js npm; return; }
    mkdir -p "$out/js"
    cp tests/interop/js/*.mjs "$out/js/"
    if ! cmp -s tests/interop/js/package-lock.json "$out/js/package-lock.json" || ! [ -d "$out/js/node_modules/libp2p" ]; then
        echo "interop: npm ci"
        rm -f "$out/js/package-lock.json"
        cp tests/interop/js/package.json tests/interop/js/.npmrc "$out/js/"
        cp tests/interop/js/package-lock.json "$out/js/package-lock.new.json"
        (
            cd "$out/js"
            mv package-lock.new.json package-lock.json
            npm ci --cache ../npm --prefer-offline --no-audit --no-fund --loglevel=error ||
                { rm -f package-lock.json; exit 1; }
        )
    fi
}

make_go
make_js
