#!/usr/bin/env bash
# Purity as a linker test: what the core's archives need from outside, and what memory they can
# write that nobody gave them; and the names that the installed library takes.
#
#   tests/lint/symbols.sh BUILD-FOLDER...
set -eu
cd "$(dirname "$0")/../.."

status=0
for build in "$@"; do
    for name in pubase punode pulink puquic putls; do
        archive=$build/lib$name.a
        # An archive may use what it defines, and what these define.
        case $name in
            pubase) own=(pubase) ;;
            punode) own=(pubase punode) ;;
            pulink | puquic) own=(pubase pulink puquic putls) ;;
            putls) own=(pubase putls) ;;
        esac
        own=("${own[@]/#/$build/lib}")
        own=("${own[@]/%/.a}")
        { nm -g --defined-only "${own[@]}" | sed -n 's/^[0-9a-f]* [A-Z] \(.*\)/\1/p' | sed 's/^/own /'
          sed 's/#.*//; /^ *$/d; s/^/allow /' tests/lint/symbols.allow
          nm -A -u "$archive" | sed 's/^.*\/\([^/:]*\):\([^:]*\):/need \1 \2 /'
        } | awk '
            # The object or archive that is given this symbol, or a family of symbols of that prefix.
            function is_given(symbol, object, archive,    i, name) {
                if (symbol in known) return 1
                for (i = 1; i <= rules; i++) {
                    name = rule[i]
                    if (index(object, only[i]) != 1 && archive != only[i]) continue
                    if (name == symbol) return 1
                    if (sub(/\*$/, "", name) && index(symbol, name) == 1) return 1
                }
                return 0
            }
            $1 == "own" { known[$2] = 1 }
            $1 == "allow" && NF == 2 { known[$2] = 1 }
            $1 == "allow" && NF == 3 { rules++; rule[rules] = $2; only[rules] = $3 }
            $1 == "need" && !is_given($5, $3, $2) {
                print $2 ": " $3 " needs " $5 ", which tests/lint/symbols.allow does not give it"
                bad = 1
            }
            END { exit bad }' || status=1

        # Tables that only hold pointers are relocated once and read-only after it. One pointer is a parameter
        # that a library does not pass on: whose packet it is that ngtcp2 has decrypted in this thread.
        size -A "$archive" | awk -v archive="$archive" '
            / \(ex / || /:$/ { object = $1 }
            object == "frames.o" && $1 == ".tbss" && $2 == 8 { next }
            /^\.(data|bss|tdata|tbss)/ && !/^\.data\.rel\.ro/ && $2 > 0 {
                print archive ": " object " has " $2 " bytes of variables in " $1 "; the core keeps none"
                bad = 1
            }
            END { exit bad }' || status=1
    done

    # What is installed takes no name of a program's but pu_.
    nm -g --defined-only "$build/libpeerup.a" | awk -v archive="$build/libpeerup.a" '
        NF == 3 && $3 !~ /^pu_/ { print archive ": " $3 " is public, and does not begin with pu_"; bad = 1 }
        END { exit bad }' || status=1
done
exit $status
