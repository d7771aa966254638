#!/usr/bin/env bash
# Runs every test that needs no network outside the machine and adds up what they counted.
#
#   tests/lib/test.sh BUILD-FOLDER REPLAY-FOLDER
#
# with `make all unit` done in the first, e.g. build/release, and `make replay` in the second.
#
# Each part ends with a line "N passed, N failed", and so does the whole.
set -eu -o pipefail
cd "$(dirname "$0")/../.."

build=$1
replay=$2
# shellcheck source=tests/lib/totals.sh
. tests/lib/totals.sh

part "$build/unit" --jobs 2
part "$replay/replay" tests/fuzz/corpus
part tests/sim/properties.sh "$build/peerup-sim"
part tests/sim/nat_matrix.py "$build/peerup-sim"
part tests/sim/nat_matrix.py "$build/peerup-sim" --fidelity wire
part tests/sim/distances.py "$build/peerup-sim"
part tests/sim/wire.sh "$build/peerup-sim"
part tests/sim/pcap.sh "$build/peerup-sim"
part tests/sim/calibrate.sh "$build/peerup-sim"
part tests/sim/cli.sh "$build/peerup-sim"
part tests/real/three.sh "$build/peerup"
part tests/real/first_day.sh "$build/peerup"
part tests/real/hostile.py "$build/peerup"
part tests/real/install.sh "$build"
part tests/real/record.sh "$build/peerup" "$build/peerup-sim"
part tests/netns/skipped.sh
part tests/netns/judged.py

end_parts
