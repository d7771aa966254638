/* tests/lib/steps.h - golden step traces: text files that say what a node must answer to which
 * input, line by line. tests/steps/README.md describes the format.
 */
#ifndef TESTS_LIB_STEPS_H
#define TESTS_LIB_STEPS_H

#include <stdbool.h>

/* Runs the file at path. False: a line is not understood, a node answered something else than the
 * file expects, or a node kept memory or peers after its end; each is told on stderr as file:line.
 * With STEPS_UPDATE=1 in the environment the file is rewritten to expect what came instead. */
bool steps_run(const char *path);

#endif
