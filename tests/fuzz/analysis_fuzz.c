/* analysis_fuzz.c - what reports are made of: texts that others chose, and run databases that
 * somebody changed. */
#include "analysis/html.h"
#include "analysis/plot.h"
#include "analysis/report.h"
#include "analysis/text.h"
#include "analysis/tracedb.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- texts ---- */

/* Whether text is printable UTF-8, and ends of lines where they may be. */
static bool is_printable(const char *text, bool has_lines)
{
    size_t len = strlen(text);
    for (size_t size; len > 0; text += size, len -= size) {
        size = text_char((const uint8_t *)text, len);
        if (size == 0 && has_lines && *text == '\n') size = 1;
        if (size == 0) return false;
    }
    return true;
}

static int hex_of(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The text back from what text_escape made of its beginning. */
static void check_escaped(const char *line, pu_span bytes)
{
    size_t at = 0;
    PU_ASSERT(is_printable(line, false));
    for (; *line != '\0'; at++) {
        PU_ASSERT(at < bytes.len);
        uint8_t is = (uint8_t)*line++;
        if (is == '\\' && *line == 'x') {
            is = (uint8_t)(hex_of(line[1]) << 4 | hex_of(line[2]));
            line += 3;
        } else if (is == '\\') {
            PU_ASSERT(*line == '\\');
            line++;
        }
        PU_ASSERT(is == bytes.base[at]);
    }
}

/* What a writer of texts has written, until the next call. */
static char *written;
static size_t written_len;

static FILE *write_begin(void)
{
    free(written);
    written = NULL;
    FILE *out = open_memstream(&written, &written_len);
    PU_ASSERT(out != NULL);
    return out;
}

static void write_end(FILE *out)
{
    int failed = fclose(out);
    PU_ASSERT(failed == 0);
    PU_ASSERT(strlen(written) == written_len);
}

static void check_html(const char *text)
{
    FILE *out = write_begin();
    html_text(out, text);
    write_end(out);
    PU_ASSERT(is_printable(written, true));
    PU_ASSERT(strpbrk(written, "<>\"'") == NULL);
    for (const char *at = written; (at = strchr(at, '&')) != NULL; at++) {
        static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
        size_t i = 0;
        while (i < 5 && strncmp(at, known[i], strlen(known[i])) != 0) i++;
        PU_ASSERT(i < 5);
    }
}

/* A quoted string of gnuplot: only a doubled quote is inside, and no line ends. */
static void check_plot(const char *text)
{
    FILE *out = write_begin();
    plot_string(out, text);
    write_end(out);
    PU_ASSERT(is_printable(written, false));
    PU_ASSERT(written_len >= 2 && written[0] == '\'' && written[written_len - 1] == '\'');
    for (size_t i = 1; i + 1 < written_len; i++) {
        if (written[i] != '\'') continue;
        PU_ASSERT(i + 2 < written_len && written[i + 1] == '\'');
        i++;
    }
}

void fuzz_page(pu_span bytes)
{
    static char line[8192], text[4096];
    size_t cap = 1 + fuzz_u16(&bytes) % sizeof line;
    size_t len = bytes.len < sizeof text ? bytes.len : sizeof text - 1;
    PU_ASSERT(text_escape(line, cap, bytes.base, bytes.len) < cap);
    check_escaped(line, bytes);
    if (len > 0) memcpy(text, bytes.base, len);
    text[len] = '\0';
    check_html(text);
    check_plot(text);
}

/* ---- databases ---- */

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
    int set = sqlite3_config(SQLITE_CONFIG_SINGLETHREAD); /* faster */
    PU_ASSERT(set == SQLITE_OK);
    set = sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    PU_ASSERT(set == SQLITE_OK);
    set = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    PU_ASSERT(set == SQLITE_OK);
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
    FILE *out = write_begin();
    bool is_told = report_story(m->path, out, error, sizeof error);
    write_end(out);
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
    FILE *out = write_begin();
    bool is_told = report_story(m->path, out, error, sizeof error);
    write_end(out);
    PU_ASSERT(is_told || error[0] != '\0');
    PU_ASSERT(is_printable(written, true));
}

static void draw(sql *db, uint8_t which)
{
    static plot_draw *const draws[] = {plot_lanes, plot_timeline, plot_times, plot_punch};
    FILE *out = write_begin();
    (void)draws[which % 4](db, out);
    write_end(out);
}

static void show(sql *db, uint8_t which)
{
    static const char *const queries[] = {"SELECT * FROM v_connect",   "SELECT * FROM v_dial",
                                          "SELECT * FROM v_path_time", "SELECT * FROM v_nat_matrix",
                                          "SELECT * FROM v_timeline",  "SELECT * FROM property",
                                          "SELECT * FROM metric",      "SELECT * FROM node"};
    FILE *out = write_begin();
    html_table(out, db, queries[which % 8], 10, "none");
    write_end(out);
    PU_ASSERT(is_printable(written, true));
}

void fuzz_database(pu_span bytes)
{
    struct image *m = &image;
    if (m->len == 0) image_make(m);
    uint8_t which = fuzz_u8(&bytes);
    sql db;
    image_patch(m, bytes, false);
    if (which >= 224) {
        tell_story(m);
    } else {
        if (sql_open(&db, m->path)) {
            if (which & 1) draw(&db, which >> 1);
            else show(&db, which >> 1);
        } else {
            PU_ASSERT(db.error[0] != '\0');
        }
        sql_close(&db);
    }
    image_patch(m, bytes, true);
}
