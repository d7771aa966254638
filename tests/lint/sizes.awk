# Finds files above 800 lines and functions above 70, counted from the signature to the closing
# brace. Functions are known by their style: both braces alone in column 1, clang-format sees to it.

function check_file() {
    if (count > 800) { print name ":" count ": a file of " count " lines; 800 at most"; bad = 1 }
}

FNR == 1 { check_file(); name = FILENAME; body = 0 }
{ count = FNR }

!body && /^[A-Za-z_]/ { start = FNR } # continued signatures are indented
/^{$/ { body = 1 }
/^}/ && body {
    lines = FNR - start + 1
    if (lines > 70) {
        print FILENAME ":" start ": a function of " lines " lines; 70 at most"
        bad = 1
    }
    body = 0
}

END { check_file(); exit bad }
