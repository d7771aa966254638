/* Records on disk: order, replacement, names, locks, files of others. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "net-real/store.h"
#include "peerup/node.h"

int store_test(void);

typedef struct fixture {
    char folder[64];
    store *s;
    char seen[256]; /* KEY=BODY; of every record */
} fixture;

static pu_span text(const char *s)
{
    return (pu_span){(const uint8_t *)s, strlen(s)};
}

static int begin(void **state)
{
    static fixture f;
    snprintf(f.folder, sizeof f.folder, "/tmp/peerup-store-XXXXXX");
    if (mkdtemp(f.folder) == NULL) return -1;
    strcat(f.folder, "/a/b"); /* made with its parents */
    char error[256];
    f.s = store_open(f.folder, error, sizeof error);
    *state = &f;
    return f.s != NULL ? 0 : -1;
}

static int end(void **state)
{
    fixture *f = *state;
    char command[128];
    store_close(f->s);
    f->folder[strlen(f->folder) - strlen("/a/b")] = '\0';
    snprintf(command, sizeof command, "rm -r %s", f->folder);
    return system(command);
}

static bool see(void *ctx, pu_span key, pu_span body)
{
    fixture *f = ctx;
    size_t at = strlen(f->seen);
    snprintf(f->seen + at, sizeof f->seen - at, "%.*s=%.*s;", (int)key.len, (const char *)key.base,
             (int)body.len, (const char *)body.base);
    return true;
}

static const char *all(fixture *f)
{
    f->seen[0] = '\0';
    assert_true(store_read(f->s, see, f));
    return f->seen;
}

static void records_are_kept_replaced_and_forgotten(void **state)
{
    fixture *f = *state;
    assert_string_equal(all(f), "");
    assert_true(store_put(f->s, text("relay/two"), text("2")));
    assert_true(store_put(f->s, text("book/one"), text("1")));
    assert_true(store_put(f->s, text("relay"), text("0")));
    assert_string_equal(all(f), "book/one=1;relay=0;relay/two=2;");
    assert_true(store_put(f->s, text("relay/two"), text("22")));
    assert_true(store_put(f->s, text("relay"), text("")));
    assert_true(store_put(f->s, text("never/there"), text("")));
    assert_string_equal(all(f), "book/one=1;relay/two=22;");

    char error[256];
    store_close(f->s);
    f->s = store_open(f->folder, error, sizeof error);
    assert_string_equal(all(f), "book/one=1;relay/two=22;");
}

static void keys_are_file_names_whatever_they_hold(void **state)
{
    fixture *f = *state;
    assert_true(store_put(f->s, text("../x"), text("a")));
    assert_true(store_put(f->s, text("."), text("b")));
    assert_true(store_put(f->s, text("A b%2f"), text("c")));
    assert_string_equal(all(f), ".=b;../x=a;A b%2f=c;");
    struct stat info;
    char path[128];
    snprintf(path, sizeof path, "%s/%%2e", f->folder);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void files_of_others_are_left_alone(void **state)
{
    fixture *f = *state;
    const char *const names[] = {"README", "%zz", "%2", ".hidden"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", f->folder, names[i]);
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        assert_int_equal(write(fd, "x", 1), 1);
        close(fd);
    }
    assert_string_equal(all(f), "");
}

static void only_one_process_at_a_time(void **state)
{
    fixture *f = *state;
    char error[256];
    assert_null(store_open(f->folder, error, sizeof error));
    assert_non_null(strstr(error, "another process uses it"));
    assert_non_null(strstr(error, f->folder));
}

static void what_cannot_be_kept_is_refused(void **state)
{
    fixture *f = *state;
    static uint8_t big[PU_KEEP_BODY_MAX + 1];
    char key[PU_KEEP_KEY_MAX + 2];
    memset(key, 'k', sizeof key);
    assert_true(store_put(f->s, (pu_span){(uint8_t *)key, PU_KEEP_KEY_MAX},
                          (pu_span){big, PU_KEEP_BODY_MAX}));
    assert_false(store_put(f->s, (pu_span){(uint8_t *)key, PU_KEEP_KEY_MAX + 1}, text("x")));
    assert_false(store_put(f->s, text("x"), (pu_span){big, sizeof big}));
    assert_false(store_put(f->s, text(""), text("x")));
}

int store_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_are_kept_replaced_and_forgotten, begin, end),
        cmocka_unit_test_setup_teardown(keys_are_file_names_whatever_they_hold, begin, end),
        cmocka_unit_test_setup_teardown(files_of_others_are_left_alone, begin, end),
        cmocka_unit_test_setup_teardown(only_one_process_at_a_time, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_kept_is_refused, begin, end),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
