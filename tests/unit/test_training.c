/* The parts of training that need no other rank: the order of windows, and the state on disk. The loop itself is tested
 * by tests/mpi/test_train.c. */
#include "model/train.h"
#include "model/train_state.h"
#include "model/train_windows.h"
#include "scratch.h"
#include "text/tokens.h"

// --- windows --------------------------------------------------------------------------------------------------------

/* A corpus of one document: tokens 1, 2, ..., n - 1 and the end token 0. */
static tokens_t *make_corpus(int32_t n) {
    char dir[300];
    snprintf(dir, sizeof dir, "%s%d", scratch("corpus"), (int)n);
    int32_t *ids = mem_new(n, sizeof *ids, "test");
    shard_out_t *out;
    tokens_t *corpus;
    for (int32_t i = 0; i < n; i++) ids[i] = i + 1;
    assert_int_equal(dir_make(dir), 0);
    assert_int_equal(shard_out_open(dir, "a", 1000, 0, &out), 0);
    assert_int_equal(shard_out_add(out, "d", "test", "d", ids, n - 1), 0);
    assert_int_equal(shard_out_commit(out), 0);
    assert_int_equal(tokens_seal(dir), 0);
    assert_int_equal(tokens_open(dir, &corpus), 0);
    mem_free(ids);
    return corpus;
}

/* Every token but the first is a target once an epoch, after the token that stands before it. */
static void check_cover(int32_t n, int64_t context) {
    tokens_t *corpus = make_corpus(n);
    train_windows_t *w;
    int32_t tokens[64], targets[64], seen[1000] = {0};
    assert_int_equal(train_windows_open(corpus, context, 1, &w), 0);
    const int64_t count = train_windows_in(n, context);
    for (int64_t i = 0; i < count; i++) {
        const int64_t window = train_windows_at(w, 3 * count + i);
        int64_t valid = 0;
        assert_int_equal(train_windows_read(w, window, tokens, targets), 0);
        for (int64_t j = 0; j < context; j++) {
            if (targets[j] < 0) continue;
            valid++;
            seen[targets[j]]++;
            assert_int_equal(tokens[j], targets[j] ? targets[j] - 1 : n - 1);
        }
        assert_int_equal(valid, train_windows_length(w, window));
    }
    for (int32_t t = 0; t < n; t++) assert_int_equal(seen[t], t != 1);
    train_windows_close(w);
    tokens_close(corpus);
}

static void test_windows_cover(void **state) {
    (void)state;
    check_cover(2, 16);
    check_cover(16, 16);
    check_cover(17, 16);
    check_cover(18, 16);
    check_cover(500, 7);
}

static void test_windows_order(void **state) {
    (void)state;
    tokens_t *corpus = make_corpus(321);
    train_windows_t *w, *again;
    int differs = 0;
    assert_int_equal(train_windows_open(corpus, 10, 5, &w), 0);
    assert_int_equal(train_windows_open(corpus, 10, 5, &again), 0);
    for (int64_t i = 0; i < 32; i++) differs += train_windows_at(w, i) != train_windows_at(again, 32 + i);
    assert_true(differs > 16); // epochs are shuffled anew
    for (int64_t i = 0; i < 64; i++) assert_int_equal(train_windows_at(w, 63 - i), train_windows_at(again, 63 - i));
    train_windows_close(w);
    train_windows_close(again);
    tokens_close(corpus);
}

static void test_shards(void **state) {
    (void)state;
    assert_int_equal(train_shards(16, 256), 8);
    assert_int_equal(train_shards(16, 128), 4);
    assert_int_equal(train_shards(1024, 2048), 64);
    assert_int_equal(train_shards(24, 256), 8);
    assert_int_equal(train_shards(3, 256), 1);
    const train_t spec = {.epochs = 2.5, .batch = 4};
    assert_int_equal(train_steps(&spec, 1001, 100), 7); // 25 windows
}

// --- state ----------------------------------------------------------------------------------------------------------

enum { PARAMETERS = 100, STEPS = 7 };

typedef struct {
    train_state_t state;
    float block[3][PARAMETERS];
    train_row_t row[STEPS];
} kept_t;

static void kept_init(kept_t *k, int64_t step, float value) {
    memset(k, 0, sizeof *k);
    k->state = (train_state_t){.run = {1, 2},
                               .step = step,
                               .tokens = 1000 * step,
                               .parameters = PARAMETERS,
                               .weights = k->block[0],
                               .mean = k->block[1],
                               .square = k->block[2],
                               .capacity = STEPS,
                               .row = k->row};
    for (int i = 0; i < 3 * PARAMETERS; i++) k->block[i / PARAMETERS][i % PARAMETERS] = value * (float)(i + 1);
    for (int64_t i = 0; i < step; i++) k->row[i] = (train_row_t){i, value, 2.0 * (double)i};
}

static void test_state_round_trip(void **state) {
    (void)state;
    kept_t out, in;
    const char *path = scratch("state.bin");
    kept_init(&in, 0, 0);
    assert_int_equal(train_state_load(&in.state, path), 0); // no file: the start
    assert_int_equal(in.state.step, 0);
    kept_init(&out, 5, 1.25f);
    assert_int_equal(train_state_save(&out.state, path), 0);
    assert_int_equal(train_state_load(&in.state, path), 0);
    assert_int_equal(in.state.step, 5);
    assert_int_equal(in.state.tokens, 5000);
    assert_memory_equal(in.block, out.block, sizeof in.block);
    assert_memory_equal(in.row, out.row, sizeof in.row);
}

/* Without waiting for the disk, as file_write does. */
static void put(const char *path, const uint8_t *bytes, size_t size) {
    remove(path); // a file cut to nothing and filled again would be written out at once by some file systems
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* Any altered or missing byte is noticed. */
static void test_state_damage(void **state) {
    (void)state;
    kept_t out, in;
    file_map_t map;
    const char *path = scratch("damaged.bin");
    kept_init(&out, 3, 0.5f);
    assert_int_equal(train_state_save(&out.state, path), 0);
    assert_int_equal(file_map(path, &map), 0);
    uint8_t *bytes = mem_new((int64_t)map.size, 1, "test");
    memcpy(bytes, map.data, map.size);
    for (size_t at = 0; at < map.size; at++) {
        bytes[at] ^= 0x40;
        put(path, bytes, map.size);
        kept_init(&in, 0, 0);
        if (train_state_load(&in.state, path) != -1) fail_msg("a flipped bit in byte %zu was not noticed", at);
        assert_int_equal(in.state.step, 0);
        bytes[at] ^= 0x40;
    }
    for (size_t size = 0; size < map.size; size += 37) {
        put(path, bytes, size);
        assert_int_equal(train_state_load(&in.state, path), -1);
    }
    file_unmap(&map);
    mem_free(bytes);
}

static void test_state_of_another_run(void **state) {
    (void)state;
    kept_t out;
    const char *path = scratch("other.bin");
    kept_init(&out, 3, 0.5f);
    assert_int_equal(train_state_save(&out.state, path), 0);
    out.state.run.lo = 3;
    assert_int_equal(train_state_load(&out.state, path), -1);
    assert_non_null(strstr(err_text(), "another run"));
    out.state.run.lo = 2;
    out.state.capacity = 2; // a run of fewer steps than are done
    assert_int_equal(train_state_load(&out.state, path), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows_cover), cmocka_unit_test(test_windows_order),
        cmocka_unit_test(test_shards),        cmocka_unit_test(test_state_round_trip),
        cmocka_unit_test(test_state_damage),  cmocka_unit_test(test_state_of_another_run),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
