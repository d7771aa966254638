# Holds includes against tests/lint/includes.table; prints file:line and the rule of each breach.
#
# Input: the table, the output of `cc -MM -MG` of the files, then the files themselves.
# The name of the -MM output is the variable deps; the table comes first.

function row_of(path,    prefix, best) {
    best = ""
    for (prefix in project) if (index(path, prefix) == 1 && length(prefix) > length(best)) best = prefix
    return best
}

function allow(row, words,    word, count, i) {
    count = split(words, word, " ")
    for (i = 1; i <= count; i++) {
        if (word[i] ~ /^</) allowed_system[row, word[i]] = 1
        else project[row] = project[row] " " word[i]
    }
}

function is_allowed(path, prefixes,    word, count, i) {
    count = split(prefixes, word, " ")
    for (i = 1; i <= count; i++) if (index(path, word[i]) == 1) return 1
    return 0
}

function breach(where, what) {
    print where ": " what
    bad = 1
}

# `a.o: a.c x.h y.h`: remembers which headers that a.c reaches are not its to reach.
function read_deps(line,    word, count, i, row) {
    count = split(line, word, " ")
    row = row_of(word[2])
    if (row == "") {
        breach(word[2] ":1", "includes.table has no row for this file")
        return
    }
    for (i = 3; i <= count; i++)
        if (!is_allowed(word[i], project[row])) unreported[word[2], word[i]] = row
}

FNR == 1 { is_table = (NR == 1); is_deps = (FILENAME == deps); pending = "" }

is_table && (/^#/ || NF == 0) { next }
is_table && /^@/ { row = $1; next }
is_table && /^[^ ]/ { row = $1; project[row] = ""; next }
is_table {
    for (i = 1; i <= NF; i++) {
        if (row ~ /^@/) list[row] = list[row] " " ($i ~ /^@/ ? list[$i] : $i)
        else allow(row, $i ~ /^@/ ? list[$i] : $i)
    }
    next
}

is_deps && /\\$/ { sub(/\\$/, ""); pending = pending $0; next }
is_deps { read_deps(pending $0); pending = ""; next }

/^[ \t]*#[ \t]*include[ \t]*</ {
    match($0, /<[^>]*>/)
    header = substr($0, RSTART, RLENGTH)
    row = row_of(FILENAME)
    if (!((row, header) in allowed_system) && !((row, "<*>") in allowed_system)) breach(FILENAME ":" FNR, row " may not include " header)
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, part, "\"")
    if (part[2] ~ /\.\./) breach(FILENAME ":" FNR, "includes name paths from the root or a folder above, without ..")
    for (key in unreported) {
        split(key, pair, SUBSEP)
        if (pair[1] != FILENAME) continue
        if (substr(pair[2], length(pair[2]) - length(part[2]) + 1) != part[2]) continue
        breach(FILENAME ":" FNR, unreported[key] " may not include " pair[2])
        delete unreported[key]
    }
}

END {
    for (key in unreported) {
        split(key, pair, SUBSEP)
        breach(pair[1] ":1", unreported[key] " may not include " pair[2] ", which another header brings in")
    }
    exit bad
}
