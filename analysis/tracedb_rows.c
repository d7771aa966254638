/* analysis/tracedb_rows.c - one function a table: fields into columns, in the order of schema.sql.
 */
#include "analysis/text.h"
#include "analysis/tracedb_impl.h"

#include <inttypes.h>
#include <stdio.h>

enum { EVENT_TEXT_MAX = 512 }; /* bytes of a peer's text that are kept */

void tracedb_put_run(tracedb *db, const tracedb_run *run)
{
    char seed[24];
    snprintf(seed, sizeof seed, "%" PRIu64, run->seed);
    row r = row_begin(db, TABLE_RUN);
    row_text(&r, seed);
    row_text(&r, run->scenario);
    row_text(&r, run->about);
    row_text(&r, run->fidelity);
    row_text(&r, run->build);
    row_text(&r, run->command_line);
    row_text(&r, run->config_hash);
    row_text(&r, run->trace_hash);
    row_count(&r, run->duration_ns);
    row_count(&r, run->events);
    row_int(&r, run->is_partial);
    row_end(&r);
}

void tracedb_put_node(tracedb *db, const tracedb_node *node)
{
    row r = row_begin(db, TABLE_NODE);
    row_int(&r, node->node);
    row_text(&r, node->name);
    row_text(&r, node->peer);
    row_text(&r, node->group);
    row_int(&r, node->is_relay);
    row_int(&r, node->is_public);
    row_int(&r, node->site);
    row_text(&r, node->address);
    row_text(&r, node->public_address);
    row_text(&r, node->address6);
    row_text(&r, node->behind);
    row_end(&r);
}

void tracedb_put_nat(tracedb *db, const tracedb_nat *nat)
{
    row r = row_begin(db, TABLE_NAT);
    row_int(&r, nat->box);
    row_index(&r, nat->parent);
    row_text(&r, nat->type_name);
    row_text(&r, nat->mapping);
    row_text(&r, nat->filtering);
    row_text(&r, nat->ports);
    row_count(&r, nat->udp_idle_ns);
    row_count(&r, nat->udp_answered_ns);
    row_count(&r, nat->tcp_idle_ns);
    row_text(&r, nat->refresh);
    row_text(&r, nat->hairpin);
    row_int(&r, nat->addresses);
    row_text(&r, nat->pooling);
    row_int(&r, nat->blocks_udp);
    row_text(&r, nat->address);
    row_text(&r, nat->owner);
    row_end(&r);
}

void tracedb_put_attachment(tracedb *db, uint32_t node, pu_time at, const tracedb_place *four,
                            const tracedb_place *six)
{
    row r = row_begin(db, TABLE_ATTACHMENT);
    row_int(&r, node);
    row_time(&r, at);
    row_index(&r, four->box);
    row_text(&r, four->address);
    row_index(&r, six->box);
    row_text(&r, six->address);
    row_end(&r);
}

/* Ordinals count from 1; 0 is "none". */
static void row_ordinal(row *r, uint64_t ordinal)
{
    if (ordinal == 0) row_index(r, -1);
    else row_count(r, ordinal);
}

static const char *area_name(enum pu_trace_area area)
{
    static const char *const names[] = {"node",     "conn", "stream", "dial",  "gate", "limit",
                                        "identify", "ping", "relay",  "dcutr", "app"};
    _Static_assert(sizeof names / sizeof names[0] == PU_AREA_COUNT, "a name for every area");
    return names[area];
}

void tracedb_put_event(tracedb *db, uint32_t node, const pu_trace *event, const char *peer_name)
{
    char text[4 * EVENT_TEXT_MAX + 1];
    size_t len = event->text.len < EVENT_TEXT_MAX ? event->text.len : EVENT_TEXT_MAX;
    text_escape(text, sizeof text, event->text.base, len);
    const pu_trace_info *info = pu_trace_describe(event->code);
    row r = row_begin(db, TABLE_EVENT);
    row_time(&r, event->now);
    row_int(&r, node);
    row_text(&r, area_name(info->area));
    row_text(&r, info->name);
    row_ordinal(&r, event->conn);
    row_ordinal(&r, event->stream);
    row_text(&r, peer_name ? peer_name : "");
    row_count(&r, event->a);
    row_count(&r, event->b);
    row_text(&r, text);
    row_end(&r);
}

void tracedb_put_code(tracedb *db, uint32_t code, const char *name, const char *meaning)
{
    row r = row_begin(db, TABLE_CODE);
    row_int(&r, code);
    row_text(&r, name);
    row_text(&r, meaning);
    row_end(&r);
}

void tracedb_put_dial(tracedb *db, const tracedb_dial *dial)
{
    row r = row_begin(db, TABLE_DIAL);
    row_int(&r, dial->node);
    row_text(&r, dial->to);
    row_text(&r, dial->address);
    row_text(&r, dial->transport);
    row_time(&r, dial->start);
    row_time(&r, dial->end);
    row_text(&r, dial->outcome);
    row_int(&r, dial->code);
    row_end(&r);
}

void tracedb_put_conn(tracedb *db, const tracedb_conn *conn)
{
    row r = row_begin(db, TABLE_CONN);
    row_int(&r, conn->node);
    row_count(&r, conn->conn);
    row_text(&r, conn->peer);
    row_int(&r, conn->dialled);
    row_int(&r, conn->relayed);
    row_text(&r, conn->transport);
    row_text(&r, conn->local);
    row_text(&r, conn->remote);
    row_time(&r, conn->up);
    row_time(&r, conn->confirmed);
    row_time(&r, conn->down);
    row_int(&r, conn->code);
    row_end(&r);
}

void tracedb_put_path(tracedb *db, const tracedb_path *path)
{
    row r = row_begin(db, TABLE_PATH);
    row_int(&r, path->from);
    row_int(&r, path->to);
    row_int(&r, path->direct);
    row_time(&r, path->start);
    row_time(&r, path->end);
    row_end(&r);
}

void tracedb_put_connect(tracedb *db, const tracedb_connect *connect)
{
    row r = row_begin(db, TABLE_CONNECT);
    row_int(&r, connect->from);
    row_int(&r, connect->to);
    row_int(&r, connect->is_authorized);
    row_time(&r, connect->asked);
    row_time(&r, connect->usable);
    row_time(&r, connect->direct);
    row_time(&r, connect->lost);
    row_text(&r, connect->first_path);
    row_text(&r, connect->last_path);
    row_end(&r);
}

void tracedb_put_stream(tracedb *db, const tracedb_stream *stream)
{
    row r = row_begin(db, TABLE_STREAM);
    row_int(&r, stream->from);
    row_int(&r, stream->to);
    row_count(&r, stream->bytes);
    row_time(&r, stream->asked);
    row_time(&r, stream->delivered);
    row_end(&r);
}

void tracedb_put_note(tracedb *db, pu_time at, int64_t node, const char *kind, const char *text)
{
    row r = row_begin(db, TABLE_NOTE);
    row_time(&r, at);
    row_index(&r, node);
    row_text(&r, kind);
    row_text(&r, text);
    row_end(&r);
}

/* The number of an endpoint; a new one is written to its table first. */
static int64_t endpoint_id(tracedb *db, const char *text)
{
    bool fresh;
    uint32_t id = intern_id(&db->endpoints, text, &fresh);
    if (id == 0) tracedb_fail(db, "cannot write", "out of memory");
    if (fresh) {
        row r = row_begin(db, TABLE_ENDPOINT);
        row_int(&r, id);
        row_text(&r, text);
        row_end(&r);
    }
    return id;
}

void tracedb_put_packet(tracedb *db, const tracedb_packet *packet)
{
    int64_t from = endpoint_id(db, packet->from), to = endpoint_id(db, packet->to);
    row r = row_begin(db, TABLE_PACKET);
    row_time(&r, packet->at);
    row_count(&r, packet->id);
    row_index(&r, packet->from_node);
    row_index(&r, packet->to_node);
    row_index(&r, packet->box);
    row_int(&r, from);
    row_int(&r, to);
    row_text(&r, packet->carriage);
    row_text(&r, packet->kind);
    row_text(&r, packet->fate);
    row_int(&r, packet->bytes);
    row_end(&r);
}

void tracedb_put_metric(tracedb *db, const char *name, uint64_t value, const char *unit,
                        const char *meaning)
{
    row r = row_begin(db, TABLE_METRIC);
    row_text(&r, name);
    row_count(&r, value);
    row_text(&r, unit);
    row_text(&r, meaning);
    row_end(&r);
}

void tracedb_put_property(tracedb *db, const tracedb_property *property)
{
    row r = row_begin(db, TABLE_PROPERTY);
    row_text(&r, property->name);
    row_text(&r, property->expected);
    row_int(&r, property->held);
    row_time(&r, property->took_ns);
    row_time(&r, property->within_ns);
    row_text(&r, property->why);
    row_end(&r);
}
