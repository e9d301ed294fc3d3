/* Token shards on one core: writing, reading in sequence, windows of 100 tokens at random places, opening. Reading is
 * compared with plain zstd on the same frames and with memcpy of the same bytes, in the same process. Rates are bytes
 * of tokens as stored (u16 or u32) a second of processor time, the best of some passes.
 *
 *     bench_shards [TOKENIZER TEXT...]
 *
 * Without arguments the shared GPT-NeoX tokenizer and the built corpora, or the Python library, are taken. The aims:
 * reading in sequence 1 GB/s; writing fast beside a tokenizer, which makes about 90 MB/s of u16. */
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/zio.h"
#include "par/par.h"
#include "text/tokenizer.h"
#include "text/tokens.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { TOKENS = 1 << 23, TEXT_BYTES = 16 << 20, DOCUMENT = 1000, RUN = 1 << 20, WINDOW = 100, PASSES = 5 };

static char scratch[256];

static void must(int rc) {
    if (rc != 0) par_fail();
}

typedef struct {
    int32_t *id;
    int64_t n, capacity;
    int32_t vocab, end;
} ids_t;

/* Tokens of the texts, over and over until there are TOKENS. A frame never sees a copy of itself. */
static void read_tokens(const char *tokenizer_path, char **text_path, int64_t texts, ids_t *ids) {
    tokenizer_t *tokenizer;
    must(tokenizer_load(tokenizer_path, &tokenizer));
    ids->vocab = tokenizer_vocab(tokenizer);
    ids->end = tokenizer_end(tokenizer);
    int64_t bytes_read = 0;
    for (int64_t i = 0; i < texts && bytes_read < TEXT_BYTES; i++) {
        zin_t *in;
        char *text;
        size_t bytes;
        must(zin_open(text_path[i], &in));
        must(zin_rest(in, &text, &bytes));
        must(tokenizer_encode(tokenizer, text, bytes, &ids->id, &ids->n, &ids->capacity));
        bytes_read += (int64_t)bytes;
        zin_close(in);
    }
    tokenizer_free(tokenizer);
    int64_t distinct = ids->n;
    if (distinct < 1) must(err_set("%s: no text", text_path[0]));
    must(mem_grow(&ids->id, &ids->capacity, TOKENS, sizeof *ids->id, "tokens"));
    for (; ids->n < TOKENS; ids->n++) ids->id[ids->n] = ids->id[ids->n - distinct];
    printf("%.1f M tokens of %.1f MB of text, %.1f M of them distinct\n", TOKENS / 1e6, (double)bytes_read / 1e6,
           (double)distinct / 1e6);
}

/* Returns the seconds. */
static double write_shard(const char *dir, const ids_t *ids, int32_t vocab) {
    shard_out_t *out;
    must(dir_remove(dir));
    must(dir_make(dir));
    const double start = clock_cpu();
    must(shard_out_open(dir, "0", vocab, ids->end, &out));
    for (int64_t at = 0; at + DOCUMENT <= TOKENS; at += DOCUMENT) {
        char name[32];
        snprintf(name, sizeof name, "%lld", (long long)at);
        must(shard_out_add(out, name, "bench", name, ids->id + at, DOCUMENT));
    }
    must(shard_out_commit(out));
    const double seconds = clock_cpu() - start;
    must(tokens_seal(dir));
    return seconds;
}

static double read_in_sequence(tokens_t *corpus, int32_t *to) {
    int64_t n = tokens_count(corpus);
    const double start = clock_cpu();
    for (int64_t at = 0; at < n; at += RUN) must(tokens_read(corpus, at, n - at < RUN ? n - at : RUN, to));
    return clock_cpu() - start;
}

/* Windows a second. */
static double read_windows(tokens_t *corpus, int64_t windows) {
    int32_t window[WINDOW];
    const double start = clock_cpu();
    for (int64_t i = 0; i < windows; i++) {
        must(tokens_read(corpus, rng_below(1, RNG_TEST, (uint64_t)i, tokens_count(corpus) - WINDOW), WINDOW, window));
    }
    return (double)windows / (clock_cpu() - start);
}

/* The frames of the file, until something that is none, by zstd alone. Returns the seconds, and the bytes decoded. */
static double decode_plain(const file_map_t *file, ZSTD_DCtx *decoder, uint8_t *content, size_t room, double *bytes) {
    const double start = clock_cpu();
    *bytes = 0;
    for (size_t at = 0; at < file->size;) {
        size_t packed = ZSTD_findFrameCompressedSize(file->data + at, file->size - at);
        if (ZSTD_isError(packed) || ZSTD_getFrameContentSize(file->data + at, packed) == 0) break;
        size_t got = ZSTD_decompressDCtx(decoder, content, room, file->data + at, packed);
        if (ZSTD_isError(got)) must(err_set("zstd: %s", ZSTD_getErrorName(got)));
        *bytes += (double)got;
        at += packed;
    }
    return clock_cpu() - start;
}

static double copy_plain(const uint8_t *from, uint8_t *to, size_t piece, size_t bytes) {
    const double start = clock_cpu();
    for (size_t at = 0; at + piece <= bytes; at += piece) {
        memcpy(to, from + at, piece);
        __asm__ volatile("" ::"r"(to) : "memory"); // or the compiler sees that nobody reads it
    }
    return clock_cpu() - start;
}

static double least(double a, double b) {
    return a < b ? a : b;
}

static void bench_width(const ids_t *ids, int32_t vocab) {
    char dir[300], path[320];
    snprintf(dir, sizeof dir, "%s/tokens", scratch);
    snprintf(path, sizeof path, "%s/0.tok.zst", dir);
    double write = 1e9, read = 1e9, plain = 1e9, copy = 1e9, bytes = 0;
    for (int i = 0; i < 3; i++) write = least(write, write_shard(dir, ids, vocab));
    tokens_t *corpus;
    file_map_t file;
    must(tokens_open(dir, &corpus));
    must(file_map(path, &file));
    int32_t *to = mem_new(RUN, sizeof *to, "tokens");
    uint8_t *content = mem_new(1 << 20, 1, "frame");
    ZSTD_DCtx *decoder = ZSTD_createDCtx();
    if (!to || !content || !decoder) must(-1);
    for (int i = 0; i < PASSES; i++) {
        read = least(read, read_in_sequence(corpus, to));
        plain = least(plain, decode_plain(&file, decoder, content, 1 << 20, &bytes));
        copy = least(copy, copy_plain((const uint8_t *)ids->id, content, 1 << 16, (size_t)bytes));
    }
    printf("%4s %7.3f %10.0f %10.2f %8.2f %6.0f%% %9.1f %14.0f\n", vocab <= 65536 ? "u16" : "u32",
           bytes / (double)file.size, bytes / write / 1e6, bytes / read / 1e9, bytes / plain / 1e9, 100 * plain / read,
           bytes / copy / 1e9, read_windows(corpus, 5000));
    ZSTD_freeDCtx(decoder);
    mem_free(content);
    mem_free(to);
    file_unmap(&file);
    tokens_close(corpus);
}

/* Documents of three tokens, so that their table is larger than the tokens. */
static void bench_open(void) {
    enum { DOCUMENTS = 1000000, LOOKUPS = 1000000 };
    static const int32_t ids[] = {1, 2, 3};
    char dir[300], path[320], name[64];
    snprintf(dir, sizeof dir, "%s/documents", scratch);
    snprintf(path, sizeof path, "%s/0.docs", dir);
    shard_out_t *out;
    must(dir_make(dir));
    double start = clock_cpu();
    must(shard_out_open(dir, "0", 1000, 0, &out));
    for (int i = 0; i < DOCUMENTS; i++) {
        snprintf(name, sizeof name, "https://example.org/%08d", i);
        must(shard_out_add(out, name, "web", name, ids, 3));
    }
    must(shard_out_commit(out));
    must(tokens_seal(dir));
    const double write = clock_cpu() - start;
    tokens_t *corpus;
    int64_t bytes, sum = 0;
    must(file_size(path, &bytes));
    double open = 1e9;
    for (int i = 0; i < PASSES; i++) {
        start = clock_cpu();
        must(tokens_open(dir, &corpus));
        open = least(open, clock_cpu() - start);
        if (i + 1 < PASSES) tokens_close(corpus);
    }
    start = clock_cpu();
    for (uint64_t i = 0; i < LOOKUPS; i++) {
        int64_t d = tokens_document_at(corpus, rng_below(2, RNG_TEST, i, tokens_count(corpus)));
        sum += tokens_document(corpus, d).first;
    }
    const double lookup = clock_cpu() - start;
    if (sum == 0) printf("\n");
    tokens_close(corpus);
    printf("a table of 1 M documents, %.0f MB: written %.2f M/s, opened in %.1f ms (%.1f GB/s), found by position "
           "%.1f M/s\n",
           (double)bytes / 1e6, DOCUMENTS / write / 1e6, open * 1e3, (double)bytes / open / 1e9,
           LOOKUPS / lookup / 1e6);
}

static int pick_texts(file_list_t *texts) {
    if (file_exists("corpora/build")) must(file_glob("corpora/build/*.jsonl.zst", texts));
    if (texts->count > 0) return 1;
    file_list_free(texts);
    must(file_glob("/usr/lib/python3*/*.py", texts));
    return texts->count > 0;
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    const char *tmp = getenv("TMPDIR"), *shared = getenv("SHARED");
    char tokenizer[512];
    snprintf(tokenizer, sizeof tokenizer, "%s/data/20B_tokenizer.json", shared ? shared : "../shared");
    file_list_t texts = {0};
    ids_t ids = {0};
    int found = argc > 2 || (file_exists(tokenizer) && pick_texts(&texts));
    if (found) {
        snprintf(scratch, sizeof scratch, "%s/bench-shards.XXXXXX", tmp ? tmp : "/tmp");
        if (!mkdtemp(scratch)) must(err_set("%s: cannot be made", scratch));
        printf("token shards, one core (aim: read 1 GB/s): ");
        if (argc > 2)
            read_tokens(argv[1], argv + 2, argc - 2, &ids);
        else
            read_tokens(tokenizer, texts.path, texts.count, &ids);
        printf("%4s %7s %10s %10s %8s %7s %9s %14s\n", "", "ratio", "write MB/s", "read GB/s", "zstd", "share",
               "memcpy", "windows of 100");
        bench_width(&ids, ids.vocab);
        bench_width(&ids, 100000);
        bench_open();
        must(dir_remove(scratch));
    } else {
        printf("token shards: skipped, no %s or no text (bench_shards TOKENIZER TEXT...)\n", tokenizer);
    }
    file_list_free(&texts);
    mem_free(ids.id);
    par_finalize();
    return 0;
}
