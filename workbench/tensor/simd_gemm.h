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
    const void *b; // first column of the tile in its panel
    int64_t panel; // numbers of B from a panel to the next
    const float *bias;
    int accumulate;
    float *c;
    int64_t ldc, columns; // columns of C from here on
    const char *fetch;    // what is brought into the cache meanwhile: a line for each v16 of B, in its panels,
    int64_t fetch_step;   // and so many bytes further with each term
} gemm_tile_t;

enum {
    GEMM_TILE_ROWS = 14,             // of the largest tile on any CPU
    GEMM_TILE_WIDTH = 8,             // v16 columns of the widest
    GEMM_AHEAD = 12 * 1024,          // bytes of B that are on their way; more would crowd the L1 cache
    GEMM_SHARERS = 8,                // groups of rows up to which B may be slower to come than to be used
    GEMM_CHUNK = 256 * 1024 / 4 / 32 // panels x k of B that one pass over more rows uses: stays in the L2 cache
};

/* Whether two terms of the chains are added between two jumps, which is a few percent faster. Clang would run out of
 * registers, and GCC for AArch64. */
#if defined(__clang__) || defined(__aarch64__)
enum { GEMM_TWO = 0 };
#else
enum { GEMM_TWO = 1 };
#endif

/* sum + bias, C + that, for a tile that goes over the last column: any number of them, by way of memory. */
__attribute__((noinline)) static void gemm_finish_edge(const gemm_tile_t *t, int rows, int width, const float *sum) {
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < width && j * 16 < t->columns; j++) {
            int64_t n = t->columns - j * 16 < 16 ? t->columns - j * 16 : 16;
            float *c = t->c + i * t->ldc + j * 16;
            v16 x = v16_load(sum + (i * width + j) * 16);
            if (t->bias) x = v16_add(x, v16_load_part(t->bias + j * 16, n));
            v16_store_part(c, t->accumulate ? v16_add(v16_load_part(c, n), x) : x, n);
        }
}

/* Of a number of B; of PACKED_DOT_BF16, where a pair counts as one, of a pair. */
static inline int64_t gemm_bytes(const packed_type_t type) {
    return type == PACKED_F32 || type == PACKED_DOT_BF16 ? 4 : 2;
}

/* Numbers at .. at + 15 of B, widened. */
__attribute__((always_inline)) static inline v16 gemm_load(const packed_type_t type, const void *b, int64_t at) {
    if (gemm_bytes(type) == 4) return v16_load((const float *)b + at);
    const uint16_t *half = (const uint16_t *)b + at;
    return type == PACKED_BF16 ? v16_load_bf16(half) : v16_load_f16(half);
}

/* One step of 16 chains: a multiply-add, or two of pairs of bf16 (simd_dot_bf16.h). */
__attribute__((always_inline)) static inline v16 gemm_step(const packed_type_t type, v16 a, v16 b, v16 sum) {
    (void)type; // on a CPU without such a product
#ifdef __AVX512BF16__
    if (type == PACKED_DOT_BF16) return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
#elif defined(V16_FLUSHES)
    if (type == PACKED_DOT_BF16)
        return v16_fma(v16_pair_even(a), v16_pair_even(b), v16_fma(v16_pair_odd(a), v16_pair_odd(b), sum));
#endif
    return v16_fma(a, b, sum);
}

/* Whether registers are left for a row of columns of B beside the accumulators. A step of pairs may need them itself.
 */
__attribute__((always_inline)) static inline int gemm_columns_fit(const packed_type_t type, const int rows,
                                                                  const int width) {
    return type != PACKED_DOT_BF16 && (rows + 1) * width < V16_REGISTERS;
}

/* One term of every chain of a tile: the numbers at b of its first panel and of those beside it, times those of A. */
__attribute__((always_inline)) static inline void gemm_term(const gemm_tile_t *t, const packed_type_t type,
                                                            const int rows, const int width, const float *a, int64_t b,
                                                            const char *fetch, v16 *sum) {
    v16 column[GEMM_TILE_WIDTH];
    V16_UNROLL
    for (int j = 0; j < width; j++) {
        int64_t at = j / 2 * t->panel + j % 2 * 16;
        column[j] = gemm_load(type, t->b, b + at);
        if (gemm_columns_fit(type, rows, width)) v16_keep(&column[j]);
        __builtin_prefetch(fetch + at * gemm_bytes(type));
    }
    V16_UNROLL
    for (int i = 0; i < rows; i++) {
        v16 row = v16_set1(a[i * t->a_row]);
        V16_UNROLL
        for (int j = 0; j < width; j++) sum[i * width + j] = gemm_step(type, row, column[j], sum[i * width + j]);
    }
}

/* The place of a term in A as a register of its own, to which the distances of rows are added: else the compiler keeps
 * the place of each row for either term, and vectors give way to them. */
static inline const float *gemm_place(const float *a) {
    __asm__("" : "+r"(a));
    return a;
}

/* sum + bias, C + that, for all of a tile: what it asks of t is asked once, which counts when k is small. */
__attribute__((always_inline)) static inline void gemm_finish(const gemm_tile_t *t, const int rows, const int width,
                                                              v16 *sum) {
    float *c = t->c;
    const int64_t ldc = t->ldc;
    if (__builtin_expect(t->columns < width * 16, 0)) {
        float tile[GEMM_TILE_ROWS * GEMM_TILE_WIDTH / 4][16];
        V16_UNROLL
        for (int i = 0; i < rows * width; i++) v16_store(tile[i], sum[i]);
        gemm_finish_edge(t, rows, width, tile[0]);
        return;
    }
    if (t->bias) {
        V16_UNROLL
        for (int j = 0; j < width; j++) {
            v16 bias = v16_load(t->bias + j * 16);
            V16_UNROLL
            for (int i = 0; i < rows; i++) sum[i * width + j] = v16_add(sum[i * width + j], bias);
        }
    }
    if (t->accumulate) {
        V16_UNROLL
        for (int i = 0; i < rows * width; i++) sum[i] = v16_add(v16_load(c + i / width * ldc + i % width * 16), sum[i]);
    }
    V16_UNROLL
    for (int i = 0; i < rows * width; i++) v16_store(c + i / width * ldc + i % width * 16, sum[i]);
}

/* One tile. type, rows and width are constants at every call, so that all loops over them unroll into registers. */
__attribute__((always_inline)) static inline void gemm_tile(const gemm_tile_t *t, const packed_type_t type,
                                                            const int rows, const int width) {
    const int64_t k = t->k;
    const int terms = GEMM_TWO && gemm_columns_fit(type, rows, width) ? 2 : 1;
    const int64_t block = type == PACKED_DOT_BF16 ? GEMM_BLOCK / 2 : GEMM_BLOCK;
    float total[GEMM_TILE_ROWS * GEMM_TILE_WIDTH / 4][16];
    v16 sum[GEMM_TILE_ROWS * GEMM_TILE_WIDTH / 4];
    const char *fetch = t->fetch;
    for (int64_t first = 0;; first += block) {
        int64_t n = k - first < block ? k - first : block;
        const float *a = t->a + first * t->a_col;
        int64_t b = first * GEMM_PANEL;
        V16_UNROLL
        for (int i = 0; i < rows * width; i++) {
            sum[i] = v16_zero();
            v16_keep(&sum[i]); // a register from the start: else the compiler has one zero, and later too few
        }
        while (n >= terms) {
            gemm_term(t, type, rows, width, a, b, fetch, sum);
            if (terms == 2)
                gemm_term(t, type, rows, width, gemm_place(a + t->a_col), b + GEMM_PANEL, fetch + t->fetch_step, sum);
            n -= terms, a = gemm_place(a + terms * t->a_col), b += terms * GEMM_PANEL, fetch += terms * t->fetch_step;
        }
        if (terms == 2 && n > 0) gemm_term(t, type, rows, width, a, b, fetch, sum);
        if (first > 0) {
            V16_UNROLL
            for (int i = 0; i < rows * width; i++) sum[i] = v16_add(v16_load(total[i]), sum[i]);
        }
        if (first + block >= k) break;
        V16_UNROLL
        for (int i = 0; i < rows * width; i++) v16_store(total[i], sum[i]);
    }
    gemm_finish(t, rows, width, sum);
}

/* Whether a tile's accumulators fit in the registers, beside the columns of B, or the rows of A, of one step. */
static inline int gemm_fits(int rows, int width) {
    return rows * width <= (width > 2 ? V16_GEMM_SUMS_WIDE : V16_GEMM_SUMS);
}

/* The widest tile that fits. */
static inline int gemm_width(int rows) {
    int width = 1;
    while (width < GEMM_TILE_WIDTH && gemm_fits(rows, width * 2)) width *= 2;
    return width;
}

/* Tiles that do not fit are never asked for, and leave no code. */
__attribute__((always_inline)) static inline void gemm_tile_width(const gemm_tile_t *t, const packed_type_t type,
                                                                  const int rows, int width) {
    switch (width) {
    case 8:
        if (gemm_fits(rows, 8)) gemm_tile(t, type, rows, 8);
        break;
    case 4:
        if (gemm_fits(rows, 4)) gemm_tile(t, type, rows, 4);
        break;
    case 2:
        if (gemm_fits(rows, 2)) gemm_tile(t, type, rows, 2);
        break;
    default:
        if (gemm_fits(rows, 1)) gemm_tile(t, type, rows, 1);
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
    case 13:
        gemm_tile_width(t, type, 13, width);
        break;
    case 14:
        gemm_tile_width(t, type, 14, width);
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
#ifdef V16_FLUSHES
__attribute__((noinline)) static void gemm_tile_dot_bf16(const gemm_tile_t *t, int rows, int width) {
    gemm_tile_rows(t, PACKED_DOT_BF16, rows, width);
}
#endif

typedef void gemm_run_t(const gemm_tile_t *t, int rows, int width);

/* How the rows of C are cut: into as few groups as tiles have room for, as equal as can be, unless the smallest would
 * have a tile of so few accumulators that a multiply-add waits for the one before. Then it has fewer rows, and so more
 * columns: 8 rows on AVX2 are 5 + 3, not 4 + 4. A group alone may have more rows, which saves a second pass over B; of
 * several such groups the rows of A would crowd each other out of the L1 cache. */
typedef struct {
    int64_t m, groups, last; // last: rows of the last group
} gemm_cut_t;

static gemm_cut_t gemm_cut(int64_t m, int64_t least) {
    int64_t groups = m > 0 && m <= V16_GEMM_ROWS_ALONE ? 1 : (m + V16_GEMM_ROWS - 1) / V16_GEMM_ROWS,
            last = groups > 0 ? m / groups : 0, fewer = last;
    while (fewer > 1 && fewer * gemm_width((int)fewer) < least) fewer--;
    return (gemm_cut_t){m, groups, m - fewer <= (groups - 1) * V16_GEMM_ROWS ? fewer : last};
}

/* First row of group g. */
static int64_t gemm_cut_row(gemm_cut_t cut, int64_t g) {
    if (g == cut.groups) return cut.m;
    return cut.groups > 1 ? (cut.m - cut.last) * g / (cut.groups - 1) : 0;
}

/* A product: its tiles of the first row and column, and what is common to all. */
typedef struct {
    gemm_run_t *run;
    int64_t bytes; // of a number of B
    int64_t least; // accumulators that a tile needs to be fast; 0: any
    gemm_tile_t first;
    gemm_cut_t cut;
    int64_t n, chunk; // columns; how many of them all rows go through before the next
    int64_t ahead;    // numbers of B from one that is used to one that is fetched; 0: chosen
} gemm_work_t;

/* What a tile fetches while it works. The only group of rows fetches what it will itself use soon. Of several groups
 * all but the first find B in the cache, and so may the first: while the groups go through a chunk, each fetches its
 * share of the next one, evenly, so that the memory is at work all the time. Which counts where B is in no cache, and
 * costs nothing where it is. With more groups than GEMM_SHARERS the next chunk has time enough. What follows B's end is
 * fetched like it: in a model's packed weights that is the next matrix. */
static void gemm_fetch(const gemm_work_t *w, gemm_tile_t *t, int width, int64_t g) {
    const int64_t groups = w->cut.groups, step = GEMM_PANEL * w->bytes;
    const int64_t near = GEMM_AHEAD / (width > 2 ? width / 2 : 1); // in each panel
    t->fetch = (const char *)t->b + (w->ahead ? w->ahead * w->bytes : near);
    t->fetch_step = step;
    if (w->ahead || groups == 1 || groups > GEMM_SHARERS || w->n <= w->chunk) return;
    t->fetch = (const char *)t->b + w->chunk / GEMM_PANEL * t->panel * w->bytes + t->k * g / groups * step;
    t->fetch_step = (step + groups - 1) / groups;
}

/* Columns [first, last) of C for the rows of group g. */
static void gemm_row_group(const gemm_work_t *w, int64_t first, int64_t last, int64_t g) {
    int64_t row = gemm_cut_row(w->cut, g);
    int rows = (int)(gemm_cut_row(w->cut, g + 1) - row);
    while (first < last) {
        int width = gemm_width(rows);
        int64_t there = (last - first + GEMM_PANEL - 1) / GEMM_PANEL * GEMM_PANEL; // B ends with the last panel
        while (width > 2 && width * 16 > there) width /= 2;
        if (width == 2 && last - first <= 16) width = 1;
        if (first % GEMM_PANEL) width = 1; // the second half of a panel
        gemm_tile_t t = w->first;
        t.a += row * t.a_row;
        t.b = (const char *)t.b + (first / GEMM_PANEL * t.panel + first % GEMM_PANEL) * w->bytes;
        t.bias = t.bias ? t.bias + first : NULL;
        t.c += row * t.ldc + first;
        t.columns = last - first;
        gemm_fetch(w, &t, width, g);
        w->run(&t, rows, width);
        first += width * 16;
    }
}

/* All of C, (m, n). */
static void gemm_rows(gemm_work_t w, int64_t m, int64_t n) {
    w.cut = gemm_cut(m, w.least);
    w.n = n;
    w.chunk = w.cut.groups > 1 ? GEMM_PANEL : n;
    if (w.cut.groups > GEMM_SHARERS && w.first.k > 0 && w.first.k < GEMM_CHUNK) w.chunk *= GEMM_CHUNK / w.first.k;
    for (int64_t first = 0; first < n; first += w.chunk)
        for (int64_t g = 0; g < w.cut.groups; g++)
            gemm_row_group(&w, first, n - first < w.chunk ? n : first + w.chunk, g);
}

/* All types but PACKED_DOT_BF16. */
static void simd_gemm_chains(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col,
                             packed_t packed, const float *bias, int accumulate, float *c, int64_t ldc) {
    gemm_run_t *run = packed.type == PACKED_F32    ? gemm_tile_f32
                      : packed.type == PACKED_BF16 ? gemm_tile_bf16
                                                   : gemm_tile_f16;
    gemm_tile_t first = {.k = k,
                         .a = a,
                         .a_row = a_row,
                         .a_col = a_col,
                         .b = packed.data,
                         .panel = k * GEMM_PANEL,
                         .bias = bias,
                         .accumulate = accumulate,
                         .c = c,
                         .ldc = ldc};
    gemm_rows((gemm_work_t){.run = run, .bytes = gemm_bytes(packed.type), .least = V16_GEMM_LEAST, .first = first}, m,
              n);
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
