/* sim/file_near.h - "did you mean" for the name of a file that is not there. */
#ifndef SIM_FILE_NEAR_H
#define SIM_FILE_NEAR_H

#include <stddef.h>

/* Writes ", did you mean 'FOLDER/NAME'?" into out (cap bytes) and returns out: of what is in the
 * folder that path is to be in, the name that is nearest, else the only one with path's ending that
 * begins as path's name does. Writes nothing where there is none, path is there, or the
 * text does not fit. */
const char *file_near(const char *path, char *out, size_t cap);

#endif
