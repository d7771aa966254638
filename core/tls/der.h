/* tls/der.h - the DER of certificates, read in place: tag, length, value (ITU-T X.690, the
 * distinguished rules only). No recursion, no allocation; every length is checked against what is
 * there before it is used. */
#ifndef TLS_DER_H
#define TLS_DER_H

#include "base/bytes.h"

/* Tags that certificates use. */
enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_CONTEXT_0 = 0xa0, /* constructed, [0] */
    DER_CONTEXT_1 = 0x81, /* primitive, [1] */
    DER_CONTEXT_2 = 0x82, /* primitive, [2] */
    DER_CONTEXT_3 = 0xa3  /* constructed, [3] */
};

/* One element; spans point into what was read. */
typedef struct der_item {
    uint8_t tag;
    pu_span value; /* without tag and length */
    pu_span whole; /* with them: what signatures cover */
} der_item;

/* Takes the next element off *in. False: nothing is left, it is cut short, its length is not in the
 * shortest form or indefinite, or its tag has more than one byte; *in is as it was. */
PU_MUST_USE bool der_next(pu_span *in, der_item *item);

/* Takes the next element off *in if it has this tag. False: as der_next, or it has another tag;
 * *in is as it was. */
PU_MUST_USE bool der_take(pu_span *in, uint8_t tag, der_item *item);

/* Whether the next element of in has this tag; in may be empty. */
bool der_is_next(pu_span in, uint8_t tag);

/* The bytes of a BIT STRING that holds whole bytes. False: it does not. */
PU_MUST_USE bool der_bits(const der_item *item, pu_span *bytes);

/* A UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 has them (seconds and Z, no fraction) in
 * seconds since 1970, which may be negative. False: it is none, or no such day exists. */
PU_MUST_USE bool der_time(const der_item *item, int64_t *unix_s);

/* Appends one element. */
void der_put(pu_buf *out, uint8_t tag, pu_span value);

#endif
