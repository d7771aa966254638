/* quic/conn.c - one connection: its datagrams, the progress of its handshake, what it tells the
 * link.
 */
#include "quic/quic_impl.h"

/* Between two keep-alives, at least: half of the shortest idle time-out that ours may be. A peer
 * whose own is shorter does not get a storm of them, it gets what it asked for. */
#define KEEP_ALIVE_LEAST_NS (PU_S / 2)

const struct carrier_ops quic_ops = {
    .conn_bytes = sizeof(quic_conn),
    .stream_bytes = sizeof(quic_stream),
    .verdict = quic_verdict,
    .open = quic_open,
    .send = quic_send,
    .consumed = quic_consumed,
    .stop = quic_stop,
    .reset = quic_reset,
    .close = quic_close,
    .deadline = quic_deadline,
    .tick = quic_tick,
    .set = quic_set,
    .free_conn = quic_free_conn,
    .free_stream = quic_free_stream,
};

void quic_conn_due(quic_conn *c)
{
    c->is_due = true;
    link_conn_touch(c->link, &c->head);
}

uint64_t quic_conn_idle_ns(const quic_conn *c)
{
    const ngtcp2_transport_params *remote = ngtcp2_conn_get_remote_transport_params(c->qc);
    uint64_t idle_ns = link_config(c->link)->idle_ns;
    if (remote != NULL && remote->max_idle_timeout > 0 && remote->max_idle_timeout < idle_ns)
        idle_ns = remote->max_idle_timeout;
    return idle_ns;
}

void quic_conn_keep_alive(quic_conn *c)
{
    uint64_t silence_ns = c->silence_ns;
    uint64_t half_ns = quic_conn_idle_ns(c) / 2;
    if (silence_ns > half_ns) silence_ns = half_ns;
    if (c->is_listening && silence_ns > QUIC_HEARD_SILENCE_NS) silence_ns = QUIC_HEARD_SILENCE_NS;
    if (silence_ns > 0 && silence_ns < KEEP_ALIVE_LEAST_NS) silence_ns = KEEP_ALIVE_LEAST_NS;
    ngtcp2_conn_set_keep_alive_timeout(c->qc, silence_ns);
}

/* Who only reads says nothing that its peer has not asked for. When its NAT gives it another port,
 * the peer sends to the old one, and no acknowledgement tells it better before the next keep-alive.
 * So a client that was in the middle of something asks, a second after it fell silent: whatever it
 * sends leads the peer to the new port (RFC 9000 9.3). It asks once more when nothing came of that,
 * since the question may be lost, or what proves the new path. A server's new port would be no use
 * to its client. */
static void listen_on(quic_conn *c)
{
    bool is_listening = c->heard >= QUIC_HEARD_LEAST;
    if (is_listening == c->is_listening) return;
    c->is_listening = is_listening;
    quic_conn_keep_alive(c);
}

void quic_conn_heard(quic_conn *c, quic_stream *s, size_t bytes)
{
    if (ngtcp2_conn_is_server(c->qc)) return;
    if (s->heard_round != c->heard_round) s->heard = 0;
    s->heard_round = c->heard_round;
    s->heard += bytes;
    c->heard += bytes;
    c->asked = 0;
}

void quic_conn_unheard(quic_conn *c, quic_stream *s)
{
    if (s->heard_round != c->heard_round) return;
    PU_ASSERT(s->heard <= c->heard);
    c->heard -= s->heard;
    s->heard = 0;
}

void quic_conn_asked(quic_conn *c, size_t sent)
{
    if (!c->is_listening || sent == 0) return;
    if (link_now(c->link) - c->heard_at < QUIC_HEARD_SILENCE_NS) return;
    if (++c->asked < QUIC_QUESTIONS_MAX) return;
    c->asked = 0;
    c->heard = 0;
    c->heard_round++;
    listen_on(c);
}

static void up(quic_conn *c)
{
    c->is_up = true;
    c->silence_ns = link_config(c->link)->keep_alive_ns;
    quic_conn_keep_alive(c);
    link_conn_up(c->link, &c->head);
    if (c->news & NEWS_CONFIRMED) link_conn_confirmed(c->link, &c->head);
    quic_conn_due(c);
}

/* The peer has proven who it is. False: c is down. */
static bool prove(quic_conn *c)
{
    PU_ASSERT(c->head.peer.len > 0);
    c->is_proven = true;
    if (!link_conn_secured(c->link, &c->head)) {
        quic_conn_end(c, PU_CODE_WRONG_PEER);
        return false;
    }
    if (!ngtcp2_conn_is_server(c->qc)) up(c);
    return true;
}

/* Everything that TLS was there for is done; keys are updated without it. */
static void free_tls(quic_conn *c)
{
    if (c->tls == NULL) return;
    ngtcp2_conn_set_tls_native_handle(c->qc, NULL);
    gnutls_deinit(c->tls);
    c->tls = NULL;
}

bool quic_conn_settle(quic_conn *c)
{
    if ((c->news & NEWS_COMPLETED) && !c->is_proven && !prove(c)) return false;
    if (c->news & NEWS_CONFIRMED) {
        if (c->is_up) link_conn_confirmed(c->link, &c->head);
        free_tls(c);
    }
    if ((c->news & NEWS_COMPLETED) && ngtcp2_conn_is_server(c->qc)) free_tls(c);
    if (c->news & NEWS_STREAMS) {
        c->news &= ~(uint32_t)NEWS_STREAMS;
        quic_streams_open(c);
    }
    if (c->news & NEWS_PATH) {
        quic_path_follow(c);
        c->news &= ~(uint32_t)(NEWS_PATH | NEWS_PROVEN);
    }
    if (c->head.state == CONN_CLOSING && quic_conn_is_flushed(c)) {
        quic_conn_end(c, c->head.close_code);
        return false;
    }
    return true;
}

void quic_conn_measure(quic_conn *c)
{
    ngtcp2_conn_stat stat;
    ngtcp2_conn_get_conn_stat(c->qc, &stat);
    c->cwnd = stat.cwnd > 0 ? stat.cwnd : 1;
    c->pace_rtt_ns = stat.smoothed_rtt;
    if (c->moved_at > 0) quic_path_hold(c);
    if (stat.first_rtt_sample_ts == UINT64_MAX) return;
    c->head.rtt_ns = stat.smoothed_rtt;
    if (c->is_up) link_conn_path(c->link, &c->head, false);
}

/* The first Initial says that the client's hello begins elsewhere: its address is to be proven
 * before anything is kept for it. */
static void retry(quic_conn *c, const udp_path *path, pu_span bytes)
{
    ngtcp2_pkt_hd hd;
    if (ngtcp2_accept(&hd, bytes.base, bytes.len) == 0)
        quic_stateless_retry(c->endpoint, path, &hd);
    link_conn_down(c->link, &c->head, PU_CODE_REFUSED);
}

void quic_conn_read(quic_conn *c, const udp_path *path, uint32_t ecn, pu_span bytes)
{
    quic_path p;
    ngtcp2_pkt_info info = {.ecn = (uint8_t)ecn};
    bool is_known = pu_endpoint_equal(&path->remote, &c->head.remote) && path->socket == c->socket;
    if (c->is_short) {
        quic_conn_fail(c, NGTCP2_ERR_NOMEM);
        return;
    }
    if (!is_known && !quic_path_may_move(c, path)) return;
    quic_path_make(&p, c, path->socket, &path->remote);
    if (is_known && path->local.port != 0) c->head.local = path->local;
    c->is_elsewhere = !is_known && ngtcp2_conn_is_server(c->qc);
    quic_frames_of(c);
    int error =
        ngtcp2_conn_read_pkt(c->qc, &p.path, &info, bytes.base, bytes.len, link_now(c->link));
    quic_frames_of(NULL);
    c->is_elsewhere = false;
    error = quic_memory_result(c, error);
    if (c->is_spent) {
        link_conn_down(c->link, &c->head, PU_CODE_LOST);
        return;
    }
    if (error == NGTCP2_ERR_RETRY) {
        retry(c, path, bytes);
        return;
    }
    if (error != 0) {
        quic_conn_fail(c, error);
        return;
    }
    if (!is_known) c->news |= NEWS_PATH;
    c->heard_at = link_now(c->link);
    listen_on(c);
    quic_conn_measure(c);
    if (quic_conn_settle(c)) quic_conn_due(c);
}

void quic_verdict(pu_link *l, conn *head, uint32_t code)
{
    quic_conn *c = quic_of(head);
    if (code == 0 && c->qc == NULL) {
        quic_begin_accept(c);
    } else if (code == 0) {
        up(c);
    } else if (c->qc == NULL) {
        quic_begin_refuse(c);
        link_conn_down(l, head, code);
    } else {
        quic_conn_end(c, code);
    }
}
