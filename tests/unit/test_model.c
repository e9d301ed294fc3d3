/* The decoder: law 1 on whole models (a row's bits depend neither on its company nor on how the sequence was fed, and
 * are those of the reference on every kernel), law 4 for attachments, and the errors of a session. */
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model_stored.h"
#include <math.h>
#include <string.h>

enum { SEQUENCES = 3, LENGTH = 40, ROWS = 64 };

/* Tokens of the test's sequences, and what the model says at each of their positions. */
typedef struct {
    const model_spec_t *spec;
    int32_t token[SEQUENCES][LENGTH];
    float *hidden; // (SEQUENCES, LENGTH, width)
    float *logits; // (SEQUENCES, LENGTH, vocab)
    head_stat_t stat[SEQUENCES][LENGTH];
} truth_t;

static int32_t target_of(const truth_t *truth, int32_t sequence, int64_t position) {
    return position + 1 < LENGTH ? truth->token[sequence][position + 1] : -1;
}

static void free_truth(truth_t *truth) {
    mem_free(truth->hidden);
    mem_free(truth->logits);
}

static int take_logits(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    truth_t *truth = user;
    const int64_t vocab = truth->spec->vocab;
    (void)select;
    for (int64_t i = 0; i < n; i++)
        memcpy(truth->logits + (rows[i].sequence * LENGTH + rows[i].position) * vocab, logits + i * vocab,
               (size_t)vocab * sizeof *logits);
    return 0;
}
static int compare_logits(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    const truth_t *truth = user;
    const int64_t vocab = truth->spec->vocab;
    (void)select;
    for (int64_t i = 0; i < n; i++)
        check_same("logits", logits + i * vocab, truth->logits + (rows[i].sequence * LENGTH + rows[i].position) * vocab,
                   (size_t)vocab * sizeof *logits);
    return 0;
}

/* Each sequence alone and at once. */
static void make_truth(const model_t *model, truth_t *truth) {
    const model_spec_t *spec = truth->spec = model_spec(model);
    session_t *s;
    truth->hidden = mem_new(SEQUENCES * LENGTH * spec->width, sizeof(float), "truth");
    truth->logits = mem_new(SEQUENCES * LENGTH * spec->vocab, sizeof(float), "truth");
    assert_true(truth->hidden != NULL && truth->logits != NULL);
    check_ok(session_create(model, SEQUENCES, LENGTH, LENGTH, &s));
    for (int32_t i = 0; i < SEQUENCES; i++) {
        int64_t length = LENGTH, select[LENGTH];
        int32_t target[LENGTH];
        for (int64_t j = 0; j < LENGTH; j++) {
            truth->token[i][j] = (int32_t)rng_below(5, RNG_TEST, (uint64_t)(i * LENGTH + j), spec->vocab);
            select[j] = j;
        }
        for (int64_t j = 0; j < LENGTH; j++) target[j] = target_of(truth, i, j);
        check_ok(session_forward(s, 1, &i, &length, truth->token[i], NULL));
        memcpy(truth->hidden + i * LENGTH * spec->width, session_hidden(s),
               (size_t)(LENGTH * spec->width) * sizeof(float));
        const attachment_t take = {.user = truth, .logits = take_logits};
        check_ok(session_head(s, LENGTH, select, target, &take, truth->stat[i]));
        check_ok(session_head(s, LENGTH, select, target, NULL, truth->stat[i]));
    }
    session_free(s);
}

/* The rows of a batch that are read against the truth: length[i] of sequence[i] from position from[i] on. */
static void check_rows(session_t *s, truth_t *truth, int32_t count, const int32_t *sequence, const int64_t *from,
                       const int64_t *length, const attachment_t *attach) {
    int64_t width = truth->spec->width, r = 0, select[ROWS];
    head_stat_t stats[ROWS];
    const attachment_t compare = {.user = truth, .logits = compare_logits};
    for (int32_t i = 0; i < count; i++)
        for (int64_t j = from[i]; j < from[i] + length[i]; j++, r++) {
            int32_t target = target_of(truth, sequence[i], j);
            head_stat_t stat;
            check_same("hidden", session_hidden(s) + r * width, truth->hidden + (sequence[i] * LENGTH + j) * width,
                       (size_t)width * sizeof(float));
            check_ok(session_head(s, 1, &r, &target, attach, &stat));
            check_same("head", &stat, &truth->stat[sequence[i]][j], sizeof stat);
            select[r] = r;
        }
    check_ok(session_head(s, r, select, NULL, &compare, stats));
    check_fails(session_head(s, 1, &r, NULL, NULL, stats), "is not one of");
}

/* Feeds all sequences in batches of random composition: which sequences, in which order, how many tokens of each, and
 * of how many what is made is read: of all, or of any number. Returns of how many. */
typedef enum { READ_ALL, READ_ANY } read_t;
static int64_t feed_at_random(const model_t *model, truth_t *truth, uint64_t seed, int64_t longest, read_t what,
                              const attachment_t *attach) {
    session_t *s;
    int64_t fed[SEQUENCES] = {0}, order[SEQUENCES], left = SEQUENCES * LENGTH, reads = 0;
    check_ok(session_create(model, SEQUENCES, LENGTH, ROWS, &s));
    for (uint64_t step = 0; left > 0; step++) {
        int32_t count = 0, sequence[SEQUENCES], tokens[ROWS];
        int64_t from[SEQUENCES], length[SEQUENCES], read[SEQUENCES], rows = 0;
        rng_permute(seed, RNG_TEST, step, SEQUENCES, order);
        for (int i = 0; i < SEQUENCES; i++) {
            int32_t q = (int32_t)order[i];
            int64_t most = LENGTH - fed[q] < longest ? LENGTH - fed[q] : longest;
            int64_t n = rng_below(seed, RNG_TEST, step * 16 + (uint64_t)i, most + 1);
            if (n == 0 || rows + n > ROWS) continue;
            memcpy(tokens + rows, truth->token[q] + fed[q], (size_t)n * sizeof *tokens);
            sequence[count] = q, length[count] = n;
            read[count] = what == READ_ALL ? n : rng_below(seed, RNG_TEST, step * 16 + 8 + (uint64_t)i, n + 1);
            rows += n, fed[q] += n, left -= n;
            from[count] = fed[q] - read[count];
            reads += read[count++];
        }
        check_ok(session_feed(s, count, sequence, length, read, tokens, attach));
        check_rows(s, truth, count, sequence, from, read, attach);
    }
    for (int32_t i = 0; i < SEQUENCES; i++) assert_int_equal(session_length(s, i), LENGTH);
    session_free(s);
    return reads;
}

static void test_bits_of_any_batch(void **state) {
    (void)state;
    for (int kind = 0; kind < CHECK_KINDS; kind++) {
        truth_t truth;
        model_t *model = check_model(kind, "reference");
        make_truth(model, &truth);
        for (int k = 0; k < CHECK_KERNELS; k++) {
            if (!check_use_kernels(model, check_kernels[k])) continue;
            feed_at_random(model, &truth, 1, 1, READ_ALL, NULL); // one token at a time
            for (uint64_t seed = 2; seed < 4; seed++) feed_at_random(model, &truth, seed, 21, READ_ALL, NULL);
            for (uint64_t seed = 4; seed < 6; seed++) feed_at_random(model, &truth, seed, 21, READ_ANY, NULL);
        }
        free_truth(&truth);
        model_free(model);
    }
}

/* In bf16 the same holds, of other bits; back in fp32 they are the first ones. */
static void test_bits_of_bf16(void **state) {
    (void)state;
    for (int kind = 0; kind < CHECK_KINDS; kind++) {
        truth_t whole, truth;
        model_t *model = check_model(kind, "reference");
        make_truth(model, &whole);
        check_ok(model_set_precision(model, PRECISION_BF16));
        make_truth(model, &truth);
        const int64_t floats = SEQUENCES * LENGTH * whole.spec->width;
        double difference = 0, size = 0;
        for (int64_t i = 0; i < floats; i++) {
            difference += fabs((double)truth.hidden[i] - (double)whole.hidden[i]);
            size += fabs((double)whole.hidden[i]);
        }
        assert_true(difference > 0 && difference < 0.05 * size);
        for (int k = 0; k < CHECK_KERNELS; k++) {
            if (!check_use_kernels(model, check_kernels[k])) continue;
            feed_at_random(model, &truth, 1, 1, READ_ALL, NULL);
            feed_at_random(model, &truth, 2, 21, READ_ALL, NULL);
            feed_at_random(model, &truth, 3, 21, READ_ANY, NULL);
        }
        check_ok(model_set_precision(model, PRECISION_FP32));
        feed_at_random(model, &whole, 5, 21, READ_ALL, NULL);
        free_truth(&whole);
        free_truth(&truth);
        model_free(model);
    }
}

/* Weights stored as halves give the bits of the same numbers stored as floats. */
static void test_bits_of_halves(void **state) {
    (void)state;
    static const packed_type_t types[] = {PACKED_F16, PACKED_BF16}; // in this order each rounds
    for (int kind = 0; kind < CHECK_KINDS; kind++) {
        model_t *model = check_model(kind, "reference");
        for (int t = 0; t < 2; t++) {
            truth_t truth;
            check_use_kernels(model, "reference");
            check_round(model, types[t]);
            make_truth(model, &truth);
            check_store(model, types[t]);
            for (int k = 0; k < CHECK_KERNELS; k++)
                if (check_use_kernels(model, check_kernels[k])) feed_at_random(model, &truth, 6, 21, READ_ANY, NULL);
            free_truth(&truth);
        }
        model_free(model);
    }
}

/* An attachment that counts its calls and changes nothing. */
typedef struct {
    int64_t embedding, residual, ffn_input, hidden, selected, logits;
} calls_t;
static int see_embedding(void *user, int64_t n, const row_t *rows, float *x) {
    (void)rows, (void)x;
    ((calls_t *)user)->embedding += n;
    return 0;
}
static int see_residual(void *user, int64_t layer, int64_t n, const row_t *rows, float *x) {
    (void)rows, (void)x, (void)layer;
    assert_true(n > 0);
    ((calls_t *)user)->residual += n;
    return 0;
}
static int see_ffn_input(void *user, int64_t layer, int64_t n, const row_t *rows, float *x) {
    (void)rows, (void)x, (void)layer;
    assert_true(n > 0);
    ((calls_t *)user)->ffn_input += n;
    return 0;
}
static int see_hidden(void *user, int64_t n, const row_t *rows, float *x) {
    (void)rows, (void)x;
    assert_true(n > 0);
    ((calls_t *)user)->hidden += n;
    return 0;
}
static int see_select(void *user, int64_t n, const int64_t *select) {
    (void)select;
    ((calls_t *)user)->selected += n;
    return 0;
}
static int see_logits(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    (void)select, (void)rows, (void)logits;
    ((calls_t *)user)->logits += n;
    return 0;
}

static void test_identity_changes_no_bit(void **state) {
    (void)state;
    for (int kind = 0; kind < CHECK_KINDS; kind++) {
        truth_t truth;
        calls_t calls = {0};
        attachment_t none = {0}, all = {.user = &calls,
                                        .embedding = see_embedding,
                                        .residual = see_residual,
                                        .ffn_input = see_ffn_input,
                                        .hidden = see_hidden,
                                        .select = see_select,
                                        .logits = see_logits};
        model_t *model = check_model(kind, "auto");
        int64_t rows = SEQUENCES * LENGTH, layers = model_spec(model)->layers;
        make_truth(model, &truth);
        feed_at_random(model, &truth, 9, 17, READ_ALL, &none);
        feed_at_random(model, &truth, 9, 17, READ_ALL, &all);
        assert_int_equal(calls.embedding, rows);
        assert_int_equal(calls.residual, rows * layers);
        assert_int_equal(calls.ffn_input, rows * layers);
        assert_int_equal(calls.hidden, rows);
        assert_int_equal(calls.selected, rows);
        assert_int_equal(calls.logits, rows);
        calls = (calls_t){0};
        int64_t reads = feed_at_random(model, &truth, 9, 17, READ_ANY, &all);
        assert_in_range(reads, 1, rows - 1);
        assert_int_equal(calls.embedding, rows);
        assert_int_equal(calls.residual, rows * (layers - 1) + reads);
        assert_int_equal(calls.ffn_input, rows * (layers - 1) + reads);
        assert_int_equal(calls.hidden, reads);
        free_truth(&truth);
        model_free(model);
    }
}

/* What the callbacks of the last layer see of a row, by its place; of the rows that are read, the same. */
typedef struct {
    int64_t layer, width, seen;
    int is_truth; // else it is compared with
    float *x[2];  // (SEQUENCES, LENGTH, width) the ffn's input, the residual stream
} rows_t;
static int see_rows(rows_t *r, int64_t layer, int64_t n, const row_t *rows, float *x, float *truth) {
    const size_t bytes = (size_t)r->width * sizeof *x;
    if (layer != r->layer) return 0;
    for (int64_t i = 0; i < n; i++, x += r->width, r->seen++) {
        float *at = truth + (rows[i].sequence * LENGTH + rows[i].position) * r->width;
        if (r->is_truth)
            memcpy(at, x, bytes);
        else
            check_same("a row of the last layer", x, at, bytes);
    }
    return 0;
}
static int see_input_rows(void *user, int64_t layer, int64_t n, const row_t *rows, float *x) {
    return see_rows(user, layer, n, rows, x, ((rows_t *)user)->x[0]);
}
static int make_nan_input(void *user, int64_t layer, int64_t n, const row_t *rows, float *x) {
    (void)n, (void)rows;
    if (layer == ((rows_t *)user)->layer) x[0] = __builtin_nanf("");
    return 0;
}
static int see_residual_rows(void *user, int64_t layer, int64_t n, const row_t *rows, float *x) {
    return see_rows(user, layer, n, rows, x, ((rows_t *)user)->x[1]);
}

static void test_attachments_see_rows_that_are_read(void **state) {
    (void)state;
    for (int kind = 0; kind < CHECK_KINDS; kind++) {
        truth_t truth;
        model_t *model = check_model(kind, "auto");
        rows_t rows = {.layer = model_spec(model)->layers - 1, .width = model_spec(model)->width, .is_truth = 1};
        const attachment_t attach = {.user = &rows, .ffn_input = see_input_rows, .residual = see_residual_rows};
        for (int i = 0; i < 2; i++) rows.x[i] = test_calloc((size_t)(SEQUENCES * LENGTH * rows.width), sizeof(float));
        make_truth(model, &truth);
        feed_at_random(model, &truth, 1, LENGTH, READ_ALL, &attach);
        assert_int_equal(rows.seen, 2 * SEQUENCES * LENGTH);
        rows.is_truth = 0;
        for (uint64_t seed = 2; seed < 5; seed++) {
            rows.seen = 0;
            int64_t reads = feed_at_random(model, &truth, seed, 21, READ_ANY, &attach);
            assert_int_equal(rows.seen, 2 * reads);
        }
        for (int i = 0; i < 2; i++) test_free(rows.x[i]);
        free_truth(&truth);
        model_free(model);
    }
}

/* A pass that ends early has given the last layer's ffn its input, and keys and values to the caches. */
static void test_pass_ends_early(void **state) {
    (void)state;
    for (int kind = 0; kind < CHECK_KINDS; kind++) {
        truth_t truth;
        session_t *s;
        model_t *model = check_model(kind, "auto");
        const int64_t width = model_spec(model)->width, n = LENGTH - 1, first = 0, one = 1;
        const int32_t sequence = 0;
        rows_t rows = {.layer = model_spec(model)->layers - 1, .width = width, .is_truth = 1};
        calls_t calls = {0};
        head_stat_t stat;
        attachment_t attach = {.user = &rows, .ffn_input = see_input_rows};
        const attachment_t later = {.user = &calls, .residual = see_residual, .hidden = see_hidden, .ends_early = 1},
                           nan = {.user = &rows, .ffn_input = make_nan_input, .ends_early = 1};
        rows.x[0] = test_calloc((size_t)(SEQUENCES * LENGTH * width), sizeof(float));
        make_truth(model, &truth);
        check_ok(session_create(model, 1, LENGTH, LENGTH, &s));
        check_ok(session_forward(s, 1, &sequence, &n, truth.token[0], &attach));
        rows.is_truth = 0, rows.seen = 0, attach.ends_early = 1;
        session_reset(s, sequence);
        check_ok(session_forward(s, 1, &sequence, &n, truth.token[0], &attach));
        assert_int_equal(rows.seen, n);
        check_fails(session_head(s, 1, &first, NULL, NULL, &stat), "row 0 is not one of the 0");
        check_ok(session_forward(s, 1, &sequence, &one, truth.token[0] + n, NULL));
        check_rows(s, &truth, 1, &sequence, &n, &one, NULL);
        session_reset(s, sequence);
        check_ok(session_forward(s, 1, &sequence, &n, truth.token[0], &later));
        assert_int_equal(calls.residual, n * rows.layer);
        assert_int_equal(calls.hidden, 0);
        check_fails(session_forward(s, 1, &sequence, &one, truth.token[0] + n, &nan), "NaN");
        assert_int_equal(session_length(s, sequence), n);
        session_free(s);
        test_free(rows.x[0]);
        free_truth(&truth);
        model_free(model);
    }
}

/* A prompt longer than the session has rows, and what follows it. */
static void test_prompt_in_pieces(void **state) {
    (void)state;
    for (int kind = 0; kind < CHECK_KINDS; kind++) {
        truth_t truth;
        session_t *s;
        model_t *model = check_model(kind, "auto");
        const int64_t zero = 0, one = 1;
        const int32_t sequence = 1;
        head_stat_t stat;
        make_truth(model, &truth);
        for (int64_t rows = 1; rows < 40; rows += 9) {
            check_ok(session_create(model, 2, LENGTH, rows, &s));
            for (int64_t n = 36, read = 0; read < 2; read++) {
                session_reset(s, sequence);
                check_ok(session_prompt(s, sequence, n, truth.token[1], read));
                assert_int_equal(session_length(s, sequence), n);
                if (read) check_rows(s, &truth, 1, &sequence, &(int64_t){n - 1}, &one, NULL);
                if (!read) check_fails(session_head(s, 1, &zero, NULL, NULL, &stat), "row 0 is not one of the 0");
                check_ok(session_forward(s, 1, &sequence, &one, truth.token[1] + n, NULL));
                check_rows(s, &truth, 1, &sequence, &n, &one, NULL);
            }
            int32_t bad[3] = {1, 2, -1};
            check_fails(session_prompt(s, sequence, 3, bad, 1), "token id -1");
            assert_int_equal(session_length(s, sequence), 37); // not a token of it
            check_ok(session_prompt(s, sequence, 3, truth.token[1] + 37, 1));
            check_rows(s, &truth, 1, &sequence, &(int64_t){39}, &one, NULL);
            session_free(s);
        }
        free_truth(&truth);
        model_free(model);
    }
}

/* Many rows at once through the logits callback: blocks are cut, selected rows may repeat, rows carry their place. */
typedef struct {
    int64_t announced, seen;
    const int64_t *select;
} order_t;
static int hear_selection(void *user, int64_t n, const int64_t *select) {
    order_t *order = user;
    assert_int_equal(order->announced, 0); // once a call, before any logits
    assert_int_equal(order->seen, 0);
    assert_ptr_equal(select, order->select);
    order->announced = n;
    return 0;
}
static int check_order(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    order_t *order = user;
    (void)logits;
    for (int64_t i = 0; i < n; i++, order->seen++) {
        assert_int_equal(select[i], order->select[order->seen]);
        assert_int_equal(rows[i].sequence, select[i] < 30 ? 1 : 0);
        assert_int_equal(rows[i].position, select[i] < 30 ? select[i] : select[i] - 30);
    }
    return 0;
}

static void test_head_of_selected_rows(void **state) {
    (void)state;
    enum { PICKED = 150 };
    model_t *model = check_model(0, "auto");
    session_t *s;
    int32_t sequence[2] = {1, 0}, tokens[ROWS], target[PICKED];
    int64_t length[2] = {30, 34}, select[PICKED];
    head_stat_t bare[PICKED], seen[PICKED], untold[PICKED];
    for (int i = 0; i < ROWS; i++) tokens[i] = (int32_t)rng_below(1, RNG_TEST, (uint64_t)i, model_spec(model)->vocab);
    for (int i = 0; i < PICKED; i++) {
        select[i] = rng_below(2, RNG_TEST, (uint64_t)i, ROWS);
        target[i] = i % 7 == 0 ? -1 : (int32_t)rng_below(3, RNG_TEST, (uint64_t)i, model_spec(model)->vocab);
    }
    order_t order = {.select = select};
    attachment_t attach = {.user = &order, .select = hear_selection, .logits = check_order};
    check_ok(session_create(model, 2, LENGTH, ROWS, &s));
    check_ok(session_forward(s, 2, sequence, length, tokens, NULL));
    check_ok(session_head(s, PICKED, select, target, NULL, bare));
    check_ok(session_head(s, PICKED, select, target, &attach, seen));
    check_ok(session_head(s, PICKED, select, NULL, NULL, untold));
    assert_int_equal(order.announced, PICKED);
    assert_int_equal(order.seen, PICKED);
    check_same("head through logits", seen, bare, sizeof bare);
    for (int i = 0; i < PICKED; i++) {
        assert_int_equal(untold[i].argmax, bare[i].argmax);
        assert_int_equal(untold[i].rank, 0);
        assert_true(untold[i].logit_target == bare[i].logit_max);
    }
    session_free(s);
    model_free(model);
}

/* What an attachment changes must reach what comes after it, and nothing before it. */
static int double_row(void *user, int64_t n, const row_t *rows, float *x) {
    int64_t width = *(const int64_t *)user;
    for (int64_t r = 0; r < n; r++)
        for (int64_t j = 0; j < width && rows[r].position == 3; j++) x[r * width + j] *= 2;
    return 0;
}
static int double_layer_row(void *user, int64_t layer, int64_t n, const row_t *rows, float *x) {
    return layer == 0 ? double_row(user, n, rows, x) : 0;
}
static int raise_logit(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    (void)select;
    for (int64_t r = 0; r < n; r++)
        if (rows[r].position == 3) logits[r * *(const int64_t *)user + 11] = 1000;
    return 0;
}

static void test_attachments_take_part(void **state) {
    (void)state;
    model_t *model = check_model(1, "auto");
    int64_t width = model_spec(model)->width, vocab = model_spec(model)->vocab, length = 8, row = 3;
    const attachment_t attach[] = {{.user = &width, .embedding = double_row},
                                   {.user = &width, .residual = double_layer_row},
                                   {.user = &width, .ffn_input = double_layer_row},
                                   {.user = &width, .hidden = double_row}};
    const int32_t tokens[8] = {1, 2, 3, 4, 5, 6, 7, 8}, sequence = 0;
    float *bare = mem_new(length * width, sizeof *bare, "hidden");
    session_t *s;
    check_ok(session_create(model, 1, 8, 8, &s));
    check_ok(session_forward(s, 1, &sequence, &length, tokens, NULL));
    memcpy(bare, session_hidden(s), (size_t)(length * width) * sizeof *bare);
    for (size_t i = 0; i < sizeof attach / sizeof *attach; i++) {
        session_reset(s, 0);
        check_ok(session_forward(s, 1, &sequence, &length, tokens, &attach[i]));
        check_same("rows before", session_hidden(s), bare, (size_t)(3 * width) * sizeof *bare);
        assert_true(memcmp(session_hidden(s) + 3 * width, bare + 3 * width, (size_t)width * sizeof *bare) != 0);
        int later = memcmp(session_hidden(s) + 4 * width, bare + 4 * width, (size_t)width * sizeof *bare) != 0;
        assert_int_equal(later, attach[i].hidden == NULL); // all but the last reach later rows through attention
    }
    const attachment_t raise = {.user = &vocab, .logits = raise_logit};
    head_stat_t stat;
    check_ok(session_head(s, 1, &row, NULL, &raise, &stat));
    assert_int_equal(stat.argmax, 11);
    mem_free(bare);
    session_free(s);
    model_free(model);
}

/* Greedy generation with caches says what teacher forcing of its own output says. */
static void test_greedy_is_teacher_forced_argmax(void **state) {
    (void)state;
    enum { PROMPT = 5, STEPS = 20, ALL = PROMPT + STEPS };
    for (int kind = 0; kind < CHECK_KINDS; kind++) {
        model_t *model = check_model(kind, "auto");
        session_t *s;
        const int32_t sequence[2] = {2, 0}, prompt[2 * PROMPT] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
        const int32_t fed[] = {3, 1, 4, 1, 9, 2, 6, 5}, last[2] = {5, 3};
        const int64_t length[2] = {PROMPT - 1, PROMPT - 1};
        int32_t out[2 * STEPS];
        head_stat_t stat[2 * STEPS], forced;
        check_ok(session_create(model, 3, ALL, 2 * ALL, &s));
        check_ok(session_forward(s, 2, sequence, length, fed, NULL));
        check_ok(session_greedy(s, 2, sequence, last, STEPS, NULL, out, stat));
        for (int i = 0; i < 2; i++) {
            int32_t tokens[ALL], one = 1;
            int64_t all = ALL;
            memcpy(tokens, prompt + i * PROMPT, PROMPT * sizeof *tokens);
            memcpy(tokens + PROMPT, out + i * STEPS, STEPS * sizeof *tokens);
            session_reset(s, one);
            check_ok(session_forward(s, 1, &one, &all, tokens, NULL));
            for (int64_t t = 0; t < STEPS; t++) {
                int64_t row = PROMPT - 1 + t;
                check_ok(session_head(s, 1, &row, &out[i * STEPS + t], NULL, &forced));
                assert_int_equal(forced.argmax, out[i * STEPS + t]);
                assert_int_equal(forced.rank, 0);
                check_same("greedy statistics", &forced, &stat[i * STEPS + t], sizeof forced);
            }
        }
        session_free(s);
        model_free(model);
    }
}

static int fail_late(void *user, int64_t layer, int64_t n, const row_t *rows, float *x) {
    (void)user, (void)n, (void)rows, (void)x;
    return layer == 1 ? err_set("the memory failed") : 0;
}
static int make_nan(void *user, int64_t n, const row_t *rows, float *x) {
    (void)user, (void)n, (void)rows;
    x[0] = __builtin_nanf("");
    return 0;
}
static int make_nan_logit(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    (void)select;
    return make_nan(user, n, rows, logits);
}

static void test_session_errors(void **state) {
    (void)state;
    model_t *model = check_model(0, "auto");
    int64_t context = model_spec(model)->context, vocab = model_spec(model)->vocab;
    session_t *s;
    int32_t tokens[200] = {0}, a = 0, high = 2, negative = -1, twice[2] = {1, 1}, bad_target = (int32_t)vocab;
    int64_t one = 1, zero = 0, two = 2, less = -1, ones[2] = {1, 1}, many = 41, much = context + 1, row = 2;
    head_stat_t stat;
    check_fails(session_create(model, 0, 1, 1, &s), "must be 1 or more");
    check_ok(session_create(model, 2, 200, 40, &s));
    check_fails(session_forward(s, 1, &high, &one, tokens, NULL), "not one of the session's 2");
    check_fails(session_forward(s, 1, &negative, &one, tokens, NULL), "not one of the session's 2");
    check_fails(session_forward(s, 2, twice, ones, tokens, NULL), "fed twice");
    check_fails(session_forward(s, 1, &a, &zero, tokens, NULL), "a piece of 0 tokens");
    check_fails(session_feed(s, 1, &a, &one, &two, tokens, NULL), "2 rows to read of a piece of 1");
    check_fails(session_feed(s, 1, &a, &one, &less, tokens, NULL), "-1 rows to read of a piece of 1");
    check_fails(session_forward(s, 1, &a, &many, tokens, NULL), "more rows than the session's 40");
    check_fails(session_forward(s, 1, &a, &much, tokens, NULL), "context of");
    tokens[1] = (int32_t)vocab;
    check_fails(session_forward(s, 1, &a, &two, tokens, NULL), "not below the model's vocabulary");
    tokens[1] = -1;
    check_fails(session_forward(s, 1, &a, &two, tokens, NULL), "not below the model's vocabulary");
    tokens[1] = 0;
    assert_int_equal(session_length(s, 0), 0);
    check_fails(session_head(s, 1, &zero, NULL, NULL, &stat), "not one of the 0");
    check_ok(session_forward(s, 1, &a, &two, tokens, NULL));
    check_fails(session_head(s, 1, &row, NULL, NULL, &stat), "not one of the 2");
    check_fails(session_head(s, 1, &one, &bad_target, NULL, &stat), "target token");
    const attachment_t nan_logit = {.logits = make_nan_logit};
    check_fails(session_head(s, 1, &one, NULL, &nan_logit, &stat), "NaN");
    session_free(s);
    check_ok(session_create(model, 1, 3, 50, &s));
    check_ok(session_forward(s, 1, &a, &two, tokens, NULL));
    check_fails(session_forward(s, 1, &a, &two, tokens, NULL), "capacity of 3");
    session_free(s);
    model_free(model);
}

/* A batch that fails half way leaves the sequences as they were. */
static void test_failure_undoes_the_batch(void **state) {
    (void)state;
    truth_t truth;
    model_t *model = check_model(0, "auto");
    session_t *s;
    int32_t sequence[2] = {0, 2}, tokens[20];
    int64_t length[2] = {10, 10}, first[2] = {0, 0}, then[2] = {10, 10};
    const attachment_t failing = {.residual = fail_late}, nan = {.hidden = make_nan};
    make_truth(model, &truth);
    check_ok(session_create(model, SEQUENCES, LENGTH, ROWS, &s));
    for (int part = 0; part < 2; part++) {
        for (int i = 0; i < 2; i++) memcpy(tokens + 10 * i, truth.token[sequence[i]] + 10 * part, 10 * sizeof *tokens);
        check_fails(session_forward(s, 2, sequence, length, tokens, &failing), "the memory failed");
        check_fails(session_forward(s, 2, sequence, length, tokens, &nan), "NaN");
        assert_int_equal(session_length(s, 0), 10 * part);
        check_ok(session_forward(s, 2, sequence, length, tokens, NULL));
        check_rows(s, &truth, 2, sequence, part == 0 ? first : then, length, NULL);
    }
    free_truth(&truth);
    session_free(s);
    model_free(model);
}

static void test_pack_follows_the_parameters(void **state) {
    (void)state;
    model_t *model = check_model(0, "auto"), *other = check_model(0, "auto");
    truth_t truth;
    int64_t n;
    float *from = model_parameters(model, &n), *to = model_parameters(other, &n);
    for (int64_t i = 0; i < n; i++) from[i] *= 1.25f;
    check_ok(model_pack(model));
    make_truth(model, &truth);
    memcpy(to, from, (size_t)n * sizeof *to);
    check_ok(model_pack(other));
    feed_at_random(other, &truth, 1, 9, READ_ALL, NULL);
    free_truth(&truth);
    model_free(model);
    model_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits_of_any_batch),
        cmocka_unit_test(test_bits_of_bf16),
        cmocka_unit_test(test_bits_of_halves),
        cmocka_unit_test(test_identity_changes_no_bit),
        cmocka_unit_test(test_attachments_see_rows_that_are_read),
        cmocka_unit_test(test_pass_ends_early),
        cmocka_unit_test(test_prompt_in_pieces),
        cmocka_unit_test(test_head_of_selected_rows),
        cmocka_unit_test(test_attachments_take_part),
        cmocka_unit_test(test_greedy_is_teacher_forced_argmax),
        cmocka_unit_test(test_session_errors),
        cmocka_unit_test(test_failure_undoes_the_batch),
        cmocka_unit_test(test_pack_follows_the_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
