/* quic/frames.c - frames that ngtcp2 0.12 cannot bear are taken out of packets before it reads
 * them: they would end the process.
 *
 * A NEW_CONNECTION_ID whose number was retired already is retired once more, which it cannot before
 * the peer has acknowledged the first time. A peer may say a frame twice - it must when an
 * acknowledgement is lost - and one that means harm needs two frames. So ngtcp2 is shown each
 * number once, and another frame in the place of each repetition: PATH_RESPONSE is acknowledged, is
 * a probing frame (RFC 9000 9.1) as the other was, and answers nothing.
 *
 * A server may send packets under its last keys before its own handshake is over, and be heard
 * together with the rest of it. Two frames break the client then: HANDSHAKE_DONE, which frees what
 * is still needed, and a NEW_CONNECTION_ID that retires the only id there is. No honest server says
 * them before it has the client's last words; until those were sent, such a packet is dropped, and
 * nothing of it noted.
 *
 * A server gives ids back when a peer's packet comes by another path, and bears no packet that
 * makes it give back one more than IDS_BACK_MOST, unless the peer has acknowledged some - which it
 * does not tell. So who has told more ids than that ends the connection by such a packet, as if it
 * had been forgotten: the peer begins another one. One that is not newer than all before is dropped
 * instead: whoever has seen a packet can send it again from anywhere.
 *
 * A packet may prove a peer's new path and come from the old one, which leads back to that: then
 * the search for longer datagrams is begun twice. A PATH_RESPONSE from elsewhere than where the
 * peer is answers nothing.
 *
 * Plain bytes are at hand in one place only: where they are decrypted.
 */
#include "quic/quic_impl.h"

enum {
    LONG_HEADER = 0x80, /* of a packet's first byte: one of the handshake */
    LONG_TYPE = 0x30,
    LONG_HANDSHAKE = 0x20,
    NUMBER_LENGTH = 0x03, /* of a packet's number, less one: bits of the first byte, too */
    IDS_BACK_MOST = 16,   /* ids of the peer's that are given back and not acknowledged */
    RESET_TOKEN_BYTES = 16,
    PATH_DATA_BYTES = 8,
    STREAM_BIT = 8, /* of the first byte of a frame that is none of those below (ngtcp2's rule) */
    STREAM_OFFSET_BIT = 4,
    STREAM_LENGTH_BIT = 2,
    NUMBERS_KEPT = 64 /* below the highest; what is lower counts as repeated */
};

/* Frame types (RFC 9000 19, RFC 9221). */
enum {
    FRAME_PADDING = 0x00,
    FRAME_PING = 0x01,
    FRAME_ACK = 0x02,
    FRAME_ACK_ECN = 0x03,
    FRAME_RESET_STREAM = 0x04,
    FRAME_STOP_SENDING = 0x05,
    FRAME_CRYPTO = 0x06,
    FRAME_NEW_TOKEN = 0x07,
    FRAME_MAX_DATA = 0x10,
    FRAME_MAX_STREAM_DATA = 0x11,
    FRAME_MAX_STREAMS_BIDI = 0x12,
    FRAME_MAX_STREAMS_UNI = 0x13,
    FRAME_DATA_BLOCKED = 0x14,
    FRAME_STREAM_DATA_BLOCKED = 0x15,
    FRAME_STREAMS_BLOCKED_BIDI = 0x16,
    FRAME_STREAMS_BLOCKED_UNI = 0x17,
    FRAME_NEW_CONNECTION_ID = 0x18,
    FRAME_RETIRE_CONNECTION_ID = 0x19,
    FRAME_PATH_CHALLENGE = 0x1a,
    FRAME_PATH_RESPONSE = 0x1b,
    FRAME_CONNECTION_CLOSE = 0x1c,
    FRAME_CONNECTION_CLOSE_APP = 0x1d,
    FRAME_HANDSHAKE_DONE = 0x1e,
    FRAME_DATAGRAM = 0x30,
    FRAME_DATAGRAM_LENGTH = 0x31
};

/* Whose packets are decrypted and made: ngtcp2 does not tell its callbacks. NULL: nobody's. */
static _Thread_local quic_conn *reading;

void quic_frames_of(quic_conn *c)
{
    reading = c;
}

/* ---- reading ---- */

/* What is left of a packet's frames. */
typedef struct rest {
    uint8_t *at;
    size_t len;
} rest;

static bool skip(rest *r, uint64_t count)
{
    if (count > r->len) return false;
    r->at += count;
    r->len -= (size_t)count;
    return true;
}

/* A variable-length integer (RFC 9000 16). */
static bool number(rest *r, uint64_t *value)
{
    if (r->len == 0) return false;
    size_t len = (size_t)1 << (r->at[0] >> 6);
    if (len > r->len) return false;
    *value = r->at[0] & 0x3f;
    for (size_t i = 1; i < len; i++) *value = *value << 8 | r->at[i];
    return skip(r, len);
}

static bool numbers(rest *r, uint64_t count)
{
    uint64_t value;
    for (; count > 0; count--)
        if (!number(r, &value)) return false;
    return true;
}

/* A length and so many bytes. */
static bool counted(rest *r)
{
    uint64_t len;
    return number(r, &len) && skip(r, len);
}

static bool skip_ack(rest *r, bool has_ecn)
{
    uint64_t ranges;
    if (!numbers(r, 2) || !number(r, &ranges) || ranges > r->len) return false;
    return numbers(r, 1 + 2 * ranges) && numbers(r, has_ecn ? 3 : 0);
}

static bool skip_stream(rest *r, uint8_t type)
{
    if (!numbers(r, (type & STREAM_OFFSET_BIT) != 0 ? 2 : 1)) return false;
    return (type & STREAM_LENGTH_BIT) != 0 ? counted(r) : skip(r, r->len);
}

/* Behind the type of a NEW_CONNECTION_ID. */
static bool skip_connection_id(rest *r, uint64_t *seq)
{
    uint64_t retired;
    if (!number(r, seq) || !number(r, &retired) || r->len == 0) return false;
    uint8_t len = r->at[0];
    if (retired > *seq || len == 0 || len > NGTCP2_MAX_CIDLEN) return false;
    return skip(r, (uint64_t)1 + len) && skip(r, RESET_TOKEN_BYTES);
}

/* Behind the type of a frame. False: it is cut off, or nothing that ngtcp2 knows, and ends the
 * connection. */
static bool skip_frame(rest *r, uint8_t type)
{
    uint64_t seq;
    switch (type) {
    case FRAME_PADDING:
    case FRAME_PING:
    case FRAME_HANDSHAKE_DONE: return true;
    case FRAME_ACK: return skip_ack(r, false);
    case FRAME_ACK_ECN: return skip_ack(r, true);
    case FRAME_RESET_STREAM: return numbers(r, 3);
    case FRAME_STOP_SENDING:
    case FRAME_MAX_STREAM_DATA:
    case FRAME_STREAM_DATA_BLOCKED: return numbers(r, 2);
    case FRAME_CRYPTO: return numbers(r, 1) && counted(r);
    case FRAME_NEW_TOKEN:
    case FRAME_DATAGRAM_LENGTH: return counted(r);
    case FRAME_MAX_DATA:
    case FRAME_MAX_STREAMS_BIDI:
    case FRAME_MAX_STREAMS_UNI:
    case FRAME_DATA_BLOCKED:
    case FRAME_STREAMS_BLOCKED_BIDI:
    case FRAME_STREAMS_BLOCKED_UNI:
    case FRAME_RETIRE_CONNECTION_ID: return numbers(r, 1);
    case FRAME_NEW_CONNECTION_ID: return skip_connection_id(r, &seq);
    case FRAME_PATH_CHALLENGE:
    case FRAME_PATH_RESPONSE: return skip(r, PATH_DATA_BYTES);
    case FRAME_CONNECTION_CLOSE: return numbers(r, 2) && counted(r);
    case FRAME_CONNECTION_CLOSE_APP: return numbers(r, 1) && counted(r);
    case FRAME_DATAGRAM: return skip(r, r->len);
    default: return (type & STREAM_BIT) != 0 && skip_stream(r, type);
    }
}

/* ---- connection ids ---- */

/* Numbers that no frame tells: 0 is of the handshake, 1 of a server's preferred address. */
static bool is_given_otherwise(const quic_conn *c, uint64_t number)
{
    if (number != 1 || ngtcp2_conn_is_server(c->qc)) return number == 0;
    const ngtcp2_transport_params *params = ngtcp2_conn_get_remote_transport_params(c->qc);
    return params != NULL && params->preferred_address_present;
}

/* Whether the peer's connection id of that number is told for the first time. Notes it. */
static bool is_new(quic_conn *c, uint64_t number)
{
    if (is_given_otherwise(c, number)) return false;
    if (number > c->ids_highest) {
        uint64_t by = number - c->ids_highest;
        c->ids_told = by < NUMBERS_KEPT ? c->ids_told << by : 0;
        c->ids_highest = number;
    }
    uint64_t below = c->ids_highest - number;
    if (below >= NUMBERS_KEPT || (c->ids_told >> below & 1) != 0) return false;
    c->ids_told |= (uint64_t)1 << below;
    c->ids_count++;
    return true;
}

/* The frame at *r. False: it is cut off, or ends the connection. */
static bool take_connection_id(quic_conn *c, rest *r)
{
    rest frame = *r;
    uint64_t seq;
    if (!skip(r, 1) || !skip_connection_id(r, &seq)) return false;
    if (is_new(c, seq)) return true;
    memset(frame.at, 0, frame.len - r->len); /* PADDING, behind: */
    frame.at[0] = FRAME_PATH_RESPONSE;
    return true;
}

/* ---- packets ---- */

/* Goes over the frame at *r. False: it is cut off, or ends the connection. */
static bool take_frame(quic_conn *c, rest *r)
{
    rest frame = *r;
    uint8_t type = r->at[0];
    if (type == FRAME_NEW_CONNECTION_ID) return take_connection_id(c, r);
    if (!skip(r, 1) || !skip_frame(r, type)) return false;
    if (type == FRAME_PATH_RESPONSE && c->is_elsewhere) memset(frame.at + 1, 0, PATH_DATA_BYTES);
    return true;
}

/* Whether no honest server says this frame before it has the client's last words. */
static bool is_late_frame(rest frame)
{
    uint64_t seq, retired;
    if (frame.at[0] == FRAME_HANDSHAKE_DONE) return true;
    return frame.at[0] == FRAME_NEW_CONNECTION_ID && skip(&frame, 1) && number(&frame, &seq) &&
           number(&frame, &retired) && retired > 0;
}

/* Whether a server says such a frame too early. */
static bool is_early(const quic_conn *c, rest r)
{
    bool is_good = true;
    if (c->is_past_handshake && c->has_sent_handshake) return false;
    if (ngtcp2_conn_is_server(c->qc)) return false;
    while (is_good && r.len > 0) {
        if (is_late_frame(r)) return true;
        uint8_t type = r.at[0];
        is_good = skip(&r, 1) && skip_frame(&r, type);
    }
    return false;
}

/* The number of a packet, of which the end of its header tells the lower bits (RFC 9000 A.3). */
static uint64_t packet_number(const quic_conn *c, const uint8_t *header, size_t header_len)
{
    size_t len = (size_t)(header[0] & NUMBER_LENGTH) + 1;
    PU_ASSERT(len < header_len);
    uint64_t window = (uint64_t)1 << 8 * len, number = 0;
    for (size_t i = header_len - len; i < header_len; i++) number = number << 8 | header[i];
    number |= c->numbers_end & ~(window - 1);
    if (number + window / 2 <= c->numbers_end) return number + window;
    return number > c->numbers_end + window / 2 && number >= window ? number - window : number;
}

/* False: the packet of that number is not to be read. */
static bool look_through(quic_conn *c, uint64_t packet, rest r)
{
    bool is_good = true, is_newest = packet >= c->numbers_end;
    uint64_t highest = c->ids_highest, told = c->ids_told, count = c->ids_count;
    if (is_early(c, r)) return false;
    while (is_good && r.len > 0) is_good = take_frame(c, &r);
    if (c->is_elsewhere && c->ids_count > IDS_BACK_MOST) {
        if (is_newest) c->is_spent = true;
        c->ids_highest = highest; /* nothing of it is noted: it may come again, and be read */
        c->ids_told = told;
        c->ids_count = count;
        return false;
    }
    if (is_newest) c->numbers_end = packet + 1;
    return true;
}

int quic_frames_decrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                        const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *ciphertext,
                        size_t ciphertext_len, const uint8_t *nonce, size_t nonce_len,
                        const uint8_t *header, size_t header_len)
{
    int error = ngtcp2_crypto_decrypt_cb(dest, aead, aead_ctx, ciphertext, ciphertext_len, nonce,
                                         nonce_len, header, header_len);
    PU_ASSERT(reading != NULL);
    bool has_frames = error == 0 && header_len > 0 && (header[0] & LONG_HEADER) == 0 &&
                      ciphertext_len > aead->max_overhead;
    if (!has_frames) return error;
    rest frames = {dest, ciphertext_len - aead->max_overhead};
    uint64_t number = packet_number(reading, header, header_len);
    return look_through(reading, number, frames) ? 0 : NGTCP2_ERR_DECRYPT;
}

int quic_frames_encrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                        const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *plain,
                        size_t plain_len, const uint8_t *nonce, size_t nonce_len,
                        const uint8_t *header, size_t header_len)
{
    if (reading != NULL && header_len > 0 &&
        (header[0] & (LONG_HEADER | LONG_TYPE)) == (LONG_HEADER | LONG_HANDSHAKE))
        reading->has_sent_handshake = true;
    return ngtcp2_crypto_encrypt_cb(dest, aead, aead_ctx, plain, plain_len, nonce, nonce_len,
                                    header, header_len);
}
