/* The trace hash of a run, see hash.h. */
#include "sim/hash.h"

static inline void put_span(mix128 *m, pu_span s)
{
    mix_u64(m, s.len);
    mix_bytes(m, s.base, s.len);
}

static inline void put_endpoint(mix128 *m, const pu_endpoint *e)
{
    mix_step(m, load_le64(e->ip));
    mix_step(m, load_le64(e->ip + 8));
    m->length += sizeof e->ip; /* what mix_bytes does with them */
    mix_u64(m, (uint64_t)e->scope << 16 | e->port);
}

void hash_input(mix128 *trace, uint32_t node, const pu_in *in)
{
    mix128 m = *trace;
    mix_u64(&m, (uint64_t)node << 32 | (uint32_t)in->kind);
    mix_u64(&m, in->now);
    mix_u64(&m, (uint64_t)in->flags << 32 | in->what);
    mix_u64(&m, in->code);
    mix_u64(&m, pu_handle_ordinal(in->conn));
    mix_u64(&m, pu_handle_ordinal(in->stream));
    mix_u64(&m, pu_handle_ordinal(in->via));
    mix_u64(&m, in->kind == PU_IN_COMMAND ? 0 : in->token);
    mix_u64(&m, (uint64_t)in->transport << 32 | in->socket);
    mix_u64(&m, in->offset);
    mix_u64(&m, in->deadline);
    put_span(&m, in->peer);
    put_endpoint(&m, &in->local);
    put_endpoint(&m, &in->remote);
    put_span(&m, in->body);
    *trace = m;
}

void hash_effect(mix128 *trace, const pu_ef *ef)
{
    mix128 m = *trace;
    mix_u64(&m, (uint64_t)ef->kind << 32 | ef->flags);
    mix_u64(&m, (uint64_t)ef->what << 32 | ef->code);
    mix_u64(&m, pu_handle_ordinal(ef->conn));
    mix_u64(&m, pu_handle_ordinal(ef->stream));
    mix_u64(&m, ef->kind == PU_EF_EVENT ? 0 : ef->token);
    mix_u64(&m, (uint64_t)ef->transport << 32 | ef->socket);
    mix_u64(&m, ef->offset);
    mix_u64(&m, ef->deadline);
    put_span(&m, ef->peer);
    put_endpoint(&m, &ef->remote);
    put_span(&m, ef->body);
    *trace = m;
}

void hash_datagram(mix128 *trace, const net_record *r)
{
    mix128 m = *trace; /* in registers: most of what a datagram costs is this hash */
    mix_u64(&m, r->at);
    mix_u64(&m, r->id);
    mix_u64(&m, (uint64_t)r->from_host << 32 | r->to_host);
    mix_u64(&m, (uint64_t)r->box << 32 | r->bytes);
    mix_u64(&m, (uint64_t)r->carriage << 48 | (uint64_t)r->kind << 32 | (uint32_t)r->fate);
    put_endpoint(&m, &r->from);
    put_endpoint(&m, &r->to);
    *trace = m;
}
