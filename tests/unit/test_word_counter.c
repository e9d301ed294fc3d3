/* Counting of words that find no room in memory, against plain counters; and scratch files that go wrong. */
#include "base/rng.h"
#include "scratch.h"
#include "text/word_counter.h"
#include "text/word_store.h"
#include "text/words.h"
#include <fcntl.h>
#include <unistd.h>

enum { DIFFERENT = 4000, ADDS = 40000, TEXT_BYTES = 4096 };

/* Word number w: "w" in a system of its own, of 2 to 8 letters; a few are very long. */
static size_t word_text(int64_t w, char text[TEXT_BYTES]) {
    if (w % 1000 == 999) {
        size_t n = 1000 + (size_t)w / 2;
        memset(text, 'a' + (int)(w / 1000), n);
        return n;
    }
    return (size_t)snprintf(text, TEXT_BYTES, "%llx%.*s", (long long)w * 7919, (int)(w % 4), "zzz");
}

static word_counter_t *count(int64_t memory, int64_t times[DIFFERENT]) {
    word_counter_t *counter = NULL;
    check_ok(word_counter_create(memory, scratch_dir, &counter));
    for (uint64_t i = 0; i < ADDS; i++) {
        char text[TEXT_BYTES];
        int64_t w = rng_below(4, RNG_TEST, i, DIFFERENT);
        w = w * w / DIFFERENT; // small ones are common
        check_ok(word_counter_add(counter, (const uint8_t *)text, word_text(w, text)));
        times[w]++;
    }
    return counter;
}

/* Each word comes once, with its count, in order; there are as many as there should be. */
static void check_stream(word_counter_t *counter, const int64_t times[DIFFERENT]) {
    words_t expected = {0};
    counted_t word, before = {0};
    uint8_t *last = mem_new(TEXT_BYTES, 1, "test");
    int64_t n = 0, number;
    int got;
    for (int64_t w = 0; w < DIFFERENT; w++) {
        char text[TEXT_BYTES];
        size_t bytes = word_text(w, text);
        if (times[w] > 0) check_ok(words_add(&expected, (const uint8_t *)text, bytes, times[w], &number));
    }
    check_ok(word_counter_start(counter));
    while ((got = word_counter_next(counter, &word)) > 0) {
        int64_t i = words_find(&expected, word.hash, word.text, (size_t)word.bytes);
        assert_true(i >= 0);
        assert_int_equal(word.count, expected.word[i].count);
        if (n++ > 0) assert_true(counted_compare(&before, &word) < 0);
        memcpy(last, word.text, (size_t)word.bytes);
        before = word;
        before.text = last;
    }
    assert_int_equal(got, 0);
    assert_int_equal(n, expected.n);
    words_free(&expected);
    mem_free(last);
}

static void any_memory_gives_the_same_counts(void **state) {
    (void)state;
    static const struct {
        int64_t memory, spills; // at least
    } trial[] = {{1 << 24, 0}, {1 << 18, 2}, {1 << 16, 20}, {16 << 10, 100}};
    for (size_t i = 0; i < sizeof trial / sizeof *trial; i++) {
        int64_t times[DIFFERENT] = {0};
        word_counter_t *counter = count(trial[i].memory, times);
        assert_true(word_counter_spills(counter) >= trial[i].spills);
        assert_true(trial[i].spills > 0 || word_counter_spills(counter) == 0);
        check_stream(counter, times);
        word_counter_free(counter);
    }
}

static void nothing_gives_nothing(void **state) {
    (void)state;
    word_counter_t *counter = NULL;
    counted_t word;
    check_ok(word_counter_create(1 << 20, scratch_dir, &counter));
    check_ok(word_counter_start(counter));
    assert_int_equal(word_counter_next(counter, &word), 0);
    word_counter_free(counter);
    check_fails(word_counter_create(1000, scratch_dir, &counter), "too few");
}

static void scratch_folder_must_be_there(void **state) {
    (void)state;
    word_counter_t *counter = NULL;
    int rc = 0;
    check_ok(word_counter_create(16 << 10, scratch("absent"), &counter));
    for (int w = 0; w < 2000 && rc == 0; w++) {
        char text[TEXT_BYTES];
        rc = word_counter_add(counter, (const uint8_t *)text, word_text(w, text));
    }
    assert_int_equal(rc, -1);
    assert_message("absent/words-0-");
    word_counter_free(counter);
}

/* A scratch file of this process, by its nameless entry; -1: none. */
static int open_scratch_file(void) {
    for (int fd = 3; fd < 256; fd++) {
        char entry[64], target[1024] = "";
        snprintf(entry, sizeof entry, "/proc/self/fd/%d", fd);
        if (readlink(entry, target, sizeof target - 1) > 0 && strstr(target, "/words-")) return fd;
    }
    return -1;
}

/* Whatever byte of a run the disk changes, and wherever it ends it, the words are not believed. */
static void damaged_scratch_files_are_noticed(void **state) {
    (void)state;
    static const int64_t at[] = {0, 8, 16, 20, 23, 24, 25, 1000, 5001};
    for (size_t i = 0; i <= sizeof at / sizeof *at; i++) {
        int64_t times[DIFFERENT] = {0};
        word_counter_t *counter = count(1 << 18, times);
        counted_t word;
        int fd = open_scratch_file(), got = 1;
        assert_true(fd >= 0);
        if (i < sizeof at / sizeof *at) {
            uint8_t byte;
            assert_int_equal(pread(fd, &byte, 1, at[i]), 1);
            byte ^= 4;
            assert_int_equal(pwrite(fd, &byte, 1, at[i]), 1);
        } else {
            assert_int_equal(ftruncate(fd, 4000), 0);
        }
        if (word_counter_start(counter) != 0) got = -1;
        while (got > 0) got = word_counter_next(counter, &word);
        assert_int_equal(got, -1);
        assert_message("scratch file");
        word_counter_free(counter);
    }
}

static void a_store_gives_back_what_came(void **state) {
    (void)state;
    static const int64_t counts[] = {1, 127, 128, 300000, INT64_MAX};
    enum { WORDS = 3000 };
    word_store_t store = {0};
    counted_t word;
    char text[TEXT_BYTES];
    for (int round = 0; round < 2; round++) {
        int64_t bytes = 0;
        for (int64_t w = 0; w < WORDS; w++) {
            counted_t add = {.count = counts[w % 5], .text = (const uint8_t *)text};
            add.bytes = (int64_t)word_text(w, text);
            bytes += add.bytes;
            check_ok(word_store_add(&store, &add));
        }
        assert_int_equal(store.words, WORDS);
        assert_int_equal(store.text_bytes, bytes);
        for (int64_t w = 0; w < WORDS - 10 * (round == 0); w++) {
            assert_int_equal(word_store_take(&store, &word), 1);
            assert_int_equal(word.bytes, word_text(w, text));
            assert_memory_equal(word.text, text, (size_t)word.bytes);
            assert_int_equal(word.count, counts[w % 5]);
        }
        if (round == 0) word_store_free(&store);
    }
    assert_int_equal(word_store_take(&store, &word), 0);
    assert_int_equal(store.memory, 0);
    word_store_free(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_memory_gives_the_same_counts), cmocka_unit_test(nothing_gives_nothing),
        cmocka_unit_test(scratch_folder_must_be_there),     cmocka_unit_test(damaged_scratch_files_are_noticed),
        cmocka_unit_test(a_store_gives_back_what_came),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
