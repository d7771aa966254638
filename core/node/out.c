/* The effect list: owned by the host, filled by one step, drained before the next. */
#include "node/impl.h"

enum { OUT_NEW_WORK_EFFECTS = 256, OUT_NEW_WORK_BYTES = 64 * 1024 };

struct pu_out {
    pu_alloc alloc;
    uint32_t count, next; /* effects emitted and taken */
    size_t used;          /* of bytes */
    pu_ef effects[PU_OUT_EFFECTS_MAX];
    uint8_t bytes[PU_OUT_BYTES_MAX];
};

int pu_out_new(pu_out **out, const pu_env *env)
{
    pu_out *o = env->alloc.resize(env->alloc.ctx, NULL, 0, sizeof *o);
    if (o == NULL) return PU_ENOMEM;
    o->alloc = env->alloc;
    o->count = o->next = 0;
    o->used = 0;
    *out = o;
    return PU_OK;
}

void pu_out_free(pu_out *out)
{
    if (out != NULL) out->alloc.resize(out->alloc.ctx, out, sizeof *out, 0);
}

bool pu_out_next(pu_out *out, pu_ef *effect)
{
    if (out->next == out->count) return false;
    *effect = out->effects[out->next++];
    return true;
}

void pu_out_reset(pu_out *out)
{
    PU_ASSERT(out->next == out->count);
    out->count = out->next = 0;
    out->used = 0;
}

pu_ef *out_add(pu_out *out, enum pu_ef_kind kind)
{
    PU_ASSERT(out->count < PU_OUT_EFFECTS_MAX);
    pu_ef *e = &out->effects[out->count++];
    memset(e, 0, sizeof *e);
    e->kind = kind;
    return e;
}

pu_span out_copy(pu_out *out, pu_span bytes)
{
    PU_ASSERT(bytes.len <= PU_OUT_BYTES_MAX - out->used);
    uint8_t *at = out->bytes + out->used;
    if (bytes.len > 0) memcpy(at, bytes.base, bytes.len);
    out->used += bytes.len;
    return span_of(at, bytes.len);
}

pu_ef *out_last(pu_out *out, enum pu_ef_kind kind)
{
    if (out->count == 0) return NULL;
    pu_ef *e = &out->effects[out->count - 1];
    return e->kind == kind ? e : NULL;
}

bool out_lengthen(pu_out *out, pu_ef *e, pu_span more)
{
    if (more.len == 0) return true;
    if (e->body.base + e->body.len != out->bytes + out->used) return false;
    e->body.len += out_copy(out, more).len;
    return true;
}

bool out_has_room(const pu_out *out)
{
    return out->count < OUT_NEW_WORK_EFFECTS && out->used < OUT_NEW_WORK_BYTES;
}

bool out_is_empty(const pu_out *out)
{
    return out->count == 0;
}

pu_ef *effect(pu_node *n, enum pu_ef_kind kind)
{
    PU_ASSERT(n->out != NULL);
    return out_add(n->out, kind);
}

pu_token token_next(pu_node *n)
{
    n->last_token++;
    if (n->last_token == 0) n->last_token = 1;
    return n->last_token;
}
