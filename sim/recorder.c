/* One node's recording as a file, see recorder.h. */
#include "sim/recorder.h"

#include "sim/mem.h"

#include <errno.h>

struct recorder {
    FILE *file;
    char *path;
    uint32_t node;
    bool is_over; /* the node has crashed */
    int failed;   /* errno of the first failure; 0: none */
    pu_recorder tape;
};

static void write_record(void *ctx, pu_span bytes)
{
    recorder *r = ctx;
    if (r->failed != 0 || fwrite(bytes.base, 1, bytes.len, r->file) == bytes.len) return;
    r->failed = errno != 0 ? errno : EIO;
}

recorder *recorder_open(const char *path, uint32_t node, char *error, size_t error_cap)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        snprintf(error, error_cap, "%s: %s", path, strerror(errno));
        return NULL;
    }
    recorder *r = sim_alloc(sizeof *r);
    r->file = file;
    r->node = node;
    size_t len = strlen(path) + 1;
    r->path = sim_alloc(len);
    memcpy(r->path, path, len);
    pu_recorder_start(&r->tape, write_record, r);
    return r;
}

bool recorder_close(recorder *r, char *error, size_t error_cap)
{
    errno = 0;
    if (fclose(r->file) != 0 && r->failed == 0) r->failed = errno != 0 ? errno : EIO;
    bool is_good = r->failed == 0;
    if (!is_good) {
        snprintf(error, error_cap, "%s: %s", r->path, strerror(r->failed));
        remove(r->path);
    }
    free(r->path);
    free(r);
    return is_good;
}

bool recorder_is_of(const recorder *r, uint32_t node)
{
    return r != NULL && r->node == node && !r->is_over;
}

void recorder_begin(recorder *r, const pu_record_node *node, pu_crypto *crypto)
{
    pu_recorder_node(&r->tape, node, crypto);
}

void recorder_end(recorder *r, pu_crypto *crypto)
{
    PU_ASSERT(!r->is_over);
    pu_recorder_end(&r->tape, crypto);
    r->is_over = true;
}

void recorder_input(recorder *r, const pu_in *in)
{
    pu_recorder_input(&r->tape, in);
}

void recorder_effect(recorder *r, const pu_ef *effect)
{
    pu_recorder_effect(&r->tape, effect);
}

void recorder_step(recorder *r, int result)
{
    pu_recorder_step(&r->tape, result);
}
