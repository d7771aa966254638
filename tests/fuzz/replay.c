/* Replays corpora without a fuzzer: replay FOLDER takes each file of FOLDER/NAME to target NAME.
 *
 *   replay [--one NAME FILE] FOLDER
 *
 * A target that breaks ends the program; the file it broke on is the last one named on stderr. The
 * last line is "N passed, N failed", in files; a target without a corpus is a failure.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 20, PATH_BYTES_MAX = 4096 };

typedef struct target {
    const char *name;
    void (*run)(pu_span bytes);
} target;

#define ROW(name) {#name, fuzz_##name},
static const target targets[] = {FUZZ_TARGETS(ROW)};

/* Gives the file to the target in a block of its exact size, so that a sanitizer sees its end. */
static void replay_file(const target *t, const char *path)
{
    static uint8_t bytes[FILE_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    size_t len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    uint8_t *exact = malloc(len > 0 ? len : 1);
    if (exact == NULL) exit(1);
    memcpy(exact, bytes, len);
    t->run(span_of(exact, len));
    free(exact);
}

/* Returns how many files there were. */
static unsigned replay_folder(const target *t, const char *folder)
{
    char path[PATH_BYTES_MAX];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/%s", folder, t->name);
    DIR *all = opendir(path);
    if (all == NULL) return 0;
    for (struct dirent *e; (e = readdir(all)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s/%s", folder, t->name, e->d_name);
        if (getenv("FUZZ_SAY") != NULL) fprintf(stderr, "%s\n", path);
        replay_file(t, path);
        count++;
    }
    closedir(all);
    return count;
}

int main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0;
    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: replay FOLDER | replay --one NAME FILE\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        if (argc == 4) {
            if (strcmp(targets[i].name, argv[2]) == 0) replay_file(&targets[i], argv[3]);
            continue;
        }
        unsigned count = replay_folder(&targets[i], argv[1]);
        printf("%-16s %u inputs\n", targets[i].name, count);
        fflush(stdout);
        passed += count;
        if (count == 0) failed++;
    }
    if (argc == 2) printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
