/* Requests to a daemon or to a node of our own, see session.h. */
#include "net-real/cli/session.h"

#include "net-real/cli/key_file.h"
#include "net-real/daemon/daemon.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct session {
    int fd;       /* of the daemon's socket; -1: a node of our own */
    peerupd *own; /* NULL: the daemon's */
    bool is_answered;
    json_t *answer;
};

/* Why nobody answers at a socket. */
static const char *why_no_daemon(int error)
{
    if (error == ENOENT) return "there is no such socket";
    if (error == ECONNREFUSED) return "nobody listens there any more";
    return strerror(error);
}

session *session_open(const config *c, bool needs_daemon, int *code)
{
    char error[512];
    uint8_t seed[PU_ED25519_SEED_BYTES];
    bool is_missing;
    session *s = calloc(1, sizeof *s);
    *code = CLI_UNEXPECTED;
    if (s == NULL) return NULL;
    s->fd = control_dial(c->socket);
    if (s->fd >= 0) return s;
    if (needs_daemon) {
        cli_error(
            "no daemon answers at %s: %s; `peerup daemon` starts one, `peerup relay serve` a relay",
            c->socket, why_no_daemon(errno));
        *code = CLI_NO_DAEMON;
    } else if (!key_file_read(c->key_file, seed, &is_missing, error, sizeof error)) {
        cli_error("%s", error);
        *code = CLI_CONFIG;
    } else {
        bool is_config;
        daemon_options own = {.c = c, .key_seed = seed};
        s->own = daemon_new(&own, &is_config, error, sizeof error);
        sodium_memzero(seed, sizeof seed);
        if (s->own != NULL) return s;
        cli_error("%s", error);
        if (is_config) *code = CLI_CONFIG;
    }
    free(s);
    return NULL;
}

bool session_is_own(const session *s)
{
    return s->own != NULL;
}

void session_close(session *s)
{
    if (s == NULL) return;
    if (s->fd >= 0) close(s->fd);
    daemon_free(s->own);
    free(s);
}

static void answered(void *ctx, json_t *response)
{
    session *s = ctx;
    s->answer = json_incref(response);
    s->is_answered = true;
}

json_t *session_ask(session *s, const json_t *request, int timeout_ms, int *code)
{
    if (s->own != NULL) {
        s->is_answered = false;
        s->answer = NULL;
        daemon_request(s->own, request, answered, s);
        daemon_run(s->own, &s->is_answered);
        *code = CLI_UNEXPECTED; /* without an answer only after a signal */
        return s->answer;
    }
    bool is_gone;
    json_t *answer = control_ask(s->fd, request, timeout_ms, &is_gone);
    *code = is_gone ? CLI_NO_DAEMON : CLI_TIMED_OUT;
    if (answer == NULL)
        cli_error(is_gone ? "the daemon has ended" : "the daemon does not answer in time");
    return answer;
}

bool session_is_interrupted(const session *s)
{
    return s->own != NULL && daemon_is_stopped(s->own);
}

void session_wait(session *s, unsigned long ms)
{
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    if (s->own != NULL) daemon_wait(s->own, (uint64_t)ms * PU_MS);
    else nanosleep(&t, NULL);
}

void session_stay(session *s)
{
    if (s->own != NULL) daemon_run(s->own, NULL);
}

int session_exit(const json_t *answer)
{
    static const struct {
        const char *code;
        int exit;
    } exits[] = {{"timed-out", CLI_TIMED_OUT},     {"unauthorized", CLI_UNAUTHORISED},
                 {"unreachable", CLI_UNREACHABLE}, {"no-address", CLI_UNREACHABLE},
                 {"refused", CLI_UNREACHABLE},     {"wrong-peer", CLI_UNREACHABLE},
                 {"lost", CLI_UNREACHABLE},        {"unsupported", CLI_UNREACHABLE},
                 {"limited", CLI_UNREACHABLE},     {"no-answer", CLI_UNREACHABLE},
                 {"unknown", CLI_UNREACHABLE},     {"usage", CLI_USAGE}};
    const char *code = json_string_value(json_object_get(answer, "code"));
    for (size_t i = 0; code != NULL && i < sizeof exits / sizeof exits[0]; i++) {
        if (strcmp(exits[i].code, code) == 0) return exits[i].exit;
    }
    return CLI_UNEXPECTED;
}

const char *session_error(const json_t *answer)
{
    const char *error = json_string_value(json_object_get(answer, "error"));
    return error != NULL ? error : "the request failed";
}

int session_failed(const json_t *answer)
{
    cli_error("%s", session_error(answer));
    return session_exit(answer);
}

/* A number that is not negative, in an answer. */
static uint64_t number_in(const json_t *object, const char *key, uint64_t otherwise)
{
    const json_t *value = json_object_get(object, key);
    json_int_t number = json_integer_value(value);
    return json_is_integer(value) && number >= 0 ? (uint64_t)number : otherwise;
}

bool session_limits(const json_t *object, char text[LIMITS_TEXT_MAX])
{
    relay_limits l = {number_in(object, "limit_bytes", 0), number_in(object, "limit_seconds", 0),
                      number_in(object, "left_bytes", LIMITS_UNKNOWN),
                      number_in(object, "left_seconds", LIMITS_UNKNOWN)};
    limits_left_text(&l, text);
    return text[0] != '\0';
}

void session_notice(const json_t *answer)
{
    const char *notice = json_string_value(json_object_get(answer, "notice"));
    if (notice != NULL) cli_error("%s", notice);
}
