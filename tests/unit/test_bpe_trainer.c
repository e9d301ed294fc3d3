/* Training of tokenizers on one rank: vocabularies worked out by hand, and one that the library `tokenizers` 0.23.3
 * gave (tests/golden/tokenizer_small.json, made by tests/peers/tokenizer.py --freeze). Ranks:
 * tests/mpi/test_bpe_trainer.c.
 */
#include "par/par.h"
#include "scratch.h"
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
        cmocka_unit_test(test_training_by_hand),        cmocka_unit_test(test_training_on_repeats),
        cmocka_unit_test(test_training_equals_library), cmocka_unit_test(test_training_needs_counts_only),
        cmocka_unit_test(test_training_on_nothing),
    };
    int rc = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    par_finalize();
    return rc;
}
