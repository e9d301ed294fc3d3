/* NaN, infinities, zeros of both signs, denormal and huge numbers: each of them at every place of the operands of every
 * kernel, so in every lane of a vector and in what is left over after the last whole one. All kernels do with them what
 * the reference does: the same bits, a NaN where it has a NaN. */
#include "kernel_check.h"
#include "tensor/math.h"

static const float special[] = {NAN,   -NAN,      INFINITY,     -INFINITY,        0.0f,
                                -0.0f, 0x1p-149f, -0x1.8p-128f, 0x1.fffffep+127f, -0x1.8p+127f};
enum { SPECIAL = sizeof special / sizeof *special, LONG = 37 }; // two vectors and a part of one

/* One operation on operands `in`, everything that it computes into out. */
enum { OPERANDS = 4 };
typedef struct {
    const char *name;
    void (*run)(const tensor_ops_t *ops, float *const in[OPERANDS], float *out);
    int64_t length[OPERANDS]; // floats of the operands, 0: there is none
    int64_t outputs;
} case_t;

/* Whatever the place, in whichever operand: the fast kernels have the numbers of the reference. */
static void check_case(const case_t *c) {
    const tensor_ops_t *reference = tensor_kernels("reference"), *kernels[CHECK_FAST];
    float *in[OPERANDS], *out = check_new(c->outputs), *fast = check_new(c->outputs);
    for (int i = 0; i < CHECK_FAST; i++) kernels[i] = check_fast(i);
    for (int o = 0; o < OPERANDS; o++) in[o] = check_random(c->length[o], 2);
    for (int o = 0; o < OPERANDS; o++)
        for (int64_t at = 0; at < c->length[o]; at++)
            for (int s = 0; s < SPECIAL; s++) {
                float kept = in[o][at];
                in[o][at] = special[s];
                c->run(reference, in, out);
                for (int i = 0; i < CHECK_FAST && kernels[i]; i++) {
                    c->run(kernels[i], in, fast);
                    check_numbers(c->name, kernels[i]->name, c->outputs, out, fast);
                }
                in[o][at] = kept;
            }
    for (int o = 0; o < OPERANDS; o++) check_free(in[o], c->length[o]);
    check_free(out, c->outputs), check_free(fast, c->outputs);
}

/* --- element by element ------------------------------------------------------------------------------------------ */

static void run_maps(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    void (*const map[])(int64_t, const float *, float *) = {ops->exp, ops->gelu, ops->gelu_tanh, ops->silu};
    for (int i = 0; i < 4; i++) map[i](LONG, in[0], out + i * LONG);
    memcpy(out + 4 * LONG, in[0], LONG * sizeof *out), ops->scale(LONG, 0.5f, out + 4 * LONG);
}

static void run_two(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    memcpy(out, in[1], LONG * sizeof *out), ops->multiply(LONG, in[0], out);
    memcpy(out + LONG, in[1], LONG * sizeof *out), ops->add(LONG, in[0], out + LONG);
    ops->gelu_grad(LONG, in[0], in[1], out + 2 * LONG);
}

static void run_clip(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    static const float limit[] = {0.5f, 0, 0x1p-149f, INFINITY};
    for (int i = 0; i < 4; i++, out += LONG) memcpy(out, in[0], LONG * sizeof *out), ops->clip(LONG, limit[i], out);
}

/* The places found, as floats, and how many. */
static void run_find_above(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    int32_t at[LONG];
    int64_t found = ops->find_above(LONG, in[0], 0.25f, in[1], at);
    for (int64_t i = 0; i < LONG; i++) out[i] = i < found ? (float)at[i] : -1;
    out[LONG] = (float)found;
}

/* --- rows -------------------------------------------------------------------------------------------------------- */

enum { ROWS = 2 };

static void run_norms(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    float *stat = out + ROWS * LONG;
    ops->layernorm(ROWS, LONG, in[0], in[1], in[2], 1e-5f, out, stat);
    ops->rmsnorm(ROWS, LONG, in[0], LONG, in[1], 1e-5f, stat + 2 * ROWS, LONG);
}

static void run_norm_grad(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    float *dgain = out + ROWS * LONG, *dbias = dgain + LONG;
    for (int i = 0; i < ROWS * LONG + 2 * LONG; i++) out[i] = 0.5f;
    ops->layernorm_grad(ROWS, LONG, in[0], in[1], in[2], in[3], out, dgain, dbias);
}

static void run_rotary(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    const int32_t position[ROWS] = {0, 1};
    memcpy(out, in[0], ROWS * 2 * 20 * sizeof *out);
    ops->rotary(ROWS, 2, 20, 18, position, in[1], 1, out, 2 * 20);
}

static void run_adamw(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    float *w = out, *m = w + LONG, *v = m + LONG;
    memcpy(w, in[0], LONG * sizeof *w), memcpy(m, in[2], LONG * sizeof *m), memcpy(v, in[3], LONG * sizeof *v);
    ops->adamw(LONG, w, in[1], m, v, 0.7f, 1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.271f, 0.142625f);
}

static void run_sums(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    out[0] = (float)ops->sum_squares(LONG, in[0]);
    out[1] = (float)(ops->sum_squares(LONG, in[0]) * 0x1p-140);
    ops->distance(1, LONG, in[0], in[1], LONG, out + 2);
    ops->distance(5, LONG / 5, in[0], in[1], LONG / 5, out + 3);
}

/* --- products and attention -------------------------------------------------------------------------------------- */

enum { M = 7, K = 5 };

static void run_gemm(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    static const packed_type_t types[] = {PACKED_F32, PACKED_BF16, PACKED_F16, PACKED_DOT_BF16};
    static float packed[2 * GEMM_PANEL * (K + 1)];
    for (int t = 0; t < 4; t++, out += M * LONG) {
        packed_fill(types[t], LONG, K, in[1], LONG, 1, packed);
        memcpy(out, in[3], M * LONG * sizeof *out);
        ops->gemm(M, LONG, K, in[0], K, 1, (packed_t){packed, types[t]}, in[2], 1, out, LONG);
    }
}

enum { QUERIES = 18, SIZE = 2 };

/* With and without a window. Rows before a value that is no number are left out: fed together with it, they may hold 0
 * times that value, fed before it they do not. Either way the position itself has no number, and its batch fails. */
static void run_attention(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    for (int64_t window = 0; window <= 6; window += 6, out += QUERIES * SIZE) {
        static float k[GEMM_PANEL * GEMM_PANEL], v[GEMM_PANEL * GEMM_PANEL], scratch[24 * GEMM_PANEL];
        tensor_kv_t kv = {.capacity = GEMM_PANEL, .heads = 1, .head_size = SIZE, .window = window, .k = k, .v = v};
        kv_append(&kv, QUERIES, in[1], SIZE, in[2], SIZE);
        ops->attention(QUERIES, 1, &kv, 0.5f, in[0], SIZE, out, SIZE, scratch);
        for (int64_t i = 0; i < QUERIES * SIZE && !tensor_is_finite(QUERIES * SIZE - i, in[2] + i); i++)
            if (!tensor_is_finite(1, in[2] + i)) memset(out, 0, (size_t)(i / SIZE * SIZE) * sizeof *out);
    }
}

static void run_attention_grad(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    static float scratch[20000];
    float *dk = out + QUERIES * SIZE, *dv = dk + QUERIES * SIZE;
    ops->attention_grad(QUERIES, 1, SIZE, 0.5f, in[0], in[1], in[2], in[3], in[3], SIZE, SIZE, out, dk, dv, SIZE,
                        scratch);
}

/* --- the head ---------------------------------------------------------------------------------------------------- */

static void put_stat(const head_stat_t *stat, float *out) {
    const float field[] = {(float)stat->argmax, (float)stat->rank, stat->logit_max,
                           stat->logit_target,  stat->lse,         stat->margin};
    memcpy(out, field, sizeof field);
}
enum { STAT = 6 };

/* For targets in the first vector, behind it, in the last one, and for none. */
static void run_head_row(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    static const int32_t target[] = {3, 21, LONG - 1, -1};
    for (int i = 0; i < 4; i++) {
        head_stat_t stat;
        ops->head_row(LONG, in[0], target[i], &stat);
        put_stat(&stat, out + i * STAT);
    }
}

static void run_xent(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    const int32_t target[ROWS] = {20, -1};
    memcpy(out, in[0], ROWS * LONG * sizeof *out);
    ops->xent_grad(ROWS, LONG, out, target, 0.25f, out + ROWS * LONG);
}

static void run_head(const tensor_ops_t *ops, float *const in[OPERANDS], float *out) {
    static float packed[2 * GEMM_PANEL * K], scratch[M * 512];
    const int32_t target[ROWS] = {20, -1};
    head_stat_t stat[ROWS];
    gemm_pack(LONG, K, in[1], 1, K, packed);
    ops->head(ROWS, K, LONG, in[0], K, packed_f32(packed), target, stat, scratch);
    for (int r = 0; r < ROWS; r++) put_stat(&stat[r], out + r * STAT);
}

static const case_t cases[] = {
    {"maps", run_maps, {LONG}, 5 * LONG},
    {"multiply, add, gelu_grad", run_two, {LONG, LONG}, 3 * LONG},
    {"clip", run_clip, {LONG}, 4 * LONG},
    {"find_above", run_find_above, {LONG, LONG}, LONG + 1},
    {"norms", run_norms, {ROWS * LONG, LONG, LONG}, 2 * ROWS *LONG + 2 * ROWS},
    {"layernorm_grad", run_norm_grad, {ROWS * LONG, LONG, 2 * ROWS, ROWS *LONG}, ROWS *LONG + 2 * LONG},
    {"rotary", run_rotary, {ROWS * 2 * 20, 2 * 18}, ROWS * 2 * 20},
    {"adamw", run_adamw, {LONG, LONG, LONG, LONG}, 3 * LONG},
    {"sum_squares, distance", run_sums, {LONG, LONG}, 8},
    {"gemm", run_gemm, {M * K, K *LONG, LONG, M *LONG}, 4 * M *LONG},
    {"attention", run_attention, {QUERIES * SIZE, QUERIES *SIZE, QUERIES *SIZE}, 2 * QUERIES *SIZE},
    {"attention_grad",
     run_attention_grad,
     {QUERIES * SIZE, QUERIES *SIZE, QUERIES *SIZE, QUERIES *SIZE},
     3 * QUERIES *SIZE},
    {"head_row", run_head_row, {LONG}, 4 * STAT},
    {"xent_grad", run_xent, {ROWS * LONG}, ROWS *LONG + ROWS},
    {"head", run_head, {ROWS * K, K *LONG}, ROWS *STAT},
};

static void test_every_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_case(&cases[i]);
}

/* No kernels, the reference among them, take denormal numbers for zeros or leave zeros in their place: the values are
 * written out, since the comparison above would not see it when all of the process did so. */
static void test_denormals_stay(void **state) {
    (void)state;
    const float small = 0x1p-140f, normal = 0x1p-126f;
    for (int k = -1; k < CHECK_FAST; k++) {
        const tensor_ops_t *ops = k < 0 ? tensor_kernels("reference") : check_fast(k);
        float x[LONG], y[LONG], packed[GEMM_PANEL], product;
        if (ops == NULL) continue;
        for (int i = 0; i < LONG; i++) x[i] = i % 2 ? small : -small, y[i] = i % 2 ? 0x1p-149f : normal;
        ops->add(LONG, x, y);
        for (int i = 0; i < LONG; i++) assert_int_equal(math_bits(y[i]), i % 2 ? 0x201 : 0x7ffe00);
        ops->scale(LONG, 0.25f, x);
        for (int i = 0; i < LONG; i++) assert_int_equal(math_bits(x[i]), i % 2 ? 0x80 : 0x80000080);
        gemm_pack(1, 1, &normal, 1, 1, packed);
        ops->gemm(1, 1, 1, (const float[]){-0x1p-23f}, 1, 1, packed_f32(packed), NULL, 0, &product, 1);
        assert_int_equal(math_bits(product), 0x80000001);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_place),
        cmocka_unit_test(test_denormals_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
