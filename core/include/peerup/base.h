/* peerup/base.h - words that every other header uses: time, bytes, handles, errors, assertions.
 *
 * Nothing here does I/O or keeps state. All headers of peerup are usable from C11 and C++.
 */
#ifndef PEERUP_BASE_H
#define PEERUP_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define PU_API __attribute__((visibility("default")))
#define PU_MUST_USE __attribute__((warn_unused_result))
#else
#define PU_API
#define PU_MUST_USE
#endif

/* A point in time: nanoseconds since the run began, never falling. A real host uses CLOCK_BOOTTIME.
 */
typedef uint64_t pu_time;

#define PU_NEVER UINT64_MAX       /* a pu_time that never comes */
#define PU_US UINT64_C(1000)      /* a microsecond, as a duration in ns */
#define PU_MS UINT64_C(1000000)   /* a millisecond, as a duration in ns */
#define PU_S UINT64_C(1000000000) /* a second, as a duration in ns */

/* Names a connection or a stream between node and host: slot in the low 24 bits, ordinal in the
 * high 40. The ordinal counts the connections (or streams) of a node's life from 1 and never wraps;
 * 0 is "none". Traces, hashes and recordings write the ordinal only: slots are reused, ordinals are
 * not. */
typedef uint64_t pu_handle;

#define PU_SLOT_BITS 24u

/* Makes the handle of the ordinal-th connection (or stream), which sits in slot. */
static inline pu_handle pu_handle_make(uint32_t slot, uint64_t ordinal)
{
    return (ordinal << PU_SLOT_BITS) | slot;
}

/* The slot of h: the lowest that was free when h began. */
static inline uint32_t pu_handle_slot(pu_handle h)
{
    return (uint32_t)(h & ((UINT64_C(1) << PU_SLOT_BITS) - 1));
}

/* The ordinal of h, from 1; 0 for no handle. */
static inline uint64_t pu_handle_ordinal(pu_handle h)
{
    return h >> PU_SLOT_BITS;
}

typedef uint32_t pu_peer;  /* index of an interned peer id in pu_env.peers; 0 = none */
typedef uint32_t pu_token; /* pairs a request effect (or command) with its one answer; 0 = none */

/* Bytes that belong to somebody else; base may be NULL only where len is 0. */
typedef struct pu_span {
    const uint8_t *base; /* first byte, borrowed */
    size_t len;          /* bytes */
} pu_span;

/* A UDP or TCP endpoint. IPv4 addresses are mapped: ::ffff:a.b.c.d. All zero = none. */
typedef struct pu_endpoint {
    uint8_t ip[16]; /* network order */
    uint32_t scope; /* interface of a link-local address; 0 elsewhere */
    uint16_t port;  /* host order */
} pu_endpoint;

/* What a function of the library may return when the host or the machine is at fault. */
enum pu_err {
    PU_OK = 0,
    PU_ENOMEM = -1, /* no memory; only from functions that make something (new, init, intern) */
    PU_ERANGE = -2, /* a value is outside what the function accepts, or a table is full */
    PU_EHANDLE = -3 /* the handle names nothing that lives */
};

/* The host's allocator. The core never calls malloc. */
typedef struct pu_alloc {
    /* Resizes old (old_len bytes, NULL and 0 for a new block) to new_len bytes; new_len 0 frees and
     * returns NULL. NULL for another new_len: no memory, old is untouched. Blocks are aligned for
     * any object. */
    void *(*resize)(void *ctx, void *old, size_t old_len, size_t new_len);
    void *ctx; /* handed back in every call */
} pu_alloc;

/* Ends the process with a message; called by a failed PU_ASSERT. */
PU_API _Noreturn void pu_assert_failed(const char *what, const char *file, int line);

/* Our own bugs end the run, in release builds too: one condition each. */
#define PU_ASSERT(condition) \
    ((condition) ? (void)0 : pu_assert_failed(#condition, __FILE__, __LINE__))

/* Marks a place that no input can reach. */
#define PU_NEVER_HERE() pu_assert_failed("never here", __FILE__, __LINE__)

/* Whole-table checks, only in BUILD=verify; the condition is not evaluated elsewhere. */
#ifdef PU_VERIFY_BUILD
#define PU_VERIFY(condition) PU_ASSERT(condition)
#else
#define PU_VERIFY(condition) ((void)sizeof(condition))
#endif

#endif
