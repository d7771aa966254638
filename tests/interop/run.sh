#!/usr/bin/env bash
# Builds the interop programs and runs the cases: see README.md.
#
#   tests/interop/run.sh [--pairs c:go,go:c] [--cases '07-*'] [--repeat N] [--long] [--list]
set -eu -o pipefail
cd "$(dirname "$0")/../.."

tests/interop/build.sh
exec env PYTHONDONTWRITEBYTECODE=1 python3 tests/interop/interop.py "$@"
