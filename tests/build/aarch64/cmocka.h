/* What the tests of tensor/ use of cmocka, for a target that has no such library: a failed check prints where, and ends
 * the program. Tests named in the environment variable SKIP are left out. */
#ifndef MEMPROBE_CMOCKA_SHIM_H
#define MEMPROBE_CMOCKA_SHIM_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};
#define cmocka_unit_test(f)                                                                                            \
    { #f, f }

#define print_message(...)               printf(__VA_ARGS__)
#define print_error(...)                 printf(__VA_ARGS__)
#define fail_msg(...)                    (printf("%s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), puts(""), exit(1))
#define assert_true(x)                   ((x) ? (void)0 : fail_msg("not so: %s", #x))
#define assert_false(x)                  assert_true(!(x))
#define assert_non_null(x)               assert_true((x) != NULL)
#define assert_null(x)                   assert_true((x) == NULL)
#define assert_int_equal(a, b)           assert_true((long long)(a) == (long long)(b))
#define assert_ptr_equal(a, b)           assert_true((a) == (b))
#define assert_string_equal(a, b)        assert_true(strcmp(a, b) == 0)
#define assert_memory_equal(a, b, n)     assert_true(memcmp(a, b, n) == 0)
#define assert_memory_not_equal(a, b, n) assert_true(memcmp(a, b, n) != 0)

#define test_malloc(n)                   malloc(n)
#define test_calloc(n, size)             calloc(n, size)
#define test_free(p)                     free(p)

static inline void assert_in_range(long long x, long long low, long long high) {
    assert_true(x >= low && x <= high);
}
static inline void _assert_int_equal(unsigned long a, unsigned long b, const char *file, int line) {
    if (a != b) printf("%s:%d: %lu is not %lu\n", file, line, a, b), exit(1);
}

#define cmocka_run_group_tests(tests, before, after) shim_run(tests, sizeof(tests) / sizeof *(tests))
static inline int shim_run(const struct CMUnitTest *test, size_t n) {
    const char *skip = getenv("SKIP");
    for (size_t i = 0; i < n; i++) {
        void *state = NULL;
        if (skip != NULL && strstr(skip, test[i].name) != NULL) continue;
        test[i].run(&state);
    }
    return n > 0 ? 0 : 1;
}

#endif
