/* Requests for a proxy, see daemon_impl.h: a stream is opened to hear whether the peer has the
 * service, and whether the service answers there.
 *
 * A peer says yes to the stream before its own service is asked. So our side of the stream ends at
 * once, as that of a client that wants nothing, and what comes then is waited for: bytes or an end
 * are the service's, a reset with a code of splice.h says that it does not answer. One that says
 * nothing for TRIAL_NS is taken to be there.
 */
#include "net-real/daemon/daemon_impl.h"

#include <string.h>

#define TRIAL_NS (1500 * PU_MS)

static pending **find(peerupd *d, const pu_ef *ef)
{
    for (pending **at = &d->waiting; *at != NULL; at = &(*at)->next) {
        const pending *p = *at;
        bool is_answer = ef->token != 0 && p->token == ef->token && p->stream == 0;
        bool is_stream = ef->stream != 0 && p->stream == ef->stream;
        if (p->proxy != 0 && (is_answer || is_stream)) return at;
    }
    return NULL;
}

/* What the request gets once all is known: done is the last effect of its stream, or the answer to
 * its OPEN. Where the service is not to be had nobody needs the proxy, which may have been closed
 * meanwhile. */
static json_t *describe(peerupd *d, const pending *what, const pu_ef *done)
{
    char id[PROXY_ID_MAX];
    proxy *p = proxy_of_number(d, what->proxy);
    bool has_failed = done->what == PU_APP_RESET;
    const char *silence = has_failed ? splice_code_text(done->code) : NULL;
    bool is_there = what->stream != 0 && silence == NULL;
    if (is_there && p != NULL) {
        bool is_relayed = what->is_relayed;
        json_t *answer =
            json_pack("{s:b,s:s,s:s,s:s}", "ok", 1, "id", proxy_id(p, id), "listen_address",
                      p->listen, "path", is_relayed ? "relayed" : "direct");
        requests_put_limits(d, what->conn, answer);
        requests_notice(answer, what, is_relayed);
        return answer;
    }
    const char *service = p != NULL ? p->service : "";
    json_t *error =
        is_there ? requests_error("cancelled", "no proxy: it was closed")
        : silence != NULL
            ? requests_error(
                  "no-answer", "no proxy: service %s of %s does not answer there (%s)", service,
                  daemon_peer_text(d, (pu_span){what->peer.bytes, what->peer.len}), silence)
            : requests_error(requests_code_word(done->code), "no proxy: %s",
                             requests_why_not(d, done->code));
    if (p != NULL) proxy_close(p);
    return error;
}

json_t *trials_connect(peerupd *d, const json_t *request, void (*answer)(void *, json_t *),
                       void *ctx)
{
    char error[256];
    proxy *p;
    pending trial = {.describe = describe, .answer = answer, .ctx = ctx, .until = PU_NEVER};
    const char *service = json_string_value(json_object_get(request, "service"));
    const char *listen = json_string_value(json_object_get(request, "listen"));
    if (!requests_peer(request, &trial.peer) || service == NULL || listen == NULL)
        return requests_error("usage", "connect: `peer`, `service` and `listen` are needed");
    if (requests_is_self(d, &trial.peer))
        return requests_error("usage", "that is this node itself");
    enum proxy_result result = proxy_open(d, &p, &trial.peer, service, listen, error, sizeof error);
    if (result != PROXY_OPEN)
        return requests_error(result == PROXY_USAGE ? "usage" : "unexpected", "%s", error);
    if (!requests_give_address(d, request, &trial)) { /* which may cost a relayed connection */
        proxy_close(p);
        return requests_error("usage", "connect: `address` is not a multiaddr");
    }
    trial.token = proxy_try(p);
    trial.proxy = p->number;
    if (requests_wait(d, &trial)) return NULL;
    proxy_close(p);
    return requests_error("resource", "too many requests at once");
}

json_t *trials_disconnect(peerupd *d, const json_t *request)
{
    const char *text = json_string_value(json_object_get(request, "proxy"));
    if (text == NULL) return requests_error("usage", "disconnect: `proxy` is needed");
    proxy *p = proxy_of_text(d, text);
    if (p == NULL) return requests_error("unknown", "there is no proxy '%s'", text);
    json_t *response = json_pack("{s:b,s:s}", "ok", 1, "listen_address", p->listen);
    proxy_close(p);
    return response;
}

/* The peer speaks the protocol: is the service there? */
static void begin(peerupd *d, pending *p, const pu_ef *open)
{
    pu_in fin = {.kind = PU_IN_APP, .what = PU_APP_FIN, .stream = open->stream};
    p->stream = open->stream;
    p->conn = open->conn;
    p->is_relayed = (open->flags & PU_RELAYED) != 0;
    p->until = pu_host_now(d->host) + TRIAL_NS;
    pu_host_command(d->host, &fin);
}

bool trials_take(peerupd *d, const pu_ef *ef)
{
    pending **at = find(d, ef);
    if (at == NULL) return false;
    pu_handle stream = ef->stream;
    switch ((enum pu_app)ef->what) {
    case PU_APP_OPEN: begin(d, *at, ef); return true;
    case PU_APP_ROOM:
    case PU_APP_STOP: return true;
    case PU_APP_DATA:
    case PU_APP_FIN:
        requests_answer(d, at, ef);
        daemon_reset_stream(d, stream, PU_CODE_CANCELLED);
        return true;
    case PU_APP_RESET:
    case PU_APP_END: requests_answer(d, at, ef); return true;
    }
    return false;
}

uint64_t trials_mind(peerupd *d)
{
    pu_time now = pu_host_now(d->host), first = PU_NEVER;
    for (pending **at = &d->waiting; *at != NULL;) {
        pending *p = *at;
        bool is_due = p->proxy != 0 && p->until <= now;
        if (!is_due) {
            if (p->proxy != 0 && p->until < first) first = p->until;
            at = &p->next;
            continue;
        }
        pu_handle stream = p->stream;
        requests_answer(d, at, &(pu_ef){.kind = PU_EF_APP, .what = PU_APP_ROOM, .stream = stream});
        daemon_reset_stream(d, stream, PU_CODE_CANCELLED);
        at = &d->waiting; /* whoever was answered may have asked again */
    }
    return first == PU_NEVER ? PU_NEVER : first - now;
}
