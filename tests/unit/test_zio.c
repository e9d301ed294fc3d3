/* Lines of plain, zstd and gzip files: every packing gives the same text, damage is named, ranges hold what starts in
 * them, memory is bounded. */
#include "base/rng.h"
#include "base/zio.h"
#include "packed.h"
#include <fcntl.h>
#include <unistd.h>

static uint64_t drawn;
static int64_t draw(int64_t bound) {
    return rng_below(5, RNG_TEST, drawn++, bound);
}

static zin_t *must_open(const char *path) {
    zin_t *in;
    check_ok(zin_open(path, &in));
    return in;
}

/* All lines, each followed by '|'. -1 with the message of the first failure. */
static int64_t read_all(const char *path, char *to) {
    zin_t *in;
    char *line;
    size_t bytes, n = 0;
    int rc;
    if (zin_open(path, &in) != 0) return -1;
    while ((rc = zin_line(in, &line, &bytes)) == 1) {
        memcpy(to + n, line, bytes);
        n += bytes;
        to[n++] = '|';
    }
    if (rc == 0) assert_int_equal(zin_line(in, &line, &bytes), 0); // the end stays the end
    zin_close(in);
    return rc < 0 ? -1 : (int64_t)n;
}

static void expect_text(const char *path, const char *text) {
    char read[1000];
    int64_t n = read_all(path, read);
    if (n < 0) fail_msg("%s", err_text());
    assert_int_equal(n, strlen(text));
    assert_memory_equal(read, text, (size_t)n);
}

static const char some[] = "the first line\nthe second\n\nand no newline at the end";
static const char some_lines[] = "the first line|the second||and no newline at the end|";

static void test_gzip(void **state) {
    (void)state;
    char *path = scratch("some.gz");
    append_gzip(path, some, sizeof some - 1);
    expect_text(path, some_lines);
    append_gzip(path, "", 0); // an empty member
    expect_text(path, some_lines);
    append_gzip(path, ", not yet\nlast\n", 15);
    expect_text(path, "the first line|the second||and no newline at the end, not yet|last|");
    zin_t *in = must_open(path);
    assert_int_equal(zin_packing(in), PACKED_GZIP);
    zin_close(in);
    int64_t size;
    check_ok(zin_measure(path, &size));
    assert_int_equal(size, sizeof some - 1 + 15);

    append_bytes(path, "\0", 1);
    check_fails((int)zin_measure(path, &size), "what follows the end of the gzip stream");
    assert_message(path);
}

/* A gzip file with a name and a comment in its header, written by hand by RFC 1952; stored, not compressed. */
static void test_gzip_header(void **state) {
    (void)state;
    static const char file[] = "\x1f\x8b\x08\x18\0\0\0\0\0\x03name\0comment\0"
                               "\x01\x03\x00\xfc\xff"
                               "ab\n"
                               "\x0d\x2f\x7e\x78\x03\0\0\0";
    uint8_t bytes[sizeof file];
    memcpy(bytes, file, sizeof file);
    uLong crc = crc32(0, (const Bytef *)"ab\n", 3);
    for (size_t i = 0; i < 4; i++) bytes[sizeof file - 1 - 8 + i] = (uint8_t)(crc >> 8 * i);
    check_ok(file_write(scratch("header.gz"), bytes, sizeof file - 1));
    expect_text(scratch("header.gz"), "ab|");
}

static void test_zstd_frames(void **state) {
    (void)state;
    char *path = scratch("frames.zst");
    append_bytes(path, "\x53\x2a\x4d\x18\x05\0\0\0dummy", 13); // a skippable frame, RFC 8878, 3.1.2
    append_zstd(path, some, sizeof some - 1);
    append_bytes(path, "\x50\x2a\x4d\x18\0\0\0\0", 8);
    append_zstd(path, "", 0);
    append_zstd(path, "!\n", 2);
    expect_text(path, "the first line|the second||and no newline at the end!|");
    append_bytes(path, "x", 1);
    char read[1000];
    assert_int_equal(read_all(path, read), -1);
    append_bytes(path, "yzz", 3);
    assert_int_equal(read_all(path, read), -1);
    assert_message("what follows the end of the zstd stream");
    assert_message(path);
}

/* Whatever bit of a packed file is wrong and wherever it ends: an error, or the same text. */
static void test_damage(void **state) {
    (void)state;
    for (int packing = 1; packing < 3; packing++) {
        char *whole = scratch(packing == 1 ? "whole.zst" : "whole.gz"), *path = scratch("damaged"), read[1000];
        zout_t *out;
        if (packing == 2) {
            append_gzip(whole, some, sizeof some - 1);
        } else { // with a checksum
            check_ok(zout_open(whole, 3, &out));
            check_ok(zout_write(out, some, sizeof some - 1));
            check_ok(zout_commit(out));
        }
        file_map_t map;
        check_ok(file_map(whole, &map));
        uint8_t copy[1000];
        int errors = 0;
        for (size_t bit = 8 * 4; bit < 8 * map.size; bit++) { // the magic itself makes it a packed file
            memcpy(copy, map.data, map.size);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            write_bytes(path, copy, map.size);
            int64_t n = read_all(path, read);
            if (n < 0) assert_message(path);
            errors += n < 0;
            if (n >= 0) assert_true(n == (int64_t)strlen(some_lines) && memcmp(read, some_lines, (size_t)n) == 0);
        }
        assert_true(errors > 8 * (int)map.size / 2);
        for (size_t bytes = 4; bytes < map.size; bytes++) {
            write_bytes(path, map.data, bytes);
            assert_int_equal(read_all(path, read), -1);
            assert_message("truncated");
        }
        file_unmap(&map);
    }
}

/* --- ranges ------------------------------------------------------------------------------------------------------ */

/* Random lines, short, empty and (large) longer than the buffers. */
static size_t make_text(char *text, size_t most, int large) {
    size_t n = 0;
    while (n + 1 < most && draw(large ? 200 : 60) != 0) {
        int64_t length = draw(4) == 0 ? 0 : draw(large && draw(10) == 0 ? 400000 : 40);
        if (n + (size_t)length + 1 > most) break;
        for (int64_t i = 0; i < length; i++) text[n++] = (char)('a' + draw(26));
        text[n++] = '\n';
    }
    if (n > 0 && draw(2) == 0) n--; // no newline at the end
    return n;
}

/* The lines that start in [first, last) of text, by hand. */
static size_t lines_by_hand(const char *text, size_t bytes, int64_t first, int64_t last, char *to) {
    size_t n = 0;
    for (size_t at = 0; at < bytes;) {
        const char *newline = memchr(text + at, '\n', bytes - at);
        size_t length = newline != NULL ? (size_t)(newline - text) - at : bytes - at;
        if ((int64_t)at >= first && (int64_t)at < last) {
            memcpy(to + n, text + at, length);
            n += length;
            to[n++] = '|';
        }
        at += length + 1;
    }
    return n;
}

static size_t lines_of_range(zin_t *in, const char *text, int64_t first, int64_t last, char *to) {
    char *line;
    size_t bytes, n = 0;
    int rc;
    check_ok(zin_range(in, first, last));
    while ((rc = zin_line(in, &line, &bytes)) == 1) {
        int64_t start = zin_line_start(in), number = 1;
        assert_in_range(start, first, last - 1);
        assert_memory_equal(line, text + start, bytes);
        if (draw(20) == 0) {
            for (int64_t i = 0; i < start; i++) number += text[i] == '\n';
            assert_int_equal(zin_line_number(in), number);
        }
        memcpy(to + n, line, bytes);
        n += bytes;
        to[n++] = '|';
        if (draw(30) == 0) return SIZE_MAX; // leave the range half read
    }
    assert_int_equal(rc, 0);
    return n;
}

static void check_ranges(zin_t *in, const char *text, size_t bytes, int in_order, char *expected, char *found) {
    int64_t size = (int64_t)bytes, first = 0;
    for (int part = 0; part < 12; part++) {
        int64_t last = in_order ? first + draw(size / 4 + 2) : draw(size + 2);
        if (!in_order) first = draw(last + 1);
        size_t n = lines_by_hand(text, bytes, first, last, expected);
        size_t got = lines_of_range(in, text, first, last, found);
        if (got != SIZE_MAX) {
            assert_int_equal(got, n);
            assert_memory_equal(found, expected, n);
        }
        if (in_order) first = draw(3) == 0 ? last + draw(size / 8 + 1) : last;
    }
}

static void test_ranges(void **state) {
    (void)state;
    enum { MOST = 3 << 20 };
    const char *const path[3] = {scratch("range"), scratch("range.zst"), scratch("range.gz")};
    char *text = mem_new(MOST, 1, "test"), *expected = mem_new(2 * MOST, 1, "test"),
         *found = mem_new(2 * MOST, 1, "test");
    for (int round = 0; round < 60; round++) {
        size_t bytes = make_text(text, MOST, round % 30 == 0);
        write_packings(path, text, bytes);
        for (int packing = 0; packing < 3; packing++) {
            zin_t *in = must_open(path[packing]);
            check_ranges(in, text, bytes, round % 2, expected, found);
            zin_close(in);
        }
    }
    mem_free(text);
    mem_free(expected);
    mem_free(found);
}

/* Forward in a packed file does not start over: the start of the file is spoiled meanwhile. */
static void test_forward_does_not_start_over(void **state) {
    (void)state;
    enum { LINES = 200000 };
    const char *const path[3] = {scratch("over"), scratch("over.zst"), scratch("over.gz")};
    char *text = mem_new(LINES, 8, "test"), *line;
    size_t bytes = 0;
    for (int i = 0; i < LINES; i++) bytes += (size_t)sprintf(text + bytes, "%llx\n", (long long)draw(1 << 20));
    write_packings(path, text, bytes);
    for (int packing = 1; packing < 3; packing++) {
        zin_t *in = must_open(path[packing]);
        size_t n;
        check_ok(zin_range(in, 1000, 2000));
        while (zin_line(in, &line, &n) == 1) continue;
        int fd = open(path[packing], O_WRONLY);
        assert_int_equal(pwrite(fd, "spoiled spoiled", 15, 4), 15);
        close(fd);
        for (int64_t first = 2000; first < (int64_t)bytes; first += first < 9000 ? 1000 : 200000) {
            check_ok(zin_range(in, first, first + 1000));
            int rc;
            while ((rc = zin_line(in, &line, &n)) == 1) continue;
            if (rc < 0) fail_msg("%s", err_text());
        }
        check_fails(zin_range(in, 1000, 2000), "damaged"); // backward it must
        zin_close(in);
    }
    mem_free(text);
}

/* An error stays one, and a range begins anew. */
static void test_range_after_an_error(void **state) {
    (void)state;
    char *path = scratch("cut.gz"), *line;
    size_t bytes;
    int64_t whole;
    append_gzip(path, some, sizeof some - 1);
    check_ok(file_size(path, &whole));
    assert_int_equal(truncate(path, whole - 2), 0);
    zin_t *in = must_open(path);
    for (int i = 0; i < 3; i++) assert_int_equal(zin_line(in, &line, &bytes), 1);
    assert_int_equal(zin_line(in, &line, &bytes), -1);
    assert_int_equal(zin_line(in, &line, &bytes), -1);
    check_ok(zin_range(in, 0, 20));
    assert_int_equal(zin_line(in, &line, &bytes), 1);
    assert_string_equal(line, "the first line");
    zin_close(in);
}

static void test_limit(void **state) {
    (void)state;
    const char *path = scratch_write("limit", "12345\n123456\n");
    char *line;
    size_t bytes;
    zin_t *in = must_open(path);
    zin_limit(in, 6, "; make it shorter");
    assert_int_equal(zin_line(in, &line, &bytes), 1);
    assert_int_equal(zin_line(in, &line, &bytes), 1);
    assert_int_equal(zin_line(in, &line, &bytes), 0);
    zin_close(in);
    in = must_open(path);
    zin_limit(in, 5, "; make it shorter");
    assert_int_equal(zin_line(in, &line, &bytes), 1);
    assert_int_equal(zin_line(in, &line, &bytes), -1);
    assert_message("limit:2: longer than 5 bytes; make it shorter");
    zin_close(in);
    in = must_open(path);
    zin_limit(in, 5, "");
    check_fails(zin_rest(in, &line, &bytes), "longer than 5 bytes");
    zin_close(in);
}

/* A line much longer than the buffers, to the byte of the limit and one beyond, in all packings. */
static void test_long_lines_take_no_more_than_the_limit(void **state) {
    (void)state;
    enum { LIMIT = 8 << 20 };
    const char *const path[3] = {scratch("long"), scratch("long.zst"), scratch("long.gz")};
    char *text = mem_new(LIMIT + 9, 1, "test"), *line;
    memset(text, 'x', LIMIT + 1);
    for (size_t over = 0; over < 2; over++) {
        memcpy(text + LIMIT, over ? "x\nend\n" : "\nend\n", 5 + over);
        write_packings(path, text, LIMIT + over + 5);
        for (int packing = 0; packing < 3; packing++) {
            size_t bytes;
            zin_t *in = must_open(path[packing]);
            zin_limit(in, LIMIT, "");
            int rc = zin_line(in, &line, &bytes);
            assert_int_equal(rc, over ? -1 : 1);
            if (rc == 1) assert_true(bytes == LIMIT && memcmp(line, text, LIMIT) == 0);
            if (rc == 1) assert_int_equal(zin_line(in, &line, &bytes), 1);
            zin_close(in);
            /* Passing over it takes no memory, and is no error. */
            in = must_open(path[packing]);
            zin_limit(in, 100, "");
            check_ok(zin_range(in, 1, INT64_MAX));
            assert_int_equal(zin_line(in, &line, &bytes), 1);
            assert_string_equal(line, "end");
            assert_int_equal(zin_line_number(in), 2);
            zin_close(in);
        }
    }
    mem_free(text);
}

static void test_rest_and_peek(void **state) {
    (void)state;
    const char *const path[3] = {scratch("rest"), scratch("rest.zst"), scratch("rest.gz")};
    char head[100], *text;
    size_t bytes;
    write_packings(path, some, sizeof some - 1);
    for (int packing = 0; packing < 3; packing++) {
        zin_t *in = must_open(path[packing]);
        check_ok(zin_peek(in, head, 9, &bytes));
        assert_int_equal(bytes, 9);
        assert_memory_equal(head, some, 9);
        check_ok(zin_peek(in, head, sizeof head, &bytes));
        assert_int_equal(bytes, sizeof some - 1);
        assert_int_equal(zin_line(in, &text, &bytes), 1);
        assert_string_equal(text, "the first line");
        check_ok(zin_rest(in, &text, &bytes));
        assert_string_equal(text, some + 15);
        check_ok(zin_rest(in, &text, &bytes));
        assert_int_equal(bytes, 0);
        zin_close(in);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_gzip_header),
        cmocka_unit_test(test_zstd_frames),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_forward_does_not_start_over),
        cmocka_unit_test(test_range_after_an_error),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_long_lines_take_no_more_than_the_limit),
        cmocka_unit_test(test_rest_and_peek),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
