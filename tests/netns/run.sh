#!/usr/bin/env bash
# The real-kernel lab: every test of this folder that ends within a minute.
#
#   tests/netns/run.sh BUILD-FOLDER        as root, e.g. build/release
#
# The last line is "N passed, N failed"; 77 and a reason when the lab cannot be here.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
build=$1
/usr/bin/python3 tests/netns/needs.py || exit $?
# shellcheck source=tests/lib/totals.sh
. tests/lib/totals.sh

part tests/netns/punch.py "$build"
part tests/netns/classes.py "$build"
part tests/netns/too_big.py "$build"
part tests/netns/killed.py "$build"

end_parts
