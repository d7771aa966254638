/* Application streams in step files: services as words, APP effects as words, and a host that holds
 * the node to what peerup/node.h promises of them. */
#include "tests/lib/steps_impl.h"

#include <inttypes.h>

/* ---- services ---- */

static bool protocols_read(pu_service *s, char *text)
{
    step_words list = {.count = 0};
    if (text != NULL) words_split(&list, text, ',');
    for (unsigned i = 0; i < list.count; i++) {
        if (s->protocol_count == PU_SERVICE_PROTOCOLS_MAX) return false;
        const char *name = proto_long(list.at[i]);
        s->protocols[s->protocol_count++] = span_of(name, strlen(name));
    }
    return true;
}

static bool allow_read(const step_world *w, pu_service *s, pu_buf *pool, char *text)
{
    step_words list = {.count = 0};
    if (text == NULL) return true;
    s->allow_listed = true;
    if (strcmp(text, "-") != 0) words_split(&list, text, ',');
    for (unsigned i = 0; i < list.count; i++) {
        const pu_peer_id *id = peer_read(w, list.at[i]);
        if (id == NULL) return false;
        buf_put_u8(pool, id->len);
        buf_put(pool, id->bytes, id->len);
    }
    s->allow = buf_span(pool);
    return !pool->full;
}

bool service_write(const step_world *w, pu_buf *out, const char *name, step_words *words)
{
    uint8_t bytes[1024];
    pu_buf pool = buf_of(bytes, sizeof bytes);
    uint64_t streams = 0, per_peer = 0;
    pu_service s = {.name = span_of(name, strlen(name)), .limited = words_flag(words, "limited")};
    const char *all = words_option(words, "streams"), *one = words_option(words, "per-peer");
    if (all != NULL && !number_read(all, &streams)) return false;
    if (one != NULL && !number_read(one, &per_peer)) return false;
    s.streams_max = (uint32_t)streams;
    s.streams_per_peer_max = (uint32_t)per_peer;
    if (!protocols_read(&s, words_option(words, "protocols"))) return false;
    if (!allow_read(w, &s, &pool, words_option(words, "allow"))) return false;
    out->len += pu_service_write(out->base + out->len, out->cap - out->len, &s);
    return true; /* what is no service goes out as no bytes */
}

/* ---- effects as words ---- */

static const char *const names[] = {
    [PU_APP_OPEN] = "open", [PU_APP_DATA] = "data",   [PU_APP_ROOM] = "room", [PU_APP_FIN] = "fin",
    [PU_APP_STOP] = "stop", [PU_APP_RESET] = "reset", [PU_APP_END] = "end",
};

static void say_open(const step_world *w, FILE *to, const pu_ef *e)
{
    if (e->token != 0) fprintf(to, " token=%" PRIu32, e->token);
    fprintf(to, " %c", world_letter(w, e->peer));
    if (e->body.len > 0)
        fprintf(to, " %.*s/%" PRIu32, (int)e->body.len, (const char *)e->body.base, e->code);
    fprintf(to, " conn=%" PRIu64, pu_handle_ordinal(e->conn));
    if ((e->flags & PU_RELAYED) != 0) fputs(" relayed", to);
    if ((e->flags & PU_LIMITED) != 0) fputs(" limited", to);
    fprintf(to, " room=%" PRIu64, e->offset);
    if (e->deadline == 0) return;
    fputs(" until=", to);
    time_say(to, e->deadline);
}

void app_say(step_world *w, FILE *to, const pu_ef *e)
{
    if (e->what < PU_APP_OPEN || e->what > PU_APP_END) {
        world_complain(w, "an APP effect of no kind");
        return;
    }
    fprintf(to, "app-%s", names[e->what]);
    if (e->stream != 0) fprintf(to, " %" PRIu64, pu_handle_ordinal(e->stream));
    else fprintf(to, " token=%" PRIu32, e->token);
    if (e->what == PU_APP_OPEN) say_open(w, to, e);
    if (e->what == PU_APP_ROOM) fprintf(to, " %" PRIu64, e->offset);
    if (e->what == PU_APP_DATA) {
        fputc(' ', to);
        body_say(w, to, NULL, e->body);
    }
    if (e->what != PU_APP_STOP && e->what != PU_APP_RESET) return;
    fputc(' ', to);
    code_say(to, e->code);
}

/* ---- the host's books ---- */

void app_input(step_world *w, const pu_in *in)
{
    step_stream *s = world_stream_of(w, in->stream);
    if (in->stream == 0 && in->what == PU_APP_OPEN && in->token < STEPS_TOKENS_MAX)
        w->app_rooms[in->token] = in->offset;
    if (s == NULL || !s->is_app) return;
    bool gives_room = in->what == PU_APP_OPEN || in->what == PU_APP_ROOM;
    if (gives_room && in->offset > s->app_room) s->app_room = in->offset;
    if (in->what == PU_APP_DATA) s->app_sent += in->body.len;
    if (in->what == PU_APP_RESET) s->is_app = false;
}

static void opened(step_world *w, step_stream *s, const pu_ef *e)
{
    if (s->is_app) world_complain(w, "APP OPEN comes twice");
    s->is_app = true;
    s->app_allowed = e->offset;
    if (e->token == 0) return;
    if (e->token >= STEPS_TOKENS_MAX || w->app_rooms[e->token] == 0) {
        world_complain(w, "APP OPEN answers nothing");
        return;
    }
    s->app_room = w->app_rooms[e->token];
    w->app_rooms[e->token] = 0;
}

void app_effect(step_world *w, const pu_ef *e)
{
    step_stream *s = world_stream_of(w, e->stream);
    if (e->stream == 0) { /* answers an OPEN that failed */
        bool is_answer = e->what == PU_APP_RESET && e->token < STEPS_TOKENS_MAX;
        if (!is_answer || w->app_rooms[e->token] == 0) world_complain(w, "it answers nothing");
        else w->app_rooms[e->token] = 0;
        return;
    }
    if (s == NULL || !s->is_live || (e->what != PU_APP_OPEN && !s->is_app)) {
        world_complain(w, "APP on a stream that is not there");
        return;
    }
    if (e->what == PU_APP_OPEN) opened(w, s, e);
    if (e->what == PU_APP_DATA) s->app_given += e->body.len;
    if (s->app_given > s->app_room) world_complain(w, "APP DATA beyond its room");
    if (e->what == PU_APP_ROOM) {
        if (e->offset <= s->app_allowed) world_complain(w, "APP ROOM that does not grow");
        s->app_allowed = e->offset;
    }
    if (e->what == PU_APP_RESET || e->what == PU_APP_END) s->is_app = false;
}
