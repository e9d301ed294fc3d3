/* Verdicts alone: by pieces they are those of the pass that measures everything, for every family, any batch, several
 * arms over a memory; and no more is fed and looked at than the protocol in engine.h says. */
#include "base/rng.h"
#include "engine_check.h"
#include "memory/knn.h"
#include "par/par.h"
#include <math.h>

/* A suffix of pieces of 1, 1, 2, 4 and 3 read positions. Of each context length: windows that the model itself
 * continues, with a token changed at each position in turn or not at all, and random ones. */
enum { SUFFIX = 11, LENGTH = 30, CONTEXTS = 4, RANDOM = 3, PER = SUFFIX + 2 + RANDOM, PROBES = CONTEXTS * PER };
enum { RECORDS = CONTEXTS * PROBES };
static const int64_t contexts[CONTEXTS] = {1, 2, 7, LENGTH - SUFFIX};
static const arm_t bare = {.name = "bare"};

static engine_t make_spec(measure_t measure, int64_t batch_tokens) {
    return (engine_t){CONTEXTS, contexts, SUFFIX, batch_tokens, measure};
}

/* The window of a shorter context stands at the end of its row. */
static void make_set(const model_t *model, const attachment_t *attach, probe_set_t *set) {
    static int32_t tokens[PROBES * LENGTH];
    static probe_t probe[PROBES];
    int32_t vocab = (int32_t)model_spec(model)->vocab;
    for (int32_t i = 0; i < PROBES * LENGTH; i++) tokens[i] = (int32_t)rng_below(7, RNG_TEST, (uint64_t)i, vocab);
    for (int32_t i = 0; i < PROBES; i++) {
        int64_t context = contexts[i / PER], place = i % PER;
        int32_t *row = tokens + i * LENGTH, *suffix = row + LENGTH - SUFFIX;
        probe[i] = (probe_t){.probe_id = i, .length = LENGTH, .tokens = row};
        if (place < SUFFIX + 2) check_continue(model, context, context + SUFFIX, attach, suffix - context);
        if (place < SUFFIX) suffix[place] = (suffix[place] + 1) % vocab;
    }
    *set = (probe_set_t){.n = PROBES, .length = LENGTH, .probe = probe, .hidden = tokens};
}

/* Tokens of a suffix that are fed before a miss at this position is seen, SUFFIX: none. */
static int64_t fed_for(int64_t mismatch) {
    static const int64_t fed[SUFFIX + 1] = {0, 1, 3, 3, 7, 7, 7, 7, 10, 10, 10, 10};
    return fed[mismatch];
}

static engine_work_t run(const model_t *model, const probe_set_t *set, const arm_t *arms, int32_t n_arms,
                         measure_t measure, int64_t batch_tokens) {
    engine_t spec = make_spec(measure, batch_tokens);
    engine_work_t work;
    check_ok(engine_run(&spec, model, set, arms, n_arms, "tiny", scratch_dir, &work));
    return work;
}

/* Runs with both settings and compares the records of all arms; different: verdicts unlike those of arm 0. */
static void compare(const model_t *model, const probe_set_t *set, const arm_t *arms, int32_t n_arms,
                    int64_t batch_tokens, int *different) {
    const model_spec_t *spec = model_spec(model);
    record_t *all[3], *alone[3];
    engine_work_t expected = {0}, work = run(model, set, arms, n_arms, MEASURE_ALL, 500);
    int64_t fed = PROBES * (CONTEXTS * (SUFFIX - 1) + contexts[0] + contexts[1] + contexts[2] + contexts[3]);
    assert_int_equal(work.tokens, fed);
    assert_int_equal(work.positions, RECORDS * SUFFIX);
    assert_int_equal(work.reads, RECORDS * SUFFIX * n_arms);
    expected.flop = (double)work.reads * spec_flop_head(spec);
    for (int c = 0; c < CONTEXTS; c++) expected.flop += PROBES * spec_flop(spec, 0, contexts[c] + SUFFIX - 1, SUFFIX);
    assert_true(work.flop == expected.flop);
    expected.flop = 0;
    for (int32_t a = 0; a < n_arms; a++) all[a] = check_records(arms[a].name, RECORDS);
    work = run(model, set, arms, n_arms, MEASURE_VERDICT, batch_tokens);
    for (int32_t a = 0; a < n_arms; a++) alone[a] = check_records(arms[a].name, RECORDS);
    *different = 0;
    for (int64_t i = 0; i < RECORDS; i++) {
        int64_t most = 0;
        for (int32_t a = 0; a < n_arms; a++) {
            const record_t *r = &all[a][i];
            const record_t verdict = {.probe_id = r->probe_id,
                                      .context = r->context,
                                      .exact = r->exact,
                                      .first_mismatch = r->first_mismatch,
                                      .verdict_only = 1};
            check_same(arms[a].name, &verdict, &alone[a][i], sizeof verdict);
            assert_int_equal(r->verdict_only, 0);
            expected.reads += 1 + fed_for(r->first_mismatch);
            if (fed_for(r->first_mismatch) > most) most = fed_for(r->first_mismatch);
            *different += r->first_mismatch != all[0][i].first_mismatch;
        }
        expected.tokens += contexts[i / PROBES] + most;
        expected.flop +=
            spec_flop(spec, 0, contexts[i / PROBES], 1) + spec_flop(spec, contexts[i / PROBES], most, most);
        expected.positions += 1 + most;
    }
    assert_int_equal(work.tokens, expected.tokens);
    assert_int_equal(work.positions, expected.positions);
    assert_int_equal(work.reads, expected.reads);
    assert_true(work.flop == expected.flop + (double)work.reads * spec_flop_head(spec));
    for (int32_t a = 0; a < n_arms; a++) mem_free(all[a]), mem_free(alone[a]);
}

static void test_families(void **state) {
    (void)state;
    for (int kind = 0; kind < CHECK_KINDS; kind++) {
        model_t *model = check_model(kind, "auto");
        probe_set_t set;
        int different, seen[CONTEXTS][SUFFIX + 1] = {{0}};
        make_set(model, NULL, &set);
        for (int64_t batch = 1; batch < 3000; batch = batch * 5 + 30) compare(model, &set, &bare, 1, batch, &different);
        record_t *r = check_records("bare", RECORDS);
        for (int64_t i = 0; i < RECORDS; i++)
            if (i % PROBES / PER == i / PROBES) seen[i / PROBES][r[i].first_mismatch]++;
        for (int c = 0; c < CONTEXTS; c++)
            for (int j = 0; j <= SUFFIX; j++) assert_true(seen[c][j] > 0);
        mem_free(r);
        model_free(model);
    }
}

/* Suffixes that are over within a piece or before the second. */
static void test_short_suffixes(void **state) {
    (void)state;
    model_t *model = check_model(1, "auto");
    probe_set_t set;
    make_set(model, NULL, &set);
    for (int64_t suffix = 1; suffix < 6; suffix++) {
        engine_t spec = {CONTEXTS, contexts, suffix, 90, MEASURE_ALL};
        int exact = 0;
        check_ok(engine_run(&spec, model, &set, &bare, 1, "tiny", scratch_dir, NULL));
        record_t *all = check_records("bare", RECORDS);
        spec.measure = MEASURE_VERDICT;
        check_ok(engine_run(&spec, model, &set, &bare, 1, "tiny", scratch_dir, NULL));
        record_t *alone = check_records("bare", RECORDS);
        for (int64_t i = 0; i < RECORDS; i++) {
            assert_int_equal(alone[i].first_mismatch, all[i].first_mismatch);
            assert_int_equal(alone[i].exact, all[i].exact);
            exact += all[i].exact;
        }
        assert_in_range(exact, 1, RECORDS - 1);
        mem_free(all);
        mem_free(alone);
    }
    model_free(model);
}

/* An attachment that counts the rows whose logits are made, and hands them on to a memory. */
typedef struct {
    const attachment_t *memory;
    knn_lm_t *blend;
    int64_t rows;
} spy_t;

static int spy_ffn_input(void *user, int64_t layer, int64_t n, const row_t *rows, float *x) {
    const attachment_t *memory = ((spy_t *)user)->memory;
    return memory->ffn_input(memory->user, layer, n, rows, x);
}

static int spy_select_rows(void *user, int64_t n, const int64_t *select) {
    const attachment_t *memory = ((spy_t *)user)->memory;
    return memory->select(memory->user, n, select);
}

static int spy_logits(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    spy_t *spy = user;
    spy->rows += n;
    return spy->memory->logits(spy->memory->user, n, select, rows, logits);
}

static void spy_select(void *user, int32_t setting) {
    static const double lambda[] = {0, 0.4, 1};
    knn_lm_set_lambda(((spy_t *)user)->blend, lambda[setting]);
}

/* What the last layer's ffn sees of a sequence. */
typedef struct {
    int64_t last_layer, width;
    float *keys;
} copier_t;

static int copy_keys(void *user, int64_t layer, int64_t n, const row_t *rows, float *x) {
    copier_t *copier = user;
    (void)rows;
    if (layer == copier->last_layer) memcpy(copier->keys, x, (size_t)(n * copier->width) * sizeof *x);
    return 0;
}

/* A store of every third window, so that with it these are continued as they stand. */
static void make_store(const model_t *model, const probe_set_t *set, datastore_t *store) {
    enum { ENTRIES = LENGTH - 1, WINDOWS = PROBES / 3 };
    const model_spec_t *spec = model_spec(model);
    float *keys = mem_new(WINDOWS * ENTRIES, (size_t)spec->width * sizeof *keys, "keys");
    int32_t *values = mem_new(WINDOWS * ENTRIES, sizeof *values, "values");
    copier_t copier = {spec->layers - 1, spec->width, NULL};
    const attachment_t copy = {.user = &copier, .ffn_input = copy_keys};
    const int32_t first = 0;
    const int64_t length = ENTRIES;
    session_t *session;
    check_ok(session_create(model, 1, LENGTH, LENGTH, &session));
    for (int64_t i = 0; i < WINDOWS; i++) {
        const int32_t *tokens = set->probe[3 * i].tokens;
        copier.keys = keys + i * ENTRIES * spec->width;
        session_reset(session, first);
        check_ok(session_forward(session, 1, &first, &length, tokens, &copy));
        memcpy(values + i * ENTRIES, tokens + 1, ENTRIES * sizeof *values);
    }
    session_free(session);
    *store = (datastore_t){.n = WINDOWS * ENTRIES, .width = spec->width, .keys = keys, .values = values};
}

static void free_store(datastore_t *store) {
    mem_free((void *)(uintptr_t)store->keys);
    mem_free((void *)(uintptr_t)store->values);
}

static void test_memory(void **state) {
    (void)state;
    for (int kind = 0; kind < CHECK_KINDS; kind += 3) {
        model_t *model = check_model(kind, "auto");
        probe_set_t set;
        datastore_t store;
        spy_t spy = {.rows = 0};
        int different;
        make_set(model, NULL, &set);
        make_store(model, &set, &store);
        check_ok(knn_lm_create(&store, model, 4, 0.5, &spy.blend));
        spy.memory = knn_lm_attachment(spy.blend);
        const attachment_t attach = {
            .user = &spy, .ffn_input = spy_ffn_input, .select = spy_select_rows, .logits = spy_logits};
        const arm_t arms[] = {{"knn0", &attach, spy_select, &spy},
                              {"knn4", &attach, spy_select, &spy},
                              {"knn10", &attach, spy_select, &spy}};
        for (int64_t batch = 1; batch < 3000; batch = batch * 7 + 90) {
            compare(model, &set, arms, 3, batch, &different);
            assert_in_range(different, 20, 3 * RECORDS);
        }
        spy.rows = 0;
        engine_work_t work = run(model, &set, arms, 3, MEASURE_VERDICT, 300);
        assert_int_equal(spy.rows, work.reads); // no logits for arms that have missed
        engine_t spec = make_spec(MEASURE_VERDICT, 300);
        check_ok(engine_verify(&spec, model, &set, arms, 3, "tiny", scratch_dir));
        knn_lm_free(spy.blend);
        free_store(&store);
        model_free(model);
    }
}

/* Generation finds a wrong verdict. */
static void test_verify(void **state) {
    (void)state;
    model_t *model = check_model(3, "auto");
    probe_set_t set;
    make_set(model, NULL, &set);
    run(model, &set, &bare, 1, MEASURE_VERDICT, 100);
    engine_t spec = make_spec(MEASURE_VERDICT, 100);
    check_ok(engine_verify(&spec, model, &set, &bare, 1, "tiny", scratch_dir));
    record_t *r = check_records("bare", RECORDS);
    r[PROBES + 9].first_mismatch ^= 1;
    check_ok(file_write(scratch("records.bare.bin"), r, RECORDS * sizeof *r));
    check_fails(engine_verify(&spec, model, &set, &bare, 1, "tiny", scratch_dir),
                "model tiny, probe 9, context 2: arm bare: ");
    mem_free(r);
    model_free(model);
}

/* A token whose embedding is NaN, in the context of a probe or at a position of its suffix. Whether it is met depends
 * on the probe alone. */
static void test_nan(void **state) {
    (void)state;
    model_t *model = check_model(0, "auto");
    probe_set_t set;
    make_set(model, NULL, &set);
    int64_t n;
    int32_t *tokens = set.hidden, rare = (int32_t)model_spec(model)->vocab - 1;
    for (int32_t i = 0; i < PROBES * LENGTH; i++)
        if (tokens[i] == rare) tokens[i] = 0;
    model_parameters(model, &n)[model_tensors(model, &(int32_t){0})[0].offset + rare * model_spec(model)->width] = NAN;
    check_ok(model_pack(model));
    const int32_t guilty = 3 * PER + 1; // misses at position 1, for which one token is fed
    int32_t *suffix = tokens + guilty * LENGTH + LENGTH - SUFFIX;
    for (int64_t batch = 1; batch < 3000; batch = batch * 5 + 30) {
        engine_t spec = make_spec(MEASURE_VERDICT, batch);
        suffix[1] = rare; // behind what is fed
        check_ok(engine_run(&spec, model, &set, &bare, 1, "tiny", scratch_dir, NULL));
        suffix[1] = 1;
        suffix[-3] = rare;
        check_fails(engine_run(&spec, model, &set, &bare, 1, "tiny", scratch_dir, NULL),
                    "model tiny, probe 49, context 7: the model's hidden states");
        suffix[-3] = 1;
        suffix[SUFFIX - 1] = rare + 1; // no token at all, though it would not be looked at
        check_fails(engine_run(&spec, model, &set, &bare, 1, "tiny", scratch_dir, NULL),
                    "model tiny, probe 49, context 1: token id 97");
        suffix[SUFFIX - 1] = 1;
    }
    model_free(model);
}

/* A disk that is full is no probe's fault. */
static void test_no_folder(void **state) {
    (void)state;
    model_t *model = check_model(0, "auto");
    probe_set_t set;
    make_set(model, NULL, &set);
    engine_t spec = make_spec(MEASURE_VERDICT, 100);
    check_fails(engine_run(&spec, model, &set, &bare, 1, "tiny", "/nonexistent", NULL), "/nonexistent/records.bare");
    set.n = 0;
    check_ok(engine_run(&spec, model, &set, &bare, 1, "tiny", scratch_dir, NULL));
    model_free(model);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families), cmocka_unit_test(test_memory),    cmocka_unit_test(test_verify),
        cmocka_unit_test(test_nan),      cmocka_unit_test(test_no_folder), cmocka_unit_test(test_short_suffixes),
    };
    par_init(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    par_finalize();
    return failed;
}
