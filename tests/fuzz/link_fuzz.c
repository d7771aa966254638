/* link_fuzz.c - one link whose network and node are the input: bytes become inputs of every kind,
 * and what comes over the wire is commands for toy carriers.
 *
 * The node that is played keeps the promises of boundary A (it sends within its room, answers each
 * CONN_ASK), and the link is held to its own by the judge of tests/lib/boundary.h. One request for
 * memory may fail. In the end every connection is hung up and nothing may be left.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/lent.h"
#include "tests/lib/link_host.h"

#include <stdlib.h>

enum { PORTS = 4, TCPS = 4, STEPS_MAX = 400 };

typedef struct fuzz {
    link_host h;
    pu_span in; /* the input that is left */
    uint64_t tcps[TCPS];
    uint64_t tcp_last;
    pu_token token_last;
    uint64_t tcp_room[TCPS];
    uint8_t zeros[PU_DATA_MAX];
} fuzz;

static uint16_t port_of(uint8_t bits)
{
    return (uint16_t)(7000 + bits % PORTS);
}

static pu_token new_token(fuzz *f)
{
    return ++f->token_last;
}

/* ---- the network ---- */

static void udp(fuzz *f)
{
    uint8_t bits = fuzz_u8(&f->in);
    pu_link_in in = {.kind = PU_LINK_IN_UDP,
                     .socket = (bits & 64) != 0 ? fuzz_u8(&f->in) % 8 : PU_SOCKET_MAIN,
                     .remote = pu_endpoint_ip4(10, 0, 0, 9, port_of(bits)),
                     .segment = (bits & 128) != 0 ? fuzz_u8(&f->in) : 0,
                     .body = fuzz_span(&f->in, (bits & 32) != 0 ? 200 : 12)};
    (void)link_host_step(&f->h, &in);
}

static void tcp_up(fuzz *f)
{
    uint8_t bits = fuzz_u8(&f->in);
    pu_link_in in = {.kind = PU_LINK_IN_TCP_UP,
                     .tcp = ++f->tcp_last,
                     .token = (bits & 1) != 0 ? f->h.tcp_token : 0,
                     .remote = pu_endpoint_ip4(10, 0, 0, 9, port_of(bits >> 1))};
    f->tcps[f->tcp_last % TCPS] = f->tcp_last;
    f->tcp_room[f->tcp_last % TCPS] = PU_LINK_TCP_FIRST_ROOM;
    (void)link_host_step(&f->h, &in);
}

static void tcp_input(fuzz *f)
{
    uint8_t bits = fuzz_u8(&f->in);
    uint32_t which = bits % TCPS;
    pu_link_in in = {.kind = PU_LINK_IN_TCP_DATA, .tcp = f->tcps[which]};
    if ((bits & 0x30) == 0x10) {
        in.kind = PU_LINK_IN_TCP_ROOM;
        f->tcp_room[which] += fuzz_u16(&f->in);
        in.offset = f->tcp_room[which];
    } else if ((bits & 0x30) == 0x20) {
        in.kind = PU_LINK_IN_TCP_DOWN;
        in.code = PU_CODE_LOST;
        if ((bits & 4) != 0) in.tcp = 0, in.token = f->h.tcp_token;
    } else {
        in.body = fuzz_span(&f->in, (bits & 0x80) != 0 ? 200 : 12);
        in.flags = (bits & 0x40) != 0 ? PU_LINK_FIN : 0;
    }
    (void)link_host_step(&f->h, &in);
}

/* A clock, a socket, or a kind that does not exist. */
static void other(fuzz *f)
{
    uint8_t bits = fuzz_u8(&f->in);
    pu_link_in in = {.kind = (enum pu_link_in_kind)(bits % 12), .socket = bits >> 4};
    if (in.kind == PU_LINK_IN_UDP || in.kind == PU_LINK_IN_TCP_UP) return;
    if (in.kind == PU_LINK_IN_LOCAL && (bits & 128) != 0) in.flags = PU_LINK_TCP;
    in.offset = fuzz_u16(&f->in);
    (void)link_host_step(&f->h, &in);
}

/* ---- the node ---- */

static void connect(fuzz *f)
{
    uint8_t bits = fuzz_u8(&f->in);
    pu_peer_id peer = toy_peer(bits & 3);
    pu_ef ef = {.kind = PU_EF_DIAL,
                .token = new_token(f),
                .remote = pu_endpoint_ip4(10, 0, 0, 9, port_of(bits >> 2)),
                .transport = (bits & 16) != 0 ? PU_TRANSPORT_TCP : PU_TRANSPORT_QUIC,
                .what = (bits & 32) != 0 ? PU_ROLE_SERVER : PU_ROLE_CLIENT,
                .socket = (bits & 64) != 0 ? fuzz_u8(&f->in) : PU_SOCKET_MAIN,
                .deadline = f->h.now + 5 * PU_S};
    if ((bits & 128) == 0) ef.peer = span_of(peer.bytes, peer.len);
    (void)link_host_effect(&f->h, ef);
}

static void cancel(fuzz *f)
{
    boundary *law = &f->h.law;
    if (law->token_count == 0) return;
    pu_token token = law->tokens[fuzz_u8(&f->in) % law->token_count].token;
    (void)link_host_effect(&f->h, (pu_ef){.kind = PU_EF_DIAL_CANCEL, .token = token});
}

/* A parameter changes. The judge goes by how many handles there may be, so that only falls. */
static void set(fuzz *f)
{
    const pu_config_info *info = pu_config_at(fuzz_u8(&f->in));
    if (info == NULL) return;
    uint64_t most = pu_config_get(&f->h.config, info), value = info->least + fuzz_u16(&f->in);
    bool is_handles =
        strcmp(info->name, "conns_max") == 0 || strcmp(info->name, "streams_max") == 0;
    if (value > info->most) value = info->most;
    if (is_handles && value > most) value = most;
    pu_ef ef = {
        .kind = PU_EF_SET, .body = span_of(info->name, strlen(info->name)), .offset = value};
    int err = link_host_effect(&f->h, ef);
    PU_ASSERT(err == PU_OK);
}

static void on_conn(fuzz *f)
{
    boundary *law = &f->h.law;
    uint8_t bits = fuzz_u8(&f->in);
    if (law->conn_count == 0) return;
    pu_ef ef = {.conn = law->conns[(bits >> 2) % law->conn_count].handle};
    switch (bits & 3) {
    case 0:
        ef.kind = PU_EF_HANGUP;
        ef.code = PU_CODE_SHUTDOWN;
        ef.deadline = f->h.now + fuzz_u8(&f->in) * 10 * PU_MS;
        break;
    case 1:
        if ((bits & 128) != 0) {
            set(f);
            return;
        }
        ef.kind = PU_EF_CONN_SET;
        break;
    default:
        ef.kind = PU_EF_STREAM_OPEN;
        ef.token = new_token(f);
        break;
    }
    (void)link_host_effect(&f->h, ef);
}

static void upgrade(fuzz *f, const boundary_stream *s, uint8_t bits)
{
    pu_peer_id peer = toy_peer(bits & 3);
    (void)link_host_effect(&f->h,
                           (pu_ef){.kind = PU_EF_UPGRADE,
                                   .token = new_token(f),
                                   .conn = s->conn,
                                   .stream = s->handle,
                                   .what = (bits & 4) != 0 ? PU_ROLE_SERVER : PU_ROLE_CLIENT,
                                   .peer = span_of(peer.bytes, (bits & 8) != 0 ? peer.len : 0),
                                   .deadline = f->h.now + 5 * PU_S,
                                   .body = fuzz_span(&f->in, bits >> 4)});
}

static void on_stream(fuzz *f)
{
    boundary *law = &f->h.law;
    uint8_t bits = fuzz_u8(&f->in);
    if (law->stream_count == 0) return;
    boundary_stream *s = &law->streams[(bits >> 3) % law->stream_count];
    pu_ef ef = {.conn = s->conn, .stream = s->handle, .code = bits};
    uint64_t room = s->tx_room - s->tx_sent;
    switch (bits & 7) {
    case 0:
    case 1:
    case 2:
        if (s->tx_fin || s->is_reset) return;
        ef.kind = PU_EF_STREAM_SEND;
        ef.body = span_of(f->zeros, fuzz_u16(&f->in) % (PU_DATA_MAX + 1));
        if (ef.body.len > room) ef.body.len = (size_t)room;
        ef.flags = (bits & 7) == 0 ? PU_FIN : 0;
        break;
    case 3:
    case 4:
        ef.kind = PU_EF_STREAM_ROOM;
        ef.offset = s->rx_room + fuzz_u16(&f->in);
        break;
    case 5: ef.kind = PU_EF_STREAM_STOP; break;
    case 6: ef.kind = PU_EF_STREAM_RESET; break;
    default: upgrade(f, s, fuzz_u8(&f->in)); return;
    }
    (void)link_host_effect(&f->h, ef);
}

static void time_goes_on(fuzz *f)
{
    uint8_t bits = fuzz_u8(&f->in);
    if (bits == 0) link_host_settle(&f->h);
    else link_host_run(&f->h, f->h.now + (uint64_t)bits * bits * PU_MS);
}

static void step(fuzz *f)
{
    uint8_t bits = fuzz_u8(&f->in);
    f->h.accept_code = (bits & 0x70) == 0x70 ? PU_CODE_RESOURCE : 0;
    f->h.secured_code = (bits & 0xe0) == 0xe0 ? PU_CODE_GATED : 0;
    switch (bits & 15) {
    case 0:
    case 1:
    case 2:
    case 3: udp(f); break;
    case 4: tcp_up(f); break;
    case 5:
    case 6: tcp_input(f); break;
    case 7: connect(f); break;
    case 8: cancel(f); break;
    case 9: on_conn(f); break;
    case 10:
    case 11:
    case 12: on_stream(f); break;
    case 13: other(f); break;
    default: time_goes_on(f); break;
    }
}

/* Everybody is hung up; whatever was asked is answered in time. */
static void end(fuzz *f)
{
    boundary *law = &f->h.law;
    f->h.heap.fail_at = 0;
    for (uint32_t guard = 0; law->conn_count > 0 && guard < 64; guard++) {
        for (uint32_t i = 0; i < law->conn_count; i++)
            if (law->conns[i].phase == BOUNDARY_UP) {
                pu_ef ef = {.kind = PU_EF_HANGUP, .conn = law->conns[i].handle};
                (void)link_host_effect(&f->h, ef);
                break;
            }
        link_host_run(&f->h, f->h.now + PU_S);
    }
    link_host_run(&f->h, f->h.now + 20 * PU_S);
    PU_ASSERT(law->conn_count == 0);
    PU_ASSERT(law->stream_count == 0);
    PU_ASSERT(law->token_count == 0);
    PU_ASSERT(pu_link_deadline(f->h.link, NULL) == PU_NEVER);
}

void fuzz_link(pu_span bytes)
{
    fuzz *f = calloc(1, sizeof *f);
    PU_ASSERT(f != NULL);
    f->in = bytes;
    pu_config_default(&f->h.config);
    f->h.config.conns_max = 6;
    f->h.config.streams_max = 12;
    f->h.config.streams_per_conn_max = 5;
    f->h.config.handshakes_max = 3;
    f->h.is_silent = true;
    f->h.out = fuzz_lent_out();
    f->h.heap.fail_at = fuzz_u8(&f->in);
    if (link_host_open(&f->h)) {
        for (int i = 0; i < STEPS_MAX && f->in.len > 0; i++) step(f);
        end(f);
        link_host_close(&f->h);
    }
    free(f);
}
