/* The matrix product of bf16 numbers over v16, defined by ref_dot_bf16.c. Where the compiler has the instruction
 * (kernels_avx512bf16.c) a step is VDPBF16PS, elsewhere two multiply-adds of the halves of each pair, with the CPU set
 * to flush denormals as that instruction always does.
 *
 * A is rounded to pairs once, for as many rows as fit on the stack. From there on a pair is moved as if it were a
 * float, and the product goes as that of simd_gemm.h does, two terms a step. */
#ifndef MEMPROBE_SIMD_DOT_BF16_H
#define MEMPROBE_SIMD_DOT_BF16_H
#include "tensor/math.h"
#include "tensor/simd_gemm.h"

#ifdef V16_FLUSHES
enum {
    DOT_PAIRS = 128 * 1024,    // of A on the stack
    DOT_BLOCK = GEMM_BLOCK / 2 // steps of a chain
};

/* One step of 16 chains. */
static inline v16 dot_step(v16 a, v16 b, v16 sum) {
#ifdef __AVX512BF16__
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
#else
    return v16_fma(v16_pair_even(a), v16_pair_even(b), v16_fma(v16_pair_odd(a), v16_pair_odd(b), sum));
#endif
}

/* As gemm_tile, with pairs for numbers. */
__attribute__((always_inline)) static inline void dot_tile(const gemm_tile_t *t, const int rows, const int width) {
    const int64_t k = t->k, a_row = t->a_row, panel = k * GEMM_PANEL;
    float total[GEMM_TILE_ROWS * GEMM_TILE_WIDTH / 4][16];
    v16 sum[GEMM_TILE_ROWS * GEMM_TILE_WIDTH / 4];
    for (int64_t first = 0; first == 0 || first < k; first += DOT_BLOCK) {
        int64_t n = k - first < DOT_BLOCK ? k - first : DOT_BLOCK;
        const float *a = t->a + first, *b = (const float *)t->b + first * GEMM_PANEL;
        V16_UNROLL
        for (int i = 0; i < rows * width; i++) sum[i] = v16_zero();
        for (int64_t p = 0; p < n; p++, a++, b += GEMM_PANEL) {
            v16 column[GEMM_TILE_WIDTH];
            V16_UNROLL
            for (int j = 0; j < width; j++) {
                const float *from = b + j / 2 * panel + j % 2 * 16;
                column[j] = v16_load(from);
                __builtin_prefetch(from + GEMM_AHEAD * GEMM_PANEL);
            }
            V16_UNROLL
            for (int i = 0; i < rows; i++) {
                v16 row = v16_set1(a[i * a_row]);
                V16_UNROLL
                for (int j = 0; j < width; j++) sum[i * width + j] = dot_step(row, column[j], sum[i * width + j]);
            }
        }
        if (first > 0) {
            V16_UNROLL
            for (int i = 0; i < rows * width; i++) sum[i] = v16_add(v16_load(total[i]), sum[i]);
        }
        if (first + DOT_BLOCK < k) {
            V16_UNROLL
            for (int i = 0; i < rows * width; i++) v16_store(total[i], sum[i]);
        }
    }
    V16_UNROLL
    for (int i = 0; i < rows * width; i++) gemm_finish(t, sum[i], i / width, i % width * 16);
}

__attribute__((always_inline)) static inline void dot_tile_width(const gemm_tile_t *t, const int rows, int width) {
    if (rows * width > V16_GEMM_SUMS) return; // never asked for; leaves the code of such tiles out
    if (width == 8) {
        if (rows * 8 <= V16_GEMM_SUMS) dot_tile(t, rows, 8);
    } else if (width == 4) {
        if (rows * 4 <= V16_GEMM_SUMS) dot_tile(t, rows, 4);
    } else if (width == 2) {
        if (rows * 2 <= V16_GEMM_SUMS) dot_tile(t, rows, 2);
    } else {
        dot_tile(t, rows, 1);
    }
}

static void dot_tile_1(const gemm_tile_t *t, int width) {
    dot_tile_width(t, 1, width);
}
static void dot_tile_2(const gemm_tile_t *t, int width) {
    dot_tile_width(t, 2, width);
}
static void dot_tile_3(const gemm_tile_t *t, int width) {
    dot_tile_width(t, 3, width);
}
static void dot_tile_4(const gemm_tile_t *t, int width) {
    dot_tile_width(t, 4, width);
}
static void dot_tile_5(const gemm_tile_t *t, int width) {
    dot_tile_width(t, 5, width);
}
static void dot_tile_6(const gemm_tile_t *t, int width) {
    dot_tile_width(t, 6, width);
}
static void dot_tile_7(const gemm_tile_t *t, int width) {
    dot_tile_width(t, 7, width);
}
static void dot_tile_8(const gemm_tile_t *t, int width) {
    dot_tile_width(t, 8, width);
}
static void dot_tile_9(const gemm_tile_t *t, int width) {
    dot_tile_width(t, 9, width);
}
static void dot_tile_10(const gemm_tile_t *t, int width) {
    dot_tile_width(t, 10, width);
}
static void dot_tile_11(const gemm_tile_t *t, int width) {
    dot_tile_width(t, 11, width);
}
static void dot_tile_12(const gemm_tile_t *t, int width) {
    dot_tile_width(t, 12, width);
}
static void (*const dot_tiles[GEMM_TILE_ROWS + 1])(const gemm_tile_t *, int) = {
    NULL,       dot_tile_1, dot_tile_2, dot_tile_3,  dot_tile_4,  dot_tile_5, dot_tile_6,
    dot_tile_7, dot_tile_8, dot_tile_9, dot_tile_10, dot_tile_11, dot_tile_12};

/* Columns [first, last) of C for all rows of a row group; pairs of B. */
static void dot_row_group(gemm_tile_t t, int rows, const float *packed, int64_t first, int64_t last) {
    const float *bias = t.bias;
    float *c = t.c;
    while (first < last) {
        int width = gemm_width(rows);
        int64_t there = (last - first + GEMM_PANEL - 1) / GEMM_PANEL * GEMM_PANEL;
        while (width > 2 && width * 16 > there) width /= 2;
        if (width == 2 && last - first <= 16) width = 1;
        if (first % GEMM_PANEL) width = 1; // the second half of a panel
        t.b = packed + first / GEMM_PANEL * GEMM_PANEL * t.k + first % GEMM_PANEL;
        t.bias = bias ? bias + first : NULL;
        t.c = c + first;
        t.columns = last - first;
        dot_tiles[rows](&t, width);
        first += width * 16;
    }
}

/* All columns for the rows whose pairs are t.a, (m, t.a_row). */
static void dot_rows(gemm_tile_t t, int64_t m, int64_t n, const float *packed) {
    int64_t groups = (m + V16_GEMM_ROWS - 1) / V16_GEMM_ROWS;
    int64_t chunk = GEMM_CHUNK / (t.k > 0 ? t.k : 1) * GEMM_PANEL, tile = gemm_width((int)(m / groups)) * 16;
    if (chunk < tile) chunk = tile;
    if (chunk < GEMM_PANEL) chunk = GEMM_PANEL;
    for (int64_t first = 0; first < n; first += chunk) {
        int64_t last = n - first < chunk ? n : first + chunk;
        for (int64_t g = 0; g < groups; g++) {
            int64_t row = m * g / groups, rows = m * (g + 1) / groups - row;
            gemm_tile_t group = t;
            group.a += row * t.a_row;
            group.c += row * t.ldc;
            dot_row_group(group, (int)rows, packed, first, last);
        }
    }
}

/* k numbers of a row of A as pairs. */
static void dot_round_row(int64_t k, const float *a, int64_t a_col, float *pair) {
    int64_t p = 0;
#ifdef __AVX512BF16__
    for (; a_col == 1 && p + 32 <= k; p += 32)
        _mm512_storeu_si512(pair + p / 2,
                            (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(a + p + 16), _mm512_loadu_ps(a + p)));
#endif
    for (; p < k; p += 2) {
        uint32_t even = dot_bf16_round(a[p * a_col]), odd = p + 1 < k ? dot_bf16_round(a[(p + 1) * a_col]) : 0;
        pair[p / 2] = math_from_bits(odd << 16 | even);
    }
}

/* In a function of its own, so that none of its arithmetic is moved out of the flushing. */
__attribute__((noinline)) static void dot_product(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                                                  int64_t a_col, packed_t b, const float *bias, int accumulate,
                                                  float *c, int64_t ldc) {
    float pair[DOT_PAIRS];
    const int64_t pairs = (k + 1) / 2, stride = (pairs + 31) / 32 * 32 + 16; // odd in cache lines
    int64_t most = DOT_PAIRS / stride;
    if (most > V16_GEMM_ROWS) most -= most % V16_GEMM_ROWS;
    for (int64_t first = 0; first < m; first += most) {
        int64_t rows = m - first < most ? m - first : most;
        for (int64_t i = 0; i < rows; i++) dot_round_row(k, a + (first + i) * a_row, a_col, pair + i * stride);
        gemm_tile_t t = {.k = pairs,
                         .a = pair,
                         .a_row = stride,
                         .a_col = 1,
                         .bias = bias,
                         .accumulate = accumulate,
                         .c = c + first * ldc,
                         .ldc = ldc};
        dot_rows(t, rows, n, b.data);
    }
}

static void simd_gemm_dot_bf16(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col,
                               packed_t b, const float *bias, int accumulate, float *c, int64_t ldc) {
    if (k > DOT_PAIRS) { // a row's pairs would not fit
        ref_gemm_dot_bf16(m, n, k, a, a_row, a_col, b, bias, accumulate, c, ldc);
        return;
    }
    unsigned before = vec_flush_begin();
    dot_product(m, n, k, a, a_row, a_col, b, bias, accumulate, c, ldc);
    vec_flush_end(before);
}
#else
/* What this CPU may flush is not what the definition flushes. */
static void simd_gemm_dot_bf16(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col,
                               packed_t b, const float *bias, int accumulate, float *c, int64_t ldc) {
    ref_gemm_dot_bf16(m, n, k, a, a_row, a_col, b, bias, accumulate, c, ldc);
}
#endif

#endif
