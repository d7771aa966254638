/* sim/main.c - peerup-sim. Everything but this function is in the library that tests link too. */
#include "sim/cli.h"

int main(int argc, char **argv)
{
    int code = cli_main(argc, argv);
    /* What was printed is the result: a full disk behind a pipe is an error, too. */
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        fputs("peerup-sim: standard output cannot be written\n", stderr);
        if (code == CLI_DONE) code = CLI_UNEXPECTED;
    }
    return code;
}
