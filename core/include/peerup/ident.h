/* peerup/ident.h - who a peer is and where it may be: peer ids, multiaddrs, authorized_keys lines.
 *
 * Source: libp2p specs peer-ids/peer-ids.md and RFC 0001, multiformats/multiaddr, the
 * authorized_keys grammar of the Go peerup. Every function here is pure; lengths are checked before
 * use; nothing allocates except pu_peers.
 */
#ifndef PEERUP_IDENT_H
#define PEERUP_IDENT_H

#include "peerup/base.h"

/* ---- peer ids ---- */

enum {
    PU_PEER_ID_MAX = 44, /* bytes: identity multihash of a 42-byte key, the longest accepted */
    PU_PEER_ID_TEXT_MAX = 112,   /* bytes of the longest text form, terminator included */
    PU_PUBLIC_KEY_PB_BYTES = 36, /* a protobuf PublicKey that holds an Ed25519 key */
};

/* A peer id: the multihash of a protobuf PublicKey (identity up to 42 bytes, or sha2-256). */
typedef struct pu_peer_id {
    uint8_t len;                   /* bytes used; 0 = none */
    uint8_t bytes[PU_PEER_ID_MAX]; /* the multihash; bytes after len are 0 */
} pu_peer_id;

/* The text forms of a peer id. */
enum pu_peer_text {
    PU_PEER_BASE58 = 1, /* "12D3Koo..." or "Qm...": printed unless somebody asks otherwise */
    PU_PEER_CID_BASE32, /* "bafz..." */
    PU_PEER_CID_BASE36  /* "k51..." */
};

/* Makes the id of a raw Ed25519 public key. */
PU_API void pu_peer_id_from_ed25519(pu_peer_id *id, const uint8_t key[32]);

/* Writes the protobuf PublicKey of a raw Ed25519 key: 08 01 12 20 and the key. */
PU_API void pu_public_key_pb(uint8_t out[PU_PUBLIC_KEY_PB_BYTES], const uint8_t key[32]);

/* Checks a binary peer id and copies it. PU_ERANGE: neither an identity nor a sha2-256 multihash,
 * wrong length, or trailing bytes. */
PU_API PU_MUST_USE int pu_peer_id_from_bytes(pu_peer_id *id, pu_span multihash);

/* The raw Ed25519 key inside an id. False: the id does not inline a canonical Ed25519 PublicKey. */
PU_API bool pu_peer_id_ed25519(const pu_peer_id *id, uint8_t key[32]);

/* Reads any text form: base58btc of a multihash ("1..." or "Qm..."), or CIDv1 with codec libp2p-key
 * in multibase base58btc, base32, base36 or base16 (upper or lower case where the base allows).
 * PU_ERANGE: none of these. */
PU_API PU_MUST_USE int pu_peer_id_parse(pu_peer_id *id, pu_span text);

/* Writes one text form and its terminator; returns the length without it. id must not be empty. */
PU_API size_t pu_peer_id_text(const pu_peer_id *id, enum pu_peer_text form,
                              char out[PU_PEER_ID_TEXT_MAX]);

/* Whether both are the same id; two empty ones are. */
PU_API bool pu_peer_id_equal(const pu_peer_id *a, const pu_peer_id *b);

/* ---- interned peer ids ---- */

/* Peer ids held once a process behind 32-bit numbers, reference-counted and bounded. Sharing saves
 * memory only: a node cannot tell whether others know an id. Numbers are never sorted, hashed or
 * recorded. */
typedef struct pu_peers pu_peers;

/* Makes a table for at most max ids. hash_seed changes its layout and nothing else. alloc is kept
 * until free. PU_ENOMEM, PU_ERANGE (max is 0 or above 2^24). */
PU_API PU_MUST_USE int pu_peers_new(pu_peers **peers, uint32_t max, uint64_t hash_seed,
                                    const pu_alloc *alloc);

/* Frees the table and all ids in it, whatever references are held. */
PU_API void pu_peers_free(pu_peers *peers);

/* Finds or adds id and takes one reference; 0 when the table is full or memory is short. */
PU_API pu_peer pu_peers_intern(pu_peers *peers, const pu_peer_id *id);

/* Finds id without taking a reference; 0 when it is not there. */
PU_API pu_peer pu_peers_find(const pu_peers *peers, const pu_peer_id *id);

/* Takes one more reference. */
PU_API void pu_peers_retain(pu_peers *peers, pu_peer peer);

/* Gives one reference back; the last one frees the number for another id. */
PU_API void pu_peers_release(pu_peers *peers, pu_peer peer);

/* The id behind a number; valid while a reference is held. The bytes do not move. */
PU_API const pu_peer_id *pu_peers_id(const pu_peers *peers, pu_peer peer);

/* How many ids are held. */
PU_API uint32_t pu_peers_count(const pu_peers *peers);

/* ---- multiaddrs ---- */

/* Codes of the multicodec table (only those that have a meaning here have a name). */
enum pu_maddr_code {
    PU_MA_IP4 = 4,
    PU_MA_TCP = 6,
    PU_MA_IP6 = 41,
    PU_MA_IP6ZONE = 42,
    PU_MA_DNS = 53,
    PU_MA_DNS4 = 54,
    PU_MA_DNS6 = 55,
    PU_MA_DNSADDR = 56,
    PU_MA_UDP = 273,
    PU_MA_CIRCUIT = 290,
    PU_MA_UNIX = 400,
    PU_MA_P2P = 421,
    PU_MA_TLS = 448,
    PU_MA_SNI = 449,
    PU_MA_QUIC_V1 = 461,
    PU_MA_CERTHASH = 466,
    PU_MA_WS = 477,
    PU_MA_WSS = 478,
    PU_MA_MEMORY = 777
};

enum {
    PU_MADDR_MAX = 512,       /* bytes of the longest binary multiaddr accepted */
    PU_MADDR_TEXT_MAX = 4865, /* bytes of its longest text form ("/p2p-websocket-star" 256 times),
                                 terminator included */
};

/* One component of a multiaddr. */
typedef struct pu_maddr_part {
    uint32_t code; /* enum pu_maddr_code, or another code of the table */
    pu_span value; /* the value's bytes without their length; points into the address */
} pu_maddr_part;

/* Takes the next component off *rest. False: nothing is left, or the bytes are not a multiaddr; in
 * the second case *rest is not empty. Values are checked: ports and addresses by size, names
 * printable UTF-8 without '/' and not empty, unix a path from '/' with nothing after it, p2p a peer
 * id, certhash a multihash, onions with a port. */
PU_API bool pu_maddr_next(pu_span *rest, pu_maddr_part *part);

/* Whether bytes are one whole, non-empty, well-formed multiaddr of known protocols. */
PU_API bool pu_maddr_valid(pu_span bytes);

/* Reads text into out (cap bytes) and sets *len. PU_ERANGE: not a multiaddr, or longer than cap;
 * *bad, when not NULL, is then the offset in text of the component at fault. */
PU_API PU_MUST_USE int pu_maddr_parse(uint8_t *out, size_t cap, size_t *len, pu_span text,
                                      size_t *bad);

/* Writes the text form and its terminator into out (cap bytes, PU_MADDR_TEXT_MAX always suffices);
 * returns its length. PU_ERANGE (negative): bytes are not a multiaddr, or out is too small. */
PU_API PU_MUST_USE ptrdiff_t pu_maddr_text(pu_span bytes, char *out, size_t cap);

/* How a connection is carried. */
enum pu_transport {
    PU_TRANSPORT_NONE = 0,
    PU_TRANSPORT_QUIC,   /* /udp/N/quic-v1 */
    PU_TRANSPORT_TCP,    /* /tcp/N */
    PU_TRANSPORT_CIRCUIT /* a stream through a relay */
};

/* What a dialer needs to know of a multiaddr. */
typedef struct pu_addr {
    /* Of the first hop; CIRCUIT when the relay is named by its id alone; NONE when this address
     * cannot be dialled by us (it is still kept), and for /dnsaddr, whose records say. */
    enum pu_transport transport;
    bool circuit;         /* goes through the relay named by `via` */
    bool dns;             /* the first component is a name: resolve before dialling */
    pu_endpoint endpoint; /* of the first hop; only its port when dns; zero when it has no IP */
    pu_span name;         /* the name, when dns; points into the address */
    pu_peer_id via;       /* the relay; empty when !circuit or not named */
    pu_peer_id peer;      /* the last /p2p/, the target; empty when not named */
} pu_addr;

/* Reads a binary multiaddr as a dial target. PU_ERANGE: not a multiaddr, or its shape makes no
 * sense to dial: two relays, or a /p2p/ that something other than /p2p-circuit follows. */
PU_API PU_MUST_USE int pu_addr_read(pu_addr *addr, pu_span bytes);

/* Writes /ip4|ip6/A/udp/P/quic-v1 or /ip4|ip6/A/tcp/P into out; returns its length. transport is
 * QUIC or TCP. */
PU_API size_t pu_addr_write(uint8_t out[PU_MADDR_MAX], const pu_endpoint *endpoint,
                            enum pu_transport transport);

/* How far an address reaches (RFC 6890 ranges). */
enum pu_scope {
    PU_SCOPE_NONE = 0, /* unspecified, multicast or reserved: never dialled */
    PU_SCOPE_LOOPBACK,
    PU_SCOPE_LINK,    /* 169.254/16, fe80::/10 */
    PU_SCOPE_PRIVATE, /* 10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7 */
    PU_SCOPE_GLOBAL
};

/* The reach of an endpoint's address; NONE for what RFC 6890 keeps for documentation and tests. */
PU_API enum pu_scope pu_endpoint_scope(const pu_endpoint *endpoint);

/* Address and port equal; scope is compared for link-local addresses only. */
PU_API bool pu_endpoint_equal(const pu_endpoint *a, const pu_endpoint *b);

/* An IPv4 endpoint from its four bytes. */
PU_API pu_endpoint pu_endpoint_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);

/* Writes "1.2.3.4:5", "[2001:db8::1]:5", "[fe80::1%2]:5" and a terminator; returns the length
 * without it. */
PU_API size_t pu_endpoint_text(const pu_endpoint *endpoint, char out[64]);

/* ---- authorized_keys ---- */

/* One line of an authorized_keys file: peer id, key=value attributes, comment. */
typedef struct pu_authorized {
    pu_peer_id peer;    /* empty: the line is blank or a comment */
    pu_span expires;    /* value of expires=, RFC 3339; empty when absent */
    uint64_t expires_s; /* the same in Unix seconds, at least 1; 0 = never */
    pu_span comment;    /* after the first '#', trimmed */
} pu_authorized;

/* Reads one line without its newline. PU_ERANGE: the first word is not a peer id, expires= is not
 * RFC 3339, or the line is longer than 65,535 bytes; *bad, when not NULL, is then the offset of the
 * word at fault. Unknown attributes and words without '=' are ignored; of duplicates the last wins.
 */
PU_API PU_MUST_USE int pu_authorized_parse(pu_authorized *line, pu_span text, size_t *bad);

#endif
