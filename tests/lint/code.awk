# Prints C files with comments, strings and character constants blanked, as file:line:text.
# What is left is code: a word found there is used, not mentioned.

FNR == 1 { in_comment = 0 }

{
    line = $0
    out = ""
    while (line != "") {
        if (in_comment) {
            at = index(line, "*/")
            if (at == 0) break
            line = substr(line, at + 2)
            in_comment = 0
            out = out " "
        } else if (match(line, /\/\*|\/\/|"|'/)) {
            out = out substr(line, 1, RSTART - 1)
            mark = substr(line, RSTART, RLENGTH)
            line = substr(line, RSTART + RLENGTH)
            if (mark == "//") break
            if (mark == "/*") { in_comment = 1; continue }
            if (mark == "\"") match(line, /^([^"\\]|\\.)*"?/)
            else match(line, /^([^'\\]|\\.)*'?/)
            line = substr(line, RLENGTH + 1)
            out = out mark mark
        } else {
            out = out line
            break
        }
    }
    print FILENAME ":" FNR ":" out
}
