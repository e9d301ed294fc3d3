/* Errors, memory, messages. */
#include "base/clock.h"
#include "base/log.h"
#include "scratch.h"
#include <fcntl.h>
#include <unistd.h>

static void test_error_keeps_and_extends(void **state) {
    (void)state;
    err_clear();
    assert_string_equal(err_text(), "");
    assert_int_equal(err_set("%s: %d rows", "a.csv", 3), -1);
    assert_int_equal(err_context("stage %s", "probe"), -1);
    assert_string_equal(err_text(), "stage probe: a.csv: 3 rows");
    err_set("again: %s", err_text()); // the argument is the message itself
    assert_string_equal(err_text(), "again: stage probe: a.csv: 3 rows");
    err_clear();
    err_context("alone");
    assert_string_equal(err_text(), "alone");
}

static void test_error_longer_than_its_buffer(void **state) {
    (void)state;
    char big[10000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    err_set("%s", big);
    size_t kept = strlen(err_text());
    assert_in_range(kept, 1000, 9000);
    err_context("front");
    assert_int_equal(strncmp(err_text(), "front: xxx", 10), 0);
    assert_true(strlen(err_text()) <= kept);
    err_context("%s", big);
    assert_true(strlen(err_text()) <= kept);
}

static void test_new_is_zero_and_aligned(void **state) {
    (void)state;
    for (int64_t n = 0; n < 200; n += 13) {
        uint8_t *block = mem_new(n, 3, "a test");
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 64, 0);
        for (int64_t i = 0; i < 3 * n; i++) assert_int_equal(block[i], 0);
        memset(block, 0xAB, (size_t)(3 * n));
        mem_free(block);
    }
    mem_free(NULL);
}

static void test_impossible_sizes(void **state) {
    (void)state;
    assert_null(mem_new(-1, 8, "negative"));
    assert_message("negative");
    assert_null(mem_new(INT64_MAX, 8, "too much"));
    assert_null(mem_new(INT64_MAX / 8, 8, "all there is"));
    assert_message("all there is");
}

static void test_grow_keeps_and_zeroes(void **state) {
    (void)state;
    int32_t *array = NULL;
    int64_t capacity = 0;
    for (int32_t i = 0; i < 1000; i++) {
        assert_int_equal(mem_grow(&array, &capacity, i + 1, sizeof *array, "numbers"), 0);
        assert_int_equal(array[i], 0);
        array[i] = i + 1;
    }
    assert_true(capacity >= 1000 && capacity < 4000);
    for (int32_t i = 0; i < 1000; i++) assert_int_equal(array[i], i + 1);
    int32_t *before = array;
    assert_int_equal(mem_grow(&array, &capacity, INT64_MAX / 2, sizeof *array, "numbers"), -1);
    assert_ptr_equal(array, before); // a failure leaves the array as it was
    mem_free(array);
}

static void test_shrink_keeps(void **state) {
    (void)state;
    static const int64_t kept[] = {300000, 299999, 1000, 17, 0};
    int64_t n = 400000;
    int32_t *array = mem_new(n, sizeof *array, "numbers");
    for (int32_t i = 0; i < n; i++) array[i] = i + 1;
    for (size_t k = 0; k < sizeof kept / sizeof *kept; k++) {
        assert_int_equal(mem_shrink(&array, kept[k], sizeof *array, "numbers"), 0);
        assert_int_equal((uintptr_t)array % 64, 0);
        for (int32_t i = 0; i < kept[k]; i++) assert_int_equal(array[i], i + 1);
    }
    mem_free(array);
}

static void test_texts(void **state) {
    (void)state;
    char *copy = mem_strdup("a text"), *made = mem_printf("%s-%03d", "x", 7);
    assert_string_equal(copy, "a text");
    assert_string_equal(made, "x-007");
    mem_free(copy);
    mem_free(made);
}

/* Blocks of many chunks, some larger than a chunk: aligned, zeroed, and none lies in another. */
static void test_arena(void **state) {
    (void)state;
    arena_t *arena = arena_create(1024);
    uint8_t *block[50];
    for (int i = 0; i < 50; i++) {
        block[i] = arena_new(arena, i * 7, 8, "a block");
        assert_non_null(block[i]);
        assert_int_equal((uintptr_t)block[i] % 64, 0);
        for (int j = 0; j < i * 56; j++) assert_int_equal(block[i][j], 0);
        memset(block[i], i, (size_t)i * 56);
    }
    assert_string_equal(arena_strdup(arena, "word"), "word");
    for (int i = 0; i < 50; i++)
        for (int j = 0; j < i * 56; j++) assert_int_equal(block[i][j], i);
    assert_null(arena_new(arena, -1, 8, "nothing"));
    arena_free(arena);
    arena_free(NULL);
}

/* What `speak` writes to stderr. */
static void capture(const char *path, void (*speak)(void)) {
    fflush(stderr);
    int old = dup(2), fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    dup2(fd, 2);
    close(fd);
    speak();
    fflush(stderr);
    dup2(old, 2);
    close(old);
}

static void speak_warn(void) {
    log_init(LOG_WARN, 1, 1);
    log_warn("%d of %d", 1, 2);
    log_info("not heard");
}

static void speak_silent(void) {
    log_init(LOG_DEBUG, 0, 1);
    log_warn("other ranks are silent");
}

static void speak_progress(void) {
    log_init(LOG_INFO, 1, 1);
    progress_t p;
    progress_start(&p, "train", 2000000, "tokens");
    progress_skip(&p, 500000);
    p.shown -= 31; // as if 31 s had gone by
    p.started -= 31;
    progress_update(&p, 1120000);
    progress_update(&p, 1130000); // too soon for another line
    progress_update(&p, 2000000);
    p.shown -= 31;
    progress_items(&p, 31400, "documents read");
    progress_update(&p, 2000000);
    progress_end(&p);
}

static void test_log(void **state) {
    (void)state;
    const char *path = scratch("log");
    capture(path, speak_warn);
    assert_file(path, "memprobe: warning: 1 of 2\n");
    capture(path, speak_silent);
    assert_file(path, "");
    capture(path, speak_progress);
    assert_file(path, "[    0.0s] train: 56%, 1.12M of 2.00M tokens, 20.0k tokens/s, 44.0s left\n"
                      "[    0.0s] train: 100%, 2.00M of 2.00M tokens, 31.4k documents read, 48.4k tokens/s, 0.0s left\n"
                      "[    0.0s] train: 1.50M tokens in 31.0s, 48.4k tokens/s (500k were done before)\n");
    log_init(LOG_WARN, 1, 0);
}

static void test_clocks(void **state) {
    (void)state;
    double wall = clock_wall(), cpu = clock_cpu();
    volatile double sum = 0;
    for (int i = 0; i < 3000000; i++) sum = sum + i;
    assert_true(clock_wall() > wall);
    assert_true(clock_cpu() > cpu);
    assert_true(clock_peak_memory() > 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_keeps_and_extends),
        cmocka_unit_test(test_error_longer_than_its_buffer),
        cmocka_unit_test(test_new_is_zero_and_aligned),
        cmocka_unit_test(test_impossible_sizes),
        cmocka_unit_test(test_grow_keeps_and_zeroes),
        cmocka_unit_test(test_shrink_keeps),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_clocks),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
