/* Suffix sorting against a plain sort; counts, places and longest matches against comparing tokens one by one; damage.
 */
#include "scratch.h"

#include "corpus_check.h"
#include "index/suffix_file.h"
#include "index/suffix_sort.h"
#include "par/par.h"

static corpus_t corpus;

/* --- sorting ------------------------------------------------------------------------------------------------------ */

static const int32_t *sorted_text;
static int64_t sorted_n;

static int plain_suffixes(const void *a, const void *b) {
    int64_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    for (; x < sorted_n && y < sorted_n; x++, y++)
        if (sorted_text[x] != sorted_text[y]) return sorted_text[x] < sorted_text[y] ? -1 : 1;
    return x == sorted_n ? -1 : 1;
}

static void check_sort(const int32_t *text, int64_t n, int64_t symbols) {
    int32_t *order = mem_new(n, sizeof *order, "test"), *expected = mem_new(n, sizeof *expected, "test");
    for (int64_t i = 0; i < n; i++) expected[i] = (int32_t)i;
    sorted_text = text;
    sorted_n = n;
    qsort(expected, (size_t)n, sizeof *expected, plain_suffixes);
    check_ok(suffix_sort(text, n, symbols, order));
    assert_memory_equal(order, expected, (size_t)n * sizeof *order);
    mem_free(order);
    mem_free(expected);
}

/* "mississippi": 10 7 4 1 0 9 8 6 3 5 2 by hand. */
static void known_order(void **state) {
    (void)state;
    static const int32_t text[] = {1, 0, 3, 3, 0, 3, 3, 0, 2, 2, 0}, expected[] = {10, 7, 4, 1, 0, 9, 8, 6, 3, 5, 2};
    int32_t order[11];
    check_ok(suffix_sort(text, 11, 4, order));
    assert_memory_equal(order, expected, sizeof order);
}

static void random_texts(void **state) {
    (void)state;
    int32_t text[400];
    uint64_t draw = 0;
    for (int trial = 0; trial < 4000; trial++) {
        int64_t n = 1 + rng_below(3, RNG_TEST, draw++, trial % 40 == 0 ? 400 : 40);
        int64_t symbols = 1 + rng_below(3, RNG_TEST, draw++, trial % 7 == 0 ? 100 : 4);
        for (int64_t i = 0; i < n; i++) text[i] = (int32_t)rng_below(3, RNG_TEST, draw++, symbols);
        check_sort(text, n, symbols);
    }
}

/* Texts on which a sort that compares suffixes would take forever, or that nest one level in another. */
static void repetitive_texts(void **state) {
    (void)state;
    static int32_t text[3000];
    memset(text, 0, sizeof text);
    check_sort(text, 3000, 1);
    for (int i = 0; i < 3000; i++) text[i] = i % 2;
    check_sort(text, 3000, 2);
    for (int i = 0; i < 3000; i++) text[i] = __builtin_popcount((unsigned)i) % 2; // Thue-Morse
    check_sort(text, 3000, 2);
    int a = 1, b = 1; // Fibonacci words
    text[0] = 0;
    text[1] = 1;
    for (a = 1, b = 2; b + a < 3000;) {
        memcpy(text + b, text, (size_t)a * sizeof *text);
        int c = a + b;
        a = b;
        b = c;
    }
    check_sort(text, b, 2);
}

/* Long enough for all that is done in runs and fetched ahead, with few symbols and with more than a cache holds. Spans
 * are repeated so that one level lies in another. */
static void long_texts(void **state) {
    (void)state;
    enum { LONG = 200000 };
    static const int64_t alphabets[] = {3, 1000, 180000};
    int32_t *text = mem_new(LONG, sizeof *text, "test"), *order = mem_new(LONG, sizeof *order, "test");
    uint8_t *seen = mem_new(LONG, 1, "test");
    for (int a = 0; a < 3; a++) {
        for (int64_t i = 0; i < LONG; i++)
            text[i] = (int32_t)rng_below(4, RNG_TEST, (uint64_t)(a * LONG + i), alphabets[a]);
        for (int64_t i = 3000; i + 1500 < LONG; i += 2000) memcpy(text + i, text + i / 3, 1400 * sizeof *text);
        check_ok(suffix_sort(text, LONG, alphabets[a], order));
        memset(seen, 0, LONG);
        sorted_text = text;
        sorted_n = LONG;
        for (int64_t i = 0; i < LONG; i++) {
            assert_in_range(order[i], 0, LONG - 1);
            assert_int_equal(seen[order[i]]++, 0);
            if (i > 0) assert_true(plain_suffixes(&order[i - 1], &order[i]) < 0);
        }
    }
    mem_free(text);
    mem_free(order);
    mem_free(seen);
}

/* --- searching ---------------------------------------------------------------------------------------------------- */

static void corpus_begin(int32_t vocab, int32_t end) {
    memset(&corpus, 0, sizeof corpus);
    corpus.vocab = vocab;
    corpus.end = end;
}

static const char *corpus_dir, *index_dir;

static suffix_t *make_index(int64_t block_tokens) {
    static int number;
    char name[32];
    snprintf(name, sizeof name, "corpus%d", number++);
    corpus_dir = scratch(name);
    index_dir = scratch_in(name, "suffix");
    tokens_t *tokens;
    suffix_t *index;
    check_ok(corpus_write(&corpus, corpus_dir, 1 + number % 3));
    check_ok(tokens_open(corpus_dir, &tokens));
    check_ok(suffix_build(tokens, corpus_dir, block_tokens, index_dir));
    tokens_close(tokens);
    check_ok(suffix_open(corpus_dir, index_dir, &index));
    return index;
}

static int by_position(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Every place where the range says that the query stands, against a walk over the corpus. */
static void check_places(suffix_t *index, const suffix_query_t *q, const suffix_range_t *range) {
    static int64_t found[CORPUS_TOKENS], expected[CORPUS_TOKENS];
    int64_t n = 0, m = 0;
    for (int32_t b = 0; b < suffix_blocks(index); b++) {
        check_ok(suffix_positions(index, b, range[b].low, range[b].high - range[b].low, found + n));
        n += range[b].high - range[b].low;
    }
    for (int64_t d = 0; d < corpus.documents; d++)
        for (int64_t i = 0; i + q->length <= corpus.length[d]; i++)
            if (memcmp(corpus.token + corpus.first[d] + i, q->token, (size_t)q->length * sizeof *q->token) == 0)
                expected[m++] = corpus.first[d] + i;
    assert_int_equal(n, m);
    qsort(found, (size_t)n, sizeof *found, by_position);
    assert_memory_equal(found, expected, (size_t)n * sizeof *found);
}

enum { QUERIES = 300, QUERY_TOKENS = 64 };

/* Spans of the corpus, some with a token changed, some across ends of documents, some of random tokens. */
static void check_index(int64_t block_tokens, uint64_t seed) {
    static int32_t token[QUERIES][QUERY_TOKENS];
    static suffix_query_t query[QUERIES];
    static suffix_range_t range[64][QUERIES], one[64];
    suffix_t *index = make_index(block_tokens);
    uint64_t draw = 0;
    int64_t n = corpus.count > QUERY_TOKENS ? QUERIES : 0;
    assert_true(suffix_blocks(index) <= 64);
    for (int64_t i = 0; i < n; i++) {
        int64_t length = 1 + rng_below(seed, RNG_TEST, draw++, i % 3 == 0 ? QUERY_TOKENS : 6);
        int64_t at = rng_below(seed, RNG_TEST, draw++, corpus.count - QUERY_TOKENS);
        memcpy(token[i], corpus.token + at, (size_t)length * sizeof *token[i]);
        if (i % 4 == 1) token[i][length - 1] = (int32_t)rng_below(seed, RNG_TEST, draw++, corpus.vocab);
        if (i % 50 == 2) token[i][0] = i % 100 == 2 ? -1 : corpus.vocab; // no token
        query[i] = (suffix_query_t){token[i], length};
    }
    for (int32_t b = 0; b < suffix_blocks(index); b++) check_ok(suffix_find(index, b, query, n, range[b]));
    for (int64_t i = 0; i < n; i++) {
        for (int32_t b = 0; b < suffix_blocks(index); b++) one[b] = range[b][i];
        check_places(index, &query[i], one);
    }
    suffix_close(index);
}

static void random_corpora(void **state) {
    (void)state;
    for (int32_t alphabet = 1; alphabet <= 5; alphabet++) {
        corpus_begin(8, 7);
        corpus_add_random(&corpus, (uint64_t)alphabet, 60, 150, alphabet, "d");
        check_index(1 << 30, (uint64_t)alphabet);
        check_index(1000, (uint64_t)alphabet);
    }
}

static void large_vocabularies(void **state) {
    (void)state;
    for (int32_t vocab = 65534; vocab <= 65537; vocab++) {
        corpus_begin(vocab, 0);
        int32_t ids[200];
        for (int i = 0; i < 200; i++) ids[i] = vocab - 1 - i % 3;
        corpus_add(&corpus, "a", "", "a", ids, 200);
        corpus_add(&corpus, "b", "", "b", ids + 1, 100);
        check_index(1 << 30, 9);
    }
}

/* The cases of tokengrams' own tests: letters as tokens. */
static void known_places(void **state) {
    (void)state;
    static const struct {
        const char *text, *query;
        int64_t n, place[2];
    } known[] = {
        {"zzzzzaazzzzz", "a", 2, {5, 6}},
        {"zzzzabczzzzzabczzzzzz", "abc", 2, {4, 12}},
        {"aa", "a", 2, {0, 1}},
        {"aaa", "aa", 2, {0, 1}},
        {"The quick brown fox was very quick.", "quick", 2, {4, 29}},
        {"mississippi", "issi", 2, {1, 4}},
        {"mississippi", "ppi", 1, {8}},
        {"mississippi", "ppis", 0, {0}},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        int32_t ids[64], asked[64];
        int64_t n = (int64_t)strlen(known[k].text), m = (int64_t)strlen(known[k].query), place[2];
        for (int64_t i = 0; i < n; i++) ids[i] = known[k].text[i];
        for (int64_t i = 0; i < m; i++) asked[i] = known[k].query[i];
        corpus_begin(256, 0);
        corpus_add(&corpus, "a", "", "a", ids, n);
        suffix_t *index = make_index(1 << 20);
        suffix_range_t range;
        check_ok(suffix_find(index, 0, &(suffix_query_t){asked, m}, 1, &range));
        assert_int_equal(range.high - range.low, known[k].n);
        check_ok(suffix_positions(index, 0, range.low, known[k].n, place));
        qsort(place, (size_t)known[k].n, sizeof *place, by_position);
        assert_memory_equal(place, known[k].place, (size_t)known[k].n * sizeof *place);
        suffix_close(index);
    }
}

static void nothing_to_search(void **state) {
    (void)state;
    corpus_begin(8, 7);
    suffix_t *index = make_index(1 << 20);
    assert_int_equal(suffix_blocks(index), 0);
    suffix_close(index);
    corpus_add(&corpus, "empty", "", "empty", NULL, 0);
    index = make_index(1 << 20);
    assert_int_equal(suffix_blocks(index), 1);
    suffix_range_t range;
    int32_t text[] = {7, 1};
    int64_t longest[2], at[2];
    check_ok(suffix_find(index, 0, &(suffix_query_t){text, 1}, 1, &range));
    assert_int_equal(range.high - range.low, 0);
    check_ok(suffix_longest(index, 0, text, 2, longest, at));
    assert_true(longest[0] == 0 && longest[1] == 0 && at[0] == -1);
    suffix_close(index);
}

/* The end token inside a document is a token like others; nothing is found across the end of a document. */
static void ends_are_no_tokens(void **state) {
    (void)state;
    corpus_begin(8, 7);
    corpus_add(&corpus, "a", "", "a", (int32_t[]){1, 7, 2}, 3);
    corpus_add(&corpus, "nothing", "", "nothing", NULL, 0);
    corpus_add(&corpus, "b", "", "b", (int32_t[]){2, 1}, 2);
    suffix_t *index = make_index(1 << 20);
    const int32_t inside[] = {1, 7, 2}, across[] = {2, 7}, end[] = {7};
    const suffix_query_t query[] = {{inside, 3}, {across, 2}, {end, 1}, {inside, 2}};
    suffix_range_t range[4];
    check_ok(suffix_find(index, 0, query, 4, range));
    const int64_t expected[] = {1, 0, 1, 1};
    for (int i = 0; i < 4; i++) assert_int_equal(range[i].high - range[i].low, expected[i]);
    suffix_close(index);
}

static void longest_matches(void **state) {
    (void)state;
    corpus_begin(8, 7);
    corpus_add_random(&corpus, 77, 50, 60, 3, "d");
    suffix_t *index = make_index(700);
    int32_t text[90];
    int64_t longest[90], at[90], best[90] = {0}, where[90];
    for (int i = 0; i < 90; i++) text[i] = (int32_t)rng_below(5, RNG_TEST, (uint64_t)i, i % 30 == 0 ? 7 : 3);
    memcpy(text + 40, corpus.token + corpus.first[20], (size_t)corpus.length[20] % 40 * sizeof *text);
    for (int32_t b = 0; b < suffix_blocks(index); b++) {
        check_ok(suffix_longest(index, b, text, 90, longest, at));
        for (int i = 0; i < 90; i++) {
            if (longest[i] <= best[i]) continue;
            best[i] = longest[i];
            where[i] = at[i];
        }
    }
    for (int64_t i = 0; i < 90; i++) {
        int64_t expected = 0;
        for (int64_t d = 0; d < corpus.documents; d++) {
            for (int64_t j = 0; j < corpus.length[d]; j++) {
                int64_t n = 0;
                while (i + n < 90 && j + n < corpus.length[d] && text[i + n] == corpus.token[corpus.first[d] + j + n])
                    n++;
                expected = n > expected ? n : expected;
            }
        }
        assert_int_equal(best[i], expected);
        if (expected > 0) assert_memory_equal(text + i, corpus.token + where[i], (size_t)expected * sizeof *text);
    }
    suffix_close(index);
}

/* --- damage ------------------------------------------------------------------------------------------------------- */

/* Finds everything there is; 0 when all calls succeed. */
static int use_index(void) {
    suffix_t *index;
    if (suffix_open(corpus_dir, index_dir, &index) != 0) return -1;
    int rc = 0;
    for (int32_t b = 0; b < suffix_blocks(index) && rc == 0; b++) {
        suffix_block_t *block = &index->block[b];
        for (int64_t piece = 0; piece < block->at.pieces && rc == 0; piece++)
            rc = suffix_touch(block, piece * SUFFIX_PIECE, 1);
    }
    suffix_close(index);
    return rc;
}

static void every_flipped_bit_shows(void **state) {
    (void)state;
    corpus_begin(8, 7);
    corpus_add_random(&corpus, 5, 5, 20, 3, "d");
    suffix_close(make_index(1 << 20));
    check_ok(use_index());
    char *path = suffix_path(index_dir, 0);
    file_map_t map;
    check_ok(file_map(path, &map));
    uint8_t *bytes = mem_new((int64_t)map.size, 1, "test");
    memcpy(bytes, map.data, map.size);
    for (size_t bit = 0; bit < 8 * map.size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        FILE *out = fopen(path, "wb");
        assert_int_equal(fwrite(bytes, 1, map.size, out), map.size);
        fclose(out);
        assert_int_equal(use_index(), -1);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < map.size; size += 7) {
        FILE *out = fopen(path, "wb");
        assert_int_equal(fwrite(bytes, 1, size, out), size);
        fclose(out);
        assert_int_equal(use_index(), -1);
    }
    remove(path);
    check_fails(use_index(), "a block is missing");
    mem_free(bytes);
    file_unmap(&map);
    mem_free(path);
}

/* A search, not only opening, sees a changed byte; an index of another corpus is refused, and built anew. */
static void search_sees_damage(void **state) {
    (void)state;
    corpus_begin(300, 299);
    corpus_add_random(&corpus, 6, 200, 1000, 200, "d");
    suffix_t *index = make_index(1 << 20);
    suffix_query_t query = {corpus.token + corpus.first[1], 3};
    suffix_range_t range;
    check_ok(suffix_find(index, 0, &query, 1, &range));
    int64_t at = index->block[0].at.order + 4 * range.low;
    suffix_close(index);
    char *path = suffix_path(index_dir, 0);
    FILE *file = fopen(path, "r+b");
    fseek(file, at, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(byte ^ 1, file);
    fclose(file);
    check_ok(suffix_open(corpus_dir, index_dir, &index));
    check_fails(suffix_find(index, 0, &query, 1, &range), "differs from what was written");
    suffix_close(index);
    mem_free(path);

    const char *old_index = index_dir, *old_corpus = corpus_dir;
    corpus_begin(300, 299);
    corpus_add_random(&corpus, 7, 50, 100, 200, "d");
    suffix_close(make_index(1 << 20));
    check_fails(suffix_open(corpus_dir, old_index, &index), "another corpus");
    tokens_t *tokens;
    check_ok(tokens_open(corpus_dir, &tokens));
    check_ok(suffix_build(tokens, corpus_dir, 1 << 20, old_index));
    tokens_close(tokens);
    check_ok(suffix_open(corpus_dir, old_index, &index));
    suffix_close(index);
    (void)old_corpus;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_order),
        cmocka_unit_test(random_texts),
        cmocka_unit_test(repetitive_texts),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(random_corpora),
        cmocka_unit_test(large_vocabularies),
        cmocka_unit_test(ends_are_no_tokens),
        cmocka_unit_test(known_places),
        cmocka_unit_test(nothing_to_search),
        cmocka_unit_test(longest_matches),
        cmocka_unit_test(every_flipped_bit_shows),
        cmocka_unit_test(search_sees_damage),
    };
    if (par_init(&argc, &argv) != 0) return 1;
    int failed = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    par_finalize();
    return failed;
}
