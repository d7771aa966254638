/* bench/bench_machine.c - what a benchmark asks of the system: its name, its clocks, its memory. */
#include "bench/bench.h"

#include "peerup/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The value of the first line of a file that begins with key, behind its colon. False: none. */
static int value_of(const char *path, const char *key, char *value, size_t cap)
{
    FILE *f = fopen(path, "r");
    if (f == NULL) return 0;
    char line[256];
    int found = 0;
    while (!found && fgets(line, sizeof line, f) != NULL) {
        const char *colon = strchr(line, ':');
        if (colon == NULL || strncmp(line, key, strlen(key)) != 0) continue;
        const char *from = colon + 1 + strspn(colon + 1, " \t");
        snprintf(value, cap, "%.*s", (int)strcspn(from, "\n"), from);
        found = 1;
    }
    fclose(f);
    return found;
}

void bench_machine_read(bench_machine *m)
{
    if (!value_of("/proc/cpuinfo", "model name", m->cpu, sizeof m->cpu))
        snprintf(m->cpu, sizeof m->cpu, "unknown");
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    m->cores = cores > 0 ? (uint32_t)cores : 1;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

uint64_t bench_wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t bench_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* Not getrusage: its peak outlives exec, so that a large parent would count. */
uint64_t bench_peak_bytes(void)
{
    char value[64];
    if (!value_of("/proc/self/status", "VmHWM", value, sizeof value)) return 0;
    return strtoull(value, NULL, 10) * 1024;
}

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

uint64_t bench_rate(uint64_t events, uint64_t *took_ns, uint32_t runs)
{
    qsort(took_ns, runs, sizeof took_ns[0], by_size);
    uint64_t median_us = took_ns[runs / 2] / PU_US;
    return events * 1000000 / (median_us > 0 ? median_us : 1);
}
