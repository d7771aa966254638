#!/usr/bin/env bash
# Installs into a folder of its own, and builds and runs examples/ping.c against what is there, as
# another project would: by pkg-config.
#
#   tests/real/install.sh BUILD-FOLDER        in which `make all` was done, e.g. build/release
#
# One line a check: "ok ..." or "not ok ..."; the last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$1
work=$(mktemp -d)
# shellcheck source=tests/lib/check.sh
. tests/lib/check.sh

cleanup() {
    kill_jobs
    rm -rf "$work"
}
trap cleanup EXIT

install_to() { # DESTDIR PREFIX
    make -s install-files B="$build" DESTDIR="$1" PREFIX="$2"
}

files_are_there() { # ROOT
    local file
    for file in bin/peerup bin/peerup-sim lib/libpeerup.a lib/pkgconfig/peerup.pc; do
        [ -e "$1/$file" ] || { echo "$file is missing"; return 1; }
    done
    diff <(cd core/include/peerup && ls ./*.h) <(cd "$1/include/peerup" && ls ./*.h)
}

# Every public header by itself, in C11 without extensions.
headers_stand_alone() {
    local header
    for header in "$prefix"/include/peerup/*.h; do
        echo "#include <peerup/$(basename "$header")>" |
            $cc -std=c11 -Wall -Wextra -Wpedantic -Werror $flags -fsyntax-only -x c - || return 1
    done
}

only_our_names() {
    nm -g --defined-only "$prefix/lib/libpeerup.a" |
        awk 'NF == 3 && $3 !~ /^(pu_|__gcov|__asan|__odr_asan|__ubsan)/ { print "not ours to take: " $3; bad = 1 } END { exit bad }'
}

# A program that has functions of its own by the names that the library has inside.
names_do_not_clash() {
    local name
    for name in loop_new loop_free udp_open udp_send tcp_new tcp_send dns_open store_put pipe_new \
        stream_up node_init link_step mux_new quic_new; do
        echo "void $name(void); void $name(void) { __builtin_trap(); }"
    done >"$work/own.c"
    $cc -std=c11 -c "$work/own.c" -o "$work/own.o" &&
        $cc $flags "$work/ping.o" "$work/own.o" $libs -o "$work/ping"
}

two_instances() {
    local address first
    "$work/ping" >"$work/first" 2>&1 &
    first=$!
    eventually grep -q quic-v1/p2p/ "$work/first" || { cat "$work/first"; return 1; }
    address=$(sed -n 's/^listening //p' "$work/first" | head -n 1)
    timeout 20 "$work/ping" "$address" >"$work/second" 2>&1 || { cat "$work/second"; return 1; }
    wait "$first" || { cat "$work/first"; return 1; }
}

cc=${CC:-gcc}
case $build in *asan) cc="$cc -fsanitize=address,undefined" ;; *cov) cc="$cc --coverage" ;; esac

check 'install with DESTDIR and PREFIX' install_to "$work/root" /opt/peerup
check 'programs, library, headers, peerup.pc' files_are_there "$work/root/opt/peerup"
check 'nothing is anywhere else' test "$(ls "$work/root") $(ls "$work/root/opt")" = 'opt peerup'
check 'peerup.pc names the prefix, not DESTDIR' \
    grep -qx 'prefix=/opt/peerup' "$work/root/opt/peerup/lib/pkgconfig/peerup.pc"
check 'the installed peerup runs' "$work/root/opt/peerup/bin/peerup" version

prefix=$work/prefix
check 'install where it will be used' install_to '' "$prefix"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
check 'pkg-config knows it' pkg-config --exists --print-errors peerup
check 'by the version that peerup prints' \
    test "peerup $(pkg-config --modversion peerup)" = "$("$prefix/bin/peerup" version)"
flags=$(pkg-config --cflags peerup)
libs=$(pkg-config --libs peerup)
check 'public headers stand alone' headers_stand_alone
check 'the library defines pu_ names only' only_our_names
check 'the example is sixty lines' test "$(wc -l <examples/ping.c)" -le 60
check 'the example compiles' \
    $cc -std=c11 -Wall -Wextra -Werror $flags -c examples/ping.c -o "$work/ping.o"
check 'and links, whatever else the program calls its functions' names_do_not_clash
check 'two of it ping each other' two_instances
check 'the first says how long it took' grep -qE '^ping ok [0-9.]+ ms$' "$work/first"
check 'so does the second' grep -qE '^ping ok [0-9.]+ ms$' "$work/second"

end_checks
