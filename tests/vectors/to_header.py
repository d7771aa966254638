#!/usr/bin/env python3
"""Writes the test vectors of this folder as C headers: to_header.py OUTDIR.

Each header holds one or more static tables of rows. Bytes become pu_span initialisers over string literals, so the
tests need no decoding; what a row means is said by the struct above its table.
"""
import csv
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# multibase's names for the bases that core/ident/multibase.h has
BASES = {
    "base16": "BASE16",
    "base16upper": "BASE16_UPPER",
    "base32": "BASE32",
    "base32upper": "BASE32_UPPER",
    "base36": "BASE36",
    "base36upper": "BASE36_UPPER",
    "base58btc": "BASE58",
    "base64url": "BASE64_URL",
}


def load(path):
    with open(os.path.join(HERE, path), encoding="utf-8") as file:
        return json.load(file)


def rows_of(path):
    with open(os.path.join(HERE, path), encoding="utf-8", newline="") as file:
        return list(csv.reader(file, skipinitialspace=True))


def span(data):
    """A pu_span initialiser; every byte that is not a plain character is three octal digits."""
    if len(data) > 4000:  # more than C compilers have to take as a string
        return f'{{(const uint8_t[]){{{", ".join(map(str, data))}}}, {len(data)}}}'
    plain = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 /:.,-_+=")
    text = "".join(chr(b) if b in plain else f"\\{b:03o}" for b in data)
    return f'{{(const uint8_t *)"{text}", {len(data)}}}'


def hex_span(text):
    return span(bytes.fromhex(text))


def text_span(text):
    return span(text.encode())


def table(struct, name, fields, rows):
    """A struct, and a static array of it: fields are (type, name, comment), rows are lists of C initialisers."""
    lines = [f"typedef struct {struct} {{"]
    lines += [f"    {kind} {field};" + (f" /* {comment} */" if comment else "") for kind, field, comment in fields]
    lines += [f"}} {struct};", "", f"static const {struct} {name}[] = {{"]
    lines += ["    {" + ", ".join(row) + "}," for row in rows]
    return "\n".join(lines + ["};", ""])


def header(stem, source, tables, includes=("base/bytes.h",)):
    guard = f"VECTORS_{stem.upper()}_H"
    parts = [f"/* Made by tests/vectors/to_header.py from {source}. */", f"#ifndef {guard}", f"#define {guard}", ""]
    parts += [f'#include "{include}"' for include in includes]
    return "\n".join(parts + [""] + tables + ["#endif", ""])


def peer_ids():
    derived = load("libp2p/js-derived-vectors.json")["keys"]
    spec = load("libp2p/spec-vectors.json")
    rows = []
    for key in derived:
        # the one truncated key is longer than an inlined one can be
        public = "" if key["public_key_protobuf"].endswith("...") else key["public_key_protobuf"]
        rows.append([hex_span(public), hex_span(key["multihash"]), text_span(key["base58"]),
                     text_span(key["cidv1_base32"]), text_span(key["cidv1_base36"])])
    texts = spec["peer_id_examples"] + [c["peer_id"] for c in spec["tls_certificates"] if c["peer_id"]]
    ids = table("peer_id_vector", "peer_id_vectors",
                [("pu_span", "public_key", "protobuf; empty when the id is its hash"), ("pu_span", "multihash", ""),
                 ("pu_span", "base58", ""), ("pu_span", "base32", ""), ("pu_span", "base36", "")], rows)
    names = table("peer_text_vector", "peer_text_vectors", [("pu_span", "text", "")], [[text_span(t)] for t in texts])
    return header("peer_ids", "libp2p/spec-vectors.json and libp2p/js-derived-vectors.json", [ids, names])


def identity_keys():
    spec = load("libp2p/spec-vectors.json")["keys"]
    rows = [[text_span(name), hex_span(key)] for name, key in spec.items() if name.endswith("public key")]
    return header("identity_keys", "libp2p/spec-vectors.json",
                  [table("identity_key_vector", "identity_key_vectors",
                         [("pu_span", "name", ""), ("pu_span", "public_key", "protobuf")], rows)])


def tls_certificates():
    rows = [[text_span(c["title"]), hex_span(c["certificate_hex"]), text_span(c["peer_id"] or "")]
            for c in load("libp2p/spec-vectors.json")["tls_certificates"]]
    return header("tls_certificates", "libp2p/spec-vectors.json",
                  [table("tls_certificate_vector", "tls_certificate_vectors",
                         [("pu_span", "title", ""), ("pu_span", "der", ""),
                          ("pu_span", "peer", "text of the id; empty: to be refused")], rows)])


def noise():
    """The XX handshake of cacophony, message by message, and two of libp2p's from fixed keys."""
    xx = load("noise/cacophony-XX_25519_ChaChaPoly_SHA256.json")["vectors"][0]
    assert xx["init_prologue"] == xx["resp_prologue"]
    names = ("init_prologue", "init_static", "init_ephemeral", "resp_static", "resp_ephemeral", "handshake_hash")
    keys = table("noise_xx_vector", "noise_xx_vectors",
                 [("pu_span", name, "both sides'" if name == "init_prologue" else "") for name in names],
                 [[hex_span(xx[name]) for name in names]])
    messages = table("noise_message_vector", "noise_message_vectors",
                     [("pu_span", "payload", ""), ("pu_span", "ciphertext", "")],
                     [[hex_span(m["payload"]), hex_span(m["ciphertext"])] for m in xx["messages"]])
    sides = ("initiator", "responder")
    secrets = ("identity_seed", "static_priv", "ephemeral_priv")
    fields = [("pu_span", f"{name}[2]", "of the initiator, of the responder") for name in secrets]
    plain = ("payload2", "payload3", "msg1_framed", "msg2_framed", "msg3_framed", "handshake_hash", "k_i2r", "k_r2i")
    frames = ("transport_i2r_0", "transport_i2r_1_empty", "transport_r2i_0")
    fields += [("pu_span", name, "") for name in plain]
    fields += [("pu_span", f"{name}[2]", "plain text, frame") for name in frames]
    rows = []
    for v in load("libp2p/noise-libp2p-vectors.json"):
        assert v["prologue"] == ""
        rows.append(["{" + ", ".join(hex_span(v[side][name]) for side in sides) + "}" for name in secrets]
                    + [hex_span(v[name]) for name in plain]
                    + ["{" + hex_span(v[name]["plaintext"]) + ", " + hex_span(v[name]["framed"]) + "}"
                       for name in frames])
    return header("noise", "noise/cacophony-*.json and libp2p/noise-libp2p-vectors.json",
                  [keys, messages, table("noise_libp2p_vector", "noise_libp2p_vectors", fields, rows)])


def multiaddrs():
    rows = [[text_span(a["text"]), hex_span(a["hex"])] for a in load("libp2p/js-derived-vectors.json")["multiaddr"]]
    return header("multiaddrs", "libp2p/js-derived-vectors.json",
                  [table("maddr_vector", "maddr_vectors", [("pu_span", "text", ""), ("pu_span", "bytes", "")], rows)])


def multibase():
    rows = []
    for name in ("basic", "case_insensitivity", "leading_zero", "two_leading_zeros"):
        head, *cases = rows_of(f"multiformats/multibase-{name}.csv")
        canonical = "false" if head[0].startswith("non-canonical") else "true"
        data = span(head[1].replace("\\x00", "\0").encode())
        rows += [[BASES[base], canonical, data, text_span(text)] for base, text in cases if base in BASES]
    return header("multibase", "multiformats/multibase-*.csv",
                  [table("multibase_vector", "multibase_vectors",
                         [("enum base", "base", ""), ("bool", "is_canonical", "encoding gives it, too"),
                          ("pu_span", "bytes", ""), ("pu_span", "text", "")], rows)],
                  ("base/bytes.h", "ident/multibase.h"))


def multihash():
    _, *cases = rows_of("multiformats/multihash-test_cases.csv")
    rows = []
    for algorithm, bits, _, digest in cases:
        # a peer id is sha2-256 in full, or the identity
        peer = algorithm == "identity" or (algorithm == "sha2-256" and bits == "256")
        rows.append(["true" if peer else "false", hex_span(digest)])
    return header("multihash", "multiformats/multihash-test_cases.csv",
                  [table("multihash_vector", "multihash_vectors",
                         [("bool", "is_peer_id", "of a kind that peer ids have"), ("pu_span", "bytes", "")], rows)])


def uvarint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed_record():
    """The peer record that seed 01 x 32 signed: what is signed is domain, type and payload, each with its length."""
    record = load("libp2p/js-derived-vectors.json")["signed_peer_record"]
    parts = (record["domain"].encode(), bytes.fromhex(record["payload_type"]), bytes.fromhex(record["payload"]))
    message = b"".join(uvarint(len(part)) + part for part in parts)
    return [span(b"\1" * 32), span(message), hex_span(record["signature"])]


def envelopes():
    """The same record as a whole envelope, with its parts."""
    record = load("libp2p/js-derived-vectors.json")["signed_peer_record"]
    row = [span(b"\1" * 32), text_span(record["domain"]), hex_span(record["payload_type"]),
           hex_span(record["payload"]), hex_span(record["envelope"])]
    return header("envelopes", "libp2p/js-derived-vectors.json",
                  [table("envelope_vector", "envelope_vectors",
                         [("pu_span", "seed", "of the signer's key"), ("pu_span", "domain", ""),
                          ("pu_span", "payload_type", ""), ("pu_span", "payload", ""), ("pu_span", "envelope", "")],
                         [row])])


def snake(flag):
    """ZeroSharedSecret: ZERO_SHARED_SECRET."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", flag).upper()


def wycheproof(stem, path, fields, row_of, more=()):
    """Every case of a file of Wycheproof: tcId, result and flags, then what row_of(group, case) gives."""
    data = load(f"wycheproof/{path}_test.json")
    up = stem.upper()
    bits = {flag: f"{up}_{snake(flag)}" for flag in sorted(data["notes"])}
    flags = ["/* What the cases are about; the file explains each. */", f"enum {stem}_flag {{"]
    flags += [f"    {name} = 1 << {i}," for i, name in enumerate(bits.values())]
    flags += ["};", f"enum {{ {up}_FLAG_COUNT = {len(bits)} }};", ""]
    rows = [[str(case["tcId"]), "VECTOR_" + case["result"].upper(),
             " | ".join(bits[flag] for flag in case["flags"]) or "0"] + row_of(group, case)
            for group in data["testGroups"] for case in group["tests"]]
    assert len(rows) == data["numberOfTests"]
    cases = table(f"{stem}_vector", f"{stem}_vectors",
                  [("int", "id", "tcId in the file"), ("enum vector_result", "result", ""),
                   ("unsigned", "flags", f"of {stem}_flag")] + fields, rows)
    return header(stem, f"wycheproof/{path}_test.json", ["\n".join(flags), cases, *more],
                  ("base/bytes.h", "vectors/wycheproof.h"))


def wycheproof_results():
    return header("wycheproof", "the files of wycheproof",
                  ["/* What an implementation has to say of a case. */\n"
                   "enum vector_result { VECTOR_VALID = 1, VECTOR_INVALID, VECTOR_ACCEPTABLE };\n"])


def spans(*names):
    return [("pu_span", name, "") for name in names]


def ed25519():
    sign = table("ed25519_signed", "ed25519_signed_vectors", spans("seed", "message", "signature"),
                 [signed_record()])
    return wycheproof("ed25519", "ed25519", spans("key", "message", "signature"),
                      lambda group, case: [hex_span(group["publicKey"]["pk"]), hex_span(case["msg"]),
                                           hex_span(case["sig"])], [sign])


def x25519():
    return wycheproof("x25519", "x25519", spans("public_key", "secret", "shared"),
                      lambda _, case: [hex_span(case[key]) for key in ("public", "private", "shared")])


def chacha20_poly1305():
    return wycheproof("chacha20_poly1305", "chacha20_poly1305",
                      spans("key", "nonce", "ad", "plain") + [("pu_span", "sealed", "with the tag at its end")],
                      lambda _, case: [hex_span(case[key]) for key in ("key", "iv", "aad", "msg")] +
                      [hex_span(case["ct"] + case["tag"])])


def hkdf_sha256():
    return wycheproof("hkdf_sha256", "hkdf_sha256",
                      spans("ikm", "salt", "info") + [("size_t", "size", "bytes asked for")] + spans("okm"),
                      lambda _, case: [hex_span(case[key]) for key in ("ikm", "salt", "info")] +
                      [str(case["size"]), hex_span(case["okm"])])


def hmac_sha256():
    return wycheproof("hmac_sha256", "hmac_sha256",
                      spans("key", "message") + [("pu_span", "tag", "whole, or its first half")],
                      lambda _, case: [hex_span(case[key]) for key in ("key", "msg", "tag")])


def upnp():
    fields = [("const char *", "name", "what was asked for"), ("pu_span", "bytes", "the whole answer")]
    rows = [[json.dumps(name), text_span(text)] for name, text in load("upnp/miniupnpd.json")["answers"].items()]
    return header("upnp", "upnp/miniupnpd.json", [table("upnp_answer", "miniupnpd_answers", fields, rows)])


def all_headers():
    """What each header is called, and who makes it."""
    makers = (peer_ids, identity_keys, tls_certificates, noise, multiaddrs, multibase, multihash, envelopes, ed25519,
              x25519, chacha20_poly1305, hkdf_sha256, hmac_sha256, upnp)
    return {"wycheproof": wycheproof_results, **{make.__name__: make for make in makers}}


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: to_header.py OUTDIR")
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, make in all_headers().items():
        with open(os.path.join(sys.argv[1], name + ".h"), "w", encoding="ascii") as file:
            file.write(make())


if __name__ == "__main__":
    main()
