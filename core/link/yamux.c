/* link/yamux.c - the session: its table of streams, how they begin and end, pings. */
#include "link/yamux.h"

/* ---- lists and the table ---- */

void yamux_list_add(yamux *y, enum yamux_list_id id, yamux_stream *s)
{
    if (s->in_list[id].is_in) return;
    yamux_list *list = &y->lists[id];
    s->in_list[id].is_in = true;
    s->in_list[id].prev = list->last;
    s->in_list[id].next = NULL;
    if (list->last != NULL) list->last->in_list[id].next = s;
    else list->first = s;
    list->last = s;
}

void yamux_list_del(yamux *y, enum yamux_list_id id, yamux_stream *s)
{
    if (!s->in_list[id].is_in) return;
    yamux_list *list = &y->lists[id];
    yamux_stream *prev = s->in_list[id].prev, *next = s->in_list[id].next;
    if (prev != NULL) prev->in_list[id].next = next;
    else list->first = next;
    if (next != NULL) next->in_list[id].prev = prev;
    else list->last = prev;
    s->in_list[id].is_in = false;
}

yamux_stream *yamux_find(const yamux *y, uint32_t id)
{
    uint32_t place;
    if (!imap_get(&y->by_id, id, &place)) return NULL;
    PU_ASSERT(place < y->count);
    PU_ASSERT(y->table[place]->id == id);
    return y->table[place];
}

bool yamux_reserve(pu_link *l, yamux *y, uint32_t id)
{
    PU_ASSERT(yamux_find(y, id) == NULL);
    if (!mem_grow(link_alloc(l), (void **)&y->table, &y->cap, y->count, UINT32_MAX / 16,
                  sizeof y->table[0]))
        return false;
    return imap_put(&y->by_id, id, y->count);
}

void yamux_insert(yamux *y, yamux_stream *s, pu_time now)
{
    PU_ASSERT(y->count < y->cap);
    PU_ASSERT(s->id != 0);
    s->place = y->count;
    y->table[y->count++] = s;
    s->tx_window = YAMUX_FIRST_WINDOW;
    yamux_window_start(&s->rx, now);
    y->c->windows += s->rx.size;
    if (!s->head.is_ours) return;
    y->ours++;
    y->unacked++;
}

/* The last one takes its place. */
static void table_del(yamux *y, yamux_stream *s)
{
    PU_ASSERT(y->table[s->place] == s);
    imap_del(&y->by_id, s->id);
    yamux_stream *last = y->table[--y->count];
    y->table[s->place] = last;
    if (last != s) {
        last->place = s->place;
        bool is_there = imap_put(&y->by_id, last->id, last->place);
        PU_ASSERT(is_there); /* it replaces */
    }
    if (!s->head.is_ours) return;
    y->ours--;
    if (!s->is_acked) y->unacked--;
}

/* ---- the session ---- */

void yamux_start(pu_link *l, yamux *y, conn *c)
{
    PU_ASSERT(y->c == NULL);
    y->c = c;
    y->next_id = c->is_dialler ? 1 : 2;
    y->ping_at = y->heard_at = link_now(l);
    y->ping_is_due = true;
    imap_init(&y->by_id, link_env(l)->hash_seed, link_alloc(l));
}

void yamux_free(pu_link *l, yamux *y)
{
    const pu_alloc *alloc = link_alloc(l);
    if (y->c == NULL) return;
    PU_ASSERT(y->count == 0);
    mem_free(alloc, y->table, y->cap * sizeof y->table[0]);
    mem_bytes_free(alloc, &y->controls);
    imap_close(&y->by_id);
    *y = (yamux){.c = NULL};
}

bool yamux_end(yamux *y, uint32_t code, enum yamux_goaway goaway)
{
    y->end_code = code;
    y->end_goaway = goaway;
    return false;
}

uint32_t yamux_code(uint32_t code)
{
    return code >= 0x1000 && code <= 0x1fff ? code : 0;
}

uint32_t yamux_reset_code(uint32_t code)
{
    return code <= 0x1fff ? code : 0;
}

void yamux_control(pu_link *l, yamux *y, yamux_frame f)
{
    uint8_t bytes[YAMUX_HEADER_BYTES];
    yamux_frame_write(bytes, &f);
    if (!mem_bytes_append(link_alloc(l), &y->controls, span_of(bytes, sizeof bytes),
                          UINT32_MAX / 2))
        y->is_short = true;
}

bool yamux_is_full(const pu_link *l, const yamux *y)
{
    return y->controls.len / YAMUX_HEADER_BYTES >= link_config(l)->yamux_controls_max;
}

bool yamux_wants(const yamux *y)
{
    return y->ping_is_due || y->controls.len > 0 || y->lists[YAMUX_DUE].first != NULL ||
           y->lists[YAMUX_READY].first != NULL;
}

bool yamux_is_flushed(const yamux *y)
{
    if (y->controls.len > 0 || y->lists[YAMUX_DUE].first != NULL) return false;
    for (uint32_t i = 0; i < y->count; i++) {
        const yamux_stream *s = y->table[i];
        if (s->tx.len > 0 || (s->head.tx_fin && !s->is_fin_sent)) return false;
    }
    return true;
}

/* ---- time ---- */

static pu_time later_of(pu_time a, pu_time b)
{
    return a > b ? a : b;
}

static bool may_open(const pu_link *l, const yamux *y)
{
    return y->ours < YAMUX_OURS_MAX && y->count < YAMUX_ALL_MAX &&
           y->unacked < link_config(l)->yamux_unacked_max;
}

/* A ping is answered at once; a connection on which one is out and nothing comes is lost. */
static pu_time lost_at(const pu_link *l, const yamux *y)
{
    return later_of(y->ping_at, y->heard_at) + link_config(l)->idle_ns;
}

pu_time yamux_deadline(const pu_link *l, const yamux *y)
{
    bool has_held = y->lists[YAMUX_HELD].first != NULL;
    if (y->is_short || (has_held && may_open(l, y))) return link_now(l);
    if (y->ping_is_due) return PU_NEVER;
    return y->ping_is_out ? lost_at(l, y) : y->ping_at + link_config(l)->yamux_keep_alive_ns;
}

bool yamux_tick(pu_link *l, yamux *y)
{
    pu_time now = link_now(l);
    if (y->is_short) return yamux_end(y, PU_CODE_RESOURCE, YAMUX_INTERNAL_ERROR);
    if (y->ping_is_out && now >= lost_at(l, y))
        return yamux_end(y, PU_CODE_LOST, YAMUX_INTERNAL_ERROR);
    bool is_time = now >= y->ping_at + link_config(l)->yamux_keep_alive_ns;
    if (!y->ping_is_out && is_time) y->ping_is_due = true;
    yamux_admit(l, y);
    return true;
}

/* ---- streams ---- */

uint64_t yamux_room(const pu_link *l, const yamux_stream *s)
{
    return s->tx_framed + link_config(l)->link_send_bytes;
}

/* Gives s, which is ours, an id: from now on the peer may hear of it. False: it cannot have one,
 * and is gone. */
static bool begin(pu_link *l, yamux *y, yamux_stream *s)
{
    bool has_id = y->next_id <= UINT32_MAX - 2 && yamux_reserve(l, y, y->next_id);
    if (!has_id) {
        link_stream_down(l, &s->head, PU_DOWN_RESET, PU_CODE_RESOURCE);
        return false;
    }
    s->id = y->next_id;
    y->next_id += 2;
    yamux_insert(y, s, link_now(l));
    s->flags_due = YAMUX_SYN;
    yamux_list_add(y, YAMUX_DUE, s);
    link_stream_up(l, &s->head, yamux_room(l, s));
    return true;
}

void yamux_open(pu_link *l, yamux *y, stream *s)
{
    yamux_list_add(y, YAMUX_HELD, (yamux_stream *)s);
    yamux_admit(l, y);
}

void yamux_admit(pu_link *l, yamux *y)
{
    while (y->lists[YAMUX_HELD].first != NULL && may_open(l, y)) {
        yamux_stream *s = y->lists[YAMUX_HELD].first;
        yamux_list_del(y, YAMUX_HELD, s);
        (void)begin(l, y, s);
    }
}

void yamux_ready(yamux *y, yamux_stream *s)
{
    bool has_fin = s->head.tx_fin && !s->is_fin_sent;
    bool can_send = s->tx.len > 0 ? s->tx_window > 0 : has_fin;
    if (can_send) yamux_list_add(y, YAMUX_READY, s);
    else yamux_list_del(y, YAMUX_READY, s);
}

void yamux_send(pu_link *l, yamux *y, stream *head, pu_span bytes, bool fin)
{
    yamux_stream *s = (yamux_stream *)head;
    PU_ASSERT(s->id != 0);
    PU_ASSERT(!s->is_fin_sent);
    PU_ASSERT(fin == head->tx_fin);
    if (chunks_append(&s->tx, link_alloc(l), bytes)) yamux_ready(y, s);
    else yamux_abort(l, y, s, PU_CODE_RESOURCE);
}

/* How far the window may grow, the sum of all that this peer may fill considered. */
static uint32_t grown_size(pu_link *l, const yamux *y, const yamux_stream *s)
{
    uint64_t most = link_config(l)->yamux_window_most_bytes;
    uint32_t size = yamux_window_wish(&s->rx, link_now(l), y->c->rtt_ns, (uint32_t)most);
    return link_windows_may_grow(l, y->c, size - s->rx.size) ? size : s->rx.size;
}

void yamux_consumed(pu_link *l, yamux *y, stream *head, uint64_t bytes)
{
    yamux_stream *s = (yamux_stream *)head;
    yamux_window_consume(&s->rx, bytes);
    /* Whoever sends no more needs no credit; whom nobody reads gets none. */
    if (head->rx_fin || head->rx_stopped || !yamux_window_is_due(&s->rx)) return;
    uint32_t size = grown_size(l, y, s);
    y->c->windows += size - s->rx.size;
    s->grant_due += yamux_window_grant(&s->rx, link_now(l), size);
    yamux_list_add(y, YAMUX_DUE, s);
}

/* ---- ends ---- */

/* The peer is told, unless it has not heard of s yet. */
void yamux_reset(pu_link *l, yamux *y, stream *head, uint32_t code)
{
    yamux_stream *s = (yamux_stream *)head;
    bool is_heard_of = s->id != 0 && (s->flags_due & YAMUX_SYN) == 0;
    if (!is_heard_of) return;
    yamux_control(l, y,
                  (yamux_frame){.type = YAMUX_WINDOW,
                                .flags = YAMUX_RST,
                                .id = s->id,
                                .length = yamux_reset_code(code)});
}

void yamux_abort(pu_link *l, yamux *y, yamux_stream *s, uint32_t code)
{
    yamux_reset(l, y, &s->head, code);
    link_stream_down(l, &s->head, PU_DOWN_RESET, code);
}

void yamux_finish(pu_link *l, yamux *y, yamux_stream *s)
{
    if (!s->is_fin_sent) return;
    bool is_stuck = s->head.rx_stopped && s->rx.got == s->rx.limit && s->tx_framed == 0;
    if (!s->head.rx_fin && !is_stuck) return;
    if (!s->head.rx_fin) yamux_reset(l, y, &s->head, PU_CODE_OK);
    link_stream_down(l, &s->head, PU_DOWN_FINISHED, PU_CODE_OK);
}

/* Yamux has no frame for it: the window stays shut, and what is in flight is dropped. */
void yamux_stop(pu_link *l, yamux *y, stream *s)
{
    yamux_finish(l, y, (yamux_stream *)s);
}

void yamux_free_stream(pu_link *l, yamux *y, stream *head)
{
    yamux_stream *s = (yamux_stream *)head;
    for (int id = 0; id < YAMUX_LIST_COUNT; id++) yamux_list_del(y, (enum yamux_list_id)id, s);
    chunks_free(&s->tx, link_alloc(l));
    if (s->id == 0) return;
    if (y->body_of == s) y->body_of = NULL;
    y->c->windows -= s->rx.size;
    table_del(y, s);
}
