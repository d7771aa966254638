/* Captures as pcapng, see pcap.h. Numbers are little-endian on every machine: the byte-order magic
 * of the section says so. Packets wait in a temporary file, since the secrets go before them.
 */
#include "sim/pcap.h"

#include "base/mem.h"
#include "sim/file.h"
#include "sim/mem.h"
#include "sim/pcap_frame.h"

#include <errno.h>

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    BLOCK_SECRETS = 10,
    BYTE_ORDER = 0x1a2b3c4d,
    LINK_RAW_IP = 101,
    SECRETS_TLS = 0x544c534b,
    OPTION_END = 0,
    OPTION_NAME = 2,
    OPTION_FLAGS = 2, /* of a packet */
    OPTION_RESOLUTION = 9,
    NANOSECONDS = 9,
    DIRECTION_IN = 1,
    DIRECTION_OUT = 2,
    BLOCK_MAX = 4096,
    SECRETS_MAX = 64 << 20
};

struct pcap {
    file_new file;
    FILE *packets; /* temporary */
    uint64_t start_ns;
    bool has_segments;
    const char *const *names;
    uint32_t count;
    char *secrets; /* owned */
    size_t secrets_len, secrets_cap;
    int failed; /* errno of the first failure; 0: none */
};

static void put16(pu_buf *b, uint16_t v)
{
    uint8_t bytes[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
    buf_put(b, bytes, sizeof bytes);
}

static void put32(pu_buf *b, uint32_t v)
{
    uint8_t bytes[4];
    store_le32(bytes, v);
    buf_put(b, bytes, sizeof bytes);
}

static void put_padded(pu_buf *b, const void *bytes, size_t len)
{
    static const uint8_t zero[4];
    buf_put(b, bytes, len);
    buf_put(b, zero, (4 - len % 4) % 4);
}

static void put_option(pu_buf *b, uint16_t code, const void *value, size_t len)
{
    put16(b, code);
    put16(b, (uint16_t)len);
    put_padded(b, value, len);
}

static void note(pcap *p, bool is_written)
{
    if (!is_written && p->failed == 0) p->failed = errno != 0 ? errno : EIO;
}

/* A block of type around body, which is padded already. */
static void write_block(pcap *p, FILE *to, uint32_t type, pu_span body)
{
    uint8_t head[8], tail[4];
    uint32_t len = (uint32_t)body.len + sizeof head + sizeof tail;
    store_le32(head, type);
    store_le32(head + 4, len);
    store_le32(tail, len);
    note(p, fwrite(head, 1, sizeof head, to) == sizeof head &&
                fwrite(body.base, 1, body.len, to) == body.len &&
                fwrite(tail, 1, sizeof tail, to) == sizeof tail);
}

pcap *pcap_open(const char *path, const char *const *names, uint32_t count, uint64_t start_ns,
                bool has_segments, char *error, size_t error_cap)
{
    file_new file;
    if (!file_new_open(&file, path, error, error_cap)) return NULL;
    FILE *packets = tmpfile();
    if (packets == NULL) {
        snprintf(error, error_cap, "%s: no temporary file: %s", path, strerror(errno));
        file_new_drop(&file);
        return NULL;
    }
    pcap *p = sim_alloc(sizeof *p);
    *p = (pcap){.file = file,
                .packets = packets,
                .start_ns = start_ns,
                .has_segments = has_segments,
                .names = names,
                .count = count};
    return p;
}

void pcap_packet(pcap *p, pu_time now, uint32_t interface, bool out, const pu_endpoint *local,
                 const pu_endpoint *remote, enum net_carriage carriage, pu_span bytes)
{
    uint8_t frame_bytes[PCAP_FRAME_MAX], block[BLOCK_MAX], flags[4];
    pu_buf frame = buf_of(frame_bytes, sizeof frame_bytes), b = buf_of(block, sizeof block);
    pcap_frame(&frame, out ? local : remote, out ? remote : local, carriage, p->has_segments,
               bytes);
    uint64_t at = p->start_ns + now;
    put32(&b, interface);
    put32(&b, (uint32_t)(at >> 32));
    put32(&b, (uint32_t)at);
    put32(&b, (uint32_t)frame.len);
    put32(&b, (uint32_t)frame.len);
    put_padded(&b, frame.base, frame.len);
    store_le32(flags, out ? DIRECTION_OUT : DIRECTION_IN);
    put_option(&b, OPTION_FLAGS, flags, sizeof flags);
    put_option(&b, OPTION_END, NULL, 0);
    PU_ASSERT(!b.full);
    write_block(p, p->packets, BLOCK_PACKET, buf_span(&b));
}

void pcap_secret(pcap *p, const char *line)
{
    size_t len = strlen(line);
    if (p->secrets_len + len + 1 > SECRETS_MAX) return; /* later connections stay closed */
    if (p->secrets_len + len + 1 > p->secrets_cap) {
        p->secrets_cap = (p->secrets_len + len + 1) * 2;
        p->secrets = sim_resize(p->secrets, p->secrets_cap);
    }
    memcpy(p->secrets + p->secrets_len, line, len);
    p->secrets_len += len;
    p->secrets[p->secrets_len++] = '\n';
}

/* ---- the file ---- */

static void write_section(pcap *p)
{
    uint8_t body[16];
    pu_buf b = buf_of(body, sizeof body);
    put32(&b, BYTE_ORDER);
    put16(&b, 1); /* version 1.0 */
    put16(&b, 0);
    put32(&b, UINT32_MAX); /* its length is not told */
    put32(&b, UINT32_MAX);
    write_block(p, p->file.out, BLOCK_SECTION, buf_span(&b));
}

static void write_interface(pcap *p, const char *name)
{
    uint8_t body[256], resolution = NANOSECONDS;
    pu_buf b = buf_of(body, sizeof body);
    put16(&b, LINK_RAW_IP);
    put16(&b, 0);
    put32(&b, 0); /* whole packets */
    put_option(&b, OPTION_NAME, name, strlen(name));
    put_option(&b, OPTION_RESOLUTION, &resolution, 1);
    put_option(&b, OPTION_END, NULL, 0);
    PU_ASSERT(!b.full);
    write_block(p, p->file.out, BLOCK_INTERFACE, buf_span(&b));
}

static void write_secrets(pcap *p)
{
    if (p->secrets_len == 0) return;
    size_t padded = (p->secrets_len + 3) / 4 * 4, cap = 8 + padded;
    uint8_t *body = sim_alloc(cap);
    pu_buf b = buf_of(body, cap);
    put32(&b, SECRETS_TLS);
    put32(&b, (uint32_t)p->secrets_len);
    put_padded(&b, p->secrets, p->secrets_len);
    write_block(p, p->file.out, BLOCK_SECRETS, buf_span(&b));
    free(body);
}

static void copy_packets(pcap *p)
{
    char bytes[65536];
    size_t len;
    rewind(p->packets);
    while ((len = fread(bytes, 1, sizeof bytes, p->packets)) > 0)
        note(p, fwrite(bytes, 1, len, p->file.out) == len);
    note(p, ferror(p->packets) == 0);
}

bool pcap_close(pcap *p, bool keep, char *error, size_t error_cap)
{
    bool is_good = true;
    if (keep) {
        write_section(p);
        for (uint32_t i = 0; i < p->count; i++) write_interface(p, p->names[i]);
        write_secrets(p);
        copy_packets(p);
        is_good = file_new_close(&p->file, p->failed, error, error_cap);
    } else {
        file_new_drop(&p->file);
    }
    fclose(p->packets);
    free(p->secrets);
    free(p);
    return is_good;
}
