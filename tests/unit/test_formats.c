/* Readers of tokenized corpora: files of every format are written here byte by byte from the layouts and read back;
 * every damage must be refused by name; any cut into ranges gives what the whole gives. Values of
 * lm-extraction-benchmark were computed with numpy. */
#include "base/rng.h"
#include "scratch.h"
#include "text/bytes.h"
#include "text/documents.h"
#include "text/explain.h"
#include "text/npy.h"

/* --- helpers ------------------------------------------------------------------------------------------------------ */

enum { ROOM = 1 << 16 };

/* n integers of `width` bytes, little-endian, behind each other. */
static uint8_t *put(uint8_t *p, int width, const int64_t *values, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        for (int b = 0; b < width; b++) *p++ = (uint8_t)((uint64_t)values[i] >> (8 * b));
    return p;
}

static void write_tokens(const char *name, int width, const int64_t *values, int64_t n) {
    static uint8_t bytes[ROOM];
    uint8_t *end = put(bytes, width, values, n);
    check_ok(file_write(scratch(name), bytes, (size_t)(end - bytes)));
}
#define WRITE_TOKENS(name, width, ...)                                                                                 \
    write_tokens(name, width, (const int64_t[]){__VA_ARGS__},                                                          \
                 (int64_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))

/* "%s" in list: the folder. */
static int open_list(const char *list, int64_t limit, inputs_t *inputs) {
    char text[2048];
    input_rules_t rules = input_rules_default();
    rules.document_limit = limit;
    snprintf(text, sizeof text, list, scratch_dir, scratch_dir);
    return inputs_open(text, &rules, "list", inputs);
}

/* Documents of ranges [cut[i], cut[i + 1]) of an input as text: "id: 1 2 3\n". */
static int dump(const input_t *input, const int64_t *cut, int cuts, char *out) {
    documents_t *reader;
    document_t d;
    int rc = 0;
    size_t used = 0;
    out[0] = '\0';
    TRY(documents_open(input, &reader));
    for (int i = 0; rc == 0 && i < (cuts > 0 ? cuts : 1); i++) {
        if (cuts > 0) rc = documents_range(reader, cut[i], cut[i + 1]);
        while (rc == 0 && (rc = documents_next(reader, &d)) == 1) {
            assert_null(d.text);
            assert_non_null(d.tokens);
            used += (size_t)snprintf(out + used, ROOM - used, "%s%s%s:", d.source, d.source[0] ? " " : "", d.id);
            for (int64_t k = 0; k < d.n; k++) used += (size_t)snprintf(out + used, ROOM - used, " %d", d.tokens[k]);
            used += (size_t)snprintf(out + used, ROOM - used, "\n");
            assert_true(used < ROOM);
            rc = 0;
        }
    }
    documents_close(reader);
    return rc;
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Cut at random places, also at the same one twice and at both ends. */
static void check_cuts(const input_t *input, const char *whole) {
    static char parts[ROOM];
    for (uint64_t round = 0; round < 50; round++) {
        int64_t cut[8] = {0};
        for (uint64_t i = 1; i < 7; i++) cut[i] = rng_below(7, 0, 8 * round + i, input->size + 1);
        cut[7] = input->size;
        qsort(cut, 8, sizeof *cut, by_value);
        check_ok(dump(input, cut, 7, parts));
        assert_string_equal(parts, whole);
    }
}

static void check_reads(const char *list, const char *documents) {
    static char whole[ROOM];
    inputs_t inputs;
    check_ok(open_list(list, 1 << 20, &inputs));
    assert_int_equal(inputs.count, 1);
    check_ok(dump(&inputs.input[0], NULL, 0, whole));
    assert_string_equal(whole, documents);
    check_cuts(&inputs.input[0], whole);
    FILE *nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
    check_ok(input_explain(&inputs.input[0], nowhere));
    fclose(nowhere);
    inputs_free(&inputs);
}

static int read_all(const input_t *input) {
    documents_t *reader;
    document_t d;
    int rc;
    TRY(documents_open(input, &reader));
    while ((rc = documents_next(reader, &d)) == 1) {
    }
    documents_close(reader);
    return rc;
}

/* Refused when it is opened, or when it is read. */
static void check_refused(const char *list, int64_t limit, const char *message) {
    inputs_t inputs;
    int rc = open_list(list, limit, &inputs);
    if (rc == 0) {
        rc = read_all(&inputs.input[0]);
        inputs_free(&inputs);
    }
    check_fails(rc, message);
}

/* --- marks -------------------------------------------------------------------------------------------------------- */

static void test_nanogpt(void **state) {
    (void)state;
    WRITE_TOKENS("a.bin", 2, 5, 6, 50256, 7, 50256, 50256, 65535, 8, 50256);
    check_reads("nanogpt:%s/a.bin", "a.bin@0: 5 6\na.bin@3: 7\na.bin@5:\na.bin@6: 65535 8\n");
    check_reads("nanogpt:%s/a.bin:end=7:source=web",
                "web a.bin@0: 5 6 50256\nweb a.bin@4: 50256 50256 65535 8 50256\n");
    check_reads("nanogpt:%s/a.bin:end=none", "a.bin@0: 5 6 50256 7 50256 50256 65535 8 50256\n");
    WRITE_TOKENS("b.bin", 2, 50256, 50256, 3, 4);
    check_reads("nanogpt:%s/b.bin", "b.bin@0:\nb.bin@1:\nb.bin@2: 3 4\n");
    write_tokens("empty.bin", 2, NULL, 0);
    check_reads("nanogpt:%s/empty.bin", "");
    check_ok(file_write(scratch("odd.bin"), "abc", 3));
    check_refused("nanogpt:%s/odd.bin", 999, "3 bytes of tokens are no whole number of u16 tokens");
    check_refused("nanogpt:%s/a.bin:end=65536", 999, "end=65536 is no u16 token");
    check_refused("nanogpt:%s/a.bin:end=-1", 999, "end is -1");
    check_refused("nanogpt:%s/a.bin:end=x", 999, "not a whole number");
    check_refused("nanogpt:%s/a.bin:u32", 999, "'u32' is no option of nanogpt");
    check_refused("nanogpt:%s/a.bin:end=none", 32, "a.bin: the document at token 0 has more than 8 tokens");
    check_refused("nanogpt:%s/a.bin:end=4", 32, "is end right?");
    check_reads("nanogpt:%s/a.bin:end=8", "a.bin@0: 5 6 50256 7 50256 50256 65535\na.bin@8: 50256\n");
}

/* Header of 256 int32, then the tokens. */
static void write_llmc(const char *name, int64_t magic, int64_t version, int64_t count, int width,
                       const int64_t *values, int64_t n) {
    static uint8_t bytes[ROOM];
    memset(bytes, 0, 1024);
    put(bytes, 4, (const int64_t[]){magic, version, count}, 3);
    uint8_t *end = put(bytes + 1024, width, values, n);
    check_ok(file_write(scratch(name), bytes, (size_t)(end - bytes)));
}

static void test_llmc(void **state) {
    (void)state;
    const int64_t gpt2[] = {50256, 1, 2, 50256, 50256, 3, 50256};
    write_llmc("a.bin", 20240520, 1, 7, 2, gpt2, 7);
    check_reads("%s/a.bin", "a.bin@0: 1 2\na.bin@3:\na.bin@4: 3\na.bin@6:\n");
    check_reads("llmc:%s/a.bin:end=3", "a.bin@0: 50256 1 2 50256 50256\na.bin@5: 50256\n");
    const int64_t llama[] = {9, 128255, 128000, 4, 128000, 70000};
    write_llmc("b.bin", 20240801, 7, 6, 4, llama, 6);
    check_reads("llmc:%s/b.bin", "b.bin@0: 9 128255\nb.bin@2: 4\nb.bin@4: 70000\n");
    check_reads("llmc:%s/b.bin:end=none", "b.bin@0: 9 128255 128000 4 128000 70000\n");
    write_llmc("c.bin", 20240520, 1, 0, 2, NULL, 0);
    check_reads("llmc:%s/c.bin", "");

    write_llmc("d.bin", 20240520, 1, 8, 2, gpt2, 7);
    check_refused("%s/d.bin", 999, "7 tokens, but its header says 8");
    write_llmc("d.bin", 20240520, 1, 6, 2, gpt2, 7);
    check_refused("%s/d.bin", 999, "7 tokens, but its header says 6");
    write_llmc("d.bin", 20240520, 7, 7, 2, gpt2, 7);
    check_refused("%s/d.bin", 999, "version 7 of llm.c's tokens of GPT-2; known is 1");
    check_refused("nanogpt:%s/a.bin", 999, "use llmc:");
    write_llmc("d.bin", 20240521, 1, 7, 2, gpt2, 7);
    check_refused("llmc:%s/d.bin", 999, "begins with 20240521");
    write_llmc("d.bin", 20240522, 1, 7, 2, gpt2, 7);
    check_refused("%s/d.bin", 999, "multiple-choice");
    write_llmc("d.bin", 20240328, 1, 7, 2, gpt2, 7);
    check_refused("%s/d.bin", 999, "llm.c's tokenizer");
    const int64_t negative[] = {5, -3, 6};
    write_llmc("d.bin", 20240801, 7, 3, 4, negative, 3);
    check_refused("%s/d.bin", 999, "token 1 (byte 1028) is 4294967293, read as u32");
    check_ok(file_write(scratch("d.bin"), "\x98\xd7\x34\x01\x01\0\0\0\0\0\0\0", 12));
    check_refused("llmc:%s/d.bin", 999, "12 bytes, fewer than the header of llm.c");
}

static void test_olmo(void **state) {
    (void)state;
    WRITE_TOKENS("a.npy", 4, 9, 100257, 8, 7, 100257);
    check_reads("olmo:%s/a.npy:u32:end=100257", "a.npy@0: 9\na.npy@2: 8 7\n");
    WRITE_TOKENS("b.npy", 2, 9, 50279, 8);
    check_reads("olmo:%s/b.npy:end=50279:u16", "b.npy@0: 9\nb.npy@2: 8\n");
    check_refused("olmo:%s/b.npy:end=50279", 999, "do not say their type");
    check_refused("olmo:%s/b.npy:u8:end=1", 999, "do not say their type");
    check_refused("olmo:%s/b.npy:u16", 999, "do not say which token ends a document");
    check_refused("olmo:%s/b.npy:u32:end=1", 999, "6 bytes of tokens are no whole number of u32");
    check_refused("%s/b.npy", 999, "neither name nor first bytes tell the format");
    check_ok(file_write(scratch("c.npy"), "\x93NUMPY\1\0v\0", 10));
    check_refused("olmo:%s/c.npy:u16:end=0", 999, "use npy:");
}

static void test_tokens(void **state) {
    (void)state;
    WRITE_TOKENS("a", 1, 1, 2, 0, 255, 0);
    check_reads("tokens:%s/a:u8:end=0", "a@0: 1 2\na@3: 255\n");
    check_reads("tokens:%s/a:u8:end=none", "a@0: 1 2 0 255 0\n");
    check_reads("tokens:%s/a:u8:record=5", "a@0: 1 2 0 255 0\n");
    check_reads("tokens:%s/a:u8:record=5:end=0", "a@0: 1 2\na@0+3: 255\n");
    check_refused("tokens:%s/a:i8:end=none", 999, "token 3 (byte 3) is -1, read as i8");
    check_refused("tokens:%s/a:u8:record=4", 999, "5 tokens are no whole number of records of 4");
    check_refused("tokens:%s/a:u8", 999, "do not say where documents end");
    check_refused("tokens:%s/a:end=0", 999, "do not say their type");
    check_refused("tokens:%s/a:u8:record=0", 999, "record is 0; it may be 1");
    check_refused("tokens:%s/a:u8:record=5", 19, "a: document 0 has more than 4 tokens");
    check_refused("tokens:%s/a:i8:end=128", 999, "end=128 is no i8 token");
    WRITE_TOKENS("b", 2, 1, 32767, 7, 2);
    check_reads("tokens:%s/b:i16:end=7", "b@0: 1 32767\nb@3: 2\n");
    WRITE_TOKENS("b", 2, 1, -32768);
    check_refused("tokens:%s/b:i16:end=7", 999, "token 1 (byte 2) is -32768");
    WRITE_TOKENS("c", 4, 1, 2147483647, 7, 2);
    check_reads("tokens:%s/c:u32:end=7", "c@0: 1 2147483647\nc@3: 2\n");
    check_reads("tokens:%s/c:i32:end=7", "c@0: 1 2147483647\nc@3: 2\n");
    WRITE_TOKENS("c", 4, 1, -2);
    check_refused("tokens:%s/c:i32:end=7", 999, "token 1 (byte 4) is -2,");
    WRITE_TOKENS("d", 8, 1, 2147483647, 7, 2);
    check_reads("tokens:%s/d:u64:end=7", "d@0: 1 2147483647\nd@3: 2\n");
    check_reads("tokens:%s/d:i64:record=2", "d@0: 1 2147483647\nd@1: 7 2\n");
    WRITE_TOKENS("d", 8, 1, 2147483648);
    check_refused("tokens:%s/d:i64:end=7", 999, "token 1 (byte 8) is 2147483648,");
    WRITE_TOKENS("d", 8, -1);
    check_refused("tokens:%s/d:u64:end=7", 999, "token 0 (byte 0) is 18446744073709551615,");
    check_refused("tokens:%s/d:i64:end=7", 999, "token 0 (byte 0) is -1,");
}

/* Documents that are longer than what is read at a time, with marks near all borders of reading. */
static void test_long_stream(void **state) {
    (void)state;
    enum { N = 1500000 };
    static uint8_t bytes[2 * N];
    static const int64_t mark[] = {0, 5, 262143, 262144, 524286, 1048576, 1499998};
    for (int64_t i = 0; i < N; i++) bytes_put_u16(bytes + 2 * i, (uint16_t)(1 + i % 60000));
    for (int m = 0; m < 7; m++) bytes_put_u16(bytes + 2 * mark[m], 0);
    check_ok(file_write(scratch("long"), bytes, sizeof bytes));
    inputs_t inputs;
    documents_t *reader;
    document_t d;
    check_ok(open_list("tokens:%s/long:u16:end=0", 8 << 20, &inputs));
    check_ok(documents_open(&inputs.input[0], &reader));
    for (int backwards = 0; backwards < 2; backwards++) {
        for (int k = 0; k <= 7; k++) { // document k lies between the marks k - 1 and k
            int m = backwards ? 7 - k : k;
            int64_t start = m > 0 ? mark[m - 1] + 1 : 0, end = m < 7 ? mark[m] : N;
            if (backwards) check_ok(documents_range(reader, start, m < 7 ? end + 1 : N));
            assert_int_equal(documents_next(reader, &d), 1);
            assert_int_equal(d.n, end - start);
            for (int64_t i = 0; i < d.n; i++)
                if (d.tokens[i] != 1 + (start + i) % 60000) fail_msg("token %lld", (long long)(start + i));
            if (backwards) assert_int_equal(documents_next(reader, &d), 0);
        }
        if (!backwards) assert_int_equal(documents_next(reader, &d), 0);
    }
    check_fails(documents_range(reader, 5, N + 1), "are no part of its 1500000");
    check_fails(documents_range(reader, 5, 4), "are no part of its");
    documents_close(reader);
    inputs_free(&inputs);
    check_refused("tokens:%s/long:u16:end=0", 2 << 20, "the document at token 524287 has more than 524288 tokens");
}

/* --- records ------------------------------------------------------------------------------------------------------ */

/* A range that is set while a record is half given. */
static void check_leaves_document(void) {
    inputs_t inputs;
    documents_t *reader;
    document_t d;
    check_ok(open_list("pythia:%s/a.bin:record=3:end=2", 999, &inputs));
    check_ok(documents_open(&inputs.input[0], &reader));
    assert_int_equal(documents_next(reader, &d), 1);
    assert_string_equal(d.id, "a.bin@0");
    check_ok(documents_range(reader, 1, 2));
    assert_int_equal(documents_next(reader, &d), 1);
    assert_string_equal(d.id, "a.bin@1");
    assert_int_equal(documents_next(reader, &d), 0);
    documents_close(reader);
    inputs_free(&inputs);
}

static void test_pythia(void **state) {
    (void)state;
    WRITE_TOKENS("a.bin", 2, 1, 2, 3, 4, 0, 6);
    check_reads("pythia:%s/a.bin:record=3", "a.bin@0: 1 2 3\na.bin@1: 4 0 6\n");
    check_reads("pythia:%s/a.bin:record=2:end=0", "a.bin@0: 1 2\na.bin@1: 3 4\na.bin@2:\na.bin@2+1: 6\n");
    check_leaves_document();
    check_refused("pythia:%s/a.bin", 999, "6 tokens are no whole number of records of 2049");
    int64_t *tokens = mem_new(3 * 2049, sizeof *tokens, "tokens");
    for (int i = 0; i < 3 * 2049; i++) tokens[i] = i;
    write_tokens("b.bin", 2, tokens, 3 * 2049);
    mem_free(tokens);
    inputs_t inputs;
    documents_t *reader;
    document_t d;
    check_ok(open_list("pythia:%s/b.bin", 1 << 20, &inputs));
    assert_int_equal(inputs.input[0].size, 3);
    assert_int_equal(inputs.input[0].unit_bytes, 4098);
    check_ok(documents_open(&inputs.input[0], &reader));
    check_ok(documents_range(reader, 1, 2));
    assert_int_equal(documents_next(reader, &d), 1);
    assert_string_equal(d.id, "b.bin@1");
    assert_int_equal(d.n, 2049);
    assert_int_equal(d.tokens[0], 2049);
    assert_int_equal(d.tokens[2048], 4097);
    assert_int_equal(documents_next(reader, &d), 0);
    check_fails(documents_range(reader, 2, 4), "records 2 .. 4 are no part of its 3");
    documents_close(reader);
    inputs_free(&inputs);
}

/* --- Megatron ----------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *magic;
    int64_t version, code, n, d;
    int64_t length[8], pointer[8], start[8];
    int64_t extra;          // bytes behind
    int64_t more_n, more_d; // that the head says, and which are not there
} pair_t;

static void write_pair(const char *name, const pair_t *pair, int width, const int64_t *tokens, int64_t n) {
    static uint8_t bytes[ROOM];
    char bin[64], idx[64];
    snprintf(bin, sizeof bin, "%s.bin", name);
    snprintf(idx, sizeof idx, "%s.idx", name);
    memset(bytes, 0, 9);
    memcpy(bytes, pair->magic, strlen(pair->magic));
    uint8_t *p = put(bytes + 9, 8, &pair->version, 1);
    p = put(p, 1, &pair->code, 1);
    p = put(p, 8, (const int64_t[]){pair->n + pair->more_n, pair->d + pair->more_d}, 2);
    p = put(p, 4, pair->length, pair->n);
    p = put(p, 8, pair->pointer, pair->n);
    p = put(p, 8, pair->start, pair->d);
    memset(p, 0, 64);
    check_ok(file_write(scratch(idx), bytes, (size_t)(p - bytes + pair->extra)));
    write_tokens(bin, width, tokens, n);
}

/* Five sequences in four documents, one of them empty, one sequence empty. */
static const pair_t good = {"MMIDIDX", 1, 8, 5, 5, {2, 1, 0, 3, 1}, {0, 4, 6, 6, 12}, {0, 2, 2, 4, 5}, 0, 0, 0};
static const int64_t good_tokens[] = {10, 11, 12, 13, 0, 14, 0};
static const char good_documents[] = "a.bin@0: 10 11 12\na.bin@1:\na.bin@2: 13 0 14\na.bin@3: 0\n";

static void test_mmidx(void **state) {
    (void)state;
    write_pair("a", &good, 2, good_tokens, 7);
    check_reads("%s/a.idx", good_documents);
    check_reads("mmidx:%s/a", good_documents);
    check_reads("mmidx:%s/a.bin", good_documents);
    check_reads("mmidx:%s/a.idx:source=pile",
                "pile a.bin@0: 10 11 12\npile a.bin@1:\npile a.bin@2: 13 0 14\npile a.bin@3: 0\n");
    check_reads("mmidx:%s/a:end=0", "a.bin@0: 10 11 12\na.bin@1:\na.bin@2: 13\na.bin@2+2: 14\na.bin@3:\n");
    check_reads("mmidx:%s/a:end=14", "a.bin@0: 10 11 12\na.bin@1:\na.bin@2: 13 0\na.bin@3: 0\n");
    static const struct { int code, width; } types[] = {{1, 1}, {2, 1}, {3, 2}, {4, 4}, {5, 8}, {8, 2}};
    for (int t = 0; t < 6; t++) {
        pair_t pair = good;
        pair.code = types[t].code;
        for (int i = 0; i < 5; i++) pair.pointer[i] = good.pointer[i] / 2 * types[t].width;
        write_pair("a", &pair, types[t].width, good_tokens, 7);
        check_reads("%s/a.idx", good_documents);
    }
    pair_t none = {"MMIDIDX", 1, 8, 0, 1, {0}, {0}, {0}, 0, 0, 0};
    write_pair("a", &none, 2, NULL, 0);
    check_reads("%s/a.idx", "");
    check_refused("mmidx:%s/absent", 999, "absent.bin: no such file");
    remove(scratch("a.bin"));
    check_refused("%s/a.idx", 999, "a.bin");
}

static void check_damage(const pair_t *pair, const char *message) {
    write_pair("x", pair, 2, good_tokens, 7);
    check_refused("mmidx:%s/x", 999, message);
}
#define DAMAGE(member, value, message)                                                                                 \
    do {                                                                                                               \
        pair_t pair = good;                                                                                            \
        pair.member = value;                                                                                           \
        check_damage(&pair, message);                                                                                  \
    } while (0)

static void test_mmidx_damaged(void **state) {
    (void)state;
    DAMAGE(magic, "MMIDIDY", "does not begin with MMIDIDX");
    DAMAGE(magic, "TNTIDX", "an index of the old kind");
    DAMAGE(version, 2, "version 2 of the index");
    DAMAGE(code, 6, "type 6: floating point");
    DAMAGE(code, 7, "opposite meanings");
    DAMAGE(code, 0, "type 0; known are");
    DAMAGE(code, 9, "type 9; known are");
    DAMAGE(code, 4, "the .bin file has 14 bytes"); // u16 read as i32
    DAMAGE(more_n, 1, "too few for 6 sequences and 5 entries");
    DAMAGE(more_n, INT64_MAX - 5, "too few for");
    DAMAGE(more_n, -6, "too few for");
    DAMAGE(more_d, 1, "too few for 5 sequences and 6 entries");
    DAMAGE(more_d, -6, "too few for");
    DAMAGE(more_n, -1, "12 bytes behind 4 sequences and 5 entries");
    DAMAGE(more_d, -1, "8 bytes behind 5 sequences and 4 entries");
    DAMAGE(d, 4, "document ends with sequence 4 of 5");
    DAMAGE(extra, -1, "too few for 5 sequences and 5 entries");
    DAMAGE(extra, 1, "1 bytes behind 5 sequences and 5 entries");
    DAMAGE(extra, 5, "multimodal");
    DAMAGE(length[0], -2, "sequence 0 has -2 tokens");
    DAMAGE(length[0], 3, "sequence 1 begins at byte 4 of the .bin file, but the one before it ends at 6");
    DAMAGE(length[1], 0, "sequence 2 begins at byte 6 of the .bin file, but the one before it ends at 4");
    DAMAGE(length[1], 100, "sequence 1 of 100 tokens from byte 4 on ends behind the 14 bytes");
    DAMAGE(length[4], 2, "its last sequence of 4 bytes begins at byte 12, but the .bin file has 14");
    DAMAGE(pointer[0], 2, "its first sequence begins at byte 2");
    DAMAGE(pointer[1], 2, "sequence 1 begins at byte 2 of the .bin file, but the one before it ends at 4");
    DAMAGE(pointer[2], 4, "sequence 2 begins at byte 4 of the .bin file, but the one before it ends at 6");
    DAMAGE(pointer[3], 8, "sequence 3 begins at byte 8 of the .bin file, but the one before it ends at 6");
    DAMAGE(pointer[4], 10, "its last sequence of 2 bytes begins at byte 10");
    DAMAGE(pointer[4], INT64_MAX, "its last sequence of 2 bytes begins at byte");
    DAMAGE(start[0], 1, "its first document begins with sequence 1");
    DAMAGE(start[1], 3, "document 1 is sequences 3 .. 2 of 5: the list of documents is not in order");
    DAMAGE(start[2], 6, "document 1 is sequences 2 .. 6 of 5");
    DAMAGE(start[2], -1, "document 1 is sequences 2 .. -1");
    DAMAGE(start[4], 4, "its last document ends with sequence 4 of 5");
    pair_t none = {"MMIDIDX", 1, 8, 0, 0, {0}, {0}, {0}, 0, 0, 0};
    check_damage(&none, "its list of documents is empty");
    write_pair("x", &good, 2, good_tokens, 6);
    check_refused("mmidx:%s/x", 999, "the .bin file has 12 bytes");
    write_pair("x", &good, 2, good_tokens, 7);
    check_refused("mmidx:%s/x", 8, "document 0 has more than 2 tokens");
    check_ok(file_write(scratch("x.idx"), "MMIDIDX\0\0\1\0\0\0\0\0\0\0\10", 18));
    check_refused("%s/x.idx", 999, "cut off inside its head");
}

/* A part that begins in the middle meets a pointer that no part before it has checked. */
static void test_mmidx_part(void **state) {
    (void)state;
    static char out[ROOM];
    static const struct {
        int64_t pointer;
        const char *message;
    } bad[] = {{7, "no place of a u16 token"}, {-2, "no place of a u16 token"}, {16, "no place of a u16 token"}};
    for (int i = 0; i < 3; i++) {
        inputs_t inputs;
        pair_t pair = good;
        pair.pointer[2] = bad[i].pointer;
        write_pair("x", &pair, 2, good_tokens, 7);
        check_ok(open_list("mmidx:%s/x", 999, &inputs));
        check_fails(dump(&inputs.input[0], (const int64_t[]){2, 3}, 1, out), bad[i].message);
        inputs_free(&inputs);
    }
}

/* --- NumPy -------------------------------------------------------------------------------------------------------- */

/* The header as numpy.save writes it, padded to 64 bytes. */
static void write_npy(const char *name, int version, const char *dict, int width, const int64_t *values, int64_t n) {
    static uint8_t bytes[ROOM];
    size_t head = version == 1 ? 10 : 12, length = strlen(dict) + 1;
    length += (64 - (head + length) % 64) % 64;
    memset(bytes, ' ', head + length);
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (uint8_t)version;
    bytes[7] = 0;
    put(bytes + 8, version == 1 ? 2 : 4, (const int64_t[]){(int64_t)length}, 1);
    memcpy(bytes + head, dict, strlen(dict));
    bytes[head + length - 1] = '\n';
    uint8_t *end = put(bytes + head + length, width, values, n);
    check_ok(file_write(scratch(name), bytes, (size_t)(end - bytes)));
}

static const int64_t six[] = {1, 2, 3, 4, 5, 6};

static void test_npy(void **state) {
    (void)state;
    static const struct {
        const char *descr;
        int width;
    } types[] = {{"|u1", 1}, {"|i1", 1}, {"<u2", 2}, {"<i2", 2}, {"<u4", 4}, {"<i4", 4}, {"<u8", 8}, {"<i8", 8}};
    char dict[200];
    for (int t = 0; t < 8; t++) {
        for (int version = 1; version <= 3; version++) {
            snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': (2, 3), }", types[t].descr);
            write_npy("a.npy", version, dict, types[t].width, six, 6);
            check_reads("%s/a.npy", "a.npy@0: 1 2 3\na.npy@1: 4 5 6\n");
        }
    }
    check_reads("npy:%s/a.npy:end=2", "a.npy@0: 1\na.npy@0+2: 3\na.npy@1: 4 5 6\n");
    write_npy("b.npy", 1, "{\"shape\":(6,),\"fortran_order\":False,\"descr\":\"<u2\"}", 2, six, 6);
    check_reads("%s/b.npy", "b.npy@0: 1 2 3 4 5 6\n");
    check_reads("npy:%s/b.npy:end=4", "b.npy@0: 1 2 3\nb.npy@4: 5 6\n");
    write_npy("c.npy", 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1), }", 1, six, 2);
    check_reads("npy:%s/a.npy:with=%s/c.npy", "a.npy@0: 1 2 3 1\na.npy@1: 4 5 6 2\n");
    check_reads("npy:%s/c.npy:with=%s/a.npy", "c.npy@0: 1 1 2 3\nc.npy@1: 2 4 5 6\n");
    check_refused("npy:%s/a.npy:with=%s/b.npy", 999, "b.npy has one dimension");
    check_refused("npy:%s/b.npy:with=%s/a.npy", 999, "b.npy has one dimension");
    write_npy("d.npy", 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2), }", 1, six, 6);
    check_refused("npy:%s/a.npy:with=%s/d.npy", 999, "2 rows and 3");
    check_refused("npy:%s/a.npy:with=", 999, "names no file");
    check_refused("npy:%s/a.npy:with=%s/absent", 999, "absent");
    check_refused("npy:%s/a.npy", 8, "document 0 has more than 2 tokens");
    write_npy("e.npy", 1, "{'descr': '<u2', 'fortran_order': False, 'shape': (0, 9), }", 2, NULL, 0);
    check_reads("%s/e.npy", "");
}

static void check_header(const char *dict, const char *message) {
    write_npy("x.npy", 1, dict, 2, six, 6);
    check_refused("%s/x.npy", 999, message);
}

static void test_npy_damaged(void **state) {
    (void)state;
    check_header("{'descr': '>u2', 'fortran_order': False, 'shape': (6,), }", "big-endian");
    check_header("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "its elements are <f4");
    check_header("{'descr': '|O', 'fortran_order': False, 'shape': (6,), }", "its elements are |O");
    check_header("{'descr': [('a', '<u2')], 'fortran_order': False, 'shape': (6,), }", "structured");
    check_header("{'descr': '<u2', 'fortran_order': True, 'shape': (2, 3), }", "Fortran order");
    check_header("{'descr': '<u2', 'fortran_order': 0, 'shape': (6,), }", "neither True nor False");
    check_header("{'descr': '<u2', 'fortran_order': False, 'shape': (1, 2, 3), }", "3 dimensions");
    check_header("{'descr': '<u2', 'fortran_order': False, 'shape': (), }", "0 dimensions");
    check_header("{'descr': '<u2', 'fortran_order': False, 'shape': (6), }", "shape is no tuple");
    check_header("{'descr': '<u2', 'fortran_order': False, 'shape': (-6,), }", "shape is no tuple");
    check_header("{'descr': '<u2', 'fortran_order': False, 'shape': (2 3), }", "shape is no tuple");
    check_header("{'descr': '<u2', 'fortran_order': False, 'shape': (99999999999999999999,), }", "shape is no tuple");
    check_header("{'descr': '<u2', 'fortran_order': False, 'shape': (7,), }", "are not the 12 bytes behind its header");
    check_header("{'descr': '<u2', 'fortran_order': False, 'shape': (5,), }", "are not the 12 bytes behind its header");
    check_header("{'descr': '<u2', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
                 "are not the 12 bytes");
    check_header("{'descr': '<u2', 'fortran_order': False, 'shape': (9, 0), }", "9 rows of no tokens");
    check_header("{'descr': '<u2', 'fortran_order': False, }", "no \"shape\"");
    check_header("{'descr': '<u2', 'shape': (6,), }", "no \"fortran_order\"");
    check_header("{'fortran_order': False, 'shape': (6,), }", "no \"descr\"");
    check_header("{'descr': '<u2', 'descr': '<u2', 'fortran_order': False, 'shape': (6,), }", "given twice");
    check_header("{'descr': '<u2', 'fortran_order': False, 'shape': (6,), 'x': 1}", "unknown key \"x\"");
    check_header("{'descr': '<u2' 'fortran_order': False, 'shape': (6,), }", "no comma");
    check_header("{'descr': '<u2', 'fortran_order': False, 'shape': (6,), } 1", "more behind the dictionary");
    check_header("{'descr': '<u2', 'fortran_order': False, 'shape': (6,), ", "no key");
    check_header("{'descr': 'a long text that is no type', }", "descr is no short text");
    check_header("['descr']", "no dictionary");
    check_ok(file_write(scratch("x.npy"), "\x93NUMPY\4\0v\0{}              ", 26));
    check_refused("%s/x.npy", 999, "version 4.0");
    check_ok(file_write(scratch("x.npy"), "\x93NUMPY\1\0v\0{}              ", 26));
    check_refused("%s/x.npy", 999, "cut off inside the header");
    check_ok(file_write(scratch("x.npy"), "\x93NUMPY\1\0", 8));
    check_refused("%s/x.npy", 999, "cut off inside the header");
    check_ok(file_write(scratch("x.npy"), "\x93NUMPX\1\0aaaaaaaa", 16));
    check_refused("npy:%s/x.npy", 999, "does not begin as a NumPy array does");
    static char large[9000] = "\x93NUMPY\1\0\xff\x1f{";
    check_ok(file_write(scratch("x.npy"), large, sizeof large));
    check_refused("%s/x.npy", 999, "a NumPy header of 8201 bytes");
}

/* lm-extraction-benchmark, sums computed with numpy. */
static void test_benchmark(void **state) {
    (void)state;
    const char *shared = getenv("SHARED");
    char path[512];
    static const struct {
        const char *name;
        int64_t rows, columns, sum;
        int32_t width;
    } files[] = {{"train_prefix", 15000, 50, 3928776395, 2},
                 {"train_suffix", 15000, 50, 4657916858, 2},
                 {"fake_test_suffixes", 1000, 10, 45397, 8}};
    for (int f = 0; f < 3; f++) {
        snprintf(path, sizeof path, "%s/data/lm-extraction-benchmark/%s.npy",
                 shared ? shared : source_path("../shared"), files[f].name);
        if (!file_exists(path)) {
            print_message("skipped: there is no %s\n", path);
            skip();
        }
        npy_t *array;
        int32_t row[50];
        int64_t sum = 0;
        check_ok(npy_open(path, &array));
        assert_int_equal(npy_head(array)->rows, files[f].rows);
        assert_int_equal(npy_head(array)->columns, files[f].columns);
        assert_int_equal(npy_head(array)->width, files[f].width);
        for (int64_t r = 0; r < files[f].rows; r++) {
            check_ok(npy_read(array, r * files[f].columns, files[f].columns, row));
            for (int64_t k = 0; k < files[f].columns; k++) sum += row[k];
        }
        check_fails(npy_read(array, files[f].rows * files[f].columns, 1, row), "are not within its");
        npy_close(array);
        assert_int_equal(sum, files[f].sum);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nanogpt), cmocka_unit_test(test_llmc),          cmocka_unit_test(test_olmo),
        cmocka_unit_test(test_tokens),  cmocka_unit_test(test_long_stream),   cmocka_unit_test(test_pythia),
        cmocka_unit_test(test_mmidx),   cmocka_unit_test(test_mmidx_damaged), cmocka_unit_test(test_mmidx_part),
        cmocka_unit_test(test_npy),     cmocka_unit_test(test_npy_damaged),   cmocka_unit_test(test_benchmark),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
