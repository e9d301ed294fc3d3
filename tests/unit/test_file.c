/* Files, folders, zstd streams: what is written is whole or absent, what is read is checked. */
#include "base/hash.h"
#include "base/seal.h"
#include "base/zio.h"
#include "scratch.h"
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

static void test_write_and_map(void **state) {
    (void)state;
    const char *path = scratch("whole");
    file_out_t *out;
    assert_int_equal(file_out_open(path, &out), 0);
    assert_int_equal(file_out_write(out, "ab", 2), 0);
    assert_int_equal(file_out_print(out, "%d\n", 12), 0);
    assert_int_equal(file_exists(path), 0); // no name before it is whole
    assert_int_equal(file_out_commit(out), 0);
    assert_file(path, "ab12\n");
    assert_int_equal(file_exists(scratch("whole.part")), 0);
    int64_t size;
    assert_int_equal(file_size(path, &size), 0);
    assert_int_equal(size, 5);
    assert_int_equal(file_copy(path, scratch("copy")), 0);
    assert_file(scratch("copy"), "ab12\n");
    assert_file(scratch_write("empty", ""), "");
}

/* Bytes in memory of this process, counted page by page. */
static long resident(void) {
    char line[200];
    long kib = 0;
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "Rss: %ld kB", &kib) == 1) break;
    fclose(f);
    assert_true(kib > 0);
    return kib * 1024;
}

static void test_large_writes_pass_the_buffer(void **state) {
    (void)state;
    enum { N = 700000 };
    char *data = mem_new(N, 1, "data"), *long_text = mem_new(2000, 1, "text");
    for (int i = 0; i < N; i++) data[i] = (char)('a' + i % 26);
    memset(long_text, 'z', 1999);
    file_out_t *out;
    assert_int_equal(file_out_open(scratch("large"), &out), 0);
    assert_int_equal(file_out_write(out, data, 1000), 0);
    assert_int_equal(file_out_write(out, data + 1000, N - 1000), 0);
    assert_int_equal(file_out_print(out, "%s", long_text), 0);
    assert_int_equal(file_out_commit(out), 0);
    file_map_t map;
    assert_int_equal(file_map(scratch("large"), &map), 0);
    assert_int_equal(map.size, N + 1999);
    assert_memory_equal(map.data, data, N);
    assert_memory_equal(map.data + N, long_text, 1999);
    const long before = resident();
    file_forget(&map);
    assert_true(before - resident() > N / 2);
    assert_memory_equal(map.data, data, N); // and is there again
    file_unmap(&map);
    file_forget(&map);
    mem_free(data);
    mem_free(long_text);
}

/* The hash of a file is that of its bytes, and takes a piece of it at a time. */
static void test_hash_of_a_large_file(void **state) {
    (void)state;
    enum { BYTES = (1 << 26) + 4321 };
    struct rusage before, after;
    file_map_t map;
    hash_t hash;
    const char *path = scratch_write("holes", "bytes, and then a hole");
    assert_int_equal(truncate(path, BYTES), 0);
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    assert_int_equal(hash_file(path, &hash), 0);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_true(after.ru_maxrss - before.ru_maxrss < BYTES / 2 / 1024); // in units of 1024 bytes
    assert_int_equal(file_map(path, &map), 0);
    assert_int_equal(hash_compare(hash, hash_bytes(map.data, map.size, 0)), 0);
    file_unmap(&map);
    assert_int_equal(hash_file(scratch_write("nothing", ""), &hash), 0);
    assert_int_equal(hash_compare(hash, hash_bytes(NULL, 0, 0)), 0);
    assert_int_equal(hash_file(scratch("absent"), &hash), -1);
}

static void test_abort_and_replace(void **state) {
    (void)state;
    const char *path = scratch_write("kept", "old");
    file_out_t *out;
    assert_int_equal(file_out_open(path, &out), 0);
    file_out_write(out, "new", 3);
    file_out_abort(out);
    file_out_abort(NULL);
    assert_file(path, "old");
    assert_int_equal(file_exists(scratch("kept.part")), 0);
    scratch_write("kept", "new");
    assert_file(path, "new");
}

/* A full disk: the partial file is a link to the device that is always full. */
static void test_full_disk(void **state) {
    (void)state;
    if (!file_exists("/dev/full")) skip();
    const char *path = scratch("full");
    assert_int_equal(symlink("/dev/full", scratch("full.part")), 0);
    file_out_t *out;
    assert_int_equal(file_out_open(path, &out), 0);
    assert_int_equal(file_out_write(out, "x", 1), 0); // still in the buffer
    assert_int_equal(file_out_commit(out), -1);
    assert_message(path);
    assert_message("No space left on device");
    assert_message("free space");
    assert_int_equal(file_exists(path), 0);
    struct stat st;
    assert_int_equal(lstat(scratch("full.part"), &st), -1); // nothing is left

    /* A failed write that the caller did not look at still fails the commit, with the first message. */
    assert_int_equal(symlink("/dev/full", scratch("full.part")), 0);
    zout_t *zout;
    assert_int_equal(zout_open(path, 1, &zout), 0);
    assert_int_equal(zout_write(zout, "x", 1), 0);
    assert_int_equal(zout_commit(zout), -1);
    assert_message("No space left");
    assert_int_equal(file_exists(path), 0);
}

static void test_bad_paths_are_named(void **state) {
    (void)state;
    file_map_t map;
    int64_t size;
    assert_int_equal(file_write(scratch("no/such/folder/x"), "a", 1), -1);
    assert_message("no/such/folder/x: cannot write: No such file");
    assert_int_equal(file_map(scratch("absent"), &map), -1);
    assert_message("absent: cannot open");
    assert_int_equal(file_map(scratch_dir, &map), -1);
    assert_message("is a folder");
    assert_int_equal(file_map("/dev/null", &map), -1);
    assert_int_equal(file_size(scratch("absent"), &size), -1);
    assert_message("absent");
    const char *file = scratch_write("file", "x");
    assert_int_equal(dir_make(file), -1);
    assert_message("a file where a folder is needed");
    assert_int_equal(dir_make(scratch("file/below")), -1);
    assert_int_equal(dir_make(""), -1);
}

static void test_folders(void **state) {
    (void)state;
    assert_int_equal(dir_make(scratch("a/b//c/")), 0);
    assert_int_equal(dir_make(scratch("a/b/c")), 0);
    scratch_write("a/b/c/file", "x");
    assert_int_equal(symlink("..", scratch("a/up")), 0);
    scratch_write("beside", "x");
    assert_int_equal(dir_remove(scratch("a")), 0);
    assert_int_equal(file_exists(scratch("a")), 0);
    assert_int_equal(file_exists(scratch("beside")), 1); // a link out of the tree is not followed
    assert_int_equal(dir_remove(scratch("a")), 0);
}

static void test_glob_in_byte_order(void **state) {
    (void)state;
    assert_int_equal(dir_make(scratch("g")), 0);
    const char *names[] = {"g/b", "g/B", "g/a10", "g/a2", "g/_"};
    for (int i = 0; i < 5; i++) scratch_write(names[i], "");
    file_list_t list;
    assert_int_equal(file_glob(scratch("g/*"), &list), 0);
    const char *sorted[] = {"g/B", "g/_", "g/a10", "g/a2", "g/b"};
    assert_int_equal(list.count, 5);
    for (int i = 0; i < 5; i++) assert_string_equal(list.path[i], scratch(sorted[i]));
    file_list_free(&list);
    assert_int_equal(file_glob(scratch("g/none*"), &list), 0);
    assert_int_equal(list.count, 0);
    file_list_free(&list);
    assert_int_equal(file_glob(scratch("g/none"), &list), -1);
    assert_message("g/none");
    const char *odd = "g[1]*\\?";
    assert_int_equal(dir_make(scratch(odd)), 0);
    scratch_write("g[1]*\\?/x.y", "");
    assert_int_equal(file_glob_in(scratch(odd), "*.y", &list), 0);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.path[0], scratch("g[1]*\\?/x.y"));
    file_list_free(&list);
    assert_int_equal(file_glob_in(scratch(odd), "*.z", &list), 0);
    assert_int_equal(list.count, 0);
    file_list_free(&list);
}

static void test_artifact(void **state) {
    (void)state;
    assert_int_equal(dir_make(scratch("art")), 0);
    assert_int_equal(artifact_is_done(scratch("art")), 0);
    assert_int_equal(artifact_mark_done(scratch("art"), "census 1234"), 0);
    assert_int_equal(artifact_is_done(scratch("art")), 1);
    assert_file(scratch("art/DONE"), "census 1234\n");
    assert_int_equal(artifact_mark_done(scratch("no-art"), "x"), -1);
}

/* Line i of the long test: i % 97 letters, and one line of 3 MB. */
enum { LINES = 30000, GIANT = 3000000, GIANT_AT = 777 };
static char *make_lines(size_t *bytes) {
    char *text = mem_new(LINES * 100 + GIANT, 1, "lines"), *at = text;
    for (int i = 0; i < LINES; i++) {
        int n = i == GIANT_AT ? GIANT : i % 97;
        memset(at, 'a' + i % 26, (size_t)n);
        at += n;
        *at++ = '\n';
    }
    *bytes = (size_t)(at - text);
    return text;
}

static void check_lines(const char *path) {
    zin_t *in;
    char *line;
    size_t bytes;
    assert_int_equal(zin_open(path, &in), 0);
    for (int i = 0; i < LINES; i++) {
        size_t n = i == GIANT_AT ? GIANT : (size_t)(i % 97);
        assert_int_equal(zin_line(in, &line, &bytes), 1);
        assert_int_equal(bytes, n);
        assert_int_equal(strlen(line), n);
        if (n > 0) assert_true(line[0] == 'a' + i % 26 && line[n - 1] == 'a' + i % 26);
        assert_int_equal(zin_line_number(in), i + 1);
    }
    assert_int_equal(zin_line(in, &line, &bytes), 0);
    assert_int_equal(zin_line(in, &line, &bytes), 0);
    zin_close(in);
    zin_close(NULL);
}

static void write_zst(const char *path, const char *text, size_t bytes, size_t piece) {
    zout_t *out;
    assert_int_equal(zout_open(path, 3, &out), 0);
    for (size_t at = 0; at < bytes; at += piece)
        assert_int_equal(zout_write(out, text + at, at + piece < bytes ? piece : bytes - at), 0);
    assert_int_equal(zout_commit(out), 0);
}

static void test_lines_plain_and_zstd(void **state) {
    (void)state;
    size_t bytes;
    char *text = make_lines(&bytes);
    assert_int_equal(file_write(scratch("lines"), text, bytes), 0);
    write_zst(scratch("lines.zst"), text, bytes, 12345);
    check_lines(scratch("lines"));
    check_lines(scratch("lines.zst"));

    /* How the writer cuts its calls does not show in the file. */
    write_zst(scratch("whole.zst"), text, bytes, bytes);
    file_map_t a, b;
    assert_int_equal(file_map(scratch("lines.zst"), &a), 0);
    assert_int_equal(file_map(scratch("whole.zst"), &b), 0);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);

    assert_int_equal(a.data[4] & 4, 4); // the frame has a checksum (RFC 8878, 3.1.1.1.1.5)

    /* Cut anywhere, the stream is an error that names the file, after the lines that were whole. */
    size_t cuts[] = {5, 9, a.size / 2, a.size - 4, a.size - 1};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(file_write(scratch("cut"), a.data, cuts[i]), 0);
        zin_t *in;
        char *line;
        size_t n;
        int status;
        assert_int_equal(zin_open(scratch("cut"), &in), 0);
        while ((status = zin_line(in, &line, &n)) == 1) continue;
        assert_int_equal(status, -1);
        assert_message(scratch("cut"));
        assert_message("truncated");
        zin_close(in);
    }
    /* A flipped bit is caught by the checksum or before. */
    uint8_t *damaged = mem_new((int64_t)a.size, 1, "bytes");
    memcpy(damaged, a.data, a.size);
    damaged[a.size / 2] ^= 0x10;
    assert_int_equal(file_write(scratch("damaged"), damaged, a.size), 0);
    zin_t *in;
    char *line;
    size_t n;
    int status;
    assert_int_equal(zin_open(scratch("damaged"), &in), 0);
    while ((status = zin_line(in, &line, &n)) == 1) continue;
    assert_int_equal(status, -1);
    assert_message("damaged");
    zin_close(in);
    mem_free(damaged);
    file_unmap(&a);
    file_unmap(&b);
    mem_free(text);
}

/* A frame without checksum, all of its bytes taken in while text still waits for room in the line buffer. */
static void test_text_that_waits_in_the_stream(void **state) {
    (void)state;
    for (size_t n = (1 << 18) - 2; n < (1 << 18) + 3; n++) {
        char *text = mem_new((int64_t)n, 1, "text"), packed[1000], *line;
        memset(text, 'x', n);
        size_t bytes = ZSTD_compress(packed, sizeof packed, text, n, 1);
        assert_int_equal(ZSTD_isError(bytes), 0);
        assert_int_equal(file_write(scratch("wait.zst"), packed, bytes), 0);
        zin_t *in;
        assert_int_equal(zin_open(scratch("wait.zst"), &in), 0);
        assert_int_equal(zin_line(in, &line, &bytes), 1);
        assert_int_equal(bytes, n);
        assert_int_equal(zin_line(in, &line, &bytes), 0);
        zin_close(in);
        mem_free(text);
    }
}

static void expect_lines(const char *path, int count, const char *const *lines) {
    zin_t *in;
    char *line;
    size_t bytes;
    assert_int_equal(zin_open(path, &in), 0);
    for (int i = 0; i < count; i++) {
        assert_int_equal(zin_line(in, &line, &bytes), 1);
        assert_string_equal(line, lines[i]);
    }
    assert_int_equal(zin_line(in, &line, &bytes), 0);
    zin_close(in);
}

static void test_line_ends(void **state) {
    (void)state;
    expect_lines(scratch_write("e0", ""), 0, NULL);
    expect_lines(scratch_write("e1", "\n"), 1, (const char *[]){""});
    expect_lines(scratch_write("e2", "a\n\nb"), 3, (const char *[]){"a", "", "b"});
    expect_lines(scratch_write("e3", "(\xB5/"), 1, (const char *[]){"(\xB5/"}); // three bytes of the zstd magic
    const char *two = scratch("two.zst");
    write_zst(two, "ab\ncd", 5, 2);
    file_map_t map;
    assert_int_equal(file_map(two, &map), 0);
    uint8_t twice[200];
    memcpy(twice, map.data, map.size);
    memcpy(twice + map.size, map.data, map.size);
    assert_int_equal(file_write(scratch("frames.zst"), twice, 2 * map.size), 0);
    file_unmap(&map);
    expect_lines(scratch("frames.zst"), 3, (const char *[]){"ab", "cdab", "cd"});
    zin_t *in;
    assert_int_equal(zin_open(scratch("absent"), &in), -1);
    assert_message("absent");
}

static void assert_seal_fails(const char *dir, const char *text) {
    assert_int_equal(seal_check(dir), -1);
    assert_non_null(strstr(err_text(), text));
}

static void test_seal(void **state) {
    (void)state;
    const char *dir = scratch("sealed");
    assert_int_equal(dir_make(scratch("sealed/folder")), 0);
    scratch_write("sealed/b", "");
    scratch_write("sealed/a", "abc");
    scratch_write("sealed/DONE", "x");
    scratch_write("sealed/c.part", "x");
    assert_seal_fails(dir, "sums");
    assert_int_equal(seal_write(dir), 0);
    // as `xxhsum -H2 a b` of xxhash 0.8.1 prints them
    assert_file(scratch("sealed/sums"), "06b05ab6733a618578af5f94892f3950  a\n"
                                        "99aa06d3014798d86001c324468d497f  b\n");
    assert_int_equal(seal_check(dir), 0);
    scratch_write("sealed/a", "abb");
    assert_seal_fails(dir, "sealed/a: not what was written");
    unlink(scratch("sealed/a"));
    assert_seal_fails(dir, "sealed/a");
    scratch_write("sealed/a", "abc");
    scratch_write("sealed/sums", "06b05ab6733a618578af5f94892f3950  a");
    assert_seal_fails(dir, "cut off");
    scratch_write("sealed/sums", "");
    assert_seal_fails(dir, "cut off");
    scratch_write("sealed/sums", "06b05ab6733a618578af5f94892f395  a\n");
    assert_seal_fails(dir, "damaged");
    scratch_write("sealed/sums", "\n");
    assert_seal_fails(dir, "damaged");
    assert_seal_fails(scratch("nowhere"), "nowhere");
    assert_int_equal(seal_write(scratch("nowhere")), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_and_map),
        cmocka_unit_test(test_large_writes_pass_the_buffer),
        cmocka_unit_test(test_hash_of_a_large_file),
        cmocka_unit_test(test_abort_and_replace),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_bad_paths_are_named),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_glob_in_byte_order),
        cmocka_unit_test(test_artifact),
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_lines_plain_and_zstd),
        cmocka_unit_test(test_text_that_waits_in_the_stream),
        cmocka_unit_test(test_line_ends),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
