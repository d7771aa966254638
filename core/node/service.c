/* A service as bytes: the body of COMMAND EXPOSE. A protobuf message, so that fields can be added.
 */
#include "base/pb.h"
#include "peerup/ident.h"
#include "peerup/node.h"

enum {
    NAME = 1,
    PROTOCOL = 2,
    ALLOW_LISTED = 3,
    ALLOW = 4,
    STREAMS_MAX = 5,
    STREAMS_PER_PEER_MAX = 6,
    LIMITED = 7
};

/* Printable ASCII without blanks, 1 to max bytes: what a log, a configuration and
 * multistream-select can all carry. */
static bool is_word(pu_span text, size_t max)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.base[i] <= ' ' || text.base[i] > '~') return false;
    return text.len > 0 && text.len <= max;
}

bool pu_service_next_peer(pu_span *allow, pu_span *peer)
{
    if (allow->len == 0 || allow->base[0] > allow->len - 1) return false;
    *peer = span_head(span_skip(*allow, 1), allow->base[0]);
    *allow = span_skip(*allow, 1 + peer->len);
    return true;
}

static bool is_list_of_peers(pu_span allow)
{
    pu_span peer;
    pu_peer_id id;
    while (pu_service_next_peer(&allow, &peer))
        if (pu_peer_id_from_bytes(&id, peer) != PU_OK) return false;
    return allow.len == 0;
}

static bool is_among(const pu_span *all, uint32_t count, pu_span one)
{
    for (uint32_t i = 0; i < count; i++)
        if (span_equal(all[i], one)) return true;
    return false;
}

static bool is_service(const pu_service *s)
{
    if (!is_word(s->name, PU_SERVICE_NAME_MAX)) return false;
    if (s->protocol_count == 0 || s->protocol_count > PU_SERVICE_PROTOCOLS_MAX) return false;
    for (uint32_t i = 0; i < s->protocol_count; i++)
        if (!is_word(s->protocols[i], PU_PROTOCOL_MAX) ||
            is_among(s->protocols, i, s->protocols[i]))
            return false;
    return is_list_of_peers(s->allow);
}

size_t pu_service_write(uint8_t *out, size_t cap, const pu_service *service)
{
    if (!is_service(service)) return 0;
    pu_buf b = buf_of(out, cap < PU_SERVICE_BYTES_MAX ? cap : PU_SERVICE_BYTES_MAX);
    pb_put_bytes(&b, NAME, service->name);
    for (uint32_t i = 0; i < service->protocol_count; i++)
        pb_put_bytes(&b, PROTOCOL, service->protocols[i]);
    if (service->allow_listed) pb_put_uint(&b, ALLOW_LISTED, 1);
    if (service->allow.len > 0) pb_put_bytes(&b, ALLOW, service->allow);
    if (service->streams_max > 0) pb_put_uint(&b, STREAMS_MAX, service->streams_max);
    if (service->streams_per_peer_max > 0)
        pb_put_uint(&b, STREAMS_PER_PEER_MAX, service->streams_per_peer_max);
    if (service->limited) pb_put_uint(&b, LIMITED, 1);
    return b.full ? 0 : b.len;
}

/* Takes over one field. False: it is one that must not be, or its value makes no sense. */
static bool take(pu_service *s, const pb_field *f)
{
    if (f->no == NAME && f->wire == PB_BYTES) s->name = f->bytes;
    if (f->no == PROTOCOL && f->wire == PB_BYTES) {
        if (s->protocol_count == PU_SERVICE_PROTOCOLS_MAX) return false;
        s->protocols[s->protocol_count++] = f->bytes;
    }
    if (f->no == ALLOW && f->wire == PB_BYTES) s->allow = f->bytes;
    if (f->wire != PB_VARINT) return true;
    if (f->num > UINT32_MAX) return false;
    if (f->no == ALLOW_LISTED) s->allow_listed = f->num != 0;
    if (f->no == STREAMS_MAX) s->streams_max = (uint32_t)f->num;
    if (f->no == STREAMS_PER_PEER_MAX) s->streams_per_peer_max = (uint32_t)f->num;
    if (f->no == LIMITED) s->limited = f->num != 0;
    return true;
}

int pu_service_read(pu_service *service, pu_span body)
{
    *service = (pu_service){.protocol_count = 0};
    if (body.len > PU_SERVICE_BYTES_MAX) return PU_ERANGE;
    pb_in in = pb_in_of(body);
    for (pb_field f; pb_next(&in, &f);)
        if (!take(service, &f)) return PU_ERANGE;
    return !in.bad && is_service(service) ? PU_OK : PU_ERANGE;
}
