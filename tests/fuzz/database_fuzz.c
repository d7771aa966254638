/* database_fuzz.c - a run database that somebody changed: told, drawn and shown, or refused. */
#include "analysis/html.h"
#include "analysis/plot.h"
#include "analysis/report.h"
#include "analysis/tracedb.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/written.h"

#include <fcntl.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define IS_CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_CHECKED 1
#endif
#endif
#ifdef IS_CHECKED
#include <sanitizer/asan_interface.h>
#define POISON(at, len) __asan_poison_memory_region(at, len)
#define UNPOISON(at, len) __asan_unpoison_memory_region(at, len)
#else
#define POISON(at, len) ((void)(at), (void)(len))
#define UNPOISON(at, len) ((void)(at), (void)(len))
#endif

static writing written;

enum { IMAGE_MAX = 1 << 18, PATCHES_MAX = 16, TOUCHED_MAX = 256 };

/* A small run's database, as it is without changes. */
static struct image {
    char folder[64], path[80];
    int fd;
    size_t len;
    uint8_t bytes[IMAGE_MAX];
} image;

static void put_rows(tracedb *db)
{
    static const char *const names[] = {"relay", "home", "laptop"};
    for (uint32_t i = 0; i < 3; i++)
        tracedb_put_node(db, &(tracedb_node){.node = i,
                                             .name = names[i],
                                             .peer = "12D3KooW",
                                             .is_relay = i == 0,
                                             .is_public = i == 0,
                                             .address = "10.0.0.1",
                                             .public_address = "11.0.0.1",
                                             .address6 = "",
                                             .behind = i > 0 ? "router eim/apdf/preserve" : ""});
    tracedb_put_dial(db, &(tracedb_dial){.node = 2,
                                         .to = "home",
                                         .address = "/ip4/11.0.0.1/udp/4001/quic-v1",
                                         .transport = "quic",
                                         .start = PU_S,
                                         .end = 2 * PU_S,
                                         .outcome = "won"});
    tracedb_put_conn(db, &(tracedb_conn){.node = 2,
                                         .conn = 1,
                                         .peer = "home",
                                         .dialled = true,
                                         .transport = "quic",
                                         .local = "10.0.0.1:1",
                                         .remote = "11.0.0.1:2",
                                         .up = PU_S,
                                         .confirmed = PU_S,
                                         .down = PU_NEVER});
    tracedb_put_path(db, &(tracedb_path){.from = 2, .to = 1, .start = PU_S, .end = 3 * PU_S});
    tracedb_put_path(
        db,
        &(tracedb_path){.from = 2, .to = 1, .direct = true, .start = 3 * PU_S, .end = 9 * PU_S});
    tracedb_put_connect(db, &(tracedb_connect){.from = 2,
                                               .to = 1,
                                               .asked = PU_S,
                                               .usable = PU_S + PU_MS,
                                               .direct = 3 * PU_S,
                                               .lost = PU_NEVER,
                                               .first_path = "relay",
                                               .last_path = "direct",
                                               .is_authorized = true});
    tracedb_put_note(db, 3 * PU_S, 2, "punch", "home: direct after 1 round, 5.000 ms");
    tracedb_put_metric(db, "datagrams", 7, "datagrams", "sent");
    tracedb_put_property(db, &(tracedb_property){.name = "together",
                                                 .expected = "they come together",
                                                 .held = true,
                                                 .took_ns = 2 * PU_S,
                                                 .within_ns = 3 * PU_S,
                                                 .why = ""});
    tracedb_put_run(db, &(tracedb_run){.seed = 1,
                                       .scenario = "fuzz",
                                       .about = "two that meet",
                                       .fidelity = "model",
                                       .build = "b",
                                       .command_line = "peerup-sim",
                                       .config_hash = "0",
                                       .trace_hash = "1",
                                       .duration_ns = 10 * PU_S,
                                       .events = 5});
}

/* ---- SQLite's memory ----
 *
 * SQLite asks for memory thousands of times an input. It gets it from one block, from front to
 * back, and everything is given back when the input is over; AddressSanitizer is told what is in
 * use. */

enum { ARENA_BYTES = 256 << 20, ARENA_HEAD = 16 };

static struct {
    uint8_t *block;
    size_t used;
} arena;

/* A piece's length stands before it. */
static int arena_size(void *piece)
{
    int size;
    if (piece == NULL) return 0;
    memcpy(&size, (uint8_t *)piece - ARENA_HEAD, sizeof size);
    return size;
}

static int arena_round(int size)
{
    return (size + ARENA_HEAD - 1) / ARENA_HEAD * ARENA_HEAD;
}

static void *arena_take(int size)
{
    size_t whole = (size_t)arena_round(size) + ARENA_HEAD;
    if (whole > ARENA_BYTES - arena.used) return NULL;
    uint8_t *at = arena.block + arena.used;
    arena.used += whole;
    UNPOISON(at, whole);
    memcpy(at, &size, sizeof size);
    return at + ARENA_HEAD;
}

static void arena_give(void *piece)
{
    POISON(piece, (size_t)arena_round(arena_size(piece)));
}

static void *arena_resize(void *old, int size)
{
    void *piece = arena_take(size);
    int had = arena_size(old);
    if (piece == NULL) return NULL;
    memcpy(piece, old, (size_t)(had < size ? had : size));
    arena_give(old);
    return piece;
}

static int arena_init(void *ctx)
{
    (void)ctx;
    return SQLITE_OK;
}

static void arena_shutdown(void *ctx)
{
    (void)ctx;
}

/* Before SQLite is first used. */
static void arena_begin(void)
{
    static const sqlite3_mem_methods methods = {arena_take,  arena_give, arena_resize,   arena_size,
                                                arena_round, arena_init, arena_shutdown, NULL};
    arena.block = aligned_alloc(4096, ARENA_BYTES);
    PU_ASSERT(arena.block != NULL);
    POISON(arena.block, ARENA_BYTES);
    int bad = sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    bad |= sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    bad |= sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    bad |= sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    PU_ASSERT(bad == SQLITE_OK);
}

/* Everything that SQLite holds is over. */
static void arena_reset(void)
{
    int bad = sqlite3_shutdown();
    PU_ASSERT(bad == SQLITE_OK);
    POISON(arena.block, arena.used);
    arena.used = 0;
}

static void image_remove(void)
{
    unlink(image.path);
    rmdir(image.folder);
}

/* Makes the file that all inputs change, in memory where that is possible; it goes when the program
 * ends. */
static void image_make(struct image *m)
{
    char error[256];
    snprintf(m->folder, sizeof m->folder, "/dev/shm/peerup-fuzz-XXXXXX");
    if (mkdtemp(m->folder) == NULL) {
        snprintf(m->folder, sizeof m->folder, "/tmp/peerup-fuzz-XXXXXX");
        char *made = mkdtemp(m->folder);
        PU_ASSERT(made != NULL);
    }
    snprintf(m->path, sizeof m->path, "%s/run.db", m->folder);
    atexit(image_remove);
    tracedb *db = tracedb_create(m->path, error, sizeof error);
    PU_ASSERT(db != NULL);
    put_rows(db);
    bool is_good = tracedb_close(db, true, error, sizeof error);
    PU_ASSERT(is_good);
    m->fd = open(m->path, O_RDWR);
    PU_ASSERT(m->fd >= 0);
    ssize_t got = read(m->fd, m->bytes, sizeof m->bytes);
    PU_ASSERT(got > 0 && (size_t)got < sizeof m->bytes);
    m->len = (size_t)got;
    FILE *out = write_begin(&written);
    bool is_told = report_story(m->path, out, error, sizeof error);
    write_end(&written);
    PU_ASSERT(is_told); /* as it is, it is good */
}

static void image_put(const struct image *m, const uint8_t *bytes, size_t len, size_t at)
{
    ssize_t put = pwrite(m->fd, bytes, len, (off_t)at);
    PU_ASSERT(put >= 0 && (size_t)put == len);
}

/* Changes bytes of the file as the input says, or changes them back. */
static void image_patch(const struct image *m, pu_span in, bool is_back)
{
    for (int i = 0; i < PATCHES_MAX && in.len > 3; i++) {
        size_t at = (fuzz_u16(&in) << 8 | fuzz_u8(&in)) % m->len;
        pu_span bytes = fuzz_span(&in, 1 + fuzz_u8(&in) % 32);
        if (bytes.len > m->len - at) bytes.len = m->len - at;
        if (bytes.len > 0) image_put(m, is_back ? m->bytes + at : bytes.base, bytes.len, at);
    }
}

static void tell_story(const struct image *m)
{
    char error[1024] = "";
    FILE *out = write_begin(&written);
    bool is_told = report_story(m->path, out, error, sizeof error);
    write_end(&written);
    PU_ASSERT(is_told || error[0] != '\0');
    PU_ASSERT(is_printable(written.text, true));
}

static void draw(sql *db, uint8_t which)
{
    static plot_draw *const draws[] = {plot_map, plot_lanes, plot_timeline, plot_times,
                                       plot_attempt};
    FILE *out = write_begin(&written);
    (void)draws[which % 4](db, out);
    write_end(&written);
}

static void show(sql *db, uint8_t which)
{
    static const char *const queries[] = {"SELECT * FROM v_connect",   "SELECT * FROM v_dial",
                                          "SELECT * FROM v_path_time", "SELECT * FROM v_nat_matrix",
                                          "SELECT * FROM v_timeline",  "SELECT * FROM property",
                                          "SELECT * FROM metric",      "SELECT * FROM node"};
    FILE *out = write_begin(&written);
    html_table(out, db, queries[which % 8], 10, "none");
    write_end(&written);
    PU_ASSERT(is_printable(written.text, true));
}

void fuzz_database(pu_span bytes)
{
    struct image *m = &image;
    if (m->len == 0) {
        arena_begin();
        image_make(m);
    }
    uint8_t which = fuzz_u8(&bytes);
    sql db;
    image_patch(m, bytes, false);
    if (which % 32 == 31) { /* the dearest is the rarest */
        tell_story(m);
    } else {
        if (sql_open(&db, m->path)) {
            if (which % 8 == 7) draw(&db, which >> 3);
            else show(&db, which);
        } else {
            PU_ASSERT(db.error[0] != '\0');
        }
        sql_close(&db);
    }
    arena_reset();
    image_patch(m, bytes, true);
}
