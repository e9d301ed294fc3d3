/* The one arithmetic (law 1). Every number that a study reports comes out of these functions, and each of them is
 * defined, bit for bit, by plain C in tensor/ref_*.c:
 *
 *   dot product   one chain acc = fmaf(a, b, acc) in index order, from +0, in blocks of GEMM_BLOCK terms; the sums of
 *                 the blocks are added in order
 *   reduction     element i goes to lane i % 16, each lane adds in index order, the lanes are folded 16-8-4-2-1
 *   exp, log, tanh, erf, sin, cos: own polynomials (tensor/math.h), never libm
 *   divide, sqrt  IEEE, correctly rounded; no reciprocal estimates, no flush to zero
 *
 * The compiler contracts nothing (-ffp-contract=off).
 *
 * The fast kernels (AVX2, AVX-512, NEON) work across outputs, so that a row's bits depend neither on how many rows
 * stand beside it nor on the machine. The kernels are a table of functions, chosen once by name; whoever computes
 * carries a pointer to it. All matrices are row-major; "ld" is the distance of rows in floats. Nothing here allocates:
 * scratch comes from the caller, sized by the *_scratch functions. NaN and infinity pass through; callers check. */
#ifndef MEMPROBE_TENSOR_H
#define MEMPROBE_TENSOR_H
#include <stddef.h>
#include <stdint.h>

enum {
    TENSOR_LANES = 16, // lanes of every reduction
    GEMM_PANEL = 32,   // columns of a packed panel
    GEMM_BLOCK = 256   // terms of a dot product that are summed in one chain
};

/* What the head says about one position: the distribution over the vocabulary, never stored. Tokens are ordered by
 * logit, larger first, ties by smaller id; argmax is the first of that order. */
typedef struct {
    int32_t argmax; // first token of the order
    int32_t rank;   // tokens before the target in the order: 0 means the target is the argmax
    float logit_max;
    float logit_target;
    float lse;    // log-sum-exp of all logits; log p(target) = logit_target - lse
    float margin; // logit_target - largest logit of the other tokens: > 0 (or = 0 with the smaller id) when rank is 0
} head_stat_t;

/* Keys and values of one layer of one sequence, in the layout the kernels want: for each head, keys in panels of 32
 * positions [position / 32][head_size][32], values [head_size / 32][position][32]. Filled by kv_append only. */
typedef struct {
    int64_t capacity, length; // positions; capacity is a multiple of GEMM_PANEL
    int64_t heads, head_size;
    int64_t window; // a query sees itself and the window - 1 positions before it; 0: all before it
    float *k, *v;   // kv_floats(...) floats each, owned by whoever made the cache
} tensor_kv_t;
int64_t kv_floats(int64_t capacity, int64_t heads, int64_t head_size);
/* Makes `to` hold what `from` holds; both were made for the same capacity, heads and head size. */
void kv_copy(const tensor_kv_t *from, tensor_kv_t *to);
/* Appends n rows of k and v (n, heads * head_size). */
void kv_append(tensor_kv_t *kv, int64_t n, const float *k, int64_t ldk, const float *v, int64_t ldv);

/* A packed matrix B (k, n), the second factor of a product: panels [n / 32][k][32], zero-padded. The type says how its
 * numbers are stored. Halves are widened, exactly, as a kernel loads them: a product has the bits that it has with the
 * same numbers stored as F32. */
typedef enum {
    PACKED_F32,
    PACKED_BF16,
    PACKED_F16,
    /* A product of its own: both factors are rounded to bf16, two terms a step, denormals are zeros, as the instruction
     * VDPBF16PS has it and ref_dot_bf16.c defines it. Stored as pairs [n / 32][(k + 1) / 2][32][2]. A kernel without
     * the instruction has the same bits, with AVX at about the rate of F32, with NEON at that of the reference. */
    PACKED_DOT_BF16
} packed_type_t;
typedef struct {
    const void *data;
    packed_type_t type;
} packed_t;
static inline packed_t packed_f32(const float *data) {
    return (packed_t){data, PACKED_F32};
}
int64_t packed_bytes(packed_type_t type, int64_t n, int64_t k);
/* Packs B, element (p, j) at b[p * b_row + j * b_col]. Storing as halves rounds to the nearest, ties to even; numbers
 * that came as such halves are kept exactly. */
void packed_fill(packed_type_t type, int64_t n, int64_t k, const float *b, int64_t b_row, int64_t b_col, void *data);
/* The same matrix from column `first` on, a multiple of GEMM_PANEL. */
packed_t packed_from(packed_t b, int64_t k, int64_t first);
/* Column j of B as k floats. */
void packed_column(packed_t b, int64_t k, int64_t j, float *column);

/* PACKED_F32. */
int64_t gemm_packed_floats(int64_t n, int64_t k);
void gemm_pack(int64_t n, int64_t k, const float *b, int64_t b_row, int64_t b_col, float *packed);

typedef struct tensor_ops {
    const char *name; // "reference", "avx2", "avx512", "neon", "openblas"

    /* C (m, n) = A (m, k) B (k, n) [+ bias (n)] [+ C]. A's element (i, p) is a[i * a_row + p * a_col]; B is packed.
     * Order: sum of the blocks, then + bias, then C + that. bias may be NULL. */
    void (*gemm)(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, packed_t b,
                 const float *bias, int accumulate, float *c, int64_t ldc);

    /* Element-wise, y may be x. */
    void (*exp)(int64_t n, const float *x, float *y);
    void (*gelu)(int64_t n, const float *x, float *y);                        // x Phi(x), erf form
    void (*gelu_grad)(int64_t n, const float *x, const float *dy, float *dx); // dx = dy gelu'(x)
    void (*gelu_tanh)(int64_t n, const float *x, float *y);                   // the tanh form: "gelu_new"
    void (*silu)(int64_t n, const float *x, float *y);                        // x / (1 + exp(-x))
    void (*multiply)(int64_t n, const float *x, float *y);                    // y *= x
    void (*clip)(int64_t n, float limit, float *x);                           // to -limit .. limit; a NaN stays
    void (*add)(int64_t n, const float *x, float *y);                         // y += x
    void (*scale)(int64_t n, float s, float *x);                              // x *= s

    /* y = (x - mean) * rstd * gain + bias per row; rstd = 1 / sqrt(var + eps). stat (rows, 2) takes mean and rstd when
     * not NULL. Gradient: dx += ..., dgain and dbias += ... in row order. */
    void (*layernorm)(int64_t rows, int64_t d, const float *x, const float *gain, const float *bias, float eps,
                      float *y, float *stat);
    void (*layernorm_grad)(int64_t rows, int64_t d, const float *x, const float *gain, const float *stat,
                           const float *dy, float *dx, float *dgain, float *dbias);

    /* y = (x / sqrt(mean(x^2) + eps)) * gain per row (Zhang & Sennrich 2019); y may be x. */
    void (*rmsnorm)(int64_t rows, int64_t d, const float *x, int64_t ldx, const float *gain, float eps, float *y,
                    int64_t ldy);

    /* Rotary embedding in place (NeoX/LLaMA "rotate half": pairs (j, j + n/2) of the first n = rotary dims of each
     * head). x (rows, heads * head_size), row r stands at position[r]; table from rotary_table; sign -1 undoes it
     * (gradient). */
    void (*rotary)(int64_t rows, int64_t heads, int64_t head_size, int64_t dims, const int32_t *position,
                   const float *table, float sign, float *x, int64_t ld);

    /* Causal attention of n new positions that stand at the end of kv (already appended): query i sees the first
     * kv->length - n + i + 1 positions, of which the last kv->window. q, out (n, heads * head_size); kv->heads divides
     * heads (grouped queries). out = (sum_j exp(s_j - max) v_j) / (sum_j exp(s_j - max)) + 0, s = scale * (q . k).
     * Equal bits however the positions were fed: whole, in pieces, one by one (ref_attention.c says why). */
    void (*attention)(int64_t n, int64_t heads, const tensor_kv_t *kv, float scale, const float *q, int64_t ldq,
                      float *out, int64_t ldo, float *scratch);
    /* Gradient of the same for a whole sequence of n positions (no cache): q, k, v, out, dout, dq, dk, dv all
     * (n, heads * head_size) with their ld; dq, dk, dv are overwritten. */
    void (*attention_grad)(int64_t n, int64_t heads, int64_t head_size, float scale, const float *q, const float *k,
                           const float *v, const float *out, const float *dout, int64_t ld_qkv, int64_t ld_out,
                           float *dq, float *dk, float *dv, int64_t ld_dqkv, float *scratch);

    /* Head over column blocks, never a logits matrix: for each row of h (m, d), the statistics of logits = h W^T, with
     * W (vocab, d) packed. target (m) may hold -1: then rank, logit_target and margin are of the argmax. A logit of
     * -infinity is a token of probability 0; a NaN or +infinity anywhere makes lse NaN. */
    void (*head)(int64_t m, int64_t d, int64_t vocab, const float *h, int64_t ldh, packed_t w, const int32_t *target,
                 head_stat_t *stat, float *scratch);
    /* The same from a stored row of logits: equal bits when the logits have equal bits (as those of this table's own
     * gemm have; those of OpenBLAS have not). */
    void (*head_row)(int64_t vocab, const float *logits, int32_t target, head_stat_t *stat);

    /* Cross-entropy of m rows of logits (m, vocab): loss[i] = lse - logit_target; logits become their gradient times
     * `scale`. A target of -1 gives loss 0 and gradient 0. */
    void (*xent_grad)(int64_t m, int64_t vocab, float *logits, const int32_t *target, float scale, float *loss);

    /* AdamW (Loshchilov & Hutter 2019): decoupled decay; c1 = 1 - beta1^t, c2 = 1 - beta2^t.
     * m = b1 m + (1-b1) g; v = b2 v + (1-b2) g g; w -= lr (m/c1 / (sqrt(v/c2) + eps) + decay w) with g = clip * grad.
     */
    void (*adamw)(int64_t n, float *w, const float *grad, float *m, float *v, float clip, float lr, float beta1,
                  float beta2, float eps, float decay, float c1, float c2);
    double (*sum_squares)(int64_t n, const float *x); // 16 lanes of double

    /* Squared distances of q (d) to n keys (n, d): each one reduction over 16 lanes of fmaf(t, t, lane), t = q - key.
     */
    void (*distance)(int64_t n, int64_t d, const float *q, const float *keys, int64_t ldk, float *d2);

    /* The i in 0..n-1, ascending, for which x[i] + shift < limit[i] does not hold; at (n); returns how many. */
    int64_t (*find_above)(int64_t n, const float *x, float shift, const float *limit, int32_t *at);

    /* For tensor_peak: independent chains of multiply-adds that never leave the registers. sink (16) is read and
     * written, so that nothing is optimised away. Returns the floating-point operations done. */
    int64_t (*fma_loop)(int64_t rounds, float *sink);
} tensor_ops_t;

/* The kernels by name; "auto" is the fastest that this CPU runs. NULL with a message for an unknown name or one that
 * this CPU or build lacks. The result is constant data. */
const tensor_ops_t *tensor_kernels(const char *name);
/* Names available on this CPU, comma-separated, for messages and the manifest. */
const char *tensor_available(void);

/* Whether these kernels multiply PACKED_DOT_BF16 by the CPU's own instruction. */
int tensor_has_bf16(const tensor_ops_t *ops);

/* Floats of scratch. */
int64_t attention_scratch(int64_t n, int64_t length, int64_t head_size);
int64_t attention_grad_scratch(int64_t n, int64_t head_size);
int64_t head_scratch(int64_t m);

/* How Llama 3 stretches the rotary embedding to longer contexts: wavelengths beyond original / low are divided into
 * `factor` times longer ones, those below original / high stay, those between are interpolated. */
typedef struct {
    double factor; // 0: no scaling
    double low, high, original;
} rotary_scaling_t;
/* cos and sin (positions, dims / 2, 2) of position * frequency, frequency = base^(-2j/dims) as scaled, computed in
 * double by our own polynomials. */
void rotary_table(int64_t positions, int64_t dims, double base, rotary_scaling_t scaling, float *table);

/* n standard normal numbers times sd (Box-Muller by our own log, sin, cos): the weights of a new model. */
void tensor_fill_normal(uint64_t seed, uint64_t stream_offset, int64_t n, float sd, float *x);

/* 1 when all n numbers are finite. */
int tensor_is_finite(int64_t n, const float *x);

/* Measured peak of one core with these kernels' instruction set: fused multiply-adds in registers, FLOP/s. */
double tensor_peak(const tensor_ops_t *ops);

#endif
