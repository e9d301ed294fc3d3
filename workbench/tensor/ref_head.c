/* Reference of the output head: the statistics of a distribution over the vocabulary, from a stored row of logits or
 * straight from the hidden state, and the cross-entropy. What the kernels of simd_head.h reproduce bit for bit.
 *
 * The vocabulary is cut into blocks of HEAD_BLOCK tokens from token 0 on. Of each block we take the max m_b and
 *     s_b = sum exp(x - m_b)         16 lanes, by token id
 * and the blocks are joined in order, (M, S) being the max and the sum so far:
 *     m_b > M:  S = fmaf(S, exp(M - m_b), s_b), M = m_b       else  S = fmaf(s_b, exp(m_b - M), S)
 *     lse = M + log S
 * A logit of -inf is a token of probability 0. In a block of nothing but those, s_b = sum exp(x), which is 0 (or NaN,
 * when there is one among them, so that no NaN is lost), and S = S + s_b. */
#include "tensor/kernels.h"
#include "tensor/math.h"
#include <math.h>

int64_t head_scratch(int64_t m) {
    return (m < HEAD_ROWS ? m : HEAD_ROWS) * HEAD_BLOCK;
}

/* Before the first block. The statistic itself holds the running state: lse the sum S, margin the second largest
 * logit, logit_max the largest. */
void ref_head_begin(float logit_target, head_stat_t *stat) {
    *stat = (head_stat_t){.logit_max = -INFINITY, .logit_target = logit_target, .margin = -INFINITY};
}

/* s_b joins S: the sum with the smaller max is scaled. */
void ref_head_join(float block_max, float block_sum, head_stat_t *stat) {
    float max = stat->logit_max, sum = stat->lse;
    if (block_max == -INFINITY) {
        stat->lse = sum + block_sum;
        return;
    }
    int above = block_max > max;
    float scale = math_exp(above ? max - block_max : block_max - max);
    stat->lse = fmaf(above ? sum : block_sum, scale, above ? block_sum : sum);
}

/* Tokens first .. first + n - 1. */
static void block(int64_t n, const float *x, int64_t first, int32_t target, head_stat_t *stat) {
    float max = -INFINITY, lane[TENSOR_LANES] = {0};
    for (int64_t i = 0; i < n; i++) max = x[i] > max ? x[i] : max;
    float shift = max == -INFINITY ? 0.0f : max;
    for (int64_t i = 0; i < n; i++) lane[i % TENSOR_LANES] += math_exp(x[i] - shift);
    ref_head_join(max, ref_fold(lane), stat);
    for (int64_t i = 0; i < n; i++) {
        int64_t id = first + i;
        if (x[i] > stat->logit_max) {
            stat->margin = stat->logit_max;
            stat->argmax = (int32_t)id, stat->logit_max = x[i];
        } else if (x[i] > stat->margin) {
            stat->margin = x[i];
        }
        if (target >= 0) stat->rank += x[i] > stat->logit_target || (x[i] == stat->logit_target && id < target);
    }
}

/* After the last block: 0 is added to the margin so that equal logits give +0 whatever the signs of their zeros. */
void ref_head_end(int32_t target, head_stat_t *stat) {
    if (target < 0) stat->logit_target = stat->logit_max;
    float other = target < 0 || target == stat->argmax ? stat->margin : stat->logit_max;
    stat->margin = stat->logit_target - other + 0.0f;
    stat->lse = stat->logit_max + math_log(stat->lse);
}

void ref_head_row(int64_t vocab, const float *logits, int32_t target, head_stat_t *stat) {
    ref_head_begin(target >= 0 ? logits[target] : 0.0f, stat);
    for (int64_t first = 0; first < vocab; first += HEAD_BLOCK)
        block(vocab - first < HEAD_BLOCK ? vocab - first : HEAD_BLOCK, logits + first, first, target, stat);
    ref_head_end(target, stat);
}

void ref_head(int64_t m, int64_t d, int64_t vocab, const float *h, int64_t ldh, packed_t w, const int32_t *target,
              head_stat_t *stat, float *scratch) {
    for (int64_t r = 0; r < m; r++, h += ldh) {
        ref_head_begin(target[r] >= 0 ? ref_dot(d, h, 1, w, target[r]) : 0.0f, &stat[r]);
        for (int64_t first = 0; first < vocab; first += HEAD_BLOCK) {
            int64_t n = vocab - first < HEAD_BLOCK ? vocab - first : HEAD_BLOCK;
            for (int64_t i = 0; i < n; i++) scratch[i] = ref_dot(d, h, 1, w, first + i);
            block(n, scratch, first, target[r], &stat[r]);
        }
        ref_head_end(target[r], &stat[r]);
    }
}

/* d loss / d x = scale (exp(x - lse) - [x is the target]). */
void ref_xent_grad(int64_t m, int64_t vocab, float *logits, const int32_t *target, float scale, float *loss) {
    for (int64_t r = 0; r < m; r++, logits += vocab) {
        head_stat_t stat = {.lse = 0};
        if (target[r] >= 0) ref_head_row(vocab, logits, target[r], &stat);
        loss[r] = stat.lse - stat.logit_target;
        for (int64_t i = 0; i < vocab; i++) {
            float p = math_exp(logits[i] - stat.lse);
            logits[i] = target[r] < 0 ? 0.0f : scale * (i == target[r] ? p - 1.0f : p);
        }
    }
}
