/* link/dial.c - DIAL and DIAL_CANCEL: one address of one peer, over QUIC or TCP. */
#include "link/link_impl.h"

/* ---- a dial with the server's role over QUIC ---- */

/* The other side calls, and what comes of it is a connection from outside. This end of the bargain
 * is only the token: it ends by its deadline, or cancelled. */

static void expect_close(pu_link *l, conn *c)
{
    link_conn_down(l, c, c->close_code);
}

static pu_time expect_deadline(const pu_link *l, const conn *c)
{
    (void)l;
    (void)c;
    return PU_NEVER;
}

static void expect_free(pu_link *l, conn *c)
{
    (void)l;
    (void)c;
}

static const struct carrier_ops expect_ops = {.conn_bytes = sizeof(conn),
                                              .stream_bytes = sizeof(stream),
                                              .close = expect_close,
                                              .deadline = expect_deadline,
                                              .free_conn = expect_free};

/* ---- effects ---- */

static void dial_begin(conn *c, const pu_ef *ef)
{
    c->token = ef->token;
    c->remote = ef->remote;
    c->deadline = ef->deadline;
    c->is_dialler = ef->what == PU_ROLE_CLIENT;
    c->expected.len = (uint8_t)ef->peer.len;
    if (ef->peer.len > 0) memcpy(c->expected.bytes, ef->peer.base, ef->peer.len);
}

static void dial_quic(pu_link *l, const pu_ef *ef)
{
    bool is_client = ef->what == PU_ROLE_CLIENT;
    const struct carrier_ops *ops = is_client ? l->transports->quic : &expect_ops;
    conn *c = link_conn_make(l, ops, ops->conn_bytes, PU_TRANSPORT_QUIC);
    if (c == NULL) {
        link_dial_fail(l, ef->token, PU_CODE_RESOURCE);
        return;
    }
    dial_begin(c, ef);
    uint32_t socket = ef->socket == 0 ? PU_SOCKET_MAIN : ef->socket;
    c->local = link_local(l, socket);
    if (is_client) l->transports->quic_dial(l, c, socket);
}

static void dial_tcp(pu_link *l, const pu_ef *ef)
{
    conn *c = link_tcp_conn_new(l);
    if (c == NULL) {
        link_dial_fail(l, ef->token, PU_CODE_RESOURCE);
        return;
    }
    dial_begin(c, ef);
    link_tcp_dial(l, c, ef->socket != PU_SOCKET_FRESH);
}

/* A fresh UDP port for one dial is not to be had: nothing at boundary B opens one by that name. The
 * node opens PROBE sockets. */
static bool is_socket_known(const pu_ef *ef)
{
    if (ef->transport == PU_TRANSPORT_TCP) return ef->socket <= PU_SOCKET_FRESH;
    bool is_probe = ef->socket >= PU_SOCKET_PROBE && ef->socket < PU_SOCKET_PROBE + LINK_PROBES_MAX;
    return ef->socket <= PU_SOCKET_MAIN || is_probe;
}

void link_dial(pu_link *l, const pu_ef *ef)
{
    bool is_built = ef->transport == PU_TRANSPORT_QUIC || ef->transport == PU_TRANSPORT_TCP;
    bool has_role = ef->what == PU_ROLE_CLIENT || ef->what == PU_ROLE_SERVER;
    if (!is_built || !has_role || !is_socket_known(ef) || ef->remote.port == 0)
        link_dial_fail(l, ef->token, PU_CODE_UNREACHABLE);
    else if (ef->transport == PU_TRANSPORT_QUIC) dial_quic(l, ef);
    else dial_tcp(l, ef);
}

void link_dial_cancel(pu_link *l, pu_token token)
{
    for (uint32_t i = 0; token != 0 && i < l->conns.cap; i++) {
        conn *c = l->conns.at[i].object;
        if (c == NULL || c->token != token || c->state == CONN_ENDED) continue;
        link_conn_abort(l, c, PU_CODE_CANCELLED);
        return;
    }
}
