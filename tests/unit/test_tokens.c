/* Token shards: what is written is what is read, across frames and shards; every changed bit and every cut is found. */
#include "base/rng.h"
#include "scratch.h"
#include "text/seekable.h"
#include "text/shard.h"
#include "text/tokens.h"
#include <fcntl.h>
#include <unistd.h>

static char path[1024]; // scratch

/* Token i of a made-up corpus. */
static int32_t made_up(int64_t i, int32_t vocab) {
    return (int32_t)rng_below(1, RNG_TEST, (uint64_t)i, vocab);
}

/* Writes documents of the given lengths, tokens made_up(at..), the end token after each. */
static void write_shard(const char *dir, const char *name, int32_t vocab, int32_t end, const int64_t *length,
                        int64_t documents, int64_t at) {
    shard_out_t *out = NULL;
    check_ok(shard_out_open(dir, name, vocab, end, &out));
    for (int64_t d = 0; d < documents; d++) {
        char id[64];
        snprintf(id, sizeof id, "%s, \"%lld\"", name, (long long)d);
        int32_t *ids = mem_new(length[d], sizeof *ids, "test");
        for (int64_t i = 0; i < length[d]; i++) ids[i] = made_up(at++, vocab);
        check_ok(shard_out_add(out, id, "a source", d % 2 ? "a family" : id, ids, length[d]));
        mem_free(ids);
        at++;
    }
    check_ok(shard_out_commit(out));
}

/* Three shards: documents across several frames, none at all, and one that ends with its frame. */
static const int64_t long_ones[] = {70000, 1, 0, 65535, 3};
static const int64_t short_ones[] = {0, 5, 4 * SHARD_FRAME - 8};
enum { LONG_TOKENS = 70000 + 1 + 65535 + 3 + 5, SHORT_TOKENS = 4 * SHARD_FRAME };

static void write_corpus(const char *dir, int32_t vocab) {
    check_ok(dir_make(dir));
    write_shard(dir, "a", vocab, 7, long_ones, 5, 0);
    write_shard(dir, "b-none", vocab, 7, NULL, 0, 0);
    write_shard(dir, "c", vocab, 7, short_ones, 3, LONG_TOKENS);
    check_ok(tokens_seal(dir));
}

static int32_t expected_token(const tokens_t *t, int64_t position) {
    const token_document_t d = tokens_document(t, tokens_document_at(t, position));
    assert_in_range(position, d.first, d.first + d.length);
    return position == d.first + d.length ? 7 : made_up(position, tokens_vocab(t));
}

static void check_corpus(const char *dir, int32_t vocab) {
    tokens_t *t = NULL;
    check_ok(tokens_open(dir, &t));
    int64_t n = LONG_TOKENS + SHORT_TOKENS;
    assert_int_equal(tokens_count(t), n);
    assert_int_equal(tokens_documents(t), 8);
    assert_int_equal(tokens_vocab(t), vocab);
    assert_int_equal(tokens_end(t), 7);
    int32_t *all = mem_new(n, sizeof *all, "test"), window[100];
    check_ok(tokens_read(t, 0, n, all));
    for (int64_t i = 0; i < n; i++) assert_int_equal(all[i], expected_token(t, i));
    for (uint64_t i = 0; i < 1000; i++) {
        int64_t length = rng_below(2, RNG_TEST, 2 * i, 101), first = rng_below(2, RNG_TEST, 2 * i + 1, n - length + 1);
        check_ok(tokens_read(t, first, length, window));
        assert_memory_equal(window, all + first, (size_t)length * sizeof *all);
    }
    assert_int_equal(tokens_read(t, n, 0, window), 0);
    assert_int_equal(tokens_read(t, n - 1, 2, window), -1);
    assert_int_equal(tokens_read(t, -1, 1, window), -1);
    assert_int_equal(tokens_read(t, 0, -1, window), -1);
    assert_int_equal(tokens_read(t, 1, INT64_MAX, window), -1);
    mem_free(all);
    tokens_close(t);
}

static void reads_what_was_written_u16(void **state) {
    (void)state;
    write_corpus(scratch("u16"), 65536);
    check_corpus(scratch("u16"), 65536);
    assert_int_equal(shard_width(65536), 2);
    assert_int_equal(shard_width(65537), 4);
}

static void reads_what_was_written_u32(void **state) {
    (void)state;
    write_corpus(scratch("u32"), 65537);
    check_corpus(scratch("u32"), 65537);
}

static void documents_keep_their_words(void **state) {
    (void)state;
    write_corpus(scratch("words"), 300);
    tokens_t *t = NULL;
    check_ok(tokens_open(scratch("words"), &t));
    token_document_t d = tokens_document(t, 1);
    assert_string_equal(d.id, "a, \"1\"");
    assert_string_equal(d.source, "a source");
    assert_string_equal(d.family, "a family");
    assert_int_equal(d.first, 70001);
    assert_int_equal(d.length, 1);
    d = tokens_document(t, 5); // first of the third shard: its table counts from 0, its position does not
    assert_string_equal(d.id, "c, \"0\"");
    assert_int_equal(d.first, LONG_TOKENS);
    assert_int_equal(d.length, 0);
    assert_int_equal(tokens_document_at(t, LONG_TOKENS), 5);
    assert_int_equal(tokens_document_at(t, LONG_TOKENS - 1), 4);
    tokens_close(t);
}

/* Any zstd decoder must read the whole file: the command is the independent one. */
static void zstd_decodes_the_file(void **state) {
    (void)state;
    const char *dir = scratch("zstd");
    write_corpus(dir, 300);
    char command[2048];
    snprintf(command, sizeof command, "cd '%s' && for f in a b-none c; do zstd -q -d -c $f.tok.zst; done >raw", dir);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/raw", dir);
    file_map_t raw;
    check_ok(file_map(path, &raw));
    int64_t n = LONG_TOKENS + SHORT_TOKENS;
    assert_int_equal(raw.size, 2 * n);
    tokens_t *t = NULL;
    check_ok(tokens_open(dir, &t));
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(raw.data[2 * i] | raw.data[2 * i + 1] << 8, expected_token(t, i));
    }
    tokens_close(t);
    file_unmap(&raw);
}

/* A file of one frame that holds "abc", laid out by hand from the specifications (RFC 8878 for the frame). The
 * checksums are what the command `zstd --check` puts behind "abc", and behind nothing. */
static void seek_table_follows_the_specification(void **state) {
    (void)state;
    // clang-format off
    static const uint8_t frame[] = {
        0x28, 0xB5, 0x2F, 0xFD, 0x24, 3, 0x19, 0, 0, 'a', 'b', 'c', 0x99, 0x09, 0x77, 0xAD,
    }, fingerprint[] = { // XXH3-64 of these bytes, by a call of the library
        0x50, 0x91, 0xB5, 0x75, 0x7B, 0xAF, 0x0B, 0xE6,
    }, table[] = {
        0x5E, 0x2A, 0x4D, 0x18, 33, 0, 0, 0,                    // skippable frame of 33 bytes
        16, 0, 0, 0, 3, 0, 0, 0, 0x99, 0x09, 0x77, 0xAD,        // 16 bytes that hold 3
        24, 0, 0, 0, 0, 0, 0, 0, 0x99, 0xE9, 0xD8, 0x51,        // the list of places: 24 bytes, no content
        2, 0, 0, 0, 0x80, 0xB1, 0xEA, 0x92, 0x8F,               // 2 entries, checksums, magic
    }, list[] = {
        0x5D, 0x2A, 0x4D, 0x18, 16, 0, 0, 0,                    // skippable frame of 16 bytes
        0, 0, 0, 0, 0, 0, 0, 0,                                 // the first frame is at 0
    };
    // clang-format on
    seek_out_t out = {0};
    check_ok(seek_out_add(&out, frame, sizeof frame, 3));
    uint8_t *tail = NULL;
    size_t bytes = 0;
    check_ok(seek_out_render(&out, &tail, &bytes));
    assert_int_equal(bytes, sizeof list + sizeof fingerprint + sizeof table);
    assert_memory_equal(tail, list, sizeof list);
    assert_memory_equal(tail + sizeof list, fingerprint, sizeof fingerprint);
    assert_memory_equal(tail + sizeof list + sizeof fingerprint, table, sizeof table);
    mem_free(tail);
    seek_out_free(&out);
}

/* --- damage ------------------------------------------------------------------------------------------------------ */

/* Opens and reads everything: 0 when nothing is found wrong. */
static int read_whole(const char *dir) {
    tokens_t *t = NULL;
    TRY(tokens_open(dir, &t));
    int32_t *out = mem_new(tokens_count(t), sizeof *out, "test");
    int rc = tokens_read(t, 0, tokens_count(t), out);
    mem_free(out);
    tokens_close(t);
    return rc;
}

/* In place, without replacing the file: file systems flush a replaced file, and this runs ten thousands of times. */
static void put_bytes(int file, const uint8_t *data, size_t bytes, size_t bytes_before) {
    assert_int_equal(pwrite(file, data, bytes, 0), bytes);
    if (bytes != bytes_before) assert_int_equal(ftruncate(file, (off_t)bytes), 0);
}

static const char *const files_of_a_shard[] = {"s.tok.zst", "s.docs", "s.json", "shards.csv"};
/* Those that wide tokens change stand first. */
static const char *const files_of_three[] = {"s.tok.zst", "t-none.tok.zst", "u.tok.zst",   "s.json",
                                             "s.docs",    "t-none.docs",    "t-none.json", "u.docs",
                                             "u.json",    "shards.csv",     "DONE"};
enum { FILES_OF_THREE = sizeof files_of_three / sizeof *files_of_three, FILES_OF_TOKENS = 4 };

/* Changes one file of the folder in every way `change` knows (0 .. count-1) and wants each to be found. */
static void damage(const char *dir, const char *name, int64_t (*count)(size_t),
                   size_t (*change)(uint8_t *data, size_t bytes, int64_t i)) {
    char file[1024];
    snprintf(file, sizeof file, "%s/%s", dir, name);
    file_map_t map;
    check_ok(file_map(file, &map));
    size_t bytes = map.size;
    if (bytes > 1 << 20) abort(); // every bit of it will be changed
    uint8_t *good = malloc(bytes), *bad = malloc(bytes + 1);
    assert_true(good != NULL && bad != NULL);
    memcpy(good, map.data, bytes);
    file_unmap(&map);
    int open_file = open(file, O_WRONLY);
    assert_true(open_file >= 0);
    size_t left = bytes;
    for (int64_t i = 0; i < count(bytes); i++) {
        memcpy(bad, good, bytes);
        size_t before = left;
        left = change(bad, bytes, i);
        if (left > bytes + 1) abort();
        put_bytes(open_file, bad, left, before);
        err_clear();
        if (read_whole(dir) == 0) fail_msg("%s: change %lld of %zu bytes was not found", name, (long long)i, bytes);
        if (strstr(err_text(), dir) == NULL) fail_msg("message without the file: %s", err_text());
    }
    put_bytes(open_file, good, bytes, left);
    assert_int_equal(close(open_file), 0);
    check_ok(read_whole(dir));
    free(good);
    free(bad);
}

static int64_t every_bit(size_t bytes) {
    return 8 * (int64_t)bytes;
}

static size_t flip(uint8_t *data, size_t bytes, int64_t i) {
    data[i / 8] ^= (uint8_t)(1 << i % 8);
    return bytes;
}

static int64_t every_length(size_t bytes) {
    return (int64_t)bytes + 1;
}

static size_t cut_or_lengthen(uint8_t *data, size_t bytes, int64_t i) {
    data[bytes] = 'x';
    return (size_t)i < bytes ? (size_t)i : bytes + 1;
}

static void write_small(const char *dir, int32_t vocab) {
    static const int64_t length[] = {100, 0, 30};
    check_ok(dir_make(dir));
    write_shard(dir, "s", vocab, 7, length, 3, 0);
    check_ok(tokens_seal(dir));
}

/* A small shard, one without documents, and one of several frames that pack to almost nothing, as all is one token. */
static void write_three(const char *dir, int32_t vocab) {
    enum { LONG = 2 * SHARD_FRAME + 100 };
    write_small(dir, vocab);
    write_shard(dir, "t-none", vocab, 7, NULL, 0, 0);
    shard_out_t *out = NULL;
    int32_t *ids = mem_new(LONG, sizeof *ids, "test");
    for (int64_t i = 0; i < LONG; i++) ids[i] = vocab - 1;
    check_ok(shard_out_open(dir, "u", vocab, 7, &out));
    check_ok(shard_out_add(out, "u 0", "another source", "u 0", ids, LONG));
    check_ok(shard_out_commit(out));
    mem_free(ids);
    check_ok(tokens_seal(dir));
}

static const int32_t narrow_and_wide[] = {300, 70000}; // u16, u32

static void any_flipped_bit_is_found(void **state) {
    (void)state;
    for (int v = 0; v < 2; v++) {
        const char *dir = scratch(v ? "flip32" : "flip16");
        write_three(dir, narrow_and_wide[v]);
        for (int f = 0; f < (v ? FILES_OF_TOKENS : FILES_OF_THREE); f++)
            damage(dir, files_of_three[f], every_bit, flip);
    }
}

static void any_cut_is_found(void **state) {
    (void)state;
    for (int v = 0; v < 2; v++) {
        const char *dir = scratch(v ? "cut32" : "cut16");
        write_three(dir, narrow_and_wide[v]);
        for (int f = 0; f < (v ? FILES_OF_TOKENS : FILES_OF_THREE); f++)
            damage(dir, files_of_three[f], every_length, cut_or_lengthen);
    }
}

static void fails_with(const char *dir, const char *words) {
    err_clear();
    assert_int_equal(read_whole(dir), -1);
    if (strstr(err_text(), words) == NULL) fail_msg("'%s' is not in: %s", words, err_text());
}

static void missing_and_foreign_files_are_named(void **state) {
    (void)state;
    const char *dir = scratch("missing");
    for (int f = 0; f < 4; f++) {
        write_small(dir, 300);
        snprintf(path, sizeof path, "%s/%s", dir, files_of_a_shard[f]);
        assert_int_equal(unlink(path), 0);
        fails_with(dir, path);
    }
    write_small(dir, 300);
    static const int64_t length[] = {8};
    write_shard(dir, "s", 300, 7, length, 1, 5); // a whole shard, but not the one that was sealed
    fails_with(dir, "a shard was replaced");
}

static void swap_files(const char *a, const char *b) {
    assert_int_equal(rename(a, scratch("aside")), 0);
    assert_int_equal(rename(b, a), 0);
    assert_int_equal(rename(scratch("aside"), b), 0);
}

/* Two shards of one shape in a folder, and their like in another: every file may be exchanged, alone or with its whole
 * shard, and the tokens would still look right. */
static void exchanged_files_are_found(void **state) {
    (void)state;
    static const int64_t length[] = {100, 0, 30};
    static const char *const dirs[] = {"exchange", "foreign"}, *const ends[] = {"tok.zst", "docs", "json"};
    for (int d = 0; d < 2; d++) {
        check_ok(dir_make(scratch(dirs[d])));
        write_shard(scratch(dirs[d]), "a", 300, 7, length, 3, 1000 * d);
        write_shard(scratch(dirs[d]), "b", 300, 7, length, 3, 1000 * d + 500);
        check_ok(tokens_seal(scratch(dirs[d])));
    }
    char dir[600];
    snprintf(dir, sizeof dir, "%s", scratch("exchange"));
    check_ok(read_whole(dir));
    for (int foreign = 0; foreign < 2; foreign++) {
        for (int files = 1; files < 8; files++) { // bit e: exchange the file of ends[e]
            for (int again = 0; again < 2; again++) {
                for (int e = 0; e < 3; e++) {
                    if ((files >> e & 1) == 0) continue;
                    char name[2][64];
                    snprintf(name[0], sizeof name[0], "a.%s", ends[e]);
                    snprintf(name[1], sizeof name[1], "%s.%s", foreign ? "a" : "b", ends[e]);
                    swap_files(scratch_in("exchange", name[0]), scratch_in(foreign ? "foreign" : "exchange", name[1]));
                }
                int alike = foreign && files == 2; // the two document tables are the same bytes
                if (!again && (read_whole(dir) == 0) != alike) {
                    fail_msg("exchange %d of files %d was not found", foreign, files);
                }
            }
            check_ok(read_whole(dir));
        }
    }
}

static void unfinished_folder_is_refused(void **state) {
    (void)state;
    const char *dir = scratch("unfinished");
    write_small(dir, 300);
    snprintf(path, sizeof path, "%s/DONE", dir);
    assert_int_equal(unlink(path), 0);
    fails_with(dir, "DONE");
}

static void mixed_vocabularies_are_refused(void **state) {
    (void)state;
    static const int64_t length[] = {8};
    const char *dir = scratch("mixed");
    check_ok(dir_make(dir));
    write_shard(dir, "a", 300, 7, length, 1, 0);
    write_shard(dir, "b", 301, 7, length, 1, 0);
    check_ok(tokens_seal(dir));
    fails_with(dir, "another vocabulary");
}

static void other_versions_are_refused(void **state) {
    (void)state;
    shard_meta_t meta;
    const char *text = "{\"format\": \"memprobe-shard\", \"version\": 2}";
    assert_int_equal(shard_meta_parse("x.json", text, strlen(text), &meta), -1);
    assert_non_null(strstr(err_text(), "x.json: token shard of format version 2, but this memprobe reads version 3"));
}

static void writer_refuses_nonsense(void **state) {
    (void)state;
    shard_out_t *out = NULL;
    assert_int_equal(shard_out_open(scratch_dir, "a/b", 300, 7, &out), -1);
    assert_int_equal(shard_out_open(scratch_dir, "", 300, 7, &out), -1);
    assert_int_equal(shard_out_open(scratch_dir, "a,b", 300, 7, &out), -1);
    assert_int_equal(shard_out_open(scratch_dir, "a", 300, 300, &out), -1);
    assert_int_equal(shard_out_open(scratch_dir, "a", 300, -1, &out), -1);
    static const int32_t bad[][2] = {{1, 300}, {-1, 1}};
    for (int i = 0; i < 2; i++) {
        check_ok(shard_out_open(scratch_dir, "refused", 300, 7, &out));
        assert_int_equal(shard_out_add(out, "id", "", "id", bad[i], 2), -1);
        assert_non_null(strstr(err_text(), "refused.tok.zst"));
        shard_out_abort(out);
        assert_false(file_exists(scratch("refused.tok.zst")));
        assert_false(file_exists(scratch("refused.tok.zst.part")));
        assert_false(file_exists(scratch("refused.json")));
    }
}

/* A token outside the vocabulary is named with its place, in whatever run and frame it comes. */
static void tokens_outside_the_vocabulary_are_placed(void **state) {
    (void)state;
    enum { FIRST_RUN = 1000, RUN = SHARD_FRAME, PLACE = SHARD_FRAME + 10 }; // of the run that crosses the frame
    static const int32_t vocab[] = {300, 65536, 65537, INT32_MAX};
    int32_t *ids = mem_new(RUN, sizeof *ids, "test");
    for (int v = 0; v < 4; v++) {
        const int32_t bad[] = {vocab[v], -1, INT32_MAX, INT32_MIN};
        for (int b = 0; b < 4; b++) {
            shard_out_t *out = NULL;
            char message[100];
            for (int i = 0; i < RUN; i++) ids[i] = vocab[v] - 1;
            snprintf(message, sizeof message, "document 'id': token %d is %d, outside the vocabulary of %d", PLACE,
                     bad[b], vocab[v]);
            check_ok(shard_out_open(scratch_dir, "refused", vocab[v], 7, &out));
            check_ok(shard_out_add(out, "before", "", "before", ids, 5));
            check_ok(shard_out_begin(out, "id", "", "id"));
            check_ok(shard_out_tokens(out, ids, FIRST_RUN));
            ids[PLACE - FIRST_RUN] = bad[b];
            assert_int_equal(shard_out_tokens(out, ids, RUN), -1);
            assert_non_null(strstr(err_text(), message));
            shard_out_abort(out);
        }
    }
    mem_free(ids);
}

static void odd_folder_names_work(void **state) {
    (void)state;
    write_small(scratch("o[d]d *?\\ name"), 300);
    check_ok(read_whole(scratch("o[d]d *?\\ name")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written_u16),
        cmocka_unit_test(reads_what_was_written_u32),
        cmocka_unit_test(documents_keep_their_words),
        cmocka_unit_test(zstd_decodes_the_file),
        cmocka_unit_test(seek_table_follows_the_specification),
        cmocka_unit_test(any_flipped_bit_is_found),
        cmocka_unit_test(any_cut_is_found),
        cmocka_unit_test(missing_and_foreign_files_are_named),
        cmocka_unit_test(exchanged_files_are_found),
        cmocka_unit_test(unfinished_folder_is_refused),
        cmocka_unit_test(mixed_vocabularies_are_refused),
        cmocka_unit_test(other_versions_are_refused),
        cmocka_unit_test(writer_refuses_nonsense),
        cmocka_unit_test(tokens_outside_the_vocabulary_are_placed),
        cmocka_unit_test(odd_folder_names_work),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
