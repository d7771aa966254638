/* tests/lib/steps_impl.h - the parts of the step runner, private to tests/lib.
 *
 *   steps.c         the file: lines, expectations, the rewritten file
 *   steps_world.c   one node and the host around it: handles, tokens, credit
 *   steps_words.c   words, numbers, times
 *   steps_input.c   an input's words -> pu_in
 *   steps_write.c   payloads and addresses: words -> bytes
 *   steps_read.c    payloads and addresses: bytes -> words
 *   steps_say.c     effects and trace records -> words
 *   steps_app.c     application streams: services, effects, and what the host may expect
 */
#ifndef TESTS_LIB_STEPS_IMPL_H
#define TESTS_LIB_STEPS_IMPL_H

#include "base/bytes.h"
#include "peerup/node.h"
#include "sim/replay.h"
#include "tests/unit/fault_heap.h"

#include <stdio.h>

enum {
    STEPS_CONNS_MAX = 128, /* ordinals that a file may use */
    STEPS_STREAMS_MAX = 256,
    STEPS_TOKENS_MAX = 1024,
    STEPS_PEERS = 52, /* A to Z, a to z */
    STEPS_WORDS_MAX = 48,
    STEPS_LAST_MAX = 256, /* bytes of a stream's last sending that `echo` can repeat */
    STEPS_BODY_MAX = 65536
};

/* A connection as the host sees it. */
typedef struct step_conn {
    pu_handle handle; /* 0: not used yet */
    bool is_live;
    bool is_asking; /* CONN_ASK in this step, no verdict yet */
} step_conn;

/* A stream as the host sees it. */
typedef struct step_stream {
    pu_handle handle; /* 0: not used yet */
    pu_handle conn;
    bool is_live;
    bool is_inbound;         /* the peer opened it */
    bool is_agreed;          /* what the node sends from now on is the protocol's */
    bool is_raw;             /* no frames any more */
    bool is_finished;        /* the node sent FIN, or ended the stream */
    char proto[64];          /* protocol id, once it is known */
    uint64_t sent, room;     /* bytes the node sent; may send up to */
    uint64_t given, granted; /* bytes the node was given; may be given up to */
    size_t last_len;
    uint8_t last[STEPS_LAST_MAX]; /* what the node sent last, after selection */
    /* As an application stream, in the application's bytes: */
    bool is_app;                    /* the node told of it, and its last word has not come */
    uint64_t app_given, app_room;   /* the application was given; may be given up to */
    uint64_t app_sent, app_allowed; /* it sent; may send up to */
} step_stream;

/* What a token of the node's stands for. */
typedef struct step_request {
    enum pu_ef_kind kind; /* DIAL, STREAM_OPEN or UPGRADE; 0: not used */
    bool is_answered;
    pu_peer_id peer;
    pu_endpoint remote;
    enum pu_transport transport;
    pu_handle conn; /* that carries it */
    uint32_t flags; /* of the connection that comes of it */
} step_request;

typedef struct step_world {
    const char *path;
    unsigned line;
    bool is_bad; /* something was said by world_complain */

    pu_config config;
    char self, seed[32];
    pu_peer_id ids[STEPS_PEERS];
    char id_texts[STEPS_PEERS][PU_PEER_ID_TEXT_MAX];
    fault_heap heap;
    pu_peers *peers;
    pu_crypto crypto;
    pu_crypto_model model;
    pu_env env;
    pu_out *out;
    pu_node *node;         /* NULL: no input yet */
    void *memory, *shadow; /* of the node; a copy to see that a refused input changes nothing */
    size_t node_bytes;

    pu_time now;
    uint64_t unix_ns; /* Unix time at 0 */
    pu_endpoint local;
    bool is_started;
    step_conn conns[STEPS_CONNS_MAX];
    step_stream streams[STEPS_STREAMS_MAX];
    step_request requests[STEPS_TOKENS_MAX];
    uint64_t app_rooms[STEPS_TOKENS_MAX]; /* APP OPEN by its token: the room it gave; 0: answered */

    pu_recorder *recorder; /* of the node: it is to live again */
    FILE *tape;            /* what it wrote: tape_bytes, tape_len */
    char *tape_bytes;
    size_t tape_len;

    FILE *said; /* what the step at hand did */
    unsigned said_count;
    FILE *verdicts; /* trace records of it, told after the effects */
    unsigned verdict_count;
} step_world;

/* ---- steps_world.c ---- */
step_world *world_new(const char *path);
/* Ends the node and checks that it gave everything back. False: that, or anything before, was bad.
 */
bool steps_world_close(step_world *w);
/* Makes the node, unless there is one. */
void world_begin(step_world *w);
/* Tells on stderr what is wrong with the line at hand. */
void world_complain(step_world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Starts the next thing that is told of the step. */
FILE *world_say(step_world *w);
/* Gives the node one input, tells what it does and keeps the host's side of it. */
void world_step(step_world *w, pu_in *in);
/* The handle with that ordinal: a living one, one that ended, or one that never was. */
pu_handle world_conn(const step_world *w, uint64_t ordinal);
pu_handle world_stream(const step_world *w, uint64_t ordinal);
/* A handle for that ordinal in the lowest free slot; when it lives already, that one. */
pu_handle world_conn_new(step_world *w, uint64_t ordinal);
pu_handle world_stream_new(step_world *w, uint64_t ordinal);
step_stream *world_stream_of(step_world *w, pu_handle handle);
step_request *world_request(step_world *w, pu_token token);
/* Whether c names a peer; the peer's place in ids, and back. */
bool is_letter(char c);
unsigned letter_index(char letter);
char letter_at(unsigned index);
/* The letter of an id; '?' for an unknown one. */
char world_letter(const step_world *w, pu_span id);
pu_endpoint world_endpoint(char letter);

/* ---- steps_words.c ---- */

/* Words of a line; those in parentheses stick together. */
typedef struct step_words {
    char *at[STEPS_WORDS_MAX];
    bool used[STEPS_WORDS_MAX];
    unsigned count;
} step_words;

/* Cuts text, which is changed, at each `at` outside of parentheses. */
void words_split(step_words *words, char *text, char at);
/* The value of the word NAME=value; NULL: none. */
char *words_option(step_words *words, const char *name);
/* Whether the word is there. */
bool words_flag(step_words *words, const char *name);
/* The first word that nobody took; NULL: none. */
char *words_next(step_words *words);
/* A number, with ns, ms or s a duration in nanoseconds. False: not one. */
bool number_read(const char *text, uint64_t *value);
/* Milliseconds with up to six decimals, in ns. */
bool time_read(const char *text, pu_time *at);

/* ---- steps_input.c ---- */
/* Runs one line's inputs (separated by '|') at w->now. */
void input_run(step_world *w, char *text);

/* ---- steps_write.c ---- */
/* Appends a payload: items joined by '+'. */
bool body_write(step_world *w, pu_buf *out, char *text, const step_stream *s);
/* Appends a multiaddr: /ip4/.., or an endpoint with what follows it. */
bool maddr_write(step_world *w, pu_buf *out, const char *text);
bool endpoint_read(const char *text, pu_endpoint *endpoint, enum pu_transport *transport);
/* The id behind a letter; NULL: not one letter. */
const pu_peer_id *peer_read(const step_world *w, const char *text);

/* ---- steps_read.c ---- */
void body_say(step_world *w, FILE *to, step_stream *s, pu_span body);
void maddr_say(const step_world *w, FILE *to, pu_span maddr);
/* The protocol's short name; the name itself when it has none. */
const char *proto_short(const char *name);
/* The name behind a short one; the word itself when there is none. */
const char *proto_long(const char *word);

/* ---- steps_app.c ---- */
/* Appends the service NAME protocols=P,P [allow=B,C or -] [streams=N] [per-peer=N] [limited]. */
bool service_write(const step_world *w, pu_buf *out, const char *name, step_words *words);
void app_say(step_world *w, FILE *to, const pu_ef *e);
/* The host's side of APP, before an input and of an effect. */
void app_input(step_world *w, const pu_in *in);
void app_effect(step_world *w, const pu_ef *e);

/* ---- steps_say.c ---- */
void effect_say(step_world *w, const pu_ef *e);
void trace_say(step_world *w, const pu_trace *event);
/* "ok", "gated"...; a number for codes that have no name. */
void code_say(FILE *to, uint32_t code);
bool code_read(const char *text, uint32_t *code);
/* Milliseconds. */
void time_say(FILE *to, pu_time at);

#endif
