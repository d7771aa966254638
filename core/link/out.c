/* link/out.c - see out.h. */
#include "link/out.h"

struct pu_link_out {
    const pu_alloc *alloc;
    uint32_t count, next;                 /* effects emitted and taken */
    uint32_t input_count;                 /* of inputs */
    uint32_t piece;                       /* the one that new bytes come from */
    size_t used;                          /* of that piece */
    uint8_t *pieces[LINK_OUT_PIECES_MAX]; /* owned; NULL: not allocated yet */
    pu_link_ef effects[PU_LINK_OUT_EFFECTS_MAX];
    pu_in inputs[PU_LINK_OUT_EFFECTS_MAX];
    pu_peer_id peers[PU_LINK_OUT_EFFECTS_MAX]; /* of the input of that index */
};

int pu_link_out_new(pu_link_out **out, const pu_alloc *alloc)
{
    pu_link_out *o = alloc->resize(alloc->ctx, NULL, 0, sizeof *o);
    if (o == NULL) return PU_ENOMEM;
    o->alloc = alloc;
    o->count = o->next = o->input_count = o->piece = 0;
    o->used = 0;
    memset(o->pieces, 0, sizeof o->pieces);
    *out = o;
    return PU_OK;
}

void pu_link_out_free(pu_link_out *out)
{
    if (out == NULL) return;
    for (uint32_t i = 0; i < LINK_OUT_PIECES_MAX; i++)
        mem_free(out->alloc, out->pieces[i], LINK_OUT_PIECE_BYTES);
    mem_free(out->alloc, out, sizeof *out);
}

bool pu_link_out_next(pu_link_out *out, pu_link_ef *effect)
{
    if (out->next == out->count) return false;
    *effect = out->effects[out->next++];
    return true;
}

void pu_link_out_reset(pu_link_out *out)
{
    PU_ASSERT(out->next == out->count);
    out->count = out->next = out->input_count = out->piece = 0;
    out->used = 0;
}

pu_link_ef *link_out_add(pu_link_out *out, enum pu_link_ef_kind kind)
{
    PU_ASSERT(out->count < PU_LINK_OUT_EFFECTS_MAX);
    pu_link_ef *e = &out->effects[out->count++];
    memset(e, 0, sizeof *e);
    e->kind = kind;
    return e;
}

pu_in *link_out_input(pu_link_out *out, enum pu_in_kind kind, pu_time now)
{
    PU_ASSERT(out->input_count < PU_LINK_OUT_EFFECTS_MAX);
    pu_in *in = &out->inputs[out->input_count++];
    memset(in, 0, sizeof *in);
    in->kind = kind;
    in->now = now;
    link_out_add(out, PU_LINK_EF_INPUT)->input = in;
    return in;
}

void link_out_peer(pu_link_out *out, pu_in *in, const pu_peer_id *peer)
{
    size_t index = (size_t)(in - out->inputs);
    PU_ASSERT(index < out->input_count);
    out->peers[index] = *peer;
    in->peer = span_of(out->peers[index].bytes, peer->len);
}

uint8_t *link_out_bytes(pu_link_out *out, size_t len)
{
    PU_ASSERT(len <= LINK_OUT_PIECE_BYTES);
    if (len > LINK_OUT_PIECE_BYTES - out->used) {
        if (out->piece + 1 == LINK_OUT_PIECES_MAX) return NULL;
        out->piece++;
        out->used = 0;
    }
    uint8_t **piece = &out->pieces[out->piece];
    if (*piece == NULL) *piece = out->alloc->resize(out->alloc->ctx, NULL, 0, LINK_OUT_PIECE_BYTES);
    if (*piece == NULL) return NULL;
    uint8_t *at = *piece + out->used;
    out->used += len;
    return at;
}

void link_out_shrink(pu_link_out *out, const uint8_t *at, size_t len, size_t used)
{
    PU_ASSERT(used <= len);
    if (out->pieces[out->piece] + out->used == at + len) out->used -= len - used;
}

bool link_out_copy(pu_link_out *out, pu_span bytes, pu_span *copy)
{
    *copy = span_of(NULL, 0);
    if (bytes.len == 0) return true;
    uint8_t *at = link_out_bytes(out, bytes.len);
    if (at == NULL) return false;
    memcpy(at, bytes.base, bytes.len);
    *copy = span_of(at, bytes.len);
    return true;
}

bool link_out_keep(pu_link_out *out, pu_span bytes, pu_span *kept)
{
    uintptr_t at = (uintptr_t)bytes.base;
    *kept = bytes;
    for (uint32_t i = out->piece + 1; i-- > 0;) { /* the latest first: that is where it will be */
        uintptr_t piece = (uintptr_t)out->pieces[i];
        if (piece != 0 && at >= piece && at - piece < LINK_OUT_PIECE_BYTES) return true;
    }
    return link_out_copy(out, bytes, kept);
}

bool link_out_has_room(const pu_link_out *out)
{
    size_t bytes = (size_t)out->piece * LINK_OUT_PIECE_BYTES + out->used;
    return out->count < LINK_OUT_SOFT_EFFECTS && bytes < LINK_OUT_SOFT_BYTES;
}

bool link_out_is_below(const pu_link_out *out, uint32_t effects)
{
    return out->count < effects;
}

bool link_out_is_empty(const pu_link_out *out)
{
    return out->count == 0;
}

pu_link_ef *link_out_last(pu_link_out *out)
{
    return out->count > 0 ? &out->effects[out->count - 1] : NULL;
}
