#!/usr/bin/env bash
# Builds the interop programs and measures them side by side: see docs/benchmarks.md.
#
#   bench/compare/run.sh [--kinds c,go,js] [--what bulk,handshakes,connection,daemon] ...
set -eu -o pipefail
cd "$(dirname "$0")/../.."

tests/interop/build.sh
exec env PYTHONDONTWRITEBYTECODE=1 python3 bench/compare/compare.py "$@"
