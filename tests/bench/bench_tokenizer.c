/* Encoding with the 50k vocabulary of GPT-NeoX on one core: MB/s for English, code and other languages, and beside it a
 * bare copy of the same texts through memory, which nothing can beat. The texts are files of the system, each a
 * document; the aim is 40 MB/s on English. Rates are by processor time, so that a busy machine shows less. */
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "text/bytes.h"
#include "text/tokenizer.h"
#include "text/utf8.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 8000000, REPEATS = 3 };

typedef struct {
    char *text;
    int64_t bytes, capacity;
    int64_t *end; // of each document
    int64_t n, ends_capacity;
} texts_t;

static void must(int rc) {
    if (rc == 0) return;
    fprintf(stderr, "%s\n", err_text());
    exit(1);
}

static void add(texts_t *t, const uint8_t *text, size_t bytes) {
    if (bytes == 0) return;
    must(mem_grow(&t->text, &t->capacity, t->bytes + (int64_t)bytes, 1, "texts"));
    memcpy(t->text + t->bytes, text, bytes);
    t->bytes += (int64_t)bytes;
}

static void end_document(texts_t *t) {
    must(mem_grow(&t->end, &t->ends_capacity, t->n + 1, sizeof *t->end, "texts"));
    t->end[t->n++] = t->bytes;
}

static int is_utf8(const uint8_t *text, size_t bytes) {
    int32_t code = 0;
    for (size_t at = 0; at < bytes && code >= 0;) at += utf8_next(text, at, bytes, &code);
    return code >= 0;
}

/* The translations in a catalogue: its header holds their number and, fourth, the place of a table of (bytes, place).
 */
static void add_catalogue(texts_t *t, const uint8_t *data, size_t bytes) {
    if (bytes < 20 || bytes_get_u32(data) != 0x950412de) return;
    uint64_t n = bytes_get_u32(data + 8), table = bytes_get_u32(data + 16);
    for (uint64_t i = 0; i < n && table + 8 * i + 8 <= bytes; i++) {
        uint64_t length = bytes_get_u32(data + table + 8 * i), at = bytes_get_u32(data + table + 8 * i + 4);
        if (at + length <= bytes && is_utf8(data + at, length)) add(t, data + at, length);
    }
}

static texts_t read_files(const char *const *patterns, int is_catalogue) {
    texts_t t = {0};
    for (; *patterns; patterns++) {
        file_list_t list;
        must(file_glob(*patterns, &list));
        for (int64_t i = 0; i < list.count && t.bytes < MOST; i++) {
            file_map_t map;
            if (file_map(list.path[i], &map) != 0) continue;
            if (is_catalogue) {
                add_catalogue(&t, map.data, map.size);
            } else if (is_utf8(map.data, map.size)) {
                add(&t, map.data, map.size);
            }
            end_document(&t);
            file_unmap(&map);
        }
        file_list_free(&list);
    }
    return t;
}

static int64_t encode_all(tokenizer_t *tokenizer, const texts_t *t) {
    int32_t *ids = NULL;
    int64_t capacity = 0, tokens = 0;
    for (int64_t i = 0; i < t->n; i++) {
        int64_t n = 0, start = i ? t->end[i - 1] : 0;
        must(tokenizer_encode(tokenizer, t->text + start, (size_t)(t->end[i] - start), &ids, &n, &capacity));
        tokens += n;
    }
    mem_free(ids);
    return tokens;
}

static void bench(const char *path, const char *name, const char *const *patterns, int is_catalogue) {
    texts_t t = read_files(patterns, is_catalogue);
    if (t.bytes == 0) {
        printf("%-18s no such files here\n", name);
        return;
    }
    char *copy = mem_new(t.bytes, 1, "copy");
    if (!copy) must(-1);
    double encode = 1e9, through = 1e9;
    int64_t tokens = 0;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        tokenizer_t *tokenizer;
        must(tokenizer_load(path, &tokenizer)); // with an empty cache of words
        double start = clock_cpu();
        tokens = encode_all(tokenizer, &t);
        double seconds = clock_cpu() - start;
        if (seconds < encode) encode = seconds;
        start = clock_cpu();
        memcpy(copy, t.text, (size_t)t.bytes);
        __asm__ volatile("" ::"r"(copy) : "memory"); // keeps the copy
        seconds = clock_cpu() - start;
        if (seconds < through) through = seconds;
        tokenizer_free(tokenizer);
    }
    printf("%-18s %8lld %8.1f %10.2f %10.1f %12.2f%%\n", name, (long long)t.n, (double)t.bytes / 1e6,
           (double)t.bytes / (double)tokens, (double)t.bytes / encode / 1e6, 100 * through / encode);
    mem_free(copy);
    mem_free(t.text);
    mem_free(t.end);
}

int main(void) {
    static const char *const english[] = {"/usr/share/doc/*/README*", "/usr/share/doc/*/NEWS*",
                                          "/usr/share/doc/*/*.txt", "/usr/share/common-licenses/*", NULL};
    static const char *const code[] = {"/usr/lib/python3*/*.py", "/usr/lib/python3*/*/*.py", NULL};
    static const char *const unspaced[] = {"/usr/share/locale/ja/LC_MESSAGES/*.mo",
                                           "/usr/share/locale/zh_CN/LC_MESSAGES/*.mo", NULL};
    static const char *const greek_russian[] = {"/usr/share/locale/el/LC_MESSAGES/*.mo",
                                                "/usr/share/locale/ru/LC_MESSAGES/*.mo", NULL};
    static const char *const other[] = {
        "/usr/share/locale/ar/LC_MESSAGES/*.mo", "/usr/share/locale/hi/LC_MESSAGES/*.mo",
        "/usr/share/locale/ko/LC_MESSAGES/*.mo", "/usr/share/locale/th/LC_MESSAGES/*.mo",
        "/usr/share/locale/vi/LC_MESSAGES/*.mo", NULL};
    char path[1024];
    const char *shared = getenv("SHARED");
    snprintf(path, sizeof path, "%s/data/20B_tokenizer.json", shared ? shared : "../shared");
    if (!file_exists(path)) {
        printf("tokenizer: skipped, %s is not there\n", path);
        return 0;
    }
    printf("tokenizer, one core (aim: 40 MB/s on English)\n");
    printf("%-18s %8s %8s %10s %10s %13s\n", "texts", "files", "MB", "bytes/id", "MB/s", "of a copy");
    bench(path, "English", english, 0);
    bench(path, "code", code, 0);
    bench(path, "ja, zh", unspaced, 1);
    bench(path, "el, ru", greek_russian, 1);
    bench(path, "ar, hi, ko, th, vi", other, 1);
    return 0;
}
