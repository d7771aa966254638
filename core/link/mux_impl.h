/* link/mux_impl.h - one connection over a byte stream, as the files of the carrier see it.
 *
 *   mux.c            carrier_ops, the wire's calls, timers, the end
 *   mux_handshake.c  from the first byte to the first Yamux frame
 *   mux_frames.c     Noise frames off the wire and onto it
 *
 * Functions that may end the connection return false and leave the reason in `end`; only mux.c
 * ends it, as the last act of a call.
 */
#ifndef LINK_MUX_IMPL_H
#define LINK_MUX_IMPL_H

#include "link/mux.h"
#include "link/noise.h"
#include "link/yamux.h"
#include "select/select.h"

enum {
    MUX_WIRE_WINDOW = 262144, /* bytes that the wire may deliver before we have taken any */
    MUX_FRAME_MAX = 65536,    /* bytes of a Noise frame of ours, its length included */
    MUX_LEAST_ROOM = 1024,    /* of the wire, before anything is built when more than that waits */
    MUX_EARLY_MAX = 8192,     /* bytes of a handshake that may wait for room */
    MUX_SELECT_ROOM = SELECT_MESSAGE_MAX + 64,
};

#define MUX_SHRINK_NS PU_S /* a silence after which buffers are given back */

enum mux_stage {
    MUX_SELECT_NOISE = 1, /* multistream-select on the wire: /noise */
    MUX_NOISE,            /* its three messages */
    MUX_ASKED,            /* the peer is proven, the node is asked; what comes is kept */
    MUX_SELECT_YAMUX,     /* multistream-select in Noise frames: /yamux/1.0.0 */
    MUX_YAMUX
};

/* What the peer is told at the end. */
enum mux_word {
    MUX_RESET = 0, /* nothing: the wire is reset */
    MUX_CLOSE,     /* nothing: the wire is closed in order */
    MUX_GOAWAY     /* a GoAway, as far as there is room; then the wire is closed in order */
};

typedef struct mux_end {
    uint32_t code; /* for the node: enum pu_code */
    enum mux_word word;
    uint32_t goaway; /* code of the GoAway */
} mux_end;

/* What only the handshake needs. */
typedef struct mux_handshake {
    select_machine select;
    noise noise;
    pu_time said_at;      /* when the message that the next one answers went out */
    bool has_early_muxer; /* both sides said in Noise that they speak Yamux */
    uint32_t carry_len;   /* SELECT_YAMUX: plain bytes of a message that is not whole yet */
    uint8_t carry[SELECT_MESSAGE_MAX + 4];
} mux_handshake;

typedef struct mux_conn {
    conn head;
    const struct wire_ops *wire_ops;
    void *wire;           /* NULL: gone */
    uint8_t stage;        /* enum mux_stage */
    bool is_fin;          /* nothing more will come; what has come may wait to be read */
    bool is_short;        /* the out list had no space for what came: to be read at the next tick */
    mux_handshake *shake; /* owned; NULL: over */
    uint64_t rx_got, rx_room, tx_sent, tx_room;
    noise_cipher tx, rx;
    mem_bytes part; /* bytes off the wire that are not a whole message yet, or wait; the first
                       part_head of them are read */
    uint32_t part_head;
    mem_bytes early;    /* bytes of ours that wait for the wire's room: handshake only */
    pu_time stalled_at; /* since when something waits for the wire's room; PU_NEVER: nothing */
    pu_time shrink_at;  /* when `part` is given back; PU_NEVER: there is none */
    mux_end end;
    yamux yamux;
} mux_conn;

/* Notes why m ends; returns false. */
bool mux_fail(mux_conn *m, uint32_t code, enum mux_word word, uint32_t goaway);

/* ---- mux_handshake.c ---- */

PU_MUST_USE bool mux_shake_start(pu_link *l, mux_conn *m);
/* Reads from `part` what is not in Noise frames. */
PU_MUST_USE bool mux_shake_read(pu_link *l, mux_conn *m);
/* Reads plain bytes of the muxer's selection; what follows it is Yamux's. */
PU_MUST_USE bool mux_shake_select(pu_link *l, mux_conn *m, pu_span bytes);
/* The node has allowed the peer. */
PU_MUST_USE bool mux_shake_allowed(pu_link *l, mux_conn *m);
void mux_shake_free(pu_link *l, mux_conn *m);

/* ---- mux_frames.c ---- */

/* Appends bytes to `part`. */
PU_MUST_USE bool mux_stash(pu_link *l, mux_conn *m, pu_span bytes);
/* Drops the first len bytes of `part`. */
void mux_part_drop(mux_conn *m, size_t len);
pu_span mux_part(const mux_conn *m);
/* Takes what came off the wire: opens whole frames, keeps the rest. */
PU_MUST_USE bool mux_read(pu_link *l, mux_conn *m, pu_span bytes);
/* Whether nothing should be read now, because too much of ours waits to be said. */
bool mux_is_paused(const pu_link *l, const mux_conn *m);
/* Whether a whole frame waits in `part`. */
bool mux_has_frame(const mux_conn *m);
/* Whether something waits that the wire has no room for. */
bool mux_is_stalled(const mux_conn *m);
/* Whether what waits in `early` could be sent now, at least in part. */
bool mux_can_say(const mux_conn *m);
/* Sends what waits in `early` and then bytes, as far as the wire has room. */
PU_MUST_USE bool mux_say(pu_link *l, mux_conn *m, pu_span bytes);
/* Seals bytes (at most MUX_SELECT_ROOM) and says them. */
PU_MUST_USE bool mux_say_sealed(pu_link *l, mux_conn *m, pu_span bytes);
/* Whether one Noise frame of Yamux's could be sent now. */
bool mux_can_flush(const mux_conn *m);
/* Builds and sends one. */
PU_MUST_USE bool mux_flush(pu_link *l, mux_conn *m);
/* Sends one Yamux frame of its own, if there is room. */
void mux_send_goaway(pu_link *l, mux_conn *m, uint32_t code);

#endif
