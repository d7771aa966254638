#!/usr/bin/env bash
# Lists our C files: all of them, or those under the folders given.
set -eu
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- core sim analysis net-real tests bench examples
find "$@" -path '*/vectors/*' -prune -o \( -name '*.c' -o -name '*.h' \) -print 2>/dev/null | LC_ALL=C sort
