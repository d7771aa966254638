/* The trace hash of a run, see hash.h. */
#include "sim/hash.h"

static inline uint64_t two(uint32_t high, uint32_t low)
{
    return (uint64_t)high << 32 | low;
}

static inline uint64_t port_of(const pu_endpoint *e)
{
    return (uint64_t)e->scope << 16 | e->port;
}

void hash_input(mix128 *trace, uint32_t node, const pu_in *in)
{
    mix128 m = *trace;
    const uint64_t words[] = {
        two(node, (uint32_t)in->kind),
        in->now,
        two(in->flags, in->what),
        in->code,
        pu_handle_ordinal(in->conn),
        pu_handle_ordinal(in->stream),
        pu_handle_ordinal(in->via),
        in->kind == PU_IN_COMMAND ? 0 : in->token,
        two(in->transport, in->socket),
        in->offset,
        in->deadline,
        load_le64(in->local.ip),
        load_le64(in->local.ip + 8),
        load_le64(in->remote.ip),
        load_le64(in->remote.ip + 8),
        port_of(&in->local) << 32 | port_of(&in->remote),
        two((uint32_t)in->peer.len, (uint32_t)in->body.len),
    };
    mix_words(&m, words, sizeof words / sizeof words[0]);
    mix_long(&m, in->peer.base, in->peer.len);
    mix_long(&m, in->body.base, in->body.len);
    *trace = m;
}

void hash_effect(mix128 *trace, const pu_ef *ef)
{
    mix128 m = *trace;
    const uint64_t words[] = {
        two((uint32_t)ef->kind, ef->flags),
        two(ef->what, ef->code),
        pu_handle_ordinal(ef->conn),
        pu_handle_ordinal(ef->stream),
        ef->kind == PU_EF_EVENT ? 0 : ef->token,
        two(ef->transport, ef->socket),
        ef->offset,
        ef->deadline,
        load_le64(ef->remote.ip),
        load_le64(ef->remote.ip + 8),
        port_of(&ef->remote),
        two((uint32_t)ef->peer.len, (uint32_t)ef->body.len),
    };
    mix_words(&m, words, sizeof words / sizeof words[0]);
    mix_long(&m, ef->peer.base, ef->peer.len);
    mix_long(&m, ef->body.base, ef->body.len);
    *trace = m;
}

void hash_datagram(mix128 *trace, const net_record *r)
{
    mix128 m = *trace;
    const uint64_t words[] = {
        r->at,
        r->id,
        two(r->from_host, r->to_host),
        two(r->box, r->bytes),
        (uint64_t)r->carriage << 48 | (uint64_t)r->kind << 32 | (uint32_t)r->fate,
        load_le64(r->from.ip),
        load_le64(r->from.ip + 8),
        load_le64(r->to.ip),
        load_le64(r->to.ip + 8),
        port_of(&r->from) << 32 | port_of(&r->to),
    };
    mix_words(&m, words, sizeof words / sizeof words[0]);
    *trace = m;
}
