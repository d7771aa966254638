/* tests/unit/report_play.h - a folder with a small run database and the page made of it, which the
 * tests of reports share. */
#ifndef TESTS_UNIT_REPORT_PLAY_H
#define TESTS_UNIT_REPORT_PLAY_H

#include "analysis/report.h"
#include "analysis/tracedb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct place {
    char folder[256], db[300], html[300], error[1600];
} place;

static inline int place_make(void **state)
{
    place *p = calloc(1, sizeof *p);
    const char *base = getenv("TMPDIR");
    if (!p) return -1;
    snprintf(p->folder, sizeof p->folder, "%.200s/report-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(p->folder)) return -1;
    snprintf(p->db, sizeof p->db, "%s/run.db", p->folder);
    snprintf(p->html, sizeof p->html, "%s/report.html", p->folder);
    *state = p;
    return 0;
}

/* The folder must hold nothing else: a report leaves no temporary files. */
static inline int place_remove(void **state)
{
    place *p = *state;
    unlink(p->db);
    unlink(p->html);
    int result = rmdir(p->folder);
    free(p);
    return result;
}

static inline tracedb *begin(place *p, const char *scenario)
{
    tracedb *db = tracedb_create(p->db, p->error, sizeof p->error);
    if (!db) fail_msg("%s", p->error);
    tracedb_put_run(db, &(tracedb_run){7, scenario, "What it is about.", "model", "b1",
                                       "peerup-sim run x.yaml --seed 7", "aa", "bb", 120 * PU_S, 42,
                                       false});
    return db;
}

static inline void end(place *p, tracedb *db)
{
    if (!tracedb_close(db, true, p->error, sizeof p->error)) fail_msg("%s", p->error);
}

static inline void put_node(tracedb *db, uint32_t node, const char *name, const char *group,
                            const char *behind)
{
    char peer[32];
    snprintf(peer, sizeof peer, "12D3KooW%03u", node);
    tracedb_put_node(db, &(tracedb_node){.node = node,
                                         .name = name,
                                         .peer = peer,
                                         .group = group,
                                         .is_relay = node == 0,
                                         .is_public = behind[0] == '\0',
                                         .address = "11.0.0.1",
                                         .public_address = "11.0.0.1",
                                         .address6 = "",
                                         .behind = behind});
    tracedb_put_note(db, 0, node, "start", "");
}

/* A box on the public network: a NAT that lets in whom its inside wrote to. */
static inline tracedb_nat nat_of(uint32_t box, const char *type, const char *owner)
{
    return (tracedb_nat){.box = box,
                         .parent = -1,
                         .type_name = type,
                         .mapping = "eim",
                         .filtering = "apdf",
                         .ports = "random",
                         .udp_idle_ns = 35 * PU_S,
                         .tcp_idle_ns = PU_S,
                         .refresh = "outbound",
                         .hairpin = "none",
                         .pooling = "paired",
                         .address = "",
                         .owner = owner};
}

/* Where node is from then on, with IPv4 alone: its box, -1 for none. */
static inline void put_place(tracedb *db, uint32_t node, pu_time at, int64_t box,
                             const char *address)
{
    tracedb_put_attachment(db, node, at, &(tracedb_place){box, address}, &(tracedb_place){-1, ""});
}

/* A datagram of a node: sent, and delivered to a node, or dropped at a box (to -1). */
static inline void put_datagram(tracedb *db, uint64_t id, pu_time at, const char *kind,
                                uint32_t from, int64_t to, int64_t box)
{
    tracedb_packet p = {at,    id,   from,   -1, -1, "10.0.0.1:1", "11.0.0.9:4001",
                        "udp", kind, "sent", 60};
    tracedb_put_packet(db, &p);
    p.at += 20 * PU_MS;
    p.to_node = to;
    p.box = box;
    p.fate = to >= 0 ? "delivered" : box >= 0 ? "filtered" : "lost";
    tracedb_put_packet(db, &p);
}

/* A node tells that it sends a punch datagram. */
static inline void put_punch(tracedb *db, pu_time at, uint32_t from, const char *to)
{
    uint8_t peer = 1;
    tracedb_put_event(db, from,
                      &(pu_trace){.now = at, .code = PU_TR_PUNCH_SEND, .peer = {&peer, 1}}, to);
}

static inline char *story_of(place *p)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    if (!report_story(p->db, out, p->error, sizeof p->error)) fail_msg("%s", p->error);
    fclose(out);
    return text;
}

static inline char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    size_t len = fread(text, 1, (1 << 20) - 1, f);
    assert_true(len > 0 && len < (1 << 20) - 1);
    fclose(f);
    return text;
}

static inline int count(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) n++;
    return n;
}

#endif
