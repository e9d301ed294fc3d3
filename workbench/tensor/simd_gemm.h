/* C = A B with B packed in panels of 32 columns: the kernel that does nine tenths of all work.
 *
 * A tile of `rows` x `width` v16 accumulators stays in registers while p runs over a block of k: each step loads
 * `width` vectors of B and broadcasts `rows` numbers of A. Every accumulator lane is one output's chain, so its bits
 * depend on nothing but its row of A and its column of B. Tall tiles are bound by the multiply-adds; with few rows the
 * tile becomes wider instead, so that enough chains are in flight, and the time is that of reading B once. */
#ifndef MEMPROBE_SIMD_GEMM_H
#define MEMPROBE_SIMD_GEMM_H
#include "tensor/kernels.h"

typedef struct {
    int64_t k;
    const float *a; // first row of the tile
    int64_t a_row, a_col;
    const void *b; // first column of the tile in its panel; the next panel is k * GEMM_PANEL numbers further
    const float *bias;
    int accumulate;
    float *c;
    int64_t ldc, columns; // columns of C from here on
    int64_t ahead;        // numbers of B from one that is used to one that is fetched meanwhile
} gemm_tile_t;

enum {
    GEMM_TILE_ROWS = 12,             // of the largest tile on any CPU
    GEMM_TILE_WIDTH = 8,             // v16 columns of the widest
    GEMM_AHEAD = 16,                 // steps of k that B is fetched ahead, of F32; a tile of several panels
    GEMM_AHEAD_TALL = 64,            // reads as many places, and a tall one is at work for longer on each
    GEMM_CHUNK = 256 * 1024 / 4 / 32 // panels x k of B that one pass over the rows uses: stays in the L2 cache,
                                     // unless a single tile's columns need more
};

/* sum + bias, C + that, for one vector of C. */
static inline void gemm_finish(const gemm_tile_t *t, v16 sum, int64_t row, int64_t column) {
    float *c = t->c + row * t->ldc + column;
    int64_t n = t->columns - column;
    if (n >= 16) {
        if (t->bias) sum = v16_add(sum, v16_load(t->bias + column));
        v16_store(c, t->accumulate ? v16_add(v16_load(c), sum) : sum);
    } else if (n > 0) {
        if (t->bias) sum = v16_add(sum, v16_load_part(t->bias + column, n));
        v16_store_part(c, t->accumulate ? v16_add(v16_load_part(c, n), sum) : sum, n);
    }
}

static inline int64_t gemm_bytes(const packed_type_t type) {
    return type == PACKED_F32 ? 4 : 2;
}

/* Numbers at .. at + 15 of B, widened. */
__attribute__((always_inline)) static inline v16 gemm_load(const packed_type_t type, const void *b, int64_t at) {
    if (type == PACKED_F32) return v16_load((const float *)b + at);
    const uint16_t *half = (const uint16_t *)b + at;
    return type == PACKED_BF16 ? v16_load_bf16(half) : v16_load_f16(half);
}

/* One tile. type, rows and width are constants at every call, so that all loops over them unroll into registers. */
__attribute__((always_inline)) static inline void gemm_tile(const gemm_tile_t *t, const packed_type_t type,
                                                            const int rows, const int width) {
    const int64_t k = t->k, a_row = t->a_row, a_col = t->a_col, panel = k * GEMM_PANEL, ahead = t->ahead;
    float total[GEMM_TILE_ROWS * GEMM_TILE_WIDTH / 4][16];
    v16 sum[GEMM_TILE_ROWS * GEMM_TILE_WIDTH / 4];
    for (int64_t first = 0; first == 0 || first < k; first += GEMM_BLOCK) {
        int64_t n = k - first < GEMM_BLOCK ? k - first : GEMM_BLOCK;
        const float *a = t->a + first * a_col;
        int64_t b = first * GEMM_PANEL;
        V16_UNROLL
        for (int i = 0; i < rows * width; i++) sum[i] = v16_zero();
        for (int64_t p = 0; p < n; p++, a += a_col, b += GEMM_PANEL) {
            v16 column[GEMM_TILE_WIDTH];
            V16_UNROLL
            for (int j = 0; j < width; j++) {
                int64_t at = b + j / 2 * panel + j % 2 * 16;
                column[j] = gemm_load(type, t->b, at);
                __builtin_prefetch((const char *)t->b + (at + ahead) * gemm_bytes(type));
            }
            V16_UNROLL
            for (int i = 0; i < rows; i++) {
                v16 row = v16_set1(a[i * a_row]);
                V16_UNROLL
                for (int j = 0; j < width; j++) sum[i * width + j] = v16_fma(row, column[j], sum[i * width + j]);
            }
        }
        if (first > 0) {
            V16_UNROLL
            for (int i = 0; i < rows * width; i++) sum[i] = v16_add(v16_load(total[i]), sum[i]);
        }
        if (first + GEMM_BLOCK < k) {
            V16_UNROLL
            for (int i = 0; i < rows * width; i++) v16_store(total[i], sum[i]);
        }
    }
    V16_UNROLL
    for (int i = 0; i < rows * width; i++) gemm_finish(t, sum[i], i / width, i % width * 16);
}

/* The widest tile whose accumulators, V16_GEMM_SUMS at most, fit in the registers. */
static inline int gemm_width(int rows) {
    int width = 1;
    while (width < GEMM_TILE_WIDTH && rows * width * 2 <= V16_GEMM_SUMS) width *= 2;
    return width;
}

__attribute__((always_inline)) static inline void gemm_tile_width(const gemm_tile_t *t, const packed_type_t type,
                                                                  const int rows, int width) {
    if (rows * width > V16_GEMM_SUMS) return; // never asked for; leaves the code of such tiles out
    switch (width) {
    case 8:
        if (rows * 8 <= V16_GEMM_SUMS) gemm_tile(t, type, rows, 8);
        break;
    case 4:
        if (rows * 4 <= V16_GEMM_SUMS) gemm_tile(t, type, rows, 4);
        break;
    case 2:
        if (rows * 2 <= V16_GEMM_SUMS) gemm_tile(t, type, rows, 2);
        break;
    default:
        gemm_tile(t, type, rows, 1);
    }
}

__attribute__((always_inline)) static inline void gemm_tile_rows(const gemm_tile_t *t, const packed_type_t type,
                                                                 int rows, int width) {
    switch (rows) {
    case 1:
        gemm_tile_width(t, type, 1, width);
        break;
    case 2:
        gemm_tile_width(t, type, 2, width);
        break;
    case 3:
        gemm_tile_width(t, type, 3, width);
        break;
    case 4:
        gemm_tile_width(t, type, 4, width);
        break;
    case 5:
        gemm_tile_width(t, type, 5, width);
        break;
    case 6:
        gemm_tile_width(t, type, 6, width);
        break;
    case 7:
        gemm_tile_width(t, type, 7, width);
        break;
    case 8:
        gemm_tile_width(t, type, 8, width);
        break;
    case 9:
        gemm_tile_width(t, type, 9, width);
        break;
    case 10:
        gemm_tile_width(t, type, 10, width);
        break;
    case 11:
        gemm_tile_width(t, type, 11, width);
        break;
    case 12:
        gemm_tile_width(t, type, 12, width);
        break;
    }
}

/* Functions of their own: in one, the compiler takes far longer. */
__attribute__((noinline)) static void gemm_tile_f32(const gemm_tile_t *t, int rows, int width) {
    gemm_tile_rows(t, PACKED_F32, rows, width);
}
__attribute__((noinline)) static void gemm_tile_bf16(const gemm_tile_t *t, int rows, int width) {
    gemm_tile_rows(t, PACKED_BF16, rows, width);
}
__attribute__((noinline)) static void gemm_tile_f16(const gemm_tile_t *t, int rows, int width) {
    gemm_tile_rows(t, PACKED_F16, rows, width);
}

/* How far ahead a tile fetches B while it works. Rows of the first group read B from the memory, somewhat behind what
 * they fetch; of the panels that the other groups find in the cache each spends its share on fetching what the first
 * will read next, `next` columns further (0: there is no more). So the memory is less often idle, which counts where B
 * is in no cache. More than this share and a B that was in the cache all along would come too late. */
static int64_t gemm_ahead(packed_type_t type, int width, int64_t panel, int64_t k, int64_t next, int64_t g,
                          int64_t groups) {
    if (g > 0 && next > 0 && panel % groups == g) return next * k;
    return (width < GEMM_TILE_WIDTH ? GEMM_AHEAD_TALL : GEMM_AHEAD * 4 / gemm_bytes(type)) * GEMM_PANEL;
}

/* Columns [first, last) of C for all rows of row group g. */
static void gemm_row_group(gemm_tile_t t, int rows, packed_t packed, int64_t first, int64_t last, int64_t next,
                           int64_t g, int64_t groups) {
    const float *bias = t.bias;
    float *c = t.c;
    while (first < last) {
        int width = gemm_width(rows);
        int64_t there = (last - first + GEMM_PANEL - 1) / GEMM_PANEL * GEMM_PANEL; // B ends with the last panel
        while (width > 2 && width * 16 > there) width /= 2;
        if (width == 2 && last - first <= 16) width = 1;
        if (first % GEMM_PANEL) width = 1; // the second half of a panel
        int64_t at = first / GEMM_PANEL * GEMM_PANEL * t.k + first % GEMM_PANEL;
        t.b = (const char *)packed.data + at * gemm_bytes(packed.type);
        t.bias = bias ? bias + first : NULL;
        t.c = c + first;
        t.columns = last - first;
        t.ahead = gemm_ahead(packed.type, width, first / GEMM_PANEL, t.k, next, g, groups);
        if (packed.type == PACKED_F32)
            gemm_tile_f32(&t, rows, width);
        else if (packed.type == PACKED_BF16)
            gemm_tile_bf16(&t, rows, width);
        else
            gemm_tile_f16(&t, rows, width);
        first += width * 16;
    }
}

/* All types but PACKED_DOT_BF16. */
static void simd_gemm_chains(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col,
                             packed_t packed, const float *bias, int accumulate, float *c, int64_t ldc) {
    int64_t groups = (m + V16_GEMM_ROWS - 1) / V16_GEMM_ROWS; // as equal as can be: 13 rows are 7 + 6
    int64_t chunk = GEMM_CHUNK / (k > 0 ? k : 1) * GEMM_PANEL, tile = groups ? gemm_width((int)(m / groups)) * 16 : 0;
    if (chunk < tile) chunk = tile;
    if (chunk < GEMM_PANEL) chunk = GEMM_PANEL;
    for (int64_t first = 0; first < n; first += chunk) {
        int64_t last = n - first < chunk ? n : first + chunk;
        for (int64_t g = 0; g < groups; g++) {
            int64_t row = m * g / groups, rows = m * (g + 1) / groups - row;
            gemm_tile_t t = {.k = k,
                             .a = a + row * a_row,
                             .a_row = a_row,
                             .a_col = a_col,
                             .bias = bias,
                             .accumulate = accumulate,
                             .c = c + row * ldc,
                             .ldc = ldc};
            gemm_row_group(t, (int)rows, packed, first, last, last < n ? chunk : 0, g, groups);
        }
    }
}

static void simd_gemm_f32(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col,
                          const float *packed, const float *bias, int accumulate, float *c, int64_t ldc) {
    simd_gemm_chains(m, n, k, a, a_row, a_col, packed_f32(packed), bias, accumulate, c, ldc);
}

static tensor_gemm_t simd_gemm_dot_bf16; // simd_dot_bf16.h

/* By the instruction where there is one; the bits are the same. */
static void gemm_dot_bf16(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, packed_t b,
                          const float *bias, int accumulate, float *c, int64_t ldc) {
    tensor_gemm_t *product = simd_gemm_dot_bf16;
#ifdef __AVX512F__
    if (dot_bf16_chosen()) product = dot_bf16_chosen();
#endif
    product(m, n, k, a, a_row, a_col, b, bias, accumulate, c, ldc);
}

static void simd_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, packed_t b,
                      const float *bias, int accumulate, float *c, int64_t ldc) {
    if (b.type == PACKED_DOT_BF16)
        gemm_dot_bf16(m, n, k, a, a_row, a_col, b, bias, accumulate, c, ldc);
    else
        simd_gemm_chains(m, n, k, a, a_row, a_col, b, bias, accumulate, c, ldc);
}

/* As many chains as the GEMM's largest tile has. */
static int64_t simd_fma_loop(int64_t rounds, float *sink) {
    v16 sum[V16_GEMM_SUMS], x = v16_load(sink), y = v16_set1(0.5f);
    V16_UNROLL
    for (int i = 0; i < V16_GEMM_SUMS; i++) sum[i] = v16_set1((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        V16_UNROLL
        for (int i = 0; i < V16_GEMM_SUMS; i++) sum[i] = v16_fma(sum[i], y, x);
    }
    for (int i = 1; i < V16_GEMM_SUMS; i++) sum[0] = v16_add(sum[0], sum[i]);
    v16_store(sink, sum[0]);
    return rounds * V16_GEMM_SUMS * 16 * 2;
}

#endif
