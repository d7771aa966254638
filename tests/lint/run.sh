#!/usr/bin/env bash
# Checks what a compiler alone does not: one line a step, and below it file:line and rule of each
# breach. All steps run, whatever the earlier ones found.
#
#   tests/lint/run.sh [STEP...]      all steps unless some are named
set -u
cd "$(dirname "$0")/../.."
unset MAKEFLAGS MFLAGS

lint=tests/lint
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mapfile -t all_files < <($lint/files.sh)
mapfile -t table_files < <($lint/files.sh core sim analysis net-real)
mapfile -t exact_files < <($lint/files.sh core sim | grep -vxFf <(sed 's/#.*//; /^ *$/d' $lint/floats.allow))

# The style of .clang-format.
step_format() {
    clang-format --dry-run -Werror "${all_files[@]}" 2>&1
}

# Every C file is in the Makefile, and every unit test in tests/unit/main.c.
step_sources() {
    local file group status=0
    make -s sources | sort >"$work/listed"
    while read -r file; do
        grep -qxF "$file" "$work/listed" && continue
        echo "$file:1: in no source list of the Makefile"
        status=1
    done < <($lint/files.sh core sim analysis net-real tests/unit tests/fuzz | grep '\.c$')
    for file in tests/unit/*_test.c; do
        group=$(basename "$file" _test.c)
        grep -q "X($group)" tests/unit/main.c && continue
        echo "$file:1: not listed in tests/unit/main.c"
        status=1
    done
    return $status
}

# No warning from either compiler, optimised, tests included.
step_gcc() {
    make -s -k -j"$(nproc)" B=build/lint-gcc CC=gcc OPT=-O2 all unit replay 2>&1 >"$work/out"
}
step_clang() {
    make -s -k -j"$(nproc)" B=build/lint-clang CC=clang OPT=-O2 all unit replay 2>&1 >"$work/out"
}

# Bugs that static analysis knows (.clang-tidy has the list), in the core.
step_tidy() {
    printf '%s\n' "${table_files[@]}" | grep '^core/.*\.c$' |
        xargs -P "$(nproc)" -I{} clang-tidy --quiet {} -- -std=c11 -Icore/include -Icore -I. \
            2>/dev/null | grep -E '(warning|error): '
    [ "${PIPESTATUS[2]}" -eq 0 ]
}

# The same by another tool, in core, sim and analysis.
step_cppcheck() {
    sed 's/#.*//; /^ *$/d' $lint/cppcheck.suppress >"$work/suppress"
    cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability -j"$(nproc)" \
        --error-exitcode=1 --suppressions-list="$work/suppress" -Icore/include -Icore -I. \
        --template='{file}:{line}: {message} [{id}]' core sim analysis net-real 2>&1
}

# Who includes whom, against includes.table.
step_includes() {
    gcc -MM -MG -Icore/include -Icore -I. "${table_files[@]}" >"$work/deps" &&
        awk -v deps="$work/deps" -f $lint/includes.awk $lint/includes.table "$work/deps" \
            "${table_files[@]}"
}

# What the core needs of the world, against symbols.allow; and that it has no variables.
step_symbols() {
    $lint/symbols.sh build/lint-gcc build/lint-clang 2>&1
}

# No floating point in what must compute the same everywhere.
step_floats() {
    awk -f $lint/code.awk "${exact_files[@]}" |
        sed -nE 's/^([^:]*:[0-9]+):.*\<(float|double)\>.*/\1: \2 in code that must not round/p' |
        tee "$work/floats"
    [ ! -s "$work/floats" ]
}

# Files and functions of a size that can be read.
step_sizes() {
    awk -f $lint/sizes.awk "${all_files[@]}"
}

# Words that mark unfinished work, and paths of one machine.
step_words() {
    sed 's/^#.*//; /^$/d' $lint/words.forbidden >"$work/words"
    find . \( -path ./.git -o -path ./build -o -path ./out -o -path ./tests/vectors -o -path ./tests/fuzz/corpus \
        -o -path ./scenarios/data -o -path ./$lint/words.forbidden \) -prune -o -type f -print0 |
        sort -z | xargs -0 grep -InE -f "$work/words" | sed 's/^\.\///; s/$/  <- words.forbidden/' |
        tee "$work/words.found"
    [ ! -s "$work/words.found" ]
}

[ $# -gt 0 ] || set -- format sources gcc clang tidy cppcheck includes symbols floats sizes words
failed=0
for step in "$@"; do
    if [ "$(type -t "step_$step")" != function ]; then
        echo "lint: there is no step $step" >&2
        exit 2
    fi
    start=$(date +%s)
    if "step_$step" >"$work/found"; then result=ok; else result=FAILED; failed=$((failed + 1)); fi
    printf 'lint: %-9s %s (%d s)\n' "$step" "$result" "$(($(date +%s) - start))"
    [ "$result" = ok ] || cat "$work/found"
done
[ "$failed" -eq 0 ] || { echo "lint: $failed of $# steps failed"; exit 1; }
