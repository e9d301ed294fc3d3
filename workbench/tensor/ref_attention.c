/* Reference of causal attention and its gradient: what the kernels of simd_attention.h reproduce bit for bit.
 *
 * Forward, for one query and one head over its n visible keys:
 *     s_j = scale (q . k_j)          the dot product as in gemm
 *     e_j = exp(s_j - max s)
 *     z   = sum e_j                  16 lanes, by key index
 *     out = (sum_j e_j v_j) / z + 0  the sum as in gemm: chains of GEMM_BLOCK keys from key 0 on, added in order
 * Keys behind the query have e_j = 0, and so have those before its window. Whether such terms are added (many positions
 * at once) or not (one position at a time) can change only the sign of a zero, and the final + 0 makes every zero
 * positive: so the bits of a position do not depend on how the sequence was fed.
 *
 * Gradient, by tiles of ATTENTION_GRAD_TILE queries, all keys up to the tile's last query (Dao et al. 2022, appendix
 * B.2):
 *     p_ij = e_ij (1 / z_i),  d_i = sum dout_i out_i (16 lanes),  ds_ij = scale p_ij (dout_i . v_j - d_i)
 *     dq_i = sum_j ds_ij k_j,  dk_j = sum_i ds_ij q_i,  dv_j = sum_i p_ij dout_i
 * each sum as in gemm; dk and dv take one such sum a tile, tiles in order. */
#include "tensor/kernels.h"
#include "tensor/math.h"
#include <assert.h>
#include <math.h>
#include <string.h>

int64_t kv_floats(int64_t capacity, int64_t heads, int64_t head_size) {
    int64_t wide = (head_size + GEMM_PANEL - 1) / GEMM_PANEL * GEMM_PANEL;
    int64_t positions = (capacity + GEMM_PANEL - 1) / GEMM_PANEL * GEMM_PANEL;
    return heads * wide * positions;
}

/* Keys of positions position .. position + n - 1 of one head, which lie in one panel. */
static void append_keys(const tensor_kv_t *kv, int64_t head, int64_t position, int64_t n, const float *k, int64_t ldk) {
    int64_t size = kv->head_size, column = position % GEMM_PANEL;
    float *panel = kv->k + head * size * kv->capacity + (position - column) * size;
    if (column == 0) {
        gemm_pack(n, size, k, 1, ldk, panel); // fast, and clears the columns to come
        return;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < size; j++) panel[j * GEMM_PANEL + column + i] = k[i * ldk + j];
}

static void append_values(const tensor_kv_t *kv, int64_t head, int64_t n, const float *v, int64_t ldv) {
    int64_t size = kv->head_size, panels = (size + GEMM_PANEL - 1) / GEMM_PANEL;
    for (int64_t first = 0; first < size; first += GEMM_PANEL) {
        int64_t count = size - first < GEMM_PANEL ? size - first : GEMM_PANEL;
        float *to = kv->v + ((head * panels + first / GEMM_PANEL) * kv->capacity + kv->length) * GEMM_PANEL;
        for (int64_t i = 0; i < n; i++) memcpy(to + i * GEMM_PANEL, v + i * ldv + first, (size_t)count * sizeof *to);
    }
}

void kv_append(tensor_kv_t *kv, int64_t n, const float *k, int64_t ldk, const float *v, int64_t ldv) {
    assert(kv->capacity % GEMM_PANEL == 0 && kv->length + n <= kv->capacity);
    for (int64_t h = 0; h < kv->heads; h++) {
        for (int64_t i = 0, step; i < n; i += step) {
            int64_t position = kv->length + i, room = GEMM_PANEL - position % GEMM_PANEL;
            step = n - i < room ? n - i : room;
            append_keys(kv, h, position, step, k + i * ldk + h * kv->head_size, ldk);
        }
        append_values(kv, h, n, v + h * kv->head_size, ldv);
    }
    kv->length += n;
}

/* A head's keys are whole panels of positions; its values lie in panels of head_size / 32 (rounded up), all of them
 * with room for the capacity. */
void kv_copy(const tensor_kv_t *from, tensor_kv_t *to) {
    assert(from->capacity == to->capacity && from->heads == to->heads && from->head_size == to->head_size);
    const int64_t panels = (from->length + GEMM_PANEL - 1) / GEMM_PANEL, keys = from->capacity * from->head_size;
    const int64_t columns = (from->head_size + GEMM_PANEL - 1) / GEMM_PANEL, column = from->capacity * GEMM_PANEL;
    const size_t key_bytes = (size_t)(panels * GEMM_PANEL * from->head_size) * sizeof(float);
    const size_t value_bytes = (size_t)(from->length * GEMM_PANEL) * sizeof(float);
    for (int64_t h = 0; h < from->heads; h++) {
        memcpy(to->k + h * keys, from->k + h * keys, key_bytes);
        for (int64_t c = h * columns; c < (h + 1) * columns; c++)
            memcpy(to->v + c * column, from->v + c * column, value_bytes);
    }
    to->length = from->length;
}

int64_t attention_scratch(int64_t n, int64_t length, int64_t head_size) {
    (void)head_size;
    return (n < ATTENTION_TILE ? n : ATTENTION_TILE) * attention_row(length);
}

/* Two tiles of scores; keys and values transposed, keys; queries and output gradients of a tile. */
int64_t attention_grad_scratch(int64_t n, int64_t head_size) {
    int64_t tile = gemm_packed_floats(head_size, ATTENTION_GRAD_TILE);
    return 2 * ATTENTION_GRAD_TILE * attention_row(n) + 2 * gemm_packed_floats(n, head_size) +
           gemm_packed_floats(head_size, n) + 2 * tile;
}

/* Dot product as gemm defines it. */
static float dot(int64_t n, const float *a, int64_t a_step, const float *b, int64_t b_step) {
    float sum = 0;
    for (int64_t first = 0; first < n; first += GEMM_BLOCK) {
        int64_t last = first + GEMM_BLOCK < n ? first + GEMM_BLOCK : n;
        float chain = 0;
        for (int64_t i = first; i < last; i++) chain = fmaf(a[i * a_step], b[i * b_step], chain);
        sum = first ? sum + chain : chain;
    }
    return sum;
}

/* s (n) becomes exp(s - max s); returns the sum. */
static float softmax_numerators(int64_t n, float *s) {
    float max = -INFINITY, lane[TENSOR_LANES] = {0};
    for (int64_t j = 0; j < n; j++) max = s[j] > max ? s[j] : max;
    for (int64_t j = 0; j < n; j++) {
        s[j] = math_exp(s[j] - max);
        lane[j % TENSOR_LANES] += s[j];
    }
    return ref_fold(lane);
}

/* One query of one head over n keys; e (n) is scratch. */
static void attend(int64_t n, const tensor_kv_t *kv, int64_t head, float scale, const float *q, float *out, float *e) {
    int64_t size = kv->head_size, panels = (size + GEMM_PANEL - 1) / GEMM_PANEL, hidden = attention_hidden(kv, n);
    for (int64_t j = 0; j < hidden; j++) e[j] = -INFINITY;
    for (int64_t j = hidden; j < n; j++) {
        const float *panel = kv->k + head * size * kv->capacity + j / GEMM_PANEL * GEMM_PANEL * size;
        e[j] = scale * dot(size, q, 1, panel + j % GEMM_PANEL, GEMM_PANEL);
    }
    float z = softmax_numerators(n, e);
    for (int64_t c = 0; c < size; c++) {
        const float *panel = kv->v + (head * panels + c / GEMM_PANEL) * kv->capacity * GEMM_PANEL;
        out[c] = dot(n, e, 1, panel + c % GEMM_PANEL, GEMM_PANEL) / z + 0.0f;
    }
}

void ref_attention(int64_t n, int64_t heads, const tensor_kv_t *kv, float scale, const float *q, int64_t ldq,
                   float *out, int64_t ldo, float *scratch) {
    int64_t group = heads / kv->heads, size = kv->head_size;
    for (int64_t h = 0; h < heads; h++)
        for (int64_t i = 0; i < n; i++)
            attend(kv->length - n + i + 1, kv, h / group, scale, q + i * ldq + h * size, out + i * ldo + h * size,
                   scratch);
}

/* One head of the gradient: its columns of the matrices, and the scores of a tile, p and ds (ATTENTION_GRAD_TILE,
 * ld_s). */
typedef struct {
    int64_t size, ld_qkv, ld_out, ld_dqkv, ld_s;
    const float *q, *k, *v, *out, *dout;
    float *dq, *dk, *dv, *p, *ds;
} head_t;

/* p and ds of query i, which is row `row` of its tile; keys from i + 1 to `keys` are masked. */
static void score_row(const head_t *h, float scale, int64_t i, int64_t row, int64_t keys) {
    float *p = h->p + row * h->ld_s, *ds = h->ds + row * h->ld_s, lane[TENSOR_LANES] = {0};
    const float *out = h->out + i * h->ld_out, *dout = h->dout + i * h->ld_out;
    for (int64_t j = 0; j <= i; j++) p[j] = scale * dot(h->size, h->q + i * h->ld_qkv, 1, h->k + j * h->ld_qkv, 1);
    float r = 1.0f / softmax_numerators(i + 1, p);
    for (int64_t c = 0; c < h->size; c++) lane[c % TENSOR_LANES] = fmaf(dout[c], out[c], lane[c % TENSOR_LANES]);
    float d = ref_fold(lane);
    for (int64_t j = 0; j < keys; j++) {
        p[j] = j <= i ? p[j] * r : 0.0f;
        ds[j] = j <= i ? scale * (p[j] * (dot(h->size, dout, 1, h->v + j * h->ld_qkv, 1) - d)) : 0.0f;
    }
}

void ref_attention_grad(int64_t n, int64_t heads, int64_t head_size, float scale, const float *q, const float *k,
                        const float *v, const float *out, const float *dout, int64_t ld_qkv, int64_t ld_out, float *dq,
                        float *dk, float *dv, int64_t ld_dqkv, float *scratch) {
    int64_t ld_s = attention_row(n);
    for (int64_t head = 0; head < heads; head++) {
        int64_t at = head * head_size;
        head_t h = {head_size, ld_qkv,  ld_out,  ld_dqkv,  ld_s,
                    q + at,    k + at,  v + at,  out + at, dout + at,
                    dq + at,   dk + at, dv + at, scratch,  scratch + ATTENTION_GRAD_TILE * ld_s};
        for (int64_t first = 0; first < n; first += ATTENTION_GRAD_TILE) {
            int64_t rows = n - first < ATTENTION_GRAD_TILE ? n - first : ATTENTION_GRAD_TILE, keys = first + rows;
            for (int64_t i = 0; i < rows; i++) score_row(&h, scale, first + i, i, keys);
            for (int64_t i = 0; i < rows; i++)
                for (int64_t c = 0; c < head_size; c++)
                    h.dq[(first + i) * ld_dqkv + c] = dot(keys, h.ds + i * ld_s, 1, h.k + c, ld_qkv);
            for (int64_t j = 0; j < keys; j++)
                for (int64_t c = 0; c < head_size; c++) {
                    float tk = dot(rows, h.ds + j, ld_s, h.q + first * ld_qkv + c, ld_qkv);
                    float tv = dot(rows, h.p + j, ld_s, h.dout + first * ld_out + c, ld_out);
                    float *to_k = h.dk + j * ld_dqkv + c, *to_v = h.dv + j * ld_dqkv + c;
                    *to_k = j < first ? *to_k + tk : tk;
                    *to_v = j < first ? *to_v + tv : tv;
                }
        }
    }
}
