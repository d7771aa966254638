/* analysis/plot.c - runs gnuplot for a figure and takes its SVG over into the page. */
#include "analysis/plot.h"

#include "analysis/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const file_names[] = {"figure.gp", "figure.svg", "figure.err", "alone.svg"};
enum { FILE_SCRIPT = 0, FILE_SVG, FILE_ERROR, FILE_ALONE, FILE_COUNT };

static void fail(plots *p, const char *doing, const char *reason)
{
    if (p->error[0] == '\0') snprintf(p->error, sizeof p->error, "%s: %s", doing, reason);
}

bool plots_begin(plots *p, sql *db, const char *html_path)
{
    *p = (plots){.db = db};
    int len = snprintf(p->folder, sizeof p->folder, "%s.plots-XXXXXX", html_path);
    if (len < 0 || (size_t)len >= sizeof p->folder) {
        p->folder[0] = '\0';
        fail(p, html_path, "the path is too long");
    } else if (!mkdtemp(p->folder)) {
        p->folder[0] = '\0';
        fail(p, html_path, strerror(errno));
    }
    return p->error[0] == '\0';
}

static void path_of(const plots *p, int file, char *path, size_t cap)
{
    snprintf(path, cap, "%s/%s", p->folder, file_names[file]);
}

static FILE *open_file(plots *p, int file, const char *mode)
{
    char path[sizeof p->folder + 16];
    path_of(p, file, path, sizeof path);
    FILE *f = fopen(path, mode);
    if (!f) fail(p, path, strerror(errno));
    return f;
}

static void remove_files(const plots *p)
{
    for (int i = 0; i < FILE_COUNT; i++) {
        char path[sizeof p->folder + 16];
        path_of(p, i, path, sizeof path);
        unlink(path);
    }
}

void plots_end(plots *p)
{
    if (p->folder[0] == '\0') return;
    remove_files(p);
    rmdir(p->folder);
}

/* In the child: gnuplot in the folder, without the user's settings, its complaints in a file. */
static _Noreturn void become_gnuplot(const plots *p)
{
    if (chdir(p->folder) != 0) _exit(126);
    if (!freopen(file_names[FILE_ERROR], "w", stderr) || !freopen("/dev/null", "r", stdin)) {
        _exit(126);
    }
    execlp("gnuplot", "gnuplot", "-d", file_names[FILE_SCRIPT], (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
}

/* Keeps gnuplot's own words as the reason. */
static void fail_with_words(plots *p)
{
    char words[512];
    FILE *f = open_file(p, FILE_ERROR, "r");
    size_t len = f ? fread(words, 1, sizeof words - 1, f) : 0;
    if (f) fclose(f);
    words[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        if (words[i] == '\n') words[i] = ' ';
    }
    fail(p, "gnuplot failed", len > 0 ? words : "without a word");
}

static void run_gnuplot(plots *p)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) become_gnuplot(p);
    int status = 0;
    pid_t ended = child;
    while (child > 0 && (ended = waitpid(child, &status, 0)) < 0 && errno == EINTR) continue;
    if (child < 0 || ended < 0) fail(p, "cannot run gnuplot", strerror(errno));
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        fail(p, "cannot run gnuplot", "it is not installed (Debian: gnuplot-nox)");
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_with_words(p);
}

/* Copies an SVG line; ids and references to them get a prefix, as all figures of a page share one
 * space of names. gnuplot's titles would show up as tooltips that say "gnuplot_plot_1": they stay
 * out. */
static void copy_line(const char *line, unsigned figure, FILE *out)
{
    static const char *const marks[] = {"id=\"", "id='", "href=\"#", "href='#", "url(#"};
    while (*line != '\0') {
        size_t mark = 0;
        for (size_t i = 0; i < sizeof marks / sizeof marks[0] && mark == 0; i++) {
            if (strncmp(line, marks[i], strlen(marks[i])) == 0) mark = strlen(marks[i]);
        }
        const char *title_end = strncmp(line, "<title>", 7) == 0 ? strstr(line, "</title>") : NULL;
        if (title_end) {
            line = title_end + strlen("</title>");
        } else if (mark > 0) {
            fwrite(line, 1, mark, out);
            fprintf(out, "f%u-", figure);
            line += mark;
        } else {
            fputc(*line++, out);
        }
    }
}

/* Copies the SVG from its first tag on; an XML declaration has no place inside HTML. */
static void copy_svg(plots *p, FILE *out)
{
    FILE *f = open_file(p, FILE_SVG, "r");
    if (!f) return;
    char *line = NULL;
    size_t cap = 0;
    bool inside = false;
    while (getline(&line, &cap, f) > 0) {
        const char *start = inside ? line : strstr(line, "<svg");
        if (start) copy_line(start, p->count, out);
        inside = inside || start;
    }
    free(line);
    fclose(f);
    if (!inside) fail(p, "gnuplot failed", "it made a file without a picture");
}

static void close_written(plots *p, FILE *written, const char *reason)
{
    bool bad = ferror(written) != 0;
    if (fclose(written) != 0 || bad) fail(p, p->folder, reason);
}

static void close_script(plots *p, FILE *script)
{
    close_written(p, script, "cannot write the script of a figure");
}

/* Who knows no style sheets draws the colours that gnuplot wrote: those of a light page. */
static const char style_alone[] = "\n<style>\n" PLOT_COLORS PLOT_INKS
                                  "polygon[fill='rgb(255, 255, 255)']{fill:var(--page)}\n</style>";

/* Writes the SVG as it is, with the style behind its first tag, which has several lines. False: it
 * has none. */
static bool write_alone(FILE *svg, FILE *out)
{
    char *line = NULL;
    size_t cap = 0;
    bool is_inside = false, is_styled = false;
    while (getline(&line, &cap, svg) > 0) {
        const char *tag = is_inside ? line : strstr(line, "<svg");
        const char *end = tag && !is_styled ? strchr(tag, '>') : NULL;
        is_inside = tag != NULL;
        if (end) {
            fwrite(line, 1, (size_t)(end + 1 - line), out);
            fputs(style_alone, out);
            is_styled = true;
        }
        fputs(end ? end + 1 : line, out);
    }
    free(line);
    return is_styled && ferror(svg) == 0;
}

/* Makes a picture that stands alone of gnuplot's, at path. */
static void make_alone(plots *p, const char *path)
{
    char made[sizeof p->folder + 16];
    FILE *svg = open_file(p, FILE_SVG, "r");
    FILE *out = svg ? open_file(p, FILE_ALONE, "w") : NULL;
    if (out) {
        bool is_picture = write_alone(svg, out);
        if (!is_picture) fail(p, "gnuplot failed", "it made a file without a picture");
        close_written(p, out, "cannot write a figure");
    }
    if (svg) fclose(svg);
    path_of(p, FILE_ALONE, made, sizeof made);
    if (p->error[0] == '\0' && rename(made, path) != 0) fail(p, path, strerror(errno));
}

/* A figure's failure is told with its title. */
static void name_failure(plots *p, const char *title)
{
    char told[sizeof p->error];
    if (p->error[0] == '\0') return;
    snprintf(told, sizeof told, "%.*s", (int)(sizeof told - 1), p->error);
    snprintf(p->error, sizeof p->error, "figure '%.80s': %.1400s", title, told);
}

bool plots_draw(plots *p, plot_draw *draw, const char *title, FILE *out)
{
    if (p->error[0] != '\0') return false;
    FILE *script = open_file(p, FILE_SCRIPT, "w");
    p->count++;
    if (!script) return false;
    bool something = draw(p->db, script);
    close_script(p, script);
    if (something && p->error[0] == '\0') run_gnuplot(p);
    if (something && p->error[0] == '\0') copy_svg(p, out);
    remove_files(p);
    name_failure(p, title);
    return something && p->error[0] == '\0';
}

bool plots_draw_data(plots *p, plot_write *write, const void *data, const char *path)
{
    FILE *script = open_file(p, FILE_SCRIPT, "w");
    if (!script) return false;
    write(data, script);
    close_script(p, script);
    if (p->error[0] == '\0') run_gnuplot(p);
    if (p->error[0] == '\0') make_alone(p, path);
    remove_files(p);
    return p->error[0] == '\0';
}

void plot_settings(FILE *script, int height)
{
    fprintf(script,
            "set encoding utf8\n"
            "set terminal svg size %d,%d dynamic noenhanced font 'sans-serif,13' linewidth 1\n"
            "set output '%s'\n"
            "set border 3 lc rgb 'black' lw 1\n"
            "set tics nomirror out scale 0.6\n"
            "set grid xtics lc rgb 'gray' lt 1 lw 1, lc rgb 'gray' lt 1 lw 1\n"
            "set key outside top right horizontal noenhanced samplen 1.5\n",
            (int)PLOT_WIDTH, height, file_names[FILE_SVG]);
}

void plot_string(FILE *script, const char *text)
{
    size_t len = strlen(text);
    fputc('\'', script);
    while (len > 0) {
        size_t size = text_char((const uint8_t *)text, len);
        if (size == 0) fputc('?', script);
        else if (*text == '\'') fputs("''", script);
        else fwrite(text, 1, size, script);
        if (size == 0) size = 1;
        text += size;
        len -= size;
    }
    fputc('\'', script);
}
