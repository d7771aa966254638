/* tests/unit/homes_test.c - which hosts of a scenario have one access link, in whatever order they
 * stand there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "sim/net_impl.h"
#include "sim/scenario_load.h"
#include "sim/world.h"

int homes_test(void);

enum { HOSTS = 3, ORDERS = 6 };

/* Three hosts: what is said of each, and a letter each: who has the same letter has the same access
 * link; '.' has one alone, and takes the short way of most hosts. */
typedef struct home_case {
    const char *node[HOSTS];
    const char *links;
    const char *events; /* NULL: none */
} home_case;

static const home_case cases[] = {
    /* A router and a firewall are one home if their names or any host say so. */
    {{"behind: [r@flat]", "behind: [r@flat]", "behind: [r@other]"}, "aa.", NULL},
    {{"behind: [r@flat]", "ipv4: false, ipv6: w@flat", ""}, "aa.", NULL},
    {{"behind: [r@flat]", "ipv4: false, ipv6: w@flat", "behind: [r@flat], ipv6: w@flat"},
     "aaa",
     NULL},
    {{"behind: [r@flat]", "ipv4: false, ipv6: w@wall", "behind: [r@flat], ipv6: w@wall"},
     "aaa",
     NULL},
    {{"behind: [r@flat], ipv6: w@wall", "behind: [r@two], ipv6: w@wall", "behind: [r@two]"},
     "aaa",
     NULL},
    {{"ipv6: w@wall", "ipv4: false, ipv6: w@wall", "behind: [r], ipv6: w@wall"}, "aaa", NULL},
    {{"behind: [r@flat]", "ipv4: false, ipv6: w@wall", ""}, "...", NULL},
    {{"behind: [r@flat], ipv6: w@flat", "", "ipv6: w"}, "...", NULL},
    {{"behind: [r@flat], ipv6: o@flat", "behind: [r@flat]", "ipv4: false, ipv6: o@flat"},
     "aa.",
     NULL},

    /* One home has a link for each that is named. */
    {{"behind: [r@flat]", "behind: [r@flat]", "behind: [r@flat], link: slow"}, "aab", NULL},
    {{"behind: [r@flat], link: slow", "behind: [r@flat]", "ipv4: false, ipv6: w@flat, link: slow"},
     "aba",
     NULL},
    {{"behind: [r@flat], link: free", "behind: [r@flat]", "behind: [r@flat]"}, ".aa", NULL},

    /* A carrier's box, and what is inside or beside it, is none. */
    {{"behind: [c@isp], ipv6: w@isp", "behind: [c@isp], ipv6: w@isp", "behind: [c@isp]"},
     "...",
     NULL},
    {{"behind: [r, c@isp], ipv6: w@isp", "behind: [r, c@isp], ipv6: w@isp",
      "ipv4: false, ipv6: w@isp"},
     "...",
     NULL},
    {{"behind: [c@isp]", "ipv4: false, ipv6: w@isp", "ipv4: false, ipv6: w@isp"}, "...", NULL},
    {{"behind: [c@isp], ipv6: w@wall", "ipv4: false, ipv6: w@wall", "ipv4: false, ipv6: w@wall"},
     ".aa",
     NULL},
    {{"behind: [c], ipv6: w@wall", "behind: [r, r], ipv6: w@wall", "ipv4: false, ipv6: w@wall"},
     "...",
     NULL},
    {{"behind: [r, r@hub], ipv6: w@wall", "behind: [r@hub], ipv6: w@wall",
      "behind: [r, r@hub], ipv6: w@hub"},
     "...",
     NULL},

    /* But for a home's own boxes. */
    {{"behind: [r, s@hub], ipv6: w@wall", "behind: [s@hub]", "ipv4: false, ipv6: w@wall"},
     "aaa",
     NULL},
    {{"behind: [r@in, s@hub]", "ipv4: false, ipv6: w@in", "behind: [s@hub]"}, "aaa", NULL},
    {{"behind: [r@in, s@hub]", "behind: [r@in, s@hub]", "behind: [r, s@hub]"}, "aaa", NULL},
    {{"behind: [r, s], ipv6: w@wall", "behind: [r, s], ipv6: w@wall", ""}, "aa.", NULL},
    {{"behind: [r@flat, c@isp], ipv6: w@wall", "behind: [r@flat, c@isp], ipv6: w@wall",
      "ipv4: false, ipv6: w@wall"},
     "aa.",
     NULL},
    {{"behind: [r@flat, c@isp], ipv6: w@flat", "behind: [r@flat, c@isp]",
      "ipv4: false, ipv6: w@flat"},
     "aaa",
     NULL},

    /* Who may come counts, and says what is one home; who comes back is no other. */
    {{"behind: [r@flat]", "", ""}, "...", "change_network: {node: a, behind: [r@flat]}"},
    {{"behind: [r@flat]", "ipv4: false, ipv6: w@wall", "behind: [r@flat]"},
     "aaa",
     "change_network: {node: a, behind: [r@flat], ipv6: w@wall}"},
    {{"behind: [r@flat]", "ipv4: false, ipv6: w@wall", "behind: [r@flat]"},
     "aaa",
     "change_network: {node: a, ipv6: w@wall}"},
};

static const uint8_t orders[ORDERS][HOSTS] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                              {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

static world *build(const home_case *c, const uint8_t order[HOSTS])
{
    static const char names[] = "abc";
    char text[2048];
    int len =
        snprintf(text, sizeof text,
                 "scenario: t\nduration: 40s\nnetwork: {latency: {rtt: 40ms}}\n"
                 "links: {line: {up: 1Mbit}, slow: {up: 500kbit}, free: {}}\n"
                 "nats:\n  r: {profile: home}\n  c: {profile: carrier}\n"
                 "  s: {profile: home, links: shared}\n"
                 "firewalls: {w: {filtering: apdf}, o: {filtering: apdf, links: own}}\nnodes:\n");
    for (int i = 0; i < HOSTS; i++) {
        const char *said = c->node[order[i]];
        len += snprintf(text + len, sizeof text - (size_t)len, "  %c: {%s%s%s}\n", names[order[i]],
                        said, said[0] != '\0' ? ", " : "",
                        strstr(said, "link:") == NULL ? "link: line" : "");
    }
    if (c->events != NULL)
        snprintf(text + len, sizeof text - (size_t)len, "events:\n  - {at: 9s, %s}\n", c->events);
    diag errors = {0};
    scenario *s = scenario_load_text("homes.yaml", span_of(text, strlen(text)), NULL, 0, &errors);
    diag_print(&errors, stderr);
    diag_free(&errors);
    assert_non_null(s);
    static const run_options options = {.seed = 1, .record_node = SCENARIO_ANY};
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_true(world_build(w, s, &options));
    return w;
}

/* The pipe that a node shares; NULL: none. */
static const net_pipe *pipe_of(const net *n, uint32_t node)
{
    if (!n->hosts[node].has_line) return NULL;
    const net_pipe *pipe = n->lines[node]->pipe;
    assert_true(pipe->is_shared);
    return pipe;
}

static bool is_as_said(const home_case *c, const uint8_t order[HOSTS])
{
    world *w = build(c, order);
    const net *n = w->hosts_share.network;
    bool is_good = true;
    for (uint32_t i = 0; i < HOSTS; i++) {
        const net_pipe *pipe = pipe_of(n, i);
        is_good &= (pipe == NULL) == (c->links[order[i]] == '.');
        for (uint32_t k = 0; k < i && pipe != NULL; k++)
            is_good &= (pipe == pipe_of(n, k)) == (c->links[order[i]] == c->links[order[k]]);
    }
    scenario *s = (scenario *)(uintptr_t)w->s;
    world_close(w);
    free(w);
    scenario_free(s);
    return is_good;
}

static void the_order_of_hosts_makes_no_home(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t k = 0; k < ORDERS; k++)
            if (!is_as_said(&cases[i], orders[k]))
                fail_msg("case %zu, order %zu: {%s}, {%s}, {%s}: not %s", i, k, cases[i].node[0],
                         cases[i].node[1], cases[i].node[2], cases[i].links);
}

int homes_test(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_hosts_makes_no_home),
    };
    return cmocka_run_group_tests_name("homes", tests, NULL, NULL);
}
