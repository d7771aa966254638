/* Recordings: pu_in and friends as bytes, field by field in header order. */
#include "peerup/record.h"

#include "base/bytes.h"
#include "base/mix.h"

static const uint8_t magic[PU_RECORD_MAGIC_BYTES] = {'p', 'e', 'e', 'r',
                                                     'u', 'p', 'r', PU_RECORD_VERSION};

enum { HEAD_BYTES = 5 }; /* kind, length of the rest */

/* ---- writing ---- */

static void put_u32(pu_buf *b, uint32_t value)
{
    uint8_t bytes[4];
    store_le32(bytes, value);
    buf_put(b, bytes, sizeof bytes);
}

static void put_u64(pu_buf *b, uint64_t value)
{
    uint8_t bytes[8];
    store_le64(bytes, value);
    buf_put(b, bytes, sizeof bytes);
}

static void put_endpoint(pu_buf *b, const pu_endpoint *e)
{
    buf_put(b, e->ip, sizeof e->ip);
    put_u32(b, e->scope);
    put_u32(b, e->port);
}

static void put_span(pu_buf *b, pu_span s)
{
    put_u32(b, (uint32_t)s.len);
    buf_put_span(b, s);
}

static pu_buf begin(uint8_t *out, size_t cap, enum pu_record_kind kind)
{
    pu_buf b = buf_of(out, cap);
    buf_put_u8(&b, (uint8_t)kind);
    put_u32(&b, 0);
    return b;
}

static size_t end(pu_buf *b)
{
    if (b->full) return 0;
    store_le32(b->base + 1, (uint32_t)(b->len - HEAD_BYTES));
    return b->len;
}

size_t pu_record_write_magic(uint8_t *out, size_t cap)
{
    pu_buf b = buf_of(out, cap);
    buf_put(&b, magic, sizeof magic);
    return b.full ? 0 : b.len;
}

size_t pu_record_write_node(uint8_t *out, size_t cap, const pu_record_node *node)
{
    pu_buf b = begin(out, cap, PU_RECORD_NODE);
    const pu_config_info *info;
    uint32_t count = 0;
    while (pu_config_at(count) != NULL) count++;
    put_u32(&b, count);
    for (uint32_t i = 0; (info = pu_config_at(i)) != NULL; i++) {
        put_span(&b, span_of(info->name, strlen(info->name)));
        put_u64(&b, pu_config_get(&node->config, info));
    }
    buf_put(&b, node->seed, sizeof node->seed);
    buf_put(&b, node->key, sizeof node->key);
    put_u64(&b, node->now);
    return end(&b);
}

size_t pu_record_write_input(uint8_t *out, size_t cap, const pu_in *in,
                             const pu_record_opaque *opaque)
{
    pu_buf b = begin(out, cap, PU_RECORD_INPUT);
    put_u64(&b, in->now);
    put_u32(&b, in->kind);
    put_u32(&b, in->flags);
    put_u32(&b, in->what);
    put_u32(&b, in->code);
    put_u64(&b, in->conn);
    put_u64(&b, in->stream);
    put_u64(&b, in->via);
    put_u32(&b, in->token);
    put_u32(&b, in->transport);
    put_u32(&b, in->socket);
    put_u64(&b, in->offset);
    put_u64(&b, in->deadline);
    put_span(&b, in->peer);
    put_endpoint(&b, &in->local);
    put_endpoint(&b, &in->remote);
    put_span(&b, in->body);
    put_u32(&b, opaque->len);
    if (opaque->len > 0) put_u64(&b, opaque->hash[0]);
    if (opaque->len > 0) put_u64(&b, opaque->hash[1]);
    return end(&b);
}

size_t pu_record_write_sign(uint8_t *out, size_t cap,
                            const uint8_t signature[PU_ED25519_SIGNATURE_BYTES])
{
    pu_buf b = begin(out, cap, PU_RECORD_SIGN);
    buf_put(&b, signature, PU_ED25519_SIGNATURE_BYTES);
    return end(&b);
}

size_t pu_record_write_verify(uint8_t *out, size_t cap, bool is_genuine)
{
    pu_buf b = begin(out, cap, PU_RECORD_VERIFY);
    buf_put_u8(&b, is_genuine);
    return end(&b);
}

size_t pu_record_write_random(uint8_t *out, size_t cap, uint64_t len)
{
    pu_buf b = begin(out, cap, PU_RECORD_RANDOM);
    put_u64(&b, len);
    return end(&b);
}

size_t pu_record_write_step(uint8_t *out, size_t cap, const pu_record_step *step)
{
    pu_buf b = begin(out, cap, PU_RECORD_STEP);
    put_u32(&b, (uint32_t)step->result);
    put_u32(&b, step->effects);
    put_u64(&b, step->hash[0]);
    put_u64(&b, step->hash[1]);
    return end(&b);
}

size_t pu_record_write_end(uint8_t *out, size_t cap, enum pu_record_why why)
{
    pu_buf b = begin(out, cap, PU_RECORD_END);
    buf_put_u8(&b, (uint8_t)why);
    return end(&b);
}

/* ---- reading: a cursor with a sticky error ---- */

typedef struct cursor {
    pu_span rest;
    bool bad;
} cursor;

static pu_span get_bytes(cursor *c, size_t len)
{
    if (c->bad || len > c->rest.len) {
        c->bad = true;
        return span_of(NULL, 0);
    }
    pu_span taken = span_head(c->rest, len);
    c->rest = span_skip(c->rest, len);
    return taken;
}

static uint32_t get_u32(cursor *c)
{
    pu_span s = get_bytes(c, 4);
    return c->bad ? 0 : load_le32(s.base);
}

static uint64_t get_u64(cursor *c)
{
    pu_span s = get_bytes(c, 8);
    return c->bad ? 0 : load_le64(s.base);
}

static pu_span get_span(cursor *c)
{
    return get_bytes(c, get_u32(c));
}

static void get_copy(cursor *c, uint8_t *out, size_t len)
{
    pu_span s = get_bytes(c, len);
    if (!c->bad) memcpy(out, s.base, len);
}

static pu_endpoint get_endpoint(cursor *c)
{
    pu_endpoint e = {.port = 0};
    get_copy(c, e.ip, sizeof e.ip);
    e.scope = get_u32(c);
    uint32_t port = get_u32(c);
    if (port > UINT16_MAX) c->bad = true;
    e.port = (uint16_t)port;
    return e;
}

/* Parameters go by name: a recording of an older version keeps its meaning, one with an unknown
 * name is refused. */
static void get_node(cursor *c, pu_record_node *node)
{
    pu_config_default(&node->config);
    uint32_t count = get_u32(c);
    for (uint32_t i = 0; i < count && !c->bad; i++) {
        pu_span name = get_span(c);
        uint64_t value = get_u64(c);
        if (!c->bad && pu_config_set(&node->config, name, value) != PU_OK) c->bad = true;
    }
    get_copy(c, node->seed, sizeof node->seed);
    get_copy(c, node->key, sizeof node->key);
    node->now = get_u64(c);
}

static void get_opaque(cursor *c, pu_record_opaque *opaque, size_t before)
{
    opaque->len = get_u32(c);
    if (opaque->len > PU_RECORD_MAX - before) c->bad = true;
    if (c->bad || opaque->len == 0) return;
    opaque->hash[0] = get_u64(c);
    opaque->hash[1] = get_u64(c);
}

static void get_input(cursor *c, pu_in *in, pu_record_opaque *opaque)
{
    in->now = get_u64(c);
    in->kind = (enum pu_in_kind)get_u32(c);
    in->flags = get_u32(c);
    in->what = get_u32(c);
    in->code = get_u32(c);
    in->conn = get_u64(c);
    in->stream = get_u64(c);
    in->via = get_u64(c);
    in->token = get_u32(c);
    in->transport = (enum pu_transport)get_u32(c);
    in->socket = get_u32(c);
    in->offset = get_u64(c);
    in->deadline = get_u64(c);
    in->peer = get_span(c);
    in->local = get_endpoint(c);
    in->remote = get_endpoint(c);
    in->body = get_span(c);
    get_opaque(c, opaque, in->body.len);
}

bool pu_record_read_magic(pu_span *rest)
{
    if (rest->len < sizeof magic || memcmp(rest->base, magic, sizeof magic) != 0) return false;
    *rest = span_skip(*rest, sizeof magic);
    return true;
}

static bool get_bool(cursor *c)
{
    pu_span s = get_bytes(c, 1);
    if (!c->bad && s.base[0] > 1) c->bad = true;
    return !c->bad && s.base[0] == 1;
}

static enum pu_record_why get_why(cursor *c)
{
    pu_span s = get_bytes(c, 1);
    if (!c->bad && s.base[0] != PU_RECORD_OVER && s.base[0] != PU_RECORD_FULL) c->bad = true;
    return c->bad ? PU_RECORD_OVER : (enum pu_record_why)s.base[0];
}

static void get_record(cursor *c, pu_record *record)
{
    switch (record->kind) {
    case PU_RECORD_NODE: get_node(c, &record->node); break;
    case PU_RECORD_INPUT: get_input(c, &record->in, &record->opaque); break;
    case PU_RECORD_SIGN: record->signature = get_bytes(c, PU_ED25519_SIGNATURE_BYTES); break;
    case PU_RECORD_VERIFY: record->is_genuine = get_bool(c); break;
    case PU_RECORD_RANDOM: record->random_len = get_u64(c); break;
    case PU_RECORD_STEP:
        record->step.result = (int32_t)get_u32(c);
        record->step.effects = get_u32(c);
        record->step.hash[0] = get_u64(c);
        record->step.hash[1] = get_u64(c);
        break;
    case PU_RECORD_END: record->why = get_why(c); break;
    default: c->bad = true; break;
    }
}

bool pu_record_is_cut(pu_span rest)
{
    if (rest.len == 0) return false;
    if (rest.base[0] < PU_RECORD_NODE || rest.base[0] > PU_RECORD_END) return false;
    if (rest.len < HEAD_BYTES) return true;
    uint32_t len = load_le32(rest.base + 1);
    return len <= PU_RECORD_MAX && len > rest.len - HEAD_BYTES;
}

bool pu_record_next(pu_span *rest, pu_record *record)
{
    cursor c = {*rest, false};
    pu_span kind = get_bytes(&c, 1);
    uint32_t len = get_u32(&c);
    if (c.bad || len > PU_RECORD_MAX || len > c.rest.len) return false;
    cursor body = {span_head(c.rest, len), false};
    memset(record, 0, sizeof *record);
    record->kind = (enum pu_record_kind)kind.base[0];
    get_record(&body, record);
    if (body.bad || body.rest.len > 0) return false;
    *rest = span_skip(c.rest, len);
    return true;
}
