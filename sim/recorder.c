/* One node's recording as a file, see recorder.h. */
#include "sim/recorder.h"

#include "sim/mem.h"

#include <errno.h>

struct recorder {
    FILE *file;
    char *path;
    uint32_t node;
    bool is_over;        /* the node has crashed */
    int failed;          /* errno of the first failure; 0: none */
    pu_crypto inner;     /* the node's own */
    pu_record_step step; /* of the step under way */
    uint8_t bytes[PU_RECORD_MAX];
};

static void put(recorder *r, size_t len)
{
    PU_ASSERT(len > 0); /* PU_RECORD_MAX suffices for every record */
    if (r->failed != 0 || fwrite(r->bytes, 1, len, r->file) == len) return;
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
    put(r, pu_record_write_magic(r->bytes, sizeof r->bytes));
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

/* ---- private-key operations ---- */

static void public_key(void *ctx, uint8_t key[PU_ED25519_KEY_BYTES])
{
    recorder *r = ctx;
    r->inner.public_key(r->inner.ctx, key);
}

static void sign(void *ctx, uint8_t signature[PU_ED25519_SIGNATURE_BYTES], pu_span message)
{
    recorder *r = ctx;
    r->inner.sign(r->inner.ctx, signature, message);
    put(r, pu_record_write_sign(r->bytes, sizeof r->bytes, signature));
}

static bool verify(void *ctx, const uint8_t key[PU_ED25519_KEY_BYTES], pu_span message,
                   const uint8_t signature[PU_ED25519_SIGNATURE_BYTES])
{
    recorder *r = ctx;
    bool is_genuine = r->inner.verify(r->inner.ctx, key, message, signature);
    put(r, pu_record_write_verify(r->bytes, sizeof r->bytes, is_genuine));
    return is_genuine;
}

static void draw(void *ctx, uint8_t *out, size_t len)
{
    recorder *r = ctx;
    r->inner.random(r->inner.ctx, out, len);
    put(r, pu_record_write_random(r->bytes, sizeof r->bytes, len));
}

void recorder_begin(recorder *r, const pu_record_node *node, pu_crypto *crypto)
{
    r->inner = *crypto;
    *crypto = (pu_crypto){r, public_key, sign, verify, draw};
    put(r, pu_record_write_node(r->bytes, sizeof r->bytes, node));
}

void recorder_end(recorder *r, pu_crypto *crypto)
{
    PU_ASSERT(!r->is_over);
    *crypto = r->inner;
    r->is_over = true;
}

/* ---- steps ---- */

void recorder_input(recorder *r, const pu_in *in)
{
    r->step = (pu_record_step){0};
    put(r, pu_record_write_input(r->bytes, sizeof r->bytes, in));
}

void recorder_effect(recorder *r, const pu_ef *effect)
{
    r->step.effects++;
    pu_record_effect_hash(r->step.hash, effect);
}

void recorder_step(recorder *r, int result)
{
    r->step.result = result;
    put(r, pu_record_write_step(r->bytes, sizeof r->bytes, &r->step));
}
