/* tests/unit/relay_play.h - what relay's tests send and read as the other side of a relay or
 * client. */
#ifndef TESTS_UNIT_RELAY_PLAY_H
#define TESTS_UNIT_RELAY_PLAY_H

#include "tests/unit/lab.h"
#include "wire/wire_identify.h"
#include "wire/wire_record.h"
#include "wire/wire_relay.h"

#define IDENTIFY "/ipfs/id/1.0.0"
#define HOP "/libp2p/circuit/relay/0.2.0/hop"
#define STOP "/libp2p/circuit/relay/0.2.0/stop"

enum { B = 1, C = 2, D = 3 };

static inline void give_hop(lab *l, lab_stream *s, wire_relay m)
{
    uint8_t bytes[WIRE_RELAY_MESSAGE_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_hop_write(&out, &m);
    lab_give(l, s, buf_span(&out), false);
}

static inline void give_stop(lab *l, lab_stream *s, wire_relay m)
{
    uint8_t bytes[WIRE_RELAY_MESSAGE_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_stop_write(&out, &m);
    lab_give(l, s, buf_span(&out), false);
}

static inline uint64_t hop_status(const lab_stream *s)
{
    wire_relay m;
    assert_true(wire_hop_read(&m, lab_message(s)));
    assert_int_equal(m.type, WIRE_HOP_STATUS);
    assert_true(m.has_status);
    return m.status;
}

static inline uint64_t stop_status(const lab_stream *s)
{
    wire_relay m;
    assert_true(wire_stop_read(&m, lab_message(s)));
    assert_int_equal(m.type, WIRE_STOP_STATUS);
    return m.status;
}

#endif
