/* Training of tokenizers on one rank: vocabularies worked out by hand, and one that the library `tokenizers` 0.23.3
 * gave (tests/golden/tokenizer_small.json, made by tests/peers/tokenizer.py --freeze). Ranks:
 * tests/mpi/test_bpe_trainer.c.
 */
#include "base/rng.h"
#include "par/par.h"
#include "scratch.h"
#include "text/bytelevel.h"
#include "text/pretoken.h"
#include "text/tokenizer.h"
#include <jansson.h>

static const int64_t MEMORY = 1 << 24;

static tokenizer_t *load(const char *path) {
    tokenizer_t *t = NULL;
    check_ok(tokenizer_load(path, &t));
    return t;
}

static void check_ids(tokenizer_t *t, const char *text, size_t bytes, const int32_t *want, int64_t want_n) {
    int32_t *ids = NULL;
    int64_t n = 0, capacity = 0;
    check_ok(tokenizer_encode(t, text, bytes, &ids, &n, &capacity));
    int same = n == want_n;
    for (int64_t i = 0; same && i < n; i++) same = ids[i] == want[i];
    if (!same) {
        print_message("text \"%s\": got", text);
        for (int64_t i = 0; i < n; i++) print_message(" %d", ids[i]);
        print_message("\n");
        fail();
    }
    mem_free(ids);
}

static void train(const char *const *texts, int n, int32_t vocab, const char *path) {
    bpe_trainer_t *trainer = NULL;
    check_ok(bpe_trainer_create(MEMORY, scratch_dir, &trainer));
    for (int i = 0; i < n; i++) check_ok(bpe_trainer_add(trainer, texts[i], strlen(texts[i])));
    check_ok(bpe_trainer_write(trainer, vocab, path));
    bpe_trainer_free(trainer);
}

/* Words "ab", " ab", " cb". Pairs: a b twice; then once each "space ab", "space c", "c b", of which c (67) is the
 * smallest left id; then "space ab" (221 257) before "space cb" (221 258). All is merged then: 261 entries. */
static void test_training_by_hand(void **state) {
    (void)state;
    const char *text = "ab ab cb", *path = scratch("hand.json");
    static const struct {
        const char *token;
        int32_t id;
    } want[] = {{"a", 65}, {"b", 66}, {"c", 67}, {" ", 221}, {"ab", 257}, {"cb", 258}, {" ab", 259}, {" cb", 260}};
    train(&text, 1, 261, path);
    tokenizer_t *t = load(path);
    assert_int_equal(tokenizer_vocab(t), 261);
    assert_int_equal(tokenizer_end(t), 0);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        check_ids(t, want[i].token, strlen(want[i].token), &want[i].id, 1);
    }
    check_ids(t, text, strlen(text), (int32_t[]){257, 259, 260}, 3);
    check_ids(t, "ab<|endoftext|>cb", 17, (int32_t[]){257, 0, 258}, 3);
    tokenizer_free(t);

    bpe_trainer_t *trainer = NULL;
    check_ok(bpe_trainer_create(MEMORY, scratch_dir, &trainer));
    check_ok(bpe_trainer_add(trainer, text, strlen(text)));
    check_fails(bpe_trainer_write(trainer, 256, scratch("none.json")), "at least 257");
    check_fails(bpe_trainer_write(trainer, 262, scratch("none.json")), "at most 261 entries");
    assert_int_equal(file_exists(scratch("none.json")), 0);
    bpe_trainer_free(trainer);
}

/* "aaaaa" holds a pair a a four times over, though only two can be merged. */
static void test_training_on_repeats(void **state) {
    (void)state;
    const char *text = "aaaaa";
    train(&text, 1, 259, scratch("repeats.json"));
    tokenizer_t *t = load(scratch("repeats.json"));
    check_ids(t, text, 5, (int32_t[]){257, 258},
              2); // aa = 257, aaa = 258: the tie of 257 65 and 257 257 goes to the smaller
    tokenizer_free(t);
}

static void test_training_equals_library(void **state) {
    (void)state;
    file_map_t map;
    json_error_t error;
    check_ok(file_map(source_path("tests/golden/genesis.txt"), &map));
    bpe_trainer_t *trainer = NULL;
    check_ok(bpe_trainer_create(MEMORY, scratch_dir, &trainer));
    check_ok(bpe_trainer_add(trainer, (const char *)map.data, map.size));
    check_ok(bpe_trainer_write(trainer, 500, scratch("genesis.json")));
    bpe_trainer_free(trainer);
    file_unmap(&map);

    json_t *ours = json_load_file(scratch("genesis.json"), JSON_REJECT_DUPLICATES, &error);
    json_t *theirs = json_load_file(source_path("tests/golden/tokenizer_small.json"), JSON_REJECT_DUPLICATES, &error);
    assert_non_null(ours);
    assert_non_null(theirs);
    const json_t *a = json_object_get(ours, "model"), *b = json_object_get(theirs, "model");
    assert_true(json_equal(json_object_get(a, "vocab"), json_object_get(b, "vocab")));
    assert_int_equal(json_array_size(json_object_get(a, "merges")), json_array_size(json_object_get(b, "merges")));
    for (size_t i = 0; i < json_array_size(json_object_get(b, "merges")); i++) { // the library writes pairs
        const json_t *pair = json_array_get(json_object_get(b, "merges"), i);
        char line[256];
        snprintf(line, sizeof line, "%s %s", json_string_value(json_array_get(pair, 0)),
                 json_string_value(json_array_get(pair, 1)));
        assert_string_equal(json_string_value(json_array_get(json_object_get(a, "merges"), i)), line);
    }
    json_decref(ours);
    json_decref(theirs);
}

/* The same words in other portions and another order. */
static void test_training_needs_counts_only(void **state) {
    (void)state;
    const char *one[] = {"the cat the hat the bat", " the cat", " hat hat"};
    const char *other[] = {" hat the hat", " bat", " hat the cat", "the cat the"};
    const char *not_same[] = {" hat the hat", " bat", " hat the cat", "the cat that"};
    file_map_t a, b, c;
    train(one, 3, 262, scratch("one.json"));
    train(other, 4, 262, scratch("other.json"));
    train(not_same, 4, 262, scratch("not_same.json"));
    check_ok(file_map(scratch("one.json"), &a));
    check_ok(file_map(scratch("other.json"), &b));
    check_ok(file_map(scratch("not_same.json"), &c));
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    assert_true(a.size != c.size || memcmp(a.data, c.data, a.size) != 0);
    file_unmap(&a);
    file_unmap(&b);
    file_unmap(&c);
}

/* --- the definition ---------------------------------------------------------------------------------------------- */

/* Training as it is defined, a token or a pair at a time: words are kept as often as they come, and every count is made
 * anew for every merge. */
enum { ORACLE_TOKENS = 330, ORACLE_TEXT = 1 << 17 };
typedef struct {
    int32_t symbol[ORACLE_TEXT]; // 0 behind each word
    int64_t n;
    char *token[ORACLE_TOKENS]; // by id, NUL-terminated
    int32_t tokens, left[ORACLE_TOKENS], right[ORACLE_TOKENS], merges;
} oracle_t;

static void oracle_start(oracle_t *o, const char *text) {
    size_t bytes = strlen(text);
    uint8_t order[256];
    int32_t id[256];
    *o = (oracle_t){.tokens = 257};
    bytelevel_order(order);
    for (int32_t i = 0; i < 256; i++) {
        id[order[i]] = i + 1;
        o->token[i + 1] = mem_printf("%c", order[i]);
    }
    for (size_t at = 0, end; at < bytes; at = end) {
        end = pretoken_end((const uint8_t *)text, at, bytes);
        for (size_t i = at; i < end; i++) o->symbol[o->n++] = id[(uint8_t)text[i]];
        o->symbol[o->n++] = 0;
    }
}

static void oracle_free(oracle_t *o) {
    for (int32_t i = 1; i < o->tokens; i++) mem_free(o->token[i]);
}

/* The pair with the largest count; 0 when no pair occurs. */
static int64_t oracle_best(const oracle_t *o, int32_t *left, int32_t *right) {
    static int64_t count[ORACLE_TOKENS][ORACLE_TOKENS];
    int64_t best = 0;
    memset(count, 0, sizeof count);
    for (int64_t i = 0; i + 1 < o->n; i++)
        if (o->symbol[i] && o->symbol[i + 1]) count[o->symbol[i]][o->symbol[i + 1]]++;
    for (int32_t a = 1; a < o->tokens; a++)
        for (int32_t b = 1; b < o->tokens; b++) {
            if (count[a][b] <= best) continue;
            best = count[a][b];
            *left = a;
            *right = b;
        }
    return best;
}

static int32_t oracle_join(oracle_t *o, int32_t left, int32_t right) {
    char *text = mem_printf("%s%s", o->token[left], o->token[right]);
    for (int32_t i = 1; i < o->tokens; i++)
        if (strcmp(o->token[i], text) == 0) {
            mem_free(text);
            return i;
        }
    o->token[o->tokens] = text;
    return o->tokens++;
}

/* One merge more; 0 when there is none. */
static int oracle_merge(oracle_t *o) {
    int32_t left = 0, right = 0;
    if (oracle_best(o, &left, &right) == 0) return 0;
    int32_t tokens = o->tokens, id = oracle_join(o, left, right);
    int64_t kept = 0;
    for (int64_t i = 0; i < o->n; i++) {
        int is_pair = o->symbol[i] == left && i + 1 < o->n && o->symbol[i + 1] == right;
        o->symbol[kept++] = is_pair ? id : o->symbol[i];
        i += is_pair;
    }
    o->n = kept;
    assert_int_equal(id, tokens); // no text becomes a token in two ways
    assert_true(o->merges < ORACLE_TOKENS);
    o->left[o->merges] = left;
    o->right[o->merges++] = right;
    return 1;
}

static void check_merges(const oracle_t *o, const char *path) {
    json_error_t error;
    json_t *ours = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(ours);
    const json_t *merges = json_object_get(json_object_get(ours, "model"), "merges");
    assert_int_equal(json_array_size(merges), o->merges);
    for (int32_t i = 0; i < o->merges; i++) {
        char text[2][2 * ORACLE_TEXT];
        for (int side = 0; side < 2; side++) {
            const char *token = o->token[side ? o->right[i] : o->left[i]];
            text[side][bytelevel_encode((const uint8_t *)token, strlen(token), text[side])] = '\0';
        }
        char *line = mem_printf("%s %s", text[0], text[1]);
        assert_string_equal(json_string_value(json_array_get(merges, (size_t)i)), line);
        mem_free(line);
    }
    json_decref(ours);
}

/* Trains to `tokens` entries or to as many as there are; then one more must be refused. What is made can be loaded. */
static void check_against_definition(const char *text, int32_t tokens, int64_t memory) {
    static oracle_t o;
    oracle_start(&o, text);
    while (o.tokens < tokens && oracle_merge(&o)) {
    }
    bpe_trainer_t *trainer = NULL;
    check_ok(bpe_trainer_create(memory, scratch_dir, &trainer));
    check_ok(bpe_trainer_add(trainer, text, strlen(text)));
    check_ok(bpe_trainer_write(trainer, o.tokens, scratch("defined.json")));
    bpe_trainer_free(trainer);
    check_merges(&o, scratch("defined.json"));
    tokenizer_free(load(scratch("defined.json")));
    if (o.tokens < tokens) {
        check_ok(bpe_trainer_create(memory, scratch_dir, &trainer));
        check_ok(bpe_trainer_add(trainer, text, strlen(text)));
        check_fails(bpe_trainer_write(trainer, o.tokens + 1, scratch("none.json")), "at most");
        bpe_trainer_free(trainer);
    }
    oracle_free(&o);
}

/* Few letters: ties and runs everywhere. */
static void test_training_equals_definition(void **state) {
    (void)state;
    static const char *const alphabets[] = {"a", "a ", "ab", "ab ", "aab  ", "abc ", "aaaab ", "abcdefgh ", "a1. "};
    enum { ALPHABETS = sizeof alphabets / sizeof *alphabets, TEXTS = 15 };
    uint64_t draw = 0;
    for (int trial = 0; trial < ALPHABETS * TEXTS; trial++) {
        const char *alphabet = alphabets[trial % ALPHABETS];
        char text[400];
        size_t n = 1 + (size_t)rng_below(8, RNG_TEST, draw++, trial % 3 == 0 ? 399 : 60);
        for (size_t i = 0; i < n; i++) text[i] = alphabet[rng_below(8, RNG_TEST, draw++, (int64_t)strlen(alphabet))];
        text[n] = '\0';
        check_against_definition(text, 325, 1 << 19);
    }
}

/* Words as long as texts: merges stay linear in them. */
static void test_training_on_long_words(void **state) {
    (void)state;
    enum { LONG = 100000 };
    char *text = mem_new(LONG + 1, 1, "test");
    memset(text, 'a', LONG);
    check_against_definition(text, 290, MEMORY);
    for (uint64_t i = 0; i < LONG; i++) text[i] = "ab"[rng_below(9, RNG_TEST, i, 2)];
    check_against_definition(text, 290, MEMORY);
    mem_free(text);
}

/* Words of random letters, few of them alike. */
static char *many_words(const char *letters, int64_t shortest, size_t *n) {
    enum { WORDS = 9000 };
    char *text = mem_new(WORDS * 24, 1, "test");
    *n = 0;
    for (uint64_t i = 0; i < WORDS; i++) {
        int64_t length = shortest + rng_below(10, RNG_TEST, 2 * i, 8);
        uint64_t value = rng_u64(10, RNG_TEST, 2 * i + 1);
        for (int64_t k = 0; k < length; k++, value /= 7) text[(*n)++] = letters[value % 7];
        text[(*n)++] = ' ';
    }
    return text;
}

/* In little memory the lists of words are made anew again and again; with few letters, merges change so many words that
 * they have to be. Nothing shows of it. */
static void test_training_in_any_memory(void **state) {
    (void)state;
    static const int64_t memory[] = {1 << 26, 1400000, 1000000};
    size_t n;
    char *text = many_words("etaoins", 3, &n);
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) check_against_definition(text, 320, memory[i]);
    bpe_trainer_t *trainer = NULL;
    check_ok(bpe_trainer_create(300000, scratch_dir, &trainer));
    check_ok(bpe_trainer_add(trainer, text, n));
    check_fails(bpe_trainer_write(trainer, 320, scratch("none.json")), "use more ranks or allow more memory");
    bpe_trainer_free(trainer);
    mem_free(text);
    text = many_words("aaabbcc", 8, &n);
    check_against_definition(text, 320, 1 << 26);
    mem_free(text);
}

static void test_training_on_nothing(void **state) {
    (void)state;
    const char *texts[] = {"", ""};
    bpe_trainer_t *trainer = NULL;
    check_ok(bpe_trainer_create(MEMORY, scratch_dir, &trainer));
    for (int i = 0; i < 2; i++) check_ok(bpe_trainer_add(trainer, texts[i], 0));
    check_fails(bpe_trainer_write(trainer, 300, scratch("none.json")), "no text to train");
    bpe_trainer_free(trainer);
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_by_hand),           cmocka_unit_test(test_training_on_repeats),
        cmocka_unit_test(test_training_equals_library),    cmocka_unit_test(test_training_needs_counts_only),
        cmocka_unit_test(test_training_equals_definition), cmocka_unit_test(test_training_on_long_words),
        cmocka_unit_test(test_training_in_any_memory),     cmocka_unit_test(test_training_on_nothing),
    };
    int rc = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    par_finalize();
    return rc;
}
