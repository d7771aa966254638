/* sim/bent.c - see bent.h. Streams and connections that are gone by now are nothing to the
 * transport: their handles are stale. */
#include "sim/bent.h"

#include "sim/mem.h"

#include <stdlib.h>
#include <string.h>

/* Bytes that are held back. */
typedef struct piece {
    struct piece *next;
    pu_time at;
    unsigned side;
    uint32_t flags;
    size_t len;
    uint8_t bytes[];
} piece;

typedef struct circuit {
    uint32_t number;
    pu_handle conn[2], stream[2];
    uint64_t carried;
    pu_time busy; /* the last held piece goes then */
    piece *first, *last;
} circuit;

struct bent {
    circuit *circuits;
    uint32_t count, cap;
    uint32_t last; /* number given */
};

static const scenario_bend *rule_of(const world *w, uint32_t node)
{
    return &w->s->nodes[node].bend;
}

void bent_init(world *w)
{
    for (uint32_t node = 0; node < w->s->node_count; node++) {
        if (!rule_of(w, node)->is_any) continue;
        if (w->bents == NULL) w->bents = sim_alloc(w->s->node_count * sizeof *w->bents);
        w->bents[node] = sim_alloc(sizeof *w->bents[node]);
        w->hosts_share.bent = bent_effect;
    }
}

static void circuit_free(circuit *c)
{
    while (c->first != NULL) {
        piece *p = c->first;
        c->first = p->next;
        free(p);
    }
}

void bent_crash(world *w, uint32_t node)
{
    struct bent *b = w->bents != NULL ? w->bents[node] : NULL;
    if (b == NULL) return;
    for (uint32_t i = 0; i < b->count; i++) circuit_free(&b->circuits[i]);
    b->count = 0;
}

void bent_close(world *w)
{
    for (uint32_t node = 0; w->bents != NULL && node < w->s->node_count; node++) {
        if (w->bents[node] == NULL) continue;
        bent_crash(w, node);
        free(w->bents[node]->circuits);
        free(w->bents[node]);
    }
    free(w->bents);
}

/* ---- circuits ---- */

static circuit *circuit_of(const struct bent *b, pu_handle conn, pu_handle stream, unsigned *side)
{
    for (uint32_t i = 0; i < b->count; i++) {
        circuit *c = &b->circuits[i];
        for (*side = 0; *side < 2; (*side)++)
            if (c->conn[*side] == conn && c->stream[*side] == stream) return c;
    }
    return NULL;
}

static pu_time later(pu_time a, pu_time b)
{
    return a > b ? a : b;
}

static void due(world *w, uint32_t node, const circuit *c, pu_time at)
{
    script_add(w, (world_entry){.at = at, .what = WORLD_BENT, .a = node, .b = c->number});
}

static void circuit_new(world *w, uint32_t node, const pu_in *in, const pu_ef *ef)
{
    struct bent *b = w->bents[node];
    const scenario_bend *rule = rule_of(w, node);
    b->circuits = sim_grow(b->circuits, &b->cap, b->count, sizeof *b->circuits);
    circuit *c = &b->circuits[b->count++];
    *c = (circuit){
        .number = ++b->last, .conn = {in->conn, ef->conn}, .stream = {in->stream, ef->stream}};
    if (rule->ends_ns == 0) return;
    due(w, node, c, later(w->hosts_share.now, rule->from) + rule->ends_ns);
}

static void perform(world *w, uint32_t node, const pu_ef *ef)
{
    host *h = &w->hosts[node];
    if (h->is_running) w->hosts_share.transport->effect(h->transport, w->hosts_share.now, ef);
}

/* Ends both streams, as a relay does at a limit. */
static void circuit_end(world *w, uint32_t node, circuit *c)
{
    struct bent *b = w->bents[node];
    circuit ended = *c;
    circuit_free(c);
    *c = b->circuits[--b->count];
    record_note(&w->log, w->hosts_share.now, node, "circuit_cut", w->s->nodes[node].name);
    for (unsigned side = 0; side < 2; side++)
        perform(w, node,
                &(pu_ef){.kind = PU_EF_STREAM_RESET,
                         .conn = ended.conn[side],
                         .stream = ended.stream[side],
                         .code = PU_CODE_RESOURCE});
}

/* ---- rates ---- */

static void hold(world *w, uint32_t node, circuit *c, unsigned side, const pu_ef *ef)
{
    piece *p = sim_alloc(sizeof *p + ef->body.len);
    uint64_t bits = (uint64_t)ef->body.len * 8, bps = rule_of(w, node)->bps;
    c->busy = later(c->busy, w->hosts_share.now) + (bits * PU_S + bps - 1) / bps;
    *p = (piece){.at = c->busy, .side = side, .flags = ef->flags, .len = ef->body.len};
    if (p->len > 0) memcpy(p->bytes, ef->body.base, p->len);
    if (c->last != NULL && c->first != NULL) c->last->next = p;
    else c->first = p;
    c->last = p;
    due(w, node, c, c->busy);
}

static void send_piece(world *w, uint32_t node, circuit *c)
{
    piece *p = c->first;
    c->first = p->next;
    perform(w, node,
            &(pu_ef){.kind = PU_EF_STREAM_SEND,
                     .conn = c->conn[p->side],
                     .stream = c->stream[p->side],
                     .flags = p->flags,
                     .body = {p->bytes, p->len}});
    free(p);
}

void bent_due(world *w, uint32_t node, uint32_t number)
{
    struct bent *b = w->bents[node];
    const scenario_bend *rule = rule_of(w, node);
    uint32_t i = 0;
    while (i < b->count && b->circuits[i].number != number) i++;
    if (i == b->count) return;
    circuit *c = &b->circuits[i];
    if (rule->ends_ns > 0) circuit_end(w, node, c);
    else
        while (c->first != NULL && c->first->at <= w->hosts_share.now) send_piece(w, node, c);
}

/* ---- effects ---- */

/* What the peers of a circuit say to each other. */
static bool bend_send(world *w, uint32_t node, circuit *c, unsigned side, const pu_ef *ef)
{
    const scenario_bend *rule = rule_of(w, node);
    if (w->hosts_share.now < rule->from) return false;
    c->carried += ef->body.len;
    if (rule->swallows) {
        if ((ef->flags & PU_FIN) != 0) { /* the end itself is not theirs */
            pu_ef end = *ef;
            end.body = (pu_span){0};
            perform(w, node, &end);
        }
        return true;
    }
    if (rule->ends_bytes > 0 && c->carried > rule->ends_bytes) {
        circuit_end(w, node, c);
        return true;
    }
    if (rule->bps > 0) hold(w, node, c, side, ef);
    return rule->bps > 0;
}

/* How many of bytes are HOP's STATUS with OK (circuit-v2): its length, type 2, ..., status 100. 0:
 * they begin otherwise. */
static size_t yes_len(pu_span bytes)
{
    static const uint8_t type[] = {0x08, 2}, ok[] = {0x28, 100};
    if (bytes.len < 5 || memcmp(bytes.base + 1, type, sizeof type) != 0) return 0;
    size_t len = 1u + bytes.base[0];
    for (size_t i = 3; i + sizeof ok <= len && len <= bytes.len; i++)
        if (memcmp(bytes.base + i, ok, sizeof ok) == 0) return len;
    return 0;
}

/* The answer that begins a circuit, of `len` bytes: what follows them in one effect is the peers'
 * already. */
static bool bend_answer(world *w, uint32_t node, const pu_in *in, const pu_ef *ef, size_t len)
{
    unsigned side;
    circuit_new(w, node, in, ef);
    if (len == ef->body.len) return false;
    pu_ef yes = *ef, rest = *ef;
    yes.body = span_head(ef->body, len);
    yes.flags &= ~(uint32_t)PU_FIN;
    rest.body = span_skip(ef->body, len);
    perform(w, node, &yes);
    circuit *c = circuit_of(w->bents[node], ef->conn, ef->stream, &side);
    PU_ASSERT(c != NULL);
    if (!bend_send(w, node, c, side, &rest)) perform(w, node, &rest);
    return true;
}

bool bent_effect(void *world_of, uint32_t node, const pu_in *in, const pu_ef *ef)
{
    world *w = world_of;
    unsigned side;
    if (w->bents[node] == NULL || ef->kind != PU_EF_STREAM_SEND) return false;
    circuit *c = circuit_of(w->bents[node], ef->conn, ef->stream, &side);
    if (c != NULL) return bend_send(w, node, c, side, ef);
    bool may_begin = in->kind == PU_IN_STREAM_DATA && in->conn != ef->conn;
    size_t len = may_begin ? yes_len(ef->body) : 0;
    return len > 0 && bend_answer(w, node, in, ef, len);
}
