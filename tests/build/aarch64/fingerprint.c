/* Prints a number that stands for every bit of what the named kernels compute on shapes and numbers drawn from a fixed
 * stream: the same for any kernels on any machine. */
#include "base/rng.h"
#include "tensor/math.h"
#include "tensor/tensor.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 20, WIDE = 130, LONG = 600, LENGTH = 70, ROUNDS = 40 };
static uint64_t hash = 0xcbf29ce484222325u; // FNV-1a

static void take(int64_t bytes, const void *data) {
    const unsigned char *x = data;
    for (int64_t i = 0; i < bytes; i++) hash = (hash ^ x[i]) * 0x100000001b3u;
}
static int64_t draw(int64_t low, int64_t high) {
    static uint64_t counter;
    return low + rng_below(30, RNG_TEST, counter++, high - low + 1);
}
/* Mostly normal numbers; one call in four has them near the end of the denormals. */
static void fill(int64_t n, float *x) {
    static uint64_t offset;
    tensor_fill_normal(31, offset, n, draw(0, 3) ? 1.5f : 0x1p-140f, x);
    offset += 1000000;
}

static void products(const tensor_ops_t *ops) {
    static float a[ROWS * LONG], b[LONG * WIDE], bias[WIDE], c[ROWS * WIDE];
    static uint32_t packed[LONG * (WIDE + GEMM_PANEL)];
    static const packed_type_t types[] = {PACKED_F32, PACKED_BF16, PACKED_F16, PACKED_DOT_BF16};
    int64_t m = draw(1, ROWS), n = draw(1, WIDE), k = draw(1, LONG);
    fill(m * k, a), fill(k * n, b), fill(n, bias);
    for (int t = 0; t < 4; t++) {
        packed_fill(types[t], n, k, b, n, 1, packed);
        ops->gemm(m, n, k, a, k, 1, (packed_t){packed, types[t]}, bias, t > 0, c, n);
        take(m * n * 4, c);
    }
}

static void maps(const tensor_ops_t *ops) {
    float x[LONG], y[LONG], gain[LONG], bias[LONG], stat[2 * ROWS];
    int64_t n = draw(1, LONG), d = n / ROWS + 1, rows = n / d;
    void (*const map[])(int64_t, const float *, float *) = {ops->exp,  ops->gelu,     ops->gelu_tanh,
                                                            ops->silu, ops->multiply, ops->add};
    fill(n, x), fill(d, gain), fill(d, bias), fill(n, y);
    for (int i = 0; i < 6; i++) map[i](n, x, y), take(n * 4, y);
    ops->gelu_grad(n, x, y, y), take(n * 4, y);
    ops->layernorm(rows, d, x, gain, bias, 1e-5f, y, stat), take(rows * d * 4, y), take(rows * 8, stat);
    ops->rmsnorm(rows, d, x, d, gain, 1e-5f, y, d), take(rows * d * 4, y);
    double sum = ops->sum_squares(n, x);
    take(8, &sum);
    ops->distance(rows, d, x, y, d, stat), take(rows * 4, stat);
}

/* The functions of one number, which no kernel vectorises. */
static void scalars(void) {
    float x[LONG];
    fill(LONG, x);
    for (int i = 0; i < LONG; i++) {
        double y = (double)x[i] * 100;
        const float single[] = {math_log(x[i]), math_tanh(x[i]), math_erf(x[i])};
        const double twice[] = {math_exp64(y), math_log64(y * y), math_sin64(y), math_cos64(y)};
        const uint16_t half[] = {math_to_bf16(x[i]), math_to_f16(x[i])};
        for (int j = 0; j < 3; j++)
            if (single[j] == single[j]) take(4, &single[j]); // the bits of a NaN are not defined
        take(sizeof twice, twice), take(sizeof half, half);
    }
}

static void attention(const tensor_ops_t *ops) {
    enum { CAPACITY = 96, HEADS = 2, SIZE = 40 };
    static float row[LENGTH * HEADS * SIZE], q[LENGTH * HEADS * SIZE], out[LENGTH * HEADS * SIZE];
    int64_t size = draw(1, SIZE), n = draw(1, LENGTH), ld = HEADS * size;
    tensor_kv_t kv = {.capacity = CAPACITY, .heads = HEADS, .head_size = size, .window = draw(0, 1) * draw(1, n)};
    kv.k = calloc((size_t)kv_floats(CAPACITY, HEADS, size), sizeof(float));
    kv.v = calloc((size_t)kv_floats(CAPACITY, HEADS, size), sizeof(float));
    float *scratch = calloc((size_t)attention_scratch(n, CAPACITY, size), sizeof(float));
    if (!kv.k || !kv.v || !scratch) abort();
    fill(n * ld, row), fill(n * ld, q);
    kv_append(&kv, n, row, ld, row, ld);
    ops->attention(n, HEADS, &kv, 0.3f, q, ld, out, ld, scratch), take(n * ld * 4, out);
    free(kv.k), free(kv.v), free(scratch);
}

static void heads(const tensor_ops_t *ops) {
    enum { D = 40, VOCAB = 1100 };
    static float h[ROWS * D], w[VOCAB * D], packed[(VOCAB + GEMM_PANEL) * D], loss[ROWS], logits[ROWS * VOCAB];
    int64_t m = draw(1, ROWS), d = draw(1, D), vocab = draw(2, VOCAB);
    int32_t target[ROWS];
    head_stat_t stat[ROWS];
    fill(m * d, h), fill(vocab * d, w);
    for (int64_t i = 0; i < m; i++) target[i] = (int32_t)draw(-1, vocab - 1);
    gemm_pack(vocab, d, w, 1, d, packed);
    float *scratch = calloc((size_t)head_scratch(m), sizeof(float));
    if (!scratch) abort();
    ops->head(m, d, vocab, h, d, packed_f32(packed), target, stat, scratch), take(m * (int64_t)sizeof *stat, stat);
    ops->gemm(m, vocab, d, h, d, 1, packed_f32(packed), NULL, 0, logits, vocab);
    ops->xent_grad(m, vocab, logits, target, 0.1f, loss), take(m * vocab * 4, logits), take(m * 4, loss);
    free(scratch);
}

int main(int argc, char **argv) {
    const tensor_ops_t *ops = argc == 2 ? tensor_kernels(argv[1]) : NULL;
    if (!ops) return 2;
    for (int i = 0; i < ROUNDS; i++) products(ops), maps(ops), scalars(), attention(ops), heads(ops);
    printf("%016" PRIx64 "\n", hash);
    return 0;
}
