#!/usr/bin/env bash
# Purity as a linker test: what the core's archives need from outside, and what memory they can
# write that nobody gave them.
#
#   tests/lint/symbols.sh BUILD-FOLDER...
set -eu
cd "$(dirname "$0")/../.."

status=0
for build in "$@"; do
    base=$build/libpubase.a
    node=$build/libpunode.a
    for archive in "$base" "$node"; do
        # An archive may use what it defines; libpunode also what libpubase does, never the reverse.
        own=("$base")
        [ "$archive" = "$base" ] || own+=("$node")
        { nm -g --defined-only "${own[@]}" | sed -n 's/^[0-9a-f]* [A-Z] \(.*\)/\1/p' | sed 's/^/own /'
          sed 's/#.*//; /^ *$/d; s/^/allow /' tests/lint/symbols.allow
          nm -A -u "$archive" | tr ':' ' ' | sed 's/^/need /'
        } | awk '
            $1 == "own" { known[$2] = 1 }
            $1 == "allow" && NF == 2 { known[$2] = 1 }
            $1 == "allow" && NF == 3 { only[$2] = $3 }
            $1 == "need" && !($5 in known) && !($5 in only && index($3, only[$5]) == 1) {
                print $2 ": " $3 " needs " $5 ", which tests/lint/symbols.allow does not give it"
                bad = 1
            }
            END { exit bad }' || status=1

        # Tables that only hold pointers are relocated once and read-only after it.
        size -A "$archive" | awk -v archive="$archive" '
            / \(ex / || /:$/ { object = $1 }
            /^\.(data|bss|tdata|tbss)/ && !/^\.data\.rel\.ro/ && $2 > 0 {
                print archive ": " object " has " $2 " bytes of variables in " $1 "; the core keeps none"
                bad = 1
            }
            END { exit bad }' || status=1
    done
done
exit $status
