/* What the daemon tells people, see daemon_impl.h. */
#include "net-real/daemon/daemon_impl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum { OFTEN_MAX = 10, PEER_TEXTS = 4 };

static void say(const char *format, va_list args)
{
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void daemon_say(const peerupd *d, const char *format, ...)
{
    va_list args;
    if (!d->is_loud) return;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

/* Of what a command whose own node is quiet otherwise has nobody else to tell. */
static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void tell(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

bool daemon_may_say(peerupd *d, said_often *often, const char *what)
{
    pu_time now = pu_host_now(d->host);
    if (now - often->since > 60 * PU_S) {
        if (often->count > OFTEN_MAX)
            daemon_say(d, "%s %u more times", what, often->count - OFTEN_MAX);
        often->since = now;
        often->count = 0;
    }
    return often->count++ < OFTEN_MAX;
}

/* ---- peers ---- */

static const char *id_text(pu_span id, char text[PU_PEER_ID_TEXT_MAX])
{
    pu_peer_id peer;
    if (pu_peer_id_from_bytes(&peer, id) != PU_OK) return "somebody";
    pu_peer_id_text(&peer, PU_PEER_BASE58, text);
    return text;
}

const char *daemon_peer_name(const peerupd *d, pu_span id)
{
    for (size_t i = 0; i < d->c->name_count; i++) {
        const pu_peer_id *named = &d->c->names[i].id;
        if (named->len == id.len && memcmp(named->bytes, id.base, id.len) == 0)
            return d->c->names[i].name;
    }
    return NULL;
}

const char *daemon_peer_text(const peerupd *d, pu_span id)
{
    static char texts[PEER_TEXTS][PU_PEER_ID_TEXT_MAX];
    static unsigned next;
    const char *name = daemon_peer_name(d, id);
    return name != NULL ? name : id_text(id, texts[next++ % PEER_TEXTS]);
}

static struct said_path *said_of(peerupd *d, const pu_peer_id *peer)
{
    for (uint32_t i = 0; i < d->said_count; i++)
        if (pu_peer_id_equal(&d->said[i].peer, peer)) return &d->said[i];
    return NULL;
}

/* Why a circuit's connection was lost, and the first time what can be done about it. NULL: no limit
 * is the reason, it seems. */
static const char *say_why(peerupd *d, circuit *c, char text[CIRCUIT_WHY_MAX])
{
    const char *why = circuit_why(d, c, text);
    bool was_told = c->is_told;
    c->is_told = c->is_told || why != NULL;
    return was_told && why != NULL ? "by the relay's limit, as above" : why;
}

/* Why the connection that was told of last ended, when its relay's limits are the reason. */
static const char *why_gone(peerupd *d, const struct said_path *said, char text[CIRCUIT_WHY_MAX])
{
    circuit *c = said != NULL ? circuits_find(d, said->conn) : NULL;
    return c != NULL && c->is_lost ? say_why(d, c, text) : NULL;
}

/* The node tells of every new round trip; a person wants to know of another path. */
static void say_path(peerupd *d, const pu_ef *ef, const char *who)
{
    pu_peer_id peer;
    char why_text[CIRCUIT_WHY_MAX], limits[LIMITS_TEXT_MAX];
    bool is_relayed = (ef->flags & PU_RELAYED) != 0, is_gone = (ef->flags & PU_GONE) != 0;
    if (pu_peer_id_from_bytes(&peer, ef->peer) != PU_OK) return;
    struct said_path *said = said_of(d, &peer);
    const char *why = why_gone(d, said, why_text);
    const circuit *c = is_relayed ? circuits_find(d, ef->conn) : NULL;
    if (is_gone) {
        daemon_say(d, "peer gone %s%s%s", who, why != NULL ? ": " : "", why != NULL ? why : "");
        if (said != NULL) *said = d->said[--d->said_count];
        return;
    }
    bool is_news = said == NULL || said->is_relayed != is_relayed;
    if (is_news && c != NULL)
        daemon_say(d, "peer relayed %s, limited to %s", who,
                   limits_text(c->limit_bytes, c->limit_s, limits));
    else if (is_news) daemon_say(d, "peer %s %s", is_relayed ? "relayed" : "direct", who);
    if (said == NULL && d->said_count < DAEMON_SAID_MAX) said = &d->said[d->said_count++];
    if (said != NULL) *said = (struct said_path){peer, ef->conn, is_relayed};
}

void say_event(peerupd *d, const pu_ef *ef)
{
    char id[PU_PEER_ID_TEXT_MAX], address[PU_MADDR_TEXT_MAX];
    const char *who = id_text(ef->peer, id);
    bool is_gone = (ef->flags & PU_GONE) != 0;
    switch ((enum pu_event)ef->what) {
    case PU_EVENT_LISTENING:
        if (pu_maddr_text(ef->body, address, sizeof address) > 0)
            daemon_say(d, "listening %s", address);
        break;
    case PU_EVENT_RELAY:
        daemon_say(d, is_gone ? "relay lost %s" : "relay reserved %s", who);
        d->is_relay_told = true;
        break;
    case PU_EVENT_PEER: say_path(d, ef, who); break;
    case PU_EVENT_REFUSED: /* strangers may come as often as they like */
        if (daemon_may_say(d, &d->refused, "refused")) daemon_say(d, "refused %s", who);
        break;
    case PU_EVENT_DONE: break;
    }
}

/* ---- what is not done ---- */

void say_refused(peerupd *d, const pu_ef *done)
{
    uint32_t index = done->token & ~TOKEN_SORT, sort = done->token & TOKEN_SORT;
    const pu_code_info *info = pu_code_describe(done->code);
    const char *why = info != NULL ? info->meaning : "it cannot be";
    if (done->code == PU_CODE_OK) return;
    if (sort == TOKEN_RELAY && index < d->c->relays.count) {
        daemon_say(d, "relay %s is not used: %s", d->c->relays.at[index], why);
    } else if (sort == TOKEN_SERVICE && index < d->c->service_count) {
        daemon_say(d, "service %s is not offered: %s", d->c->services[index].name, why);
    } else if (sort == TOKEN_GRANT && !d->is_short) {
        d->is_short = true;
        daemon_say(d, "%s: not everybody is authorized: %s (node.authorized_max is %u)",
                   d->c->authorized_keys_file, why, (unsigned)d->c->node.authorized_max);
    }
}

/* In words that help whoever asked for a stream. */
static const char *why_no_stream(uint32_t code)
{
    if (code == PU_CODE_UNSUPPORTED) return "the peer has no such service, or not for us";
    const pu_code_info *info = pu_code_describe(code);
    return info != NULL ? info->meaning : "the peer ended it";
}

/* Less than half of a limit is left. */
static bool is_low(uint64_t most, uint64_t left)
{
    return left != LIMITS_UNKNOWN && left < most / 2;
}

void say_low(peerupd *d, const pu_ef *open)
{
    char text[LIMITS_TEXT_MAX];
    relay_limits l = circuits_limits(d, open->conn);
    if (!is_low(l.bytes, l.left_bytes) && !is_low(l.s, l.left_s)) return;
    if (!daemon_may_say(d, &d->low, "streams began over a relay that will end them soon")) return;
    tell("a stream with %s goes through a relay, which ends the connection at its limit of %s for "
         "all that goes over it",
         daemon_peer_text(d, open->peer), limits_left_text(&l, text));
}

/* A connection was cut under a stream. */
static void say_cut(peerupd *d, const splice_end *end)
{
    char text[CIRCUIT_WHY_MAX];
    circuit *c = circuits_find(d, end->conn);
    const char *why = c != NULL ? say_why(d, c, text) : NULL;
    if (why == NULL) why = "the connection was lost";
    tell("%s: cut after %" PRIu64 " bytes from the peer and %" PRIu64 " to it: %s", end->label,
         end->received, end->sent, why);
}

void say_splice(peerupd *d, const splice_end *end)
{
    const char *service = splice_code_text(end->code);
    if (end->way == SPLICE_NO_STREAM) tell("%s: %s", end->label, why_no_stream(end->code));
    if (end->way == SPLICE_NO_ANSWER)
        tell("%s does not answer: %s; a peer was turned away", end->label, service);
    if (end->way != SPLICE_CUT) return;
    if (service != NULL) tell("%s: the service does not answer there: %s", end->label, service);
    else if (end->code == PU_CODE_LOST) say_cut(d, end);
}
