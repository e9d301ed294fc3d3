/* The probe engine: verdicts by one teacher-forced pass equal those of real generation, records do not depend on the
 * batch, every measure equals one made from the logits in double, arms that change nothing equal the bare model. */
#include "base/rng.h"
#include "engine_check.h"
#include "par/par.h"
#include <math.h>

enum { LENGTH = 20, SUFFIX = 7, CONTEXTS = 4 };
static const int64_t contexts[CONTEXTS] = {1, 2, 6, LENGTH - SUFFIX};

static engine_t make_spec(int64_t batch_tokens) {
    return (engine_t){.n_context = CONTEXTS, .context = contexts, .suffix = SUFFIX, .batch_tokens = batch_tokens};
}

/* 2 + 2 SUFFIX probes: two that the model continues by itself, then for each suffix position one with a changed token
 * there, then SUFFIX random ones. */
static void make_set(const model_t *model, probe_set_t *set) {
    int32_t n = 2 + 2 * SUFFIX, vocab = (int32_t)model_spec(model)->vocab;
    int32_t *tokens = mem_new((int64_t)n * LENGTH, sizeof *tokens, "probes");
    *set = (probe_set_t){.n = n, .length = LENGTH, .probe = mem_new(n, sizeof *set->probe, "probes"), .hidden = tokens};
    for (int32_t i = 0; i < n * LENGTH; i++) tokens[i] = (int32_t)rng_below(3, RNG_TEST, (uint64_t)i, vocab);
    for (int64_t i = 0; i < 2 + SUFFIX; i++) check_continue(model, LENGTH - SUFFIX, LENGTH, NULL, tokens + i * LENGTH);
    for (int32_t j = 0; j < SUFFIX; j++) {
        int32_t *changed = &tokens[(2 + j) * LENGTH + LENGTH - SUFFIX + j];
        *changed = (*changed + 1) % vocab;
    }
    for (int32_t i = 0; i < n; i++)
        set->probe[i] = (probe_t){.probe_id = i, .length = LENGTH, .tokens = tokens + i * LENGTH};
}

static void free_set(probe_set_t *set) {
    mem_free(set->probe);
    mem_free(set->hidden);
}

static const arm_t bare = {.name = "bare"};

static record_t *run(const model_t *model, const probe_set_t *set, int64_t batch_tokens) {
    engine_t spec = make_spec(batch_tokens);
    check_ok(engine_run(&spec, model, set, &bare, 1, "tiny", scratch_dir, NULL));
    return check_records("bare", set->n * CONTEXTS);
}

static void test_verdicts(void **state) {
    (void)state;
    for (int kind = 0; kind < CHECK_KINDS; kind++) {
        model_t *model = check_model(kind, "auto");
        probe_set_t set;
        make_set(model, &set);
        int32_t mismatch[100];
        int64_t n = set.n, all = (CONTEXTS - 1) * n;
        record_t *r = run(model, &set, 100);
        for (int64_t i = 0; i < 2 + SUFFIX; i++) { // the longest context is the one that the text was made from
            int32_t expected = i < 2 ? SUFFIX : (int32_t)i - 2;
            assert_int_equal(r[all + i].first_mismatch, expected);
            assert_int_equal(r[all + i].exact, i < 2);
            assert_true(i >= 2 || (r[all + i].rank_max == 0 && r[all + i].margin_min >= 0));
        }
        for (int64_t batch = 1; batch < 400; batch = batch * 7 + 3) {
            engine_t spec = make_spec(batch);
            memset(mismatch, -1, sizeof mismatch);
            check_ok(engine_generate(&spec, model, &set, &bare, 0, mismatch));
            for (int64_t id = 0; id < n * CONTEXTS; id++) {
                assert_int_equal(r[id].first_mismatch, mismatch[id]);
                assert_int_equal(r[id].probe_id, id % n);
                assert_int_equal(r[id].context, contexts[id / n]);
            }
        }
        mem_free(r);
        free_set(&set);
        model_free(model);
    }
}

static void test_batches_and_kernels(void **state) {
    (void)state;
    model_t *model = check_model(0, "reference");
    probe_set_t set;
    make_set(model, &set);
    record_t *expected = run(model, &set, 1);
    model_free(model);
    for (int k = 0; k < CHECK_KERNELS; k++) {
        if (!strstr(tensor_available(), check_kernels[k])) continue;
        model = check_model(0, check_kernels[k]);
        for (int64_t batch = 20; batch < 1000; batch *= 3) {
            record_t *r = run(model, &set, batch);
            check_same(check_kernels[k], expected, r, (size_t)(set.n * CONTEXTS) * sizeof *r);
            mem_free(r);
        }
        model_free(model);
    }
    mem_free(expected);
    free_set(&set);
}

/* A probe of its own for each context: the records are those that its probe has there in a set of long ones. */
static void test_own_windows(void **state) {
    (void)state;
    model_t *model = check_model(0, "auto");
    probe_set_t set;
    make_set(model, &set);
    record_t *all = run(model, &set, 100);
    for (int64_t i = 0; i < set.n; i++) { // 0 0 0 0 1 1 1 1 2 ...
        probe_t *p = &set.probe[i];
        p->length = contexts[i * CONTEXTS / set.n] + SUFFIX;
        p->tokens += LENGTH - p->length;
    }
    for (int64_t batch = 1; batch < 400; batch = batch * 7 + 3) {
        engine_t spec = make_spec(batch);
        int32_t mismatch[100];
        check_ok(engine_run(&spec, model, &set, &bare, 1, "tiny", scratch_dir, NULL));
        record_t *r = check_records("bare", set.n); // one each
        check_ok(engine_generate(&spec, model, &set, &bare, 0, mismatch));
        for (int64_t i = 0; i < set.n; i++) {
            check_same("own window", &all[i * CONTEXTS / set.n * set.n + i], &r[i], sizeof *r);
            assert_int_equal(r[i].first_mismatch, mismatch[i]);
        }
        check_ok(engine_verify(&spec, model, &set, &bare, 1, "tiny", scratch_dir));
        mem_free(r);
    }
    engine_t spec = make_spec(100);
    static const int64_t other[] = {3};
    spec.context = other;
    spec.n_context = 1;
    check_fails(engine_run(&spec, model, &set, &bare, 1, "tiny", scratch_dir, NULL), "a context of 3");
    mem_free(all);
    free_set(&set);
    model_free(model);
}

/* What an attachment sees of a forward: the logits of the selected rows, one after the other. */
typedef struct {
    int64_t vocab, rows;
    float *seen; // (rows so far, vocab), or NULL
    float bias;  // added to the logit of token 1
} spy_t;

static int spy_logits(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    spy_t *spy = user;
    (void)select;
    (void)rows;
    if (spy->seen) memcpy(spy->seen + spy->rows * spy->vocab, logits, (size_t)(n * spy->vocab) * sizeof(float));
    spy->rows += n;
    for (int64_t i = 0; spy->bias != 0 && i < n; i++) logits[i * spy->vocab + 1] += spy->bias;
    return 0;
}

static void spy_select(void *user, int32_t setting) {
    static const float bias[] = {0, 2.5f, NAN};
    ((spy_t *)user)->bias = bias[setting];
}

/* One probe: its record against measures made in double from its logits. */
static void check_measures(const probe_t *probe, const record_t *r, int64_t vocab, const float *logits) {
    double logp = 0;
    float margin = INFINITY;
    int32_t matched = 0, rank_max = 0;
    for (int64_t j = 0; j < SUFFIX; j++) {
        const float *x = logits + j * vocab;
        int32_t target = probe->tokens[LENGTH - SUFFIX + j], rank = 0;
        double sum = 0;
        float other = -INFINITY;
        for (int32_t v = 0; v < vocab; v++) {
            sum += exp((double)x[v]);
            rank += x[v] > x[target] || (x[v] == x[target] && v < target);
            if (v != target) other = fmaxf(other, x[v]);
        }
        logp += (double)x[target] - log(sum);
        margin = fminf(margin, x[target] - other);
        matched += rank == 0;
        rank_max = rank > rank_max ? rank : rank_max;
    }
    assert_int_equal(r->matched, matched);
    assert_int_equal(r->rank_max, rank_max);
    assert_true(r->margin_min == margin);
    assert_true(r->memorization_score == (double)matched / SUFFIX);
    assert_true(fabs(r->logp_suffix - logp) < 1e-5);
    assert_true(fabs((double)r->entropy_bits + logp / SUFFIX / log(2)) < 1e-5);
}

static void test_measures(void **state) {
    (void)state;
    model_t *model = check_model(1, "auto");
    probe_set_t set;
    make_set(model, &set);
    record_t *r = run(model, &set, 77);
    int64_t vocab = model_spec(model)->vocab;
    spy_t spy = {.vocab = vocab, .seen = mem_new(SUFFIX * vocab, sizeof(float), "logits")};
    attachment_t attach = {.user = &spy, .logits = spy_logits};
    session_t *session;
    check_ok(session_create(model, 1, LENGTH, LENGTH, &session));
    for (int64_t id = 0; id < set.n * CONTEXTS; id++) {
        const probe_t *probe = &set.probe[id % set.n];
        int64_t context = contexts[id / set.n], fed = context + SUFFIX - 1, select[SUFFIX];
        int32_t first = 0, target[SUFFIX];
        head_stat_t stat[SUFFIX];
        for (int64_t j = 0; j < SUFFIX; j++)
            select[j] = context - 1 + j, target[j] = probe->tokens[LENGTH - SUFFIX + j];
        session_reset(session, 0);
        check_ok(session_forward(session, 1, &first, &fed, probe->tokens + LENGTH - SUFFIX - context, NULL));
        spy.rows = 0;
        check_ok(session_head(session, SUFFIX, select, target, &attach, stat));
        check_measures(probe, &r[id], vocab, spy.seen);
    }
    session_free(session);
    mem_free(spy.seen);
    mem_free(r);
    free_set(&set);
    model_free(model);
}

/* Three arms over one forward. */
static void test_arms(void **state) {
    (void)state;
    model_t *model = check_model(0, "auto");
    probe_set_t set;
    make_set(model, &set);
    spy_t spy = {.vocab = model_spec(model)->vocab};
    attachment_t attach = {.user = &spy, .logits = spy_logits};
    arm_t arms[3] = {{"spy0", &attach, spy_select, &spy}, {"spy1", &attach, spy_select, &spy}};
    engine_t spec = make_spec(100);
    size_t bytes = (size_t)(set.n * CONTEXTS) * sizeof(record_t);
    record_t *expected = run(model, &set, 100);
    check_ok(engine_run(&spec, model, &set, arms, 2, "tiny", scratch_dir, NULL));
    assert_int_equal(spy.rows, 2 * CONTEXTS * set.n * SUFFIX); // no logits but those
    record_t *same = check_records("spy0", set.n * CONTEXTS), *other = check_records("spy1", set.n * CONTEXTS);
    check_same("an arm that changes nothing", expected, same, bytes);
    assert_memory_not_equal(expected, other, bytes);
    int32_t mismatch[100], changed = 0;
    check_ok(engine_generate(&spec, model, &set, arms, 1, mismatch));
    for (int64_t id = 0; id < set.n * CONTEXTS; id++) {
        assert_int_equal(other[id].first_mismatch, mismatch[id]);
        changed += other[id].first_mismatch != expected[id].first_mismatch;
    }
    assert_true(changed > 0);
    arms[2] = arms[1], arms[2].name = "broken";
    check_fails(engine_run(&spec, model, &set, arms, 3, "tiny", scratch_dir, NULL),
                "model tiny, probe 0, context 1: arm broken: ");
    arms[1].attach = NULL;
    check_fails(engine_run(&spec, model, &set, arms, 2, "tiny", scratch_dir, NULL), "spy0 and spy1 do not share");
    mem_free(expected), mem_free(same), mem_free(other);
    free_set(&set);
    model_free(model);
}

/* A weight that is NaN and only one probe, at its longest context, sees. */
static void test_nan(void **state) {
    (void)state;
    model_t *model = check_model(0, "auto");
    probe_set_t set;
    make_set(model, &set);
    int64_t n;
    int32_t guilty = 5, *tokens = set.hidden, rare = (int32_t)model_spec(model)->vocab - 1;
    for (int32_t i = 0; i < set.n * LENGTH; i++)
        if (tokens[i] == rare) tokens[i] = 0;
    tokens[guilty * LENGTH + 2] = rare;
    float *embedding = model_parameters(model, &n) + model_tensors(model, &(int32_t){0})[0].offset;
    embedding[rare * model_spec(model)->width + 3] = NAN;
    check_ok(model_pack(model));
    engine_t spec = make_spec(150);
    check_ok(dir_remove(scratch("nan")));
    check_ok(dir_make(scratch("nan")));
    check_fails(engine_run(&spec, model, &set, &bare, 1, "tiny", scratch("nan"), NULL),
                "model tiny, probe 5, context 13: ");
    assert_false(file_exists(scratch("nan/records.bare.bin")));
    assert_false(file_exists(scratch("nan/records.bare.bin.part")));
    free_set(&set);
    model_free(model);
}

/* Records that say something else than generation does are found, for every probe. */
static void test_verify(void **state) {
    (void)state;
    model_t *model = check_model(1, "auto");
    probe_set_t set;
    make_set(model, &set);
    int64_t n = set.n * CONTEXTS;
    engine_t spec = make_spec(100);
    record_t *r = run(model, &set, 100);
    check_ok(engine_verify(&spec, model, &set, &bare, 1, "tiny", scratch_dir));
    for (int64_t id = 0; id < n; id += 5) {
        char expected[100];
        r[id].first_mismatch ^= 1;
        check_ok(file_write(scratch("records.bare.bin"), r, (size_t)n * sizeof *r));
        snprintf(expected, sizeof expected, "model tiny, probe %d, context %d: arm bare: ", (int)(id % set.n),
                 (int)contexts[id / set.n]);
        check_fails(engine_verify(&spec, model, &set, &bare, 1, "tiny", scratch_dir), expected);
        r[id].first_mismatch ^= 1;
    }
    check_ok(file_write(scratch("records.bare.bin"), r, (size_t)n * sizeof *r - 1));
    check_fails(engine_verify(&spec, model, &set, &bare, 1, "tiny", scratch_dir), "records.bare.bin");
    mem_free(r);
    free_set(&set);
    model_free(model);
}

static void test_refusals(void **state) {
    (void)state;
    model_t *model = check_model(0, "auto");
    probe_set_t set;
    make_set(model, &set);
    static const int64_t long_context = LENGTH - SUFFIX + 1, none = 0;
    engine_t spec = make_spec(100);
    spec.context = &long_context, spec.n_context = 1;
    check_fails(engine_run(&spec, model, &set, &bare, 1, "tiny", scratch_dir, NULL), "do not fit probes of 20 tokens");
    spec.context = &none;
    check_fails(engine_run(&spec, model, &set, &bare, 1, "tiny", scratch_dir, NULL), "do not fit probes of 20 tokens");
    spec = make_spec(0);
    check_fails(engine_run(&spec, model, &set, &bare, 1, "tiny", scratch_dir, NULL), "must be 1 or more");
    spec = make_spec(100);
    check_fails(engine_run(&spec, model, &set, &bare, 0, "tiny", scratch_dir, NULL), "no arm");
    check_fails(engine_run(&spec, model, &set, &bare, 1, "tiny", "/nonexistent", NULL),
                "/nonexistent/records.bare.bin.part");
    ((int32_t *)set.hidden)[3 * LENGTH + LENGTH - 1] = (int32_t)model_spec(model)->vocab;
    check_fails(engine_run(&spec, model, &set, &bare, 1, "tiny", scratch_dir, NULL),
                "model tiny, probe 3, context 1: ");
    set.n = 0;
    check_ok(engine_run(&spec, model, &set, &bare, 1, "tiny", scratch_dir, NULL));
    free_set(&set);
    model_free(model);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts), cmocka_unit_test(test_batches_and_kernels),
        cmocka_unit_test(test_measures), cmocka_unit_test(test_arms),
        cmocka_unit_test(test_nan),      cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_verify),   cmocka_unit_test(test_own_windows),
    };
    par_init(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    par_finalize();
    return failed;
}
