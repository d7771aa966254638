/* Steps of the node, see host_impl.h. */
#include "net-real/host_impl.h"

#include <errno.h>
#include <string.h>
#include <time.h>

uint64_t real_host_unix_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * PU_S + (uint64_t)t.tv_nsec;
}

bool real_host_input(pu_host *h, const pu_in *in)
{
    return inbox_put(&h->inputs, in, false);
}

/* ---- effects that are the host's own ---- */

static void keep(pu_host *h, const pu_ef *ef)
{
    bool is_kept = h->disk != NULL && store_put(h->disk, ef->peer, ef->body);
    uint32_t code = is_kept || h->disk == NULL ? PU_CODE_OK : PU_CODE_RESOURCE;
    pu_in answer = {.kind = PU_IN_STORED, .token = ef->token, .code = code};
    if (!real_host_input(h, &answer))
        h->is_stopped = true; /* every KEEP is answered, or the host ends */
}

static void resolve(pu_host *h, const pu_ef *ef)
{
    dns_ask(h->names, ef->token, (enum pu_name)ef->what, ef->body, ef->deadline);
}

/* Without a program that takes them, offers are refused. */
static void app(pu_host *h, const pu_ef *ef)
{
    if (h->options.app != NULL) {
        h->options.app(h->options.ctx, ef);
    } else if (ef->what == PU_APP_OPEN && ef->token == 0) {
        pu_in refusal = {.kind = PU_IN_APP,
                         .what = PU_APP_RESET,
                         .stream = ef->stream,
                         .code = PU_CODE_UNSUPPORTED};
        if (!real_host_input(h, &refusal)) h->is_stopped = true;
    }
}

/* The link's, but for the table of sockets. */
static void set(pu_host *h, const pu_ef *ef)
{
    static const char conns[] = "conns_max";
    bool is_conns =
        ef->body.len == sizeof conns - 1 && memcmp(ef->body.base, conns, ef->body.len) == 0;
    if (is_conns) tcp_allow(h->streams, (uint32_t)ef->offset);
}

static void perform(pu_host *h, const pu_ef *ef)
{
    if (ef->kind == PU_EF_SET) set(h, ef);
    if (pu_link_takes(ef->kind)) real_host_link_effect(h, ef);
    else if (ef->kind == PU_EF_KEEP) keep(h, ef);
    else if (ef->kind == PU_EF_RESOLVE) resolve(h, ef);
    else if (ef->kind == PU_EF_APP) app(h, ef);
    else if (ef->kind == PU_EF_EVENT && h->options.event != NULL)
        h->options.event(h->options.ctx, ef);
}

/* ---- steps ---- */

/* A recording that cannot go on ends; the node does not. */
static void check_recording(pu_host *h)
{
    char why[128];
    const char *trouble = tape_trouble(h->recording);
    if (trouble == NULL) return;
    snprintf(why, sizeof why, "%s", trouble);
    tape_close(h->recording);
    h->recording = NULL;
    if (h->options.record_ended != NULL) h->options.record_ended(h->options.ctx, why);
}

/* What the node refused of the program is answered in its stead. */
static void refused(pu_host *h, const pu_in *in)
{
    pu_ef answer = {.token = in->token, .stream = in->stream, .code = PU_CODE_INVALID};
    if (in->kind == PU_IN_COMMAND && h->options.event != NULL) {
        answer.kind = PU_EF_EVENT;
        answer.what = PU_EVENT_DONE;
        h->options.event(h->options.ctx, &answer);
    } else if (in->kind == PU_IN_APP && h->options.app != NULL && in->token != 0) {
        answer.kind = PU_EF_APP;
        answer.what = PU_APP_RESET;
        h->options.app(h->options.ctx, &answer);
    }
}

void real_host_step(pu_host *h, const pu_in *in)
{
    pu_in timed = *in;
    timed.now = h->now;
    tape *recording = h->recording;
    if (recording != NULL) tape_input(recording, h->node, &timed);
    int result = pu_node_step(h->node, &timed, h->out);
    pu_ef ef;
    while (pu_out_next(h->out, &ef)) {
        if (recording != NULL) tape_effect(recording, h->node, &timed, &ef);
        perform(h, &ef);
    }
    pu_out_reset(h->out);
    if (recording != NULL) {
        tape_step(recording, result);
        check_recording(h);
    }
    if (result != PU_OK) refused(h, &timed);
}

void real_host_drain(pu_host *h)
{
    pu_in in;
    while (inbox_take(&h->inputs, &in)) real_host_step(h, &in);
}
