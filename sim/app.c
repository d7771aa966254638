/* Applications of simulated hosts, see app.h. The first four bytes of a stream are the transfer's
 * number, so that whoever takes it knows what to expect. */
#include "sim/app.h"

#include "base/bytes.h"
#include "sim/mem.h"

#include <stdlib.h>

enum { ROOM_BYTES = 65536, HEAD_BYTES = 4, TRIES_MAX = 16 };

#define PROTOCOL SPAN_LITERAL("/peerup/simulated/1.0.0")

size_t apps_service(uint8_t *out, size_t cap)
{
    pu_service service = {.name = SPAN_LITERAL("simulated"), .protocol_count = 1, .limited = true};
    service.protocols[0] = PROTOCOL;
    return pu_service_write(out, cap, &service);
}

/* The byte at an offset of a transfer; the head is counted. */
static uint8_t byte_at(uint32_t number, uint64_t offset)
{
    if (offset < HEAD_BYTES) return (uint8_t)(number >> 8 * offset);
    uint64_t mixed = (offset + number) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint8_t)(mixed >> 56);
}

static void say(apps *a, uint32_t node, enum pu_app what, pu_handle stream, uint64_t offset,
                pu_span body)
{
    a->input(
        a->ctx, node,
        &(pu_in){
            .kind = PU_IN_APP, .what = what, .stream = stream, .offset = offset, .body = body});
}

/* ---- sending ---- */

/* Sends what there is room for. */
static void pump(apps *a, uint32_t number)
{
    app_transfer *t = &a->transfers[number];
    uint8_t bytes[PU_DATA_MAX];
    uint64_t all = HEAD_BYTES + t->bytes;
    while (t->sent < t->room && t->sent < all) {
        uint64_t len = t->room < all ? t->room - t->sent : all - t->sent;
        if (len > sizeof bytes) len = sizeof bytes;
        for (uint64_t i = 0; i < len; i++) bytes[i] = byte_at(number, t->sent + i);
        say(a, t->from, PU_APP_DATA, t->stream, 0, span_of(bytes, (size_t)len));
        t->sent += len;
    }
    if (t->sent < all || t->is_sent) return;
    t->is_sent = true;
    say(a, t->from, PU_APP_FIN, t->stream, 0, span_of(NULL, 0));
}

static void ask(apps *a, uint32_t number, pu_span peer)
{
    const app_transfer *t = &a->transfers[number];
    a->input(a->ctx, t->from,
             &(pu_in){.kind = PU_IN_APP,
                      .what = PU_APP_OPEN,
                      .token = number + 1,
                      .peer = peer,
                      .flags = PU_LIMITED,
                      .offset = ROOM_BYTES,
                      .body = PROTOCOL});
}

void apps_begin(apps *a, pu_time now, uint32_t number, pu_span peer)
{
    PU_ASSERT(number < a->transfer_count);
    app_transfer *t = &a->transfers[number];
    t->asked = now;
    t->peer = peer;
    ask(a, number, peer);
}

/* What failed for want of room is tried again, from its beginning. */
static void again(apps *a, uint32_t number)
{
    app_transfer *t = &a->transfers[number];
    if (t->delivered != PU_NEVER || ++t->tries == TRIES_MAX) return;
    t->sent = t->room = 0;
    t->is_sent = false;
    ask(a, number, t->peer);
}

/* What `from` is told of a transfer. */
static void sender_told(apps *a, uint32_t number, const pu_ef *ef)
{
    app_transfer *t = &a->transfers[number];
    if (ef->what == PU_APP_OPEN) {
        t->stream = ef->stream;
        t->room = ef->offset;
    } else if (ef->what == PU_APP_ROOM) {
        t->room = ef->offset;
    } else if (ef->what == PU_APP_RESET || ef->what == PU_APP_END) {
        t->stream = 0;
        t->code = ef->code;
        if (ef->what == PU_APP_RESET && ef->code == PU_CODE_RESOURCE) again(a, number);
        return;
    } else {
        return; /* the taker says nothing, and reads everything */
    }
    pump(a, number);
}

/* ---- taking ---- */

static app_taken *taken_of(apps *a, uint32_t node, pu_handle stream)
{
    for (uint32_t i = 0; i < a->taken_count; i++)
        if (a->taken[i].node == node && a->taken[i].stream == stream) return &a->taken[i];
    return NULL;
}

static void take_bytes(apps *a, app_taken *t, pu_span bytes)
{
    for (size_t i = 0; i < bytes.len; i++, t->received++) {
        if (t->received < HEAD_BYTES) t->head[t->received] = bytes.base[i];
        if (t->received == HEAD_BYTES - 1) {
            t->number = load_le32(t->head);
            t->is_bad = t->number >= a->transfer_count;
        }
        if (t->received >= HEAD_BYTES && bytes.base[i] != byte_at(t->number, t->received))
            t->is_bad = true;
    }
    if (t->received > t->room) t->is_bad = true; /* more than it had room for */
    if (t->room - t->received > ROOM_BYTES / 2) return;
    t->room = t->received + ROOM_BYTES;
    say(a, t->node, PU_APP_ROOM, t->stream, t->room, span_of(NULL, 0));
}

static void take_end(apps *a, pu_time now, const app_taken *t)
{
    say(a, t->node, PU_APP_FIN, t->stream, 0, span_of(NULL, 0));
    if (t->is_bad || t->received < HEAD_BYTES) return;
    app_transfer *transfer = &a->transfers[t->number];
    bool is_all = t->received == HEAD_BYTES + transfer->bytes && transfer->to == t->node;
    if (is_all && transfer->delivered == PU_NEVER) transfer->delivered = now;
}

static void taker_told(apps *a, pu_time now, uint32_t node, const pu_ef *ef)
{
    if (ef->what == PU_APP_OPEN) {
        a->taken = sim_grow(a->taken, &a->taken_cap, a->taken_count, sizeof *a->taken);
        a->taken[a->taken_count++] =
            (app_taken){.node = node, .stream = ef->stream, .room = ROOM_BYTES};
        say(a, node, PU_APP_OPEN, ef->stream, ROOM_BYTES, span_of(NULL, 0));
        return;
    }
    app_taken *t = taken_of(a, node, ef->stream);
    PU_ASSERT(t != NULL);
    if (ef->what == PU_APP_DATA) take_bytes(a, t, ef->body);
    else if (ef->what == PU_APP_FIN) take_end(a, now, t);
    else if (ef->what == PU_APP_RESET || ef->what == PU_APP_END) *t = a->taken[--a->taken_count];
}

/* ---- both ---- */

void apps_effect(apps *a, pu_time now, uint32_t node, const pu_ef *ef)
{
    PU_ASSERT(ef->token <= a->transfer_count);
    if (ef->token != 0) {
        sender_told(a, ef->token - 1, ef);
        return;
    }
    for (uint32_t i = 0; i < a->transfer_count; i++) {
        if (a->transfers[i].from != node || a->transfers[i].stream != ef->stream) continue;
        sender_told(a, i, ef);
        return;
    }
    taker_told(a, now, node, ef);
}

void apps_crash(apps *a, uint32_t node)
{
    for (uint32_t i = 0; i < a->transfer_count; i++)
        if (a->transfers[i].from == node) a->transfers[i].stream = 0;
    for (uint32_t i = 0; i < a->taken_count;)
        if (a->taken[i].node == node) a->taken[i] = a->taken[--a->taken_count];
        else i++;
}

void apps_close(apps *a)
{
    free(a->transfers);
    free(a->taken);
}
