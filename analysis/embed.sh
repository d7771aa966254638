#!/bin/sh
# analysis/embed.sh - turns SQL files into a C header on standard output: the array schema_sql,
# one string a statement. A statement ends with a ';' at the end of a line; comments stay out.
#
#   analysis/embed.sh analysis/schema.sql analysis/views/*.sql >build/release/analysis/schema_sql.h
set -eu
echo '/* Made by analysis/embed.sh. */'
echo 'static const char *const schema_sql[] = {'
cat "$@" | awk '
    /^--/ || /^$/ { next }
    {
        gsub(/[\\"]/, "\\\\&")
        printf "    \"%s\\n\"%s\n", $0, ($0 ~ /;$/) ? "," : ""
    }'
echo '};'
