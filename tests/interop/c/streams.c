/* Application streams of the interop peer, see peer.h. */
#include "tests/interop/c/peer.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { ECHO_BEHIND = 65536, CHUNK = PU_DATA_MAX, RESET_CODE = 42 };

uint8_t pattern_at(uint64_t i)
{
    return (uint8_t)(i + (i >> 8) + (i >> 16));
}

static void tell(const stm *s, enum pu_app what, uint64_t offset, uint32_t code)
{
    pu_in in = {
        .kind = PU_IN_APP, .what = what, .stream = s->handle, .offset = offset, .code = code};
    pu_host_command(s->owner->host, &in);
}

static stm *stm_new(peer *p, enum stm_role role)
{
    stm *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    *s = (stm){.next = p->streams, .owner = p, .role = role, .rx_granted = WINDOW};
    p->streams = s;
    return s;
}

void stm_free(stm *s)
{
    stm **at = &s->owner->streams;
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    free(s->kept);
    free(s);
}

stm *stm_open(peer *p, const pu_peer_id *to, const char *protocol, enum stm_role role)
{
    stm *s = stm_new(p, role);
    if (s == NULL) return NULL;
    pu_in in = {.kind = PU_IN_APP,
                .what = PU_APP_OPEN,
                .flags = PU_LIMITED,
                .peer = {to->bytes, to->len},
                .offset = WINDOW,
                .body = {(const uint8_t *)protocol, strlen(protocol)}};
    s->token = pu_host_command(p->host, &in);
    return s;
}

void stm_start(stm *s, const uint64_t *prefix, size_t prefix_count, uint64_t total, bool fin)
{
    for (size_t i = 0; i < prefix_count; i++) store_be64(s->prefix + 8 * i, prefix[i]);
    s->prefix_len = 8 * prefix_count;
    s->tx_total = total;
    s->fin_wanted = fin;
    stm_pump(s);
}

void stm_reset(stm *s, uint32_t code)
{
    if (!s->is_over && s->is_open) tell(s, PU_APP_RESET, 0, code);
    s->is_over = true;
}

/* The pattern repeats after 2^24 bytes: two periods of it in memory make every chunk a span. */
static const uint8_t *pattern_span(uint64_t offset)
{
    enum { PERIOD = 1 << 24 };
    static uint8_t *bytes;
    if (bytes == NULL) {
        bytes = malloc(PERIOD + CHUNK);
        PU_ASSERT(bytes != NULL);
        for (uint64_t i = 0; i < PERIOD + CHUNK; i++) bytes[i] = pattern_at(i);
    }
    return bytes + offset % PERIOD;
}

/* What s sends from `sent` on. Where nobody looks at the bytes, they are always the same ones: a
 * benchmark is not one of the memory that holds the pattern. */
static const uint8_t *data_of(const stm *s, uint64_t sent)
{
    bool is_any = s->role == ROLE_COUNT || s->role == ROLE_PERF || s->role == ROLE_RESET;
    return pattern_span(is_any ? 0 : sent);
}

void stm_pump(stm *s)
{
    while (s->is_open && !s->is_over && s->tx_sent < s->tx_room) {
        uint64_t room = s->tx_room - s->tx_sent;
        if (s->tx_sent < s->prefix_len) {
            size_t len = s->prefix_len - (size_t)s->tx_sent;
            if (len > room) len = (size_t)room;
            pu_host_app_data(s->owner->host, s->handle, (pu_span){s->prefix + s->tx_sent, len});
            s->tx_sent += len;
            continue;
        }
        uint64_t sent = s->tx_sent - s->prefix_len, left = s->tx_total - sent;
        if (left > CHUNK) left = CHUNK;
        if (left > room) left = room;
        if (left == 0) break;
        s->tx_sent += left;
        pu_host_app_data(s->owner->host, s->handle, (pu_span){data_of(s, sent), (size_t)left});
    }
    bool is_all = s->is_open && !s->is_over && s->tx_sent == s->prefix_len + s->tx_total;
    if (is_all && s->resets_at_end) {
        stm_reset(s, RESET_CODE);
    } else if (is_all && s->fin_wanted && !s->fin_sent) {
        s->fin_sent = true;
        tell(s, PU_APP_FIN, 0, 0);
    }
}

/* ---- what comes ---- */

static bool is_pattern(uint64_t offset, pu_span body)
{
    return body.len <= CHUNK && memcmp(body.base, pattern_span(offset), body.len) == 0;
}

static void keep(stm *s, pu_span body)
{
    if (s->kept == NULL) s->kept = malloc(COLLECT_MAX);
    size_t len = body.len < COLLECT_MAX - s->kept_len ? body.len : COLLECT_MAX - s->kept_len;
    if (s->kept == NULL) return;
    memcpy(s->kept + s->kept_len, body.base, len);
    s->kept_len += len;
}

/* The numbers that a request begins with are here. */
static void head_came(stm *s)
{
    uint64_t first = load_be64(s->head);
    if (s->role == ROLE_RESET) {
        s->tx_total = first;
        s->resets_at_end = true;
        stm_pump(s);
    } else if (s->role == ROLE_SINK) {
        s->stop_at = first;
    }
}

static pu_span take_head(stm *s, pu_span body)
{
    size_t want = s->head_want - s->head_len, len = body.len < want ? body.len : want;
    if (len == 0) return body;
    memcpy(s->head + s->head_len, body.base, len);
    s->head_len += len;
    if (s->head_len == s->head_want) head_came(s);
    return (pu_span){body.base + len, body.len - len};
}

/* Room as far as this role reads on. */
static void grant(stm *s)
{
    uint64_t read = s->head_len + s->rx_got, offset = read + WINDOW;
    pu_time now = pu_host_now(s->owner->host);
    if (s->role == ROLE_ECHO) offset = s->tx_sent + ECHO_BEHIND;
    if (s->role == ROLE_SINK && s->head_len == s->head_want && !s->has_stopped) {
        uint64_t limit = s->head_len + s->stop_at;
        if (read >= limit) {
            s->has_stopped = true;
            s->stop_until = now + load_be64(s->head + 8) * PU_MS;
        }
        if (offset > limit) offset = limit;
    }
    if (s->stop_until > now) return;
    s->stop_until = 0;
    bool is_worth_it = offset >= s->rx_granted + WINDOW / 4 || read + 4096 >= s->rx_granted;
    if (offset <= s->rx_granted || !is_worth_it || s->rx_fin) return;
    s->rx_granted = offset;
    tell(s, PU_APP_ROOM, offset, 0);
}

static void data_came(stm *s, pu_span body)
{
    body = take_head(s, body);
    if (body.len > 0 && s->rx_got == 0) s->first_at = pu_host_now(s->owner->host);
    bool checks = s->role == ROLE_CHECK || s->role == ROLE_ECHO || s->role == ROLE_SINK;
    if (checks && !is_pattern(s->rx_got, body)) {
        s->is_wrong = true;
        stm_reset(s, 1);
        return;
    }
    if (s->role == ROLE_COLLECT) keep(s, body);
    s->rx_got += body.len;
    if (s->role == ROLE_ECHO) {
        s->tx_total = s->rx_got;
        stm_pump(s);
    }
    grant(s);
}

static void fin_came(stm *s)
{
    s->rx_fin = true;
    if (s->role == ROLE_ECHO) s->fin_wanted = true;
    if (s->role == ROLE_PERF) {
        s->tx_total = s->head_len == s->head_want ? load_be64(s->head) : 0;
        s->fin_wanted = true;
    }
    if (s->role == ROLE_SINK) {
        store_be64(s->prefix, s->rx_got);
        s->prefix_len = 8;
        s->fin_wanted = true;
    }
    stm_pump(s);
}

/* ---- effects ---- */

static void offered(peer *p, const pu_ef *ef)
{
    for (size_t i = 0; i < p->service_count; i++) {
        served *v = &p->services[i];
        if (strlen(v->name) != ef->body.len || memcmp(v->name, ef->body.base, ef->body.len) != 0)
            continue;
        stm *s = stm_new(p, v->role);
        if (s == NULL) break;
        v->count++;
        s->handle = ef->stream;
        s->is_open = true;
        s->tx_room = ef->offset;
        s->head_want = v->role == ROLE_SINK ? 16 : v->role == ROLE_ECHO ? 0 : 8;
        if (v->role == ROLE_ECHO) s->rx_granted = ECHO_BEHIND;
        if (v->role == ROLE_SINK) s->rx_granted = PU_FIRST_ROOM; /* it says how far to read */
        tell(s, PU_APP_OPEN, s->rx_granted, 0);
        return;
    }
    stm refused = {.owner = p, .handle = ef->stream};
    tell(&refused, PU_APP_RESET, 0, PU_CODE_UNSUPPORTED);
}

static stm *stm_of(const peer *p, const pu_ef *ef)
{
    for (stm *s = p->streams; s != NULL; s = s->next) {
        if (ef->token != 0 && s->token == ef->token && !s->is_open) return s;
        if (ef->stream != 0 && s->handle == ef->stream && !s->is_over) return s;
    }
    return NULL;
}

static bool is_ours(const stm *s)
{
    return s->role <= ROLE_COUNT;
}

static void over(stm *s, bool by_reset, uint32_t code)
{
    s->is_over = true;
    s->was_reset = by_reset;
    s->code = code;
    if (by_reset && s->role == ROLE_ECHO) {
        s->owner->resets_seen++;
        s->owner->reset_code = code;
    }
    if (!is_ours(s)) stm_free(s); /* a command frees its own */
}

void stm_effect(peer *p, const pu_ef *ef)
{
    if (ef->what == PU_APP_OPEN && ef->token == 0) {
        offered(p, ef);
        return;
    }
    stm *s = stm_of(p, ef);
    if (s == NULL) return;
    switch ((enum pu_app)ef->what) {
    case PU_APP_OPEN:
        s->is_open = true;
        s->handle = ef->stream;
        s->tx_room = ef->offset;
        stm_pump(s);
        break;
    case PU_APP_DATA: data_came(s, ef->body); break;
    case PU_APP_ROOM:
        s->tx_room = ef->offset;
        stm_pump(s);
        if (s->role == ROLE_ECHO) grant(s);
        break;
    case PU_APP_FIN: fin_came(s); break;
    case PU_APP_STOP: break; /* it reads no more, which is its own affair */
    case PU_APP_RESET: over(s, true, ef->code); break;
    case PU_APP_END: over(s, false, 0); break;
    }
}

void stm_tick(peer *p)
{
    pu_time now = pu_host_now(p->host);
    for (stm *s = p->streams, *next; s != NULL; s = next) {
        next = s->next;
        if (s->stop_until != 0 && s->stop_until <= now) grant(s);
        if (s->is_over && !is_ours(s)) stm_free(s); /* we have reset it */
    }
}

pu_time stm_deadline(const peer *p)
{
    pu_time first = PU_NEVER;
    for (const stm *s = p->streams; s != NULL; s = s->next) {
        if (s->stop_until != 0 && s->stop_until < first) first = s->stop_until;
    }
    return first;
}
