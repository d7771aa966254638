/* One node's recording as a file, see recorder.h. */
#include "sim/recorder.h"

#include "sim/file.h"
#include "sim/mem.h"

#include <errno.h>

struct recorder {
    file_new file;
    uint32_t node;
    bool is_over;     /* the node has crashed */
    int failed;       /* errno of the first failure; 0: none */
    pu_crypto crypto; /* the node's, recorded */
    pu_recorder tape;
};

static void write_record(void *ctx, pu_span bytes)
{
    recorder *r = ctx;
    if (r->failed != 0 || fwrite(bytes.base, 1, bytes.len, r->file.out) == bytes.len) return;
    r->failed = errno != 0 ? errno : EIO;
}

recorder *recorder_open(const char *path, uint32_t node, const uint8_t key[PU_RECORD_KEY_BYTES],
                        char *error, size_t error_cap)
{
    file_new file;
    if (!file_new_open(&file, path, error, error_cap)) return NULL;
    recorder *r = sim_alloc(sizeof *r);
    r->file = file;
    r->node = node;
    pu_recorder_start(&r->tape, key, write_record, r);
    return r;
}

bool recorder_close(recorder *r, bool keep, char *error, size_t error_cap)
{
    bool is_good = true;
    if (keep || r->failed != 0) is_good = file_new_close(&r->file, r->failed, error, error_cap);
    else file_new_drop(&r->file);
    free(r);
    return is_good;
}

bool recorder_is_of(const recorder *r, uint32_t node)
{
    return r != NULL && r->node == node && !r->is_over;
}

const pu_crypto *recorder_begin(recorder *r, const pu_record_node *node, const pu_crypto *crypto)
{
    r->crypto = *crypto;
    pu_recorder_node(&r->tape, node, &r->crypto);
    return &r->crypto;
}

void recorder_end(recorder *r)
{
    PU_ASSERT(!r->is_over);
    pu_recorder_end(&r->tape, PU_RECORD_OVER, &r->crypto);
    r->is_over = true;
}

void recorder_input(recorder *r, const pu_node *node, const pu_in *in)
{
    pu_recorder_input(&r->tape, node, in);
}

void recorder_effect(recorder *r, const pu_node *node, const pu_in *in, const pu_ef *effect)
{
    pu_recorder_effect(&r->tape, node, in, effect);
}

void recorder_step(recorder *r, int result)
{
    pu_recorder_step(&r->tape, result);
}
