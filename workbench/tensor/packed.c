/* Packing the second factor of a product, in each of the ways in which its numbers can be stored. All kernels share
 * this. */
#include "tensor/kernels.h"
#include "tensor/math.h"
#include <string.h>

int64_t gemm_packed_floats(int64_t n, int64_t k) {
    return (n + GEMM_PANEL - 1) / GEMM_PANEL * GEMM_PANEL * k;
}

/* Four neighbours of a row or a column; any alignment. */
typedef float v4 __attribute__((vector_size(16)));

static v4 load4(const float *x) {
    v4 v;
    memcpy(&v, x, sizeof v);
    return v;
}

static void store4(float *x, v4 v) {
    memcpy(x, &v, sizeof v);
}

/* Four columns of B that are stored as rows (`step` apart), k terms each, into four columns of a panel: a transposition
 * in squares of 4 x 4, since element by element it would take a fifth of the time of the product. */
static void pack_four_columns(int64_t k, const float *b, int64_t step, float *panel) {
    int64_t p = 0;
    for (; p + 4 <= k; p += 4) {
        v4 w = load4(b + p), x = load4(b + step + p), y = load4(b + 2 * step + p), z = load4(b + 3 * step + p);
        v4 wx = __builtin_shufflevector(w, x, 0, 4, 1, 5), wx2 = __builtin_shufflevector(w, x, 2, 6, 3, 7);
        v4 yz = __builtin_shufflevector(y, z, 0, 4, 1, 5), yz2 = __builtin_shufflevector(y, z, 2, 6, 3, 7);
        store4(panel + p * GEMM_PANEL, __builtin_shufflevector(wx, yz, 0, 1, 4, 5));
        store4(panel + (p + 1) * GEMM_PANEL, __builtin_shufflevector(wx, yz, 2, 3, 6, 7));
        store4(panel + (p + 2) * GEMM_PANEL, __builtin_shufflevector(wx2, yz2, 0, 1, 4, 5));
        store4(panel + (p + 3) * GEMM_PANEL, __builtin_shufflevector(wx2, yz2, 2, 3, 6, 7));
    }
    for (; p < k; p++)
        for (int64_t j = 0; j < 4; j++) panel[p * GEMM_PANEL + j] = b[j * step + p];
}

/* One panel of `columns` columns, zero-padded. */
static void pack_panel(int64_t columns, int64_t k, const float *b, int64_t b_row, int64_t b_col, float *panel) {
    if (columns == GEMM_PANEL && b_col == 1) {
        for (int64_t p = 0; p < k; p++) memcpy(panel + p * GEMM_PANEL, b + p * b_row, GEMM_PANEL * sizeof *b);
        return;
    }
    if (columns == GEMM_PANEL && b_row == 1) {
        for (int64_t j = 0; j < GEMM_PANEL; j += 4) pack_four_columns(k, b + j * b_col, b_col, panel + j);
        return;
    }
    for (int64_t p = 0; p < k; p++)
        for (int64_t j = 0; j < GEMM_PANEL; j++)
            panel[p * GEMM_PANEL + j] = j < columns ? b[p * b_row + j * b_col] : 0.0f;
}

void gemm_pack(int64_t n, int64_t k, const float *b, int64_t b_row, int64_t b_col, float *packed) {
    for (int64_t first = 0; first < n; first += GEMM_PANEL) {
        const int64_t columns = n - first < GEMM_PANEL ? n - first : GEMM_PANEL;
        pack_panel(columns, k, b + first * b_col, b_row, b_col, packed + first * k);
    }
}

static size_t number_bytes(packed_type_t type) {
    return type == PACKED_F32 ? sizeof(float) : sizeof(uint16_t);
}

/* Pairs are whole. */
static int64_t stored_terms(packed_type_t type, int64_t k) {
    return type == PACKED_DOT_BF16 ? k + k % 2 : k;
}

int64_t packed_bytes(packed_type_t type, int64_t n, int64_t k) {
    return gemm_packed_floats(n, stored_terms(type, k)) * (int64_t)number_bytes(type);
}

/* Panels [n / 32][terms / 2][32][2]. */
static void fill_pairs(int64_t n, int64_t k, const float *b, int64_t b_row, int64_t b_col, uint16_t *to) {
    for (int64_t first = 0; first < n; first += GEMM_PANEL)
        for (int64_t p = 0; p < k; p += 2)
            for (int64_t j = first; j < first + GEMM_PANEL; j++) {
                const float *from = b + p * b_row + j * b_col;
                *to++ = j < n ? dot_bf16_round(from[0]) : 0;
                *to++ = j < n && p + 1 < k ? dot_bf16_round(from[b_row]) : 0;
            }
}

/* One panel of halves, zero-padded. A column at a time: where B is stored by columns, as weights are, it is read in
 * order. */
static void fill_halves(packed_type_t type, int64_t columns, int64_t k, const float *b, int64_t b_row, int64_t b_col,
                        uint16_t *panel) {
    for (int64_t j = 0; j < GEMM_PANEL; j++) {
        const float *from = b + j * b_col;
        uint16_t *to = panel + j;
        if (j >= columns)
            for (int64_t p = 0; p < k; p++) to[p * GEMM_PANEL] = 0;
        else if (type == PACKED_BF16)
            for (int64_t p = 0; p < k; p++) to[p * GEMM_PANEL] = math_to_bf16(from[p * b_row]);
        else
            for (int64_t p = 0; p < k; p++) to[p * GEMM_PANEL] = math_to_f16(from[p * b_row]);
    }
}

void packed_fill(packed_type_t type, int64_t n, int64_t k, const float *b, int64_t b_row, int64_t b_col, void *data) {
    if (type == PACKED_F32) {
        gemm_pack(n, k, b, b_row, b_col, data);
        return;
    }
    if (type == PACKED_DOT_BF16) {
        fill_pairs(n, k, b, b_row, b_col, data);
        return;
    }
    uint16_t *to = data;
    for (int64_t first = 0; first < n; first += GEMM_PANEL, to += GEMM_PANEL * k)
        fill_halves(type, n - first < GEMM_PANEL ? n - first : GEMM_PANEL, k, b + first * b_col, b_row, b_col, to);
}

packed_t packed_from(packed_t b, int64_t k, int64_t first) {
    return (packed_t){(const uint8_t *)b.data + (size_t)(first * stored_terms(b.type, k)) * number_bytes(b.type),
                      b.type};
}

void packed_column(packed_t b, int64_t k, int64_t j, float *column) {
    if (b.type == PACKED_DOT_BF16) {
        const uint16_t *pair = packed_from(b, k, j / GEMM_PANEL * GEMM_PANEL).data;
        for (int64_t p = 0; p < k; p++)
            column[p] = math_from_bf16(pair[p / 2 * 2 * GEMM_PANEL + j % GEMM_PANEL * 2 + p % 2]);
        return;
    }
    int64_t at = j / GEMM_PANEL * GEMM_PANEL * k + j % GEMM_PANEL;
    const float *whole = b.data;
    const uint16_t *half = b.data;
    for (int64_t p = 0; p < k; p++, at += GEMM_PANEL)
        column[p] = b.type == PACKED_F32    ? whole[at]
                    : b.type == PACKED_BF16 ? math_from_bf16(half[at])
                                            : math_from_f16(half[at]);
}
