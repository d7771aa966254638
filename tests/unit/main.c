/* tests/unit/main.c - runs the unit tests: each group in a process of its own, some side by side.
 *
 *   unit [--list] [--jobs N] [NAME...]
 *
 * A group that crashes, hangs or leaks fails alone. A group that passes is one line; what one that
 * fails has printed follows in one piece. The last line is "N passed, N failed", in tests. The
 * numbers come from cmocka's own report, so tests that a crash kept from running count as failed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Every group: X stands for tests/unit/X_test.c, which defines int X_test(void). */
#define UNIT_GROUPS(X) \
    X(varint)          \
    X(pb)              \
    X(rng)             \
    X(mix)             \
    X(mem)             \
    X(imap)            \
    X(due)             \
    X(chunks)          \
    X(link)            \
    X(link_stream)     \
    X(link_wire)       \
    X(link_circuit)    \
    X(link_rig)        \
    X(wire_identify)   \
    X(wire_relay)      \
    X(wire_dcutr)      \
    X(wire_portmap)    \
    X(wire_http)       \
    X(wire_igd)        \
    X(wire_xml)        \
    X(service)         \
    X(limits)          \
    X(limits_text)     \
    X(names)           \
    X(loop)            \
    X(ifaddr)          \
    X(udp)             \
    X(dns)             \
    X(tcp)             \
    X(store)           \
    X(tcp_model)       \
    X(pcap)            \
    X(population)      \
    X(firewall)        \
    X(net_tap)         \
    X(families)        \
    X(wire_record)     \
    X(envelope)        \
    X(endpoints)       \
    X(book)            \
    X(bounds)          \
    X(hostile)         \
    X(identify)        \
    X(identify_push)   \
    X(identify_look)   \
    X(relay)           \
    X(relay_client)    \
    X(dcutr)           \
    X(dcutr_memory)    \
    X(dcutr_near)      \
    X(out)             \
    X(ping)            \
    X(best)            \
    X(rests)           \
    X(select)          \
    X(crypto)          \
    X(noise_prims)     \
    X(noise)           \
    X(noise_frame)     \
    X(yamux_machines)  \
    X(mux)             \
    X(yamux)           \
    X(yamux_limits)    \
    X(mux_pair)        \
    X(mux_pipe)        \
    X(multibase)       \
    X(peer_id)         \
    X(identity_key)    \
    X(tls_cert)        \
    X(quic)            \
    X(quic_streams)    \
    X(quic_hostile)    \
    X(quic_closed)     \
    X(quic_abuse)      \
    X(quic_library)    \
    X(quic_silence)    \
    X(peers)           \
    X(multiaddr)       \
    X(addr)            \
    X(authorized_keys) \
    X(queue)           \
    X(heap)            \
    X(bench)           \
    X(dist)            \
    X(spell)           \
    X(topo)            \
    X(nat)             \
    X(net)             \
    X(net_cpu)         \
    X(net_line)        \
    X(net_home)        \
    X(homes)           \
    X(net_queue)       \
    X(net_send)        \
    X(scenario_links)  \
    X(trace_file)      \
    X(net_tcp)         \
    X(net_refuse)      \
    X(gateway)         \
    X(upnp)            \
    X(quantity)        \
    X(scenario)        \
    X(scenario_life)   \
    X(scenario_once)   \
    X(scenario_kind)   \
    X(options)         \
    X(json)            \
    X(tracedb)         \
    X(report)          \
    X(report_marks)    \
    X(report_tells)    \
    X(tm)              \
    X(tm_stream)       \
    X(tm_hostile)      \
    X(tm_tcp)          \
    X(tm_loss)         \
    X(keep)            \
    X(life)            \
    X(away)            \
    X(bent)            \
    X(swarm)           \
    X(record)          \
    X(steps)           \
    X(fault)           \
    X(ident_edges)     \
    X(judge)           \
    X(crowd)           \
    X(advice)          \
    X(docs)            \
    X(result)          \
    X(agree)           \
    X(stun)            \
    X(crew)            \
    X(tally)

#define DECLARE(name) int name##_test(void);
UNIT_GROUPS(DECLARE)

typedef struct group {
    const char *name;
    int (*run)(void); /* failed tests */
    bool is_wanted;
} group;

#define ROW(name) {#name, name##_test, false},
static group groups[] = {UNIT_GROUPS(ROW)};

enum { GROUP_COUNT = sizeof groups / sizeof groups[0], JOBS_MAX = 64, GROUP_SECONDS_MAX = 900 };

/* A group under way. */
typedef struct job {
    const group *group; /* NULL: this place is free */
    FILE *output;       /* what it has printed */
    pid_t pid;
} job;

typedef struct tally {
    unsigned passed, failed;
} tally;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void job_start(job *j, const group *g)
{
    j->group = g;
    j->output = tmpfile();
    if (j->output == NULL) die("unit: tmpfile");
    fflush(NULL);
    j->pid = fork();
    if (j->pid < 0) die("unit: fork");
    if (j->pid > 0) return;
    if (dup2(fileno(j->output), STDOUT_FILENO) < 0) die("unit: dup2");
    if (dup2(fileno(j->output), STDERR_FILENO) < 0) die("unit: dup2");
    unsetenv("CMOCKA_MESSAGE_OUTPUT"); /* another form of report could not be counted */
    alarm(GROUP_SECONDS_MAX);
    exit(g->run() == 0 ? 0 : 1); /* not _exit: a leak checker reports at exit */
}

/* The number after word in line; 0 when word is not there. */
static unsigned number_after(const char *line, const char *word)
{
    const char *at = strstr(line, word);
    return at == NULL ? 0 : (unsigned)strtoul(at + strlen(word), NULL, 10);
}

/* Adds one line of cmocka's report: how many tests there are, one that passed, how many were
 * skipped. The names under that last line have no number and add nothing. */
static void line_count(const char *line, unsigned *total, unsigned *passed, unsigned *skipped)
{
    if (strncmp(line, "[==========]", 12) == 0) *total += number_after(line, "Running ");
    if (strncmp(line, "[       OK ]", 12) == 0) (*passed)++;
    if (strstr(line, " test(s)") != NULL) *skipped += number_after(line, "[  SKIPPED ] ");
}

static void print_all(FILE *from)
{
    char line[4096];
    rewind(from);
    while (fgets(line, sizeof line, from) != NULL) fputs(line, stdout);
}

/* Tells of a group that has ended, and adds its tests to the tally. */
static void job_end(job *j, int status, tally *sum)
{
    char line[4096];
    unsigned total = 0, passed = 0, skipped = 0, failed;

    rewind(j->output);
    while (fgets(line, sizeof line, j->output) != NULL) line_count(line, &total, &passed, &skipped);
    failed = total > passed + skipped ? total - passed - skipped : 0;
    if (failed == 0 && (status != 0 || passed == 0)) failed = 1;
    printf("%-20s %u passed, %u failed\n", j->group->name, passed, failed);
    if (failed > 0) print_all(j->output);
    fclose(j->output);
    if (WIFSIGNALED(status)) printf("%s: ended by signal %d\n", j->group->name, WTERMSIG(status));
    sum->passed += passed;
    sum->failed += failed;
    j->group = NULL;
}

/* Waits until one of the jobs ends. */
static void jobs_wait(job *jobs, unsigned job_count, tally *sum)
{
    int status;
    pid_t pid = wait(&status);

    if (pid < 0) die("unit: wait");
    for (unsigned i = 0; i < job_count; i++) {
        if (jobs[i].group != NULL && jobs[i].pid == pid) job_end(&jobs[i], status, sum);
    }
}

static job *job_free(job *jobs, unsigned job_count)
{
    for (unsigned i = 0; i < job_count; i++) {
        if (jobs[i].group == NULL) return &jobs[i];
    }
    return NULL;
}

static tally run_wanted(unsigned job_count)
{
    job jobs[JOBS_MAX] = {{0}};
    tally sum = {0, 0};

    for (unsigned g = 0; g < GROUP_COUNT; g++) {
        if (!groups[g].is_wanted) continue;
        while (job_free(jobs, job_count) == NULL) jobs_wait(jobs, job_count, &sum);
        job_start(job_free(jobs, job_count), &groups[g]);
    }
    for (unsigned i = 0; i < job_count; i++) {
        while (jobs[i].group != NULL) jobs_wait(jobs, job_count, &sum);
    }
    return sum;
}

static int usage(const char *problem, const char *word)
{
    fprintf(stderr, "unit: %s%s\n", problem, word);
    fprintf(stderr, "usage: unit [--list] [--jobs 1..%d] [NAME...]\n", JOBS_MAX);
    return 2;
}

static bool want(const char *name)
{
    for (unsigned g = 0; g < GROUP_COUNT; g++) {
        if (strcmp(groups[g].name, name) != 0) continue;
        groups[g].is_wanted = true;
        return true;
    }
    return false;
}

static int list(void)
{
    for (unsigned g = 0; g < GROUP_COUNT; g++) puts(groups[g].name);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long job_count = 1;
    bool is_all = true;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0) return list();
        if (strcmp(argv[i], "--jobs") == 0) {
            job_count = i + 1 < argc ? strtoul(argv[++i], NULL, 10) : 0;
            if (job_count < 1 || job_count > JOBS_MAX) return usage("--jobs wants a number", "");
        } else {
            if (!want(argv[i])) return usage("no group is named ", argv[i]);
            is_all = false;
        }
    }
    for (unsigned g = 0; is_all && g < GROUP_COUNT; g++) groups[g].is_wanted = true;

    tally sum = run_wanted((unsigned)job_count);
    printf("%u passed, %u failed\n", sum.passed, sum.failed);
    return sum.failed == 0 ? 0 : 1;
}
