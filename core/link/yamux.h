/* link/yamux.h - one Yamux session (libp2p specs yamux, hashicorp/yamux spec.md): streams by id,
 * frames in, frames out. It knows the link's streams and neither Noise nor the wire: plain bytes
 * come in by yamux_take and go out by yamux_build.
 *
 *   yamux.c     the session, its table of streams, opening and ending them, pings
 *   yamux_rx.c  frames in
 *   yamux_tx.c  frames out
 *
 * Order of what goes out: pings and answers; then SYN, ACK and window updates; then Data, fair
 * between streams. Each stream's own frames keep their order.
 *
 * What a peer can make us hold: at most yamux_controls_max answers and those to one Noise frame
 * more (yamux_is_full: then nothing is read), one window update a stream, link_send_bytes a stream
 * of what the node sends, and in the link what the windows allow it to send.
 */
#ifndef LINK_YAMUX_H
#define LINK_YAMUX_H

#include "base/imap.h"
#include "link/carrier.h"
#include "link/yamux_frame.h"
#include "link/yamux_window.h"

enum {
    YAMUX_OURS_MAX = 500, /* streams that we keep open on a connection */
    YAMUX_ALL_MAX = 511,  /* we open none when so many are open in all: rust-yamux ends a connection
                             on which it sees 512 */
    YAMUX_QUANTUM = 16384, /* bytes of a stream at a time when others wait, too */
    YAMUX_LEAST_DATA = 64, /* no Data frame for fewer, when more wait than fit */
};

typedef struct yamux_stream yamux_stream;

/* Lists of streams. */
enum yamux_list_id {
    YAMUX_HELD = 0, /* ours, not opened yet: too many are */
    YAMUX_DUE,      /* SYN, ACK or a window update is to be sent */
    YAMUX_READY,    /* Data or FIN can be sent */
    YAMUX_LIST_COUNT
};

typedef struct yamux_list {
    yamux_stream *first, *last;
} yamux_list;

/* One stream. */
struct yamux_stream {
    stream head;
    uint32_t id;        /* 0: held */
    uint32_t place;     /* in yamux.table */
    uint32_t flags_due; /* SYN of ours, ACK of theirs: not sent yet */
    uint32_t grant_due; /* bytes granted and not told yet */
    uint32_t tx_window; /* bytes that we may send */
    bool is_acked;      /* ours: the peer has acknowledged it */
    bool is_fin_sent;
    uint64_t tx_framed; /* bytes that went out in frames */
    chunks tx;          /* bytes that wait for window, wire or turn */
    yamux_window rx;
    struct {
        yamux_stream *prev, *next;
        bool is_in;
    } in_list[YAMUX_LIST_COUNT];
};

/* A session. */
typedef struct yamux {
    conn *c;              /* whose it is; dialler: ids are odd */
    yamux_stream **table; /* owned; streams that have an id, the first count of cap */
    uint32_t count, cap;
    uint32_t ours;    /* of those, opened by us */
    uint32_t unacked; /* of those, not acknowledged */
    uint32_t next_id; /* of the next stream that we open */
    imap by_id;       /* id -> place in table */
    yamux_list lists[YAMUX_LIST_COUNT];
    mem_bytes controls; /* whole frames that belong to no living stream: answers, RST */
    bool is_short;      /* memory was short for one of them: the session ends at its next tick */

    /* reading */
    uint8_t header[YAMUX_HEADER_BYTES];
    uint8_t header_len;    /* bytes of it so far */
    bool body_fin;         /* the Data frame under way has FIN */
    uint32_t body_left;    /* bytes that are to come of it */
    yamux_stream *body_of; /* whose they are; NULL: nobody's, they are dropped */

    /* pings */
    bool ping_is_due, ping_is_out; /* at most one is out */
    uint32_t ping_value;           /* of the latest */
    pu_time ping_at;               /* when it went out; before: when the session began */
    pu_time heard_at;              /* when anything came last */

    /* the end, once a function has said false */
    uint32_t end_code;     /* enum pu_code */
    uint32_t end_goaway;   /* enum yamux_goaway for the peer */
    bool is_ended_by_peer; /* by GoAway: it needs no answer */
} yamux;

/* Starts the session of c, with a ping to be sent at once. */
void yamux_start(pu_link *l, yamux *y, conn *c);

/* Frees what it holds; the streams are freed already. Zero is a valid session to free. */
void yamux_free(pu_link *l, yamux *y);

/* Takes all of bytes, which hold until the out is reset. False: the session is over, and
 * end_code, end_goaway and is_ended_by_peer say how. */
PU_MUST_USE bool yamux_take(pu_link *l, yamux *y, pu_span bytes);

/* Whether so many answers wait that nothing should be read. */
bool yamux_is_full(const pu_link *l, const yamux *y);

/* Whether something can be sent now. */
bool yamux_wants(const yamux *y);

/* Bytes that yamux_build would write if it had room for `most`: at most so many. */
size_t yamux_size(const yamux *y, size_t most);

/* Whether everything that the node sent has gone out. */
bool yamux_is_flushed(const yamux *y);

/* Appends whole frames of what waits to out, as far as there is room (at least
 * YAMUX_HEADER_BYTES). Streams may be finished by it. */
void yamux_build(pu_link *l, yamux *y, pu_buf *out);

/* When yamux_tick should be called; PU_NEVER: not before something else happens. */
pu_time yamux_deadline(const pu_link *l, const yamux *y);

/* Opens streams that were held, makes pings due. False: the peer is silent, as yamux_take. */
PU_MUST_USE bool yamux_tick(pu_link *l, yamux *y);

/* ---- carrier_ops of streams ---- */

void yamux_open(pu_link *l, yamux *y, stream *s);
/* Without memory for the bytes the stream is reset and gone. */
void yamux_send(pu_link *l, yamux *y, stream *head, pu_span bytes, bool fin);
void yamux_consumed(pu_link *l, yamux *y, stream *head, uint64_t bytes);
void yamux_stop(pu_link *l, yamux *y, stream *s);
void yamux_reset(pu_link *l, yamux *y, stream *head, uint32_t code);
void yamux_free_stream(pu_link *l, yamux *y, stream *head);

/* ---- between the files ---- */

/* A session that is over for this reason; returns false. */
bool yamux_end(yamux *y, uint32_t code, enum yamux_goaway goaway);
yamux_stream *yamux_find(const yamux *y, uint32_t id);
/* Makes room for one more stream called id. False: no memory. */
PU_MUST_USE bool yamux_reserve(pu_link *l, yamux *y, uint32_t id);
/* Puts s, whose id is set, into that room; its windows are open from now on. */
void yamux_insert(yamux *y, yamux_stream *s, pu_time now);
/* Queues a frame that belongs to no living stream. */
void yamux_control(pu_link *l, yamux *y, yamux_frame f);
void yamux_list_add(yamux *y, enum yamux_list_id id, yamux_stream *s);
void yamux_list_del(yamux *y, enum yamux_list_id id, yamux_stream *s);
/* Puts s into the list of streams that can send, or takes it out. */
void yamux_ready(yamux *y, yamux_stream *s);
/* Ends s when both sides have finished; or when we have, nobody reads, and the peer waits for
 * credit that it will never get. s may be gone. */
void yamux_finish(pu_link *l, yamux *y, yamux_stream *s);
/* Ends s towards the peer and the node. */
void yamux_abort(pu_link *l, yamux *y, yamux_stream *s, uint32_t code);
/* Up to where the node may send on s. */
uint64_t yamux_room(const pu_link *l, const yamux_stream *s);
/* Opens streams that were held, as far as the limits allow. */
void yamux_admit(pu_link *l, yamux *y);
/* The code of a GoAway that tells `code`: those of ours do not travel, and the smallest are Yamux's
 * own. */
uint32_t yamux_code(uint32_t code);
/* The same of a RST, which carries the codes of an application, below 0x1000, too. */
uint32_t yamux_reset_code(uint32_t code);

#endif
