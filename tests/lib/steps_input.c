/* An input's words as a pu_in: what is left out has the value that most lines want. */
#include "base/varint.h"
#include "tests/lib/steps_impl.h"

#include <stdlib.h>

enum { ROOM_DEFAULT = 65536, CODE_RESET_DEFAULT = 0 };

/* The line at hand: bytes that a pu_in points to. */
typedef struct line {
    step_words words;
    pu_buf body;
    uint8_t bytes[STEPS_BODY_MAX];
    pu_in in;
    uint64_t pieces; /* STREAM_DATA: cut into pieces of so many bytes; 0: not cut */
} line;

static bool number_next(line *l, uint64_t *value)
{
    return number_read(words_next(&l->words), value);
}

static bool option_number(line *l, const char *name, uint64_t *value)
{
    const char *text = words_option(&l->words, name);
    return text == NULL || number_read(text, value);
}

static bool option_endpoint(line *l, const char *name, pu_endpoint *endpoint)
{
    const char *text = words_option(&l->words, name);
    return text == NULL || endpoint_read(text, endpoint, &l->in.transport);
}

static bool option_token(line *l)
{
    uint64_t token = 0;
    if (!option_number(l, "token", &token)) return false;
    l->in.token = (pu_token)token;
    return true;
}

/* peer=B, or peer=hex(..) for bytes that are no id. */
static bool option_peer(step_world *w, line *l)
{
    char *text = words_option(&l->words, "peer");
    if (text == NULL) return true;
    const pu_peer_id *id = peer_read(w, text);
    size_t from = l->body.len;
    if (id != NULL) buf_put(&l->body, id->bytes, id->len);
    else if (!body_write(w, &l->body, text, NULL)) return false;
    l->in.peer = span_of(l->body.base + from, l->body.len - from);
    if (id != NULL && text[1] == 0) l->in.remote = world_endpoint(*text);
    return true;
}

/* The next word, or "ok" when there is none. */
static bool code_next(line *l)
{
    const char *text = words_next(&l->words);
    return text == NULL || code_read(text, &l->in.code);
}

static bool conn_next(step_world *w, line *l, bool is_new)
{
    uint64_t ordinal, slot = UINT64_MAX;
    if (!option_number(l, "slot", &slot) || !number_next(l, &ordinal)) return false;
    if (is_new && ordinal >= STEPS_CONNS_MAX) return false;
    l->in.conn = is_new ? world_conn_new(w, ordinal) : world_conn(w, ordinal);
    if (slot != UINT64_MAX) l->in.conn = pu_handle_make((uint32_t)slot, ordinal);
    return true;
}

static bool stream_next(step_world *w, line *l)
{
    uint64_t ordinal;
    if (!number_next(l, &ordinal)) return false;
    l->in.stream = world_stream(w, ordinal);
    const step_stream *s = world_stream_of(w, l->in.stream);
    if (s != NULL) l->in.conn = s->conn;
    return true;
}

/* What is left of the words is a payload. */
static bool body_next(step_world *w, line *l, const step_stream *s)
{
    char *text = words_next(&l->words);
    size_t from = l->body.len;
    if (text != NULL && !body_write(w, &l->body, text, s)) return false;
    l->in.body = span_of(l->body.base + from, l->body.len - from);
    return true;
}

/* ---- connections ---- */

static bool read_path(line *l, uint32_t *flags)
{
    if (words_flag(&l->words, "tcp")) l->in.transport = PU_TRANSPORT_TCP;
    if (words_flag(&l->words, "relayed")) *flags |= PU_RELAYED;
    if (words_flag(&l->words, "limited")) *flags |= PU_LIMITED;
    if (words_flag(&l->words, "dialled")) *flags |= PU_DIALLER;
    if ((*flags & PU_RELAYED) != 0) l->in.transport = PU_TRANSPORT_CIRCUIT;
    return option_endpoint(l, "from", &l->in.remote) && option_endpoint(l, "local", &l->in.local);
}

static bool option_via(step_world *w, line *l)
{
    uint64_t ordinal = 0;
    if (!option_number(l, "via", &ordinal)) return false;
    if (ordinal != 0) l->in.via = world_conn(w, ordinal);
    return true;
}

static bool input_ask(step_world *w, line *l)
{
    l->in.kind = PU_IN_CONN_ASK;
    l->in.local = w->local;
    l->in.transport = PU_TRANSPORT_QUIC;
    if (words_flag(&l->words, "accept")) l->in.what = PU_ASK_ACCEPT;
    if (words_flag(&l->words, "secured")) l->in.what = PU_ASK_SECURED;
    return option_peer(w, l) && read_path(l, &l->in.flags) && option_via(w, l) &&
           conn_next(w, l, true);
}

/* The token says what was dialled. */
static void from_request(step_world *w, line *l)
{
    const step_request *r = world_request(w, l->in.token);
    if (r == NULL) return;
    l->in.peer = span_of(r->peer.bytes, r->peer.len);
    l->in.remote = r->remote;
    l->in.transport = r->transport;
    l->in.flags = r->flags;
    if (r->kind == PU_EF_UPGRADE) l->in.via = r->conn;
}

static bool input_conn_up(step_world *w, line *l)
{
    l->in.kind = PU_IN_CONN_UP;
    l->in.local = w->local;
    l->in.transport = PU_TRANSPORT_QUIC;
    if (!option_token(l)) return false;
    from_request(w, l);
    return option_peer(w, l) && read_path(l, &l->in.flags) && option_via(w, l) &&
           conn_next(w, l, true);
}

static bool input_conn(step_world *w, line *l, enum pu_in_kind kind)
{
    l->in.kind = kind;
    if (kind == PU_IN_CONN_PATH && words_flag(&l->words, "migrated")) {
        l->in.flags = PU_MIGRATED;
        l->in.local = w->local;
    }
    return option_number(l, "rtt", &l->in.offset) && read_path(l, &l->in.flags) &&
           conn_next(w, l, false) && code_next(l);
}

static bool input_dial_fail(line *l)
{
    uint64_t token;
    l->in.kind = PU_IN_DIAL_FAIL;
    if (!number_next(l, &token)) return false;
    l->in.token = (pu_token)token;
    return code_next(l);
}

/* ---- streams ---- */

static bool input_stream_up(step_world *w, line *l)
{
    uint64_t ordinal, slot = UINT64_MAX;
    l->in.kind = PU_IN_STREAM_UP;
    l->in.offset = ROOM_DEFAULT;
    if (!option_token(l) || !option_number(l, "room", &l->in.offset)) return false;
    if (!option_number(l, "slot", &slot)) return false;
    const step_request *r = world_request(w, l->in.token);
    uint64_t conn = r != NULL ? pu_handle_ordinal(r->conn) : 0;
    if (!number_next(l, &ordinal) || ordinal >= STEPS_STREAMS_MAX) return false;
    if (!option_number(l, "conn", &conn)) return false;
    l->in.conn = world_conn(w, conn);
    l->in.stream = world_stream_new(w, ordinal);
    if (slot != UINT64_MAX) l->in.stream = pu_handle_make((uint32_t)slot, ordinal);
    return true;
}

static bool input_stream_data(step_world *w, line *l)
{
    l->in.kind = PU_IN_STREAM_DATA;
    if (words_flag(&l->words, "fin")) l->in.flags = PU_FIN;
    return option_number(l, "pieces", &l->pieces) && stream_next(w, l) &&
           body_next(w, l, world_stream_of(w, l->in.stream));
}

static bool input_stream_down(step_world *w, line *l)
{
    l->in.kind = PU_IN_STREAM_DOWN;
    l->in.code = CODE_RESET_DEFAULT;
    l->in.what = PU_DOWN_FINISHED;
    if (words_flag(&l->words, "reset")) l->in.what = PU_DOWN_RESET;
    if (words_flag(&l->words, "lost")) l->in.what = PU_DOWN_LOST;
    (void)words_flag(&l->words, "finished");
    if (!option_token(l)) return false;
    return (l->in.token != 0 || stream_next(w, l)) && code_next(l);
}

static bool input_stream(step_world *w, line *l, enum pu_in_kind kind)
{
    l->in.kind = kind;
    if (!stream_next(w, l)) return false;
    return kind == PU_IN_STREAM_ROOM ? number_next(l, &l->in.offset) : code_next(l);
}

/* ---- application streams ---- */

static bool input_app_open(step_world *w, line *l)
{
    uint64_t token;
    const char *deadline = words_option(&l->words, "deadline");
    l->in.offset = ROOM_DEFAULT;
    if (words_flag(&l->words, "limited")) l->in.flags = PU_LIMITED;
    if (deadline != NULL && !time_read(deadline, &l->in.deadline)) return false;
    if (!option_peer(w, l) || !option_number(l, "room", &l->in.offset)) return false;
    if (!number_next(l, &token)) return false;
    l->in.token = (pu_token)token;
    l->in.remote = (pu_endpoint){.port = 0};
    const char *name = words_next(&l->words);
    size_t from = l->body.len;
    if (name != NULL) buf_put(&l->body, proto_long(name), strlen(proto_long(name)));
    l->in.body = span_of(l->body.base + from, l->body.len - from);
    return true;
}

/* app-open TOKEN peer=B P, app-accept S, app-data S PAYLOAD, app-room S OFFSET, app-fin S,
 * app-stop S CODE, app-reset S CODE or token=T */
static bool input_app(step_world *w, line *l, const char *what)
{
    static const char *const names[] = {
        [PU_APP_OPEN] = "accept", [PU_APP_DATA] = "data", [PU_APP_ROOM] = "room",
        [PU_APP_FIN] = "fin",     [PU_APP_STOP] = "stop", [PU_APP_RESET] = "reset",
        [PU_APP_END] = "end",
    };
    l->in.kind = PU_IN_APP;
    l->in.what = PU_APP_OPEN;
    if (strcmp(what, "open") == 0) return input_app_open(w, l);
    while (l->in.what <= PU_APP_END && strcmp(what, names[l->in.what]) != 0) l->in.what++;
    if (l->in.what > PU_APP_END || !option_token(l)) return false;
    if (l->in.what == PU_APP_OPEN) l->in.offset = ROOM_DEFAULT;
    if (!option_number(l, "room", &l->in.offset)) return false;
    if (l->in.token == 0 && !stream_next(w, l)) return false;
    l->in.conn = 0;
    if (l->in.what == PU_APP_ROOM) return number_next(l, &l->in.offset);
    if (l->in.what == PU_APP_DATA) return body_next(w, l, NULL);
    return code_next(l);
}

/* ---- the rest ---- */

static bool input_addr(step_world *w, line *l)
{
    const char *text = words_next(&l->words);
    l->in.kind = PU_IN_ADDR;
    l->in.socket = PU_SOCKET_MAIN;
    l->in.local = w->local;
    l->in.transport = PU_TRANSPORT_QUIC;
    l->in.flags = words_flag(&l->words, "gone") ? PU_GONE : PU_LISTEN;
    if (words_flag(&l->words, "deaf")) l->in.flags = 0;
    return text != NULL && endpoint_read(text, &l->in.local, &l->in.transport);
}

static bool command_body(step_world *w, line *l, enum pu_command what)
{
    bool has_body = what == PU_CMD_AUTHORISE || what == PU_CMD_ADDRESS || what == PU_CMD_SET ||
                    what == PU_CMD_EXPOSE || what == PU_CMD_WITHDRAW;
    char *text = has_body ? words_next(&l->words) : NULL;
    if (text == NULL) return true;
    const pu_peer_id *id = what == PU_CMD_AUTHORISE ? peer_read(w, text) : NULL;
    if (id != NULL) {
        char key[PU_PEER_ID_TEXT_MAX];
        buf_put(&l->body, key, pu_peer_id_text(id, PU_PEER_BASE58, key));
        char *more = words_next(&l->words);
        if (more != NULL) buf_put(&l->body, " ", 1);
        if (more != NULL) buf_put(&l->body, more, strlen(more));
    } else if (what == PU_CMD_EXPOSE) {
        if (!service_write(w, &l->body, text, &l->words)) return false;
    } else if (what == PU_CMD_ADDRESS) {
        if (!maddr_write(w, &l->body, text)) return false;
    } else {
        buf_put(&l->body, text, strlen(text));
    }
    l->in.body = buf_span(&l->body);
    return true;
}

static bool input_command(step_world *w, line *l)
{
    static const char *const names[] = {
        [PU_CMD_AUTHORISE] = "authorise", [PU_CMD_REVOKE] = "revoke",
        [PU_CMD_ADDRESS] = "address",     [PU_CMD_FORGET] = "forget",
        [PU_CMD_CONNECT] = "connect",     [PU_CMD_DISCONNECT] = "disconnect",
        [PU_CMD_PING] = "ping",           [PU_CMD_EXPOSE] = "expose",
        [PU_CMD_WITHDRAW] = "withdraw",   [PU_CMD_SET] = "set",
        [PU_CMD_STOP] = "stop",
    };
    uint64_t token, what = 0;
    const char *deadline = words_option(&l->words, "deadline");
    l->in.kind = PU_IN_COMMAND;
    if (words_flag(&l->words, "keep")) l->in.flags |= PU_KEEP;
    if (words_flag(&l->words, "relay")) l->in.flags |= PU_RELAY;
    if (!number_next(l, &token)) return false;
    const char *name = words_next(&l->words);
    for (uint32_t i = 1; name != NULL && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) what = i;
    l->in.token = (pu_token)token;
    if (what == 0 && !number_read(name, &what)) return false;
    l->in.what = (uint32_t)what;
    if (deadline != NULL && !time_read(deadline, &l->in.deadline)) return false;
    if (!option_peer(w, l) || !command_body(w, l, (enum pu_command)what)) return false;
    const char *peer = words_next(&l->words);
    const pu_peer_id *id = peer != NULL ? peer_read(w, peer) : NULL;
    if (id != NULL) l->in.peer = span_of(id->bytes, id->len);
    return peer == NULL || id != NULL;
}

static bool input_number(line *l, enum pu_in_kind kind)
{
    l->in.kind = kind;
    if (kind == PU_IN_CLOCK && !number_next(l, &l->in.offset)) return false;
    l->in.offset *= kind == PU_IN_CLOCK ? PU_S : 1;
    return true;
}

/* An input of a kind that has no name here. */
static bool input_kind(line *l)
{
    uint64_t kind;
    if (!number_next(l, &kind)) return false;
    memcpy(&l->in.kind, &(uint32_t){(uint32_t)kind}, sizeof(uint32_t));
    return true;
}

static bool input_packet(step_world *w, line *l)
{
    l->in.kind = PU_IN_PACKET;
    l->in.socket = PU_SOCKET_MAIN;
    l->in.local = w->local;
    return option_endpoint(l, "from", &l->in.remote) && body_next(w, l, NULL);
}

/* resolved TOKEN [CODE] [until=MS] [MADDR,MADDR..] */
static bool input_resolved(step_world *w, line *l)
{
    uint64_t token;
    step_words list = {.count = 0};
    const char *until = words_option(&l->words, "until");
    l->in.kind = PU_IN_RESOLVED;
    if (until != NULL && !time_read(until, &l->in.deadline)) return false;
    if (!number_next(l, &token)) return false;
    l->in.token = (pu_token)token;
    char *text = words_next(&l->words);
    if (text != NULL && code_read(text, &l->in.code)) text = words_next(&l->words);
    if (text != NULL) words_split(&list, text, ',');
    for (unsigned i = 0; i < list.count; i++) {
        uint8_t bytes[PU_MADDR_MAX];
        pu_buf maddr = buf_of(bytes, sizeof bytes);
        if (!maddr_write(w, &maddr, list.at[i])) return false;
        varint_put(&l->body, maddr.len);
        buf_put_span(&l->body, buf_span(&maddr));
    }
    l->in.body = buf_span(&l->body);
    return true;
}

static bool input_read(step_world *w, line *l, const char *name)
{
    if (strcmp(name, "tick") == 0) return input_number(l, PU_IN_TICK);
    if (strcmp(name, "clock") == 0) return input_number(l, PU_IN_CLOCK);
    if (strcmp(name, "addr") == 0) return input_addr(w, l);
    if (strcmp(name, "command") == 0) return input_command(w, l);
    if (strcmp(name, "conn-ask") == 0) return input_ask(w, l);
    if (strcmp(name, "conn-up") == 0) return input_conn_up(w, l);
    if (strcmp(name, "conn-confirmed") == 0) return input_conn(w, l, PU_IN_CONN_CONFIRMED);
    if (strcmp(name, "conn-path") == 0) return input_conn(w, l, PU_IN_CONN_PATH);
    if (strcmp(name, "conn-down") == 0) return input_conn(w, l, PU_IN_CONN_DOWN);
    if (strcmp(name, "dial-fail") == 0) return input_dial_fail(l);
    if (strcmp(name, "stream-up") == 0) return input_stream_up(w, l);
    if (strcmp(name, "stream-data") == 0) return input_stream_data(w, l);
    if (strcmp(name, "stream-room") == 0) return input_stream(w, l, PU_IN_STREAM_ROOM);
    if (strcmp(name, "stream-stop") == 0) return input_stream(w, l, PU_IN_STREAM_STOP);
    if (strcmp(name, "stream-down") == 0) return input_stream_down(w, l);
    if (strcmp(name, "packet") == 0) return input_packet(w, l);
    if (strcmp(name, "resolved") == 0) return input_resolved(w, l);
    if (strncmp(name, "app-", 4) == 0) return input_app(w, l, name + 4);
    if (strcmp(name, "kind") == 0) return input_kind(l);
    return false;
}

/* Each piece is an input of its own; FIN comes with the last. */
static void step_pieces(step_world *w, line *l)
{
    pu_span all = l->in.body;
    uint32_t flags = l->in.flags;
    do {
        l->in.body = span_head(all, all.len < l->pieces ? all.len : (size_t)l->pieces);
        all = span_skip(all, l->in.body.len);
        l->in.flags = all.len == 0 ? flags : 0;
        world_step(w, &l->in);
    } while (all.len > 0);
}

static void input_one(step_world *w, char *text)
{
    line *l = calloc(1, sizeof *l);
    PU_ASSERT(l != NULL);
    l->body = buf_of(l->bytes, sizeof l->bytes);
    words_split(&l->words, text, ' ');
    const char *name = words_next(&l->words);
    bool is_good = name != NULL && input_read(w, l, name) && !l->body.full;
    const char *rest = is_good ? words_next(&l->words) : NULL;
    if (rest != NULL) world_complain(w, "'%s' has no meaning here", rest);
    else if (!is_good) world_complain(w, "'%s': not understood", name != NULL ? name : "");
    else if (l->pieces > 0) step_pieces(w, l);
    else world_step(w, &l->in);
    free(l);
}

void input_run(step_world *w, char *text)
{
    step_words inputs;
    words_split(&inputs, text, '|');
    for (unsigned i = 0; i < inputs.count; i++) input_one(w, inputs.at[i]);
}
